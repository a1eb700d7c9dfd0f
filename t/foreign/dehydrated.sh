#!/bin/bash
# dehydrated: account, certificates by http-01, dns-01 and tls-alpn-01, renewal, revocation, another contact.
. "$(dirname "$0")/../integration/lib.sh"

need dehydrated busybox openssl
start_responder --profile classic=90d
export CURL_CA_BUNDLE=$work/server.pem

mkdir -p "$work/www/.well-known/acme-challenge" "$work/alpn" "$work/d"
cat >"$work/config" <<-END
	CA="$directory"
	BASEDIR="$work/d"
	WELLKNOWN="$work/www/.well-known/acme-challenge"
	ALPNCERTDIR="$work/alpn"
	CONTACT_EMAIL=a@example.org
	HOOK="$work/hook"
	KEY_ALGO=prime256v1
	KEYSIZE=2048
	ACCOUNT_KEYSIZE=2048
END
cat >"$work/hook" <<-END
	#!/bin/sh
	case \$1-\$DNS in
	deploy_challenge-yes) curl -fsS --data-binary "_acme-challenge.\$2=\$4" "$control/txt" ;;
	clean_challenge-yes) curl -fsS --data-binary "_acme-challenge.\$2=" "$control/txt" ;;
	esac
END
chmod 755 "$work/hook"
export DNS=no

dehydrated_run() {
	timeout -k 5 120 dehydrated -f "$work/config" "$@" >"$out" 2>&1 || fail "dehydrated $*"
}

good() {
	openssl verify -CAfile "$work/roots.pem" -untrusted "$work/d/certs/$1/chain.pem" \
	    "$work/d/certs/$1/cert.pem" >/dev/null || fail "openssl rejects the chain of $1"
}

dehydrated_run --register --accept-terms
ok "account"

start www "$(id -un)" busybox httpd -f -p "$addr:$http_port" -h "$work/www"
until_ok 10 "the web server answers" answers "$http_port"
dehydrated_run -c -d "a.example.org b.example.org"
good a.example.org
ok "http-01: a certificate for two names"
dehydrated_run -c -d rsa.example.org -a rsa
good rsa.example.org
ok "a key of RSA"

DNS=yes dehydrated_run -c -t dns-01 -d "*.wild.example.org wild.example.org" --alias wild.example.org
good wild.example.org
ok "dns-01: a wildcard and its parent"

# What it makes for tls-alpn-01 is for a server to serve: here openssl does.
cat >"$work/alpn-hook" <<-END
	#!/bin/sh
	case \$1 in
	deploy_challenge)
	    openssl s_server -accept "$addr:$tls_port" -cert "$work/alpn/\$2.crt.pem" \
	        -key "$work/alpn/\$2.key.pem" -alpn acme-tls/1 -quiet >/dev/null 2>&1 </dev/null &
	    echo \$! >"$work/server.pid"
	    until openssl s_client -connect "$addr:$tls_port" </dev/null >/dev/null 2>&1; do :; done ;;
	clean_challenge) kill "\$(cat "$work/server.pid")" ;;
	esac
END
chmod 755 "$work/alpn-hook"
dehydrated_run -c -t tls-alpn-01 -k "$work/alpn-hook" -d alpn.example.org
good alpn.example.org
ok "tls-alpn-01"

before=$(openssl x509 -in "$work/d/certs/a.example.org/cert.pem" -noout -serial)
dehydrated_run -c -x -d "a.example.org b.example.org"
good a.example.org
[ "$before" != "$(openssl x509 -in "$work/d/certs/a.example.org/cert.pem" -noout -serial)" ] ||
    fail "dehydrated did not renew"
ok "renewed"

sed -i s/a@example.org/b@example.org/ "$work/config"
dehydrated_run --account
ok "the account has another contact"

dehydrated_run -r "$work/d/certs/rsa.example.org/cert.pem"
curl -fsS "$control/certs/1" | grep -q '"status":"revoked"' || fail "the responder has not revoked it"
ok "revoked"

dehydrated_run --deactivate
ok "the account is closed"
