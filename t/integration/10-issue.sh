#!/bin/bash
# A first certificate, from an empty state folder to a handshake; then nothing is due.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
prepare_kamailio
write_conf "$name" example.org

run 0 renew --no-hooks
equal versions/1 "$(readlink "$state/certs/$name/current")" "current"
openssl verify -CAfile "$work/roots.pem" -untrusted "$state/certs/$name/current/chain.pem" \
    "$state/certs/$name/current/cert.pem" >/dev/null || fail "openssl rejects the chain"
for host in "$name" example.org; do
	openssl x509 -in "$state/certs/$name/current/cert.pem" -noout -checkhost "$host" |
	    grep -q 'does match' || fail "the leaf does not name $host"
done
ok "openssl accepts chain and names"

equal "$(openssl x509 -in "$state/certs/$name/current/cert.pem" -noout -pubkey)" \
    "$(openssl pkey -in "$state/certs/$name/current/privkey.pem" -pubout)" "public key"
equal "" "$(find "$state" \( -name privkey.pem -o -name combined.pem -o -name account.key \) \
    -perm /037)" "keys that others can read"
ok "key and leaf are a pair, and keys are closed to others"

serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "Kamailio serves it after reload"

find "$state" -printf '%p %T@ %i\n' | sort >"$work/before"
run 0 renew
equal "" "$(cat "$out")" "output when nothing is due"
find "$state" -printf '%p %T@ %i\n' | sort >"$work/after"
cmp "$work/before" "$work/after" || fail "a run with nothing due changed the state folder"
ok "nothing due: nothing printed, nothing written"

stop "$pebble_pid"
run 0 renew
run 0 status
says "$name"
run 0 --json status
ok "nothing due needs no CA"

run 10 renew --force
equal versions/1 "$(readlink "$state/certs/$name/current")" "current"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "a CA that is gone is RETRY, and changes nothing"
