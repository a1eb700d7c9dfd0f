#!/bin/bash
# K08: files that change in the middle of a reload, with the same key: some workers of a real Kamailio
# serve the old certificate, others the new one. That is seen, and it is told once more.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
need strace
scope=/proc/sys/kernel/yama/ptrace_scope
if [ "$(id -u)" != 0 ] && [ "$(cat "$scope" 2>/dev/null || echo 0)" != 0 ]; then
	echo "strace may not look at another process here: $scope"
	exit 77
fi
start_responder
prepare_kamailio
sed -i 's/^tcp_children=.*/tcp_children=4/' "$kam/kamailio.cfg"
hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" } settle = 1s timeout = 30s }
    reuse-key = true"
write_conf "$name"
run 0 renew --no-hooks
ln -s "$state/certs/$name/versions/1" "$work/live"
serve_from "$work/live"
start_kamailio
run 0 reload

# The control process opens the file once for each process, in the order of core.psx: slowly.
psx=$(rpc core.psx)
teller=$(awk '$1 == "PID:" { pid = $2 } /DSC: ctl handler/ { print pid }' <<<"$psx")
first=$(awk '$1 == "IDX:" { i = $2 } /DSC: tcp receiver/ { print i; exit }' <<<"$psx")
start strace "$(id -un)" strace -p "$teller" -e trace=openat -e inject=openat:delay_exit=100000
until_ok 10 "strace is there" grep -q attached "$work/strace.log"

opened() {
	[ "$(grep -c 'fullchain\.pem' "$work/strace.log")" -ge "$((first + 2))" ]
}
before=$(loads)
"$kamcert" -c "$conf" renew --force >"$out" 2>&1 &
renewal=$!
until_ok 60 "the first workers have read the file" opened
ln -sfn "$state/certs/$name/versions/2" "$work/live"
wait "$renewal" || fail "exit code $?"
says 'proven to be served'
equal "$((before + 2))" "$(loads)" "reloads"
for _ in {1..12}; do
	equal "$(installed "$name" 2)" "$(served "$name")" "certificate served"
done
ok "K08: workers that differ are seen by handshakes with each, and told once more"
