/*
 * look: the server and its tls.cfg, as findings.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/text.h"
#include "hooks/release.h"
#include "instance.h"
#include "keeper.h"
#include "look.h"
#include "path.h"
#include "profiles.h"

#define SOON		(14 * DAY)	/* a certificate that ends by then is told */
#define SECURITY_BITS	112		/* OpenSSL's security level 2, Debian's default */

struct look {
	struct job		*job;
	const struct hook_conf	*hook;
	const struct hook_facts	*facts;
	const struct tlscfg	*cfg;
	const struct tlscfg_profile *profile;	/* that is being looked at */
	size_t			 bad;		/* profiles with a finding */
	size_t			 unjudged;
	bool			 is_bad;	/* this one */
	int64_t			 first_end;	/* of all leaves, 0: none */
};

static const char what[] = "tls.cfg";

/* A finding about the profile, with its line. */
static void	find(struct look *, const char *hint, const char *fmt, ...) PRINTF(3, 4);

static void
find(struct look *l, const char *hint, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	look_profile(l->job, l->facts, l->profile, hint, text);
	l->is_bad = true;
}

void
look_profile(struct job *j, const struct hook_facts *facts, const struct tlscfg_profile *p,
    const char *hint, const char *text)
{
	char label[TLSCFG_LABEL];
	struct err e = ERR_NONE;

	(void)err_set(&e, OUT_FINDING, "%s:%jd: %s: %.700s", facts->tls_config, (intmax_t)p->line,
	    tlscfg_label(p, label), text);
	if (hint != NULL)
		(void)err_hint(&e, "%s", hint);
	look_tell(j, what, &e);
}

/* --- the release --- */

#define UNSAFE	"with OpenSSL 3, a reload that meets TLS handshakes can crash this server " \
	"(1 to 5 %% of reloads at 50 handshakes a second)"

static void
look_at_safety(struct job *j, const struct hook_facts *f)
{
	struct err e = ERR_NONE;

	if (!f->unsafe_reload)
		return;
	/* without a setting that cures it, it is something to know, not something to repair */
	if (f->release < RELEASE(5, 7, 5)) {
		look_fine(j, "server", "%s: " UNSAFE
		    "; renew in a window of quiet hours, or upgrade "
		    "to 6.0 or newer", f->version);
		return;
	}
	(void)err_set(&e, OUT_FINDING, "%s: " UNSAFE, f->version);
	(void)err_hint(&e, "set tls_threads_mode=2 before the first loadmodule, or upgrade to 6.0 "
	    "or newer");
	look_tell(j, "server", &e);
}

static void
look_at_memory(struct job *j, const struct hook_facts *f, int64_t profiles)
{
	int64_t room = f->shm_free - (f->low_memory > 0 ? f->low_memory : 0);
	int64_t leak = release_leak(f->processes, profiles);
	struct err e = ERR_NONE;

	if (!f->leaks_memory || leak <= 0)
		return;
	(void)err_set(&e, OUT_FINDING, "%s with allocator %s loses about %jd KiB of shared memory "
	    "at every reload: after some %jd more it refuses new TLS connections", f->version,
	    f->allocator != NULL ? f->allocator : "qm", (intmax_t)(leak / 1024),
	    (intmax_t)(room > 0 ? room / leak : 0));
	(void)err_hint(&e, "start Kamailio with -x fm, or upgrade to 5.8.8, 6.0.6, 6.1 or newer");
	look_tell(j, "memory", &e);
}

/* --- certificates of a profile --- */

static void
look_at_dates(struct look *l, X509 *x, int number)
{
	char at[TIME_TEXT], left[SPAN_TEXT];
	int64_t from, until, now = clock_wall();

	if (cert_dates(x, &from, &until) == -1)
		return;
	if (number == 1 && (l->first_end == 0 || until < l->first_end))
		l->first_end = until;
	if (until < now)
		find(l, NULL, "certificate %d has expired at %s: Kamailio loads it, phones refuse "
		    "it", number, text_time(until, at));
	else if (from > now)
		find(l, NULL, "certificate %d is not valid before %s", number, text_time(from, at));
	else if (until - now < SOON)
		find(l, NULL, "certificate %d expires in %s, at %s", number,
		    text_span_of_time(until - now, left), text_time(until, at));
}

static void
look_at_strength(struct look *l, X509 *x, int number)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char type[CERT_KEY_MAX];
	int bits = 0;

	if (key == NULL || EVP_PKEY_get_security_bits(key) < SECURITY_BITS)
		find(l, NULL, "certificate %d: a key of type %s is weaker than security level 2",
		    number, cert_key(x, type));
	else if (X509_self_signed(x, 0) != 1 &&
	    (X509_get_signature_info(x, NULL, NULL, &bits, NULL) != 1 || bits < SECURITY_BITS))
		find(l, NULL, "certificate %d: its signature is weaker than security level 2",
		    number);
	ERR_clear_error();
}

/* A leaf alone, whose issuer is neither sent nor one of the roots that everybody has. */
static bool
lacks_issuer(struct look *l, STACK_OF(X509) *certs)
{
	X509 *leaf = sk_X509_value(certs, 0);
	struct path_in in = { .offered = certs, .trust = l->job->keeper->trust };
	struct err e = ERR_NONE;
	int64_t until;

	if (sk_X509_num(certs) != 1 || X509_self_signed(leaf, 0) == 1 ||
	    cert_dates(leaf, &in.at, &until) == -1)
		return false;
	in.at = until;
	return path_prove(&in, NULL, &e) == -1 && e.class == OUT_REFUSE;
}

static void
look_at_chain(struct look *l, STACK_OF(X509) *certs)
{
	char issuer[CERT_NAME_MAX];
	int i;

	for (i = 0; i < sk_X509_num(certs); i++) {
		look_at_dates(l, sk_X509_value(certs, i), i + 1);
		look_at_strength(l, sk_X509_value(certs, i), i + 1);
	}
	for (i = 0; i + 1 < sk_X509_num(certs); i++)
		if (X509_check_issued(sk_X509_value(certs, i + 1), sk_X509_value(certs, i)) !=
		    X509_V_OK)
			find(l, NULL, "certificate %d is issued by %s, which is not the next one "
			    "in the file", i + 1, cert_issuer(sk_X509_value(certs, i), issuer));
	if (lacks_issuer(l, certs))
		find(l, "name the file with the full chain", "no intermediate behind the "
		    "certificate: it is issued by %s, which is no root of this system",
		    cert_issuer(sk_X509_value(certs, 0), issuer));
	ERR_clear_error();
}

/* --- what it is used for --- */

static bool
is_public_root(struct look *l, X509 *root)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_OBJECT *found = NULL;
	X509_STORE *store;
	struct err e;

	if (ctx != NULL && trust_get(l->job->keeper->trust, NULL, &store, &e) == 0 &&
	    X509_STORE_CTX_init(ctx, store, NULL, NULL) == 1)
		found = X509_STORE_CTX_get_obj_by_subject(ctx, X509_LU_X509,
		    X509_get_subject_name(root));
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	if (found == NULL)
		return false;
	X509_OBJECT_free(found);
	return true;
}

/* Public CAs have stopped issuing certificates for TLS clients in 2026. */
static void
look_at_role(struct look *l, const struct profiles_loaded *loaded)
{
	const struct tlscfg_profile *p = l->profile;
	X509 *leaf = sk_X509_value(loaded->certs, 0);

	if (p->kind == TLSCFG_CLIENT) {
		if (leaf != NULL && (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT) == 0)
			find(l, "leave certificate and private_key out of the client profile, or "
			    "name a certificate of a private CA there",
			    "its certificate is not for TLS clients (no clientAuth purpose): peers "
			    "that check client certificates will refuse it");
		return;
	}
	if (!p->verify && !p->require && p->verify_client == 0)
		return;
	for (int i = 0; i < sk_X509_num(loaded->roots); i++) {
		if (!is_public_root(l, sk_X509_value(loaded->roots, i)))
			continue;
		find(l, "have such peers use certificates of a private CA whose root is in "
		    "ca_list, or set verify_certificate = no and require_certificate = no",
		    "it asks peers for client certificates of public CAs, which no longer issue "
		    "them for TLS clients (clientAuth): renewed ones will be refused");
		return;
	}
}

static void
look_at_profile(struct look *l, const struct install_reader *reader)
{
	const struct tlscfg_profile *p = l->profile;
	struct profiles_loaded loaded;
	struct err e = ERR_NONE;
	char at[TIME_TEXT];

	l->is_bad = false;
	if (profiles_load(l->facts, p, reader, &loaded, &e) == -1) {
		(void)err_hint(&e, "the next reload fails, for all profiles");
		look_tell(l->job, what, &e);
		l->is_bad = true;
	} else {
		look_at_chain(l, loaded.certs);
		look_at_chain(l, loaded.certs2);
		look_at_role(l, &loaded);
		if (loaded.crl_until != 0 && loaded.crl_until < clock_wall())
			find(l, "fetch a new one, and reload",
			    "its revocation list has expired at %s: "
			    "all client certificates are refused", text_time(loaded.crl_until, at));
		l->unjudged += !loaded.judged;
	}
	if (tlscfg_hides_names(l->cfg, p))
		find(l, "give it a server_name", "it has no server_name: behind its socket, no "
		    "profile for any address is ever reached");
	l->bad += l->is_bad;
	profiles_unload(&loaded);
}

static void
tell_foreign(struct look *l)
{
	const struct tlscfg_profile *p = l->cfg->profiles.v;
	const char *state = l->job->keeper->setup.config.state_dir;
	char label[TLSCFG_LABEL];
	struct buf text;
	size_t n = 0;

	buf_init(&text, ERR_TEXT_MAX / 2);
	for (size_t i = 0; i < l->cfg->profiles.n; i++)
		if (p[i].certificate.path != NULL && p[i].line != 0 &&
		    profiles_home(p[i].certificate.path, state, NULL) == HOME_FOREIGN) {
			buf_printf(&text, "%s%s (line %jd)", n++ > 0 ? ", " : "",
			    tlscfg_label(&p[i], label), (intmax_t)p[i].line);
		}
	if (n > 0)
		look_fine(l->job, what, "not managed by kamcert: %s",
		    buf_ok(&text) ? buf_cstr(&text) : "many profiles");
	buf_clear(&text);
}

static void
tell_summary(struct look *l)
{
	char left[SPAN_TEXT] = "";

	if (l->first_end != 0)
		(void)text_span_of_time(l->first_end - clock_wall(), left);
	if (l->unjudged > 0)
		look_fine(l->job, what, "%zu profiles, %zu of them with files that kamcert may not "
		    "read or whose folder is not known", l->cfg->profiles.n, l->unjudged);
	else if (l->bad == 0)
		look_fine(l->job, what, "%zu profiles, all load%s%s", l->cfg->profiles.n,
		    left[0] != '\0' ? "; the first certificate expires in " : "", left);
}

static void
look_at_all(struct look *l)
{
	const struct tlscfg_profile *p = l->cfg->profiles.v;
	struct install_rights rights = { 0 };
	struct err ignored;

	if (install_rights(l->job->conf, &rights, &ignored) == -1)
		rights = (struct install_rights){ 0 };	/* told by the step before */
	for (size_t i = 0; i < l->cfg->profiles.n; i++) {
		l->profile = &p[i];
		look_at_profile(l, profiles_reader(&rights, l->hook->user));
	}
	tell_summary(l);
	tell_foreign(l);
	pack_clear(&install_rights_pack, &rights);
}

void
look_tls_cfg(struct job *j, const struct hook_conf *hook, const struct hook_facts *facts,
    bool first)
{
	struct look l = { .job = j, .hook = hook, .facts = facts };
	struct err e = ERR_NONE;
	struct tlscfg cfg;
	int rc;

	l.cfg = &cfg;
	rc = profiles_read(facts, &cfg, &e);
	if (first && facts->version != NULL) {
		look_at_safety(j, facts);
		look_at_memory(j, facts, rc == 0 ? profiles_count(&cfg) : 2);
	}
	if (first && facts->remote)
		look_fine(j, what, "on another host: run kamcert check there");
	else if (first && rc == -1)
		look_tell(j, what, &e);
	else if (first)
		look_at_all(&l);
	if (rc == 0)
		look_names(j, hook, facts, &cfg);
	pack_clear(&tlscfg_pack, &cfg);
}

/* Which way a deployment would go where a reload is not safe, or not possible. */
static void
look_at_way(struct job *j, const struct hook_conf *h, const struct instance *in)
{
	const struct hook_facts *f = instance_facts(in);
	struct err e = ERR_NONE;

	if (instance_restarts(in)) {
		if (instance_unit(in, &e) == 0)
			restart_warn(h, f, &e);
		look_tell(j, "server", &e);
		return;
	}
	if (!f->unsafe_reload || h->unsafe_reload == NULL)
		return;
	if (strcmp(h->unsafe_reload, "wait") == 0)
		look_fine(j, "server", "a deployment waits for a moment with at most %jd new TLS "
		    "connections per second", (intmax_t)h->quiet_rate);
	else
		look_fine(j, "server", "a deployment %s (unsafe-reload = \"%s\")",
		    strcmp(h->unsafe_reload, "hold") == 0 ? "is held for an operator" :
		    "reloads it at once", h->unsafe_reload);
}

void
look_profiles(struct job *j, const struct hook_conf *hook, struct instance *in)
{
	const struct hook_facts *facts = instance_facts(in);
	bool first = instance_look_once(in);

	if (facts->version == NULL || facts->release == -1)
		return;
	look_tls_cfg(j, hook, facts, first);
	if (first)
		look_at_way(j, hook, in);
}
