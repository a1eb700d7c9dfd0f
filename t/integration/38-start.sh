#!/bin/bash
# K10: a Kamailio that starts while a managed tls.cfg is switched over and over. It comes up every
# time, and all of its workers serve one and the same version.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
starts=5
start_responder
prepare_kamailio told
told=$kam told_rpc=$rpc told_port=$sips_port
self_signed "$work/before"
# Keys are read behind the certificates of all profiles: these make the time between the two long.
{
	printf '[server:default]\ncertificate = %s\nprivate_key = %s\n' \
	    "$work/before/fullchain.pem" "$work/before/privkey.pem"
	for i in {1..15}; do
		printf '[server:any]\nserver_name = other%d.example.org\ncertificate = %s\nprivate_key = %s\n' \
		    "$i" "$work/before/fullchain.pem" "$work/before/privkey.pem"
	done
	printf '[client:default]\nverify_certificate = no\n'
} >"$kam/tls.cfg"
start_kamailio
hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" }
    tls-cfg = \"$kam/tls.cfg\" profiles = { \"server:default\" } unsafe-reload = \"go-on\" }"
write_conf "$name"
run 0 renew
run 0 renew --force

# One that is not told anything, with the same tls.cfg and three TCP workers.
prepare_kamailio starts
ln -s "$told/tls.cfg" "$kam/tls.cfg"
sed -i 's/^tcp_children=.*/tcp_children=3/' "$kam/kamailio.cfg"

# To and fro between the two versions, until the file goes away.
switch() {
	local to=1
	while [ -e "$work/switching" ]; do
		"$kamcert" -c "$conf" rollback "$name" "$to" >>"$work/switch.log" 2>&1 || echo "exit code $?"
		echo "$to"
		to=$((3 - to))
	done
}

touch "$work/switching"
switch >"$work/switched" &
switcher=$!
declare -A met
for ((i = 0; i < starts; i++)); do
	start_kamailio
	first=$(served "$name")
	case $first in
	"$(installed "$name" 1)") met[1]=1 ;;
	"$(installed "$name" 2)") met[2]=1 ;;
	*) fail "start $i: neither version is served, but '$first'" ;;
	esac
	for _ in {1..5}; do
		equal "$first" "$(served "$name")" "certificate of another connection of start $i"
	done
	stop "$kam_pid"
	rm -f "$kam/run/ctl"
done
rm "$work/switching"
wait "$switcher"
grep -q 'exit code' "$work/switched" && fail "a switch failed"
[ "$(grep -c . "$work/switched")" -ge "$starts" ] || fail "there were too few switches"
ok "$starts starts during $(grep -c . "$work/switched") switches: a whole version every time (${!met[*]})"

rpc=$told_rpc sips_port=$told_port
run 0 rollback "$name" "$((3 - $(version "$name")))"
equal "$(installed "$name")" "$(served "$name")" "certificate served by the one that was told"
ok "the one that was told serves what is active"
