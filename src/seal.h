/*
 * seal: a JSON object in a file that tells when even one bit of it changed.
 *
 *	{"format":1, ... ,"sha256":"<64 hex digits>"}LF
 *
 * The digest covers every octet before its own comma. All state files of
 * kamcert are written this way: people can read them, nobody can change
 * them unseen (FAULTS I08). This guards against broken disks and half-restored
 * backups, not against those who may write into the state folder.
 */
#ifndef KAMCERT_SEAL_H
#define KAMCERT_SEAL_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/json.h"

#define SEAL_FORMAT	1	/* of all sealed files */

/* Begins the object in an empty b, with its format; members follow through o. */
void	seal_begin(struct json_out *o, struct buf *b);

/* Ends it with the digest. RETRY without memory or when it grew over the maximum. */
MUST_CHECK int	seal_end(struct json_out *o, struct err *e);

/*
 * Checks digest and format, and parses. NULL with HOLD when the file was
 * changed or is of a newer kamcert; what names it in messages. The caller
 * frees the document.
 */
MUST_CHECK struct json_doc *seal_open(struct span file, const char *what, struct err *e);

/* --- members of more than one kind of file --- */

struct strs;

void	seal_put_strs(struct json_out *o, const char *key, const struct strs *);

/* An owned copy of a text; NULL when it is missing. */
MUST_CHECK int	seal_get_str(const struct json *, const char *where, const char *key,
		    enum json_need, char **out, struct err *e);

/* Adds the texts of an array, which may be missing; anything else in it is HOLD. */
MUST_CHECK int	seal_get_strs(const struct json *, const char *where, const char *key,
		    struct strs *out, struct err *e);

#endif
