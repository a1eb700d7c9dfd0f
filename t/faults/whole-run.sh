#!/bin/bash
# Whole renewals in which a system call of one process fails, or one process is killed (FAULTS F01,
# F03, P01, P02, P07; V1, V3 to V6, V8): each call of the tables below in that role, at moments spread over
# its run, counted beforehand.
. "$(dirname "$0")/../integration/lib.sh"

need strace
strace -qq -o "$work/may" true || {
	echo "strace may not trace here"
	[ -z "${CI-}${KAMCERT_CI-}" ] || fail "strace may not trace here"
	trap - EXIT
	rm -rf "$work"
	exit 77
}
# What strace does to a call comes before the walls; those that stop a role at once would see it.
unset KAMCERT_SANDBOX
name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
roles="starter keeper net answer"
bin=$work/bin
points=0 struck=0 failures=0

# wrap ROLE STRACE-OPTION...: it runs under strace from now on; without options: it does not.
wrap() {
	local role=$1
	shift
	if [ "$role" = starter ]; then
		traced=(strace -D -qq "$@" "$bin/kamcert")
		[ $# != 0 ] || traced=("$bin/kamcert")
		return
	fi
	rm -f "$bin/kamcert-$role"
	printf '#!/bin/sh\nexec %s %s "$@"\n' "${*:+strace -D -qq $*}" \
	    "$build/src/kamcert-$role" >"$bin/kamcert-$role"
	chmod 755 "$bin/kamcert-$role"
}

issued() {
	curl -fsS "$control/status" | sed -n 's/.*"certificates":[ ]*\([0-9]*\).*/\1/p'
}

# whole: key, leaf and chain of the active version belong together, and openssl accepts them.
whole() {
	local dir=$state/certs/$name/current
	equal "$(openssl x509 -in "$dir/cert.pem" -noout -pubkey)" \
	    "$(openssl pkey -in "$dir/privkey.pem" -pubout)" "$1: public key of the active version"
	openssl verify -CAfile "$work/roots.pem" -untrusted "$dir/chain.pem" "$dir/cert.pem" \
	    >/dev/null || fail "$1: openssl rejects the active version"
	cat "$dir/cert.pem" "$dir/chain.pem" | cmp -s - "$dir/fullchain.pem" ||
	    fail "$1: fullchain.pem is not cert.pem and chain.pem"
}

# strike ROLE CALL FAULT N [EXIT]: a renewal that meets it (an error, or signal=KILL) at the N-th
# call, or with "N+" from that one on, and what comes after it without a fault. EXIT is the code that
# it must end with, where there is but one.
strike() {
	local what="$1: $2 $4 with $3" rc=0 before active made fault=$3
	[[ $fault == *=* ]] || fault=error=$fault
	before=$(issued) active=$(version "$name")
	: >"$work/struck"
	wrap "$1" -o "$work/struck" -e "trace=$2" -e "inject=$2:$fault:when=$4"
	setsid timeout -k 5 60 "${traced[@]}" -c "$conf" renew --force >"$out" 2>&1 </dev/null &
	pid=$!
	wait "$pid" || rc=$?
	wrap "$1"
	until_ok 10 "$what: no process is left" gone "$pid"	# 5 s, on an idle machine
	cat "$out" >>"$work/kamcert.log"
	points=$((points + 1))
	! grep -q -e INJECTED -e 'killed by SIGKILL' "$work/struck" || struck=$((struck + 1))
	case $1:$rc in
	courier:0) fail "$what: exit code 0" ;;
	*:0) [ "$(version "$name")" -gt "$active" ] || fail "$what: exit code 0, and nothing new" ;;
	*:1[013] | control:14 | courier:14 | starter:137) failures=$((failures + 1)) ;;
	*) fail "$what: exit code $rc" ;;
	esac
	[ "$rc" = "${5-$rc}" ] || fail "$what: want exit code $5, have $rc"
	[ "$3" != EINTR ] || [ "$rc" = 0 ] || fail "$what: exit code $rc, and the call was to be repeated"
	[ "$rc" != 13 ] || equal "$active" "$(version "$name")" "$what: active version, led back"
	# Only 14 says that it is not known what is served.
	[ -z "${kam_pid-}" ] || [ "$rc" = 14 ] ||
	    equal "$(installed "$name")" "$(served "$name")" "$what: served"
	whole "$what"
	# A version that is stored is deployed; only where there is none is another try an order, or
	# the rest of the one that was begun. HOLD gave that up.
	case $rc in
	0) ;;
	# A way back that ended early is gone to its end, which is what that run has to tell.
	14) run 13 renew ;;
	*) run 0 renew ;;
	esac
	[ -z "${kam_pid-}" ] ||
	    equal "$(installed "$name")" "$(served "$name")" "$what: served, after one run more"
	[ "$(version "$name")" -gt "$active" ] || run 0 renew --force
	[ "$(version "$name")" -gt "$active" ] || fail "$what: the next run did not converge"
	whole "$what, and one run more"
	made=$(($(issued) - before))
	# What was rolled back is not tried again.
	case $rc:$made in
	*:1 | 11:2 | 13:2 | 14:2) ;;
	*) fail "$what: exit code $rc, and $made certificates" ;;
	esac
	equal "" "$(find "$state" -name '*.tmp*' -o -name '.*' ! -name .)" "$what: leftovers"
	[ -z "${kam_pid-}" ] || equal "$(installed "$name")" "$(served "$name")" "$what: served"
}

# trace ROLE...: which calls they make in a renewal.
trace() {
	local role
	for role; do
		wrap "$role" -o "$work/$role.trace"
		"${traced[@]}" -c "$conf" renew --force >"$out" 2>&1 || fail "$role under strace"
		wrap "$role"
	done
}

# spread ROLE CALL TIMES FAULTS: at moments spread over its run.
spread() {
	local count fault i n
	count=$(grep -c "^$2(" "$work/$1.trace" || :)
	[ "$count" -gt 0 ] || fail "$1 makes no $2"
	n=$(tr , '\n' <<<"$4" | wc -l)
	for ((i = 1; i <= $3; i++)); do
		fault=$(cut -d, -f$(((i - 1) % n + 1)) <<<"$4")
		strike "$1" "$2" "$fault" $((1 + (count - 1) * i / $3))
	done
	ok "$1: $2, $4 at $3 of $count moments"
}

mkdir "$bin"
cp "$build/src/kamcert" "$bin"
kamcert=$bin/kamcert
for role in $roles control courier; do
	wrap "$role"
done
start_responder --key-type ecdsa
write_conf "$name"
run 0 renew
# shellcheck disable=SC2086
trace $roles

while read -r role call times errors; do
	spread "$role" "$call" "$times" "$errors"
done <<-END
	keeper openat 4 EMFILE,EACCES,ENOENT,EIO
	keeper openat2 3 EIO,ENOMEM,ENOSYS
	keeper write 4 ENOSPC,EINTR,EIO,EDQUOT
	keeper fsync 4 EIO,ENOSPC
	keeper renameat 3 EIO,EROFS,ENOSPC
	keeper renameat2 2 EIO,EINVAL
	keeper symlinkat 1 ENOSPC
	keeper unlinkat 2 EACCES,EIO
	keeper read 2 EIO,EINTR
	keeper sendmsg 2 ENOBUFS,EINTR
	keeper recvmsg 4 ENOMEM,EINTR
	keeper epoll_wait 1 EINTR
	keeper mmap 2 ENOMEM
	net socket 2 EMFILE,ENOBUFS
	net connect 1 ENETUNREACH
	net recvfrom 6 ECONNRESET,EINTR,ENOMEM
	net sendto 2 EPIPE,ECONNRESET
	net sendmsg 8 EPIPE
	net mmap 2 ENOMEM
	net landlock_restrict_self 1 EPERM
	answer accept4 1 EMFILE
	answer recvfrom 2 ECONNRESET,EINTR
	answer epoll_ctl 1 ENOMEM
	starter clone 3 EAGAIN,ENOMEM
	starter socketpair 1 EMFILE
	starter sendmsg 2 EPIPE,EINTR
	starter epoll_wait 1 EINTR
	keeper write 2 signal=KILL
	keeper renameat 2 signal=KILL
	keeper recvmsg 3 signal=KILL
	net recvfrom 3 signal=KILL
	net sendmsg 2 signal=KILL
	answer recvmsg 2 signal=KILL
	answer accept4 1 signal=KILL
	starter recvmsg 3 signal=KILL
	starter clone 2 signal=KILL
END

# unnoted N VERSIONS HINT: the journal's N-th entry of a renewal cannot be written. What is told is
# true, current is as many versions further, and the next run goes on without an order.
unnoted() {
	local what="entry $1 of the journal is lost" before active
	before=$(issued) active=$(version "$name")
	wrap keeper -o "$work/struck" -P journal -e trace=renameat -e "inject=renameat:error=EIO:when=$1"
	run 10 renew --force
	wrap keeper
	grep -q INJECTED "$work/struck" || fail "$what: it was written"
	says "$3"
	equal $((active + $2)) "$(version "$name")" "$what: the active version"
	whole "$what"
	run 0 renew
	says "version $((active + 1)), .*hooks were run"
	equal $((active + 1)) "$(version "$name")" "$what: the active version of the next run"
	equal 1 $(($(issued) - before)) "$what: certificates"
}
unnoted 1 0 "switch: "
unnoted 2 0 "switch: "
unnoted 3 1 "it is served; the next run proves it once more"
ok "F01, V3, V4: without its entry in the journal no server is told, nor is what was proven given up"

# With a process that gets a signal, by the role that may send it.
start target "$(id -un)" bash -c 'trap : HUP; echo $$ >"$1"; while :; do read -r -t 9 <>"$2"; done' \
    x "$work/target.pid" "$work/never"
until_ok 5 "the process to tell is there" test -s "$work/target.pid"
hook="hook \"signal\" { pid-file = \"$work/target.pid\" signal = \"HUP\" }" write_conf "$name"
run 0 renew --force
trace courier
spread courier pidfd_send_signal 2 EPERM
strike courier pidfd_send_signal signal=KILL 3 14
ok "courier: killed when it is about to send the signal: the way back is gone to its end"

# With a server, whose role this is.
unset hook
prepare_kamailio
write_conf "$name"
run 0 renew --force --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
trace control
while read -r role call times errors; do
	spread "$role" "$call" "$times" "$errors"
done <<-END
	control socket 1 EMFILE
	control recvmsg 2 ENOMEM,EINTR
	control sendmsg 1 EPIPE
	control epoll_ctl 1 ENOMEM
END
# By moments that matter: the connection over which the reload is asked for, and the next one.
n=$(awk '/^connect\(/ { n++ } /tls\.reload/ { print n; exit }' "$work/control.trace")
[ "${n:-0}" -gt 0 ] || fail "control asks for no reload"
strike control connect EINTR "$n" 0
strike control connect ECONNREFUSED "$n" 13
strike control connect ECONNREFUSED "$n+" 14
strike control connect signal=KILL "$n" 14
strike control connect signal=KILL $((n + 1)) 14
ok "control: connect, EINTR,ECONNREFUSED,signal=KILL before the reload, and behind it"
[ "$struck" -ge $((points * 4 / 5)) ] || fail "only $struck of $points calls were met"
[ "$failures" -ge $((points / 4)) ] || fail "only $failures runs failed: nothing was injected"
ok "$struck of $points calls failed: $failures runs said so, and each next one converged without a certificate too many"
