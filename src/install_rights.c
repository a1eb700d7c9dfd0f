/*
 * install_rights: who owns what is installed, and who must be able to read it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/users.h"
#include "install.h"

#define FR(type, field)	{ type, offsetof(struct install_reader, field), NULL }

static const struct pack reader_pack = PACK(install_reader,
	FR(PACK_STR, name), FR(PACK_I64, uid), FR(PACK_I64, gid));

#define F(type, field)	{ type, offsetof(struct install_rights, field), NULL }

const struct pack install_rights_pack = PACK(install_rights,
	F(PACK_I64, uid), F(PACK_I64, gid),
	{ PACK_LIST, offsetof(struct install_rights, readers), &reader_pack });

static int
add_readers(const struct cert_conf *conf, struct install_rights *r, struct err *e)
{
	const struct hook_conf *hooks = conf->hooks.v;
	struct install_reader *to;

	for (size_t i = 0; i < conf->hooks.n; i++) {
		if (hooks[i].user == NULL)
			continue;
		if ((to = list_add(&r->readers, sizeof(*to))) == NULL ||
		    (to->name = strdup(hooks[i].user)) == NULL)
			return err_nomem(e);
		if (user_find(to->name, &to->uid, &to->gid, e) == -1)
			return -1;
	}
	return 0;
}

/*
 * The group is the configured one, else the first server's, else that of the
 * configured owner. A server as root needs no group.
 */
static int
choose_group(const struct cert_conf *conf, int64_t owner_gid, struct install_rights *r,
    struct err *e)
{
	const struct install_reader *readers = r->readers.v;

	r->gid = owner_gid;
	if (conf->group != NULL)
		return group_find(conf->group, &r->gid, e);
	for (size_t i = 0; i < r->readers.n; i++)
		if (readers[i].uid != 0) {
			r->gid = readers[i].gid;
			break;
		}
	return 0;
}

int
install_rights(const struct cert_conf *conf, struct install_rights *r, struct err *e)
{
	int64_t gid = -1;

	*r = (struct install_rights){ .uid = -1, .gid = -1 };
	if (add_readers(conf, r, e) == 0 &&
	    (conf->user == NULL || user_find(conf->user, &r->uid, &gid, e) == 0) &&
	    choose_group(conf, gid, r, e) == 0)
		return 0;
	pack_clear(&install_rights_pack, r);
	return -1;
}

static int
is_readable(struct store_cert *c, const char *file, const struct install_reader *r, struct err *e)
{
	char *path;
	int rc;

	if (asprintf(&path, "%s/current/%s", store_cert_path(c), file) == -1)
		return err_nomem(e);
	if ((rc = fs_user_can_read(path, (uid_t)r->uid, (gid_t)r->gid, e)) == -1)
		(void)err_in(e, "server's user %s", r->name);
	free(path);
	return rc;
}

int
install_readable(struct store_cert *c, const struct manifest *m,
    const struct install_rights *rights,
    struct err *e)
{
	const struct install_reader *r = rights->readers.v;
	char file[PART_NAME_MAX];
	const char *suffix;

	for (size_t i = 0; i < m->leaves.n; i++) {
		suffix = part_suffix(i, manifest_leaf(m, i)->key_type);
		if (m->files.n > 0 && !manifest_names(m, part_name(PART_KEY, suffix, file)))
			part_name(PART_FULL, suffix, file);
		else
			part_name(PART_KEY, suffix, file);
		for (size_t k = 0; k < rights->readers.n; k++)
			if (is_readable(c, file, &r[k], e) == -1)
				return -1;
	}
	return 0;
}

int
install_guarded(struct store_cert *c, const struct manifest *m, const struct install_rights *rights,
    struct err *e)
{
	static const enum part_file files[] = { PART_KEY, PART_COMBINED };
	const struct fs_mode mode = { 0640, (uid_t)rights->uid, (gid_t)-1 };
	char folder[40], name[PART_NAME_MAX];
	int dir = -1, rc;

	(void)snprintf(folder, sizeof(folder), "versions/%jd", (intmax_t)m->version);
	rc = fs_open_dir(store_cert_fd(c), folder, &dir, e);
	for (size_t i = 0; rc == 0 && i < m->leaves.n * NITEMS(files); i++) {
		part_name(files[i % NITEMS(files)], part_suffix(i / NITEMS(files),
		    manifest_leaf(m, i / NITEMS(files))->key_type), name);
		if (manifest_names(m, name))
			rc = fs_check_private(dir, name, mode, e);
	}
	fs_close(&dir);
	return rc == 0 ? 0 : err_in(e, "version %jd", (intmax_t)m->version);
}
