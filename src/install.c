/*
 * install: switching versions, marking and pruning them. Looking is in
 * install_look.c, making a version in install_stage.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "install.h"

#define KEEP		3	/* newest versions that are kept besides */
#define PRUNE_MAX	64	/* that are removed in one call */
#define REASON_MAX	512
#define NUMBER_MAX	24	/* octets of a version's number and ".bad" */

/* --- marks --- */

static const char *
mark_name(int64_t version, char out[NUMBER_MAX])
{
	(void)snprintf(out, NUMBER_MAX, "%jd.bad", (intmax_t)version);
	return out;
}

static int
open_versions(struct store_cert *c, int *fd, struct err *e)
{
	return fs_open_dir(store_cert_fd(c), "versions", fd, e);
}

int
install_mark_bad(struct store_cert *c, int64_t version, const char *reason, struct err *e)
{
	static const struct fs_mode mode = { 0600, (uid_t)-1, (gid_t)-1 };
	char name[NUMBER_MAX], text[REASON_MAX];
	int fd = -1, rc = -1;

	text_clean(text, sizeof(text), span_str(reason));
	if (open_versions(c, &fd, e) == 0)
		rc = fs_replace(fd, mark_name(version, name), mode, span_str(text), e);
	fs_close(&fd);
	return rc;
}

static int
unmark(struct store_cert *c, int64_t version, struct err *e)
{
	char name[NUMBER_MAX];
	int fd = -1, rc = -1;

	if (open_versions(c, &fd, e) == 0)
		rc = fs_remove(fd, mark_name(version, name), e);
	fs_close(&fd);
	return rc;
}

/* --- switching --- */

static int
check_whole(struct store_cert *c, int64_t version, struct err *e)
{
	struct manifest m;
	int rc = install_check(c, version, &m, e);

	pack_clear(&manifest_pack, &m);
	return rc;
}

static int
swap_link(struct store_cert *c, int64_t to, struct err *e)
{
	char target[sizeof("versions/") + NUMBER_MAX];

	(void)snprintf(target, sizeof(target), "versions/%jd", (intmax_t)to);
	return fs_swap_link(store_cert_fd(c), "current", target, e);
}

/*
 * The commit point. An error says nothing about what happened, so the link is
 * read again (FAULTS F05). If it was swapped and only not made durable, a new
 * link is tried, as the failed sync may not be repeated; if that fails too,
 * the old one is put back.
 */
static int
turn_current(struct store_cert *c, int64_t from, int64_t to, struct err *e)
{
	struct err again;
	int64_t have;

	if (swap_link(c, to, e) == 0)
		return 0;
	if (install_current(c, &have, &again) == -1 || have != to)
		return -1;
	if (swap_link(c, to, &again) == 0)
		return 0;
	if (from != 0 && swap_link(c, from, &again) == -1)
		(void)err_hint(e, "the link \"current\" may lead to either version after a power "
		    "cut");
	return -1;
}

/*
 * The entry first, then what servers read instead of the link, then the link,
 * even if that leads there already: it may not be durable yet. */
static int
turn(struct store_cert *c, const struct journal *entry, int64_t have, struct err *e)
{
	bool forward = entry->state == JOURNAL_SWITCHING;
	int64_t to = forward ? entry->to : entry->from;

	if (journal_save(store_cert_fd(c), entry, e) == -1 || store_cert_turn(c, to, e) == -1)
		return -1;
	if (have == to)
		return fs_sync(store_cert_fd(c), "current", e);
	return turn_current(c, forward ? entry->from : entry->to, to, e);
}

/* Where the deployment of `to` began: a run before this one may have swapped the link already. */
static int64_t
began_at(const struct journal *j, int64_t have, int64_t to)
{
	if (j->to == to && (j->state == JOURNAL_SWITCHING || j->state == JOURNAL_ASKED ||
	    have == to))
		return j->from;
	return have != to ? have : 0;
}

int
install_switch(struct store_cert *c, int64_t to, int64_t now, struct err *e)
{
	struct journal j, entry;
	int64_t have;

	if (journal_load(store_cert_fd(c), &j, e) == -1 || install_current(c, &have, e) == -1 ||
	    check_whole(c, to, e) == -1)
		return -1;
	/* A mark and this entry together would mean that `to` has failed. */
	if (unmark(c, to, e) == -1)
		return -1;
	entry = (struct journal){ JOURNAL_SWITCHING, began_at(&j, have, to), to, now };
	return turn(c, &entry, have, e);
}

int
install_unswitch(struct store_cert *c, struct err *e)
{
	struct journal j;

	if (journal_load(store_cert_fd(c), &j, e) == -1)
		return -1;
	if (j.state != JOURNAL_SWITCHING && j.state != JOURNAL_ASKED)
		return err_set(e, OUT_HOLD, "no switch is under way: the journal has %s",
		    journal_word(j.state));
	if (j.from == 0)
		return err_set(e, OUT_HOLD, "there is no version before %jd", (intmax_t)j.to);
	if (check_whole(c, j.from, e) == -1 || store_cert_turn(c, j.from, e) == -1)
		return -1;
	return turn_current(c, j.to, j.from, e);
}

int
install_back(struct store_cert *c, const char *reason, int64_t now, struct err *e)
{
	struct journal j;
	int64_t have;

	if (journal_load(store_cert_fd(c), &j, e) == -1 || install_current(c, &have, e) == -1)
		return -1;
	if (j.state == JOURNAL_NONE || j.state == JOURNAL_DONE || j.state == JOURNAL_BACK_DONE)
		return err_set(e, OUT_HOLD, "no deployment is under way: the journal has %s",
		    journal_word(j.state));
	if (j.from == 0)
		return err_set(e, OUT_HOLD, "there is no version before %jd", (intmax_t)j.to);
	if (check_whole(c, j.from, e) == -1 || install_mark_bad(c, j.to, reason, e) == -1)
		return -1;
	j.state = JOURNAL_BACK_SWITCHING;
	j.when = now;
	return turn(c, &j, have, e);
}

/* --- progress --- */

/* One step on in the drawing of install.h; the same entry again is fine. */
static int
advance(struct store_cert *c, const enum journal_state next[], int64_t now, struct journal *j,
    struct err *e)
{
	if (journal_load(store_cert_fd(c), j, e) == -1)
		return -1;
	if (next[j->state] == JOURNAL_NONE)
		return err_set(e, OUT_HOLD, "out of order: the journal has %s",
		    journal_word(j->state));
	j->state = next[j->state];
	j->when = now;
	return journal_save(store_cert_fd(c), j, e);
}

int
install_asked(struct store_cert *c, int64_t now, struct err *e)
{
	static const enum journal_state next[] = {
		[JOURNAL_SWITCHING] = JOURNAL_ASKED,
		[JOURNAL_ASKED] = JOURNAL_ASKED,
		[JOURNAL_BACK_SWITCHING] = JOURNAL_BACK_ASKED,
		[JOURNAL_BACK_ASKED] = JOURNAL_BACK_ASKED,
		[JOURNAL_BACK_DONE] = JOURNAL_NONE,
	};
	struct journal j;

	return advance(c, next, now, &j, e);
}

int
install_done(struct store_cert *c, int64_t now, struct err *e)
{
	static const enum journal_state next[] = {
		[JOURNAL_ASKED] = JOURNAL_DONE,
		[JOURNAL_DONE] = JOURNAL_DONE,
		[JOURNAL_BACK_ASKED] = JOURNAL_BACK_DONE,
		[JOURNAL_BACK_DONE] = JOURNAL_BACK_DONE,
	};
	struct journal j;

	return advance(c, next, now, &j, e);
}

/* --- pruning --- */

struct prune {
	struct store_cert	*c;
	struct list		 versions;	/* newest first */
	struct journal		 journal;
	int64_t			 active;
	int			 fd;
	size_t			 removed;
};

static bool
is_needed(const struct prune *p, int64_t version)
{
	return version == p->active || version == p->journal.from || version == p->journal.to;
}

/*
 * Away under a leftover's name first, so that no version is ever half there;
 * the number is the name, as it is never used again.
 */
static int
remove_version(const struct prune *p, int64_t version, struct err *e)
{
	char name[NUMBER_MAX], temp[sizeof(FS_TEMP) + 16], mark[NUMBER_MAX];

	(void)snprintf(name, sizeof(name), "%jd", (intmax_t)version);
	(void)snprintf(temp, sizeof(temp), FS_TEMP "%016jx", (uintmax_t)version);
	if (fs_rename_new(p->fd, name, p->fd, temp, e) == -1 ||
	    fs_remove(p->fd, mark_name(version, mark), e) == -1)
		return -1;
	return fs_remove(p->fd, temp, e);
}

static int
prune_all(struct prune *p, struct err *e)
{
	const struct install_version *v = p->versions.v;
	size_t kept = 0;

	for (size_t i = 0; i < p->versions.n && p->removed < PRUNE_MAX; i++) {
		if (is_needed(p, v[i].version) || kept++ < KEEP)
			continue;
		if (remove_version(p, v[i].version, e) == -1)
			return -1;
		p->removed++;
	}
	return 0;
}

int
install_prune(struct store_cert *c, struct err *e)
{
	struct prune p = { .c = c, .fd = -1 };
	int rc = -1;

	if (install_list(c, &p.versions, e) == -1)
		return -1;
	if (p.versions.n == 0)
		rc = 0;
	else if (journal_load(store_cert_fd(c), &p.journal, e) == 0 &&
	    install_current(c, &p.active, e) == 0 && open_versions(c, &p.fd, e) == 0)
		rc = prune_all(&p, e);
	fs_close(&p.fd);
	free(p.versions.v);
	return rc;
}
