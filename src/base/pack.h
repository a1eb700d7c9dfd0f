/*
 * pack: C structs described by a table, and what can be derived from it:
 * writing them as octets, reading them back with every length checked, and
 * freeing them.
 *
 * Role messages, the configuration on its way to the keeper, and the store's
 * index are all described this way; a new field is one row.
 */
#ifndef KAMCERT_BASE_PACK_H
#define KAMCERT_BASE_PACK_H

#include "bytes.h"
#include "err.h"

/* Owned octets inside a packed struct. */
struct blob {
	uint8_t	*p;
	size_t	 n;
};

/* Owned texts: a counted array. */
struct strs {
	char	**v;
	size_t	  n;
};

/* Owned array of structs of one kind. */
struct list {
	void	*v;
	size_t	 n;
};

enum pack_type {
	PACK_I64,	/* int64_t */
	/* int64_t, -1 (not known) to PACK_MAX_COUNT; sums of such do not overflow */
	PACK_COUNT,
	PACK_BOOL,	/* bool */
	PACK_STR,	/* char *, NULL allowed */
	PACK_BLOB,	/* struct blob; wiped when freed */
	PACK_STRS,	/* struct strs */
	PACK_LIST,	/* struct list of .sub */
	PACK_STRUCT,	/* a nested struct of .sub, in place */
};

#define PACK_MAX_COUNT (INT64_C(1) << 53)

struct pack_field {
	enum pack_type		 type;
	size_t			 offset;
	const struct pack	*sub;	/* PACK_LIST, PACK_STRUCT */
};

struct pack {
	const char		*name;		/* for messages */
	size_t			 size;		/* sizeof the struct */
	const struct pack_field	*fields;
	size_t			 nfields;
};

#define PACK(t, ...)	{ #t, sizeof(struct t), (const struct pack_field[]){ __VA_ARGS__ }, \
	NITEMS(((const struct pack_field[]){ __VA_ARGS__ })) }

#define PACK_MAX_ITEMS	65536	/* of one array */

/* Appends; sticky in b. */
void		pack_write(const struct pack *, const void *obj, struct buf *b);

/*
 * Fills obj (pack->size octets, need not be zeroed). On failure obj is zeroed and r is
 * bad: too short, too many, nested deeper than 8, no memory. The caller asks
 * rd_end() and then owns obj until pack_clear().
 */
MUST_CHECK int	pack_read(const struct pack *, struct rd *r, void *obj);

/* Frees (and wipes blobs) what the fields own, zeroes obj. */
void		pack_clear(const struct pack *, void *obj);

/* Owned copies for filling structs by hand; -1 without memory. */
MUST_CHECK int	blob_set(struct blob *, struct span);
MUST_CHECK int	strs_add(struct strs *, const char *);
bool		strs_has(const struct strs *, const char *);
void		blob_clear(struct blob *);
void		strs_clear(struct strs *);
struct span	blob_span(const struct blob *);

/*
 * Room for one more zeroed item at the end; NULL without memory. Earlier items
 * may move. An array that grows this way (or by strs_add) was begun this way.
 */
void		*list_add(struct list *, size_t size);

/* The same, of what p describes; there are max at most, and the oldest are dropped for it. */
void		*list_add_newest(struct list *, const struct pack *p, size_t max);

#endif
