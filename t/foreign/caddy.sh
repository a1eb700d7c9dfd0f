#!/bin/bash
# Caddy: certificates by http-01 and by tls-alpn-01, served by it, and renewed in real time. It
# knows no command for revocation, and its Debian package no DNS provider.
. "$(dirname "$0")/../integration/lib.sh"

need caddy openssl
start_responder --lifetime 30 --key-type ecdsa

# caddy_config CHALLENGE-NOT-WANTED NAME...
caddy_config() {
	local unwanted=$1
	shift
	cat <<-END
	{
	    admin off
	    storage file_system $work/caddy
	    default_bind $addr
	    http_port $http_port
	    https_port $tls_port
	    auto_https disable_redirects
	    renew_interval 1s
	    email a@example.org
	    acme_ca $directory
	    acme_ca_root $work/server.pem
	}
	END
	printf '%s {\n respond "served by caddy"\n tls {\n issuer acme {\n disable_%s_challenge\n }\n }\n}\n' \
	    "$*" "$unwanted"
}

# leaf NAME: what is served now.
leaf() {
	timeout 10 openssl s_client -connect "$addr:$tls_port" -servername "$1" </dev/null 2>/dev/null |
	    openssl x509 -noout -serial
}

served_well() {
	curl -fsS --cacert "$work/roots.pem" --connect-to "$1:443:$addr:$tls_port" "https://$1/" |
	    grep -q 'served by caddy'
}

is_another() {
	local now
	now=$(leaf "$1") && [ "$now" != "$2" ]
}

# serves UNWANTED NAME WORD: Caddy gets a certificate for the name without that challenge.
serves() {
	caddy_config "$1" "$2" >"$work/Caddyfile"
	start "caddy-$1" "$(id -un)" env HOME="$work" caddy run --config "$work/Caddyfile" --adapter caddyfile
	until_ok 30 "Caddy serves $2" served_well "$2"
	ok "$3: a certificate, and served with it"
}

serves tlsalpn a.example.org http-01
before=$(leaf a.example.org)
until_ok 60 "Caddy renews" is_another a.example.org "$before"
ok "renewed in real time"
stop "$pid"
serves http b.example.org tls-alpn-01
grep -q '"challenge_type":"http-01"' "$work/caddy-tlsalpn.log" || fail "not by http-01"
grep -q '"challenge_type":"tls-alpn-01"' "$work/caddy-http.log" || fail "not by tls-alpn-01"
