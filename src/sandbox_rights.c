/*
 * sandbox_rights: user, groups, capabilities and limits of a role.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cap-ng.h>

#include "sandbox_parts.h"

#define MIB		(1024u * 1024)
#define CAPS_MAX	64

/*
 * Far above what the role needs, and far below what a machine has. FAULTS V6 asks for 64 MiB of
 * resident memory: a limit on that is not there to be had, so this one is on what is written to.
 */
static const struct {
	rlim_t	 data;		/* octets */
	rlim_t	 nofile;	/* 0: as it is */
	bool	 threads;	/* libcurl's resolver has some */
} limits[ROLE_COUNT] = {
	/* revocation lists; a folder per certificate */
	[ROLE_KEEPER] = { 1024 * MIB, 0, false },
	[ROLE_NET] = { 512 * MIB, 1024, true },
	[ROLE_ANSWER] = { 128 * MIB, 512, false },
	[ROLE_CONTROL] = { 256 * MIB, 512, false },
	[ROLE_COURIER] = { 256 * MIB, 512, false },
};

static int
set_limit(int what, rlim_t max, const char *name, struct err *e)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)what, &now) == -1)
		return err_sys(e, OUT_HOLD, "limit of %s", name);
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < max)
		max = now.rlim_max;
	now = (struct rlimit){ max, max };
	if (setrlimit((__rlimit_resource_t)what, &now) == -1)
		return err_sys(e, OUT_HOLD, "limit of %s", name);
	return 0;
}

void
rights_load_names(void)
{
	gid_t groups[1];
	int n = NITEMS(groups);

	(void)getgrouplist("root", 0, groups, &n);
}

int
rights_limit(enum role r, const struct walls *w, struct err *e)
{
	if (UNDER_SANITIZER)
		return 0;
	if (set_limit(RLIMIT_DATA, limits[r].data, "memory", e) == -1 ||
	    (limits[r].nofile != 0 &&
	    set_limit(RLIMIT_NOFILE, limits[r].nofile, "descriptors", e) == -1))
		return -1;
	/* counted for each user: one that others share may have any number already */
	if (w->uid != SANDBOX_STAY && !limits[r].threads)
		return set_limit(RLIMIT_NPROC, 0, "processes", e);
	return 0;
}

static int
set_groups(const struct walls *w, struct err *e)
{
	const struct wall_group *g = w->groups.v;
	gid_t *gids = calloc(w->groups.n + 1, sizeof *gids);
	size_t i;
	int rc = 0;

	if (gids == NULL)
		return err_nomem(e);
	for (i = 0; i < w->groups.n; i++)
		gids[i] = (gid_t)g[i].gid;
	if (setgroups(w->groups.n, gids) == -1)
		rc = err_sys(e, OUT_HOLD, "groups");
	free(gids);
	return rc;
}

static int
set_user(const struct walls *w, struct err *e)
{
	uid_t uid = (uid_t)w->uid;
	gid_t gid = (gid_t)w->gid;

	if (set_groups(w, e) == -1)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1 || prctl(PR_SET_KEEPCAPS, 0) == -1)
		return err_sys(e, OUT_HOLD, "user %jd", (intmax_t)w->uid);
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return err_set(e, OUT_HOLD, "user %jd: can become root again", (intmax_t)w->uid);
	return 0;
}

/* The bounding set last to go or not: without new privileges it has no meaning any more. */
static int
set_capabilities(int64_t keep, struct err *e)
{
	unsigned i;

	capng_clear(CAPNG_SELECT_ALL);
	for (i = 0; i < CAPS_MAX; i++)
		if (((uint64_t)keep >> i & 1) != 0 &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i) == -1)
			return err_set(e, OUT_HOLD, "capability %u: cannot be kept", i);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return err_set(e, OUT_HOLD, "capabilities: cannot be given up");
	return 0;
}

static int64_t
capabilities_left(void)
{
	int64_t left = 0;
	unsigned i;

	capng_clear(CAPNG_SELECT_ALL);
	if (capng_get_caps_process() == -1)
		return -1;
	for (i = 0; i < CAPS_MAX - 1; i++)
		if (capng_have_capability(CAPNG_EFFECTIVE, i) ||
		    capng_have_capability(CAPNG_PERMITTED, i) ||
		    capng_have_capability(CAPNG_INHERITABLE, i))
			left |= (int64_t)1 << i;
	return left;
}

int
rights_drop(const struct walls *w, struct walled *out, struct err *e)
{
	if (geteuid() == 0) {
		capng_clear(CAPNG_SELECT_ALL);
		(void)capng_apply(CAPNG_SELECT_BOUNDS);
	}
	if (w->uid != SANDBOX_STAY && set_user(w, e) == -1)
		return -1;
	if (set_capabilities(w->keep, e) == -1)
		return -1;
	out->uid = (int64_t)geteuid();
	out->keep = capabilities_left();
	if (out->keep != w->keep)
		return err_set(e, OUT_HOLD, "capabilities: want %#jx, have %#jx",
		    (uintmax_t)w->keep, (uintmax_t)out->keep);
	return 0;
}
