#!/bin/bash
# TLS clients that no one here wrote, against the responder's HTTPS: suites, groups, versions,
# resumption, a new hello, key updates.
. "$(dirname "$0")/../integration/lib.sh"

need openssl curl
start_responder
at=${directory#https://}
at=${at%/dir}

# s_client OPTION...: a whole request by openssl; its output is in $out.
s_client() {
	printf 'GET /dir HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$at" |
	    timeout 20 openssl s_client -connect "$at" -CAfile "$work/server.pem" -verify_return_error \
	    -ign_eof "$@" >"$out" 2>&1 || fail "openssl s_client $*"
	grep -q '"newNonce"' "$out" || fail "openssl s_client $*: no directory"
}

for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
	s_client -tls1_3 -ciphersuites "$suite"
	grep -q "Cipher is $suite" "$out" || fail "not $suite"
done
ok "openssl: every suite of TLS 1.3"
for group in X25519 P-256 P-384; do
	s_client -tls1_3 -groups "$group"
done
ok "openssl: every group"
s_client -tls1_3 -groups P-521:P-384
ok "openssl: a HelloRetryRequest"
for suite in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 \
    ECDHE-ECDSA-CHACHA20-POLY1305; do
	s_client -tls1_2 -cipher "$suite"
	grep -q "Cipher is $suite" "$out" || fail "not $suite"
done
ok "openssl: TLS 1.2"
s_client -tls1_3 -sess_out "$work/session"
s_client -tls1_3 -sess_in "$work/session"
grep -q '^Reused' "$out" || fail "openssl did not resume"
ok "openssl: resumption"
{
	printf 'K\nGET /dir HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$at"
	read -r -t 1 <>"$work/never" || :
} | timeout 20 openssl s_client -connect "$at" -CAfile "$work/server.pem" -tls1_3 >"$out" 2>&1 || :
grep -q KEYUPDATE "$out" || fail "openssl did not update its keys"
ok "openssl: an update of keys"
! timeout 20 openssl s_client -connect "$at" -tls1_1 </dev/null >"$out" 2>&1 ||
    fail "TLS 1.1 was accepted"
ok "openssl: TLS 1.1 is refused"

for version in 1.2 1.3; do
	curl -fsS --cacert "$work/server.pem" "--tlsv$version" --tls-max "$version" "$directory" >"$out" ||
	    fail "curl with TLS $version"
done
# shellcheck disable=SC2046
curl -fsS --cacert "$work/server.pem" $(printf "$directory %.0s" {1..20}) >"$out" || fail "20 requests of curl"
equal 20 "$(grep -o newNonce "$out" | wc -l)" "directories on one connection"
ok "curl: both versions, twenty requests on a connection"

if command -v gnutls-cli >/dev/null; then
	for priority in NORMAL:-VERS-ALL:+VERS-TLS1.3 NORMAL:-VERS-ALL:+VERS-TLS1.2 \
	    NORMAL:-GROUP-ALL:+GROUP-SECP384R1 NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305; do
		timeout 20 gnutls-cli --x509cafile "$work/server.pem" --priority "$priority" \
		    -p "${at#*:}" "${at%:*}" </dev/null >"$out" 2>&1 || fail "gnutls-cli $priority"
		grep -q 'certificate is trusted' "$out" || fail "gnutls-cli $priority: not trusted"
	done
	timeout 20 gnutls-cli --x509cafile "$work/server.pem" -r -p "${at#*:}" "${at%:*}" \
	    </dev/null >"$out" 2>&1 || fail "gnutls-cli -r"
	grep -q 'This is a resumed session' "$out" || fail "gnutls-cli did not resume"
	ok "gnutls-cli: versions, a group, a suite, resumption"
fi
