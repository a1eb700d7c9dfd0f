/*
 * ledger: see ledger.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger.h"
#include "seal.h"

#define NAME	"ledger.json"
#define SKEW_MAX (INT64_C(1) << 40)	/* seconds; sums with it do not overflow */

#define F(type, field, sub) { type, offsetof(struct ledger, field), sub }

const struct pack ledger_pack = PACK(ledger,
	F(PACK_STRUCT, when, &record_time_pack), F(PACK_I64, wait, NULL), F(PACK_STR, reason, NULL),
	F(PACK_STRUCT, seen, &record_time_pack), F(PACK_I64, skew, NULL));

/* --- file --- */

static int
get_time(const struct json *o, struct record_time *t, struct err *e)
{
	if (json_get_int(o, NAME, "wall", JSON_REQUIRED, &t->wall, e) == -1 ||
	    json_get_int(o, NAME, "bootMs", JSON_REQUIRED, &t->boot_ms, e) == -1)
		return -1;
	return json_get_int(o, NAME, "bootId", JSON_REQUIRED, &t->boot_id, e);
}

static int
read_ledger(struct span file, struct ledger *l, struct err *e)
{
	struct json_doc *doc;
	const struct json *root, *seen = NULL;
	int rc = -1;

	if ((doc = seal_open(file, NAME, e)) == NULL)
		return -1;
	root = json_root(doc);
	if (get_time(root, &l->when, e) == 0 &&
	    json_get_object(root, NAME, "seen", JSON_OPTIONAL, &seen, e) == 0 &&
	    (seen == NULL || get_time(seen, &l->seen, e) == 0) &&
	    json_get_int(root, NAME, "wait", JSON_REQUIRED, &l->wait, e) == 0 &&
	    json_get_int(root, NAME, "skew", JSON_REQUIRED, &l->skew, e) == 0 &&
	    seal_get_str(root, NAME, "reason", JSON_OPTIONAL, &l->reason, e) == 0)
		rc = 0;
	json_free(doc);
	return rc;
}

int
ledger_load(struct store *s, const char *ca, const struct record_time *now, struct ledger *l,
    struct err *e)
{
	char name[STORE_NAME_MAX + 64];
	struct buf file;
	int rc = -1;

	*l = (struct ledger){ 0 };
	buf_init(&file, STORE_FILE_MAX);
	snprintf(name, sizeof name, "accounts/%s/" NAME, ca);
	/* Not by store_ca_open(): a CA that was never needed leaves no trace. */
	if (fs_read(store_fd(s), name, STORE_FILE_MAX, &file, e) == -1) {
		rc = e->sys == ENOENT ? 0 : -1;
	} else if ((rc = read_ledger(buf_span(&file), l, e)) == -1) {
		pack_clear(&ledger_pack, l);
		rc = e->class == OUT_HOLD ? 0 : -1;
	}
	buf_clear(&file);
	if (rc == 0 && record_settle(&l->when, now) && store_is_work(s))
		rc = ledger_save(s, ca, l, e);
	return rc;
}

static void
put_time(struct json_out *o, const struct record_time *t)
{
	json_put_int(o, "wall", t->wall);
	json_put_int(o, "bootMs", t->boot_ms);
	json_put_int(o, "bootId", t->boot_id);
}

int
ledger_save(struct store *s, const char *ca, const struct ledger *l, struct err *e)
{
	struct json_out o;
	struct buf file;
	int dir = -1, rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	seal_begin(&o, &file);
	put_time(&o, &l->when);
	json_put_int(&o, "wait", l->wait);
	json_put_str(&o, "reason", l->reason);
	json_put_int(&o, "skew", l->skew);
	json_put_object(&o, "seen");
	put_time(&o, &l->seen);
	json_object_end(&o);
	if (seal_end(&o, e) == 0 && store_ca_open(s, ca, &dir, e) == 0 &&
	    store_write(dir, NAME, &file, e) == 0)
		rc = 0;
	fs_close(&dir);
	buf_clear(&file);
	return rc;
}

/* --- times --- */

static int64_t
clamp(int64_t wait)
{
	if (wait < LEDGER_WAIT_MIN)
		return LEDGER_WAIT_MIN;
	return wait > LEDGER_WAIT_MAX ? LEDGER_WAIT_MAX : wait;
}

int
ledger_hold(struct ledger *l, const struct record_time *now, int64_t until, const char *reason,
    struct err *e)
{
	char *copy = strdup(reason);

	if (copy == NULL)
		return err_nomem(e);
	free(l->reason);
	l->reason = copy;
	l->when = *now;
	/* Far ahead or far back is the same as the clamp's ends, so that nothing overflows. */
	l->wait = clamp(until > now->wall ? time_add(until, -now->wall) : 0);
	return 0;
}

int64_t
ledger_until(const struct ledger *l, const struct record_time *now)
{
	int64_t until;

	if (l->when.wall == 0)
		return 0;
	until = time_add(record_when(&l->when, now), clamp(l->wait));
	return until > now->wall ? until : 0;
}

/* --- clocks --- */

void
ledger_compare(struct ledger *l, const struct record_time *now, int64_t skew)
{
	l->seen = *now;
	l->skew = skew > SKEW_MAX ? SKEW_MAX : skew < -SKEW_MAX ? -SKEW_MAX : skew;
}

int64_t
ledger_skew(const struct ledger *l, const struct record_time *now)
{
	int64_t by_wall, by_boot, set;

	if (l->seen.boot_id == 0 || l->seen.boot_id != now->boot_id ||
	    (l->skew < LEDGER_SKEW && l->skew > -LEDGER_SKEW))
		return 0;
	by_wall = time_add(now->wall, -l->seen.wall);
	by_boot = time_add(now->boot_ms, -l->seen.boot_ms) / 1000;
	set = time_add(by_wall, -by_boot);
	return set < MINUTE && set > -MINUTE ? l->skew : 0;
}
