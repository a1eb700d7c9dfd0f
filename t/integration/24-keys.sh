#!/bin/bash
# Keys that stay, keys that are made ahead, and an operator's own request.
. "$(dirname "$0")/lib.sh"

# section NAME OPTION...
section() {
	local name=$1
	shift
	{
		printf 'certificate "%s" {\n' "$name"
		printf '    %s\n' "$@" "challenge \"http-01\" { listen = \"$addr:$http_port\" }" \
		    'hook "program" { command = { "/bin/true" } }'
		echo '}'
	} >>"$conf"
}

# public NAME [FILE]: the public key of what is installed; spki: its SHA-256.
public() {
	openssl x509 -in "$state/certs/$1/current/${2-cert.pem}" -noout -pubkey
}
spki() {
	public "$1" | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1
}

start_pebble

# ---- a key that stays, and one that is made ahead ---------------------------------------------

write_ca
section same.example.org 'reuse-key = true'
section dane.example.org 'next-key = true'
run 0 renew
before=$(public same.example.org)
serial=$(openssl x509 -in "$state/certs/same.example.org/current/cert.pem" -noout -serial)
run 0 status dane.example.org
says "TLSA 3 1 1 $(spki dane.example.org)$"
next=$(sed -n 's/.*TLSA 3 1 1 \(.*\) (next key)/\1/p' "$out")
equal 64 "${#next}" "digits of the next key's digest"
equal 600 "$(stat -c %a "$state/certs/dane.example.org/next/ecdsa.pem")" "mode of the next key"
equal 700 "$(stat -c %a "$state/certs/dane.example.org/next")" "mode of its folder"
run 0 renew --force
equal "$before" "$(public same.example.org)" "key that is reused"
[ "$serial" != "$(openssl x509 -in "$state/certs/same.example.org/current/cert.pem" -noout -serial)" ] ||
    fail "it is the same certificate"
ok "reuse-key: another certificate for the same key"
equal "$next" "$(spki dane.example.org)" "digest of the key in service"
run 0 --json status dane.example.org
says "\"tlsa\":\"3 1 1 $next\",\"next_tlsa\":\"3 1 1 [0-9a-f]{64}\""
! grep -q "\"next_tlsa\":\"3 1 1 $next\"" "$out" || fail "the next key is the one in service"
ok "next-key: what was published for the next key is in service after a renewal"

# ---- a request ---------------------------------------------------------------------------------

for name in own.example.org blind.example.org; do
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -subj "/CN=$name" \
	    -addext "subjectAltName=DNS:$name,DNS:www.$name" -keyout "$work/$name.key" \
	    -out "$work/$name.csr" 2>/dev/null
	chmod 600 "$work/$name.key"
done
write_ca
section own.example.org 'names = { "own.example.org", "www.own.example.org" }' \
    "csr = \"$work/own.example.org.csr\"" "private-key = \"$work/own.example.org.key\""
section blind.example.org 'names = { "www.blind.example.org", "blind.example.org" }' \
    "csr = \"$work/blind.example.org.csr\""
run 0 renew
for name in own.example.org blind.example.org; do
	equal "$(openssl req -in "$work/$name.csr" -noout -pubkey)" "$(public "$name")" "public key of $name"
done
equal "$(public own.example.org)" \
    "$(openssl pkey -in "$state/certs/own.example.org/current/privkey.pem" -pubout)" "key that is installed"
equal "cert.pem chain.pem fullchain.pem manifest.json" \
    "$(cd "$state/certs/blind.example.org/current/" && echo *)" "files without a key"
run 0 renew
equal "" "$(cat "$out")" "output when nothing is due"
run 0 renew --force blind.example.org
equal versions/2 "$(readlink "$state/certs/blind.example.org/current")" "current"
run 0 --json status blind.example.org
says '"key":"ecdsa-p384"'
ok "csr: the request is sent as it is, with and without its key"

write_ca
section own.example.org "csr = \"$work/own.example.org.csr\""
run 1 check
says 'csr: FINDING.*have www.own.example.org, which the configuration does not name'
run 11 renew
says 'have www.own.example.org, which the configuration does not name'
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=staple.example.org \
    -addext tlsfeature=status_request -keyout "$work/staple.key" -out "$work/staple.csr" 2>/dev/null
write_ca
section staple.example.org "csr = \"$work/staple.csr\""
run 11 renew
says 'HOLD.*must-staple'
write_ca
section own.example.org 'names = { "own.example.org", "www.own.example.org" }' \
    "csr = \"$work/own.example.org.csr\"" "private-key = \"$work/blind.example.org.key\""
run 11 renew --force
says 'not the key of the request'
equal versions/1 "$(readlink "$state/certs/own.example.org/current")" "current"
ok "csr: other names, must-staple and another key are refused, and cost the CA nothing"
