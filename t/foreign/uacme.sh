#!/bin/bash
# uacme: account, certificates by http-01, dns-01 and (by ualpn) tls-alpn-01, renewal, a new
# account key, revocation.
. "$(dirname "$0")/../integration/lib.sh"

need uacme ualpn unshare
# It knows no option for roots: it gets a file of its own in the place of the system's.
bundle=/etc/ssl/certs/ca-certificates.crt
trusting=(unshare -m --)
[ "$(id -u)" = 0 ] || trusting=(unshare -rm --)
if [ ! -e "$bundle" ] || ! "${trusting[@]}" true 2>/dev/null; then
	echo "mount name spaces are not allowed here"
	trap - EXIT
	rm -rf "$work"
	exit 77
fi
start_responder

uacme_run() {
	timeout -k 5 120 "${trusting[@]}" sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' \
	    "$work/server.pem" "$bundle" uacme -a "$directory" -c "$work/uacme" -y -v "$@" \
	    >"$out" 2>&1 || fail "uacme $*"
}

# The chain is behind the leaf in one file.
good() {
	openssl verify -CAfile "$work/roots.pem" -untrusted "$work/uacme/$1/cert.pem" \
	    "$work/uacme/$1/cert.pem" >/dev/null || fail "openssl rejects the chain of $1"
}

mkdir -p "$work/www/.well-known/acme-challenge"
start www "$(id -un)" busybox httpd -f -p "$addr:$http_port" -h "$work/www"
until_ok 10 "the web server answers" answers "$http_port"
cat >"$work/hook" <<-END
	#!/bin/sh
	case \$1-\$2 in
	begin-\$want) ;;
	begin-*) exit 1 ;;
	*) exit 0 ;;
	esac
	case \$2 in
	http-01) printf %s "\$5" >"$work/www/.well-known/acme-challenge/\$4" ;;
	dns-01) curl -fsS --data-binary "_acme-challenge.\$3=\$5" "$control/txt" ;;
	tls-alpn-01) [ "\$(echo "auth \$3 \$5" | ualpn -s "$work/ualpn.sock")" = OK ] ;;
	esac
END
chmod 755 "$work/hook"

uacme_run new a@example.org
ok "account"

export want=http-01
uacme_run -h "$work/hook" issue a.example.org b.example.org
good a.example.org
ok "http-01: a certificate for two names"

want=dns-01 uacme_run -h "$work/hook" issue d.example.org
good d.example.org
ok "dns-01"

start ualpn "$(id -un)" ualpn -b "$addr@$tls_port" -c "$addr@$http_port" -s "$work/ualpn.sock" -v
until_ok 10 "ualpn answers" answers "$tls_port"
want=tls-alpn-01 uacme_run -h "$work/hook" issue alpn.example.org
good alpn.example.org
ok "tls-alpn-01, by ualpn"

before=$(openssl x509 -in "$work/uacme/a.example.org/cert.pem" -noout -serial)
uacme_run -f -h "$work/hook" issue a.example.org b.example.org
good a.example.org
[ "$before" != "$(openssl x509 -in "$work/uacme/a.example.org/cert.pem" -noout -serial)" ] ||
    fail "uacme did not renew"
ok "renewed"

uacme_run -t EC newkey
uacme_run update b@example.org
ok "the account has a new key, and another contact"

uacme_run revoke "$work/uacme/d.example.org/cert.pem"
ok "revoked by the account's key"
uacme_run revoke "$work/uacme/alpn.example.org/cert.pem" "$work/uacme/private/alpn.example.org/key.pem"
ok "revoked by the certificate's key"

uacme_run deactivate
ok "the account is closed"
