#!/bin/bash
# A tls.cfg whose profiles kamcert keeps: one rename of that file is the switch, forward and back;
# nothing else in it changes.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_responder
prepare_kamailio
self_signed "$work/before"
{
	printf '# the operator'"'"'s\r\n[server:default]\r\ncertificate = %s # ours\r\n' "$work/before/fullchain.pem"
	printf 'private_key = "%s"\r\n\r\n[client:default]\nverify_certificate = no\n' "$work/before/privkey.pem"
} >"$kam/real.cfg"
chmod 640 "$kam/real.cfg"
[ "$(id -u)" != 0 ] || chown "root:$(id -g "$kam_user")" "$kam/real.cfg"
ln -s real.cfg "$kam/tls.cfg"
start_kamailio
hook="hook \"kamailio\" { rpc = \"$rpc\" user = \"$kam_user\" verify = { \"sips:$addr:$sips_port\" } tls-cfg = \"$kam/tls.cfg\" profiles = { \"server:default\" } }"
write_conf "$name"

# names VERSION: the file is as it was, but for this version in the place of the files.
names() {
	local dir=$state/certs/$name/versions/$1
	printf '# the operator'"'"'s\r\n[server:default]\r\ncertificate = %s # ours\r\nprivate_key = "%s"\r\n\r\n[client:default]\nverify_certificate = no\n' \
	    "$dir/fullchain.pem" "$dir/privkey.pem" | cmp - "$kam/real.cfg" >"$out" 2>&1 ||
	    fail "tls.cfg does not name version $1, or something else was changed"
	[ -L "$kam/tls.cfg" ] || fail "the link is no link any more"
	equal 640 "$(stat -c %a "$kam/real.cfg")" "mode"
	[ -z "$(find "$kam" -name '.kamcert-*')" ] || fail "a temporary file is left"
}

mv "$kam/tls.cfg" "$kam/away.cfg"
run 11 renew --no-hooks
says 'tls.cfg: No such file'
! grep -q -e '-> .*renew --no-hooks' "$out" || fail "what was just done is proposed"
mv "$kam/away.cfg" "$kam/tls.cfg"
run 0 renew
names 1
equal "$(installed "$name")" "$(served "$name")" "certificate served"
run 0 check
says 'all load'
run 0 renew --force
names 2
equal "$(installed "$name")" "$(served "$name")" "certificate served"
rm -f "$kam/run/ctl"
stop "$kam_pid"
start_kamailio
equal "$(installed "$name")" "$(served "$name")" "certificate served after a restart"
ok "the profile names the version, and nothing else in the file has changed, nor its link, mode and owner"

kamailio_hook=$hook
hook="$hook
    hook \"program\" { command = { \"/bin/sh\", \"-c\", \"test \$KAMCERT_EVENT = rollback\" } }"
write_conf "$name"
before=$(served "$name")
run 13 renew --force
says 'version 2 is served again'
names 2
equal "$before" "$(served "$name")" "certificate served"
hook=$kamailio_hook
ok "not served: the file is back as it was"

write_conf "$name"
echo '# added' >>"$kam/real.cfg"
run 0 renew --force
grep -q '^# added$' "$kam/real.cfg" || fail "the operator's line is lost"
sed -i '/^# added$/d' "$kam/real.cfg"
names "$(version "$name")"
before=$(version "$name")
sed -i "s|^certificate = .*|certificate = $work/before/fullchain.pem|" "$kam/real.cfg"
sum=$(cksum <"$kam/real.cfg")
run 11 renew --force
says 'real.cfg:2: \[server:default\]: another certificate was put in the place of'
equal "$sum" "$(cksum <"$kam/real.cfg")" "the operator's file"
equal "$before" "$(version "$name")" "active version"
ok "what the operator adds stays; what he puts in our place is not written over"
