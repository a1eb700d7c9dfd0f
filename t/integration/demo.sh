#!/bin/bash
# demo: the main job before your eyes, for etc/setup demo. Every claim is one that openssl,
# kamcmd or open connections have confirmed.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
connections=200

say() {
	printf '\n== %s\n' "$*"
}

# show ARGUMENT...: runs kamcert as an operator would, and shows what it says.
show() {
	local want=$1
	shift
	echo "\$ kamcert $*"
	run "$want" "$@"
	grep -v '^role=' "$out" | sed 's/^/    /' || :	# the log has its own place
	echo "    exit code $want after $took_ms ms"
}

say "A certificate authority (Pebble) and a configuration of ten lines"
start_pebble
prepare_kamailio
write_conf "$name" example.org
sed 's/^/    /' "$conf"

say "The first certificate"
show 0 -v renew --no-hooks
equal 1 "$(version "$name")" "active version"
ok "installed for $name, example.org: $(installed "$name")"

say "A real Kamailio that reads it"
serve_from "$state/certs/$name/current"
start_kamailio
rpc core.version | sed 's/^/    /'
show 0 reload
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "openssl sees it at $addr:$sips_port"

say "Nothing is due: nothing is done"
show 0 renew
[ ! -s "$out" ] || fail "kamcert printed something"
ok "nothing printed, $took_ms ms"

say "Renewed under $connections open TLS connections"
before=$(served "$name")
start_hold "$connections"
show 0 -v renew --force
after=$(served "$name")
equal "$(installed "$name")" "$after" "certificate served"
[ "$after" != "$before" ] || fail "the certificate did not change"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "new connections get the new certificate; all $connections old ones still carry SIP"

say "A deployment that cannot work: tls.cfg names the old version, not the current one"
good=$(version "$name")
serve_from "$state/certs/$name/versions/$good"
show 13 -v renew --force
equal "$good" "$(version "$name")" "active version"
equal "$after" "$(served "$name")" "certificate served"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "rolled back by itself to version $good, which openssl sees; $connections connections live"

say "The mistake mended, it converges"
serve_from "$state/certs/$name/current"
show 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "a new version is served"
show 0 status
echo
