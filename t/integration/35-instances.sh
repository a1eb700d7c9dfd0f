#!/bin/bash
# Three Kamailios with one certificate: told one after the other; one that fails calls back all.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
for i in 1 2 3; do
	prepare_kamailio "kam$i"
	kams[i]=$kam rpcs[i]=$rpc ports[i]=$sips_port
done

# use N: the functions of lib.sh mean this Kamailio.
use() {
	kam=${kams[$1]} rpc=${rpcs[$1]} sips_port=${ports[$1]}
}

write_instances() {
	write_ca
	{
		echo "certificate \"$name\" {"
		echo "    challenge \"http-01\" { listen = \"$addr:$http_port\" }"
		printf '    %s\n' "$@"
		for i in 1 2 3; do
			echo "    hook \"kamailio\" { rpc = \"${rpcs[i]}\" user = \"$kam_user\""
			echo "        verify = { \"sips:$addr:${ports[i]}\" } settle = 2s }"
		done
		echo "}"
	} >>"$conf"
}

# all_serve FINGERPRINT
all_serve() {
	for i in 1 2 3; do
		use "$i"
		equal "$1" "$(served "$name")" "certificate of Kamailio $i"
	done
}

write_instances
run 0 renew --no-hooks
for i in 1 2 3; do
	use "$i"
	serve_from "$state/certs/$name/current"
	start_kamailio
	pids[i]=$kam_pid
done
run 0 reload
good=$(installed "$name")
all_serve "$good"

run 0 -v renew --force
equal 3 "$(grep -c ' reload: done' "$out")" "groups"
all_serve "$(installed "$name")"
ok "three instances, one after the other"
good=$(installed "$name")

use 2
serve_from "$state/certs/$name/versions/2"
run 13 renew --force
equal 2 "$(version "$name")" "active version"
all_serve "$good"
says "$addr:${ports[2]}"
ok "K14: the second serves the old one: all went back, each proven"

serve_from_all() {
	for i in 1 2 3; do
		use "$i"
		serve_from "$state/certs/$name/current"
	done
}
serve_from_all
use 2
cat >>"$kam/tls.cfg" <<-END
	[server:$addr:1]
	certificate = $state/certs/$name/current/fullchain.pem
	private_key = $state/certs/$name/current/privkey.pem
END
write_instances 'hooks-partial = true'
run 11 renew --force
says '1 of 3 servers were left as they are'
equal "$good" "$(served "$name")" "certificate of the one that is left"
for i in 1 3; do
	use "$i"
	equal "$(installed "$name")" "$(served "$name")" "certificate of Kamailio $i"
done
run 1 status
says "server unix:.*: proven, version [0-9]+\$"
says "server unix:.*: left: .+"
run 1 status --json
grep -q '"fate":"left"' "$out" || fail "status does not tell what became of the second"
serve_from_all
run 0 renew
all_serve "$(installed "$name")"
ok "partial: the others keep the new one, and the next run completes it"
