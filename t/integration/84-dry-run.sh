#!/bin/bash
# A rehearsal orders at the staging CA, and leaves CA, state folder and Kamailio as they are.
. "$(dirname "$0")/lib.sh"

name=sip.example.org
start_pebble
prepare_kamailio
write_conf "$name" example.org
run 0 renew --no-hooks
serve_from "$state/certs/$name/current"
start_kamailio
run 0 reload
good=$(served "$name")

# From here on the CA is one that cannot be reached, and Pebble is its staging.
free_port
sed -i "s|^ *directory .*|    directory = \"https://$addr:$port/dir\"\n    staging = \"$directory\"|" "$conf"
find "$state" -printf '%p %T@ %i\n' | sort >"$work/before"
run 0 renew --dry-run
says 'rehearsed'
find "$state" -printf '%p %T@ %i\n' | sort >"$work/after"
cmp "$work/before" "$work/after" || fail "the rehearsal changed the state folder"
equal "$good" "$(served "$name")" "certificate served"
ok "L10: rehearsed at the staging CA, nothing touched"

rm -r "$state"
run 0 renew --dry-run
[ ! -e "$state" ] || fail "the rehearsal made a state folder"
ok "rehearsed on a fresh machine"

# A binding is between the operator and the CA: what stands in for the CA knows nothing of it.
head -c 32 /dev/urandom | basenc --base64url -w 0 | tr -d = >"$work/eab.key"
chmod 600 "$work/eab.key"
sed -i "s|^ *staging .*|    eab-kid = \"kid-1\"\n    eab-key-file = \"$work/eab.key\"|" "$conf"
run 0 renew --dry-run
says 'rehearsed'
[ ! -e "$state" ] || fail "the rehearsal made a state folder"
ls -d /tmp/kamcert-rehearsal.* 2>/dev/null && fail "the rehearsal left its folder"
ok "without a staging CA it brings its own, also where the CA wants a binding"

stop "$kam_pid"
run 11 renew --dry-run
says "$kam/run/ctl"
ok "a Kamailio that is not there is found"
