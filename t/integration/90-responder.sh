#!/bin/bash
# kamcert against our own CA: issue, renewal that names its predecessor, then every fault that the
# CA has, each with the outcome, time, requests and memory of its row of FAULTS section 2, while
# what is installed stays as it is, bit by bit. Memory (FAULTS V6, A13, A14, A28, A41, A45) is that of
# the largest process of the run, whichever role it has: starter, keeper, net or answer.
#
# The rows are dealt to a few workers, each with a CA, a state folder and ports of its own: most of
# the time of a hostile CA is spent waiting.
. "$(dirname "$0")/lib.sh"
need sha256sum
[ -x /usr/bin/time ] || need /usr/bin/time

name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
whole=$work
workers=${WORKERS:-8}
memory_kib=65536
if grep -q __asan_init "$kamcert" && command -v nm >/dev/null; then
	memory_kib=0		# sanitizers need many times as much
fi

# as_worker N: from here on, files, CA and kamcert of the N-th.
as_worker() {
	work=$whole/$1 state=$whole/$1/state conf=$whole/$1/kamcert.conf out=$whole/$1/out
	before=$state.before
}

# digest of all that is installed, and of the account.
digest() {
	(cd "$state" && find certs/*/current certs/*/versions -printf '%p %l %m\n' &&
	    find certs/*/versions accounts/*/account.* -type f -exec sha256sum {} +) | sort | sha256sum
}

prepare() {
	as_worker "$1"
	mkdir -m 755 "$work"
	mkfifo "$work/never"
	start_responder --profile classic=90d --key-type ecdsa
	write_conf "$name" example.org
	run 0 renew --no-hooks
	run 0 renew --force --no-hooks
	equal versions/2 "$(readlink "$state/certs/$name/current")" "current"
	cp -a "$state" "$before"
	digest >"$work/digest"
}

# status OF: a number of the CA's status.
status() {
	curl -fsS "$control/status" | grep -o "\"$1\":[0-9]*" | head -n 1 | grep -o '[0-9]*$'
}

# measured SECONDS: a renewal by force; sets $rc, $took_ms and $kib, the memory of the largest process.
measured() {
	local begin
	begin=$(ms) rc=0
	/usr/bin/time -q -f %M -o "$work/kib" timeout --foreground -k 20 "$1" "$kamcert" -c "$conf" renew \
	    --force --no-hooks >"$out" 2>&1 </dev/null || rc=$?
	took_ms=$(($(ms) - begin))
	kib=$(tail -n 1 "$work/kib")
	cat "$out" >>"$work/kamcert.log"
}

# row LINE: one line of the file of faults.
row() {
	local codes id most_ms strikes rules words seconds=90 struck accounts
	IFS='|' read -r codes id most_ms strikes rules words <<<"$1"
	rm -rf "$state"
	cp -a "$before" "$state"
	# Predecessors are named in rows of their own: in this state folder they are replaced only once.
	case $id in
	A4[023]) ;;
	*) rules+=" directory-no-renewal" ;;
	esac
	# shellcheck disable=SC2086
	faults $rules
	accounts=$(status accounts)
	[ "$codes" != 124 ] || seconds=5
	measured "$seconds"
	struck=$(status struck)
	if [ -n "${OBSERVE-}" ]; then
		echo "$rc|$id|$took_ms|$struck|$rules|$kib $(grep -v '^  ->' "$out" | head -c 300 | head -n 1)"
		return
	fi
	case ",$codes," in
	*",$rc,"*) ;;
	*) fail "$id $rules: want exit code $codes, have $rc" ;;
	esac
	grep -Eq -e "$words" "$out" || [ "$rc" = 0 ] || fail "$id $rules: kamcert did not print: $words"
	[ "$took_ms" -le "$most_ms" ] || fail "$id $rules: it took $took_ms ms, want at most $most_ms"
	[ "$struck" -ge 1 ] || [ "$strikes" = 99 ] || fail "$id $rules: the fault did not strike"
	[ "$struck" -le "$strikes" ] || fail "$id $rules: $struck requests met it, want at most $strikes"
	[ "$kib" -le "$memory_kib" ] || [ "$memory_kib" = 0 ] ||
	    fail "$id $rules: $kib KiB, want at most $memory_kib"
	equal "$accounts" "$(status accounts)" "$id $rules: accounts at the CA"
	# FAULTS A45, S12: what the CA says does not reach the terminal as it is.
	! grep -q '[^[:print:]]' "$out" || fail "$id $rules: control characters in the output"
	! grep -q '.\{1500\}' "$out" || fail "$id $rules: a line of more than 1500 characters"
	if [ "$rc" = 0 ]; then
		equal versions/3 "$(readlink "$state/certs/$name/current")" "$id $rules: current"
	else
		equal "$(cat "$work/digest")" "$(digest)" "$id $rules: what is installed"
	fi
	ok "$id $rules: exit code $rc, $took_ms ms, $struck times, $kib KiB"
}

# work_off N: rows that nobody has taken yet.
work_off() {
	local line n=0 bad=0
	as_worker "$1"
	control=$(sed -n 's/^control //p' "$work/responder.log")
	while read -r line; do
		n=$((n + 1))
		[ -n "$line" ] && mkdir "$whole/row.$n" 2>/dev/null || continue
		(row "$line") || bad=1
	done <"$whole/rows"
	return "$bad"
}

for ((i = 0; i < workers; i++)); do
	prepare "$i"
done
as_worker 0
openssl verify -CAfile "$work/roots.pem" -untrusted "$state/certs/$name/current/chain.pem" \
    "$state/certs/$name/current/cert.pem" >/dev/null || fail "openssl rejects the chain"
curl -fsS "$(sed -n 's/^control //p' "$work/responder.log")/certs/0" | grep -q '"replaced":true' ||
    fail "the order did not name its predecessor"
ok "issued, renewed, and the first certificate is marked as replaced (RFC 9773)"

# FAULTS I11: on loopback only, and never as root unless told.
refused() {
	local rc=0
	timeout -k 5 10 "$whole/0/ca/kamcert-responder" "$@" >"$whole/refused" 2>&1 || rc=$?
	equal 2 "$rc" "exit code of kamcert-responder $*"
}
refused --allow-root --listen 0.0.0.0:0
refused --allow-root --listen '[::]:0'
refused --allow-root --control 0.0.0.0:0
[ "$(id -u)" != 0 ] || refused --listen 127.0.0.1:0
ok "I11: the test CA listens on loopback only, and not as root"

grep -v '^#' "$top/t/integration/faults" >"$whole/rows"
"$whole/0/ca/kamcert-responder" --list-faults | sed 's/ .*//' | sort >"$whole/all"
cut -d '|' -f 5 "$whole/rows" | tr ' ' '\n' | sed 's/[@:].*//' | sort -u |
    comm -13 - "$whole/all" >"$whole/missing"
[ ! -s "$whole/missing" ] || fail "no row for $(tr '\n' ' ' <"$whole/missing")"

pids=()
for ((i = 0; i < workers; i++)); do
	(work_off "$i") >"$whole/$i.rows" 2>&1 &
	pids+=("$!")
done
for i in "${!pids[@]}"; do
	wait "${pids[i]}" || failed=$((failed + 1))
	cat "$whole/$i.rows"
	passed=$((passed + $(grep -c '^ok: ' "$whole/$i.rows" || :)))
done
work=$whole
[ "$failed" = 0 ] || exit 1
[ -n "${OBSERVE-}" ] || equal "$(grep -c . "$whole/rows")" "$((passed - 2))" "rows worked off"

as_worker 0
control=$(sed -n 's/^control //p' "$work/responder.log")
faults
run 0 renew --force --no-hooks
work=$whole
ok "with the faults gone, it renews"
