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
