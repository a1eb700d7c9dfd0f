/*
 * manifest: what a version consists of, as manifest.json beside its files.
 *
 * Written last, sealed (seal.h). Its facts repeat what chain_check() found, so
 * that due and status need no certificate parser.
 */
#ifndef KAMCERT_MANIFEST_H
#define KAMCERT_MANIFEST_H

#include "base/err.h"
#include "base/pack.h"
#include "cert.h"

#define MANIFEST_NAME	"manifest.json"
#define MANIFEST_MAX	(64 * 1024)

struct manifest_file {
	char	*name;
	int64_t	 size;
	char	*sha256;	/* hex */
};

/* One leaf, as cert_facts has it. */
struct manifest_leaf {
	int64_t		 not_before;
	int64_t		 not_after;
	char		*serial;
	char		*issuer;
	char		*key_type;
	char		*leaf_sha256;	/* hex, of the DER */
	char		*ari_id;	/* NULL: none */
	char		*order_url;	/* NULL: not known */
};

/*
 * What is said of all of it is the first leaf's, but for the dates: those of
 * the one that ends first.
 */
struct manifest {
	int64_t		 version;	/* the counter: the only order of versions (FAULTS T08) */
	int64_t		 created;	/* unix seconds */
	int64_t		 not_before;
	int64_t		 not_after;
	char		*serial;	/* as cert_facts */
	char		*issuer;
	char		*key_type;
	char		*leaf_sha256;	/* hex, of the DER */
	char		*ari_id;	/* NULL: none */
	struct strs	 names;
	char		*ca;		/* name in the configuration */
	char		*order_url;	/* NULL: not known */
	struct list	 leaves;	/* struct manifest_leaf: one for each part, see part.h */
	struct list	 files;		/* struct manifest_file */
};

extern const struct pack manifest_pack;

/* Adds a part: what its leaf says. order_url may be NULL. RETRY. */
MUST_CHECK int	manifest_add_leaf(struct manifest *, const struct cert_facts *leaf,
		    const char *order_url, struct err *e);

/* The leaf of a part, which there must be. */
const struct manifest_leaf *manifest_leaf(const struct manifest *, size_t part);

/* Are the leaves' keys of these types, in this order? */
bool		manifest_has_keys(const struct manifest *, const struct strs *types);

/* Does it name this file? A version whose key is somebody else's has none. */
bool		manifest_names(const struct manifest *, const char *file);

/* Fills an empty b. RETRY. */
MUST_CHECK int	manifest_write(const struct manifest *, struct buf *b, struct err *e);

/* HOLD for one that was changed or is not whole; zeroed then. pack_clear() frees. */
MUST_CHECK int	manifest_read(struct span file, struct manifest *, struct err *e);

/* Adds name with size and digest of what it holds. RETRY. */
MUST_CHECK int	manifest_add(struct manifest *, const char *name, struct span content,
		    struct err *e);

/* Is content what the manifest says of name? HOLD says what differs. */
MUST_CHECK int	manifest_holds(const struct manifest *, const char *name, struct span content,
		    struct err *e);

#endif
