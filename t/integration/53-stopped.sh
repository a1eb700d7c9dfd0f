#!/bin/bash
# A role that is stopped and never continued does not hold up a run for ever (FAULTS V5): it is killed,
# the run ends as if it had died, and the next one works (V4). What stops and continues the whole
# group, as a terminal does, is waited out.
. "$(dirname "$0")/lib.sh"

need python3 openssl
start_responder --key-type ecdsa --validation-delay 3000 --retry-after 1
mkdir "$work/www"
start www "$(id -un)" python3 -m http.server --bind "$addr" --directory "$work/www" "$http_port"
challenge="webroot = \"$work/www\""
self_signed "$work/before"
free_port; tls=$port
start tls "$(id -un)" openssl s_server -accept "$addr:$tls" -cert "$work/before/fullchain.pem" \
    -key "$work/before/privkey.pem" -quiet
start served "$(id -un)" bash -c "trap : USR2; while :; do read -r <>\"$work/never\" || :; done"
echo "$pid" >"$work/served.pid"
until_ok 10 "the document root is served" answers "$http_port"
until_ok 10 "TLS is served" answers "$tls"
needs_roles="hook \"signal\" { pid-file = \"$work/served.pid\" signal = \"USR2\" verify = { \"tls:$addr:$tls\" } }"

declare -A pids

# begin WHO COMMAND...: kamcert with a state folder of its own, in a session of its own; with $hook.
begin() {
	local who=$1
	shift
	state=$work/$who conf=$work/$who.conf
	write_conf "$who.example.org"
	setsid "$kamcert" -c "$conf" "$@" >"$work/run-$who.log" 2>&1 </dev/null &
	pids[$who]=$!
	daemons+=("$!")
}

# halt WHO ROLE: once it is there.
halt() {
	until_ok 30 "$1: the role $2 is there" pgrep -s "${pids[$1]}" -f "/kamcert-$2 "
	pkill -STOP -s "${pids[$1]}" -f "/kamcert-$2 "
}

says_of() {
	grep -Eq -e "$2" "$work/run-$1.log"
}

# ended WHO CODES: in time, and with one of these.
ended() {
	local rc=0
	until_ok 20 "$1: the run has ended" gone "${pids[$1]}"
	wait "${pids[$1]}" || rc=$?
	[[ ,$2, = *,$rc,* ]] || fail "$1: want exit code $2, have $rc"
}

# There is time for it while the CA waits.
for role in keeper net answer control courier; do
	hook=$needs_roles begin "$role" renew
	halt "$role" "$role"
done
hook='hook "program" { command = { "/bin/true" } }'
begin daemon daemon
halt daemon keeper
begin group renew
until_ok 30 "group: its keeper is there" pgrep -s "${pids[group]}" -f /kamcert-keeper
kill -STOP -- "-${pids[group]}"
begin short renew
halt short keeper
until_ok 20 "a stopped role is told" says_of short 'event="role stopped" of=keeper'
kill -CONT -- "-${pids[short]}"
until_ok 10 "a continued role is told" says_of short 'event="role continued" of=keeper'
ended short 0

# given_up ROLE: killed, or the run is over: on a slow machine, one may be stopped when it has done its part.
given_up() {
	says_of "$1" "event=\"role killed\" of=$1" || gone "${pids[$1]}"
}
for role in keeper net answer control courier; do
	until_ok 90 "$role is given up" given_up "$role"
done
for role in keeper net control; do
	says_of "$role" "event=\"role killed\" of=$role" || fail "$role was not given up"
done
until_ok 60 "the daemon's keeper is given up" says_of daemon 'event="role killed" of=keeper'
ended keeper 10
says_of keeper 'RETRY: the keeper was stopped by a signal' || fail "the result does not say why"
ended net 10
kill -CONT -- "-${pids[group]}"
ended group 0
for who in group short; do
	! says_of "$who" 'role killed' || fail "$who: a role was killed"
done
ended control 10,11,13,14
ended courier 10,11,13,14
ended answer 10,13,14
ok "V5: each role stopped alone is given up, and the run ends; one that is continued is not, nor is a group"

for who in keeper net answer control courier; do
	state=$work/$who conf=$work/$who.conf
	run 0 renew --force --no-hooks
	[ -e "$state/certs/$who.example.org/current/cert.pem" ] || fail "$who: nothing is installed"
done
ok "V4: the next run of each is a good one"

kill -0 "${pids[daemon]}" || fail "the daemon has ended"
kill -HUP "${pids[daemon]}"
until_ok 30 "the daemon's next run comes to an end" says_of daemon 'cert=daemon.example.org .*outcome=OK'
ok "the daemon goes on"
