/*
 * install_stage: a new version, from nothing to its final name. The steps are
 * those of FAULTS section 8, 3 to 6.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "install.h"
#include "key.h"

#define TEMP_SIZE	(sizeof(FS_TEMP) + 16)
#define RESERVE_NAME	FS_TEMP "0000000000000000"	/* versions count from 1 */
#define RESERVE_OCTETS	(128 * 1024)
#define RESERVE_FILES	8			/* six files, the folder, one temporary */
#define COMBINED_MAX	(KEY_PEM_MAX + CHAIN_MAX)
#define FILE_COUNT	5

enum file { FILE_KEY, FILE_CERT, FILE_CHAIN, FILE_FULL, FILE_COMBINED };

static const struct {
	const char	*name;
	size_t		 max;
} files[FILE_COUNT] = {
	[FILE_KEY] = { "privkey.pem", KEY_PEM_MAX },
	[FILE_CERT] = { "cert.pem", CHAIN_MAX },
	[FILE_CHAIN] = { "chain.pem", CHAIN_MAX },
	[FILE_FULL] = { "fullchain.pem", CHAIN_MAX },
	[FILE_COMBINED] = { "combined.pem", COMBINED_MAX },
};

static int
open_versions(struct store_cert *c, int *fd, struct err *e)
{
	static const struct fs_mode mode = { 0711, (uid_t)-1, (gid_t)-1 };

	return fs_make_dir(store_cert_fd(c), "versions", mode, fd, e);
}

/* On the way out of a failure: what stays is swept when the folder is opened next. */
static void
discard(int at, const char *name)
{
	struct err ignored;

	if (fs_remove(at, name, &ignored) == -1)
		return;
}

/* --- room --- */

/* What no order can help: FAULTS L07. */
static int
try_rights(int fd, const struct install_rights *r, struct err *e)
{
	if (r == NULL || fchown(fd, (uid_t)r->uid, (gid_t)r->gid) == 0)
		return 0;
	(void)err_sys(e, OUT_HOLD, "cannot give files to user %jd, group %jd", (intmax_t)r->uid,
	    (intmax_t)r->gid);
	return err_hint(e, "run kamcert as root, or as a member of that group");
}

static int
reserve_one(int dir, int i, off_t size, const struct install_rights *rights, struct err *e)
{
	char name[16];
	int fd, rc = 0;

	(void)snprintf(name, sizeof(name), "%d", i);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, OUT_RETRY, "cannot reserve a file");
	if (size > 0 && (errno = posix_fallocate(fd, 0, size)) != 0)
		rc = err_sys(e, OUT_RETRY, "cannot reserve %jd octets", (intmax_t)size);
	if (rc == 0)
		rc = try_rights(fd, rights, e);
	fs_close(&fd);
	return rc;
}

static int
fill_reserve(int versions, const struct install_rights *rights, struct err *e)
{
	static const struct fs_mode mode = { 0700, (uid_t)-1, (gid_t)-1 };
	int dir = -1, rc;

	rc = fs_make_dir(versions, RESERVE_NAME, mode, &dir, e);
	for (int i = 0; i < RESERVE_FILES - 1 && rc == 0; i++)
		rc = reserve_one(dir, i, i == 0 ? RESERVE_OCTETS : 0, rights, e);
	fs_close(&dir);
	return rc;
}

int
install_reserve(struct store_cert *c, const struct install_rights *rights, struct err *e)
{
	int versions = -1, rc = -1;

	if (open_versions(c, &versions, e) == -1)
		return -1;
	if (fs_remove(versions, RESERVE_NAME, e) == 0 &&
	    fs_has_room(versions, RESERVE_OCTETS, RESERVE_FILES, e) == 0 &&
	    (rc = fill_reserve(versions, rights, e)) == -1)
		discard(versions, RESERVE_NAME);
	fs_close(&versions);
	return rc == -1 ? err_in(e, "room for a version") : 0;
}

void
install_unreserve(struct store_cert *c)
{
	struct err ignored;
	int versions = -1;

	if (fs_open_dir(store_cert_fd(c), "versions", &versions, &ignored) == 0)
		discard(versions, RESERVE_NAME);
	fs_close(&versions);
}

/* --- a version in the making --- */

struct draft {
	struct store_cert		*c;
	const struct install_new	*in;
	struct manifest			 m;
	struct buf			 content[FILE_COUNT];
	struct fs_mode			 mode;		/* of the files */
	int				 versions;
	int				 dir;
	char				 temp[TEMP_SIZE];
};

static void
draft_clear(struct draft *d)
{
	for (size_t i = 0; i < FILE_COUNT; i++)
		buf_clear(&d->content[i]);
	pack_clear(&manifest_pack, &d->m);
	fs_close(&d->dir);
	fs_close(&d->versions);
}

static void
draft_init(struct draft *d, struct store_cert *c, const struct install_new *in)
{
	*d = (struct draft){ .c = c, .in = in, .versions = -1, .dir = -1 };
	for (size_t i = 0; i < FILE_COUNT; i++)
		buf_init(&d->content[i], files[i].max);
}

/* Above every number that was ever used, as far as is known (FAULTS T08). */
static int
next_number(struct store_cert *c, int64_t *out, struct err *e)
{
	const struct install_version *v;
	struct list versions;
	struct journal j;
	int64_t have;

	if (install_list(c, &versions, e) == -1)
		return -1;
	v = versions.v;
	*out = versions.n > 0 ? v[0].version : 0;
	free(versions.v);
	if (journal_load(store_cert_fd(c), &j, e) == -1 || install_current(c, &have, e) == -1)
		return -1;
	*out = *out < j.from ? j.from : *out;
	*out = *out < j.to ? j.to : *out;
	*out = *out < have ? have : *out;
	if (*out >= INT64_C(999999999999999999))
		return err_set(e, OUT_HOLD, "version %jd is the last one", (intmax_t)*out);
	(*out)++;
	return 0;
}

static int
describe(struct draft *d, struct err *e)
{
	struct manifest *m = &d->m;

	m->created = d->in->now;
	m->ca = strdup(d->in->ca);
	m->order_url = d->in->order_url != NULL ? strdup(d->in->order_url) : NULL;
	if (m->ca == NULL || (d->in->order_url != NULL && m->order_url == NULL))
		return err_nomem(e);
	return manifest_facts(m, chain_leaf(d->in->chain), e);
}

/* The octets of all files, and the manifest's facts and digests. */
static int
compose(struct draft *d, struct err *e)
{
	struct buf *b = d->content;

	if (describe(d, e) == -1 || key_to_pem(d->in->key, &b[FILE_KEY], e) == -1)
		return -1;
	chain_put_cert(d->in->chain, &b[FILE_CERT]);
	chain_put_issuers(d->in->chain, &b[FILE_CHAIN]);
	chain_put_full(d->in->chain, &b[FILE_FULL]);
	buf_put(&b[FILE_COMBINED], buf_span(&b[FILE_KEY]));
	buf_put(&b[FILE_COMBINED], buf_span(&b[FILE_FULL]));
	for (size_t i = 0; i < FILE_COUNT; i++) {
		if (!buf_ok(&b[i]))
			return err_nomem(e);
		if (manifest_add(&d->m, files[i].name, buf_span(&b[i]), e) == -1)
			return -1;
	}
	return 0;
}

/*
 * Only we may add and remove files, whoever owns them. Nobody gets at them
 * before they have their owner, as the folder is closed to all but the group.
 */
static int
make_folder(struct draft *d, struct err *e)
{
	const struct install_rights *r = d->in->rights;
	struct fs_mode mode = { r->gid == -1 ? 0700 : 0750, (uid_t)-1, (gid_t)r->gid };

	/* Its owner must get in where no group does. */
	if (r->gid == -1)
		mode.uid = (uid_t)r->uid;
	d->mode = (struct fs_mode){ r->gid == -1 ? 0600 : 0640, (uid_t)r->uid, (gid_t)r->gid };
	(void)snprintf(d->temp, sizeof(d->temp), FS_TEMP "%016jx", (uintmax_t)d->m.version);
	if (open_versions(d->c, &d->versions, e) == -1)
		return -1;
	return fs_make_dir(d->versions, d->temp, mode, &d->dir, e);
}

static int
write_files(struct draft *d, struct err *e)
{
	struct buf manifest;
	int rc = 0;

	for (size_t i = 0; i < FILE_COUNT && rc == 0; i++)
		rc = fs_create(d->dir, files[i].name, d->mode, buf_span(&d->content[i]), e);
	buf_init(&manifest, MANIFEST_MAX);
	if (rc == 0)
		rc = manifest_write(&d->m, &manifest, e);
	if (rc == 0)
		rc = fs_create(d->dir, MANIFEST_NAME, d->mode, buf_span(&manifest), e);
	buf_clear(&manifest);
	return rc;
}

/* --- what the disk says --- */

static int
read_back(struct draft *d, const char *name, struct buf *out, struct err *e)
{
	char path[TEMP_SIZE + 32];

	buf_reset(out);
	(void)snprintf(path, sizeof(path), "%s/%s", d->temp, name);
	return fs_read(d->versions, path, COMBINED_MAX, out, e);
}

static int
check_digests(struct draft *d, struct err *e)
{
	struct manifest m = { 0 };
	struct buf got;
	int rc;

	buf_init(&got, COMBINED_MAX);
	if ((rc = read_back(d, MANIFEST_NAME, &got, e)) == 0)
		rc = manifest_read(buf_span(&got), &m, e);
	for (size_t i = 0; i < FILE_COUNT && rc == 0; i++) {
		if ((rc = read_back(d, files[i].name, &got, e)) == 0)
			rc = manifest_holds(&m, files[i].name, buf_span(&got), e);
	}
	pack_clear(&manifest_pack, &m);
	buf_clear(&got);
	return rc;
}

/* All that was proven of the chain in memory, of the files. */
static int
check_chain(struct draft *d, struct err *e)
{
	struct buf key_pem, full;
	struct key *key = NULL;
	int rc = -1;

	buf_init(&key_pem, KEY_PEM_MAX);
	buf_init(&full, CHAIN_MAX);
	if (read_back(d, files[FILE_KEY].name, &key_pem, e) == 0 &&
	    read_back(d, files[FILE_FULL].name, &full, e) == 0 &&
	    (key = key_from_pem(buf_span(&key_pem), e)) != NULL)
		rc = d->in->check(d->in->arg, key, buf_span(&full), e);
	key_free(key);
	buf_clear(&key_pem);
	buf_clear(&full);
	return rc;
}

static int
check_readers(struct draft *d, struct err *e)
{
	const struct install_reader *r = d->in->rights->readers.v;
	char *path;
	int rc = 0;

	for (size_t i = 0; i < d->in->rights->readers.n && rc == 0; i++) {
		if (asprintf(&path, "%s/versions/%s/%s", store_cert_path(d->c), d->temp,
		    files[FILE_KEY].name) == -1)
			return err_nomem(e);
		if ((rc = fs_user_can_read(path, (uid_t)r[i].uid, (gid_t)r[i].gid, e)) == -1)
			(void)err_in(e, "server's user %s", r[i].name);
		free(path);
	}
	return rc;
}

/* --- its name --- */

static int
publish(struct draft *d, struct err *e)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "%jd", (intmax_t)d->m.version);
	if (fs_sync(d->dir, d->temp, e) == -1 ||
	    fs_rename_new(d->versions, d->temp, d->versions, name, e) == -1)
		return -1;
	if (fs_sync(d->versions, "versions", e) == 0)
		return 0;
	/* Nobody can say whether a power cut leaves it there: it never was (FAULTS F04). */
	discard(d->versions, name);
	return -1;
}

static int
stage_as(struct store_cert *c, const struct install_new *in, int64_t version, struct err *e)
{
	struct draft d;
	int rc = -1;

	draft_init(&d, c, in);
	d.m.version = version;
	if (compose(&d, e) == 0 && make_folder(&d, e) == 0 && write_files(&d, e) == 0 &&
	    check_digests(&d, e) == 0 && check_chain(&d, e) == 0 && check_readers(&d, e) == 0 &&
	    publish(&d, e) == 0)
		rc = 0;
	if (rc == -1 && d.versions != -1)
		discard(d.versions, d.temp);
	draft_clear(&d);
	return rc;
}

int
install_stage(struct store_cert *c, const struct install_new *in, int64_t *version, struct err *e)
{
	int64_t n;
	int rc = -1;

	install_unreserve(c);
	if (next_number(c, &n, e) == 0) {
		rc = stage_as(c, in, n, e);
		/* Not on the same data: on a version of its own. */
		if (rc == -1 && e->class == OUT_RETRY)
			rc = stage_as(c, in, ++n, e);
	}
	*version = rc == 0 ? n : 0;
	return rc == 0 ? 0 : err_in(e, "new version");
}
