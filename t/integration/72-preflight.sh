#!/bin/bash
# L07: what would fail at the CA is found out before it is asked for an order: addresses and CAA in a
# real DNS, this host's own answer on both families, rights, profile, clock.
. "$(dirname "$0")/lib.sh"

need named dig
hook='hook "program" { command = { "/bin/true" } }'
addr=127.0.0.1	# BIND listens on addresses of interfaces only
free_port; dns_port=$port
mkdir "$work/named"
cat >"$work/named/named.conf" <<END
options {
    directory "$work/named"; pid-file none; session-keyfile none; listen-on-v6 { none; };
    listen-on port $dns_port { $addr; }; recursion no; dnssec-validation no; notify no;
};
controls { };
zone example.org { type primary; file "example.org"; };
zone org { type primary; file "org"; };	# CAA is looked for up to here
END
printf '$TTL 60\n@ IN SOA ns root 1 60 60 600 1\n@ IN NS ns\nns IN A %s\n' "$addr" >"$work/named/org"
cat >"$work/named/example.org" <<END
\$TTL 60
@ IN SOA ns.example.org. root.example.org. 1 60 60 600 1
@ IN NS ns
ns IN A $addr
good IN A $addr
both IN A $addr
both IN AAAA ::1
text IN TXT "no address"
alias IN CNAME good
forbidden IN CAA 0 issue "other.example"
sip.forbidden IN A $addr
allowed IN A $addr
allowed IN CAA 0 issue "other.example"
allowed IN CAA 0 issue "ca.kamcert.test; validationmethods=http-01"
account IN A $addr
account IN CAA 128 issue "ca.kamcert.test; accounturi=https://nobody.example/1"
END
[ "$(id -u)" != 0 ] || chown -R "$ca_user:" "$work/named"
start named "$ca_user" named -g -c "$work/named/named.conf"
dns_answers() {
	dig +short +time=1 +tries=1 @"$addr" -p "$dns_port" example.org SOA | grep -q .
}
until_ok 10 "BIND answers" dns_answers

start_pebble
start_proxy
# orders: how many the CA was asked for.
orders() {
	cat "$work/proxy.log" "$work/responder.log" 2>/dev/null | grep -Ec 'POST /(order-plz|new-order)' || :
}
challenge="listen = \"$addr:$http_port\" resolver = \"$addr:$dns_port\""

# held SENTENCE PATTERN NAME...: HOLD before an order; check finds the same.
held() {
	local sentence=$1 pattern=$2 before
	shift 2
	before=$(orders)
	write_conf "$@"
	run 11 renew --force
	says "$pattern"
	run 1 check
	says "$pattern"
	equal "$before" "$(orders)" "orders at the CA"
	ok "$sentence"
}

write_conf good.example.org alias.example.org
run 0 renew
before=$(orders)
[ "$before" -gt 0 ] || fail "the proxy saw no order"
run 0 check
says "good.example.org: $addr, port $http_port, answers for this host"
says 'caa.*good.example.org: there is none'
says 'clock.*agrees'
ok "a name and an alias that answer, and nothing against them"

held "no such name" 'nobody.example.org: there is no such name in the DNS' nobody.example.org
held "a name without addresses" 'text.example.org: it has no address' text.example.org
held "an IPv6 address at which nobody answers" "both.example.org: ::1, port $http_port: .*refused" \
    both.example.org
challenge="listen = { \"$addr:$http_port\", \"[::1]:$http_port\" } resolver = \"$addr:$dns_port\""
write_conf both.example.org
run 0 renew --force
ok "both families answer"

# tls FAMILY...: by tls-alpn-01, on these addresses.
tls() {
	challenge="listen = { \"${1}:$http_port\"${2:+, \"$2:$http_port\"} } resolver = \"$addr:$dns_port\""
	write_conf both.example.org
	sed -i 's/challenge "http-01"/challenge "tls-alpn-01"/' "$conf"
}
tls "$addr"
run 11 renew --force
says "both.example.org: ::1, port $http_port: the connection is refused"
tls "$addr" "[::1]"
run 0 renew --force
ok "tls-alpn-01: a family on which nobody listens, and both"

challenge="listen = \"$addr:$http_port\" resolver = \"$addr:$dns_port\""
write_conf good.example.org
sed -i "s/^certificate .*/&\n    user = \"nosuchuser\"/" "$conf"
before=$(orders)
run 11 renew --force
says 'nosuchuser'
equal "$before" "$(orders)" "orders at the CA"
ok "an owner that does not exist: no order"

# Pebble goes by no name that CAA records could have; our own test CA does.
start_responder --verbose
challenge="listen = \"$addr:$http_port\" resolver = \"$addr:$dns_port\""
state=$state-caa
held "CAA of the name above" 'CAA record of forbidden.example.org, issue "other.example"' \
    sip.forbidden.example.org
held "CAA for another account" 'another account' account.example.org
write_conf allowed.example.org
run 0 renew
ok "CAA that names this CA and this challenge"

challenge="$challenge self-check = false"
write_conf sip.forbidden.example.org
run 0 renew --force
ok "self-check = false: the CA is asked, and this one does not look at CAA"

