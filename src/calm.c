#include "calm.h"

#include <stdlib.h>
#include <string.h>

struct calm_told {
	char	*about;		/* certificate, or "" for the run itself */
	char	*text;		/* of its last failure; NULL: there is none */
	int64_t	 when_ms;
};

static const struct pack told_pack = PACK(calm_told,
	{ PACK_STR, offsetof(struct calm_told, about), NULL },
	{ PACK_STR, offsetof(struct calm_told, text), NULL },
	{ PACK_I64, offsetof(struct calm_told, when_ms), NULL });

static struct calm_told *
find(struct calm *c, const char *about)
{
	struct calm_told *t = c->told.v;
	size_t i;

	for (i = 0; i < c->told.n; i++)
		if (strcmp(t[i].about, about) == 0)
			return &t[i];
	if ((t = list_add(&c->told, sizeof *t)) == NULL)
		return NULL;
	memset(t, 0, sizeof *t);
	if ((t->about = strdup(about)) == NULL) {
		c->told.n--;
		return NULL;
	}
	return t;
}

/* What goes well on the way, and the steps of a failure, are no news about the result. */
bool
calm_is_new(struct calm *c, const struct report *r, int64_t boot_ms)
{
	const char *text = r->text != NULL ? r->text : "";
	struct calm_told *t;

	if (r->kind != REPORT_RESULT && r->kind != REPORT_NOTE && r->kind != REPORT_FINDING)
		return true;
	if (r->outcome == OUT_OK && r->kind == REPORT_NOTE)
		return true;
	if ((t = find(c, r->cert != NULL ? r->cert : "")) == NULL)
		return true;
	if (r->outcome != OUT_OK && t->text != NULL && strcmp(t->text, text) == 0 &&
	    boot_ms - t->when_ms < CALM_REPEAT_MS)
		return false;
	free(t->text);
	t->text = r->outcome == OUT_OK ? NULL : strdup(text);
	t->when_ms = boot_ms;
	return true;
}

void
calm_clear(struct calm *c)
{
	struct calm_told *t = c->told.v;
	size_t i;

	for (i = 0; i < c->told.n; i++)
		pack_clear(&told_pack, &t[i]);
	free(c->told.v);
	c->told = (struct list){ NULL, 0 };
}
