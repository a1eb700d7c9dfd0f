#!/bin/bash
# kill -9 of every process of a renewal, at moments spread over its whole length: the active set
# is always one complete version (FAULTS V1), and one run converges (V4).
. "$(dirname "$0")/lib.sh"

name=sip.example.org
moments=24
start_pebble
prepare_kamailio
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
run 0 renew --force
length=$took_ms

# complete: key, leaf and chain of the active version belong together, and openssl accepts them.
complete() {
	local dir=$state/certs/$name/current
	equal "$(openssl x509 -in "$dir/cert.pem" -noout -pubkey)" \
	    "$(openssl pkey -in "$dir/privkey.pem" -pubout)" "public key of the active version"
	openssl verify -CAfile "$work/roots.pem" -untrusted "$dir/chain.pem" "$dir/cert.pem" \
	    >/dev/null || fail "openssl rejects the active version"
	cat "$dir/cert.pem" "$dir/chain.pem" | cmp -s - "$dir/fullchain.pem" ||
	    fail "fullchain.pem is not cert.pem and chain.pem"
}

for ((i = 1; i <= moments; i++)); do
	setsid "$kamcert" -c "$conf" renew --force >"$out" 2>&1 </dev/null &
	victim=$!
	after=$((length * i / moments))
	read -r -t "$((after / 1000)).$(printf %03d $((after % 1000)))" <>"$work/never" || :
	kill -KILL -- "-$victim" 2>/dev/null || :
	wait "$victim" 2>/dev/null || :
	until_ok 10 "the killed run is gone" gone "$victim"
	complete
done
ok "V1: killed at $moments moments of $length ms, the active version was complete each time"

run 0 renew
complete
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "V4: the next run converges, and what is active is served"
equal "" "$(find "$state" -name '*.tmp*' -o -name '.*' ! -name .)" "leftovers"
run 0 renew
equal "" "$(cat "$out")" "output of a second run"
ok "nothing is left over, nothing is due"
