#include "revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crl.h"
#include "keeper.h"
#include "seal.h"

#define DIR_NAME	"crls"
#define FETCH_SECONDS	10
#define AGE_MAX		DAY	/* a list may be valid for a year, and an issuer revoked today */
#define FILE_NAME_MAX	(2 * SHA256_LEN + sizeof(".json"))

/* A list that somebody's chain names. */
struct known {
	struct known	*next;
	struct keeper	*keeper;
	struct job	*job;		/* that named it first: it is told */
	char		*url;
	bool		 asked;		/* and its answer has not come */
};

struct revocation {
	struct known	*all;
	struct list	 lists;		/* struct blob */
};

/* --- on disk --- */

static int
file_name(const char *url, char out[FILE_NAME_MAX], struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct buf b;

	if (sha256(span_str(url), digest) == -1)
		return err_set(e, OUT_RETRY, "no SHA-256");
	buf_init(&b, FILE_NAME_MAX);
	buf_hex(&b, span_of(digest, sizeof digest));
	buf_str(&b, ".json");
	(void)snprintf(out, FILE_NAME_MAX, "%s", buf_cstr(&b));
	buf_clear(&b);
	return out[0] != '\0' ? 0 : err_nomem(e);
}

static int
read_file(struct span file, int64_t *fetched, struct buf *der, struct err *e)
{
	struct json_doc *doc = seal_open(file, DIR_NAME, e);
	const struct json *root;
	const char *text;
	int rc = -1;

	if (doc == NULL)
		return -1;
	root = json_root(doc);
	if (json_get_int(root, DIR_NAME, "fetched", JSON_REQUIRED, fetched, e) == 0 &&
	    json_get_str(root, DIR_NAME, "crl", JSON_REQUIRED, &text, e) == 0)
		rc = base64url_decode(span_str(text), der) == 0 ? 0 :
		    err_set(e, OUT_HOLD, "crl: want base64url");
	json_free(doc);
	return rc;
}

static int
load(const struct known *n, int64_t *fetched, struct buf *der, struct err *e)
{
	char name[sizeof(DIR_NAME) + FILE_NAME_MAX] = DIR_NAME "/";
	struct buf file;
	int rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	if (file_name(n->url, name + sizeof(DIR_NAME), e) == 0 &&
	    fs_read(store_fd(n->keeper->store), name, STORE_FILE_MAX, &file, e) == 0)
		rc = read_file(buf_span(&file), fetched, der, e);
	buf_clear(&file);
	return rc;
}

static int
save(const struct known *n, struct span der, struct err *e)
{
	static const struct fs_mode mode = { 0700, (uid_t)-1, (gid_t)-1 };
	char name[FILE_NAME_MAX];
	struct buf file, text;
	struct json_out o;
	int dir = -1, rc = -1;

	buf_init(&file, STORE_FILE_MAX);
	buf_init(&text, STORE_FILE_MAX);
	buf_base64url(&text, der);
	seal_begin(&o, &file);
	json_put_str(&o, "url", n->url);
	json_put_int(&o, "fetched", clock_wall());
	json_put_span(&o, "crl", buf_span(&text));
	if (!buf_ok(&text))
		buf_fail(&file);
	if (seal_end(&o, e) == 0 && file_name(n->url, name, e) == 0 &&
	    fs_make_dir(store_fd(n->keeper->store), DIR_NAME, mode, &dir, e) == 0)
		rc = store_write(dir, name, &file, e);
	fs_close(&dir);
	buf_clear(&file);
	buf_clear(&text);
	return rc;
}

/* --- in memory --- */

static int
take(struct known *n, struct span der, struct err *e)
{
	struct blob *b = list_add(&n->keeper->revocation->lists, sizeof *b);

	return b == NULL || blob_set(b, der) == -1 ? err_nomem(e) : 0;
}

/* What is on disk, if it is good and young enough; or whatever there is. */
static bool
take_stored(struct known *n, bool any_age)
{
	struct err e = ERR_NONE;
	int64_t fetched = 0, next = 0, now = clock_wall();
	struct buf der;
	bool ok;

	buf_init(&der, CRL_MAX);
	ok = load(n, &fetched, &der, &e) == 0 && crl_check(buf_span(&der), &next, &e) == 0 &&
	    (any_age || (fetched <= now && now < time_add(fetched, AGE_MAX) &&
	    (next == 0 || now < next))) && take(n, buf_span(&der), &e) == 0;
	buf_clear(&der);
	return ok;
}

static void
report_unknown(struct known *n, const struct err *why)
{
	struct report note = { .kind = REPORT_NOTE, .cert = n->job->conf->name, .ms = -1 };
	bool has_old = take_stored(n, true);
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof text, "%s: %.400s: %s", n->url, why->text,
	    has_old ? "an old list is believed" :
	    "whether an issuer of the certificate is revoked is not known");
	note.step = (char *)(uintptr_t)job_step_name(STEP_CHAIN);
	note.text = text;
	keeper_report(n->keeper, &note);
}

static void
wake_jobs(struct keeper *k)
{
	for (size_t i = 0; i < k->njobs; i++)
		if (k->jobs[i]->at == STEP_CHAIN)
			job_wake(k->jobs[i]);
}

/* --- asking --- */

static int
judge(struct known *n, const struct msg_fetched *f, struct err *e)
{
	struct span der = blob_span(&f->body);
	int64_t next;

	if (f->status == 0)
		return err_set(e, OUT_RETRY, "%s", f->text != NULL ? f->text : "no reply");
	if (f->status != 200)
		return err_set(e, OUT_RETRY, "status %lld", (long long)f->status);
	if (crl_check(der, &next, e) == -1 || take(n, der, e) == -1)
		return -1;
	if (save(n, der, e) == -1)
		log_warn(KV_S("event", "revocation list not kept"), KV_S("url", n->url),
		    KV_S("error", e->text));
	err_clear(e);
	return 0;
}

static void
on_fetched(void *arg, struct message *m)
{
	struct known *n = arg;
	struct err e = ERR_NONE;

	n->asked = false;
	if (m->type != MSG_FETCHED ? message_error(m, &e) == -1 : judge(n, m->body, &e) == -1)
		report_unknown(n, &e);
	wake_jobs(n->keeper);
}

static void
ask(struct known *n)
{
	struct msg_fetch fetch = { .url = n->url, .seconds = FETCH_SECONDS,
	    .ca = n->job->ca->name };
	struct err e = ERR_NONE;
	struct channel *net;

	if (keeper_role(n->keeper, ROLE_NET, &net, &e) == 0 &&
	    channel_call(net, MSG_FETCH, &fetch, -1, on_fetched, n, &e) == 0)
		n->asked = true;
	else
		report_unknown(n, &e);
}

/* Each is looked for once in a run. NULL without memory: it stays unknown. */
static struct known *
find(struct job *j, const char *url)
{
	struct revocation *r = j->keeper->revocation;
	struct known *n;

	for (n = r->all; n != NULL; n = n->next)
		if (strcmp(n->url, url) == 0)
			return n;
	if ((n = calloc(1, sizeof *n)) == NULL)
		return NULL;
	if ((n->url = strdup(url)) == NULL) {
		free(n);
		return NULL;
	}
	n->keeper = j->keeper;
	n->job = j;
	n->next = r->all;
	r->all = n;
	if (!take_stored(n, false))
		ask(n);
	return n;
}

bool
revocation_gather(struct job *j, const struct chain *chain)
{
	struct keeper *k = j->keeper;
	struct strs urls = { 0 };
	struct err e = ERR_NONE;
	struct known *n;
	bool all = true;
	size_t i;

	if (k->revocation == NULL && (k->revocation = calloc(1, sizeof *k->revocation)) == NULL)
		return true;
	for (i = 1; i < chain_count(chain) && e.class == OUT_OK; i++)
		if (crl_urls(blob_span(&chain_cert(chain, i)->der), &urls, &e) == -1)
			log_warn(KV_S("cert", j->conf->name), KV_S("event", "revocation unknown"),
			    KV_S("error", e.text));
	for (i = 0; i < urls.n; i++)
		if ((n = find(j, urls.v[i])) != NULL && n->asked)
			all = false;
	strs_clear(&urls);
	return all;
}

const struct list *
revocation_lists(const struct keeper *k)
{
	return k->revocation != NULL ? &k->revocation->lists : NULL;
}

void
revocation_free(struct keeper *k)
{
	struct revocation *r = k->revocation;
	struct known *n;

	if (r == NULL)
		return;
	while ((n = r->all) != NULL) {
		r->all = n->next;
		free(n->url);
		free(n);
	}
	for (size_t i = 0; i < r->lists.n; i++)
		blob_clear((struct blob *)r->lists.v + i);
	free(r->lists.v);
	free(r);
	k->revocation = NULL;
}
