#!/bin/bash
# FAULTS V7, S10, S11: with everything switched on that talks, nothing secret leaves the store: not
# in logs, output, arguments, environment, temporary files or file modes; nor by way of the daemon, in
# what it logs, tells the service manager and writes beside the keys.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
eab_key=$(head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d =)
echo "$eab_key" >"$work/eab.key"
chmod 600 "$work/eab.key"
start_pebble
export PROXY_RECORD=$work/record
: >"$work/record"
chmod 666 "$work/record"
start_proxy
hook='hook "program" { command = { "/bin/cat" } }'
write_ca
sed -i "s|^    agree-tos.*|&\n    staging = \"$directory\"\n    eab-kid = \"kid-1\"\n    eab-key-file = \"$work/eab.key\"|" "$conf"
add_cert "$name" example.org

# What the processes show to others, for as long as there are any.
sample() {
	local process
	while [ -d "$work" ] && [ ! -e "$work/sampled" ]; do
		for process in $(pgrep -f "$build/src/kamcert|^kamcert-" || :); do
			cat "/proc/$process/cmdline" "/proc/$process/environ"
		done >>"$work/processes.log" 2>/dev/null || :
		read -r -t 0.01 <>"$work/never" || :
	done
}
sample &
sampler=$!

talk() {
	local want=$1
	shift
	run "$want" "$@"
	cat "$out" >>"$work/talk.log"
	remember_keys
}
talk 0 -v account register
talk 0 -v renew
talk 0 --json -v renew --force
talk 0 --json -v account rollover
talk 0 -v account show
talk 0 --json status
talk 0 --json check
talk 0 -v reload
talk 0 -v rollback "$name"
talk 0 -v renew --dry-run

# The daemon renews by itself, because another key is wanted, and again with another configuration; a
# broken one is told.
renewed() {
	[ "$(version "$name")" -gt "$1" ] && told '^STATUS=1 certificates, next at 20'
}
start_notify
before=$(version "$name")
sed -i "s|names = .*|&\n    key = \"ecdsa-p384\"|" "$conf"
start daemon "$(id -un)" env NOTIFY_SOCKET="$work/notify" WATCHDOG_USEC=1000000 "$kamcert" -c "$conf" -v daemon
daemon_pid=$pid
until_ok 60 "the daemon has renewed" renewed "$before"
remember_keys
before=$(version "$name")
: >"$work/notify.log"
sed -i 's|ecdsa-p384|rsa-2048|' "$conf"
kill -HUP "$daemon_pid"
until_ok 60 "the daemon has renewed again" renewed "$before"
remember_keys
cp "$conf" "$work/good.conf"
echo "eab-key-file = nonsense" >>"$conf"
kill -HUP "$daemon_pid"
until_ok 20 "the broken configuration is told" told 'STATUS=.*configuration has errors'
mv "$work/good.conf" "$conf"
grep -q '^Max core file size  *0  *0 ' "/proc/$daemon_pid/limits" || fail "the daemon may dump core"
cp "$state/index" "$work/index.seen"
stop "$daemon_pid"
stop "$notify_pid"

talk 0 --json -v revoke "$name"
talk 0 -v account deactivate
: >"$work/sampled"
wait "$sampler"

# From the CA's side: nonces, tokens, and what was signed.
grep -aoi 'replay-nonce: [A-Za-z0-9_-]*' "$work/record" | sed 's/.* //' | sort -u >"$work/nonces"
grep -ao '"token": *"[^"]*"' "$work/record" | cut -d'"' -f4 | sort -u >"$work/tokens"
[ "$(wc -l <"$work/nonces")" -gt 10 ] || fail "the record has no nonces"
[ "$(wc -l <"$work/tokens")" -ge 2 ] || fail "the record has no tokens"
[ "$(secrets | wc -l)" -ge 5 ] || fail "no keys were remembered"
grep -aq 'externalAccountBinding\|"protected"' "$work/record" || fail "the record has no requests"
cat "$work/nonces" "$work/tokens" >>"$work/secrets"
echo "$eab_key" >>"$work/secrets"
base64 -d <<<"$(tr -- '-_' '+/' <<<"$eab_key")=" 2>/dev/null | od -An -v -tx1 | tr -d ' \n' >>"$work/secrets"
echo >>"$work/secrets"
echo "planted $eab_key" >"$work/planted"
leaks "$work/planted" >/dev/null || fail "the scanner does not find what is there"
[ -s "$work/talk.log" ] && [ -s "$work/processes.log" ] || fail "nothing was recorded"
! leaks "$work/talk.log" "$work/kamcert.log" "$work/processes.log" || fail "a secret got out"
ok "$(secrets | wc -l) secrets, $(wc -c <"$work/talk.log") octets of talk: none of them in it"
grep -q 'event="daemon ended"' "$work/daemon.log" || fail "the daemon's log is not whole"
[ "$(tr '\0' '\n' <"$work/processes.log" | grep -acx daemon)" -ge 1 ] || fail "the daemon was not looked at"
! leaks "$work/daemon.log" "$work/notify.log" "$work/index.seen" || fail "a secret got out of the daemon"
ok "nor in $(wc -l <"$work/daemon.log") lines of the daemon's log, its $(grep -c = "$work/notify.log") messages and its index"
mapfile -t files < <(find "$state" -type f ! -name 'privkey*' ! -name 'combined*' ! -name 'account.key*')
[ "${#files[@]}" -ge 10 ] || fail "only ${#files[@]} files without keys"
! leaks "${files[@]}" || fail "a secret beside the keys"
ok "nor in ${#files[@]} files of the state folder that are not for keys"
ok "nor in arguments and environment of $(tr '\0' '\n' <"$work/processes.log" | grep -c '^PATH=') looks at processes"

equal "" "$(find "$state" -name '.kamcert-*')" "temporary files left in the store"
equal "" "$(find "$state" -type f \( -name '*.key*' -o -name 'privkey*' -o -name 'combined*' \) -perm /037)" \
    "keys that others can read"
ok "no temporary files, and no key that others can read"
rm "$work/secrets"	# the CA's own log has its tokens
