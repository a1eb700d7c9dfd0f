/*
 * binrpc: requests and replies of Kamailio's ctl module as octets, no socket.
 */
#include <string.h>

#include "hooks/binrpc.h"

#define MAGIC_VERSION	0xa1
#define TYPE_REQUEST	0
#define TYPE_REPLY	1
#define TYPE_FAULT	3

#define LONG_FORM	0x80	/* S: a length comes before the value, or the end of a struct */
#define COUNT_MASK	0x07

const struct binrpc_cap binrpc_cap_reply = { BINRPC_REPLY_OCTETS, 4096 };
const struct binrpc_cap binrpc_cap_list = { BINRPC_LIST_OCTETS, 16384 };

/* --- requests --- */

static unsigned
width_of(uint32_t v)
{
	unsigned n = 1;

	while (n < 4 && v >> (8 * n) != 0)
		n++;
	return n;
}

static void
put_number(struct buf *b, uint32_t v, unsigned width)
{
	while (width-- > 0)
		buf_u8(b, (uint8_t)(v >> (8 * width)));
}

static void
put_int(struct buf *b, uint32_t v)
{
	unsigned width = v == 0 ? 0 : width_of(v);

	buf_u8(b, (uint8_t)(width << 4 | BINRPC_INT));
	put_number(b, v, width);
}

void
binrpc_put_str(struct buf *b, enum binrpc_type type, struct span s)
{
	size_t n = s.n + 1;
	unsigned width;

	if (n > BINRPC_LIST_OCTETS) {
		buf_fail(b);
		return;
	}
	width = width_of((uint32_t)n);
	if (n <= COUNT_MASK)
		buf_u8(b, (uint8_t)(n << 4 | type));
	else
		buf_u8(b, (uint8_t)(LONG_FORM | width << 4 | type));
	put_number(b, (uint32_t)n, n <= COUNT_MASK ? 0 : width);
	buf_put(b, s);
	buf_u8(b, 0);
}

void
binrpc_put_number(struct buf *b, int64_t v)
{
	const int64_t thousand = 1000;

	if (v >= 0 && v <= UINT32_MAX) {
		put_int(b, (uint32_t)v);
		return;
	}
	if (v > INT64_MAX / thousand || v < INT64_MIN / thousand) {
		buf_fail(b);
		return;
	}
	buf_u8(b, (uint8_t)(8 << 4 | BINRPC_DOUBLE));
	buf_u64(b, (uint64_t)(v * thousand));
}

void
binrpc_put_struct(struct buf *b, bool closes)
{
	buf_u8(b, (uint8_t)((closes ? LONG_FORM : 0) | BINRPC_STRUCT));
}

void
binrpc_request(struct buf *b, uint32_t cookie, const char *method, const struct binrpc_arg *args,
    size_t nargs)
{
	struct buf body;
	unsigned ll, cl;
	size_t i;

	buf_init(&body, BINRPC_REQUEST_MAX);
	binrpc_put_str(&body, BINRPC_STR, span_str(method));
	for (i = 0; i < nargs; i++) {
		if (args[i].str != NULL)
			binrpc_put_str(&body, BINRPC_STR, span_str(args[i].str));
		else
			put_int(&body, args[i].num);
	}
	if (!buf_ok(&body)) {
		buf_fail(b);
		goto out;
	}
	ll = width_of((uint32_t)body.n);
	cl = width_of(cookie);
	buf_u8(b, MAGIC_VERSION);
	buf_u8(b, (uint8_t)(TYPE_REQUEST << 4 | (ll - 1) << 2 | (cl - 1)));
	put_number(b, (uint32_t)body.n, ll);
	put_number(b, cookie, cl);
	buf_put(b, buf_span(&body));
out:
	buf_clear(&body);
}

/* --- the header of a reply --- */

struct header {
	unsigned	type;
	uint32_t	body;	/* length */
	uint32_t	cookie;
	bool		whole;	/* all of the header has come */
	size_t		size;	/* of the header, once its second octet is there */
};

static uint64_t
read_number(struct rd *r, size_t width)
{
	uint64_t v = 0;

	while (width-- > 0)
		v = v << 8 | rd_u8(r);
	return v;
}

/* What has come of a header; the first octet that is wrong says so at once. */
static int
read_header(struct span came, struct header *h, struct err *e)
{
	struct rd r = rd_of(came);
	uint8_t second;

	memset(h, 0, sizeof(*h));
	h->size = 4;
	if (r.n > 0 && rd_u8(&r) != MAGIC_VERSION)
		return err_set(e, OUT_RETRY, "binrpc: want magic a and version 1, have octet %02x",
		    came.p[0]);
	if (r.n == 0)
		return 0;
	second = rd_u8(&r);
	h->type = second >> 4;
	if (h->type != TYPE_REPLY && h->type != TYPE_FAULT)
		return err_set(e, OUT_RETRY, "binrpc: want a reply or a fault, have type %u",
		    h->type);
	h->size = 2 + (second >> 2 & 3) + 1 + (second & 3) + 1;
	if (came.n < h->size)
		return 0;
	h->body = (uint32_t)read_number(&r, (second >> 2 & 3) + 1);
	h->cookie = (uint32_t)read_number(&r, (second & 3) + 1);
	h->whole = true;
	return 0;
}

int
binrpc_wanted(struct span came, const struct binrpc_cap *cap, size_t *wanted, struct err *e)
{
	struct header h;
	size_t total;

	*wanted = 0;
	if (read_header(came, &h, e) == -1)
		return -1;
	if (!h.whole) {
		*wanted = h.size - came.n;
		return 0;
	}
	if (h.body > cap->octets - h.size)
		return err_set(e, OUT_RETRY, "binrpc: a reply of %ju octets, at most %zu are taken",
		    (uintmax_t)h.body + h.size, cap->octets);
	total = h.size + h.body;
	if (came.n > total)
		return err_set(e, OUT_RETRY, "binrpc: %zu octets behind the end of the reply",
		    came.n - total);
	*wanted = total - came.n;
	return 0;
}

/* --- records --- */

static void
start_walk(struct binrpc_walk *w, struct span body, size_t records)
{
	memset(w, 0, sizeof(*w));
	w->r = rd_of(body);
	w->left = records;
}

void
binrpc_walk(const struct binrpc_reply *reply, struct binrpc_walk *w)
{
	/* They were counted when the reply was parsed. */
	start_walk(w, reply->body, SIZE_MAX);
}

/* Opens and closes structs and arrays: a bit per level says which it was. */
static void
read_mark(struct binrpc_walk *w, uint8_t tag, struct binrpc_record *rec)
{
	bool array = rec->type == BINRPC_ARRAY;

	rec->closes = (tag & LONG_FORM) != 0;
	if ((tag >> 4 & COUNT_MASK) != 0) {
		rd_fail(&w->r);
	} else if (!rec->closes) {
		if (w->depth == BINRPC_DEPTH_MAX) {
			rd_fail(&w->r);
			return;
		}
		w->arrays = (uint8_t)(w->arrays << 1 | array);
		w->depth++;
	} else if (w->depth == 0 || (w->arrays & 1) != array) {
		rd_fail(&w->r);
	} else {
		w->arrays >>= 1;
		w->depth--;
		rec->depth = w->depth;
	}
}

/* The octets of a value that is no mark. */
static struct span
read_value(struct rd *r, uint8_t tag)
{
	uint64_t n = tag >> 4 & COUNT_MASK;

	if ((tag & LONG_FORM) != 0) {
		if (n == 0)
			rd_fail(r);
		n = read_number(r, (size_t)n);
	}
	if (n > r->n) {
		rd_fail(r);
		return SPAN_NONE;
	}
	return rd_bytes(r, (size_t)n);
}

static struct span
read_str(struct rd *r, uint8_t tag)
{
	struct span s = read_value(r, tag);

	if (s.n == 0 || s.p[s.n - 1] != 0) {
		rd_fail(r);
		return SPAN_NONE;
	}
	s.n--;
	return s;
}

static int64_t
read_int(struct rd *r, uint8_t tag)
{
	struct span s = read_value(r, tag);
	struct rd v = rd_of(s);

	if (s.n > 4) {
		rd_fail(r);
		return 0;
	}
	return (int64_t)read_number(&v, s.n);
}

static int64_t
read_double(struct rd *r, uint8_t tag)
{
	unsigned n = tag >> 4;

	if (n > 8) {
		rd_fail(r);
		return 0;
	}
	return (int64_t)read_number(r, n);
}

/* A record that has no name, or the one behind a name. */
static void
read_record(struct binrpc_walk *w, uint8_t tag, struct binrpc_record *rec)
{
	rec->type = tag & 0x0f;
	switch (rec->type) {
	case BINRPC_INT:
		rec->num = read_int(&w->r, tag);
		break;
	case BINRPC_STR:
		rec->str = read_str(&w->r, tag);
		break;
	case BINRPC_DOUBLE:
		rec->num = read_double(&w->r, tag);
		break;
	case BINRPC_STRUCT:
	case BINRPC_ARRAY:
		read_mark(w, tag, rec);
		break;
	case BINRPC_OCTETS:
		rec->str = read_value(&w->r, tag);
		break;
	case BINRPC_NAME:
	default:
		rd_fail(&w->r);
	}
}

bool
binrpc_next(struct binrpc_walk *w, struct binrpc_record *rec)
{
	bool named;
	uint8_t tag;

	memset(rec, 0, sizeof(*rec));
	if (!rd_ok(&w->r) || w->r.n == 0)
		return false;
	if (w->left == 0) {
		rd_fail(&w->r);
		return false;
	}
	w->left--;
	rec->depth = w->depth;
	tag = rd_u8(&w->r);
	named = (tag & 0x0f) == BINRPC_NAME;
	if (named) {
		rec->name = read_str(&w->r, tag);
		if (w->depth == 0)
			rd_fail(&w->r);
		tag = rd_u8(&w->r);
	}
	read_record(w, tag, rec);
	if (named && rec->closes)
		rd_fail(&w->r);
	return rd_ok(&w->r);
}

/* The body of a fault is an int and a text, nothing else. */
static bool
read_fault(struct binrpc_reply *out)
{
	struct binrpc_walk w;
	struct binrpc_record code, text, more;

	binrpc_walk(out, &w);
	if (!binrpc_next(&w, &code) || !binrpc_next(&w, &text) || binrpc_next(&w, &more) ||
	    code.type != BINRPC_INT || text.type != BINRPC_STR)
		return false;
	out->code = code.num;
	out->text = text.str;
	return true;
}

int
binrpc_parse(struct span packet, const struct binrpc_cap *cap, uint32_t cookie,
    struct binrpc_reply *out, struct err *e)
{
	struct binrpc_walk w;
	struct binrpc_record rec;
	struct header h;
	size_t wanted;

	memset(out, 0, sizeof(*out));
	if (read_header(packet, &h, e) == -1 || binrpc_wanted(packet, cap, &wanted, e) == -1)
		return -1;
	if (wanted != 0)
		return err_set(e, OUT_RETRY, "binrpc: the reply ends %zu octets early", wanted);
	out->fault = h.type == TYPE_FAULT;
	if (h.cookie != cookie && !(out->fault && h.cookie == 0))
		return err_set(e, OUT_RETRY, "binrpc: want cookie %08jx, have %08jx",
		    (uintmax_t)cookie, (uintmax_t)h.cookie);
	out->body = span_of(packet.p + h.size, h.body);
	start_walk(&w, out->body, cap->records);
	while (binrpc_next(&w, &rec))
		;
	if (!rd_end(&w.r) || w.depth != 0)
		return err_set(e, OUT_RETRY, "binrpc: a record is malformed, or one too many");
	if (out->fault && !read_fault(out))
		return err_set(e, OUT_RETRY, "binrpc: a fault without code and text");
	return 0;
}

/* --- looking things up --- */

bool
binrpc_number(const struct binrpc_record *rec, int64_t *v)
{
	if (rec->type != BINRPC_INT && rec->type != BINRPC_DOUBLE)
		return false;
	*v = rec->type == BINRPC_INT ? rec->num : rec->num / 1000;
	return true;
}

bool
binrpc_str(const struct binrpc_reply *reply, size_t i, struct span *s)
{
	struct binrpc_walk w;
	struct binrpc_record rec;

	binrpc_walk(reply, &w);
	while (binrpc_next(&w, &rec)) {
		if (rec.depth != 0 || rec.type != BINRPC_STR || i-- > 0)
			continue;
		*s = rec.str;
		return true;
	}
	return false;
}

bool
binrpc_only_str(const struct binrpc_reply *reply, struct span *s)
{
	struct binrpc_walk w;
	struct binrpc_record rec, more;

	binrpc_walk(reply, &w);
	if (!binrpc_next(&w, &rec) || rec.type != BINRPC_STR || binrpc_next(&w, &more))
		return false;
	*s = rec.str;
	return true;
}

static bool
find_member(const struct binrpc_reply *reply, const char *name, struct binrpc_record *rec)
{
	struct binrpc_walk w;

	binrpc_walk(reply, &w);
	while (binrpc_next(&w, rec)) {
		if (rec->depth == 1 && span_is(rec->name, name))
			return true;
	}
	return false;
}

bool
binrpc_member_int(const struct binrpc_reply *reply, const char *name, int64_t *v)
{
	struct binrpc_record rec;

	return find_member(reply, name, &rec) && binrpc_number(&rec, v);
}

bool
binrpc_member_str(const struct binrpc_reply *reply, const char *name, struct span *s)
{
	struct binrpc_record rec;

	if (!find_member(reply, name, &rec) || rec.type != BINRPC_STR)
		return false;
	*s = rec.str;
	return true;
}
