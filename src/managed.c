#include "managed.h"

#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "profiles.h"
#include "tlscfg_edit.h"

#define TRIES		3		/* while somebody edits it */
#define ATTRS_MAX	65536		/* octets of a list of extended attributes, and of one */
#define TEMP_MAX	(sizeof(FS_TEMP) + 16)

/* The file as it was read; `at` and fd stay open until it has been replaced. */
struct copy {
	int		 at;		/* its folder */
	int		 fd;
	char		 path[PATH_MAX];	/* links followed */
	const char	*name;		/* in it */
	char		 temp[TEMP_MAX];
	struct stat	 st;
	struct buf	 text;
};

static void
close_copy(struct copy *c)
{
	fs_close(&c->fd);
	fs_close(&c->at);
	buf_clear(&c->text);
}

/* One name for each file, so that a temporary that a kill has left is found again. */
static int
name_temp(struct copy *c, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct buf hex;

	if (sha256(span_str(c->path), digest) == -1)
		return err_set(e, OUT_RETRY, "no digest");
	buf_init(&hex, 64);
	buf_hex(&hex, span_of(digest, 8));
	(void)snprintf(c->temp, sizeof c->temp, FS_TEMP "%s", buf_cstr(&hex));
	buf_clear(&hex);
	return 0;
}

static int
open_folder(struct copy *c, const char *path, struct err *e)
{
	char *slash;
	int rc;

	if (realpath(path, c->path) == NULL)
		return err_sys(e, OUT_HOLD, "%s", path);
	if (name_temp(c, e) == -1)
		return -1;
	slash = strrchr(c->path, '/');
	c->name = slash + 1;
	*slash = '\0';
	rc = fs_open_root(slash == c->path ? "/" : c->path, &c->at, e);
	*slash = '/';
	return rc;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* True if the name still leads to what was read, unchanged. */
static bool
is_unchanged(const struct copy *c)
{
	struct stat st;

	return fstatat(c->at, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_same_file(&c->st, &st);
}

static int
read_copy(struct copy *c, struct err *e)
{
	fs_close(&c->fd);
	buf_reset(&c->text);
	if ((c->fd = openat(c->at, c->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1 ||
	    fstat(c->fd, &c->st) == -1)
		return err_sys(e, OUT_HOLD, "%s", c->path);
	if (c->st.st_nlink > 1) {
		(void)err_set(e, OUT_HOLD, "%s: the file has %ju names: replacing one would part "
		    "it from the others", c->path, (uintmax_t)c->st.st_nlink);
		return err_hint(e, "use a symbolic link instead");
	}
	if (fs_read(c->at, c->name, TLSCFG_MAX, &c->text, e) == -1)
		return err_in(e, "%s", c->path);
	return 0;
}

/* --- what is to stand there --- */

static struct tlscfg_in
parse_of(const struct copy *c)
{
	/* any release's words: the server's own was looked at in preflight */
	return (struct tlscfg_in){ .text = buf_span(&c->text), .name = c->path, .release = -1 };
}

static bool
is_ours(const struct managed_in *in, const struct tlscfg_file *f)
{
	return f->line == 0 || (f->path != NULL &&
	    profiles_home(f->path, in->state_dir, in->cert) != HOME_FOREIGN);
}

/* Values that stand in the place of ours. */
static int
check_values(const struct managed_in *in, const struct copy *c, struct err *e)
{
	const struct tlscfg_in parse = parse_of(c);
	const struct tlscfg_profile *p;
	char label[TLSCFG_LABEL];
	struct tlscfg cfg;
	int rc = 0;

	if (!in->adopted)
		return 0;
	if (tlscfg_read(&parse, &cfg, e) == -1)
		return -1;
	p = cfg.profiles.v;
	for (size_t i = 0; i < cfg.profiles.n && rc == 0; i++) {
		if (!tlscfg_is_among(&p[i], in->profiles) ||
		    (is_ours(in, &p[i].certificate) && is_ours(in, &p[i].private_key)))
			continue;
		rc = err_set(e, OUT_HOLD, "%s:%jd: %s: another certificate was put in the place of "
		    "kamcert's", c->path, (intmax_t)p[i].line, tlscfg_label(&p[i], label));
		(void)err_hint(e, "name kamcert's files there again, or take the profile out of "
		    "profiles in kamcert.conf");
	}
	pack_clear(&tlscfg_pack, &cfg);
	return rc;
}

static bool
is_our_path(void *arg, const char *path)
{
	const struct managed_in *in = arg;

	return profiles_home(path, in->state_dir, in->cert) != HOME_FOREIGN;
}

/* A version without the files that a profile names would not load; version 0 is still to come. */
static int
check_files(const struct managed_in *in, const struct tlscfg *cfg, const struct copy *c,
    struct err *e)
{
	const struct tlscfg_profile *p = cfg->profiles.v;
	char label[TLSCFG_LABEL];

	for (size_t i = 0; i < cfg->profiles.n && access(in->dir, F_OK) == 0; i++) {
		const struct tlscfg_file *f[] = { &p[i].certificate, &p[i].private_key,
		    &p[i].certificate2, &p[i].private_key2 };

		for (size_t k = 0; k < NITEMS(f); k++)
			if (f[k]->line != 0 && f[k]->path != NULL &&
			    tlscfg_is_among(&p[i], in->profiles) &&
			    strncmp(f[k]->path, in->dir, strlen(in->dir)) == 0 &&
			    access(f[k]->path, F_OK) == -1 && errno == ENOENT)
				return err_set(e, OUT_HOLD,
				    "%s:%jd: %s: the version has no file %s", c->path,
				    (intmax_t)f[k]->line, tlscfg_label(&p[i], label), f[k]->path);
	}
	return 0;
}

static int
make_text(const struct managed_in *in, const struct copy *c, struct buf *out, struct err *e)
{
	struct tlscfg_in parse = parse_of(c);
	const struct tlscfg_values values = { in->profiles, in->dir, is_our_path,
	    (void *)(uintptr_t)in };
	struct tlscfg cfg;
	int rc;

	buf_reset(out);
	if (check_values(in, c, e) == -1 || tlscfg_edit(&parse, &values, out, e) == -1)
		return -1;
	parse.text = buf_span(out);
	if (tlscfg_read(&parse, &cfg, e) == -1)
		return -1;
	rc = check_files(in, &cfg, c, e);
	pack_clear(&tlscfg_pack, &cfg);
	return rc;
}

/* --- replacing --- */

static int
copy_attribute(const char *name, int from, int to, struct err *e)
{
	static char value[ATTRS_MAX];
	ssize_t n = fgetxattr(from, name, value, sizeof value);

	if (n == -1 && (errno == ENODATA || errno == ENOTSUP))
		return 0;
	if (n == -1 || fsetxattr(to, name, value, (size_t)n, 0) == -1)
		return err_sys(e, OUT_HOLD, "extended attribute %s", name);
	return 0;
}

/* Also access lists and labels. Synced, as the new file's owner was before. */
static int
copy_attributes(const struct copy *c, struct err *e)
{
	static char names[ATTRS_MAX];
	ssize_t n = flistxattr(c->fd, names, sizeof names);
	struct stat st;
	int to, rc = 0;

	if (n == 0 || (n == -1 && errno == ENOTSUP))
		return 0;
	if (n == -1)
		return err_sys(e, OUT_HOLD, "extended attributes");
	if ((to = openat(c->at, c->temp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return err_sys(e, OUT_RETRY, "%s", c->temp);
	/*
	 * whoever may write in the folder may have put another file there: not
	 * one from elsewhere
	 */
	if (fstat(to, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != c->st.st_uid)
		rc = err_set(e, OUT_HOLD, "%s: somebody has exchanged it", c->temp);
	for (const char *p = names; p < names + n && rc == 0; p += strlen(p) + 1)
		rc = copy_attribute(p, c->fd, to, e);
	if (rc == 0)
		rc = fs_sync(to, c->temp, e);
	fs_close(&to);
	return rc;
}

static int
make_temp(const struct copy *c, struct span text, struct err *e)
{
	const struct fs_mode mode = { c->st.st_mode & 07777, c->st.st_uid, c->st.st_gid };

	if (fs_remove(c->at, c->temp, e) == -1 || fs_create(c->at, c->temp, mode, text, e) == -1)
		return err_in(e, "%s", c->path);
	if (copy_attributes(c, e) == 0)
		return 0;
	(void)unlinkat(c->at, c->temp, 0);
	return err_in(e, "%s", c->path);
}

/* What was written into the file that has just been replaced, by an editor that had it open. */
static bool
was_edited(struct copy *c)
{
	struct buf late;
	uint8_t *room;
	ssize_t n = -1;
	bool edited;

	buf_init(&late, TLSCFG_MAX + 1);
	if ((room = buf_room(&late, TLSCFG_MAX + 1)) != NULL)
		n = pread(c->fd, room, TLSCFG_MAX + 1, 0);
	edited = n > 0 && !span_eq(span_of(room, (size_t)n), buf_span(&c->text));
	if (edited) {
		buf_reset(&c->text);
		buf_put(&c->text, span_of(room, (size_t)n));
	}
	buf_clear(&late);
	return edited;
}

enum replaced { REPLACED, EDITED, FAILED };

/* EDITED: c->text is what the operator wants, and has to be worked on again. */
static enum replaced
replace(const struct managed_in *in, struct copy *c, struct buf *out, bool late, struct err *e)
{
	if (make_text(in, c, out, e) == -1)
		return FAILED;
	if (!late && span_eq(buf_span(out), buf_span(&c->text)))
		return fs_sync(c->fd, c->path, e) == 0 && fs_sync(c->at, c->path, e) == 0 ?
		    REPLACED : FAILED;
	if (make_temp(c, buf_span(out), e) == -1)
		return FAILED;
	if (!late && !is_unchanged(c)) {
		(void)unlinkat(c->at, c->temp, 0);
		return read_copy(c, e) == 0 ? EDITED : FAILED;
	}
	if (fs_move_over(c->at, c->temp, c->name, e) == -1)
		return FAILED;
	return was_edited(c) ? EDITED : REPLACED;
}

int
managed_write(const struct managed_in *in, struct err *e)
{
	struct copy c = { .at = -1, .fd = -1 };
	enum replaced got = FAILED;
	struct buf out;
	struct stat st;
	bool late = false;

	buf_init(&c.text, TLSCFG_MAX);
	buf_init(&out, TLSCFG_MAX);
	if (open_folder(&c, in->path, e) == -1 || read_copy(&c, e) == -1)
		goto out;
	for (int i = 0; i < TRIES; i++) {
		if ((got = replace(in, &c, &out, late, e)) != EDITED)
			goto out;
		/*
		 * is what was edited gone from its name? Then its text goes
		 * back there, with our values
		 */
		late = fstatat(c.at, c.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_ino != c.st.st_ino;
	}
	(void)err_set(e, OUT_RETRY, "%s: somebody is editing it", c.path);
out:
	close_copy(&c);
	buf_clear(&out);
	return got == REPLACED ? 0 : -1;
}

int
managed_try(const struct managed_in *in, struct err *e)
{
	struct copy c = { .at = -1, .fd = -1 };
	struct buf out;
	int rc = -1;

	buf_init(&c.text, TLSCFG_MAX);
	buf_init(&out, TLSCFG_MAX);
	if (open_folder(&c, in->path, e) == 0 && read_copy(&c, e) == 0)
		rc = make_text(in, &c, &out, e);
	close_copy(&c);
	buf_clear(&out);
	return rc;
}
