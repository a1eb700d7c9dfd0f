#!/bin/bash
# hook "haproxy": a running HAProxy gets the new certificate over its runtime API, without a
# reload; what it does not take, or does not serve, is taken back.
. "$(dirname "$0")/lib.sh"

need haproxy socat
name=www.example.org
file=$state/certs/$name/current/combined.pem
free_port; tls=$port
mkdir "$work/run"
[ "$(id -u)" != 0 ] || chown "$ca_user" "$work/run"

# haproxy_cfg LEVEL: how much the socket may.
haproxy_cfg() {
	cat >"$work/haproxy.cfg" <<-END
	global
	    stats socket $work/run/admin.sock mode 660 level $1
	defaults
	    mode http
	    timeout client 5s
	    timeout connect 5s
	    timeout server 5s
	frontend tls
	    bind $addr:$tls ssl crt $file
	    http-request return status 204
	END
}

start_haproxy() {
	start haproxy "$(id -un)" haproxy -db -f "$work/haproxy.cfg"
	haproxy_pid=$pid
	until_ok 10 "HAProxy serves TLS" answers "$tls"
}

# leaf: what HAProxy serves.
leaf() {
	timeout 20 openssl s_client -connect "$addr:$tls" -servername "$name" </dev/null 2>/dev/null |
	    openssl x509 -noout -fingerprint -sha256
}

hook="hook \"haproxy\" { rpc = \"unix:$work/run/admin.sock\" verify = { \"tls:$addr:$tls\" } settle = 2s }"
start_pebble
write_conf "$name"
run 0 renew --no-hooks
haproxy_cfg admin
start_haproxy
run 0 reload
run 0 check
says 'haproxy: HAProxy 2'
before=$(leaf)
equal "$(installed "$name")" "$before" "leaf at the start"

run 0 renew --force
equal "$(installed "$name")" "$(leaf)" "leaf that HAProxy serves"
[ "$before" != "$(leaf)" ] || fail "the leaf is still the old one"
kill -0 "$haproxy_pid" || fail "HAProxy was restarted"
echo "show ssl cert" | socat - "$work/run/admin.sock" >"$out"
! grep -q '^\*' "$out" || fail "a transaction was left behind"
ok "renewed over the runtime API, proven by handshake, the process untouched"

# HAProxy takes it, but the listener serves another one.
before=$(leaf)
hook="hook \"haproxy\" { rpc = \"unix:$work/run/admin.sock\" ssl-cert = \"$work/other.pem\" verify = { \"tls:$addr:$tls\" } settle = 2s }"
write_conf "$name"
{
	echo "new ssl cert $work/other.pem" | socat - "$work/run/admin.sock"
	printf 'set ssl cert %s <<\n%s\n\n' "$work/other.pem" "$(cat "$file")" |
	    socat - "$work/run/admin.sock"
	echo "commit ssl cert $work/other.pem" | socat - "$work/run/admin.sock"
} >"$out"
run 13 renew --force
says 'version 2 is served again'
equal "$before" "$(leaf)" "leaf behind the rollback"
ok "a certificate that is taken but not served: rolled back, and proven"

hook="hook \"haproxy\" { rpc = \"unix:$work/run/admin.sock\" ssl-cert = \"/no/such.pem\" }"
write_conf "$name"
run 11 renew --force
says 'show ssl cert /no/such.pem: .*(Can.t display|not found|exist)'
says 'want ssl-cert as HAProxy names it'
ok "a name that HAProxy does not know holds before anything is ordered"

stop "$haproxy_pid"
haproxy_cfg operator
start_haproxy
hook="hook \"haproxy\" { rpc = \"unix:$work/run/admin.sock\" }"
write_conf "$name"
run 11 renew --force
says 'level admin'
ok "a socket without the right to change certificates holds"
