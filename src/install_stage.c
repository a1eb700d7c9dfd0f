/*
 * install_stage: a new version, from nothing to its final name. The steps are
 * those of FAULTS section 8, 3 to 6.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "install.h"
#include "key.h"
#include "part.h"

#define TEMP_SIZE	(sizeof(FS_TEMP) + 16)
#define RESERVE_NAME	FS_TEMP "0000000000000000"	/* versions count from 1 */
#define RESERVE_OCTETS	(128 * 1024)		/* for each part */
#define RESERVE_PART	5			/* files of a part */
#define RESERVE_REST	3			/* the manifest, the folder, one temporary */
#define COMBINED_MAX	(KEY_PEM_MAX + CHAIN_MAX)

static const size_t file_max[PART_FILES] = {
	[PART_KEY] = KEY_PEM_MAX, [PART_CERT] = CHAIN_MAX, [PART_CHAIN] = CHAIN_MAX,
	[PART_FULL] = CHAIN_MAX, [PART_COMBINED] = COMBINED_MAX,
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

/* By all who must, in a folder below versions. */
static int
can_be_read(struct store_cert *c, const struct install_rights *rights, const char *folder,
    const char *name, struct err *e)
{
	const struct install_reader *r = rights->readers.v;
	char *path;
	int rc = 0;

	for (size_t i = 0; i < rights->readers.n && rc == 0; i++) {
		if (asprintf(&path, "%s/versions/%s/%s", store_cert_path(c), folder, name) == -1)
			return err_nomem(e);
		if ((rc = fs_user_can_read(path, (uid_t)r[i].uid, (gid_t)r[i].gid, e)) == -1)
			(void)err_in(e, "server's user %s", r[i].name);
		free(path);
	}
	return rc;
}

/* --- room --- */

/* What no order can help: FAULTS L07. */
static int
try_rights(int fd, const struct install_rights *r, struct err *e)
{
	struct stat st;

	if (r == NULL || fstat(fd, &st) == -1 ||
	    ((r->uid == -1 || st.st_uid == (uid_t)r->uid) &&
	    (r->gid == -1 || st.st_gid == (gid_t)r->gid)) ||
	    fchown(fd, (uid_t)r->uid, (gid_t)r->gid) == 0)
		return 0;
	(void)err_sys(e, OUT_HOLD, "cannot give files to user %jd, group %jd", (intmax_t)r->uid,
	    (intmax_t)r->gid);
	return err_hint(e, "run kamcert as root, or as a member of that group");
}

/* 0 or an errno. Where a file system cannot set room aside, it is filled. */
static int
take_room(int fd, off_t size)
{
	static const uint8_t zeros[4096];
	ssize_t n;
	int number = posix_fallocate(fd, 0, size);

	if (number != ENOSYS && number != EOPNOTSUPP && number != EINVAL)
		return number;
	for (off_t done = 0; done < size; done += n)
		if ((n = pwrite(fd, zeros, sizeof(zeros), done)) <= 0)
			return n == 0 ? ENOSPC : errno;
	return 0;
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
	if (fchmod(fd, 0644) == -1)
		rc = err_sys(e, OUT_RETRY, "cannot reserve a file");
	else if (size > 0 && (errno = take_room(fd, size)) != 0)
		rc = err_sys(e, OUT_RETRY, "cannot reserve %jd octets", (intmax_t)size);
	if (rc == 0)
		rc = try_rights(fd, rights, e);
	fs_close(&fd);
	return rc;
}

/* Open to all, and nothing but zeros: who cannot read it is stopped above it. */
static int
fill_reserve(int versions, int parts, const struct install_rights *rights, struct err *e)
{
	static const struct fs_mode mode = { 0711, (uid_t)-1, (gid_t)-1 };
	int dir = -1, rc;

	rc = fs_make_dir(versions, RESERVE_NAME, mode, &dir, e);
	for (int i = 0; i < parts * RESERVE_PART + RESERVE_REST - 1 && rc == 0; i++)
		rc = reserve_one(dir, i, i < parts ? RESERVE_OCTETS : 0, rights, e);
	fs_close(&dir);
	return rc;
}

int
install_reserve(struct store_cert *c, size_t parts, const struct install_rights *rights,
    struct err *e)
{
	int versions = -1, rc = -1;

	if (open_versions(c, &versions, e) == -1)
		return -1;
	if (fs_remove(versions, RESERVE_NAME, e) == 0 &&
	    fs_has_room(versions, parts * RESERVE_OCTETS, parts * RESERVE_PART + RESERVE_REST,
	    e) == 0 &&
	    ((rc = fill_reserve(versions, (int)parts, rights, e)) == -1 ||
	    (rights != NULL && (rc = can_be_read(c, rights, RESERVE_NAME, "0", e)) == -1)))
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
	struct buf			 content[PART_MAX][PART_FILES];
	struct fs_mode			 mode;		/* of the files */
	int				 versions;
	int				 dir;
	char				 temp[TEMP_SIZE];
};

static void
draft_clear(struct draft *d)
{
	for (size_t i = 0; i < PART_MAX; i++)
		for (size_t k = 0; k < PART_FILES; k++)
			buf_clear(&d->content[i][k]);
	pack_clear(&manifest_pack, &d->m);
	fs_close(&d->dir);
	fs_close(&d->versions);
}

static void
draft_init(struct draft *d, struct store_cert *c, const struct install_new *in)
{
	*d = (struct draft){ .c = c, .in = in, .versions = -1, .dir = -1 };
	for (size_t i = 0; i < PART_MAX; i++)
		for (size_t k = 0; k < PART_FILES; k++)
			buf_init(&d->content[i][k], file_max[k]);
}

/* The name of a part's file; NULL for those that hold a key, where only the operator has that. */
static const char *
file_name(const struct draft *d, size_t part, enum part_file file, char out[PART_NAME_MAX])
{
	const struct key *key = d->in->parts[part].key;

	if ((file == PART_KEY || file == PART_COMBINED) && !key_is_private(key))
		return NULL;
	return part_name(file, part_suffix(part, key_type(key)), out);
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
	const struct install_part *p = d->in->parts;

	d->m.created = d->in->now;
	if ((d->m.ca = strdup(d->in->ca)) == NULL)
		return err_nomem(e);
	for (size_t i = 0; i < d->in->nparts; i++)
		if (manifest_add_leaf(&d->m, chain_leaf(p[i].chain), p[i].order_url, e) == -1)
			return -1;
	return 0;
}

static int
compose_part(struct draft *d, size_t part, struct err *e)
{
	const struct install_part *p = &d->in->parts[part];
	struct buf *b = d->content[part];
	char text[PART_NAME_MAX];
	const char *name;

	if (key_is_private(p->key) && key_to_pem(p->key, &b[PART_KEY], e) == -1)
		return -1;
	chain_put_cert(p->chain, &b[PART_CERT]);
	chain_put_issuers(p->chain, &b[PART_CHAIN]);
	chain_put_full(p->chain, &b[PART_FULL]);
	buf_put(&b[PART_COMBINED], buf_span(&b[PART_KEY]));
	buf_put(&b[PART_COMBINED], buf_span(&b[PART_FULL]));
	for (enum part_file k = 0; k < PART_FILES; k++) {
		if (!buf_ok(&b[k]))
			return err_nomem(e);
		if ((name = file_name(d, part, k, text)) != NULL &&
		    manifest_add(&d->m, name, buf_span(&b[k]), e) == -1)
			return -1;
	}
	return 0;
}

/* The octets of all files, and the manifest's facts and digests. */
static int
compose(struct draft *d, struct err *e)
{
	int rc = describe(d, e);

	for (size_t i = 0; i < d->in->nparts && rc == 0; i++)
		rc = compose_part(d, i, e);
	return rc;
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
write_part(struct draft *d, size_t part, struct err *e)
{
	char text[PART_NAME_MAX];
	const char *name;
	int rc = 0;

	for (enum part_file k = 0; k < PART_FILES && rc == 0; k++)
		if ((name = file_name(d, part, k, text)) != NULL)
			rc = fs_create(d->dir, name, d->mode, buf_span(&d->content[part][k]), e);
	return rc;
}

static int
write_files(struct draft *d, struct err *e)
{
	struct buf manifest;
	int rc = 0;

	for (size_t i = 0; i < d->in->nparts && rc == 0; i++)
		rc = write_part(d, i, e);
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
	const struct manifest_file *f = d->m.files.v;
	struct manifest m = { 0 };
	struct buf got;
	int rc;

	buf_init(&got, COMBINED_MAX);
	if ((rc = read_back(d, MANIFEST_NAME, &got, e)) == 0)
		rc = manifest_read(buf_span(&got), &m, e);
	for (size_t i = 0; i < d->m.files.n && rc == 0; i++) {
		if ((rc = read_back(d, f[i].name, &got, e)) == 0)
			rc = manifest_holds(&m, f[i].name, buf_span(&got), e);
	}
	pack_clear(&manifest_pack, &m);
	buf_clear(&got);
	return rc;
}

/* All that was proven of the chain in memory, of the files. A public half is on no disk. */
static int
check_chain(struct draft *d, size_t part, struct err *e)
{
	char text[PART_NAME_MAX];
	const char *name = file_name(d, part, PART_KEY, text);
	struct buf pem, full;
	int rc = -1;

	buf_init(&pem, KEY_PEM_MAX);
	buf_init(&full, CHAIN_MAX);
	if ((name == NULL || read_back(d, name, &pem, e) == 0) &&
	    read_back(d, file_name(d, part, PART_FULL, text), &full, e) == 0)
		rc = d->in->check(d->in->arg, buf_span(&pem), buf_span(&full), e);
	buf_clear(&pem);
	buf_clear(&full);
	return rc;
}

/* A key is the file that is closed to most; without one, the chain has to do. */
static int
check_readers(struct draft *d, size_t part, struct err *e)
{
	char text[PART_NAME_MAX];
	const char *name = file_name(d, part, PART_KEY, text);

	if (name == NULL)
		name = file_name(d, part, PART_FULL, text);
	return can_be_read(d->c, d->in->rights, d->temp, name, e);
}

static int
check_parts(struct draft *d, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < d->in->nparts && rc == 0; i++)
		if ((rc = check_chain(d, i, e)) == 0)
			rc = check_readers(d, i, e);
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
	    check_digests(&d, e) == 0 && check_parts(&d, e) == 0 && publish(&d, e) == 0)
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
