#!/bin/bash
# dns-01 by the program for nsupdate, against a real BIND with TSIG: wildcards, CNAME delegation,
# waiting for every name server, and a zone that is clean afterwards.
. "$(dirname "$0")/lib.sh"

need named nsupdate dig tsig-keygen jq
hook='hook "program" { command = { "/bin/true" } }'
update=$top/etc/dns-nsupdate

# serve NAME ZONES ADDRESS ADDRESS6: a BIND on port $dns_port of the addresses.
serve() {
	local dir=$work/$1
	cat >"$dir/named.conf" <<-END
	include "$work/tsig.key";
	options {
	    directory "$dir"; pid-file none; session-keyfile none;
	    listen-on port $dns_port { $3; }; listen-on-v6 port $dns_port { $4; };
	    # A CNAME into another zone is followed by a resolver only.
	    recursion yes; dnssec-validation no; notify no;
	};
	controls { };
	$2
	END
	[ "$(id -u)" != 0 ] || chown -R "$ca_user:" "$dir"
	start "$1" "$ca_user" named -g -c "$dir/named.conf"
}

zone_file() {
	cat <<-END
	\$TTL 60
	@ IN SOA ns1.example.org. root.example.org. 1 60 60 600 1
	@ IN NS ns1.example.org.
	$1
	END
}

answers_for() {
	dig +short +time=1 +tries=1 @"$1" -p "$dns_port" "$2" SOA | grep -q .
}

records() {
	dig +short +time=2 @"$addr" -p "$dns_port" "$1" TXT
}

# BIND listens on addresses of interfaces only.
addr=127.0.0.1
free_port; dns_port=$port
second=::1
mkdir "$work/named1" "$work/named2"
tsig-keygen -a hmac-sha256 kamcert >"$work/tsig.key"
chmod 644 "$work/tsig.key"
zone_file "@ IN NS ns2.example.org.
ns1 IN A $addr
ns2 IN AAAA $second
_acme-challenge.sip IN CNAME sip.acme.example.net.
_acme-challenge.round IN CNAME _acme-challenge.round" >"$work/named1/example.org"
zone_file "" >"$work/named1/acme.example.net"
zone_file "ns1.example IN A $addr" >"$work/named1/org"	# CAA is looked for up to here
serve named1 "
	zone example.org {
	    type primary; file \"example.org\"; update-policy { grant kamcert zonesub TXT; };
	    allow-transfer { any; };
	};
	zone org { type primary; file \"org\"; };
	zone acme.example.net {
	    type primary; file \"acme.example.net\"; update-policy { grant kamcert zonesub TXT; };
	};" "$addr" none
until_ok 10 "the first BIND answers" answers_for "$addr" example.org
# The second asks for changes every second at most: the CA must not be told before.
serve named2 "
	zone example.org {
	    type secondary; file \"copy\"; primaries { $addr port $dns_port; };
	    min-refresh-time 1; max-refresh-time 1; allow-notify { none; };
	};" none "$second"
until_ok 10 "the second BIND answers" answers_for "$second" example.org

# ca_asks ENDPOINT: Pebble anew, which believes this name server.
ca_asks() {
	stop "$pebble_pid"
	pebble_dns=$1
	run_pebble
}

start_pebble
ca_asks "[$second]:$dns_port"

# add_dns NAME... : a certificate that is proven by DNS alone.
add_dns() {
	local names
	names=$(printf ', "%s"' "$@")
	cat >>"$conf" <<-END

	certificate "${1#\*.}" {
	    names = { ${names#, } }
	    challenge "${type:-dns-01}" {
	        program     = { ${program:-"\"$update\", \"-k\", \"$work/tsig.key\", \"-s\", \"$addr\", \"-p\", \"$dns_port\""} }
	        resolver    = "$addr:$dns_port"
	        propagation = "${propagation:-20s}"
	    }
	    $hook
	}
	END
}

write_ca
add_dns '*.example.org' example.org
run 0 renew
equal 1 "$(version example.org)" "active version"
openssl x509 -in "$state/certs/example.org/current/cert.pem" -noout -ext subjectAltName |
    grep -q 'DNS:\*\.example\.org' || fail "no wildcard in the certificate"
equal "" "$(records _acme-challenge.example.org)" "records left in the zone"
ok "a wildcard and its domain, by two records of one name that every server had; both gone"

ca_asks "$addr:$dns_port"
state=$work/state-2
write_ca
add_dns sip.example.org
run 0 renew
equal 1 "$(version sip.example.org)" "active version"
equal "" "$(records sip.acme.example.net)" "records left in the other zone"
ok "delegated by CNAME: the record went into the other zone"

write_ca
add_dns round.example.org
run 11 renew
says 'CNAME'
ok "a CNAME that leads to itself: HOLD, and nobody is asked to update anything"

cat >"$work/deaf" <<-'END'
	#!/bin/sh
	cat >>"${0%/*}/heard/input"
	echo "$@" >>"${0%/*}/heard/arguments"
END
chmod 755 "$work/deaf"
mkdir "$work/heard"
chmod 777 "$work/heard"
write_ca
program="\"$work/deaf\", \"x y\"" propagation=2s add_dns deaf.example.org
run 10 renew
says 'does not show the TXT record of _acme-challenge.deaf.example.org'
grep -Eq '^x y present _acme-challenge.deaf.example.org [A-Za-z0-9_-]{43}$' "$work/heard/arguments" ||
    fail "arguments of present"
grep -Eq '^x y cleanup _acme-challenge.deaf.example.org [A-Za-z0-9_-]{43}$' "$work/heard/arguments" ||
    fail "arguments of cleanup"
equal "present cleanup" "$(jq -r .event "$work/heard/input" | xargs)" "events on standard input"
equal "deaf.example.org" "$(jq -r .domain "$work/heard/input" | uniq)" "domain on standard input"
ok "no record: RETRY before the CA is told, and the program was asked to clean up"

rm "$work/heard/arguments"
write_ca
program="\"$work/deaf\"" propagation=10m add_dns stop.example.org
"$kamcert" -c "$conf" renew >"$out" 2>&1 </dev/null &
run_pid=$!
until_ok 10 "the record is presented" test -s "$work/heard/arguments"
kill -TERM "$run_pid"
rc=0
wait "$run_pid" || rc=$?
equal 10 "$rc" "exit code of a run that was stopped"
equal 1 "$(grep -c ^cleanup "$work/heard/arguments")" "calls of cleanup"
ok "a run that is stopped cleans up before it ends"

rm "$work/heard/arguments"
write_ca
program="\"$work/deaf\"" propagation=10m add_dns killed.example.org
"$kamcert" -c "$conf" renew >"$out" 2>&1 </dev/null &
run_pid=$!
until_ok 10 "the record is presented" test -s "$work/heard/arguments"
kill -KILL "$run_pid"
wait "$run_pid" 2>/dev/null || :
left=$(sed -n 's/^present //p' "$work/heard/arguments")
[ -n "$left" ] || fail "no record was presented"
write_ca
program="\"$work/deaf\"" propagation=1s add_dns killed.example.org
run 10 renew
grep -Fqx "cleanup $left" "$work/heard/arguments" || fail "the record of the killed run was left"
run 10 renew --force
equal 1 "$(grep -Fcx "cleanup $left" "$work/heard/arguments")" "how often it was taken out"
ok "what a killed run left in the DNS, the next one takes out, once"

write_ca
program="\"$work/missing\"" add_dns missing.example.org
run 11 renew
says "$work/missing: No such file"
ok "a program that is not there: HOLD before the CA is asked"

write_ca
program='"/bin/false"' add_dns no.example.org
run 11 renew
says '/bin/false present ended with status 1'
ok "a program that fails: HOLD"

# persistent NAME: a certificate that is proven by a record that stays.
persistent() {
	cat >>"$conf" <<-END

	certificate "${1#\*.}" {
	    names = { "$1" }
	    challenge "dns-persist-01" { resolver = "$addr:$dns_port" }
	    $hook
	}
	END
}

# dns-persist-01: a record that the operator publishes once, which is told and looked at.
# publish NAME: by hand, what kamcert printed last.
publish() {
	local line
	line=$(grep -o "_validation-persist.$1. IN TXT \".*\"" "$out" | head -n 1)
	[ -n "$line" ] || fail "no record was printed"
	printf 'server %s %s\nupdate add %s\nsend\n' "$addr" "$dns_port" "${line/ IN / 60 IN }" |
	    nsupdate -k "$work/tsig.key" || fail "nsupdate does not take: $line"
	until_ok 10 "the second BIND has it too" dig_has "$second" "_validation-persist.$1"
}
dig_has() {
	dig +short +time=1 +tries=1 @"$1" -p "$dns_port" "$2" TXT | grep -q .
}
# Releases of Pebble that offer more than dns-01 offer both.
if grep -qa dns-persist-01 "$(command -v pebble)"; then
	state=$work/state-account
	write_ca
	type=dns-account-01 add_dns '*.account.example.org' account.example.org
	run 0 renew
	equal 1 "$(version account.example.org)" "active version"
	write_ca
	persistent '*.pebble.example.org'
	run 11 renew
	publish pebble.example.org
	run 0 renew --force
	equal 1 "$(version pebble.example.org)" "active version"
	ok "dns-account-01 and dns-persist-01 of another CA, for wildcards"
fi

start_responder --dns "$addr:$dns_port"
state=$work/state-persist
write_ca
persistent '*.persist.example.org'
run 11 renew
says 'publish: _validation-persist.persist.example.org. IN TXT "ca.kamcert.test; accounturi=.*policy=wildcard"'
run 0 account show
says '_validation-persist.persist.example.org. IN TXT'
publish persist.example.org
run 0 renew --force
equal 1 "$(version persist.example.org)" "active version"
run 0 check
says 'all name servers show its record'
sed -i 's/persist-01" {/& self-check = false/; s/[*].persist.example.org/missing.example.org/' "$conf"
run 11 renew --force
says 'publish: _validation-persist.missing.example.org. IN TXT'
ok "dns-persist-01: the record is printed, looked at and used, for a wildcard too"
