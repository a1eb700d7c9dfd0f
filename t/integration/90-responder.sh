#!/bin/bash
# kamcert against our own CA: issue, renewal that names its predecessor, and the rows of FAULTS
# section 2 that it plays, each with its outcome, while what is installed stays as it is.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
start_responder --profile classic=90d
write_conf "$name" example.org
run 0 renew --no-hooks
openssl verify -CAfile "$work/roots.pem" -untrusted "$state/certs/$name/current/chain.pem" \
    "$state/certs/$name/current/cert.pem" >/dev/null || fail "openssl rejects the chain"
ok "issued, with http-01 validated"

run 0 renew --force --no-hooks
equal versions/2 "$(readlink "$state/certs/$name/current")" "current"
curl -fsS "$control/certs/0" | grep -q '"replaced":true' || fail "the order did not name its predecessor"
ok "renewed, and the first certificate is marked as replaced (RFC 9773)"

# fault CODE ROW RULE...: a forced renewal from a state folder of its own ends with this code,
# within a minute, and installs nothing unless the code is 0.
before=$state.before
cp -a "$state" "$before"
fault() {
	local code=$1 row=$2 want=versions/2 rc=0
	shift 2
	rm -rf "$state"
	cp -a "$before" "$state"
	faults "$@"
	run_any renew --force --no-hooks
	case ",$code," in
	*",$rc,"*) ;;
	*) fail "$row $*: want exit code $code, have $rc" ;;
	esac
	[ "$rc" != 0 ] || want=versions/3
	equal "$want" "$(readlink "$state/certs/$name/current")" "$row $*: current"
	[ "$took_ms" -lt 61000 ] || fail "$row $*: it took $took_ms ms"
	ok "$row $*: exit code $rc in $took_ms ms"
}

# As run, but any exit code will do; sets $rc.
run_any() {
	local begin
	begin=$(ms)
	rc=0
	timeout -k 5 180 "$kamcert" -c "$conf" "$@" >"$out" 2>&1 </dev/null || rc=$?
	took_ms=$(($(ms) - begin))
	cat "$out" >>"$work/kamcert.log"
}

while read -r code row rules; do
	# shellcheck disable=SC2086
	fault "$code" "$row" $rules
done <<-END
	0,10 A01 bad-nonce@5%
	10 A02 bad-nonce
	10 A03 no-nonce
	10 A04 same-nonce
	10 A05 rate-limited:/new-order
	10 A06 rate-limited-date:/new-order
	10 A06 rate-limited-date-850:/new-order
	10 A06 rate-limited-date-asctime:/new-order
	10 A07 retry-after-huge:/new-order
	10 A08 unavailable:/new-order
	10 A09 status-500:/new-order
	10 A09 status-502-body:/new-order
	10,11 A10 json-cut:/new-order
	10,11 A10 json-trailing:/new-order
	10,11 A10 json-duplicate:/order
	10 A11 html:/new-order
	0 A11 type-parameters:/new-order
	11 A12 shape-number:/new-order
	0 A12 json-unknown
	10,11 A13 json-nested:/new-order
	10,11 A13 json-tiny:/new-order
	10,11 A14 huge-length:/new-order
	10,11 A14 endless-body:/new-order
	10,11 A14 endless-headers:/new-order
	10,11 A14 endless-1xx:/new-order
	10,11 A14 bomb:/new-order
	10 A15 stall-handshake
	10 A15 stall-body:/new-order
	10 A15 drip:/new-order
	10 A16 reset-connect
	10 A16 reset-in-hello
	10 A16 reset-in-certificate
	10 A16 reset-handshake
	10 A16 reset-header:/new-order
	10 A16 short-body:/cert
	10 A16 garbage:/new-order
	10,11 A17 redirect-loop:/new-order
	10,11 A17 redirect-http:/new-order
	11 A18 url-http:/new-order
	11 A18 url-file:/new-order
	11 A18 url-data:/dir
	11 A19 url-host:/new-order
	10 A20 cert-expired
	10 A20 cert-name
	10 A20 cert-foreign
	10 A20 cert-weak
	10 A20 tls-1.1
	12 A22 leaf-other-key
	12 A23 chain-no-leaf
	0 A23 chain-with-root
	12 A24 chain-no-intermediate
	12 A25 leaf-expired
	12 A25 leaf-future
	12 A26 leaf-name-missing
	12 A26 leaf-wildcard
	12 A27 leaf-ca
	12 A27 leaf-no-server-auth
	12 A27 leaf-sha1
	12 A27 leaf-weak-key
	12 A27 leaf-critical
	12 A28 chain-html
	12 A28 chain-empty
	12 A29 leaf-same-again
	11 A32 order-invalid
	10,11 A33 authz-invalid
	11 A34 challenges-unknown
	11 A35 token-dots
	11 A35 token-shell
	11 A35 token-10k
	11 A36 bad-csr:/finalize
	11 A37 account-unknown
	11 A38 terms-changed
	0 A41 alternates-loop
	0 A41 alternates-1000
	0 A43 already-replaced@1:/new-order
	11 A44 rejected:/new-order
	10,11 A45 problem-escapes:/new-order
	0 A46 order-names-changed
	10 TLS tls-bad-finished
	10 TLS tls-bad-certificate-verify
	10 TLS tls-bad-mac
	10 TLS tls-oversized
	10 TLS tls-truncated
	10 TLS tls-no-finished
	10 TLS tls-unexpected-at-finished
	10 TLS tls-unoffered-extension
	10 TLS tls-retry-always
	10 TLS tls-1.2
	0 TLS tls-downgrade
	0 TLS tls-fragments
	0,10 TLS tls-key-update-flood
	0,10 TLS tls-ticket-flood
	0,10 TLS tls-warning-flood
	0,10 TLS tls-empty-flood
	10 TLS tls-fatal-alert
END
faults
run 0 renew --force --no-hooks
ok "with the faults gone, it renews"
