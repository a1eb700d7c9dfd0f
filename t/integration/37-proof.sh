#!/bin/bash
# Behind the proof a real Kamailio is watched: a client's complaint in its error log, connections
# that are lost, and a restart are told, and lead back where that is configured.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
need jq
start_pebble
prepare_kamailio

# with OPTION...: the configuration, with these in its hook.
with() {
	hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" } $*
	        error-log = \"$work/kamailio.log\" watch = 5s }"
	write_conf "$name"
}

# fact MEMBER: of what the last proof measured.
fact() {
	"$kamcert" -c "$conf" status --json | jq -r ".proof.hooks[0].$1"
}

shows_new() {
	# in this order: the switch may come in between
	[ "$(version "$name")" = "$1" ] && [ "$(installed "$name")" = "$(served "$name")" ]
}

# watched CODE VERSION COMMAND...: a renewal to this version, and the command while it is watched.
watched() {
	local rc=0 want=$1 version=$2
	shift 2
	"$kamcert" -c "$conf" renew --force >"$out" 2>&1 &
	local run=$!
	until_ok 20 "version $version is served" shows_new "$version"
	"$@"
	wait "$run" || rc=$?
	equal "$want" "$rc" "exit code"
}

# A client that does not trust the CA.
complain() {
	timeout 20 openssl s_client -connect "$addr:$sips_port" -verify_return_error \
	    -CAfile "$work/server.pem" </dev/null >/dev/null 2>&1 || :
}

with
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
equal 0 "$(fact log.client)" "complaints in the log"
equal null "$(fact 'warnings[0]')" "warnings"

watched 0 2 complain
says 'log: its error log has 0 new lines of trouble, 0 of files that were not loaded, [1-9]'
[ "$(fact log.client)" != 0 ] || fail "status does not tell of the complaint"
ok "a client's complaint that is new is a warning"

# Another process on the same ports, with what is active.
again() {
	stop "$kam_pid"
	start_kamailio
}
watched 0 3 again
says 'restart: the server was restarted'
equal true "$(fact restarted)" "restarted"
ok "K09: a restart that serves the new one is a warning"

with 'rollback-on = { "restart" }'
watched 13 4 again
equal 3 "$(version "$name")" "active version"
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "K09: or leads back where that is configured"
