# shellcheck shell=bash
# lib.sh: what the integration tests and the demo share; sourced, never run.
#
# A script gets a private folder $work and a loopback address $addr of its own, so that scripts
# may run side by side, and starts what it needs with start_pebble, start_responder,
# start_kamailio, start_hold, start_proxy. Whatever it started ends with it. Servers run as users without rights when the
# script runs as root. Nothing sleeps for a fixed time: until_ok asks again until a deadline.
#
# from outside  top_builddir  where the programs are (default: the source folder)
#               CI, KAMCERT_CI  a missing component is a failure, not a skipped test
#               KAMCERT_KEEP    the private folder is not removed

set -euo pipefail
export LC_ALL=C
# A role that makes a forbidden system call ends, and its log says which.
export KAMCERT_SANDBOX=kill
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${top_builddir:-$top}
kamcert=$build/src/kamcert
work=$(mktemp -d "${TMPDIR:-/tmp}/kamcert.XXXXXX")
chmod 755 "$work"
addr=127.$((64 + ($$ >> 16))).$((($$ >> 8) & 255)).$(($$ & 255))
state=$work/state
conf=$work/kamcert.conf
out=$work/out
passed=0 failed=0
daemons=()
kam_user=$(id -un) ca_user=$(id -un)
if [ "$(id -u)" = 0 ]; then
	kam_user=kamailio ca_user=nobody
fi

# ---- judging -------------------------------------------------------------------------------

# ok SENTENCE: what has been shown.
ok() {
	passed=$((passed + 1))
	echo "ok: $*"
}

# fail SENTENCE: ends the script, with what is known.
fail() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	local log
	for log in "$out" "$work"/*.log; do
		[ -s "$log" ] || continue
		echo "--- last lines of ${log##*/}"
		tail -n 30 "$log" | tr '\0' '\n'
	done
	exit 1
}

# remember_keys: what the key files hold now is among the secrets from here on.
remember_keys() {
	find "$work" -maxdepth 7 -type f \( -name privkey.pem -o -name 'account.key*' \) \
	    -exec sed -n '/-----BEGIN/,/-----END/{/-----/d;p}' {} + 2>/dev/null |
	    awk 'length >= 40' >>"$work/secrets" || :
}

# secrets: all that are known; scripts add their own to the file.
secrets() {
	sort -u "$work/secrets" 2>/dev/null || :
}

# leaks FILE...: names those that have a secret in them; fails if none does.
leaks() {
	local found=1 file
	secrets >"$work/known"
	[ -s "$work/known" ] || return 1
	for file; do
		[ -s "$file" ] || continue
		if grep -aFqf "$work/known" "$file"; then
			echo "a secret in ${file##*/}"
			found=0
		fi
	done
	return "$found"
}

# need PROGRAM...: skips the script where one is missing, fails it in CI.
need() {
	local program
	for program; do
		command -v "$program" >/dev/null && continue
		echo "$program is missing; etc/setup installs it"
		[ -z "${CI-}${KAMCERT_CI-}" ] || fail "$program is missing"
		trap - EXIT
		rm -rf "$work"
		exit 77
	done
}

# equal WANT GOT WHAT
equal() {
	[ "$1" = "$2" ] || fail "$3: want '$1', have '$2'"
}

# says PATTERN: the last run of kamcert printed a line like this.
says() {
	grep -Eq -e "$1" "$out" || fail "kamcert did not print: $1"
}

# until_ok SECONDS WHAT COMMAND...: asks until the command succeeds.
until_ok() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "not in time: $what"
		read -r -t 0.05 <>"$work/never" || :
	done
}

# ms: milliseconds on a clock, for measuring.
ms() {
	echo $(($(date +%s%N) / 1000000))
}

# ---- running and ending --------------------------------------------------------------------

# start NAME USER COMMAND...: in a process group of its own; sets $pid. Log in $work/NAME.log.
start() {
	local name=$1 user=$2
	shift 2
	if [ "$user" != "$(id -un)" ]; then
		set -- setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
	fi
	setsid "$@" >>"$work/$name.log" 2>&1 </dev/null &
	pid=$!
	daemons+=("$pid")
}

# gone PID: nobody is left in this process group, but for dead ones that init has not buried.
gone() {
	sed 's/.*) //' /proc/[0-9]*/stat 2>/dev/null |
	    awk -v group="$1" '$3 == group && $1 != "Z" { left = 1 } END { exit left }'
}

# stop PID: ends a process group; gently for five seconds.
stop() {
	local end=$((SECONDS + 5)) p
	kill -TERM "$1" 2>/dev/null || :
	kill -CONT -- "-$1" 2>/dev/null || :
	while ! gone "$1" && [ "$SECONDS" -lt "$end" ]; do
		wait "$1" 2>/dev/null || :
		gone "$1" || read -r -t 0.05 <>"$work/never" || :
	done
	kill -KILL -- "-$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
	for p in "${!daemons[@]}"; do
		[ "${daemons[p]}" != "$1" ] || unset "daemons[p]"
	done
}

finish() {
	local rc=$? pid
	trap - EXIT INT TERM
	set +e
	for pid in "${daemons[@]}"; do
		stop "$pid"
	done
	# FAULTS S11: what is logged is safe to publish.
	remember_keys
	if grep -l 'PRIVATE KEY' "$out" "$work"/*.log 2>/dev/null || leaks "$out" "$work"/*.log; then
		echo "FAILED: a private key or another secret in a log"
		failed=$((failed + 1)) rc=1
	fi
	# A role that a sanitizer ends is not always missed by the others.
	if grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$out" "$work"/*.log 2>/dev/null; then
		echo "FAILED: a sanitizer's finding"
		failed=$((failed + 1)) rc=1
	fi
	# Nor one that its own walls end.
	if grep -a 'forbidden system call' "$out" "$work"/*.log 2>/dev/null; then
		echo "FAILED: a role made a system call that it may not make"
		failed=$((failed + 1)) rc=1
	fi
	[ "$rc" = 0 ] || [ "$failed" != 0 ] || failed=1
	[ "$((passed + failed))" = 0 ] || echo "$passed passed, $failed failed"
	if [ -n "${KAMCERT_KEEP-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
	exit "$rc"
}
[ -x "$kamcert" ] || {
	echo "$kamcert is missing: build first, and set top_builddir"
	rm -rf "$work"
	exit 1
}
mkfifo "$work/never"
trap finish EXIT
trap 'exit 130' INT TERM

# free_port: a port on which nobody answers; sets $port.
free_port() {
	port=$((20000 + SRANDOM % 12000))
	while (exec 3<>"/dev/tcp/$addr/$port") 2>/dev/null; do
		port=$((20000 + SRANDOM % 12000))
	done
}

answers() {
	(exec 3<>"/dev/tcp/$addr/$1")
}

# start_notify: a service manager's socket at $work/notify; what is told there is in notify.log, each
# message in one piece, in the order of arrival. Sets $notify_pid. Not socat's: of two messages at
# once it mixes the lines.
start_notify() {
	need python3
	: >"$work/notify.log"
	rm -f "$work/notify"
	start notify "$(id -un)" python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    os.write(1, s.recv(65536) + b"\n")' "$work/notify"
	notify_pid=$pid
	until_ok 10 "the notify socket is there" test -S "$work/notify"
}

# told PATTERN: the service manager was told a line like this.
told() {
	grep -Eq -e "$1" "$work/notify.log"
}

# ---- certificate authority -----------------------------------------------------------------

# make_server_cert: server.pem and server.key for HTTPS on $addr.
make_server_cert() {
	[ ! -e "$work/server.pem" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
	    -addext "subjectAltName=DNS:localhost,IP:$addr" -keyout "$work/server.key" \
	    -out "$work/server.pem" 2>/dev/null
	[ "$(id -u)" != 0 ] || chown "$ca_user" "$work/server.key"
}

# start_test_dns NAME ADDRESS OPTION...: Pebble's DNS server at this address and port.
start_test_dns() {
	local name=$1 address=$2 options=(-dns01)
	shift 2
	# What comes with newer releases of Pebble calls the option otherwise, and also serves HTTPS.
	case $(pebble-challtestsrv -h 2>&1) in
	*-dnsserver*) options=(-doh '' -dnsserver) ;;
	esac
	start "$name" "$ca_user" pebble-challtestsrv -http01 '' -https01 '' -tlsalpn01 '' \
	    "${options[@]}" "$address" "$@"
}

# start_pebble [NAME=VALUE...]: Pebble, with these in its environment, which finds every name at
# $addr (with $only_v6: at ::1) and looks for http-01 at $http_port. Sets $directory; the root it
# issues from is in $work/roots.pem, and $pebble_manage is where it shows others. With $eab_key it wants
# accounts to be bound by this key, "kid-1"; with $strict it is strict. $pebble_more are further
# members of its configuration, each with a comma behind it.
start_pebble() {
	need pebble pebble-challtestsrv curl openssl
	local listen manage dns eab=false
	[ -z "${eab_key-}" ] || eab="true, \"externalAccountMACKeys\": { \"kid-1\": \"$eab_key\" }"
	make_server_cert
	free_port; listen=$port
	free_port; manage=$port
	free_port; dns=$port
	free_port; http_port=$port
	cat >"$work/pebble.json" <<-END
	{ "pebble": { ${pebble_more-}
	    "listenAddress": "$addr:$listen", "managementListenAddress": "$addr:$manage",
	    "certificate": "$work/server.pem", "privateKey": "$work/server.key",
	    "httpPort": $http_port, "tlsPort": $http_port,
	    "ocspResponderURL": "", "externalAccountBindingRequired": $eab } }
	END
	free_port
	start_test_dns challtestsrv "$addr:$dns" -management "$addr:$port" \
	    -defaultIPv4 "${only_v6-$addr}" -defaultIPv6 "${only_v6+::1}"
	until_ok 10 "the test DNS answers" answers "$dns"
	directory=https://$addr:$listen/dir
	pebble_manage=https://$addr:$manage
	pebble_dns=$addr:$dns
	pebble_env=("$@")
	run_pebble
}

# run_pebble: the same one, which has forgotten everything if it ran before; it asks $pebble_dns.
run_pebble() {
	start pebble "$ca_user" env PEBBLE_VA_NOSLEEP=1 "${pebble_env[@]}" \
	    pebble ${strict+-strict} -config "$work/pebble.json" -dnsserver "$pebble_dns"
	pebble_pid=$pid
	until_ok 10 "Pebble answers" curl -fsS --cacert "$work/server.pem" "$directory"
	curl -fsS --cacert "$work/server.pem" -o "$work/roots.pem" "$pebble_manage/roots/0"
}

# start_responder [OPTION...]: our own test CA, with these options, which finds every name at $addr,
# and looks for http-01 at $http_port and for tls-alpn-01 at $tls_port. Sets $directory, and
# $control for steering it; roots.pem and server.pem are as with Pebble.
start_responder() {
	need curl openssl
	free_port; http_port=$port
	free_port; tls_port=$port
	mkdir -p "$work/ca"
	# The build folder may be closed to that user.
	install -m 755 "$build/src/kamcert-responder" "$work/ca/kamcert-responder"
	[ "$(id -u)" != 0 ] || chown "$ca_user" "$work/ca"
	: >"$work/responder.log"
	start responder "$ca_user" "$work/ca/kamcert-responder" --listen "$addr:0" \
	    --control "$addr:0" --http-port "$http_port" --tls-port "$tls_port" \
	    --resolve "*=$addr" --roots "$work/ca/roots.pem" --server-cert "$work/ca/server.pem" "$@"
	responder_pid=$pid
	until_ok 20 "the responder is ready" grep -q ^directory "$work/responder.log"
	directory=$(sed -n 's/^directory //p' "$work/responder.log")
	control=$(sed -n 's/^control //p' "$work/responder.log")
	cp "$work/ca/roots.pem" "$work/ca/server.pem" "$work"
}

# faults [RULE...]: the responder misbehaves in this way from now on, and in no other.
faults() {
	printf '%s\n' "$@" | curl -fsS --data-binary @- "$control/faults" ||
	    fail "the responder does not take the faults $*"
}

# txt NAME TEXT: the responder sees this TXT record; none if TEXT is empty.
txt() {
	curl -fsS --data-binary "$1=$2" "$control/txt" || fail "the responder does not take $1"
}

# start_proxy [FILTER]: a reverse proxy before the CA that logs a line per connection and
# request to proxy.log, and hands every certificate chain through the program FILTER. Moves
# $directory to it.
start_proxy() {
	local upstream=${directory#https://}
	make_server_cert
	free_port
	# The build folder may be closed to that user.
	install -m 755 "$build/t/integration/proxy" "$work/proxy"
	start proxy "$ca_user" "$work/proxy" "$addr:$port" "$work/server.pem" \
	    "$work/server.key" "${upstream%/dir}" "$@"
	proxy_pid=$pid
	directory=https://$addr:$port/dir
	until_ok 10 "the proxy answers" curl -fsS --cacert "$work/server.pem" "$directory"
}

# ---- Kamailio ------------------------------------------------------------------------------

# prepare_kamailio [FOLDER]: chooses folder, ports and control address; nothing runs yet.
prepare_kamailio() {
	need kamailio kamcmd openssl
	local modules
	modules=$(echo /usr/lib/*/kamailio/modules)
	kam=$work/${1-kam}
	rpc=unix:$kam/run/ctl
	free_port; sip_port=$port
	free_port; sips_port=$port
	free_port; ctl_tcp_port=$port
	free_port; ctl_udp_port=$port
	mkdir "$kam" "$kam/run"
	[ "$(id -u)" != 0 ] || chown "$kam_user:" "$kam/run"
	sed -e "s|@PREFIX@|$kam|g" -e "s|@MODULES@|$modules|" -e "s|@ADDR@|$addr|g" \
	    -e "s|@SIP@|$sip_port|" -e "s|@SIPS@|$sips_port|" -e "s|@CTL_TCP@|$ctl_tcp_port|" \
	    -e "s|@CTL_UDP@|$ctl_udp_port|" "$here/kamailio.cfg" >"$kam/kamailio.cfg"
}

# serve_from DIR: what Kamailio reads at its next start or reload.
serve_from() {
	sed "s|@CERT@|$1|" "$here/tls.cfg" >"$kam/tls.cfg.new"
	mv "$kam/tls.cfg.new" "$kam/tls.cfg"
}

# self_signed DIR: a certificate to begin with.
self_signed() {
	mkdir "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=before \
	    -keyout "$1/privkey.pem" -out "$1/fullchain.pem" 2>/dev/null
	chmod 644 "$1/privkey.pem"
}

# start_kamailio: sets $kam_pid; returns when it answers over binrpc and TLS. Shared memory is
# managed by $allocator, if set.
start_kamailio() {
	start kamailio "$kam_user" kamailio -f "$kam/kamailio.cfg" -DD -E -x "${allocator-fm}" -m 64 -M 8 \
	    -Y "$kam/run" -P "$kam/run/pid" -w "$kam/run"
	kam_pid=$pid
	until_ok 20 "Kamailio answers over binrpc" kamailio_answers
	until_ok 20 "Kamailio serves TLS" answers "$sips_port"
}

rpc() {
	kamcmd -s "$rpc" "$@"
}

kamailio_answers() {
	rpc core.version | grep -q kamailio
}

# freeze_kamailio, thaw_kamailio: all of its processes hang, and go on.
freeze_kamailio() {
	kill -STOP -- "-$kam_pid"
}

thaw_kamailio() {
	kill -CONT -- "-$kam_pid"
}

# loads: how often Kamailio has read its TLS configuration since it started.
loads() {
	grep -c 'TLSs<default>: tls_method=' "$work/kamailio.log" || :
}

# served [NAME]: SHA-256 of the leaf that openssl gets from Kamailio's listener.
served() {
	timeout 20 openssl s_client -connect "$addr:$sips_port" ${1:+-servername "$1"} </dev/null \
	    2>/dev/null | openssl x509 -noout -fingerprint -sha256
}

# installed NAME [VERSION]: the same of what is in the state folder.
installed() {
	local dir=current
	[ $# = 1 ] || dir=versions/$2
	openssl x509 -in "$state/certs/$1/$dir/cert.pem" -noout -fingerprint -sha256
}

# version NAME: number of the active version.
version() {
	local link
	link=$(readlink "$state/certs/$1/current")
	echo "${link#versions/}"
}

# start_hold N: N TLS connections to Kamailio that stay open.
start_hold() {
	mkfifo "$work/hold.in" "$work/hold.out"
	setsid "$build/t/integration/hold" "$addr" "$sips_port" "$1" \
	    <"$work/hold.in" >"$work/hold.out" 2>"$work/hold.log" &
	daemons+=("$!")
	exec 8>"$work/hold.in" 9<"$work/hold.out"
	local line
	read -r -t 60 line <&9 || fail "connections were not opened in time"
	equal "open $1" "$line" "held connections"
}

# held: how many of them still carry a SIP request and its answer.
held() {
	local line
	echo ping >&8
	read -r -t 60 line <&9 || fail "held connections did not answer in time"
	echo "${line#alive }"
}

# ---- systemd -------------------------------------------------------------------------------

need_systemd() {
	need dbus-daemon
	/usr/bin/python3 -c 'import dbus, gi' 2>/dev/null || need python3-dbus
}

# units LINE: what the systemd that is played says and does: see systemd.py.
units() {
	printf '%s\n' "$@" >"$work/units"
}

# start_systemd: systemd as systemd.py plays it, on a D-Bus of its own at $work/bus.
start_systemd() {
	cat >"$work/bus.conf" <<-END
	<busconfig>
	  <type>system</type>
	  <listen>unix:path=$work/bus</listen>
	  <policy context="default">
	    <allow user="*"/><allow own="*"/>
	    <allow send_destination="*"/><allow receive_sender="*"/>
	  </policy>
	</busconfig>
	END
	start dbus "$(id -un)" dbus-daemon --config-file="$work/bus.conf" --nofork
	until_ok 10 "D-Bus answers" test -S "$work/bus"
	start systemd "$(id -un)" env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/bus" \
	    /usr/bin/python3 "$here/systemd.py" "$work/units"
	until_ok 10 "the systemd that is played is on the bus" grep -q ready "$work/systemd.log"
}

# ---- kamcert -------------------------------------------------------------------------------

# write_ca: the configuration's head: state folder, and the CA that runs.
write_ca() {
	cat >"$conf" <<-END
	state-dir = "$state"

	ca "test" {
	    directory    = "$directory"
	    contact      = { "mailto:voip@example.org" }
	    agree-tos    = true
	    ca-file      = "$work/server.pem"
	    trust-bundle = "$work/roots.pem"
	}
	END
}

# add_cert NAME...: a section with one certificate, called after its first name. Challenge and
# hook are $challenge and $hook, if set, else http-01 by listener, and the Kamailio that runs.
add_cert() {
	local names default="listen = \"$addr:$http_port\""
	names=$(printf ', "%s"' "$@")
	cat >>"$conf" <<-END

	certificate "$1" {
	    names = { ${names#, } }
	    challenge "http-01" { ${challenge:-$default} }
	END
	if [ -n "${hook-}" ]; then
		printf '    %s\n}\n' "$hook" >>"$conf"
		return
	fi
	cat >>"$conf" <<-END
	    hook "kamailio" {
	        rpc    = "$rpc"
	        user   = "$kam_user"
	        verify = { "sips:$addr:$sips_port" }
	    }
	}
	END
}

write_conf() {
	write_ca
	add_cert "$@"
}

# run CODE ARGUMENT...: kamcert ends with this exit code. $out has what it printed, $took_ms
# how long it took.
run() {
	local want=$1 rc=0 begin
	shift
	begin=$(ms)
	timeout -k 5 180 "$kamcert" -c "$conf" "$@" >"$out" 2>&1 </dev/null || rc=$?
	took_ms=$(($(ms) - begin))
	cat "$out" >>"$work/kamcert.log"
	[ "$rc" = "$want" ] || fail "kamcert $*: want exit code $want, have $rc"
}
