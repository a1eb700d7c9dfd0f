#!/bin/bash
# FAULTS A22 to A28: a CA that sends what is not fit. Nothing is installed, Kamailio is not
# touched, and the message says what was wrong.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
other=other.example.org
need faketime
start_pebble
prepare_kamailio
write_conf "$name"
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
good=$(served "$name")

# An evil root that the trust bundle has, so that only the fault in question is one.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=evil \
    -keyout "$work/evil.key" -out "$work/evil.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/other.key"
chmod 644 "$work/evil.key" "$work/other.key"
cat "$work/evil.pem" >>"$work/roots.pem"

# resign NAME DAYS [USAGE [CA]]: shell text that makes made.pem, a leaf for the key in
# chain.pem, as of so many days from now.
resign() {
	cat <<-END
	openssl x509 -in chain.pem -noout -pubkey >pub.pem
	echo 'subjectAltName=DNS:$1' >ext
	echo 'extendedKeyUsage=${3-serverAuth}' >>ext
	echo 'basicConstraints=critical,CA:${4-FALSE}' >>ext
	faketime -f '$2d' openssl x509 -new -force_pubkey pub.pem -subj '/CN=$1' -extfile ext \
	    -days 10 -CA '$work/evil.pem' -CAkey '$work/evil.key' -out made.pem 2>/dev/null
	END
}

# spoil SHELL-TEXT: makes it the proxy's filter. It runs in a folder of its own that has
# chain.pem, what Pebble sent, and prints content type and body.
pem='echo application/pem-certificate-chain'
spoil() {
	cat >"$work/filter.new" <<-END
	#!/bin/sh
	set -e
	dir=\$(mktemp -d -t kamcert-filter.XXXXXX)
	trap 'rm -rf "\$dir"' EXIT
	cd "\$dir"
	cat >chain.pem
	$1
	END
	chmod 755 "$work/filter.new"
	mv "$work/filter.new" "$work/filter"
}

# refused CODE PATTERN WHAT: one renewal through the filter.
refused() {
	local versions
	versions=$(ls "$state/certs/$name/versions")
	run "$1" renew --force
	says "$2"
	equal 1 "$(version "$name")" "active version"
	equal "$versions" "$(ls "$state/certs/$name/versions")" "versions"
	equal "$good" "$(served "$name")" "certificate served"
	ok "$3"
}

# The same CA at another address: its account is found again.
spoil "$pem; cat chain.pem"
start_proxy "$work/filter"
write_conf "$name"

spoil "$pem; openssl req -x509 -key '$work/other.key' -subj '/CN=$name' -days 30 \
    -addext 'subjectAltName=DNS:$name' -addext 'extendedKeyUsage=serverAuth'"
refused 12 'public key: want the one of our request' "A22: a leaf for another key"

spoil "$(resign "$other" +0)
$pem; cat made.pem"
refused 12 "subjectAltName: want $name" "A26: a leaf for another name"

spoil "$(resign "$name" -20)
$pem; cat made.pem"
refused 12 'expired at' "A25: an expired leaf"

spoil "$(resign "$name" +20)
$pem; cat made.pem"
refused 12 'not yet valid: begins at' "A25: a leaf of the future"

spoil "$(resign "$name" +0 clientAuth)
$pem; cat made.pem"
refused 12 'want serverAuth' "A27: a leaf for clients only"

spoil "$(resign "$name" +0 serverAuth TRUE)
$pem; cat made.pem"
refused 12 'want a leaf, have a CA' "A27: a leaf that is a CA"

spoil "$pem; openssl x509 -in chain.pem"
refused 12 'its issuer .* is neither among the intermediates' "A24: no intermediate"

spoil "$pem; sed '1,/END CERTIFICATE/d' chain.pem"
refused 12 'public key: want the one of our request' "A23: no leaf"

spoil "$pem; cat '$work/other.key' chain.pem"
refused 12 'private key in the reply' "A28: a private key in the reply"

spoil "$pem; echo '<html><body>Please log in</body></html>'"
refused 12 'want PEM' "A28: HTML that calls itself a chain"

spoil "echo text/html; echo '<html><body>Please log in</body></html>'"
refused 10 'Content-Type: .*text/html' "A11: HTML"

spoil "$pem"
refused 12 'want PEM, have 0 octets' "A28: nothing"

spoil "$pem; cat chain.pem"
run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
[ "$good" != "$(served "$name")" ] || fail "nothing was renewed"
ok "V4: the CA honest again, one run converges"
