#!/bin/bash
# Who stands between kamcert and Kamailio, and who else tells it: slow, damaged and lost answers,
# another program's reload, somebody else's certificate. What is called proven is what is served.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
[ -x /usr/bin/python3 ] || need python3
start_responder
prepare_kamailio
ctl=${rpc#unix:}
self_signed "$work/third"
chmod 755 "$work/third"

# A proxy before the control socket, which does to the answer to tls.reload what $work/how says.
cat >"$work/between" <<'END'
import os, socket, sys, threading, time

def serve(client, path, how):
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    while request := client.recv(65536):
        what = open(how).read().strip() if b"tls.reload" in request else "pass"
        if what != "swallow":
            server.sendall(request)
            answer = server.recv(65536)
        if what == "slow":
            time.sleep(3)
        if what == "flip":
            answer = answer[:20] + bytes([answer[20] ^ 1]) + answer[21:]
        if what == "cut":
            client.sendall(answer[:-3])
            break
        if what == "swallow":
            time.sleep(3)
            break
        try:
            client.sendall(answer)
        except BrokenPipeError:
            break
    client.close()

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen(8)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0], *sys.argv[2:]), daemon=True).start()
END
echo pass >"$work/how"
start between "$kam_user" /usr/bin/python3 "$work/between" "$kam/run/between" "$ctl" "$work/how"
until_ok 10 "the proxy listens" test -S "$kam/run/between"

# with OPTION...: the configuration, with these in its hook.
with() {
	hook="hook \"kamailio\" { rpc = \"unix:${socket-$ctl}\" user = \"$kam_user\" timeout = 2s settle = 1s
	        verify = { \"sips:$addr:$sips_port\" } $* }"
	write_conf "$name"
}

# proven VERSION: forty connections from outside say so too.
proven() {
	local want i
	equal "$1" "$(version "$name")" "active version"
	want=$(installed "$name")
	for ((i = 0; i < ${connections-10}; i++)); do
		equal "$want" "$(served "$name")" "certificate served"
	done
}

with
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
proven 1

socket=$kam/run/between with
version=1
for how in slow flip cut; do
	echo "$how" >"$work/how"
	run 0 renew --force
	proven "$((version += 1))"
	"$kamcert" -c "$conf" status --json | grep -q '"answer_trusted":false' ||
	    fail "the answer was trusted: $how"
done
ok "K02, K03: an answer that is too late, damaged or cut is not believed, and verification finds it done"
echo swallow >"$work/how"
run 13 renew --force
proven "$version"
ok "K02: a request that never arrives: verification finds the old one, which is what it goes back to"
echo pass >"$work/how"
with

# Whoever tells this server takes the lock of its folder.
flock "$kam/run" sleep 4 &
holder=$!
run 10 renew --force
says 'another program is reloading this server'
wait "$holder"
run 0 renew
proven "$((version += 2))"
ok "K20: held by another program: the new version waits for the next run, which tells it"
flock "$kam/run" sleep 1 &
run 0 renew --force
proven "$((version += 1))"
ok "K20: for a second: it is waited for"

# Behind our reload, before the proof, and in the time of the watch: tls.cfg names another certificate.
cat >"$work/intrude" <<END
#!/bin/bash
[ "\${KAMCERT_EVENT-deploy}" = deploy ] || exit 0
sed -i 's|$state/certs/$name/current|$work/third|' "$kam/tls.cfg"
kamcmd -s "unix:$ctl" tls.reload
END
chmod 755 "$work/intrude"
third=$(openssl x509 -in "$work/third/fullchain.pem" -noout -fingerprint -sha256)
with '}
	    hook "program" { command = { "'"$work/intrude"'" }'
before=$(loads)
run 14 renew --force
says 'neither the new nor the old one'
says "somebody else's certificate is left as it is"
equal "$third" "$(served "$name")" "certificate served"
equal "$((before + 3))" "$(loads)" "reloads: ours, the other's, and the one on the way back"
with
run 14 renew
equal "$((before + 3))" "$(loads)" "reloads"
equal "$third" "$(served "$name")" "certificate served"
ok "K15: somebody else's certificate is no success, an alarm, and not fought over"
serve_from "$state/certs/$name/current"
run 13 reload
proven "$version"
run 0 renew --force
proven "$((version += 2))"
ok "K15: it is gone: one command goes on"

with 'watch = 2s'
"$kamcert" -c "$conf" renew --force >"$out" 2>&1 &
renewal=$!
shows_new() {
	[ "$(version "$name")" = "$((version + 1))" ] && [ "$(installed "$name")" = "$(served "$name")" ]
}
until_ok 20 "the next version is served" shows_new
bash "$work/intrude" >/dev/null
wait "$renewal" && fail "somebody else's certificate was called proven"
equal "$third" "$(served "$name")" "certificate served"
says 'neither the new nor the old one'
ok "K15: nor is it a success while the server is watched"
