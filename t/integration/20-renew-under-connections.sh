#!/bin/bash
# Renewal, reload and rollback on request while 200 TLS connections are open: none is lost.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
connections=200
need sipsak
start_pebble
prepare_kamailio
write_conf "$name" example.org
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
start_hold "$connections"
first=$(served "$name")

run 0 renew --force
equal 2 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
[ "$first" != "$(served "$name")" ] || fail "the first certificate is still served"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "renewed under $connections connections"

run 0 reload
equal "$connections" "$(held)" "connections that still carry SIP"
ok "reloaded under $connections connections"

run 0 rollback "$name"
equal 1 "$(version "$name")" "active version"
equal "$first" "$(served "$name")" "certificate served"
equal "$connections" "$(held)" "connections that still carry SIP"
ok "rolled back on request under $connections connections"

run 0 rollback "$name" 2
equal 2 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "and forward again to a version by its number"

run 2 rollback "$name" 77
run 2 rollback other.example.org
ok "versions and names that are not there are refused"

sipsak -H "$addr" -s "sip:anybody@$addr:$sip_port" >/dev/null || fail "sipsak gets no answer"
ok "Kamailio answers SIP"
