#!/bin/bash
# What no client does by itself: pre-authorization, lists of orders, addresses, dns-persist-01,
# revocation by others, refusals; with the ACME library that certbot is made of, and by hand.
. "$(dirname "$0")/../integration/lib.sh"

python=/usr/bin/python3
if ! "$python" -c 'import acme, josepy' 2>/dev/null; then
	echo "python3-acme is missing; etc/setup installs it"
	[ -z "${CI-}${KAMCERT_CI-}" ] || fail "python3-acme is missing"
	exit 77
fi
start_responder --page 2 --profile short=10m --block blocked.example.org \
    --rate-limit failures=2/3600 --rate-limit name-set=3/3600
export REQUESTS_CA_BUNDLE=$work/server.pem

# run SCRIPT ARGUMENT...: its lines "ok: ..." are checks that passed; any other one is a fault.
run() {
	local line
	while read -r line; do
		case $line in
		"ok: "*) ok "${line#ok: }" ;;
		*) echo "$line" >>"$out" ;;
		esac
	done < <(timeout 120 "$python" "$top/t/foreign/$1" "${@:2}" 2>&1 || echo "exit code $?")
	[ ! -s "$out" ] || fail "$1"
}

run protocol.py "$directory" "$control" "$addr" "$http_port"
at=${directory#https://}
at=${at%/dir}
run strict.py "${at%:*}" "${at#*:}" "$work/server.pem"

# ticks: of the processor, that the responder has used so far.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$pid/stat"
}

start few "$ca_user" bash -c 'ulimit -n 40 && exec "$@"' few "$work/ca/kamcert-responder" \
    --listen "$addr:0" --server-cert "$work/ca/few.pem"
until_ok 20 "the responder is ready" grep -q ^directory "$work/few.log"
directory=$(sed -n 's/^directory //p' "$work/few.log")
at=${directory#https://}
at=${at%/dir}
held=()
for ((i = 0; i < 60; i++)); do
	exec {fd}<>"/dev/tcp/${at%:*}/${at#*:}"
	held+=("$fd")
done
before=$(ticks)
read -r -t 2 <>"$work/never" || :
used=$(($(ticks) - before))
[ "$used" -lt 20 ] || fail "out of descriptors, it used $used ticks of two seconds"
for fd in "${held[@]}"; do
	exec {fd}>&-
done
curl -fsS --max-time 20 --cacert "$work/ca/few.pem" "$directory" >"$out" || fail "no answer afterwards"
ok "with no descriptor left it waits for one, and answers then"
