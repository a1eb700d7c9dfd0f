#!/bin/bash
# A Kamailio for browsers: the proof opens a websocket too, and names the listener that has the old one.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_responder
prepare_kamailio
modules=$(sed -n 's/^mpath="\(.*\)"/\1/p' "$kam/kamailio.cfg")
if [ ! -e "$modules/websocket.so" ]; then
	[ -z "${CI-}${KAMCERT_CI-}" ] || fail "kamailio-websocket-modules is missing"
	echo "kamailio-websocket-modules is missing; etc/setup installs it"
	exit 77
fi
free_port; wss_port=$port
sed -i -e "/^listen=tls:/a listen=tls:$addr:$wss_port" \
    -e '/loadmodule "sl.so"/a loadmodule "xhttp.so"\nloadmodule "nathelper.so"\nloadmodule "websocket.so"\nloadmodule "xlog.so"' \
    "$kam/kamailio.cfg"
cat >>"$kam/kamailio.cfg" <<-END

event_route[xhttp:request] {
	if (\$hdr(Upgrade) =~ "websocket" && ws_handle_handshake()) {
		xlog("L_NOTICE", "a websocket is open\n");
		exit;
	}
	xhttp_reply("404", "Not Found", "text/plain", "no");
}
END
hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" settle = 1s
    verify = { \"sips:$addr:$sips_port\", \"wss:$addr:$wss_port\" } }"
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio

# wss MEMBER: of what was seen of that listener.
wss() {
	"$kamcert" -c "$conf" status --json |
	    sed "s/.*{\"listener\":\"wss:\([^}]*\)}.*/\1/; s/.*\"$1\":\([^,]*\).*/\1/"
}

run 0 reload
run 0 renew --force
says 'proven to be served'
equal '"new"' "$(wss verdict)" "verdict"
equal null "$(wss note)" "note: the websocket was opened"
grep -q 'a websocket is open' "$work/kamailio.log" || fail "Kamailio has seen no websocket"
both=$sips_port
for sips_port in "$both" "$wss_port"; do
	equal "$(installed "$name")" "$(served "$name")" "certificate served"
done
ok "both listeners are proven, one of them by a websocket that was opened"

# A profile of its own for that listener, with a file that never changes (K07).
sips_port=$both
printf '[server:%s:%s]\ncertificate = %s/fullchain.pem\nprivate_key = %s/privkey.pem\n' "$addr" "$wss_port" \
    "$state/certs/$name/versions/2" "$state/certs/$name/versions/2" >>"$kam/tls.cfg"
run 13 renew --force
says "wss:$addr:$wss_port"
equal 2 "$(version "$name")" "active version"
for sips_port in "$both" "$wss_port"; do
	equal "$(installed "$name")" "$(served "$name")" "certificate served"
done
ok "K07: a websocket that goes on with the old one: rolled back, that listener is named"
