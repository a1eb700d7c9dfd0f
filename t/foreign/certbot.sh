#!/bin/bash
# certbot: certificates by http-01 (both ways) and dns-01, renewal, revocation, account changes.
. "$(dirname "$0")/../integration/lib.sh"

need certbot busybox
start_responder --eab key-1=c2VjcmV0LXNlY3JldC1zZWNyZXQ
export REQUESTS_CA_BUNDLE=$work/server.pem

certbot_run() {
	timeout -k 5 180 certbot "$@" --server "$directory" -n --config-dir "$work/c" --work-dir "$work/w" \
	    --logs-dir "$work/l" >"$out" 2>&1 || fail "certbot $*"
}

good() {
	openssl verify -CAfile "$work/roots.pem" -untrusted "$work/c/live/$1/chain.pem" \
	    "$work/c/live/$1/cert.pem" >/dev/null || fail "openssl rejects the chain of $1"
}

standalone=(--standalone --http-01-address "$addr" --http-01-port "$http_port")
certbot_run certonly "${standalone[@]}" --agree-tos -m a@example.org -d a.example.org \
    -d b.example.org
good a.example.org
ok "http-01, standalone: account and certificate for two names"

mkdir -p "$work/www/.well-known/acme-challenge"
start www "$(id -un)" busybox httpd -f -p "$addr:$http_port" -h "$work/www"
until_ok 10 "the web server answers" answers "$http_port"
certbot_run certonly --webroot -w "$work/www" -d web.example.org --key-type rsa
good web.example.org
stop "$pid"
ok "http-01, webroot, with an RSA key"

cat >"$work/set" <<-END
	#!/bin/sh
	curl -fsS --data-binary "_acme-challenge.\$CERTBOT_DOMAIN=\$CERTBOT_VALIDATION" "$control/txt"
END
cat >"$work/unset" <<-END
	#!/bin/sh
	curl -fsS --data-binary "_acme-challenge.\$CERTBOT_DOMAIN=" "$control/txt"
END
chmod 755 "$work/set" "$work/unset"
certbot_run certonly --manual --preferred-challenges dns --manual-auth-hook "$work/set" \
    --manual-cleanup-hook "$work/unset" -d wild.example.org -d '*.wild.example.org'
good wild.example.org
ok "dns-01: a wildcard and its parent"

before=$(openssl x509 -in "$work/c/live/a.example.org/cert.pem" -noout -serial)
certbot_run renew --cert-name a.example.org --force-renewal --no-random-sleep-on-renew
good a.example.org
[ "$before" != "$(openssl x509 -in "$work/c/live/a.example.org/cert.pem" -noout -serial)" ] ||
    fail "certbot did not renew"
ok "renewed"

certbot_run update_account -m b@example.org
ok "the account has another contact"

certbot_run revoke --cert-name web.example.org --reason superseded --no-delete-after-revoke
curl -fsS "$control/certs/1" | grep -q '"status":"revoked","reason":4' ||
    fail "the responder has not revoked it"
ok "revoked by the account's key, with a reason"

certbot_run revoke --cert-path "$work/c/live/wild.example.org/cert.pem" \
    --key-path "$work/c/live/wild.example.org/privkey.pem" --no-delete-after-revoke
ok "revoked by the certificate's key"

certbot_run unregister
ok "the account is closed"
