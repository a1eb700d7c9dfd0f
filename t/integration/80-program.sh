#!/bin/bash
# An operator's program as a hook: argument vector, data on standard input, its own user, and
# what its exit status means.
. "$(dirname "$0")/lib.sh"

need jq
name=sip.example.org
mkdir "$work/told"
[ "$(id -u)" != 0 ] || chown "$kam_user" "$work/told"
cat >"$work/hook" <<-END
	#!/bin/sh
	printf '%s\n' "\$@" >"$work/told/arguments"
	id -un >"$work/told/user"
	env >"$work/told/environment"
	cat >"$work/told/input"
	exit \$(cat "$work/status")
END
chmod 755 "$work/hook"
echo 0 >"$work/status"
hook="hook \"program\" { command = { \"$work/hook\", \"one two\", \"\$(id)\" } user = \"$kam_user\" }"
start_pebble
write_conf "$name" example.org

run 0 renew
equal "one two
\$(id)" "$(cat "$work/told/arguments")" "arguments"
equal "$kam_user" "$(cat "$work/told/user")" "user"
jq -e . "$work/told/input" >/dev/null || fail "standard input is not JSON"
grep -q "$state/certs/$name/current" "$work/told/input" || fail "the input does not name the folder"
! grep -q 'PRIVATE KEY' "$work/told/input" || fail "a key was handed to the program"
! grep -qi '^HOME=/root\|TOKEN\|SECRET' "$work/told/environment" || fail "environment handed on"
ok "called without a shell, as its user, with JSON on standard input"

echo 1 >"$work/status"
run 13 renew --force
equal 1 "$(version "$name")" "active version"
equal rollback "$(sed -n 's/^KAMCERT_EVENT=//p' "$work/told/environment")" "event"
ok "a program that fails: rolled back, and told so"
