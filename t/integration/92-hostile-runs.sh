#!/bin/bash
# What a CA does to more than one run (FAULTS section 2): time that it asked for, lifetimes, renewal
# information, external accounts, names that are not found, and being away.
. "$(dirname "$0")/lib.sh"
need jq

name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
start_responder --key-type ecdsa
write_conf "$name" example.org

# field NAME: of the certificate's status.
field() {
	"$kamcert" -c "$conf" status --json 2>/dev/null | jq -r ".$1"
}

# seconds FROM TO: between two of its times.
seconds() {
	echo $(($(date -d "$(field "$2")" +%s) - $(date -d "$(field "$1")" +%s)))
}

# of_ca NAME: a count of the CA's status.
of_ca() {
	curl -fsS "$control/status" | jq ".$1"
}

# within LEAST MOST HAVE WHAT
within() {
	[ "$3" -ge "$1" ] && [ "$3" -le "$2" ] || fail "$4: want $1 to $2, have $3"
}

run 0 renew
cp -a "$state" "$state.before"
again() {
	rm -rf "$state"
	cp -a "$state.before" "$state"
}

# FAULTS A05 to A08, A44: nothing is asked before that time, whoever starts kamcert.
while read -r rule least most; do
	rm -rf "$state"
	faults "$rule"
	codes="10 10"
	[ "$rule" != paused:/new-order ] || codes="11 11"
	run "${codes% *}" renew --force
	asked=$(of_ca requests)
	[ "$least" = 0 ] || within "$least" "$most" "$(seconds last_run due)" "$rule: seconds until the next attempt"
	if [ "$least" = 0 ]; then
		run "${codes#* }" renew
	else
		run "${codes#* }" renew --force
	fi
	equal "$asked" "$(of_ca requests)" "$rule: requests of a second run"
	ok "$rule: the second run asks nothing"
done <<-END
	rate-limited:/new-order 3580 3620
	rate-limited-date:/new-order 3580 3620
	retry-after-huge:/new-order 86000 86420
	retry-after-9999:/new-order 86000 86420
	unavailable:/dir 60 600
	paused:/new-order 0 0
END
for rule in missing zero negative text; do
	rm -rf "$state"
	faults "retry-after-$rule:/new-order"
	run 10 renew --force
	within 30 86400 "$(seconds last_run due)" "retry-after-$rule: seconds until the next attempt"
done
ok "A07: without a time that makes sense, the table of back-offs"

# FAULTS A30 and T09: half of a short lifetime, else the smaller of 30 days and a third before the end.
while read -r rule lifetime before; do
	rm -rf "$state"
	faults "$rule" directory-no-renewal
	run 0 renew
	issued=$(of_ca certificates)
	within $((before - 7200)) $((before + 7200)) "$(seconds due not_after)" "$rule: seconds from due to the end"
	[ "$lifetime" -gt 7200 ] || within $((before - 2)) $((before + 2)) "$(seconds due not_after)" "$rule: due"
	run 0 renew
	run 0 renew
	equal "$issued" "$(of_ca certificates)" "$rule: certificates after two runs more"
done <<-END
	lifetime-5m 300 150
	lifetime-24h 86400 43200
	lifetime-160h 576000 288000
	lifetime-398d 34387200 2592000
	lifetime-10y 315360000 2592000
END
ok "A30: lifetimes from five minutes to ten years, and no renewal too much"

# FAULTS A42: whatever it says, it is renewed before the end, and not again and again.
for rule in 404 missing reversed past future retry-0 retry-10y no-retry; do
	again
	faults "renewal-$rule"
	issued=$(of_ca certificates)
	for i in 1 2 3; do
		run 0 renew
	done
	within 0 1 $(($(of_ca certificates) - issued)) "renewal-$rule: certificates by three runs"
	[ "$(seconds due not_after)" -gt 0 ] || fail "renewal-$rule: due after the end"
done
ok "A42: renewal information that is missing, absurd or hasty"

# FAULTS A40: another directory in each run.
again
faults directory-moved
run 11 renew --force
faults
run 0 renew --force
ok "A40: the directory is read anew by the next run"

# FAULTS A47, L01: the CA is gone.
rm -rf "$state"
stop "$responder_pid"
last=0
for i in 1 2 3; do
	run 10 renew --force
	equal "$i" "$(field failures)" "failures in a row"
	delay=$(seconds last_run due)
	[ "$delay" -gt "$last" ] || fail "the $i. failure: $delay seconds, after $last"
	last=$delay
done
run 10 renew
[ "$took_ms" -lt 5000 ] || fail "a run that is held back took $took_ms ms"
equal 3 "$(field failures)" "failures in a row"
ok "A47: a CA that is gone is asked less and less often ($last s after three failures)"

# FAULTS A21: names that nobody knows, a family of addresses that is dead, proxies.
start_responder --key-type ecdsa --listen 127.0.0.1:0
directory=https://nobody.kamcert.invalid/dir
rm -rf "$state"
write_conf "$name"
run 10 renew
says 'nobody.kamcert.invalid'
[ "$took_ms" -lt 60000 ] || fail "it took $took_ms ms"
directory=$(sed -n 's/^directory //p' "$work/responder.log")
directory=https://localhost:${directory##*:}
write_conf "$name"
rm -rf "$state"
export https_proxy=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 ALL_PROXY=socks5://127.0.0.1:1
run 0 renew
[ "$took_ms" -lt 15000 ] || fail "it took $took_ms ms"
unset https_proxy http_proxy ALL_PROXY
stop "$responder_pid"
ok "A21: an unknown name is RETRY; localhost that has no IPv6 is found; proxies of the environment are passed by"

# FAULTS A39: external accounts.
secret=c2VjcmV0LXNlY3JldC1zZWNyZXQ
start_responder --key-type ecdsa --eab key-1=$secret --eab-required
rm -rf "$state"
write_conf "$name"
run 11 renew
says "external account|eab-kid"
eab() {
	echo "$2" >"$work/eab"
	chmod 600 "$work/eab"
	rm -rf "$state"
	write_conf "$name"
	sed -i "s|agree-tos .*|&\n    eab-kid = \"$1\"\n    eab-key-file = \"$work/eab\"|" "$conf"
}
eab key-1 bm90LXRoZS1zZWNyZXQtYXQtYWxs
run 11 renew
eab key-2 $secret
run 11 renew
eab key-1 $secret
faults eab-used:/new-account
run 11 renew
equal 0 "$(of_ca accounts)" "accounts at the CA"
faults
rm -rf "$state"
run 0 renew
equal 1 "$(of_ca accounts)" "accounts at the CA"
! grep -qr -e "$secret" -e bm90LXRoZS1zZWNyZXQ "$work/kamcert.log" "$state" || fail "the HMAC key was shown"
ok "A39: no external account, a wrong one, a used one, and the right one; the key is nowhere"
