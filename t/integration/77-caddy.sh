#!/bin/bash
# Another implementation as CA: the ACME server of Caddy, by http-01 and tls-alpn-01, with an
# intermediate of ours that names a list of revoked certificates.
. "$(dirname "$0")/lib.sh"

need caddy openssl curl busybox
hook='hook "program" { command = { "/bin/true" } }'
# It comes to ports 80 and 443, wherever they are.
if [ "$(id -u)" != 0 ] && [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 80 ]; then
	echo "port 80 is not for this user"
	[ -z "${CI-}${KAMCERT_CI-}" ] || fail "port 80 cannot be had"
	trap - EXIT
	rm -rf "$work"
	exit 77
fi

pki=$work/pki
mkdir "$pki" "$work/lists" "$work/caddy"
free_port; lists_port=$port
free_port; caddy_port=$port
http_port=80

# ca NAME DAYS SIGNER [EXTENSION]: a CA certificate; SIGNER itself for a root.
ca() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key"
	openssl req -new -key "$pki/$1.key" -subj "/CN=Test $1" -out "$pki/$1.csr"
	printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign \
	    subjectKeyIdentifier=hash "${4:-authorityKeyIdentifier=keyid}" >"$pki/$1.ext"
	if [ "$1" = "$3" ]; then
		openssl x509 -req -in "$pki/$1.csr" -signkey "$pki/$1.key" -days "$2" \
		    -extfile "$pki/$1.ext" -out "$pki/$1.pem"
	else
		openssl x509 -req -in "$pki/$1.csr" -CA "$pki/$3.pem" -CAkey "$pki/$3.key" \
		    -CAcreateserial -days "$2" -extfile "$pki/$1.ext" -out "$pki/$1.pem"
	fi
}

# list [REVOKED]: what the root says of its intermediates.
list() {
	cat >"$pki/ca.conf" <<-END
	[ca]
	default_ca = root
	[root]
	database = $pki/index
	crlnumber = $pki/number
	default_md = sha256
	default_crl_days = 30
	END
	: >"$pki/index"
	echo 01 >"$pki/number"
	[ $# = 0 ] || openssl ca -config "$pki/ca.conf" -cert "$pki/root.pem" \
	    -keyfile "$pki/root.key" -revoke "$1"
	openssl ca -config "$pki/ca.conf" -cert "$pki/root.pem" -keyfile "$pki/root.key" -gencrl \
	    -out "$pki/list.pem"
	openssl crl -in "$pki/list.pem" -outform DER -out "$work/lists/root.crl"
}

{
	ca root 30 root
	ca intermediate 20 root "crlDistributionPoints=URI:http://$addr:$lists_port/root.crl"
	list
} >"$work/openssl.log" 2>&1 || fail "openssl makes no CA"
cat >"$work/Caddyfile" <<END
{
	admin off
	skip_install_trust
	auto_https disable_redirects
	storage file_system $work/caddy
	pki {
		ca local {
			root {
				cert $pki/root.pem
				key $pki/root.key
			}
			intermediate {
				cert $pki/intermediate.pem
				key $pki/intermediate.key
			}
		}
	}
}
https://$addr:$caddy_port {
	tls internal
	acme_server
}
END
[ "$(id -u)" != 0 ] || chown -R "$ca_user" "$pki" "$work/caddy"
start caddy "$ca_user" env HOME="$work/caddy" caddy run --config "$work/Caddyfile" --adapter caddyfile
cp "$pki/root.pem" "$work/server.pem"
cp "$pki/root.pem" "$work/roots.pem"
directory=https://$addr:$caddy_port/acme/local/directory
until_ok 20 "Caddy answers" curl -fsS --cacert "$work/server.pem" "$directory"

# lists: the web server that has the list.
lists() {
	start lists "$ca_user" busybox httpd -f -p "$addr:$lists_port" -h "$work/lists"
	lists_pid=$pid
	until_ok 10 "the lists are served" answers "$lists_port"
}

lists
challenge="listen = \"$addr:80\""
write_conf "$addr"
run 0 renew
equal 1 "$(version "$addr")" "active version"
grep -q root.crl "$state"/crls/*.json || fail "no list was kept"
ok "by http-01, and no issuer is on the root's list"

stop "$lists_pid"
run 0 renew --force
equal 2 "$(version "$addr")" "active version"
ok "without the web server, by the list that was kept"

rm -r "$state/crls"
run 0 renew --force
says 'whether an issuer of the certificate is revoked is not known'
equal 3 "$(version "$addr")" "active version"
ok "without any list: a note"

list "$pki/intermediate.pem" >>"$work/openssl.log" 2>&1 || fail "openssl revokes nothing"
lists
run 12 renew --force
says 'Test intermediate.*revoked'
equal 3 "$(version "$addr")" "active version"
ok "the intermediate is revoked: REFUSE, and nothing is installed"

list >>"$work/openssl.log" 2>&1
rm -r "$state/crls"
state=$work/state-alpn
challenge="listen = \"$addr:443\""
write_conf "$addr"
sed -i 's/challenge "http-01"/challenge "tls-alpn-01"/' "$conf"
run 0 renew
equal 1 "$(version "$addr")" "active version"
ok "by tls-alpn-01"
run 0 account show
says 'valid'
run 10 account rollover
says 'not implemented'
run 0 renew --force
ok "its account is shown; a new key, which Caddy does not know of, is not taken into use"
