#!/bin/bash
# A pair of keys as one certificate: a Kamailio whose profiles hold one each, and a server that holds both.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
current=$state/certs/$name/current

# profile PORT SUFFIX: of the tests' tls.cfg, for one part of the pair.
profile() {
	printf '%s\n' "[server:$addr:$1]" 'method = TLSv1.2+' "certificate = $current/fullchain$2.pem" \
	    "private_key = $current/privkey$2.pem" 'verify_certificate = no'
}

# kind PORT: the type of key of the leaf that is served there.
kind() {
	timeout 20 openssl s_client -connect "$addr:$1" </dev/null 2>/dev/null |
	    openssl x509 -noout -text | sed -n 's/ *Public Key Algorithm: //p'
}

# leaf SUFFIX, seen PORT [OPTION...]: digests of what is installed and of what is served.
leaf() {
	openssl x509 -in "$current/cert$1.pem" -noout -fingerprint -sha256
}
seen() {
	local port=$1
	shift
	timeout 20 openssl s_client -connect "$addr:$port" "$@" </dev/null 2>/dev/null |
	    openssl x509 -noout -fingerprint -sha256
}

# section KEYS HOOK: the certificate.
section() {
	write_ca
	cat >>"$conf" <<-END
	certificate "$name" {
	    key = { $1 }
	    challenge "http-01" { listen = "$addr:$http_port" }
	    $2
	}
	END
}

start_pebble
prepare_kamailio
free_port; rsa_port=$port
sed -i "/^listen=tls:/a listen=tls:$addr:$rsa_port" "$kam/kamailio.cfg"
kamailio="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\"
    verify = { \"sips:$addr:$sips_port\", \"sips:$addr:$rsa_port\" } }"
section '"ecdsa-p256", "rsa-2048"' "$kamailio"

run 0 renew --no-hooks
for suffix in '' -rsa; do
	openssl verify -CAfile "$work/roots.pem" -untrusted "$current/chain$suffix.pem" \
	    "$current/cert$suffix.pem" >/dev/null || fail "openssl rejects the chain$suffix"
	equal "$(openssl x509 -in "$current/cert$suffix.pem" -noout -pubkey)" \
	    "$(openssl pkey -in "$current/privkey$suffix.pem" -pubout)" "public key$suffix"
done
equal versions/1 "$(readlink "$current")" "current"
equal "" "$(find "$state" -name 'privkey*' -perm /037)" "keys that others can read"
ok "one version has both sets of files"

{ profile "$sips_port" ''; profile "$rsa_port" -rsa; } >"$kam/tls.cfg"
printf '%s\n' '[server:default]' 'method = TLSv1.2+' "certificate = $current/fullchain.pem" \
    "private_key = $current/privkey.pem" '[client:default]' 'method = TLSv1.2+' >>"$kam/tls.cfg"
start_kamailio
run 0 reload
run 0 renew --force
equal "$(leaf '')" "$(seen "$sips_port")" "leaf of the first listener"
equal "$(leaf -rsa)" "$(seen "$rsa_port")" "leaf of the second listener"
equal versions/2 "$(readlink "$current")" "current"
says 'proven to be served$'
run 0 --json status
says '"leaves":\[\{"key":"ecdsa-p256".*"key":"rsa-2048"'
ok "profiles with one key each are both renewed, and both proven"

run 0 renew
equal "" "$(cat "$out")" "what a run with nothing due says"
mv "$state/certs/$name/versions/2/privkey-rsa.pem" "$work/away"
run 14 renew
says 'privkey-rsa.pem'
mv "$work/away" "$state/certs/$name/versions/2/privkey-rsa.pem"
run 0 renew
ok "a second key that is lost is noticed by the next run"

# Kamailio's second profile names a file that never changes: an old leaf is an old leaf.
cp -L "$current/fullchain-rsa.pem" "$work/old.pem"
cp -L "$current/privkey-rsa.pem" "$work/old.key"
chmod 644 "$work/old.key"
sed -i "s|$current/fullchain-rsa.pem|$work/old.pem|; s|$current/privkey-rsa.pem|$work/old.key|" \
    "$kam/tls.cfg"
sed -i 's/settle = .*//; s/hook "kamailio" {/& settle = "1s"/' "$conf"
run 13 renew --force
equal versions/2 "$(readlink "$current")" "current"
ok "a second leaf that is not renewed leads back, for both"
stop "$kam_pid"

# ---- a server that holds both ----------------------------------------------------------------

free_port; both_port=$port
# openssl's server has no reload: it is ended, and begins anew.
cat >"$work/serve" <<END
#!/bin/bash
while :; do
	second="-dcert $current/cert-rsa.pem -dkey $current/privkey-rsa.pem -dcert_chain $current/chain-rsa.pem"
	[ ! -e "$work/only-first" ] || second=
	openssl s_server -accept $addr:$both_port -quiet -cert $current/cert.pem -key $current/privkey.pem \\
	    -cert_chain $current/chain.pem \$second </dev/null &
	echo \$! >"$work/server.pid"
	wait \$!
done
END
cat >"$work/restart" <<END
#!/bin/sh
kill "\$(cat "$work/server.pid")"
END
chmod 755 "$work/serve" "$work/restart"
start server "$(id -un)" "$work/serve"
server_pid=$pid
until_ok 10 "openssl serves" answers "$both_port"
program="hook \"program\" { command = { \"$work/restart\" } verify = { \"tls:$addr:$both_port\" } settle = \"10s\" }"
section '"ecdsa-p256", "rsa-2048"' "$program"
run 0 renew --force
says 'proven to be served$'
for version in -tls1_2 -tls1_3; do
	equal "$(leaf '')" "$(seen "$both_port" $version -sigalgs ECDSA+SHA256)" "ECDSA leaf, $version"
	equal "$(leaf -rsa)" "$(seen "$both_port" $version -sigalgs RSA+SHA256:RSA-PSS+SHA256)" \
	    "RSA leaf, $version"
done
ok "a server with both gives each client its own, and both are proven"

touch "$work/only-first"
run 0 renew --force
says 'but for the rsa one, which no listener has'
run 1 check
says 'no listener serves the rsa certificate'
ok "a server with the first one alone is told, and is no failure"

section '"rsa-2048"' "$program"
run 0 renew
[ ! -e "$current/privkey-rsa.pem" ] || fail "the second set is still there"
equal rsaEncryption "$(kind "$both_port")" "key that is served"
stop "$server_pid"
ok "another list of keys is another certificate"

# ---- the other kinds of keys ----------------------------------------------------------------

write_ca
for key in ecdsa-p384 rsa-3072 rsa-4096; do
	cat >>"$conf" <<-END
	certificate "$key.example.org" {
	    key = { "$key" }
	    challenge "http-01" { listen = "$addr:$http_port" }
	    hook "program" { command = { "/bin/true" } }
	}
	END
done
run 0 renew
for key in ecdsa-p384 rsa-3072 rsa-4096; do
	openssl x509 -in "$state/certs/$key.example.org/current/cert.pem" -noout -text |
	    grep -q "Public-Key: (${key##*[-p]} bit)" || fail "another key than $key"
done
ok "P-384, RSA with 3072 and 4096 bits"
