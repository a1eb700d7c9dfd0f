#!/bin/bash
# lego: account, certificates by http-01, tls-alpn-01 and dns-01, renewal, revocation.
. "$(dirname "$0")/../integration/lib.sh"

need lego pebble-challtestsrv
free_port; dns_port=$port
free_port; dns_control=$port
# lego asks a name server itself before it lets the CA ask.
start_test_dns dns "$addr:$dns_port" -management "$addr:$dns_control" -defaultIPv4 "$addr" -defaultIPv6 ''
until_ok 10 "the test DNS answers" answers "$dns_port"
start_responder --dns "$addr:$dns_port" --eab key-1=c2VjcmV0LXNlY3JldC1zZWNyZXQ
export LEGO_CA_CERTIFICATES=$work/server.pem

lego_run() {
	timeout -k 5 120 lego --server "$directory" --email a@example.org --accept-tos \
	    --path "$work/lego" "$@" >"$out" 2>&1 || fail "lego $*"
}

# good NAME: the chain that lego stored is from this CA.
good() {
	openssl verify -CAfile "$work/roots.pem" -untrusted "$work/lego/certificates/$1.issuer.crt" \
	    "$work/lego/certificates/$1.crt" >/dev/null || fail "openssl rejects the chain of $1"
}

http=(--http --http.port "$addr:$http_port")
lego_run --domains a.example.org --domains b.example.org "${http[@]}" run
good a.example.org
ok "http-01: account and certificate for two names"

lego_run --domains alpn.example.org --tls --tls.port "$addr:$tls_port" run
good alpn.example.org
ok "tls-alpn-01"

cat >"$work/dns-hook" <<-END
	#!/bin/sh
	case \$1 in
	present) body="{\"host\":\"\$2\",\"value\":\"\$3\"}" path=set-txt ;;
	cleanup) body="{\"host\":\"\$2\"}" path=clear-txt ;;
	*) exit 0 ;;
	esac
	curl -fsS -d "\$body" "http://$addr:$dns_control/\$path"
END
chmod 755 "$work/dns-hook"
EXEC_SEQUENCE_INTERVAL=1 EXEC_PATH=$work/dns-hook lego_run --domains '*.wild.example.org' --domains wild.example.org \
    --dns exec --dns.resolvers "$addr:$dns_port" --dns.disable-cp run
good _.wild.example.org
ok "dns-01: a wildcard and its parent"

# add_caa NAME ISSUER: a record in the DNS.
add_caa() {
	curl -fsS -d "{\"host\":\"$1.\",\"policies\":[{\"tag\":\"issue\",\"value\":\"$2\"}]}" \
	    "http://$addr:$dns_control/add-caa"
}
add_caa caa.example.org other.example
! lego --server "$directory" --email a@example.org --accept-tos --path "$work/lego" \
    --domains sub.caa.example.org "${http[@]}" run >"$out" 2>&1 || fail "issued in spite of CAA"
grep -q 'error:caa' "$out" || fail "not refused by CAA"
add_caa ours.example.org ca.kamcert.test
lego_run --domains sub.ours.example.org "${http[@]}" run
ok "CAA out of the DNS: of another CA, and of this one"

for type in rsa2048 rsa4096 ec384; do
	lego_run --key-type "$type" --domains "$type.example.org" "${http[@]}" run
	good "$type.example.org"
done
ok "keys of RSA 2048, RSA 4096 and P-384"

before=$(openssl x509 -in "$work/lego/certificates/a.example.org.crt" -noout -serial)
lego_run --domains a.example.org --domains b.example.org "${http[@]}" renew --days 100 \
    --no-random-sleep
good a.example.org
[ "$before" != "$(openssl x509 -in "$work/lego/certificates/a.example.org.crt" -noout -serial)" ] ||
    fail "lego did not renew"
ok "renewed"

openssl x509 -in "$work/lego/certificates/alpn.example.org.crt" -noout -serial >"$work/serial"
openssl x509 -in "$work/lego/certificates/alpn.example.org.crt" -noout -ext crlDistributionPoints |
    sed -n 's/ *URI://p' >"$work/crl-url"
lego_run --domains alpn.example.org revoke
curl -fsS --cacert "$work/server.pem" -o "$work/crl" "$(cat "$work/crl-url")"
openssl crl -inform DER -in "$work/crl" -noout -text |
    grep -q "$(sed 's/serial=//' "$work/serial")" || fail "the CRL does not name what was revoked"
ok "revoked, and in the CRL that the certificate names"

# Refused nonces, slow orders and alternate chains are everyday life.
rm -rf "$work/lego"
stop "$responder_pid"
start_responder --dns "$addr:$dns_port" --nonce-reject 10 --processing-delay 1500 \
    --eab key-1=c2VjcmV0LXNlY3JldC1zZWNyZXQ --eab-required --chain-length 3
http=(--http --http.port "$addr:$http_port")
lego_run --eab --kid key-1 --hmac c2VjcmV0LXNlY3JldC1zZWNyZXQ --domains c.example.org \
    "${http[@]}" run --preferred-chain "kamcert test old root 1"
grep -c BEGIN "$work/lego/certificates/c.example.org.crt" | grep -qx 4 ||
    fail "lego did not take the alternate chain"
good c.example.org
ok "external account binding, 10 % of nonces refused, processing orders, an alternate chain"
