#!/bin/bash
# A clock that nobody has set yet when kamcert starts: 1970, or far ahead (FAULTS T02); a certificate
# that begins in a moment (T06); and an order that never ends by itself (V5). What a role takes for the
# time is made up by faketime.
. "$(dirname "$0")/lib.sh"

need faketime jq
name=sip.example.org
hook='hook "program" { command = { "/bin/true" } }'
library=$(faketime now printenv LD_PRELOAD)
# A library that comes in from outside makes calls that a role does not.
unset KAMCERT_SANDBOX

# The roles are started by scripts of ours, from a folder of ours.
bin=$work/bin
mkdir "$bin"
cp "$build/src/kamcert" "$bin"
kamcert=$bin/kamcert

# clock TIME ROLE...: they live at this time, as faketime writes it; the others at the true one.
clock() {
	local role preload time=$1
	shift
	for role in keeper net answer control courier; do
		preload=
		case " $* " in
		*" $role "*) preload="LD_PRELOAD='$library' FAKETIME='$time' ${only_wall-}" ;;
		esac
		rm -f "$bin/kamcert-$role"
		printf '#!/bin/sh\nexec env %s %s "$@"\n' "$preload" "$build/src/kamcert-$role" \
		    >"$bin/kamcert-$role"
		chmod 755 "$bin/kamcert-$role"
	done
	# By the true time, the starter would find that nothing is due.
	rm -f "$state/index"
}

of_ca() {
	curl -fsS "$control/status" | jq ".$1"
}

# --- T02

clock now
start_responder --key-type ecdsa
write_conf "$name"
run 0 renew
active=$(installed "$name") asked=$(of_ca requests)
only_wall=FAKETIME_DONT_FAKE_MONOTONIC=1
for time in '@1970-01-01 00:01:00' '@2023-12-31 23:00:00' '-3d'; do
	clock "$time" keeper net
	run 11 renew
	says 'HOLD: clock: it says .*, which is before'
	run 11 renew --force
done
equal "$asked" "$(of_ca requests)" "requests of the CA"
equal "$active" "$(installed "$name")" "what is installed"
clock now
run 0 renew
equal "" "$(cat "$out")" "output of a run with the clock set"
ok "T02: a clock of 1970, of before the build, of before the certificate: HOLD, and no request"

clock '@2100-01-01 00:00:00' keeper net
run 10 renew --force
says 'certificate is not good'
says "is this host's clock right"
equal "$active" "$(installed "$name")" "what is installed"
equal 1 "$(of_ca certificates)" "certificates of the CA"
clock now
run 0 renew
run 0 renew --force
equal 2 "$(of_ca certificates)" "certificates of the CA"
ok "T02: a clock of 2100: RETRY with the cause, and once it is set all is as before"

# --- T06

# The CA's certificates begin an hour ago, by a clock that is ahead of ours.
clock -3603s keeper
before=$(version "$name")
run 0 renew --force
[ "$took_ms" -ge 2000 ] || fail "installed after $took_ms ms, before it is valid"
[ "$(version "$name")" -gt "$before" ] || fail "nothing new"
ok "T06: a certificate that begins in 3 seconds is installed then (after $took_ms ms)"

# --- V5

active=$(installed "$name")
unset only_wall
faults order-pending order-not-ready:/finalize
clock '+0 x600' keeper
run 10 renew --force
says 'RETRY: .*15 minutes'
[ "$took_ms" -lt 30000 ] || fail "15 minutes of a clock 600 times as fast took $took_ms ms"
equal "$active" "$(installed "$name")" "what is installed"
faults
clock now
run 0 renew --force
ok "V5: an order without end is given up after 15 minutes"
