#!/bin/bash
# A Kamailio that still serves the old certificate, refuses, hangs or is absent. The old one
# stays or comes back, and that is proven.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
prepare_kamailio
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
good=$(served "$name")

# still_good: the first version is active on disk and in handshakes.
still_good() {
	equal 1 "$(version "$name")" "active version"
	equal "$good" "$(served "$name")" "certificate served"
}

serve_from "$state/certs/$name/versions/1"
run 13 renew --force
still_good
says "$addr:$sips_port"
ok "K07: Ok, but the old certificate is served: rolled back, the listener is named"

serve_from "$state/certs/$name/current"
cat >>"$kam/tls.cfg" <<-END
	[server:$addr:1]
	certificate = $state/certs/$name/current/fullchain.pem
	private_key = $state/certs/$name/current/privkey.pem
END
run 13 renew --force
still_good
ok "K04: a refused reload (a profile for an address without a listener): rolled back"

stop "$kam_pid"
run 11 renew --force
equal 1 "$(version "$name")" "active version"
says "$kam/run/ctl"
ok "K01: no Kamailio: nothing changed, the socket is named"

serve_from "$state/certs/$name/current"
start_kamailio
freeze_kamailio
versions=$(ls "$state/certs/$name/versions")
run 10 renew --force
thaw_kamailio
equal "$versions" "$(ls "$state/certs/$name/versions")" "versions"
still_good
ok "K02: a Kamailio that hangs before the install: nothing changed"

run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
[ "$good" != "$(served "$name")" ] || fail "nothing was renewed"
ok "V4: the faults gone, one run converges"
