#!/bin/bash
# unsafe-reload = "restart": a real Kamailio whose release may crash at a reload is restarted by its
# unit; systemd is played on a private D-Bus, and really stops and starts it.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
need jq
need_systemd
start_pebble
prepare_kamailio
unit=kamailio.service

# What systemd does to restart it; not, while there is a file "broken", which tells how often.
cat >"$work/restart" <<-END
	#!/bin/bash
	[ ! -s "$work/main.pid" ] || kill "\$(<$work/main.pid)" 2>/dev/null
	while kamcmd -s $rpc core.version; do :; done >/dev/null 2>&1
	if [ -s "$work/broken" ]; then
	    sed -i 1d "$work/broken"
	    exit 1
	fi
	setpriv --reuid $kam_user --regid $(id -g "$kam_user") --init-groups -- kamailio \
	    -f "$kam/kamailio.cfg" -DD -E -x fm -m 64 -M 8 -Y "$kam/run" -w "$kam/run" >>"$work/kamailio.log" 2>&1 &
	echo \$! >"$work/main.pid"
	for i in {1..200}; do
	    kamcmd -s $rpc core.version && (exec 3<>/dev/tcp/$addr/$sips_port) && exit 0
	    kill -0 \$! || exit 1
	    read -t 0.05 <>"$work/never"
	done >/dev/null 2>&1
	exit 1
END
chmod 755 "$work/restart"
[ "$(id -u)" = 0 ] || sed -i 's/setpriv .* -- //' "$work/restart"

# with OPTION...: the configuration, with these in its hook.
with() {
	hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" }
	        unsafe-reload = \"restart\" unit = \"$unit\" bus = \"unix:$work/bus\"
	        rollback-on = { \"chain\", \"silent\", \"restart\", \"connections\" } $* }"
	write_conf "$name"
}

# fact MEMBER: of what the last proof measured.
fact() {
	"$kamcert" -c "$conf" status --json | jq -r ".proof.hooks[0].$1"
}

# ask_restart: by somebody else than kamcert.
ask_restart() {
	DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/bus" dbus-send --system --print-reply \
	    --dest=org.freedesktop.systemd1 /org/freedesktop/systemd1 \
	    org.freedesktop.systemd1.Manager.RestartUnit "string:$unit" string:replace >/dev/null
}

process() {
	cat "$work/main.pid"
}

last_method() {
	grep Unit "$work/systemd.log" | tail -n 1 | cut -d' ' -f1
}

works="ActiveState=active CanReload=true result=real PIDFile=$work/main.pid command=$work/restart"
units "$works"
start_systemd
with
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
ask_restart
until_ok 20 "Kamailio serves TLS" answers "$sips_port"
case $(rpc core.version) in
*" 5."*) ;;
*)
	echo "this release of Kamailio needs no restart"
	exit 77 ;;
esac

# --- it goes well

start_hold 20
before=$(process)
run 1 check
says "a deployment restarts $unit, as a reload may crash its release: this ends all connections of the server, 20 over TLS"
run 0 renew --force
says "a deployment restarts $unit, as"
says "$unit was restarted in [0-9]+ ms, process [0-9]+ in place of $before: all 20 TLS connections of before are lost"
[ "$(process)" != "$before" ] || fail "Kamailio was not restarted"
equal "ResetFailedUnit TryRestartUnit" "$(tail -n 2 "$work/systemd.log" | cut -d' ' -f1 | xargs)" "methods"
equal 2 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
equal "true false 0 null" "$(fact by_restart) $(fact restarted) $(fact connections_kept) $(fact 'warnings[0]')" \
    "by restart, restarted, connections kept, warnings"
run 0 status
says 'restarted in place of a reload, 20 TLS connections ended'
ok "K18: the unit restarted in place of a reload, the new certificate proven, no K09 claimed, the loss told before and after"

# --- it does not

units "${works/main.pid/other.pid}"
echo $$ >"$work/other.pid"
before=$(process)
run 11 renew --force
says "$unit: its main process is $$, and that of the server at $rpc is $before"
equal "$before" "$(process)" "process"
equal 2 "$(version "$name")" "active version"
ok "a unit that runs another server is not restarted"

units "denied=yes $works"
run 11 renew --force
says 'the server was not told, and serves what it did before: .*Permission denied'
says '-> .*polkit must allow its user to manage units'
equal "$before" "$(process)" "process"
equal 2 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
units "$works"
run 0 renew
equal 3 "$(version "$name")" "active version of the next run"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
run 0 rollback "$name"
ok "K01: a restart that is denied leaves all as it was, HOLD; the next run deploys what was got"

units "$works"
echo once >"$work/broken"
run 13 renew --force
says 'the restart has ended with "failed"'
says "$unit was started in [0-9]+ ms"
equal RestartUnit "$(last_method)" "method of the way back"
equal 2 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "a restart that fails is rolled back by another one, and that is proven"

printf "%s\n" 1 2 3 4 >"$work/broken"
run 14 renew --force
says 'could not be led back'
: >"$work/broken"
run 13 renew
says 'a rollback that was cut off is complete'
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "when that fails too, it is an alarm; the next run starts what does not answer"

# --- another process behind the restart

shows_new() {
	[ "$(version "$name")" != 2 ] && [ "$(installed "$name")" = "$(served "$name")" ]
}
with "watch = 3s"
"$kamcert" -c "$conf" renew --force >"$out" 2>&1 &
run=$!
until_ok 30 "the next version is served" shows_new
ask_restart
rc=0
wait "$run" || rc=$?
equal 13 "$rc" "exit code"
says 'the server was restarted: process [0-9]+ was up'
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "K09: a restart that nobody meant is seen behind the one that was"
kill "$(process)"
