#!/bin/bash
# kill -9 after each request of a run of three certificates, then one more run: there is never a
# second certificate for one of them (FAULTS L08, V8). And a CA that refuses half of all nonces.
. "$(dirname "$0")/lib.sh"

start_pebble
start_proxy
hook='hook "program" { command = { "/bin/true" } }'

# requests: that the CA was sent so far; issued: certificates that it made.
requests() {
	grep -c ^request "$work/proxy.log" || :
}
issued() {
	grep -c 'Issued certificate serial' "$work/pebble.log" || :
}
has_seen() {
	[ "$(requests)" -ge "$1" ]
}

killed=0
for ((n = 1; n < 40; n += 4)); do
	rm -rf "$state"
	write_ca
	for i in 1 2 3; do
		add_cert "c$i.k$n.example.org"
	done
	before=$(issued) first=$(requests)
	setsid "$kamcert" -c "$conf" renew --jobs 3 >"$out" 2>&1 </dev/null &
	victim=$!
	until has_seen "$((first + n))" || gone "$victim"; do
		read -r -t 0.002 <>"$work/never" || :
	done
	gone "$victim" || killed=$((killed + 1))
	kill -KILL -- "-$victim" 2>/dev/null || :
	wait "$victim" 2>/dev/null || :
	until_ok 10 "the killed run is gone" gone "$victim"
	run 0 renew --jobs 3
	equal 3 "$(($(issued) - before))" "certificates issued when killed after $n requests"
	for i in 1 2 3; do
		equal 1 "$(version "c$i.k$n.example.org")" "version of c$i.k$n"
	done
done
[ "$killed" -ge 6 ] || fail "only $killed runs were killed"
ok "killed after each fourth request ($killed times): three certificates, never one more"

stop "$proxy_pid"
stop "$pebble_pid"
start_pebble PEBBLE_WFE_NONCEREJECT=50
rm -rf "$state"
write_conf half.example.org
before=$(issued)
for ((n = 1; n <= 25; n++)); do
	rc=0
	timeout -k 5 60 "$kamcert" -c "$conf" renew --force --no-hooks >"$out" 2>&1 </dev/null || rc=$?
	[ "$rc" != 0 ] || break
	equal 10 "$rc" "exit code of a run that meets too many refusals"
done
equal 0 "$rc" "exit code of run $n"
equal 1 "$(($(issued) - before))" "certificates issued"
ok "half of all nonces refused: RETRY until run $n, and one certificate"
