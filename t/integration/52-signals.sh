#!/bin/bash
# TERM and INT in each of 12 phases of a renewal (FAULTS P03), storms of other signals (P04), standard
# streams that are closed or full (P09): what is active is one whole version at any time (V1), and
# one more run converges (V4).
. "$(dirname "$0")/lib.sh"

need jq
name=sip.example.org
start_responder --key-type ecdsa
prepare_kamailio

# Behind Kamailio comes a program that does as it is told: ends, or fails but for the way back, and
# waits before its end.
mkfifo "$work/go"
cat >"$work/program" <<-END
	#!/bin/sh
	read -r mode <"$work/mode"
	case \$mode:\$KAMCERT_EVENT in
	fail:rollback | wait:*) : >"$work/reached"; read -r go <"$work/go" ;;
	fail:*) exit 1 ;;
	esac
END
chmod 755 "$work/program"
write_conf "$name"
sed -i "s|^    hook \"kamailio\".*|&\n        settle = 3s|; \$s|.*|    hook \"program\" { command = { \"$work/program\" } }\n}|" "$conf"
echo end >"$work/mode"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload

# whole WHAT: key, leaf and chain of the active version belong together, and openssl accepts them.
whole() {
	local dir=$state/certs/$name/current
	equal "$(openssl x509 -in "$dir/cert.pem" -noout -pubkey)" \
	    "$(openssl pkey -in "$dir/privkey.pem" -pubout)" "$1: public key of the active version"
	openssl verify -CAfile "$work/roots.pem" -untrusted "$dir/chain.pem" "$dir/cert.pem" \
	    >/dev/null || fail "$1: openssl rejects the active version"
	cat "$dir/cert.pem" "$dir/chain.pem" | cmp -s - "$dir/fullchain.pem" ||
	    fail "$1: fullchain.pem is not cert.pem and chain.pem"
}

# begin ARGUMENT...: kamcert in a session of its own; sets $pid.
begin() {
	: >"$out"
	rm -f "$work/reached"
	setsid "$kamcert" -c "$conf" "$@" >"$out" 2>&1 </dev/null &
	pid=$!
}

struck() {
	[ "$(curl -fsS "$control/status" | jq '[.faults[].struck] | add')" -ge 1 ]
}

# reached PHASE: the run is in it.
reached() {
	case $1 in
	preflight | verify) grep -q "\"event\":\"start\".*\"step\":\"$1\"" "$out" ;;
	reload | "roll back") [ -e "$work/reached" ] ;;
	*) struck ;;
	esac
}

# interrupted SIGNAL PHASE SECONDS CODES [OPTION]: a renewal that gets it in this phase, and TERM besides.
interrupted() {
	local rc=0 begin before what="$1 in the phase \"$2\""
	before=$(version "$name")
	begin --json -v renew --force ${5:+"$5"}
	until_ok 60 "$what: it is reached" reached "$2"
	begin=$(ms)
	kill -s "$1" "$pid"
	# As from timeout(1), or a key at a terminal, to the whole group.
	kill -s TERM -- "-$pid" 2>/dev/null || :
	# The step that cannot be left goes on, and is finished.
	[ ! -e "$work/reached" ] || echo >"$work/go"
	until_ok $(($3 + 1)) "$what: all have ended" gone "$pid"
	took_ms=$(($(ms) - begin))
	wait "$pid" || rc=$?
	cat "$out" >>"$work/kamcert.log"
	[ "$took_ms" -le $(($3 * 1000)) ] || fail "$what: it took $took_ms ms"
	[[ ,$4, = *,$rc,* ]] || fail "$what: exit code $rc"
	[ "$rc" = 0 ] || equal "$before" "$(version "$name")" "$what: active version"
	whole "$what"
	[ -z "${5-}" ] || return 0
	thaw_kamailio
	serve_from "$state/certs/$name/current"
	equal "$(installed "$name")" "$(served "$name")" "$what: certificate served"
}

# again: nothing is in the way any more.
again() {
	faults
	echo end >"$work/mode"
	run 0 renew --force ${1:+"$1"}
}

# What the CA is asked for: it has the question, and the answer does not come.
phases=0
while IFS='|' read -r phase rules; do
	for signal in TERM INT; do
		# shellcheck disable=SC2086
		faults $rules
		interrupted "$signal" "$phase" 5 10 --no-hooks
		again --no-hooks
	done
	phases=$((phases + 1))
done <<-END
	directory|stall-header:/dir
	nonce|stall-header:/new-nonce
	order|stall-header:/new-order
	authorization|stall-header:/authz
	challenge|stall-header:/chall
	wait|order-pending order-not-ready:/finalize
	finalize|stall-header:/finalize
	certificate|stall-header:/cert
END
again
equal "$(installed "$name")" "$(served "$name")" "certificate served"
# And the server: one that hangs, that is slow, that serves the old one, and that is led back.
while IFS='|' read -r phase seconds code; do
	for signal in TERM INT; do
		case $phase in
		preflight) freeze_kamailio ;;
		reload) echo wait >"$work/mode" ;;
		verify) serve_from "$state/certs/$name/versions/$(version "$name")" ;;
		"roll back") echo fail >"$work/mode" ;;
		esac
		interrupted "$signal" "$phase" "$seconds" "$code"
	done
	again
	equal "$(installed "$name")" "$(served "$name")" "$phase: certificate served by the next run"
	phases=$((phases + 1))
done <<-END
	preflight|3|10
	reload|30|0
	verify|30|13
	roll back|30|13
END
equal 12 "$phases" "phases"
ok "P03: TERM and INT in each of $phases phases, and TERM once more: ended in time, whole, served"

# --- P04

# storm TARGET: 1000 signals while a run is under way; kill's way to write a process or a group.
storm() {
	local i signal
	for ((i = 0; i < 50; i++)); do
		for signal in HUP PIPE CHLD USR1 HUP PIPE CHLD USR1 HUP PIPE CHLD USR1 HUP PIPE CHLD \
		    USR1 HUP PIPE CHLD USR1; do
			kill -s "$signal" -- "$1" 2>/dev/null || :
		done
		read -r -t 0.02 <>"$work/never" || :
	done
}

start daemon "$(id -un)" "$kamcert" -c "$conf" daemon
daemon_pid=$pid
until_ok 10 "the daemon is there" grep -q 'daemon started' "$work/daemon.log"
before=$(version "$name")
sed -i "s|names = { \"$name\"|& , \"more.example.org\"|" "$conf"
storm "$daemon_pid"
renewed() {
	[ "$(version "$name")" -gt "$before" ] && [ "$(installed "$name")" = "$(served "$name")" ]
}
until_ok 30 "the new configuration is in use" renewed
kill -0 "$daemon_pid" || fail "the daemon has ended"
whole "a storm of signals to the daemon"
stop "$daemon_pid"
for target in "" -; do
	begin renew --force
	storm "$target$pid"
	until_ok 30 "the run has ended" gone "$pid"
	wait "$pid" || :
	cat "$out" >>"$work/kamcert.log"
	whole "a storm of signals to ${target:+the group of }a run"
	run 0 renew
	run 0 renew --force
	equal "$(installed "$name")" "$(served "$name")" "certificate served"
done
ok "P04: 1000 HUP, PIPE, CHLD and USR1: the daemon lives and renews, a run leaves nothing by halves"

# --- P09

# streams COMMANDS: a renewal behind these redirections.
streams() {
	local before rc=0
	before=$(version "$name")
	(eval "exec $1"; exec "$kamcert" -c "$conf" -v renew --force) || rc=$?
	equal 0 "$rc" "$1: exit code"
	[ "$(version "$name")" -gt "$before" ] || fail "$1: nothing new"
	whole "$1"
}
hook='hook "program" { command = { "/bin/true" } }' write_conf "$name"
for in in "0<&0" "0<&-"; do
	for out_ in ">>$work/kamcert.log" "1>&-"; do
		for err in "2>>$work/kamcert.log" "2>&-"; do
			streams "$in $out_ $err"
		done
	done
done
for full in "1>/dev/full" "2>/dev/full" "1>/dev/full 2>&1" "0<&- 1>&- 2>/dev/full"; do
	streams "$full"
done
run 0 check
ok "P09: standard streams closed in 8 ways, and full in 4: renewed, and no file has foreign octets"
