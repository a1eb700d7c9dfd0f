#include "walls_private.h"

#include <sys/stat.h>

#include <linux/capability.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/users.h"

#define CAP(name)	((int64_t)1 << (name))

/*
 * Users for root's roles where the configuration names none, and numbers for
 * a machine without these users. Neither Debian (policy section 9.2.2) nor
 * systemd (UIDS-GIDS) gives 65520 to 65533 to anybody.
 */
static const struct {
	const char	*user;
	uid_t		 reserve;
} defaults[ROLE_COUNT] = {
	[ROLE_KEEPER] = { "_kamcert", 65521 },
	[ROLE_NET] = { "_kamcert-net", 65522 },
	[ROLE_ANSWER] = { "_kamcert-answer", 65523 },
	[ROLE_CONTROL] = { "_kamcert-control", 65524 },
	[ROLE_COURIER] = { "_kamcert-courier", 65525 },
};

/* --- who --- */

/* One that is not known is told by who wants to become him. */
static bool
is_user(const char *name, int64_t *uid, int64_t *gid)
{
	struct err ignored = ERR_NONE;

	return user_find(name, uid, gid, &ignored) == 0;
}

int
walls_user(const struct config *c, enum role r, int64_t *uid, int64_t *gid, struct err *e)
{
	const char *name = (size_t)r < c->role_users.n ? c->role_users.v[r] : NULL;

	*uid = *gid = SANDBOX_STAY;
	if (geteuid() != 0)
		return 0;
	if (name != NULL && user_find(name, uid, gid, e) == -1)
		return err_in(e, "role-users");
	if (name == NULL && !is_user(defaults[r].user, uid, gid))
		*uid = *gid = defaults[r].reserve;
	if (*uid == 0 && strcmp(c->sandbox, "strict") == 0) {
		err_set(e, OUT_HOLD, "role-users: the %s role is not to be root", role_name(r));
		return err_hint(e, "name a user of its own, or set sandbox = \"best-effort\"");
	}
	return 0;
}

uid_t
walls_reserve(enum role r)
{
	return defaults[r].reserve;
}

static int
add_group(struct walls *w, int64_t gid, struct err *e)
{
	struct wall_group *g = w->groups.v;
	size_t i;

	if (gid == w->gid)
		return 0;
	for (i = 0; i < w->groups.n; i++)
		if (g[i].gid == gid)
			return 0;
	if ((g = list_add(&w->groups, sizeof *g)) == NULL)
		return err_nomem(e);
	g->gid = gid;
	return 0;
}

/* What a server's group may read is given to this group. */
static int
add_hook_groups(const struct cert_conf *cert, struct walls *w, struct err *e)
{
	const struct hook_conf *h = cert->hooks.v;
	int64_t uid, gid;
	size_t i;

	for (i = 0; i < cert->hooks.n; i++)
		if (h[i].user != NULL && is_user(h[i].user, &uid, &gid) && gid != 0 &&
		    add_group(w, gid, e) == -1)
			return -1;
	return 0;
}

/* Whoever a server's socket lets in: its group, and where it lets no group in, its owner. */
static int
fit_sockets(const struct cert_conf *cert, struct walls *w, struct err *e)
{
	const struct hook_conf *h = cert->hooks.v;
	const char *path;
	struct stat st;
	size_t i;

	for (i = 0; i < cert->hooks.n; i++) {
		path = h[i].rpc != NULL ? strchr(h[i].rpc, '/') : NULL;
		if (path == NULL || stat(path, &st) == -1 || !S_ISSOCK(st.st_mode) ||
		    (st.st_mode & S_IWOTH) != 0)
			continue;
		if ((st.st_mode & S_IWGRP) == 0)
			w->uid = (int64_t)st.st_uid;
		else if (add_group(w, (int64_t)st.st_gid, e) == -1)
			return -1;
	}
	return 0;
}

/* A server's error log is read by the group that may: Debian's are adm's, the journal systemd's. */
static int
fit_logs(const struct cert_conf *cert, struct walls *w, struct err *e)
{
	static const char journals[] = "/var/log/journal";
	const struct hook_conf *h = cert->hooks.v;
	struct stat st;
	size_t i;

	for (i = 0; i < cert->hooks.n; i++)
		if (h[i].error_log != NULL && stat(h[i].error_log[0] == '/' ? h[i].error_log :
		    journals, &st) == 0 && (st.st_mode & S_IRGRP) != 0 && st.st_gid != 0 &&
		    add_group(w, (int64_t)st.st_gid, e) == -1)
			return -1;
	return 0;
}

/* For the roles that talk to servers. */
static int
reach_servers(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct cert_conf *cert = setup->config.certs.v;
	size_t i;

	for (i = 0; w->uid != SANDBOX_STAY && i < setup->config.certs.n; i++)
		if (add_hook_groups(&cert[i], w, e) == -1 || fit_sockets(&cert[i], w, e) == -1)
			return -1;
	return 0;
}

static int
add_file_group(const struct cert_conf *cert, struct walls *w, struct err *e)
{
	struct err ignored = ERR_NONE;
	int64_t gid;

	if (cert->group == NULL || group_find(cert->group, &gid, &ignored) == -1)
		return 0;	/* told by who wants to use it */
	return add_group(w, gid, e);
}

/*
 * Files of another user can only be made, read back and removed with root's
 * rights over files. One who cannot be found now, as the data base does not
 * answer, may own some already: without these, what is installed would look
 * broken.
 */
static void
keep_for_owner(const struct cert_conf *cert, struct walls *w)
{
	int64_t uid, gid;

	if (cert->user != NULL && (!is_user(cert->user, &uid, &gid) || uid != w->uid))
		w->keep |= CAP(CAP_CHOWN) | CAP(CAP_FOWNER) | CAP(CAP_DAC_OVERRIDE);
}

/* --- which files --- */

static int
add_path(struct strs *paths, const char *path, struct err *e)
{
	if (path == NULL || strs_has(paths, path))
		return 0;
	return strs_add(paths, path) == -1 ? err_nomem(e) : 0;
}

static int
add_paths(struct strs *to, const char *const *paths, size_t n, struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (add_path(to, paths[i], e) == -1)
			return -1;
	return 0;
}

/* By its real place: the walls are put up along the tree of folders, where no link leads. */
static int
hide(struct walls *w, const char *path, struct err *e)
{
	char real[PATH_MAX];

	return add_path(&w->hidden, path != NULL && realpath(path, real) != NULL ? real : path, e);
}

/* From who looks with root's eyes. A file that is exchanged later is not seen at all any more. */
static int
hide_accounts(struct walls *w, struct err *e)
{
	static const char *const paths[] = { "/etc/shadow", "/etc/shadow-", "/etc/gshadow",
	    "/etc/gshadow-", "/etc/ssh", "/etc/sudoers", "/etc/sudoers.d" };

	return add_paths(&w->hidden, paths, NITEMS(paths), e);
}

/*
 * keeper and control read what a server's configuration names, wherever that
 * is: all but what no configuration leads to.
 */
static int
read_widely(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	static const char *const hidden[] = { "/boot", "/dev", "/proc", "/sys", "/root" };
	static const char *const kernel[] = { "/proc/sys/kernel/random" };

	if (add_path(&w->reads, "/", e) == -1 ||
	    add_paths(&w->reads, kernel, NITEMS(kernel), e) == -1 ||
	    add_paths(&w->hidden, hidden, NITEMS(hidden) - (geteuid() == 0 ? 0 : 1), e) == -1)
		return -1;
	return setup->command == CMD_CHECK ? hide_accounts(w, e) : 0;
}

/* Name resolution, the CAs that everybody trusts, and what libraries load. */
static int
read_system(struct walls *w, struct err *e)
{
	static const char *const paths[] = { "/etc", "/usr", "/lib", "/lib64",
	    "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/connman" };

	return add_paths(&w->reads, paths, NITEMS(paths), e);
}

/* A tls.cfg that is managed is replaced in its folder, and stays its owner's. */
static int
add_managed(const struct cert_conf *cert, struct walls *w, struct err *e)
{
	const struct hook_conf *h = cert->hooks.v;
	char path[PATH_MAX], *slash;
	size_t i;

	for (i = 0; i < cert->hooks.n; i++) {
		if (h[i].profiles.n == 0 || realpath(h[i].tls_cfg, path) == NULL)
			continue;	/* one that is not there is told by who wants to read it */
		slash = strrchr(path, '/');
		slash[slash == path ? 1 : 0] = '\0';
		if (add_path(&w->writes, path, e) == -1)
			return -1;
		if (w->uid != SANDBOX_STAY)
			w->keep |= CAP(CAP_CHOWN) | CAP(CAP_FOWNER) | CAP(CAP_DAC_OVERRIDE);
	}
	return 0;
}

static int
for_keeper(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct config *c = &setup->config;
	const struct ca_conf *ca = c->cas.v;
	const struct cert_conf *cert = c->certs.v;
	size_t i;

	if (read_widely(setup, w, e) == -1 || add_path(&w->reads, c->state_dir, e) == -1 ||
	    add_path(&w->writes, c->state_dir, e) == -1)
		return -1;
	for (i = 0; i < c->cas.n; i++)
		if (add_path(&w->secrets, ca[i].eab_key_file, e) == -1 ||
		    add_path(&w->reads, ca[i].trust_bundle, e) == -1)
			return -1;
	for (i = 0; i < c->certs.n; i++)
		if (add_managed(&cert[i], w, e) == -1 ||
		    add_path(&w->secrets, cert[i].csr, e) == -1 ||
		    add_path(&w->secrets, cert[i].private_key, e) == -1)
			return -1;
	if (w->uid == SANDBOX_STAY)
		return 0;
	for (i = 0; i < c->certs.n; i++) {
		if (add_hook_groups(&cert[i], w, e) == -1 || add_file_group(&cert[i], w, e) == -1)
			return -1;
		keep_for_owner(&cert[i], w);
	}
	if (setup->command == CMD_CHECK || setup->command == CMD_STATUS || setup->dry_run)
		w->keep = CAP(CAP_DAC_READ_SEARCH);	/* looks where it may not own anything */
	return 0;
}

static int
for_net(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct ca_conf *ca = setup->config.cas.v;
	size_t i;

	for (i = 0; i < setup->config.cas.n; i++)
		if (add_path(&w->reads, ca[i].ca_file, e) == -1)
			return -1;
	return read_system(w, e);
}

static int
for_answer(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct cert_conf *cert = setup->config.certs.v;
	const struct challenge_conf *challenge;
	size_t i, j;

	for (i = 0; i < setup->config.certs.n; i++) {
		challenge = cert[i].challenges.v;
		for (j = 0; j < cert[i].challenges.n; j++)
			if (add_path(&w->writes, challenge[j].webroot, e) == -1)
				return -1;
	}
	/* a document root belongs to whoever serves it */
	if (w->writes.n > 0 && w->uid != SANDBOX_STAY) {
		w->keep = CAP(CAP_DAC_OVERRIDE);
		if (hide_accounts(w, e) == -1)
			return -1;
	}
	return read_system(w, e);
}

static int
for_control(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct cert_conf *cert = setup->config.certs.v;
	const struct ca_conf *ca = setup->config.cas.v;
	size_t i;

	for (i = 0; w->uid != SANDBOX_STAY && i < setup->config.certs.n; i++)
		if (fit_logs(&cert[i], w, e) == -1)
			return -1;
	/* without root, only this keeps it from what is the keeper's */
	for (i = 0; i < setup->config.cas.n; i++)
		if (hide(w, ca[i].eab_key_file, e) == -1)
			return -1;
	if (hide(w, setup->config.state_dir, e) == -1 || reach_servers(setup, w, e) == -1 ||
	    read_widely(setup, w, e) == -1)
		return -1;
	/* a server's socket that only root may use */
	return w->uid == 0 ? hide_accounts(w, e) : 0;
}

/* What a hook of this role is about, and what it needs for that: rights only where there is one. */
static int
fit_hook(const struct hook_conf *h, const struct msg_setup *setup, struct walls *w, struct err *e)
{
	static const char *const processes[] = { "/proc", "/run" };
	char certs[PATH_MAX];

	if (strcmp(h->type, "signal") == 0) {
		w->signals = true;
		if (w->uid != SANDBOX_STAY)
			w->keep |= CAP(CAP_KILL);
		return add_path(&w->reads, h->pid_file, e) == -1 ? -1 :
		    add_paths(&w->reads, processes, NITEMS(processes), e);
	}
	if (strcmp(h->type, "systemd") == 0 && w->uid != SANDBOX_STAY)
		w->uid = w->gid = 0;	/* systemd listens to root alone */
	if (strcmp(h->type, "haproxy") != 0)
		return 0;
	/* it carries the key to the server, from where nobody else may read it */
	if (w->uid != SANDBOX_STAY)
		w->keep |= CAP(CAP_DAC_READ_SEARCH);
	snprintf(certs, sizeof certs, "%s/certs", setup->config.state_dir);
	return add_path(&w->reads, certs, e);
}

static int
for_courier(const struct msg_setup *setup, struct walls *w, struct err *e)
{
	const struct cert_conf *cert = setup->config.certs.v;
	const struct hook_conf *h;
	struct hook_conf restart;
	size_t i, j;

	if (reach_servers(setup, w, e) == -1 || hide_accounts(w, e) == -1 ||
	    read_system(w, e) == -1)
		return -1;
	for (i = 0; i < setup->config.certs.n; i++) {
		h = cert[i].hooks.v;
		for (j = 0; j < cert[i].hooks.n; j++)
			if (fit_hook(hook_restart(&h[j], &restart) ? &restart : &h[j], setup, w,
			    e) == -1)
				return -1;
	}
	return 0;
}

int
walls_for(const struct msg_setup *setup, enum role r, struct walls *w, struct err *e)
{
	static int (*const of[ROLE_COUNT])(const struct msg_setup *, struct walls *,
	    struct err *) = {
		[ROLE_KEEPER] = for_keeper,
		[ROLE_NET] = for_net,
		[ROLE_ANSWER] = for_answer,
		[ROLE_CONTROL] = for_control,
		[ROLE_COURIER] = for_courier,
	};

	*w = (struct walls){
		.best_effort = strcmp(setup->config.sandbox, "best-effort") == 0,
		.kill = sandbox_kills(),
	};
	/* the others look at no files or processes of users */
	if (walls_user(&setup->config, r, &w->uid, &w->gid, e) == 0 && of[r](setup, w, e) == 0 &&
	    (r == ROLE_NET || r == ROLE_ANSWER || walls_names(&setup->config, &w->users, e) == 0))
		return 0;
	pack_clear(&walls_pack, w);
	return err_in(e, "role %s", role_name(r));
}

/* --- telling --- */

static const char *
user_text(int64_t uid, char *out, size_t size)
{
	struct err ignored = ERR_NONE;
	char *name;

	if (user_name((uid_t)uid, &name, &ignored) == 0 && name != NULL)
		snprintf(out, size, "%s", name);
	else
		snprintf(out, size, "%jd", (intmax_t)uid);
	free(name);
	return out;
}

static void
put_capabilities(struct buf *b, int64_t keep)
{
	static const struct {
		unsigned	 number;
		const char	*name;
	} known[] = {
		{ CAP_CHOWN, "CHOWN" }, { CAP_DAC_OVERRIDE, "DAC_OVERRIDE" },
		{ CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH" }, { CAP_FOWNER, "FOWNER" },
		{ CAP_KILL, "KILL" },
	};
	size_t i;

	if (keep == 0) {
		buf_str(b, "no capabilities");
		return;
	}
	buf_str(b, "capabilities");
	for (i = 0; i < NITEMS(known); i++)
		if (((uint64_t)keep >> known[i].number & 1) != 0)
			buf_printf(b, " %s", known[i].name);
}

bool
walled_wholly(const struct walled *w)
{
	return w->missing.n == 0 && w->landlock > 0 && w->calls && w->no_new_privs;
}

const char *
walled_text(const struct walled *w, char out[WALLED_TEXT])
{
	char user[64];
	struct buf b;
	size_t i;

	buf_init(&b, WALLED_TEXT - 1);
	buf_printf(&b, "user %s, ", user_text(w->uid, user, sizeof user));
	put_capabilities(&b, w->keep);
	if (w->landlock > 0)
		buf_printf(&b, ", files walled off (Landlock %jd)", (intmax_t)w->landlock);
	else
		buf_str(&b, ", files NOT walled off");
	buf_str(&b, w->calls ? ", system calls filtered" : ", system calls NOT filtered");
	buf_str(&b, w->no_new_privs ? "" : ", new privileges NOT ruled out");
	for (i = 0; i < w->missing.n; i++)
		buf_printf(&b, "; %s", w->missing.v[i]);
	snprintf(out, WALLED_TEXT, "%s", buf_ok(&b) ? buf_cstr(&b) : "too long to tell");
	buf_clear(&b);
	return out;
}
