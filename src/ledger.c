/*
 * ledger: see ledger.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger.h"
#include "seal.h"

#define NAME	"ledger.json"

#define FT(type, field)	{ type, offsetof(struct record_time, field), NULL }

static const struct pack time_pack = PACK(record_time,
	FT(PACK_I64, wall), FT(PACK_I64, boot_ms), FT(PACK_I64, boot_id));

#define F(type, field, sub) { type, offsetof(struct ledger, field), sub }

const struct pack ledger_pack = PACK(ledger,
	F(PACK_STRUCT, when, &time_pack), F(PACK_I64, wait, NULL), F(PACK_STR, reason, NULL),
	F(PACK_I64, skew, NULL));

/* --- file --- */

static int
read_ledger(struct span file, struct ledger *l, struct err *e)
{
	struct json_doc *doc;
	const struct json *root;
	int rc = -1;

	if ((doc = seal_open(file, NAME, e)) == NULL)
		return -1;
	root = json_root(doc);
	if (json_get_int(root, NAME, "wall", JSON_REQUIRED, &l->when.wall, e) == 0 &&
	    json_get_int(root, NAME, "bootMs", JSON_REQUIRED, &l->when.boot_ms, e) == 0 &&
	    json_get_int(root, NAME, "bootId", JSON_REQUIRED, &l->when.boot_id, e) == 0 &&
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
	struct buf file;
	int dir = -1, rc = -1;

	*l = (struct ledger){ 0 };
	buf_init(&file, STORE_FILE_MAX);
	if (store_ca_open(s, ca, &dir, e) == -1 ||
	    fs_read(dir, NAME, STORE_FILE_MAX, &file, e) == -1) {
		rc = e->sys == ENOENT ? 0 : -1;
	} else if ((rc = read_ledger(buf_span(&file), l, e)) == -1) {
		pack_clear(&ledger_pack, l);
		rc = e->class == OUT_HOLD ? 0 : -1;
	}
	fs_close(&dir);
	buf_clear(&file);
	if (rc == 0 && record_settle(&l->when, now) && store_is_work(s))
		rc = ledger_save(s, ca, l, e);
	return rc;
}

int
ledger_save(struct store *s, const char *ca, const struct ledger *l, struct err *e)
{
	struct json_out o;
	struct buf file;
	int dir = -1, rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	seal_begin(&o, &file);
	json_put_int(&o, "wall", l->when.wall);
	json_put_int(&o, "bootMs", l->when.boot_ms);
	json_put_int(&o, "bootId", l->when.boot_id);
	json_put_int(&o, "wait", l->wait);
	json_put_str(&o, "reason", l->reason);
	json_put_int(&o, "skew", l->skew);
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
