#!/bin/bash
# The manual and the help agree with the program: every command, option and exit code is in
# kamcert(8), and wrong command lines end with exit code 2.
. "$(dirname "$0")/lib.sh"

manual=$top/man/kamcert.8
start_words() {
	"$kamcert" --help | grep -oE -- "$1" | sort -u
}

for option in $(start_words '--[a-z][a-z-]*'); do
	grep -q -e "Fl -${option#--}" "$manual" || fail "kamcert(8) does not tell of $option"
done
for command in $("$kamcert" --help | awk '/^  [a-z]/ { print $1 }'); do
	grep -q -e "^.Cm $command" "$manual" || fail "kamcert(8) does not tell of $command"
	[ "$command" = daemon ] || run 2 "$command" --no-such-option
done
for code in 0 1 2 3 10 11 12 13 14; do
	grep -q "^.It $code Ta" "$manual" || fail "kamcert(8) does not tell of exit code $code"
	grep -q "^| $code |" "$top/README" || fail "README does not tell of exit code $code"
done
ok "every command, option and exit code is in the manual"

: >"$conf"
run 2 no-such-command
run 2
run 2 renew no-such-certificate
echo 'no-such-option = 1' >"$conf"
run 2 renew
says "$conf.*:1.*no-such-option"
rm "$conf"
run 2 renew
ok "wrong command lines and configurations are told with exit code 2"
