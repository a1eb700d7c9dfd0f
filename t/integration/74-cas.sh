#!/bin/bash
# CAs of other kinds: strict, accounts that must be bound, several roots of which the phones know
# one, long chains, no authorization used twice, profiles.
. "$(dirname "$0")/lib.sh"

need jq
hook='hook "program" { command = { "/bin/true" } }'

# issuers NAME: how many certificates were installed behind the leaf.
issuers() {
	grep -c BEGIN "$state/certs/$1/current/chain.pem"
}

strict=
start_pebble PEBBLE_AUTHZREUSE=0 PEBBLE_CHAIN_LENGTH=3 PEBBLE_ALTERNATE_ROOTS=2
write_conf strict.example.org
run 0 renew
run 0 renew --force
equal 2 "$(version strict.example.org)" "active version"
equal 3 "$(issuers strict.example.org)" "intermediates"
ok "a strict CA with long chains, and every authorization anew"

first=$(openssl x509 -in "$state/certs/strict.example.org/current/chain.pem" -noout -issuer_hash)
curl -fsS --cacert "$work/server.pem" -o "$work/roots.pem" "$pebble_manage/roots/2"
run 0 renew --force
equal 3 "$(version strict.example.org)" "active version"
openssl verify -CAfile "$work/roots.pem" -untrusted "$state/certs/strict.example.org/current/chain.pem" \
    "$state/certs/strict.example.org/current/cert.pem" >"$out" || fail "another root"
[ "$first" != "$(openssl x509 -in "$state/certs/strict.example.org/current/chain.pem" -noout \
    -issuer_hash)" ] || fail "the same chain"
ok "the phones know another root: an alternate chain is taken"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nobody \
    -keyout "$work/nobody.key" -out "$work/roots.pem" 2>/dev/null
run 12 renew --force
says 'is neither among the intermediates received nor a root'
equal 3 "$(version strict.example.org)" "active version"
ok "the phones know none: REFUSE"

state=$work/state-eab
eab_key=$(openssl rand -base64 66 | tr '+/' '-_' | tr -d '\n')
start_pebble
write_conf bound.example.org
run 11 renew
says 'external'
# bound KEY: the configuration with this key.
bound() {
	echo "$1" >"$work/eab.key"
	write_conf bound.example.org
	sed -i "s|^    agree-tos .*|&\n    eab-kid = \"kid-1\"\n    eab-key-file = \"$work/eab.key\"|" "$conf"
}
bound "$(openssl rand -base64 48 | tr '+/' '-_')"
run 11 renew --force
bound "$eab_key== "
run 0 renew --force
equal 1 "$(version bound.example.org)" "active version"
for alg in HS384 HS512; do
	state=$work/state-$alg
	sed -i "s|^state-dir.*|state-dir = \"$state\"|; s|^    eab-kid.*|&\n    eab-alg = \"$alg\"|" "$conf"
	run 0 account register
	sed -i '/eab-alg/d' "$conf"
done
! grep -q "$eab_key" "$out" "$work/kamcert.log" || fail "the key was logged"
ok "accounts that must be bound: HOLD without a key and with a wrong one, then it goes, by each algorithm"

# Only what Pebble has learnt since Debian 12: profiles, and renewal information.
if grep -qa dns-persist-01 "$(command -v pebble)"; then
	state=$work/state-current eab_key=
	pebble_more='"profiles": { "default": { "description": "the usual one", "validityPeriod": 7776000 },
	    "shortlived": { "description": "six days", "validityPeriod": 518400 } },
	    "retryAfter": { "authz": 1, "order": 1 },'
	start_pebble PEBBLE_AUTHZREUSE=0
	name=current.example.org
	write_conf "$name"
	sed -i 's/^    names/    profile = "shortlived"\n    profile-required = true\n&/' "$conf"
	run 1 check
	says 'ca: profile shortlived: six days'
	run 0 renew
	openssl x509 -in "$state/certs/$name/current/cert.pem" -noout -checkend $((7 * 86400)) >/dev/null &&
	    fail "it is valid for more than six days"
	run 0 status
	says "due: the CA's renewal information"
	run 0 renew --force
	grep -q 'ARI: order .* is a replacement of' "$work/pebble.log" || fail "no predecessor was named"
	run 0 rollback "$name"
	run 0 renew --force
	says 'alreadyReplaced.*ordered again without naming the predecessor'
	equal 3 "$(version "$name")" "active version"
	ok "a current Pebble: a profile, renewal information, and a predecessor that is replaced already"
fi

state=$work/state-profile
start_responder --profile short=160h --profile long=90d
write_conf short.example.org
sed -i 's/^    names/    profile = "short"\n    profile-required = true\n&/' "$conf"
run 1 check
says 'ca: profile short'
run 0 renew

until=$(openssl x509 -in "$state/certs/short.example.org/current/cert.pem" -noout -enddate)
seconds=$(($(date -d "${until#*=}" +%s) - $(date +%s)))
[ "$seconds" -lt $((161 * 3600)) ] || fail "it is valid for $seconds seconds"
sed -i 's/"short"/"nobody"/' "$conf"
run 11 renew --force
says 'does not offer the profile "nobody"'
ok "a profile that the CA lists: shown, asked for and got; one that it does not list: no order"

# A window that is over as soon as it has begun, long before the certificate's own time.
state=$work/state-window
write_conf window.example.org
now=$(date +%s)
curl -fsS --data-binary "$((now + 3)) $((now + 4))" "$control/renewal" || fail "no such window"
run 0 renew

run 0 renew
run 0 status window.example.org
says "due: the CA's renewal information; held back: too soon after the last renewal"
equal 1 "$(version window.example.org)" "active version"
ok "renewal information: the window that the CA names counts, and not even it leads to a storm"
