/*
 * bytes: what all parsers read with and all writers write with.
 *
 * A span is borrowed memory. A reader walks over a span, a builder grows up
 * to a maximum that it was given. Both are sticky: after a failure they do
 * nothing more, so one question at the end (rd_end, buf_ok) covers all calls.
 * There is no other pointer arithmetic on input in kamcert.
 */
#ifndef KAMCERT_BASE_BYTES_H
#define KAMCERT_BASE_BYTES_H

#include <sys/types.h>

#include "base.h"

struct span {
	const uint8_t	*p;	/* may be NULL when n is 0 */
	size_t		 n;
};

#define SPAN_NONE	((struct span){ NULL, 0 })

struct span	span_of(const void *p, size_t n);
struct span	span_str(const char *s);		/* without the NUL; NULL is empty */
bool		span_eq(struct span, struct span);
bool		span_eq_ct(struct span, struct span);	/* constant time for equal lengths */
bool		span_is(struct span, const char *s);
bool		span_starts(struct span, const char *prefix);

/* A copy with a NUL behind it, the caller's to free; NULL without memory or if a NUL is inside. */
char		*span_dup(struct span);

/* --- reader, big endian; a read past the end gives 0 or an empty span --- */

struct rd {
	const uint8_t	*p;
	size_t		 n;	/* what is left */
	bool		 bad;
};

struct rd	rd_of(struct span);
uint8_t		rd_u8(struct rd *);
uint16_t	rd_u16(struct rd *);
uint32_t	rd_u24(struct rd *);
uint32_t	rd_u32(struct rd *);
uint64_t	rd_u64(struct rd *);
struct span	rd_bytes(struct rd *, size_t n);
struct span	rd_vec8(struct rd *);		/* a length of one octet, then as many octets */
struct span	rd_vec16(struct rd *);
struct span	rd_vec24(struct rd *);
struct span	rd_vec32(struct rd *);
struct span	rd_rest(struct rd *);		/* all that is left */

/* One text line without its LF or CRLF; false at the end of the input. */
bool		rd_line(struct rd *, struct span *line);

/* the caller found something wrong; nothing is left then */
void		rd_fail(struct rd *);
bool		rd_ok(const struct rd *);	/* nothing failed so far */
bool		rd_end(const struct rd *);	/* nothing failed and nothing is left */

/* --- builder --- */

struct buf {
	uint8_t	*p;
	size_t	 n;
	size_t	 cap;
	size_t	 max;
	bool	 bad;	/* over max, or no memory */
};

/* Nothing is allocated until the first octet. max is in octets. */
void		buf_init(struct buf *, size_t max);

/* Wipes and frees; the builder may be used again. */
void		buf_clear(struct buf *);

/* Forgets the content (wiping it) and the failure, keeps the memory. */
void		buf_reset(struct buf *);

void		buf_u8(struct buf *, uint8_t);
void		buf_u16(struct buf *, uint16_t);
void		buf_u32(struct buf *, uint32_t);
void		buf_u64(struct buf *, uint64_t);
void		buf_put(struct buf *, struct span);
void		buf_str(struct buf *, const char *);	/* without the NUL */
void		buf_printf(struct buf *, const char *fmt, ...) PRINTF(2, 3);

/*
 * A vector with a length of 1, 2, 3 or 4 octets before it: open leaves room
 * for the length and returns a mark, close fills it in; too long is sticky.
 */
size_t		buf_open(struct buf *, unsigned width);
void		buf_close(struct buf *, size_t mark, unsigned width);

/* Room for n octets at the end, or NULL; buf_added() says how many were used. */
uint8_t		*buf_room(struct buf *, size_t n);
void		buf_added(struct buf *, size_t n);

/* Drops the first n octets. */
void		buf_eat(struct buf *, size_t n);

void		buf_fail(struct buf *);
bool		buf_ok(const struct buf *);
struct span	buf_span(const struct buf *);	/* valid until the next change */

/* The content with a NUL behind it (not counted); "" after a failure. */
const char	*buf_cstr(struct buf *);

/* --- texts --- */

void		buf_hex(struct buf *, struct span);		/* lower case */
/* RFC 7515 appendix C, no padding */
void		buf_base64url(struct buf *, struct span);

/* Strict: alphabet, no padding, no stray bits. 0 or -1. */
MUST_CHECK int	base64url_decode(struct span, struct buf *out);
MUST_CHECK int	hex_decode(struct span, struct buf *out);

/* --- octets without a home --- */

void		wipe(void *, size_t);			/* OPENSSL_cleanse, NULL allowed */
/* of the kernel; 0, or -1 when it has none */
MUST_CHECK int	random_bytes(void *, size_t);
#define SHA256_LEN 32
#define SHA1_LEN 20	/* for fingerprints that others print; it proves nothing */
MUST_CHECK int	sha1(struct span, uint8_t out[SHA1_LEN]);
MUST_CHECK int	sha256(struct span, uint8_t out[SHA256_LEN]);

#endif
