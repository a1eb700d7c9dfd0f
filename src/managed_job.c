/*
 * managed: which files a job has, and which of them were kamcert's before.
 *
 *	certs/<name>/managed	sealed: paths of the files whose profiles name our versions
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "hooks/hook.h"
#include "keeper.h"
#include "managed.h"
#include "seal.h"

#define RECORD_NAME	"managed"
#define RECORD_MAX	65536

static int
read_record(struct store_cert *c, struct strs *files, struct err *e)
{
	struct json_doc *doc = NULL;
	struct buf text;
	int rc = -1;

	buf_init(&text, RECORD_MAX);
	if (fs_read(store_cert_fd(c), RECORD_NAME, RECORD_MAX, &text, e) == -1)
		rc = e->sys == ENOENT ? 0 : -1;
	else if ((doc = seal_open(buf_span(&text), RECORD_NAME, e)) != NULL)
		rc = seal_get_strs(json_root(doc), RECORD_NAME, "files", files, e);
	json_free(doc);
	buf_clear(&text);
	return rc;
}

/* Behind the file: a kill in between leaves our own values there, which may always be changed. */
static int
add_to_record(struct store_cert *c, struct strs *files, const char *path, struct err *e)
{
	struct json_out o;
	struct buf text;
	int rc = -1;

	if (strs_add(files, path) == -1)
		return err_nomem(e);
	buf_init(&text, RECORD_MAX);
	seal_begin(&o, &text);
	seal_put_strs(&o, "files", files);
	if (seal_end(&o, e) == 0)
		rc = store_write(store_cert_fd(c), RECORD_NAME, &text, e);
	buf_clear(&text);
	return rc;
}

struct turning {
	struct job	*job;
	struct strs	 files;		/* of the record */
	int64_t		 version;
	bool		 write;
};

/* A version that is not there yet gets a number that none has. */
static int
turn_file(struct turning *t, const struct hook_conf *h, int64_t version, struct err *e)
{
	char dir[PATH_MAX];
	const struct managed_in in = {
		.path = h->tls_cfg,
		.profiles = &h->profiles,
		.state_dir = t->job->keeper->setup.config.state_dir,
		.cert = t->job->conf->name,
		.dir = dir,
		.adopted = strs_has(&t->files, h->tls_cfg),
	};

	(void)snprintf(dir, sizeof dir, "%s/versions/%jd", store_cert_path(t->job->folder),
	    (intmax_t)version);
	if (!t->write)
		return managed_try(&in, e);
	if (managed_write(&in, e) == -1)
		return -1;
	return in.adopted ? 0 : add_to_record(t->job->folder, &t->files, h->tls_cfg, e);
}

/* Those before the one that failed go back to what is active. */
static void
undo(struct turning *t, size_t n)
{
	const struct hook_conf *h = t->job->conf->hooks.v;
	struct err ignored = ERR_NONE;
	int64_t active = 0;

	if (!t->write || install_current(t->job->folder, &active, &ignored) == -1 || active == 0 ||
	    active == t->version)
		return;
	for (size_t i = 0; i < n; i++)
		if (h[i].profiles.n > 0 && turn_file(t, &h[i], active, &ignored) == -1)
			log_error(KV_S("cert", t->job->conf->name), KV_S("file", h[i].tls_cfg),
			    KV_S("error", ignored.text));
}

static int
turn_all(struct turning *t, struct err *e)
{
	const struct hook_conf *h = t->job->conf->hooks.v;
	int rc = 0;
	size_t i;

	if (read_record(t->job->folder, &t->files, e) == -1)
		return -1;
	for (i = 0; i < t->job->conf->hooks.n && rc == 0; i++)
		if (h[i].profiles.n > 0)
			rc = turn_file(t, &h[i], t->version, e);
	if (rc == -1)
		undo(t, i - 1);
	strs_clear(&t->files);
	return rc;
}

static bool
has_files(const struct job *j)
{
	const struct hook_conf *h = j->conf->hooks.v;

	for (size_t i = 0; i < j->conf->hooks.n; i++)
		if (h[i].profiles.n > 0)
			return true;
	return false;
}

int
managed_turn(void *arg, int64_t version, struct err *e)
{
	struct turning t = { .job = arg, .version = version, .write = true };

	return has_files(t.job) ? turn_all(&t, e) : 0;
}

int
managed_check(struct job *j, int64_t version, struct err *e)
{
	struct turning t = { .job = j, .version = version };

	return has_files(j) ? turn_all(&t, e) : 0;
}

int
managed_is_read(const struct hook_conf *h, const struct hook_facts *f, struct err *e)
{
	char ours[PATH_MAX], theirs[PATH_MAX];

	if (h->profiles.n == 0)
		return 0;
	if (f->remote || f->tls_config == NULL)
		return err_set(e, OUT_HOLD, "%s: profiles are kept in a file of this host only",
		    h->tls_cfg);
	if (realpath(h->tls_cfg, ours) == NULL)
		return err_sys(e, OUT_HOLD, "%s", h->tls_cfg);
	if (realpath(f->tls_config, theirs) != NULL && strcmp(ours, theirs) == 0)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: the server reads another file, %s", h->tls_cfg,
	    f->tls_config);
	return err_hint(e, "set tls-cfg in the hook");
}
