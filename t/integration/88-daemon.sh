#!/bin/bash
# The daemon: renewals on schedule, a second daemon, commands beside it, SIGHUP, SIGTERM, and what
# the service manager hears.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_responder --lifetime 16
prepare_kamailio
write_conf "$name" example.org
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload

# start_daemon: what it tells the service manager ends up in notify.log.
start_daemon() {
	start_notify
	: >"$work/daemon.log"
	start daemon "$(id -un)" env NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=1000000 \
	    "$kamcert" -c "$conf" daemon
	daemon_pid=$pid
	until_ok 10 "the daemon is ready" told READY=1
}

logged() {
	grep -Eq -e "$1" "$work/daemon.log"
}

# at_least N [NAME]: the active version has this number or a higher one.
at_least() {
	[ "$(version "${2-$name}")" -ge "$1" ]
}

# processes: of the daemon and all that it has started.
processes() {
	ps -o pid= -g "$daemon_pid" | wc -l
}

sleeps() {
	[ "$(processes)" = 1 ]
}

is_served() {
	[ "$(installed "$name")" = "$(served "$name")" ]
}

start_daemon
first=$(version "$name")
begin=$(ms)
until_ok 60 "two renewals on schedule" at_least $((first + 2))
until_ok 20 "it is served" is_served
ok "two renewals within $(($(ms) - begin)) ms, by themselves"
until_ok 20 "WATCHDOG=1" told WATCHDOG=1
until_ok 20 "STATUS=" told '^STATUS=1 certificates, next at 20'
ok "the service manager hears that it is ready, that it lives, and when it will run"

run 3 daemon
says 'another daemon .* locked by pid'
ok "a second daemon is sent away"

until_ok 20 "the daemon sleeps" sleeps
run 0 status
says "$name"
run 0 reload
until_ok 10 "the daemon looks again" logged 'event="somebody else was at work"'
ok "other commands work beside it, and it notices"

sed -i 's/agree-tos/agre-tos/' "$conf"
kill -HUP "$daemon_pid"
until_ok 20 "the broken configuration is told" told 'STATUS=.*configuration has errors.*agre-tos'
logged 'unknown option' || fail "the broken configuration is not in the log"
now=$(version "$name")
until_ok 60 "a renewal with the one before" at_least $((now + 1))
ok "a broken configuration changes nothing"
sed -i 's/agre-tos/agree-tos/' "$conf"
hook='hook "program" { command = { "/bin/true" } }' add_cert other.example.org
kill -HUP "$daemon_pid"
until_ok 20 "the new certificate" at_least 1 other.example.org
until_ok 10 "RELOADING=1" told RELOADING=1
ok "SIGHUP: a new certificate section is seen at once"

kill -TERM "$daemon_pid"
until_ok 35 "the daemon has ended" gone "$daemon_pid"	# a proof under way is finished
rc=0
wait "$daemon_pid" || rc=$?
equal 0 "$rc" "exit code behind SIGTERM"
until_ok 10 "STOPPING=1" told STOPPING=1
logged 'event="daemon ended"' || fail "the end is not in the log"
ok "SIGTERM ends it"

# In the middle of an order: the CA says nothing more.
orders() {
	pgrep -g "$daemon_pid" -f kamcert-net
}
stop "$notify_pid"
faults stall-header
start_daemon
until_ok 30 "an order is under way" orders
kill -TERM "$daemon_pid"
until_ok 10 "the daemon and its roles have ended" gone "$daemon_pid"
faults
run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "SIGTERM in the middle of an order: all have ended, and the next run is a good one"
