#!/bin/bash
# More TLS clients that no one here wrote: NSS, Node, Python, and Java where it is installed. With
# each kind of key: every suite, group and signature that both have, a HelloRetryRequest, resumption.
. "$(dirname "$0")/../integration/lib.sh"

need tstclnt certutil node python3

# nss OPTION...: a request by NSS; its output is in $out.
nss() {
	printf 'GET /dir HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$at" >"$work/request"
	timeout 20 tstclnt -h "${at%:*}" -p "${at#*:}" -d "sql:$work/nss" -A "$work/request" "$@" \
	    >"$out" 2>&1 || :
	grep -q '"newNonce"' "$out" || fail "tstclnt $*: no directory"
}

try_nss() {
	local suites old=$1 schemes=$2 item
	rm -rf "$work/nss"
	mkdir "$work/nss"
	certutil -N -d "sql:$work/nss" --empty-password
	certutil -A -n test -t C,, -d "sql:$work/nss" -i "$work/server.pem"
	for item in 1301 1302 1303; do
		nss -V tls1.3:tls1.3 -c ":$item"
	done
	for item in $old; do
		nss -V tls1.2:tls1.2 -c ":$item"
	done
	for item in x25519 P256 P384 P521,P384 P521,FF2048,x25519; do
		nss -V tls1.3:tls1.3 -I "$item"
	done
	for item in $schemes; do
		nss -V tls1.3:tls1.3 -J "$item"
	done
	nss -V tls1.3:tls1.3 -u -L 2
	grep -q '1 stateless resumes' "$out" || fail "NSS did not resume"
	ok "NSS: suites, groups, signatures, a HelloRetryRequest, resumption"
}

for kind in ECDSA RSA; do
	start_responder --tls-key-type "${kind,,}" --key-type ecdsa
	at=${directory#https://}
	at=${at%/dir}
	if [ "$kind" = ECDSA ]; then
		try_nss "C02B C02C CCA9" ecdsa_secp256r1_sha256
	else
		try_nss "C02F C030 CCA8" "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512"
	fi
	timeout 100 node "$top/t/foreign/tls.js" "${at%:*}" "${at#*:}" "$work/server.pem" "$kind" >"$out" 2>&1 ||
	    fail "Node"
	ok "Node: the same, and twenty requests on a connection"
	timeout 100 /usr/bin/python3 "$top/t/foreign/tls.py" "${at%:*}" "${at#*:}" "$work/server.pem" "$kind" \
	    >"$out" 2>&1 || fail "Python"
	ok "Python: suites, groups, resumption"
	if command -v javac >/dev/null && command -v keytool >/dev/null; then
		rm -f "$work/trust"
		keytool -importcert -noprompt -file "$work/server.pem" -keystore "$work/trust" \
		    -storepass changeit >"$out" 2>&1 || fail "keytool"
		timeout 100 java "$top/t/foreign/Tls.java" "${at%:*}" "${at#*:}" "$work/trust" "$kind" \
		    >"$out" 2>&1 || fail "Java"
		ok "Java: $(cat "$out")"
	else
		echo "java is not installed: not tried"
	fi
	stop "$responder_pid"
done
