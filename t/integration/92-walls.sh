#!/bin/bash
# The walls as they stand around running processes (FAULTS S16 to S18); a port without any right; the
# units.
. "$(dirname "$0")/lib.sh"

need python3 systemd-analyze
name=sip.example.org
start_responder
prepare_kamailio
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload

# --- processes: all of them live while Kamailio keeps one waiting

freeze_kamailio
"$kamcert" -c "$conf" renew --force >"$work/renew.log" 2>&1 </dev/null &
starter=$!

# role NAME: its process; sets $pid.
role() {
	pid=$(pgrep -P "$starter" -f "/kamcert-$1 ")
}

# has NAME VALUE: a line of /proc/PID/status.
has() {
	grep -Eqx "$1:[[:space:]]*$2" "/proc/$pid/status" ||
	    fail "$role: want $1 $2, have $(grep "^$1:" "/proc/$pid/status")"
}

# walled NAME: the role has put up its walls, the last of which is the filter.
walled() {
	role "$1" && grep -q '^Seccomp:[[:space:]]2$' "/proc/$pid/status"
}

uids=
for role in keeper control net answer; do
	until_ok 10 "$role runs behind its walls" walled "$role"
	role "$role"
	for set in CapInh CapPrm CapEff CapAmb; do
		has "$set" 0+
	done
	has NoNewPrivs 1
	has Seccomp 2
	grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits" || fail "$role may dump core"
	uids+=$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' "/proc/$pid/status")$'\n'
	equal 3 "$(tr '\0' '\n' <"/proc/$pid/cmdline" | wc -l)" "arguments of $role"
	if [ "$(id -u)" = 0 ]; then
		equal "LANG PATH" "$(tr '\0' '\n' <"/proc/$pid/environ" | sed 's/=.*//' | sort | xargs)" \
		    "environment of $role"
		for fd in "/proc/$pid/fd/"*; do
			case $role:$(readlink "$fd") in
			*:socket:* | *:anon_inode:* | *:pipe:* | *:/dev/null) ;;
			*:"$work/renew.log" | keeper:"$state"*) ;;
			*) fail "$role has a descriptor of $(readlink "$fd")" ;;
			esac
		done
	fi
done
thaw_kamailio
wait "$starter" || fail "the run that was looked at ended with $?"
ok "every role: no capabilities, no new privileges, a filter, no core, a clean environment, its own descriptors"

if [ "$(id -u)" = 0 ]; then
	equal 4 "$(awk 'NF && $1 != 0 && $1 == $2 && $2 == $3 && $3 == $4 { print $1 }' <<<"$uids" | sort -u | wc -l)" \
	    "users of four roles, none of them root"
	owner=$(stat -c %u "$state")
	[ "$owner" != 0 ] || fail "the store is root's"
	equal "" "$(find "$state" ! -uid "$owner")" "files of others in the store"
	chown -R -h root "$state"
	run 0 renew --force
	equal "" "$(find "$state" ! -uid "$owner")" "files of root in a store that was restored"
	ok "as root: four users, and the store belongs to the keeper, also one that root has restored"
fi

run 0 check
for role in keeper control net answer; do
	says "walls: $role: user .*no capabilities|walls: keeper: user .*READ_SEARCH"
	says "walls: $role: .*files walled off.*system calls filtered"
done
run 0 status
says 'walls of the keeper: user .*Landlock'
ok "check and status say which walls are on"

# --- best effort: where the kernel lacks something, strict does nothing

cat >"$work/without" <<-'END'
	import ctypes, os, sys
	# a filter that answers EOPNOTSUPP to landlock_create_ruleset (444), and allows all else
	import struct
	code = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | 95), (0x06, 0, 0, 0x7fff0000)]
	filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
	program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters))
	libc = ctypes.CDLL(None, use_errno=True)
	libc.prctl(38, 1, 0, 0, 0)
	if libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) != 0:
	    sys.exit("no filter: %d" % ctypes.get_errno())
	os.execv(sys.argv[1], sys.argv[1:])
END
without() {
	local want=$1 rc=0
	shift
	python3 "$work/without" "$kamcert" -c "$conf" "$@" >"$out" 2>&1 </dev/null || rc=$?
	[ "$rc" = "$want" ] || fail "without Landlock: want exit code $want, have $rc"
}
before=$(version "$name")
without 11 renew --force
says 'Landlock'
says 'best-effort'
equal "$before" "$(version "$name")" "active version"
sed -i '1i sandbox = "best-effort"' "$conf"
without 0 renew --force
says 'no wall'
without 1 check
says 'FINDING: .*NOT walled off'
sed -i 1d "$conf"
ok "S17: without Landlock nothing is done, unless the operator allows it; check tells"

# --- a port that is handed over: no right is needed, even below 1024

cat >"$work/activate" <<-'END'
	import os, socket, sys
	address, port, uid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	s = socket.socket()
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.bind((address, port))
	s.listen(16)
	os.dup2(s.fileno(), 3)
	os.set_inheritable(3, True)
	if os.getuid() == 0:
	    os.setgroups([])
	    os.setgid(uid)
	    os.setuid(uid)
	os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
	os.execv(sys.argv[4], sys.argv[4:])
END
handed=$http_port user=$(id -u)
[ "$(id -u)" != 0 ] || handed=80 user=65533
stop "$responder_pid"
start_responder --http-port "$handed"
state=$work/activated
mkdir -m 700 "$state"
[ "$(id -u)" != 0 ] || chown "$user" "$state"
http_port=$handed hook='hook "program" { command = { "/bin/true" } }'
write_conf handed.example.org
chmod 644 "$conf"
mkdir "$work/programs"
install -m 755 "$build"/src/kamcert "$build"/src/kamcert-{keeper,net,answer,control,courier} "$work/programs"
python3 "$work/activate" "$addr" "$handed" "$user" "$work/programs/kamcert" -c "$conf" renew >"$out" 2>&1 ||
    fail "with a socket that was handed over: exit code $?"
equal 1 "$(version handed.example.org)" "active version"
equal "$user" "$(stat -c %u "$state/certs")" "owner of the store"
ok "without root: port $handed, opened by somebody else"

# --- users that are asked for over a socket, as those of LDAP and sssd

cat >"$work/nss.c" <<-END
	#include <errno.h>
	#include <nss.h>
	#include <pwd.h>
	#include <string.h>
	#include <sys/socket.h>
	#include <unistd.h>
	enum nss_status _nss_hesiod_getpwnam_r(const char *name, struct passwd *pw, char *room, size_t size,
	    int *error)
	{
	    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	    if (fd == -1) {
	        *error = errno;
	        return NSS_STATUS_UNAVAIL;
	    }
	    close(fd);
	    if (strcmp(name, "of-ldap") != 0)
	        return NSS_STATUS_NOTFOUND;
	    *pw = (struct passwd){ .pw_name = "of-ldap", .pw_passwd = "x", .pw_uid = 54321, .pw_gid = 54322,
	        .pw_gecos = "", .pw_dir = "/", .pw_shell = "/" };
	    return NSS_STATUS_SUCCESS;
	}
END
module=$(ldconfig -p | sed -n 's/.*libnss_hesiod.so.2 .*=> //p' | head -n 1)
if [ "$(id -u)" = 0 ] && [ -n "$module" ] && unshare -m true 2>/dev/null; then
	"${CC:-cc}" -shared -fPIC -o "$work/nss.so" "$work/nss.c"
	chmod 755 "$work/nss.so"
	sed 's/^\(passwd\|group\|initgroups\):.*/\1: files hesiod/' /etc/nsswitch.conf >"$work/nsswitch.conf"
	state=$work/ldap
	write_conf ldap.example.org
	# elsewhere CODE USER: a renewal for this user's files, where the module stands in for sssd's.
	elsewhere() {
		local rc=0
		sed -i "/^    user = /d; s|^certificate .*|&\n    user = \"$2\"|" "$conf"
		# shellcheck disable=SC2016
		unshare -m sh -c 'mount --bind "$1" "$2" && mount --bind "$3" /etc/nsswitch.conf && shift 3 && exec "$@"' \
		    x "$work/nss.so" "$module" "$work/nsswitch.conf" "$kamcert" -c "$conf" renew --force \
		    >"$out" 2>&1 </dev/null || rc=$?
		equal "$1" "$rc" "files for the user $2: exit code"
	}
	elsewhere 0 of-ldap
	equal "54321 54322" "$(stat -c '%u %g' "$state/certs/ldap.example.org/current/privkey.pem")" \
	    "owner and group of the key"
	elsewhere 10 not-of-ldap
	says 'user "not-of-ldap": the user data base does not answer'
	says '-> getent passwd not-of-ldap must find it'
	equal 1 "$(version ldap.example.org)" "active version"
	ok "a user whom only a socket knows, where the keeper has none: found; another one: told what to look at"
fi

# --- units

for unit in kamcert.service kamcert-daemon.service; do
	systemd-analyze security --offline=yes --threshold=15 "$top/etc/$unit" >"$out" 2>&1 ||
	    fail "$unit: $(grep Overall "$out")"
done
ok "units: exposure 1.5 or less"
