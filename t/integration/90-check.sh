#!/bin/bash
# check: everything that would go wrong is said before it does, with file and line; and a run that
# is about to fail by a profile of somebody else names it.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
other=$work/other
start_pebble
prepare_kamailio
write_conf "$name" example.org
run 0 renew --no-hooks
current=$state/certs/$name/current

# tls_cfg [LINE...]: the default profile with our certificate, and these lines behind it.
tls_cfg() {
	serve_from "$current"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$kam/tls.cfg"
}

# at TEXT: the last line of tls.cfg with it.
at() {
	grep -nF -e "$1" "$kam/tls.cfg" | tail -n 1 | cut -d: -f1
}

# silent PATTERN: the last run did not print this.
silent() {
	! grep -Eq -e "$1" "$out" || fail "kamcert printed: $1"
}

# leaf DIR DAYS [EXTENSION]: a certificate of somebody else; negative days: it has expired.
leaf() {
	mkdir -p "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other \
	    -days "$2" -addext "${3-extendedKeyUsage=serverAuth}" -keyout "$1/privkey.pem" \
	    -out "$1/fullchain.pem" 2>/dev/null || fail "openssl makes no certificate"
	chmod 755 "$1"
	chmod 644 "$1/privkey.pem"
}

# profile KIND DIR [LINE...]: a section with the files of a folder.
profile() {
	local kind=$1 dir=$2
	shift 2
	printf '%s\n' "[$kind]" "certificate = $dir/fullchain.pem" \
	    "private_key = $dir/privkey.pem" "$@"
}

# Kamailio 5.6 is not safe to reload, which is told.
release=$(kamailio -v 2>/dev/null | sed -n 's/^version: kamailio \([0-9]*\.[0-9]*\).*/\1/p')
case $release in
5.*) unsafe=1 ;;
*) unsafe=0 ;;
esac

leaf "$other" 30
tls_cfg "$(profile server:any "$other" 'server_name = pbx.example.org' 'server_name_mode = 1')"
start_kamailio
run 0 reload
run 0 check
says "$kam/tls.cfg|tls.cfg.*3 profiles, all load; the first certificate expires in"
says "not managed by kamcert: \[server:any\] pbx.example.org \(line $(at '[server:any]')\)"
silent 'tls.cfg:[0-9]+:'
# K18
[ "$unsafe" = 0 ] || says 'can crash this server'
silent 'loses about'
ok "a tls.cfg of three profiles is fine, and what is not kamcert's is named once"

"$kamcert" check --discover --kamailio-cfg "$kam/kamailio.cfg" --certbot "$work/none" \
    >"$work/proposal.conf" 2>"$out" || fail "nothing is proposed"
grep -q "^certificate \"$name\"" "$work/proposal.conf" || fail "the certificate is not in the proposal"
grep -q "verify = { \"sips:$addr:$sips_port\" }" "$work/proposal.conf" || fail "the listener is not"
grep -q "rpc    = \"$rpc\"" "$work/proposal.conf" || fail "the control socket is not"
{
	echo "state-dir = \"$work/other-state\""
	cat "$work/proposal.conf"
} >"$work/kamcert-2.conf"
"$kamcert" -c "$work/kamcert-2.conf" status >"$out" 2>&1 || [ "$?" != 2 ] ||
    fail "the proposal is no configuration"
ok "check --discover proposes a configuration from this Kamailio's, and kamcert reads it"

tls_cfg "$(profile server:any "$other" 'server_name = EXAMPLE.org')" \
    "$(profile client:default "$other")"
run 1 check
says "tls.cfg:$(at '[server:any]'): .*: it serves example.org, with a certificate that is not"
says "tls.cfg:$(at '[client:default]'): .*clientAuth"
ok "a name that another profile takes, and a client without the purpose for it"

sed -i "s|$current|$state/certs/$name/versions/1|" "$kam/tls.cfg"
run 1 check
says "tls.cfg:2: .*: it serves $name from a version that never changes"
ok "K07 before it happens: a version in place of current"

tls_cfg "$(profile "server:$addr:$sips_port" "$current")" \
    "$(profile server:any "$other" 'server_name = pbx.example.org')" \
    'method = TLSv1.2+' 'verify_depth = 3'
run 1 check
says "tls.cfg:$(at "[server:$addr")"': .*no profile for any address is ever reached'
ok "a socket without a name hides the names behind it"

leaf "$other.old" 1
mkdir "$other.expired"
openssl req -x509 -key "$other.old/privkey.pem" -subj /CN=old -days 1 \
    -out "$other.expired/fullchain.pem" 2>/dev/null
openssl x509 -in "$other.expired/fullchain.pem" -signkey "$other.old/privkey.pem" -days -1 \
    -out "$other.expired/past.pem" 2>/dev/null || fail "openssl makes no expired certificate"
mv "$other.expired/past.pem" "$other.expired/fullchain.pem"
cp "$other.old/privkey.pem" "$other.expired/privkey.pem"
chmod 755 "$other.expired"
chmod 644 "$other.expired"/*
tls_cfg "$(profile server:any "$other.expired" 'server_name = old.example.org')"
run 1 check
says "tls.cfg:$(at '[server:any]'): .*certificate 1 has expired at"
run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "an expired one of somebody else is told, and holds nothing back, as Kamailio loads it"

# broken SENTENCE PATTERN [CODE] (K04, K16): Kamailio itself refuses what is there; check names the line, and so
# does a renewal, which ends with the certificate that was served before.
broken() {
	local before
	before=$(version "$name")
	rpc tls.reload >"$work/reload" 2>&1 || :
	grep -q 'error: 500' "$work/reload" || fail "Kamailio loads it: $1"
	run 1 check
	says "$2"
	run "${3-13}" renew --force
	says "$2"
	equal "$before" "$(version "$name")" "active version"
	equal "$(installed "$name")" "$(served "$name")" "certificate served"
	ok "$1"
}

tls_cfg "$(profile server:any "$other.gone" 'server_name = pbx.example.org')"
broken "a file that is missing" "tls.cfg:$(at "$other.gone/fullchain"): .*: certificate: .*No such file"

cp -r "$other" "$other.cut"
head -c 300 "$other/fullchain.pem" >"$other.cut/fullchain.pem"
tls_cfg "$(profile server:any "$other.cut" 'server_name = pbx.example.org')"
broken "a certificate that is cut" "tls.cfg:$(at "$other.cut/fullchain"): .*no certificate that can be read"

tls_cfg "$(profile server:any "$other" 'server_name = pbx.example.org' \
    "private_key = $other.old/privkey.pem")"
broken "a key of another certificate" "tls.cfg:$(at "$other.old/privkey"): .*not the key of the certificate"

tls_cfg "$(profile server:any "$other" 'server_name = pbx.example.org' "ca_list = /dev/null")"
: >"$work/empty.pem"
sed -i "s|/dev/null|$work/empty.pem|" "$kam/tls.cfg"
broken "an empty ca_list" "tls.cfg:$(at "$work/empty.pem"): .*: ca_list: .*nothing in it"

if [ "$kam_user" != "$(id -un)" ]; then
	cp -r "$other" "$other.closed"
	chmod 600 "$other.closed/privkey.pem"
	tls_cfg "$(profile server:any "$other.closed" 'server_name = pbx.example.org')"
	broken "a key that only root can read" \
	    "tls.cfg:$(at "$other.closed/privkey"): .*the server's user $kam_user cannot read it"
fi

tls_cfg 'method = TLSv1.2+' 'colour = blue'
broken "an unknown option, which is not even tried" "tls.cfg:$(at colour):1: unknown option 'colour'" 11

tls_cfg
rpc tls.reload >/dev/null || :
run 0 renew --force
equal "$(installed "$name")" "$(served "$name")" "certificate served"
ok "the faults gone, one run converges"

stop "$kam_pid"
sed -i "s|user   = \"$kam_user\"|&\n        kamailio-cfg = \"$kam/kamailio.cfg\"|" "$conf"
tls_cfg "$(profile server:any "$other.gone" 'server_name = pbx.example.org')"
run 1 check
says 'server: FINDING: .*(No such file|refused)'
says "tls.cfg: $kam/tls.cfg, as $kam/kamailio.cfg names it"
says "tls.cfg:$(at "$other.gone/fullchain"): .*: certificate: .*No such file"
tls_cfg
ok "a Kamailio that does not run is looked at by its kamailio.cfg"

if [ "$unsafe" = 1 ]; then
	allocator=qm start_kamailio
	run 1 check
	says 'with allocator qm loses about [0-9]+ KiB of shared memory at every reload: after some [0-9]+ more'
	ok "K12: an allocator that loses memory is told, with how many reloads are left"
fi
