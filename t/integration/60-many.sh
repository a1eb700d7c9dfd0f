#!/bin/bash
# Twenty certificates of one Kamailio, one of them with ten names: one run, one reload (K17),
# each proven by its own name. One that fails does not keep the others.
. "$(dirname "$0")/lib.sh"

start_pebble
prepare_kamailio
write_ca
add_cert a1.example.org b{1..9}.example.org
for i in {2..20}; do
	add_cert "a$i.example.org"
done
run 0 -v renew --no-hooks --jobs 20
equal "1 0" "$(grep -c 'connects=1' "$out") $(grep -c 'http=1' "$out" || :)" \
    "connections, and requests without HTTP/2"
ok "20 orders in flight: one connection, by HTTP/2"
serve_from "$state/certs/a1.example.org/current"
for i in {1..20}; do
	cat >>"$kam/tls.cfg" <<-END

	[server:any]
	method = TLSv1.2+
	server_name = "a$i.example.org"
	server_name_mode = 0
	certificate = $state/certs/a$i.example.org/current/fullchain.pem
	private_key = $state/certs/a$i.example.org/current/privkey.pem
	verify_certificate = no
	require_certificate = no
	END
done
start_kamailio
before=$(loads)
run 0 renew --force
equal 1 "$(($(loads) - before))" "reloads"
for i in {1..20}; do
	equal "$(installed "a$i.example.org")" "$(served "a$i.example.org")" "a$i served"
	equal 2 "$(version "a$i.example.org")" "version of a$i"
done
ok "20 certificates, 29 names: one reload, all served, in $took_ms ms"

before=$(loads)
run 0 renew --force a3.example.org a4.example.org
equal 1 "$(($(loads) - before))" "reloads"
equal "2 3 3 2" "$(version a2.example.org) $(version a3.example.org) $(version a4.example.org) \
$(version a5.example.org)" "versions"
ok "names on the command line: only those"

# a20 is served from its old version: it alone cannot be proven.
sed -i "s|a20.example.org/current|a20.example.org/versions/2|" "$kam/tls.cfg"
run 13 renew --force a19.example.org a20.example.org
says "a20.example.org.*ROLLBACK"
equal 2 "$(version a20.example.org)" "version of a20"
equal "$(installed a20.example.org)" "$(served a20.example.org)" "a20 served"
equal "$(installed a19.example.org)" "$(served a19.example.org)" "a19 served"
ok "one that is not served rolls back, and what is active is served"

# Kamailio has the port that one of three certificates is to be proven at.
state=$work/three
write_ca
hook='hook "program" { command = { "/bin/true" } }'
add_cert x1.example.org
challenge="listen = \"$addr:$sips_port\""
add_cert x2.example.org
challenge=
add_cert x3.example.org
run 11 renew --no-hooks
says "x2.example.org: HOLD.*$addr:$sips_port"
equal "1 1" "$(version x1.example.org) $(version x3.example.org)" "versions"
[ ! -e "$state/certs/x2.example.org/current" ] || fail "x2 was issued"
ok "a port that is taken ends only what needs it"
