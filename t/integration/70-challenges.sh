#!/bin/bash
# http-01 by document root, and by listener on IPv6.
. "$(dirname "$0")/lib.sh"

need busybox
hook='hook "program" { command = { "/bin/true" } }'
start_pebble
mkdir "$work/htdocs"
start httpd "$ca_user" busybox httpd -f -p "$addr:$http_port" -h "$work/htdocs"
until_ok 10 "the web server answers" answers "$http_port"
challenge="webroot = \"$work/htdocs\""
write_conf web.example.org www.example.org
run 0 renew
equal 1 "$(version web.example.org)" "active version"
equal "" "$(find "$work/htdocs" -type f)" "files left in the document root"
ok "by document root, which is empty again"
unset challenge

start_pebble
challenge="listen = \"$addr:$http_port\""
state=$work/state-names
write_conf bücher.example.org "$addr"
sed -i 's/certificate "bücher/certificate "books/' "$conf"
run 0 renew
names=$(openssl x509 -in "$state/certs/books.example.org/current/cert.pem" -noout -ext subjectAltName)
case $names in
*"DNS:xn--bcher-kva.example.org"*"IP Address:$addr"*) ;;
*) fail "names in the certificate: $names" ;;
esac
ok "RFC 8738: an address, beside a name in its own script"
state=$work/state

challenge="listen = \"$addr:$http_port\""
state=$work/state-alpn
write_conf alpn.example.org "$addr"
sed -i 's/challenge "http-01"/challenge "tls-alpn-01"/' "$conf"
run 0 renew
equal 1 "$(version alpn.example.org)" "active version"
ok "RFC 8737: by tls-alpn-01, a name and an address"

write_conf other.example.org
sed -i 's/^    names/    profile = "nobody"\n&/' "$conf"
run 0 renew
says 'profile'
sed -i 's/nobody"/&\n    profile-required = true/' "$conf"
run 11 renew --force
says 'profile'
ok "a profile that the CA lacks: left out, or HOLD where it is required"
state=$work/state

only_v6=
start_pebble
challenge="listen = \"[::1]:$http_port\""
write_conf six.example.org
run 0 renew
equal 1 "$(version six.example.org)" "active version"
ok "by listener on IPv6"

only_v6=
challenge="listen = \"$addr:$http_port\""
write_conf four.example.org
run 11 renew
[ ! -e "$state/certs/four.example.org/current" ] || fail "something was installed"
says 'four.example.org'
ok "S14: nobody answers the challenge: HOLD, nothing installed"
