#!/bin/bash
# demo: the main job before your eyes, for etc/setup demo. The CA is kamcert-responder, which
# misbehaves when told to. Every claim is one that openssl, kamcmd or open connections have
# confirmed; the script fails at the first that is not so.
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

# unchanged WHY: Kamailio still serves what it did, and nobody was hung up on.
unchanged() {
	equal "$after" "$(served "$name")" "certificate served"
	equal "$connections" "$(held)" "connections that still carry SIP"
	ok "$1"
}

say "A test CA (kamcert-responder, on loopback) and a configuration of ten lines"
start_responder --profile classic=90d
prepare_kamailio
write_conf "$name" example.org
sed 's/^/    /' "$conf"

say "The first certificate"
show 0 -v renew --no-hooks
equal 1 "$(version "$name")" "active version"
openssl verify -CAfile "$work/roots.pem" -untrusted "$state/certs/$name/current/chain.pem" \
    "$state/certs/$name/current/cert.pem" >/dev/null || fail "openssl rejects the chain"
ok "the CA has validated $name and example.org over HTTP; openssl accepts the chain"

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

say "The CA sends a certificate for somebody else's key"
faults leaf-other-key
show 12 renew --force
unchanged "refused before anything was touched: exit code 12"
faults

say "A mistake of the operator: tls.cfg names the old version, not the current one"
good=$(version "$name")
serve_from "$state/certs/$name/versions/$good"
echo "(kamcert asks for 15 seconds before it gives up)"
show 13 -v renew --force
equal "$good" "$(version "$name")" "active version"
unchanged "rolled back by itself to version $good, which openssl sees; $connections connections live"

say "The mistake mended, it converges"
serve_from "$state/certs/$name/current"
show 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "a new version is served"

say "The CA wants to be left alone for an hour (HTTP 429, Retry-After)"
after=$(served "$name")
faults rate-limited:/new-order
show 10 renew --force
show 10 renew --force
unchanged "the second run did not even ask, and would not before the hour is over: exit code 10"
show 1 status
echo
