#!/bin/bash
# The account at a CA from its first to its last day, and revoking.
. "$(dirname "$0")/lib.sh"

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

run 0 account deactivate
run 11 renew --force --no-hooks
says 'deactivated'
equal 5 "$(version "$name")" "active version"
ok "A37: an account that is gone is HOLD, and no new one is made"
