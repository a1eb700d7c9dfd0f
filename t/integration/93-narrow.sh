#!/bin/bash
# Around a renewal: variables that would steer libraries (FAULTS I09), one role killed at many
# moments (P02), little memory and few descriptors (P08), a store on another file system (F16), one
# without room (F02, L07).
. "$(dirname "$0")/lib.sh"

name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
start_responder --key-type ecdsa --validation-delay 200
write_conf "$name"
run 0 renew

# --- I09: each of these would send traffic, keys or code elsewhere
poison=$work/poison
steering="SSLKEYLOGFILE SSL_CERT_FILE SSL_CERT_DIR OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES
OPENSSL_ia32cap CTLOG_FILE RANDFILE CURL_CA_BUNDLE CURL_HOME CURL_SSL_BACKEND CURL_ENTROPY QLOGDIR NETRC
http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY RES_OPTIONS HOSTALIASES
LOCALDOMAIN NLSPATH LOCPATH GCONV_PATH LANGUAGE MALLOC_TRACE MALLOC_CHECK_ GLIBC_TUNABLES
LD_LIBRARY_PATH LD_ORIGIN_PATH LD_PROFILE_OUTPUT LD_DEBUG_OUTPUT TZDIR BASH_ENV ENV CDPATH
PYTHONPATH PERL5LIB XDG_CONFIG_HOME GETCONF_DIR"
sample() {
	local process
	while [ -d "$work" ] && [ ! -e "$work/sampled" ]; do
		for process in $(pgrep -f "^$build/src/kamcert-" || :); do
			tr '\0' '\n' <"/proc/$process/environ"
		done >>"$work/environ" 2>/dev/null || :
		read -r -t 0.01 <>"$work/never" || :
	done
}
sample &
sampler=$!
before=$(version "$name")
(
	for variable in $steering; do
		export "$variable=$poison"
	done
	run 0 renew --force
)
: >"$work/sampled"
wait "$sampler"
[ "$(version "$name")" -gt "$before" ] || fail "nothing was renewed"
[ -s "$work/environ" ] || fail "no role was seen"
! grep -F "$poison" "$work/environ" || fail "a role has a variable that steers libraries"
[ ! -e "$poison" ] || fail "a library wrote to $poison"
ok "$(wc -w <<<"$steering") variables that steer libraries reach no role"

# --- P02
# seen_or_over PID ROLE: the role runs in the session PID, or the session is over (on a slow machine
# before anybody looked).
seen_or_over() {
	pgrep -s "$1" -f "/kamcert-$2 " || ! kill -0 "$1"
}

# alone ROLE N: it is killed N hundredths of a second after it is seen.
alone() {
	local rc=0 pid what="$1 killed at moment $2" in_time=60	# a run that needs it no more goes on
	[ "$1" != keeper ] || in_time=10
	setsid "$kamcert" -c "$conf" renew --force >"$out" 2>&1 </dev/null &
	pid=$!
	until_ok 30 "$what: it is there" seen_or_over "$pid" "$1"
	for ((i = 0; i < $2; i++)); do
		read -r -t 0.01 <>"$work/never" || :
	done
	pkill -KILL -s "$pid" -f "/kamcert-$1 " || :
	until_ok "$in_time" "$what: the others have ended" gone "$pid"
	wait "$pid" || rc=$?
	[ "$rc" -lt 15 ] || fail "$what: exit code $rc"
	! answers "$http_port" 2>/dev/null || fail "$what: its port is open"
	cat "$out" >>"$work/kamcert.log"
	[ "$rc" = 0 ] || killed=$((killed + 1))
	[ "$rc" = 0 ] || run 0 renew
}
for role in keeper net answer; do
	killed=0
	for moment in 0 1 2 4 7 11; do
		alone "$role" "$moment"
	done
	[ "$killed" -gt 0 ] || fail "no kill of $role was in time"
	run 0 renew --force
	ok "$role killed at 6 moments: no orphan, and the next run is a good one"
done

# --- P08
before=$(version "$name")
told=0
# Where shared libraries still load, and too little is left to work with, depends on the system.
for limit in "-v 131072" "-v 65536" "-d 2900" "-d 2750" "-d 2600" "-d 2450" "-d 2300" "-n 16" "-n 12" \
    "-n 10" "-n 9" "-n 8" "-f 1"; do
	rc=0
	# shellcheck disable=SC2086
	(ulimit $limit && exec "$kamcert" -c "$conf" -v renew --force) >"$out" 2>&1 </dev/null || rc=$?
	cat "$out" >>"$work/kamcert.log"
	case $rc in
	0) ;;
	10 | 11)
		says '^[a-z.]*: (RETRY|HOLD): .'
		told=$((told + 1))
		;;
	*) fail "ulimit $limit: exit code $rc" ;;
	esac
	# By a signal, that is, with or without the mark for a dump.
	! grep -E '"role ended" .* status=([1-9][0-9]?|1[0-9][0-9])$' "$out" ||
	    fail "ulimit $limit: a role has crashed"
done
[ "$told" -ge 3 ] || fail "only $told of these limits were met"
run 0 renew
run 0 renew --force
[ "$(version "$name")" -gt "$before" ] || fail "nothing was renewed"
ok "little memory, few descriptors, small files: told, and the next run is a good one"

if [ "$(id -u)" = 0 ]; then
	# Root may have as many processes as it likes, and the build folder may be closed to others.
	install -d -m 755 "$work/programs"
	install -d -m 700 -o 54321 -g 54321 "$work/few"
	install -m 755 "$build"/src/kamcert "$build"/src/kamcert-{keeper,net,answer,control,courier} "$work/programs"
	sed "s|^state-dir.*|state-dir = \"$work/few/state\"|" "$conf" >"$work/few.conf"
	for processes in 1 2 3 100; do
		rc=0
		setpriv --reuid 54321 --regid 54321 --clear-groups bash -c "ulimit -u $processes && exec \"\$@\"" x \
		    "$work/programs/kamcert" -c "$work/few.conf" renew >"$out" 2>&1 </dev/null || rc=$?
		case $processes:$rc in
		100:0) ;;
		[123]:10) says 'fork: Resource temporarily unavailable' ;;
		*) fail "ulimit -u $processes: exit code $rc" ;;
		esac
	done
	ok "no more processes: told, and the next run is a good one"
fi

# --- F16, F02
requests() {
	curl -fsS "$control/status" | grep -o '"requests":[0-9]*'
}

# elsewhere CODE OPTION: a renewal with certs on a file system of its own, mounted with this besides.
elsewhere() {
	local rc=0
	unshare -m sh -c 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"' x \
	    "$(stat -c 'mode=%a,uid=%u,gid=%g' "$state/certs"),$2" "$state/certs" "$kamcert" \
	    -c "$conf" renew --force >"$out" 2>&1 </dev/null || rc=$?
	equal "$1" "$rc" "certs on a file system with $2: exit code"
}
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	elsewhere 0 size=10m
	says "version 1,"
	ok "certs on another file system than the rest"
	before=$(requests)
	for option in size=64k nr_inodes=8; do
		elsewhere 10 "$option"
		says "room for a version"
	done
	equal "$before" "$(requests)" "requests of the CA"
	ok "without room for a version, of octets or of files, the CA is not asked for one"
fi
