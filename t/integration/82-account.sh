#!/bin/bash
# The account at a CA from its first to its last day, and revoking.
. "$(dirname "$0")/lib.sh"

need jq
name=sip.example.org
start_pebble PEBBLE_AUTHZREUSE=100
prepare_kamailio
write_conf "$name"

run 11 account
says 'no account'
[ ! -e "$state/accounts/test/account.key" ] || fail "a look made a key"
run 0 account register
says 'registered'
run 0 account show
says 'valid.*voip@example.org'
sed -i 's/voip@/new@/' "$conf"
run 0 account update
says 'new@example.org'
ok "registered, shown and updated"

before=$(openssl pkey -in "$state/accounts/test/account.key" -pubout)
run 0 account rollover
[ "$before" != "$(openssl pkey -in "$state/accounts/test/account.key" -pubout)" ] ||
    fail "the key is the same"
[ ! -e "$state/accounts/test/account.key.next" ] || fail "the next key was left"
run 0 account show
says 'valid'
ok "the key was rolled over"

json=$state/accounts/test/account.json
url=$(jq -r .url "$json")
truncate -s 20 "$json"
run 11 account show
says 'event="account damaged"'
run 0 renew --no-hooks
says 'account.json was damaged, and is kept as account.json.bad: the account was found there by its key'
equal "$url" "$(jq -r .url "$json")" "URL of the account"
equal 20 "$(stat -c %s "$json.bad")" "octets that were kept"
run 0 account show
ok "L05: a damaged account.json is told and kept aside, and the account found by its key"

run 0 renew --no-hooks
run 0 revoke --reason superseded "$name"
run 0 revoke "$name"
says 'already'
run 0 renew --no-hooks
equal 2 "$(version "$name")" "active version"
run 0 revoke --by-certificate-key --reason keyCompromise "$name"
ok "revoked by either key, and renewed for that reason"

run 0 account orders
says 'test: https://.*order/'
run 2 account deauthorize test
run 11 account deauthorize test "https://elsewhere.example/authz/1"
ok "orders are listed, and an authorization of another CA is not touched"

# validated: how often the CA has looked whether a name is ours.
validated() {
	grep -c 'set VALID' "$work/pebble.log"
}
before=$(validated)
authz=$(sed -n 's/.*authz \([^ ]*\) set VALID.*/\1/p' "$work/pebble.log" | tail -n 1)
run 0 account deauthorize test "${directory%/dir}/authZ/$authz"
says 'deactivated'
run 0 renew --force --no-hooks
equal "$((before + 1))" "$(validated)" "validations"
run 0 renew --force --no-hooks
equal "$((before + 1))" "$(validated)" "validations, with an authorization that is valid"
ok "an authorization is deactivated: the name is proven anew, and then not again"

run 2 revoke --reason boredom "$name"
run 2 revoke
run 2 account explode
run 2 account show other
ok "wrong words are refused"

stop "$pebble_pid"
run_pebble
run 11 renew --force --no-hooks
says 'accountDoesNotExist'
run 0 account register
says 'registered'
run 0 renew --force --no-hooks
equal 5 "$(version "$name")" "active version"
ok "a CA that has forgotten all: a new account when asked for, and an order that replaces nothing"

# The section of the CA leads elsewhere, and back again.
cp "$conf" "$work/first.conf"
cp "$work/roots.pem" "$work/first.pem"
mv "$work/server.pem" "$work/first.server.pem"
start_responder --key-type ecdsa
write_conf "$name"
sed -i 's/agree-tos.*/agree-tos = false/' "$conf"
run 11 renew --force --no-hooks
says 'terms of service.*https://'
sed -i 's/agree-tos.*/agree-tos = true/' "$conf"
run 0 renew --force --no-hooks
says 'the directory was .* and is .*: a new account was registered there'
run 0 account
says 'valid'
cp "$work/first.conf" "$conf"
cp "$work/first.pem" "$work/roots.pem"
mv "$work/first.server.pem" "$work/server.pem"
run 0 renew --force --no-hooks
says 'the directory was .* and is .*: the account was found there by its key'
equal 7 "$(version "$name")" "active version"
ok "A37: another directory: an account is made there if the terms are agreed to, found where it is, and that is told"

# json CODE ARGUMENT...: every line is an object, with the members of the man page and no others.
json() {
	local want=$1 rc=0
	shift
	"$kamcert" -c "$conf" --json "$@" >"$out" 2>>"$work/kamcert.log" </dev/null || rc=$?
	equal "$want" "$rc" "exit code of --json $*"
	jq -Rse --argjson words '["OK", "FINDING", "USAGE", "BUSY", "RETRY", "HOLD", "REFUSE", "ROLLBACK", "ALARM"]' '
	    def is_time: . == null or test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$");
	    def is_report: (.time | type == "string" and is_time) and
	        (.event | IN("start", "step", "note", "finding", "result")) and
	        (.outcome | IN($words[])) and (.text == null) == (.event == "start") and
	        ([.certificate, .step] | all(type | IN("string", "null"))) and
	        (keys - ["time", "event", "certificate", "step", "outcome", "text", "hint", "version", "ms", "data"] == []);
	    def is_status: ([.not_before, .not_after, .due, .last_run, .unserved_since] | all(is_time)) and
	        ([.names, .leaves] | all(type == "array")) and (.served | type == "boolean") and
	        ([.version, .pending_version, .seconds_left, .failures] | all(type == "number")) and
	        (.last_outcome | IN(null, $words[])) and
	        (keys - ["certificate", "names", "ca", "ca_why", "issued_by", "version", "issuer", "serial", "key",
	            "not_before", "not_after", "seconds_left", "leaves", "due", "why", "held", "pending_version",
	            "served", "unserved_since", "last_run", "last_outcome", "last_step", "last_text", "failures",
	            "finding", "walls", "proof"] == []);
	    split("\n")[:-1] | all(fromjson | if has("event") then is_report else is_status end)' \
	    "$out" >/dev/null || fail "--json $* is not as the man page has it"
	lines=$((lines + $(wc -l <"$out")))
}
lines=0
json 0 -v account show
json 0 account orders
json 11 renew
json 0 -v renew --force --no-hooks
json 0 -q renew --force --no-hooks
[ ! -s "$out" ] || fail "a quiet run says what went well"
json 1 check
json 1 status
json 11 reload
json 11 rollback "$name"
json 2 rollback "$name" 99
json 0 revoke "$name"
json 11 renew --dry-run
json 2 renew nobody
json 2 status --prometheus
json 2 check --discover
for bad in revoke "revoke --reason boredom $name" "account explode" "renew --nonsense" nonsense; do
	# shellcheck disable=SC2086
	json 2 $bad
	[ ! -s "$out" ] || fail "--json $bad: a wrong command line is told on standard output"
done
sed 's/^certificate/nonsense = 1\n&/' "$conf" >"$work/bad.conf"
conf=$work/bad.conf json 2 check
grep -q "bad.conf:[0-9]*:" "$out" || fail "the line of the configuration is not told"
[ "$lines" -ge 40 ] || fail "only $lines lines of JSON"
ok "$lines lines of JSON by every command, all as documented"

run 0 account deactivate
json 11 renew --force --no-hooks
run 11 renew --force --no-hooks
says 'deactivated'
equal 9 "$(version "$name")" "active version"
ok "A37: an account that is gone is HOLD, and no new one is made"
