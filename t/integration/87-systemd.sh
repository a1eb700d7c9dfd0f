#!/bin/bash
# hooks "systemd" and "signal": a server of which systemd, or a pid file, is all that kamcert
# knows. systemd itself is played on a private D-Bus; HAProxy with its master process is the server.
. "$(dirname "$0")/lib.sh"

need haproxy
need_systemd
name=www.example.org
file=$state/certs/$name/current/combined.pem
free_port; tls=$port
mkdir "$work/run"
[ "$(id -u)" != 0 ] || chown "$ca_user" "$work/run"
cat >"$work/haproxy.cfg" <<-END
	global
	    stats socket $work/run/admin.sock
	defaults
	    mode http
	    timeout client 5s
	    timeout connect 5s
	    timeout server 5s
	frontend tls
	    bind $addr:$tls ssl crt $file
	    http-request return status 204
END

leaf() {
	timeout 20 openssl s_client -connect "$addr:$tls" -servername "$name" </dev/null 2>/dev/null |
	    openssl x509 -noout -fingerprint -sha256
}

# Our users, as the real one reads them.
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers --dry-run "$top/etc/kamcert.sysusers" >"$out" 2>&1 ||
	    fail "systemd-sysusers refuses our users"
	says "user '_kamcert-courier'"
	ok "systemd-sysusers takes our users"
fi

start_pebble
hook='hook "signal" { pid-file = "/nonexistent" }'
write_conf "$name"
run 0 renew --no-hooks
start haproxy "$(id -un)" haproxy -W -db -f "$work/haproxy.cfg"
haproxy_pid=$pid
until_ok 10 "HAProxy serves TLS" answers "$tls"

# --- signal

pid_file=$work/run/haproxy.pid
hook="hook \"signal\" { pid-file = \"$pid_file\" signal = \"USR2\" verify = { \"tls:$addr:$tls\" } }"
write_conf "$name"
run 11 renew --force
says 'does the server run, and does it write this pid file'
echo "$haproxy_pid" >"$pid_file"
run 0 renew --force
equal "$(installed "$name")" "$(leaf)" "leaf that HAProxy serves"
run 0 check
says 'server: signal'
ok "signal: HAProxy's master told by USR2, the new certificate proven"

touch -d '1 hour ago' "$pid_file"
run 11 renew --force
says 'was started [0-9]+ seconds after the file was written'
echo "$haproxy_pid" >"$pid_file"
chmod 666 "$pid_file"
run 11 renew --force
says 'want a file that only its owner may write'
chmod 644 "$pid_file"
sed -i 's/"USR2"/"WINCH"/' "$conf"
run 11 renew --force
says 'has no handler for the signal WINCH'
kill -0 "$haproxy_pid" || fail "HAProxy was ended"
ok "signal: a number that may be another's, a file that anybody can change, a signal that would kill: none is sent"

# --- systemd

units "ActiveState=active CanReload=true result=done command=kill -USR2 $haproxy_pid"
start_systemd

# systemd_hook ACTION
systemd_hook() {
	hook="hook \"systemd\" { rpc = \"unix:$work/bus\" unit = \"haproxy.service\" action = \"$1\" verify = { \"tls:$addr:$tls\" } settle = 2s timeout = 5s }"
	write_conf "$name"
}
systemd_hook reload
run 0 renew --force
equal "$(installed "$name")" "$(leaf)" "leaf that HAProxy serves"
equal ReloadUnit "$(tail -n 1 "$work/systemd.log" | cut -d' ' -f1)" "method"
ok "systemd: the unit reloaded over D-Bus, the new certificate proven"

before=$(leaf)
units "ActiveState=active CanReload=true result=failed command=true"
run 13 renew --force
says 'the reload has ended with "failed"'
equal "$before" "$(leaf)" "leaf behind a job that failed"
ok "systemd: a job that fails is rolled back"

systemd_hook restart
units "ActiveState=active CanReload=false result=failed command=true"
run 14 renew --force
says 'the restart has ended with "failed"'
equal RestartUnit "$(tail -n 1 "$work/systemd.log" | cut -d' ' -f1)" "method of the way back"
ok "systemd: a restart that fails, also on the way back, is an alarm"

units "ActiveState=active CanReload=false result=done command=kill -USR2 $haproxy_pid"
run 13 renew
says 'a rollback that was cut off is complete'
run 0 renew --force
equal "$(installed "$name")" "$(leaf)" "leaf behind a restart"
systemd_hook reload
run 11 renew --force
says 'systemd cannot reload this unit'
units "ActiveState=inactive CanReload=true result=done command=true"
run 11 renew --force
says 'ActiveState: want "active", have "inactive"'
units "ActiveState=active CanReload=true result=never command=true"
run 13 renew --force
equal "$(installed "$name")" "$(leaf)" "leaf behind a job without end"
ok "systemd: what cannot be reloaded or does not run holds; a job without end is judged by what is served"
