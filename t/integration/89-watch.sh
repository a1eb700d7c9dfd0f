#!/bin/bash
# The daemon watches what is served: a Kamailio that was restarted with another file is told, in the
# log, by status and to the service manager; so is its end; nothing else is done about it.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_responder
prepare_kamailio
write_conf "$name"
sed -i '1i watch = "2s"' "$conf"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
self_signed "$work/before"

start_notify
start daemon "$(id -un)" env NOTIFY_SOCKET="$work/notify" "$kamcert" -c "$conf" daemon
daemon_pid=$pid

logged() {
	grep -Eq -e "$1" "$work/daemon.log"
}

asleep() {
	[ "$(pgrep -g "$daemon_pid" | wc -l)" = 1 ]
}

# looks N: so many looks are over; each is a connection to Kamailio, which the daemon alone makes.
until_ok 10 "it runs" told READY=1
until_ok 10 "it rests" asleep
run 0 status
ok "nothing is found where nothing is wrong"

stop "$kam_pid"
until_ok 20 "the server that is gone is told" logged 'cert=sip.* outcome=FINDING .*cannot be reached'
ok "a server that is gone is told"

serve_from "$work/before"
start_kamailio
until_ok 20 "another file is told" logged 'cert=sip.* outcome=FINDING .*another certificate is served'
run 1 status
says "NO"
says "! sips:$addr:$sips_port for $name: another certificate is served"
run 1 --json status
says '"served":false.*"finding":"sips:.*another certificate'
until_ok 10 "the service manager is told" told \
    "STATUS=1 certificates, next at .*$name: sips:.*another certificate"
equal 1 "$(version "$name")" "active version"
ok "a Kamailio that was restarted with another file is told within two looks"

lines=$(wc -l <"$work/daemon.log")
before=$(grep -c 'another certificate' "$work/notify.log")
until_ok 20 "two more looks" eval '[ "$(grep -c "another certificate" "$work/notify.log")" -ge $((before + 2)) ]'
equal "$lines" "$(wc -l <"$work/daemon.log")" "lines of the log after two more looks"
ok "and then no more is said of it"

serve_from "$state/certs/$name/current"
rpc tls.reload >/dev/null
until_ok 20 "it is told that it is served again" logged 'text="version 1 is served again"'
run 0 status
ok "the end of it is told, too"
