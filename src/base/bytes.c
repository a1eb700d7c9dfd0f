/*
 * bytes: see bytes.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "bytes.h"

/* First allocation of a builder. */
#define BUF_MIN 64

struct span
span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, s != NULL ? strlen(s) : 0 };
}

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_eq_ct(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

bool
span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

bool
span_starts(struct span a, const char *prefix)
{
	struct span b = span_str(prefix);

	return a.n >= b.n && span_eq(span_of(a.p, b.n), b);
}

char *
span_dup(struct span a)
{
	char *s;

	if (a.n > 0 && memchr(a.p, '\0', a.n) != NULL)
		return NULL;
	if (a.n == SIZE_MAX || (s = malloc(a.n + 1)) == NULL)
		return NULL;
	if (a.n > 0)
		memcpy(s, a.p, a.n);
	s[a.n] = '\0';
	return s;
}

/* --- reader --- */

struct rd
rd_of(struct span a)
{
	return (struct rd){ a.p, a.n, false };
}

static uint64_t
read_int(struct rd *r, unsigned width)
{
	struct span a = rd_bytes(r, width);
	uint64_t v = 0;

	for (size_t i = 0; i < a.n; i++)
		v = v << 8 | a.p[i];
	return v;
}

uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)read_int(r, 1);
}

uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)read_int(r, 2);
}

uint32_t
rd_u24(struct rd *r)
{
	return (uint32_t)read_int(r, 3);
}

uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)read_int(r, 4);
}

uint64_t
rd_u64(struct rd *r)
{
	return read_int(r, 8);
}

struct span
rd_bytes(struct rd *r, size_t n)
{
	struct span a;

	if (r->bad || n > r->n) {
		rd_fail(r);
		return SPAN_NONE;
	}
	if (n == 0)
		return span_of(r->p, 0);
	a = span_of(r->p, n);
	r->p += n;
	r->n -= n;
	return a;
}

struct span
rd_vec8(struct rd *r)
{
	return rd_bytes(r, rd_u8(r));
}

struct span
rd_vec16(struct rd *r)
{
	return rd_bytes(r, rd_u16(r));
}

struct span
rd_vec24(struct rd *r)
{
	return rd_bytes(r, rd_u24(r));
}

struct span
rd_vec32(struct rd *r)
{
	return rd_bytes(r, rd_u32(r));
}

struct span
rd_rest(struct rd *r)
{
	return rd_bytes(r, r->n);
}

bool
rd_line(struct rd *r, struct span *line)
{
	const uint8_t *lf;

	*line = SPAN_NONE;
	if (r->bad || r->n == 0)
		return false;
	lf = memchr(r->p, '\n', r->n);
	if (lf == NULL) {
		*line = rd_rest(r);
		return true;
	}
	*line = rd_bytes(r, (size_t)(lf - r->p));
	(void)rd_u8(r);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

/* Nothing is left then either, so that no loop waits for progress. */
void
rd_fail(struct rd *r)
{
	r->bad = true;
	r->n = 0;
}

bool
rd_ok(const struct rd *r)
{
	return !r->bad;
}

bool
rd_end(const struct rd *r)
{
	return !r->bad && r->n == 0;
}

/* --- builder --- */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4 };
}

void
buf_clear(struct buf *b)
{
	wipe(b->p, b->cap);
	free(b->p);
	buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
	wipe(b->p, b->n);
	b->n = 0;
	b->bad = false;
}

/*
 * Room for n more octets and a NUL. Not realloc(): the old place could keep
 * a copy of a secret.
 */
static bool
grow(struct buf *b, size_t n)
{
	size_t need, cap;
	uint8_t *p;

	if (b->bad || n > b->max - b->n) {
		b->bad = true;
		return false;
	}
	need = b->n + n + 1;
	if (need <= b->cap)
		return true;
	for (cap = b->cap > 0 ? b->cap : BUF_MIN; cap < need; cap *= 2)
		;
	if (cap > b->max + 1)
		cap = b->max + 1;
	if ((p = malloc(cap)) == NULL) {
		b->bad = true;
		return false;
	}
	if (b->n > 0)
		memcpy(p, b->p, b->n);
	wipe(b->p, b->cap);
	free(b->p);
	b->p = p;
	b->cap = cap;
	return true;
}

static void
put_int(struct buf *b, uint64_t v, unsigned width)
{
	if (!grow(b, width))
		return;
	for (unsigned i = width; i-- > 0;)
		b->p[b->n++] = (uint8_t)(v >> (8 * i));
}

void
buf_u8(struct buf *b, uint8_t v)
{
	put_int(b, v, 1);
}

void
buf_u16(struct buf *b, uint16_t v)
{
	put_int(b, v, 2);
}

void
buf_u32(struct buf *b, uint32_t v)
{
	put_int(b, v, 4);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	put_int(b, v, 8);
}

void
buf_put(struct buf *b, struct span a)
{
	if (!grow(b, a.n) || a.n == 0)
		return;
	memcpy(b->p + b->n, a.p, a.n);
	b->n += a.n;
}

void
buf_str(struct buf *b, const char *s)
{
	buf_put(b, span_str(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		buf_fail(b);
		return;
	}
	if (!grow(b, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

size_t
buf_open(struct buf *b, unsigned width)
{
	size_t mark = b->n;

	if (width < 1 || width > 4)
		buf_fail(b);
	put_int(b, 0, width);
	return mark;
}

void
buf_close(struct buf *b, size_t mark, unsigned width)
{
	uint64_t n;

	if (b->bad)
		return;
	if (width < 1 || width > 4 || mark > b->n || b->n - mark < width) {
		buf_fail(b);
		return;
	}
	n = b->n - mark - width;
	if (n >> (8 * width) != 0) {
		buf_fail(b);
		return;
	}
	for (unsigned i = 0; i < width; i++)
		b->p[mark + i] = (uint8_t)(n >> (8 * (width - 1 - i)));
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	return grow(b, n) ? b->p + b->n : NULL;
}

void
buf_added(struct buf *b, size_t n)
{
	if (b->bad)
		return;
	if (n > b->max - b->n || (n > 0 && n > b->cap - b->n))
		buf_fail(b);
	else
		b->n += n;
}

void
buf_eat(struct buf *b, size_t n)
{
	if (b->bad || n == 0)
		return;
	if (n > b->n) {
		buf_fail(b);
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	wipe(b->p + (b->n - n), n);
	b->n -= n;
}

void
buf_fail(struct buf *b)
{
	b->bad = true;
}

bool
buf_ok(const struct buf *b)
{
	return !b->bad;
}

struct span
buf_span(const struct buf *b)
{
	return b->bad ? SPAN_NONE : span_of(b->p, b->n);
}

const char *
buf_cstr(struct buf *b)
{
	if (!grow(b, 0))
		return "";
	b->p[b->n] = '\0';
	return (const char *)b->p;
}

/* --- texts --- */

void
buf_hex(struct buf *b, struct span a)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < a.n; i++) {
		buf_u8(b, (uint8_t)digits[a.p[i] >> 4]);
		buf_u8(b, (uint8_t)digits[a.p[i] & 15]);
	}
}

void
buf_base64url(struct buf *b, struct span a)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < a.n; i++) {
		bits = bits << 8 | a.p[i];
		for (n += 8; n >= 6; n -= 6)
			buf_u8(b, (uint8_t)digits[bits >> (n - 6) & 63]);
	}
	if (n > 0)
		buf_u8(b, (uint8_t)digits[bits << (6 - n) & 63]);
}

static int
base64url_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int
base64url_decode(struct span a, struct buf *out)
{
	uint32_t bits = 0;
	unsigned n = 0;

	if (a.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < a.n; i++)
		if (base64url_value(a.p[i]) < 0)
			return -1;
	/* What is left over after the last whole octet must be zero. */
	if (a.n % 4 == 2 && (base64url_value(a.p[a.n - 1]) & 15) != 0)
		return -1;
	if (a.n % 4 == 3 && (base64url_value(a.p[a.n - 1]) & 3) != 0)
		return -1;
	for (size_t i = 0; i < a.n; i++) {
		bits = bits << 6 | (uint32_t)base64url_value(a.p[i]);
		for (n += 6; n >= 8; n -= 8)
			buf_u8(out, (uint8_t)(bits >> (n - 8)));
	}
	return buf_ok(out) ? 0 : -1;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_decode(struct span a, struct buf *out)
{
	if (a.n % 2 != 0)
		return -1;
	for (size_t i = 0; i < a.n; i++)
		if (hex_value(a.p[i]) < 0)
			return -1;
	for (size_t i = 0; i < a.n; i += 2)
		buf_u8(out, (uint8_t)(hex_value(a.p[i]) << 4 | hex_value(a.p[i + 1])));
	return buf_ok(out) ? 0 : -1;
}

/* --- octets without a home --- */

void
wipe(void *p, size_t n)
{
	if (p != NULL && n > 0)
		OPENSSL_cleanse(p, n);
}

int
random_bytes(void *p, size_t n)
{
	uint8_t *to = p;
	ssize_t got;

	if (n > INT_MAX)
		return -1;
	while (n > 0) {
		if ((got = getrandom(to, n, 0)) == -1 && errno != EINTR)
			return -1;
		if (got > 0) {
			to += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

int
sha1(struct span a, uint8_t out[SHA1_LEN])
{
	static const uint8_t nothing[1];
	const void *p = a.n > 0 ? a.p : nothing;

	return EVP_Digest(p, a.n, out, NULL, EVP_sha1(), NULL) == 1 ? 0 : -1;
}

int
sha256(struct span a, uint8_t out[SHA256_LEN])
{
	static const uint8_t nothing[1];
	const void *p = a.n > 0 ? a.p : nothing;

	return EVP_Digest(p, a.n, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}
