/*
 * pem: textual encoding (RFC 7468) of certificates and keys, both ways.
 *
 * Reading is linear in the input, whatever it holds. Text around blocks is
 * passed over, as RFC 7468 section 2 allows; a broken boundary or markup is
 * an error, since both mean that something was cut or is not what it claims
 * to be. Nothing here knows what is inside a block.
 *
 *	block = "-----BEGIN " label "-----" eol
 *		*( base64 eol )
 *		"-----END " label "-----" eol
 */
#ifndef KAMCERT_PEM_H
#define KAMCERT_PEM_H

#include "base/bytes.h"
#include "base/err.h"

struct pem_rd {
	struct rd	 rd;
	size_t		 line;		/* of the line that was read last, from 1 */
	enum outcome	 bad;		/* class of errors in this input */
};

struct pem_block {
	struct span	 label;		/* "CERTIFICATE"; in the input, as body is */
	struct span	 body;		/* still base64, with its line ends */
	size_t		 line;		/* of BEGIN */
};

enum pem_got { PEM_BLOCK, PEM_END, PEM_BAD };

struct pem_rd	pem_rd_of(struct span, enum outcome bad);

/* The next block, or that there is none, or that e was filled. */
MUST_CHECK enum pem_got pem_next(struct pem_rd *, struct pem_block *, struct err *e);

/* Appends what the block holds. Padding and stray bits are checked; scratch memory is wiped. */
MUST_CHECK int	pem_decode(const struct pem_rd *, const struct pem_block *, struct buf *der,
		    struct err *e);

/* Appends a block with lines of 64 characters. */
void	pem_put(struct buf *, const char *label, struct span der);

#endif
