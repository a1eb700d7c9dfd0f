#include "profiles.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define LINKS_MAX	40	/* as the kernel */

/*
 * While a reload is built, the old contexts are still there, and Kamailio
 * refuses new TLS connections when less than its own threshold is left.
 */
#define CONTEXT_COST	((int64_t)50 * 1024)

/* --- reading --- */

int
profiles_read(const struct hook_facts *f, struct tlscfg *out, struct err *e)
{
	struct tlscfg_in in = { .name = f->tls_config, .release = f->release,
	    .base_dir = f->config_dir, .work_dir = f->work_dir, .certificate = f->tls_certificate,
	    .private_key = f->tls_private_key };
	struct buf text;
	int rc = -1;

	*out = (struct tlscfg){ 0 };
	if (in.work_dir != NULL && in.work_dir[0] != '/')
		in.work_dir = NULL;
	if (f->remote)
		return err_set(e, OUT_HOLD, "tls.cfg: it is on another host");
	if (f->tls_config == NULL)
		return err_set(e, OUT_HOLD, "tls.cfg: the server does not say where it is");
	if (f->tls_config[0] != '/')
		return err_set(e, OUT_HOLD, "tls.cfg: want an absolute path to look at it, the "
		    "server has %s", f->tls_config);
	buf_init(&text, TLSCFG_MAX);
	if (fs_read_path(f->tls_config, TLSCFG_MAX, &text, e) == 0) {
		in.text = buf_span(&text);
		rc = tlscfg_read(&in, out, e);
	}
	buf_clear(&text);
	return rc;
}

int64_t
profiles_count(const struct tlscfg *cfg)
{
	return (int64_t)cfg->profiles.n;
}

const struct install_reader *
profiles_reader(const struct install_rights *rights, const char *user)
{
	const struct install_reader *r = rights->readers.v;

	for (size_t i = 0; user != NULL && i < rights->readers.n; i++)
		if (strcmp(r[i].name, user) == 0)
			return &r[i];
	return NULL;
}

/* --- where files are --- */

struct walk {
	char	seen[PATH_MAX];		/* resolved so far; "" is the root */
	char	rest[PATH_MAX];		/* to be resolved */
	int	links;
};

/* Is it DIR/NAME/what, or for no name DIR/anything/what? */
static bool
is_home(const char *path, const char *dir, const char *name, const char *what)
{
	size_t n = strlen(dir);
	const char *at, *slash;

	if (strncmp(path, dir, n) != 0 || strncmp(path + n, "/certs/", 7) != 0)
		return false;
	at = path + n + 7;
	if ((slash = strchr(at, '/')) == NULL || strcmp(slash + 1, what) != 0)
		return false;
	return name == NULL ||
	    (strlen(name) == (size_t)(slash - at) && strncmp(at, name, strlen(name)) == 0);
}

/*
 * A link takes the place of what was seen last; what is not there yet, or
 * hidden from us, is taken as it is written. False for links without an end.
 */
static bool
follow(struct walk *w)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(w->seen, target, sizeof target - 1);
	char *slash;

	if (n == -1)
		return true;
	target[n] = '\0';
	if (++w->links > LINKS_MAX ||
	    snprintf(rest, sizeof rest, "%s/%s", target, w->rest) >= (int)sizeof rest)
		return false;
	memcpy(w->rest, rest, sizeof rest);
	if (target[0] == '/')
		w->seen[0] = '\0';
	else if ((slash = strrchr(w->seen, '/')) != NULL)
		*slash = '\0';
	return true;
}

/* Moves the next component over; false at the end, or when it is too long. */
static bool
step(struct walk *w)
{
	size_t skip = strspn(w->rest, "/"), n = strcspn(w->rest + skip, "/"), len = strlen(w->seen);
	const char *name = w->rest + skip;
	char *slash;

	if (n == 0 || len + n + 2 > sizeof w->seen)
		return false;
	if (n == 2 && strncmp(name, "..", 2) == 0) {
		if ((slash = strrchr(w->seen, '/')) != NULL)
			*slash = '\0';
	} else if (n != 1 || name[0] != '.')
		(void)snprintf(w->seen + len, sizeof w->seen - len, "/%.*s", (int)n, name);
	memmove(w->rest, name + n, strlen(name + n) + 1);
	return true;
}

enum profiles_home
profiles_home(const char *path, const char *state_dir, const char *cert)
{
	struct walk w = { .links = 0 };

	if (path[0] != '/' || snprintf(w.rest, sizeof w.rest, "%s", path) >= (int)sizeof w.rest)
		return HOME_FOREIGN;
	while (step(&w)) {
		if (is_home(w.seen, state_dir, cert, "current"))
			return HOME_CURRENT;
		if (is_home(w.seen, state_dir, cert, "versions"))
			return HOME_VERSION;
		if (!follow(&w))
			return HOME_FOREIGN;
	}
	return HOME_FOREIGN;
}

/* --- before a deployment --- */

static bool
is_ours(const struct tlscfg_profile *p, const char *state_dir)
{
	return p->certificate.path != NULL &&
	    profiles_home(p->certificate.path, state_dir, NULL) != HOME_FOREIGN;
}

static int
has_memory(const struct hook_facts *f, const struct tlscfg *cfg, struct err *e)
{
	int64_t want = (f->low_memory > 0 ? f->low_memory : 0) +
	    CONTEXT_COST * f->processes * profiles_count(cfg);

	if (f->shm_free < 0 || f->processes < 0 || f->shm_free >= want)
		return 0;
	(void)err_set(e, OUT_HOLD, "%s: with %zu profiles and %jd processes a reload wants %jd KiB "
	    "of free shared memory, there are %jd", f->tls_config, cfg->profiles.n,
	    (intmax_t)f->processes, (intmax_t)(want / 1024), (intmax_t)(f->shm_free / 1024));
	return err_hint(e, "restart Kamailio with more shared memory (-m)");
}

/* The first profile that does not load; class OK in e: all do, or cannot be judged. */
static void
find_broken(const struct hook_facts *f, const struct tlscfg *cfg,
    const struct install_reader *reader, const char *state_dir, struct err *e)
{
	const struct tlscfg_profile *p = cfg->profiles.v;
	struct profiles_loaded loaded;

	for (size_t i = 0; i < cfg->profiles.n && e->class == OUT_OK; i++) {
		if (is_ours(&p[i], state_dir))
			continue;
		if (profiles_load(f, &p[i], reader, &loaded, e) == -1 && e->class != OUT_HOLD)
			err_clear(e);
		profiles_unload(&loaded);
	}
}

int
profiles_hold(const struct hook_facts *f, const struct install_reader *reader,
    const char *state_dir, int64_t *count, struct err *e)
{
	struct tlscfg cfg;
	struct err why = ERR_NONE;
	bool holds = true;

	*count = 0;

	if (f->remote || f->tls_config == NULL || f->tls_config[0] != '/' ||
	    access(f->tls_config, R_OK) == -1)
		return 0;
	/* text that it cannot parse is not even tried on it: that may spoil its parser for good */
	if (profiles_read(f, &cfg, &why) == 0 && has_memory(f, &cfg, &why) == 0) {
		holds = false;
		*count = profiles_count(&cfg);
		find_broken(f, &cfg, reader, state_dir, &why);
	}
	pack_clear(&tlscfg_pack, &cfg);
	if (why.class != OUT_HOLD)
		return 0;
	*e = why;
	if (!holds) {
		e->class = OUT_FINDING;
		if (e->hint[0] == '\0')
			(void)err_hint(e, "one profile that does not load makes Kamailio refuse "
			    "the reload of all");
	}
	return -1;
}
