/*
 * pack: see pack.h.
 *
 *     int64    8 octets                bool     1 octet, 0 or 1
 *     text     0, or 1 and vec32       blob     vec32
 *     texts    u32 n, n x vec32        list     u32 n, n x its fields
 *     struct   its fields
 *
 * Numbers are big endian; nothing says what a field is: both sides have the
 * same table.
 */
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define DEPTH_MAX 8

static void *
field_of(void *obj, const struct pack_field *f)
{
	return (uint8_t *)obj + f->offset;
}

static const void *
field_in(const void *obj, const struct pack_field *f)
{
	return (const uint8_t *)obj + f->offset;
}

/* --- writing --- */

static void write_struct(const struct pack *, const void *, struct buf *, unsigned);

static void
write_vec(struct span a, struct buf *b)
{
	size_t mark = buf_open(b, 4);

	buf_put(b, a);
	buf_close(b, mark, 4);
}

static void
write_str(const char *s, struct buf *b)
{
	buf_u8(b, s != NULL);
	if (s != NULL)
		write_vec(span_str(s), b);
}

static void
write_count(size_t n, struct buf *b)
{
	if (n > PACK_MAX_ITEMS)
		buf_fail(b);
	buf_u32(b, (uint32_t)n);
}

static void
write_strs(const struct strs *s, struct buf *b)
{
	write_count(s->n, b);
	for (size_t i = 0; i < s->n && buf_ok(b); i++)
		write_vec(span_str(s->v[i]), b);
}

static void
write_list(const struct pack *sub, const struct list *l, struct buf *b, unsigned depth)
{
	write_count(l->n, b);
	for (size_t i = 0; i < l->n && buf_ok(b); i++)
		write_struct(sub, (const uint8_t *)l->v + i * sub->size, b, depth);
}

static void
write_field(const struct pack_field *f, const void *p, struct buf *b, unsigned depth)
{
	switch (f->type) {
	case PACK_I64:
	case PACK_COUNT:
		buf_u64(b, (uint64_t)*(const int64_t *)p);
		return;
	case PACK_BOOL:
		buf_u8(b, *(const bool *)p);
		return;
	case PACK_STR:
		write_str(*(char *const *)p, b);
		return;
	case PACK_BLOB:
		write_vec(blob_span(p), b);
		return;
	case PACK_STRS:
		write_strs(p, b);
		return;
	case PACK_LIST:
		write_list(f->sub, p, b, depth + 1);
		return;
	case PACK_STRUCT:
		write_struct(f->sub, p, b, depth + 1);
		return;
	}
	buf_fail(b);
}

static void
write_struct(const struct pack *t, const void *obj, struct buf *b, unsigned depth)
{
	if (depth > DEPTH_MAX)
		buf_fail(b);
	for (size_t i = 0; i < t->nfields && buf_ok(b); i++)
		write_field(&t->fields[i], field_in(obj, &t->fields[i]), b, depth);
}

void
pack_write(const struct pack *t, const void *obj, struct buf *b)
{
	write_struct(t, obj, b, 1);
}

/* --- reading: arrays grow as their items arrive, so no count is believed --- */

static void read_struct(const struct pack *, struct rd *, void *, unsigned);

static bool
read_bool(struct rd *r)
{
	uint8_t v = rd_u8(r);

	if (v > 1)
		rd_fail(r);
	return v == 1;
}

static uint32_t
read_count(struct rd *r)
{
	uint32_t n = rd_u32(r);

	if (n > PACK_MAX_ITEMS)
		rd_fail(r);
	return rd_ok(r) ? n : 0;
}

/* span_dup() also says no to a NUL inside. */
static char *
read_text(struct rd *r)
{
	struct span a = rd_vec32(r);
	char *s = rd_ok(r) ? span_dup(a) : NULL;

	if (s == NULL)
		rd_fail(r);
	return s;
}

static void
read_strs(struct rd *r, struct strs *s)
{
	char *text;

	for (uint32_t n = read_count(r); n > 0 && rd_ok(r); n--) {
		if ((text = read_text(r)) == NULL)
			return;
		if (strs_add(s, text) == -1)
			rd_fail(r);
		free(text);
	}
}

static void
read_list(const struct pack *sub, struct rd *r, struct list *l, unsigned depth)
{
	void *item;

	for (uint32_t n = read_count(r); n > 0 && rd_ok(r); n--) {
		if ((item = list_add(l, sub->size)) == NULL)
			rd_fail(r);
		else
			read_struct(sub, r, item, depth);
	}
}

static void
read_blob(struct rd *r, struct blob *b)
{
	struct span a = rd_vec32(r);

	if (rd_ok(r) && blob_set(b, a) == -1)
		rd_fail(r);
}

static int64_t
read_bounded(struct rd *r)
{
	int64_t n = (int64_t)rd_u64(r);

	if (n < -1 || n > PACK_MAX_COUNT)
		rd_fail(r);
	return n;
}

static void
read_field(const struct pack_field *f, struct rd *r, void *p, unsigned depth)
{
	switch (f->type) {
	case PACK_I64:
		*(int64_t *)p = (int64_t)rd_u64(r);
		return;
	case PACK_COUNT:
		*(int64_t *)p = read_bounded(r);
		return;
	case PACK_BOOL:
		*(bool *)p = read_bool(r);
		return;
	case PACK_STR:
		*(char **)p = read_bool(r) ? read_text(r) : NULL;
		return;
	case PACK_BLOB:
		read_blob(r, p);
		return;
	case PACK_STRS:
		read_strs(r, p);
		return;
	case PACK_LIST:
		read_list(f->sub, r, p, depth + 1);
		return;
	case PACK_STRUCT:
		read_struct(f->sub, r, p, depth + 1);
		return;
	}
	rd_fail(r);
}

static void
read_struct(const struct pack *t, struct rd *r, void *obj, unsigned depth)
{
	if (depth > DEPTH_MAX)
		rd_fail(r);
	for (size_t i = 0; i < t->nfields && rd_ok(r); i++)
		read_field(&t->fields[i], r, field_of(obj, &t->fields[i]), depth);
}

int
pack_read(const struct pack *t, struct rd *r, void *obj)
{
	memset(obj, 0, t->size);
	read_struct(t, r, obj, 1);
	if (rd_ok(r))
		return 0;
	pack_clear(t, obj);
	return -1;
}

/* --- freeing --- */

static void
clear_list(const struct pack *sub, struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		pack_clear(sub, (uint8_t *)l->v + i * sub->size);
	free(l->v);
	*l = (struct list){ NULL, 0 };
}

static void
clear_field(const struct pack_field *f, void *p)
{
	switch (f->type) {
	case PACK_I64:
	case PACK_COUNT:
	case PACK_BOOL:
		return;
	case PACK_STR:
		free(*(char **)p);
		return;
	case PACK_BLOB:
		blob_clear(p);
		return;
	case PACK_STRS:
		strs_clear(p);
		return;
	case PACK_LIST:
		clear_list(f->sub, p);
		return;
	case PACK_STRUCT:
		pack_clear(f->sub, p);
		return;
	}
}

void
pack_clear(const struct pack *t, void *obj)
{
	for (size_t i = 0; i < t->nfields; i++)
		clear_field(&t->fields[i], field_of(obj, &t->fields[i]));
	memset(obj, 0, t->size);
}

/* --- filling by hand --- */

int
blob_set(struct blob *b, struct span a)
{
	uint8_t *p = NULL;

	if (a.n > 0) {
		if ((p = malloc(a.n)) == NULL)
			return -1;
		memcpy(p, a.p, a.n);
	}
	blob_clear(b);
	*b = (struct blob){ p, a.n };
	return 0;
}

void
blob_clear(struct blob *b)
{
	wipe(b->p, b->n);
	free(b->p);
	*b = (struct blob){ NULL, 0 };
}

struct span
blob_span(const struct blob *b)
{
	return span_of(b->p, b->n);
}

/*
 * Room for an item behind n others, or NULL. Arrays have room for a power of
 * two of items, so that the count alone says when one is full.
 */
static void *
grown(void *v, size_t n, size_t size)
{
	size_t octets;

	if ((n & (n - 1)) != 0)
		return v;
	if (__builtin_mul_overflow(n > 0 ? 2 * n : 1, size, &octets))
		return NULL;
	return realloc(v, octets > 0 ? octets : 1);
}

int
strs_add(struct strs *s, const char *text)
{
	char *copy, **v;

	if ((copy = strdup(text)) == NULL)
		return -1;
	if ((v = grown(s->v, s->n, sizeof(*v))) == NULL) {
		free(copy);
		return -1;
	}
	s->v = v;
	s->v[s->n++] = copy;
	return 0;
}

bool
strs_has(const struct strs *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], text) == 0)
			return true;
	return false;
}

void
strs_clear(struct strs *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strs){ NULL, 0 };
}

void *
list_add(struct list *l, size_t size)
{
	void *v = grown(l->v, l->n, size);

	if (v == NULL)
		return NULL;
	l->v = v;
	return memset((uint8_t *)v + size * l->n++, 0, size);
}

void *
list_add_newest(struct list *l, const struct pack *p, size_t max)
{
	uint8_t *v = l->v;
	size_t n = l->n < max ? 0 : l->n - max + 1;

	for (size_t i = 0; i < n; i++)
		pack_clear(p, v + i * p->size);
	if (n > 0)
		memmove(v, v + n * p->size, (l->n - n) * p->size);
	l->n -= n;
	return list_add(l, p->size);
}
