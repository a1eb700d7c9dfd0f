/*
 * journal: see journal.h.
 */
#include <errno.h>
#include <string.h>

#include "journal.h"
#include "seal.h"
#include "store.h"

static const char *const words[] = {
	[JOURNAL_NONE] = "none",
	[JOURNAL_SWITCHING] = "switching",
	[JOURNAL_ASKED] = "asked",
	[JOURNAL_DONE] = "done",
	[JOURNAL_BACK_SWITCHING] = "back-switching",
	[JOURNAL_BACK_ASKED] = "back-asked",
	[JOURNAL_BACK_DONE] = "back-done",
};

bool
journal_proves(const struct journal *j, int64_t version)
{
	return (j->state == JOURNAL_DONE && j->to == version) ||
	    (j->state == JOURNAL_BACK_DONE && j->from == version);
}

const char *
journal_word(enum journal_state state)
{
	return (size_t)state < NITEMS(words) ? words[state] : words[JOURNAL_NONE];
}

int
journal_write(const struct journal *j, struct buf *b, struct err *e)
{
	struct json_out o;

	seal_begin(&o, b);
	json_put_str(&o, "state", journal_word(j->state));
	json_put_int(&o, "from", j->from);
	json_put_int(&o, "to", j->to);
	json_put_int(&o, "when", j->when);
	if (seal_end(&o, e) == -1)
		return err_in(e, JOURNAL_NAME);
	return 0;
}

static int
read_state(const char *word, enum journal_state *out, struct err *e)
{
	for (size_t i = JOURNAL_NONE + 1; i < NITEMS(words); i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum journal_state)i;
			return 0;
		}
	return err_set(e, OUT_HOLD, JOURNAL_NAME ": state: have an unknown one");
}

static int
read_entry(const struct json *root, struct journal *j, struct err *e)
{
	const char *word;

	if (json_get_str(root, JOURNAL_NAME, "state", JSON_REQUIRED, &word, e) == -1 ||
	    read_state(word, &j->state, e) == -1 ||
	    json_get_int(root, JOURNAL_NAME, "from", JSON_REQUIRED, &j->from, e) == -1 ||
	    json_get_int(root, JOURNAL_NAME, "to", JSON_REQUIRED, &j->to, e) == -1 ||
	    json_get_int(root, JOURNAL_NAME, "when", JSON_REQUIRED, &j->when, e) == -1)
		return -1;
	if (j->from < 0 || j->to < 1 || (j->from == 0 && j->state >= JOURNAL_BACK_SWITCHING))
		return err_set(e, OUT_HOLD, JOURNAL_NAME ": %s from %jd to %jd makes no sense",
		    word, (intmax_t)j->from, (intmax_t)j->to);
	return 0;
}

int
journal_read(struct span file, struct journal *j, struct err *e)
{
	struct json_doc *doc;
	int rc;

	*j = (struct journal){ .state = JOURNAL_NONE };
	if ((doc = seal_open(file, JOURNAL_NAME, e)) == NULL)
		return -1;
	if ((rc = read_entry(json_root(doc), j, e)) == -1)
		*j = (struct journal){ .state = JOURNAL_NONE };
	json_free(doc);
	return rc;
}

int
journal_load(int at, struct journal *j, struct err *e)
{
	struct buf file;
	int rc;

	*j = (struct journal){ .state = JOURNAL_NONE };
	buf_init(&file, JOURNAL_MAX);
	if (fs_read(at, JOURNAL_NAME, JOURNAL_MAX, &file, e) == 0) {
		rc = journal_read(buf_span(&file), j, e);
		if (rc == -1 && e->class == OUT_HOLD)
			rc = 0;
	} else {
		rc = e->sys == ENOENT ? 0 : -1;
	}
	buf_clear(&file);
	return rc;
}

int
journal_save(int at, const struct journal *j, struct err *e)
{
	struct buf file;
	int rc;

	buf_init(&file, JOURNAL_MAX);
	if ((rc = journal_write(j, &file, e)) == 0)
		rc = store_write(at, JOURNAL_NAME, &file, e);
	buf_clear(&file);
	return rc;
}
