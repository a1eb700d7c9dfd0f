#!/bin/bash
# Each way to tell Kamailio to reload: the ctl module over four kinds of sockets, and the jsonrpcs
# module, for installations without ctl, in datagrams and by HTTP.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_responder
prepare_kamailio
sed -i -e '/loadmodule "sl.so"/a loadmodule "xhttp.so"\nloadmodule "jsonrpcs.so"' \
    -e '/modparam("tls", "config"/a modparam("jsonrpcs", "transport", 5)\nmodparam("jsonrpcs", "dgram_socket", "'"$kam/run/json"'")' \
    "$kam/kamailio.cfg"
cat >>"$kam/kamailio.cfg" <<-END

event_route[xhttp:request] {
	if (\$hu =~ "^/RPC") {
		jsonrpc_dispatch();
	} else {
		xhttp_reply("404", "Not Found", "text/plain", "no");
	}
}
END
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio

# through RPC: the configuration tells Kamailio this way.
through() {
	hook="hook \"kamailio\" { rpc = \"$1\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" } timeout = 5s settle = 5s }"
	write_conf "$name"
}

for rpc_url in "unix:$kam/run/ctl" "unixd:$kam/run/ctl_dgram" "tcp:$addr:$ctl_tcp_port" \
    "udp:$addr:$ctl_udp_port" "jsonrpc+unixd:$kam/run/json" "jsonrpc+http://$addr:$sip_port/RPC"; do
	through "$rpc_url"
	before=$(loads)
	run 0 renew --force
	says 'proven to be served'
	equal "$((before + 1))" "$(loads)" "reloads through $rpc_url"
	equal "$(installed "$name")" "$(served "$name")" "certificate served"
	run 0 check
	says "server: kamailio .* at ${rpc_url//+/\\+}: [0-9]+ processes"
	ok "renewed and proven through ${rpc_url%%:*}:"
done

through "jsonrpc+http://$addr:$sip_port/other"
run 11 renew --force
says 'want HTTP status 200, have 404'
says 'call jsonrpc_dispatch'
through "jsonrpc+unixd:$kam/run/none"
run 11 renew --force
says 'No such file'
through "tcp:192.0.2.1:2049"
run 2 check
says 'want a loopback address'
ok "a way that leads nowhere holds; another host wants the operator's word"

# A reload that Kamailio refuses is a fault of JSON-RPC too.
through "jsonrpc+unixd:$kam/run/json"
before=$(version "$name")
sed -i "s|private_key.*|private_key = $work/ca/server.pem|" "$kam/tls.cfg"
run 13 renew --force
says 'tls.reload: fault 500: Error while fixing TLS configuration'
equal "$before" "$(version "$name")" "active version"
ok "a fault is told, and rolled back"
