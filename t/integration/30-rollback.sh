#!/bin/bash
# A Kamailio that still serves the old certificate, refuses, hangs or is absent. The old one
# stays or comes back, and that is proven.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
prepare_kamailio
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
good=$(served "$name")

# still_good: the first version is active on disk and in handshakes.
still_good() {
	equal 1 "$(version "$name")" "active version"
	equal "$good" "$(served "$name")" "certificate served"
}

serve_from "$state/certs/$name/versions/1"
run 13 renew --force
still_good
says "$addr:$sips_port"
run 1 status
says "^    ! verify: sips:$addr:$sips_port"
ok "K07: Ok, but the old certificate is served: rolled back, the listener is named"

serve_from "$state/certs/$name/current"
cat >>"$kam/tls.cfg" <<-END
	[server:$addr:1]
	certificate = $state/certs/$name/current/fullchain.pem
	private_key = $state/certs/$name/current/privkey.pem
END
run 13 renew --force
still_good
ok "K04: a refused reload (a profile for an address without a listener): rolled back"

rpc tls.reload >"$work/reload" || fail "kamcmd tells a fault by its exit code"
grep -q '^error: 500' "$work/reload" || fail "Kamailio loads it"
ok "K16: kamcmd's exit code is 0 all the same: kamcert has asked by itself"

# A section that this process remembers for good.
printf '[server:any]\nmethod = TLSv1.2+\n' >"$kam/tls.cfg"
rpc tls.reload >/dev/null
serve_from "$state/certs/$name/current"
poisoned() {
	grep -c 'duplicate definition' "$work/kamailio.log" || :
}
before=$(poisoned)
run 13 renew --force
still_good
says 'the process needs a restart'
equal "$((before + 2))" "$(poisoned)" "reloads that were tried"
ok "K19: a parser that an earlier tls.cfg has poisoned: one repetition, rolled back, a restart is asked for"

stop "$kam_pid"
sed -e '/"tls/d' -e '/^enable_tls/d' -e '/^tls_max/d' -e '/^listen=tls/d' \
    "$kam/kamailio.cfg" >"$kam/without.cfg"
start kamailio "$kam_user" kamailio -f "$kam/without.cfg" -DD -E -x fm -Y "$kam/run" \
    -P "$kam/run/pid" -w "$kam/run"
until_ok 20 "a Kamailio without TLS answers" kamailio_answers
run 11 renew --force
equal 1 "$(version "$name")" "active version"
says 'no command tls.reload'
stop "$pid"
ok "K06: a Kamailio without its module tls: nothing changed"

versions=$(ls "$state/certs/$name/versions")
run 11 renew --force
equal 1 "$(version "$name")" "active version"
equal "$versions" "$(ls "$state/certs/$name/versions")" "versions"
says "$kam/run/ctl"
ok "K01: no Kamailio: nothing changed, the socket is named"

serve_from "$state/certs/$name/current"
start_kamailio
freeze_kamailio
run 10 renew --force
thaw_kamailio
[ "$took_ms" -lt 20000 ] || fail "a call of 10 s has taken $took_ms ms"
equal "$versions" "$(ls "$state/certs/$name/versions")" "versions"
still_good
ok "K02: a Kamailio that hangs before the install: nothing changed"

run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
[ "$good" != "$(served "$name")" ] || fail "nothing was renewed"
ok "V4: the faults gone, one run converges"

# Clients must show a certificate now, and kamcert has none: the handshake ends, and all was seen.
sed -i -e '0,/^verify_certificate/s/^verify_certificate.*/verify_certificate = yes/' \
    -e "0,/^require_certificate/s|^require_certificate.*|require_certificate = yes\nca_list = $work/roots.pem|" "$kam/tls.cfg"
run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
"$kamcert" -c "$conf" status --json | grep -q 'wants a client certificate' || fail "it is not told"
ok "K13: a server that demands client certificates: what it serves is read all the same"
