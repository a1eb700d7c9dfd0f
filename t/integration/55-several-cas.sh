#!/bin/bash
# A certificate from two CAs that have nothing in common, Pebble and our responder: the first of
# the list while it works, the other one when it does not, and never both for one failure that is
# this host's own.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
second=$directory second_port=$http_port
cp "$work/server.pem" "$work/second.pem"
cp "$work/roots.pem" "$work/second-roots.pem"
start_responder --retry-after 0
first_port=$http_port

# write_both LISTEN...: the configuration; what the CAs connect to is answered there.
write_both() {
	write_ca
	sed -i 's/^ca "test"/ca "first"/' "$conf"
	cat >>"$conf" <<-END

	ca "second" {
	    directory    = "$second"
	    agree-tos    = true
	    ca-file      = "$work/second.pem"
	    trust-bundle = "$work/second-roots.pem"
	}
	certificate "$name" {
	    names = { "$name" }
	    ca = { "first", "second" }
	    challenge "http-01" { listen = { $(printf '"%s", ' "$@" | sed 's/, $//') } }
	}
	END
}

# status_is FILTER WANT: of the certificate's row.
status_is() {
	local got
	got=$("$kamcert" -c "$conf" status --json 2>/dev/null | jq -r "$1" || :)
	equal "$2" "$got" "status: $1"
}
need jq

write_both "$addr:$((first_port + 1))"
run 11 renew --no-hooks
says "the CA could not connect"
equal "first" "$(ls "$state/accounts")" "accounts"
ok "a challenge that fails is not tried at the second CA, which hears nothing of us"

rm -rf "$state"
write_both "$addr:$first_port" "$addr:$second_port"
run 0 renew --no-hooks
equal "first" "$(ls "$state/accounts")" "accounts"
status_is .issued_by first
ok "the first CA of the list issues, and no account is made at the other"
run 1 check
says 'ca: first: https'
says 'ca: second: https'
says 'account: no account at second yet'
says 'chain: [0-9] certificates'
ok "check looks at both"

stop "$responder_pid"
run 10 renew --force --no-hooks
equal "first" "$(ls "$state/accounts")" "accounts"
status_is .failures 1
run 0 renew --force --no-hooks
says "first is held back until"
equal "first second" "$(ls "$state/accounts" | paste -sd ' ')" "accounts"
status_is .issued_by second
ok "the first is dead: the run after that goes on with the second, with an account of its own"
run 1 check
says 'ca: FINDING: first: .*no connection'
says 'ca: second: https'
says 'chain: [0-9] certificates'
ok "check finds the one that is dead, and judges what is installed by the roots of the other one"

rm -rf "$state"
run 0 renew --no-hooks
says "going on with second"
status_is .issued_by second
ok "with nothing installed, the same run does"

rm -rf "$state"
: >"$out"
setsid "$kamcert" -c "$conf" renew --no-hooks >"$out" 2>&1 </dev/null &
victim=$!
until_ok 20 "the second CA is at work" grep -q "going on with second" "$out"
kill -KILL -- "-$victim" 2>/dev/null || :
wait "$victim" 2>/dev/null || :
until_ok 10 "the killed run is gone" gone "$victim"
run 0 renew --no-hooks
! grep -q "first failed" "$out" || fail "the first was asked again"
status_is .issued_by second
ok "killed in between, the next run remembers that the first is held back"
