/*
 * tlscfg_edit: other values for certificate and private_key in a tls.cfg, and
 * every other octet as it was: comments, order, line ends, quotes.
 */
#ifndef KAMCERT_TLSCFG_EDIT_H
#define KAMCERT_TLSCFG_EDIT_H

#include "tlscfg.h"

struct tlscfg_values {
	/* "server:default", as tlscfg_label() without its brackets or with them */
	const struct strs *profiles;
	const char	*dir;		/* absolute */

	/*
	 * Is this path one whose folder alone is to change? Its last part then
	 * stays (combined.pem, fullchain-rsa.pem). Others become fullchain.pem and
	 * privkey.pem; those of certificate2 and private_key2 are left alone.
	 */
	bool		(*is_ours)(void *arg, const char *path);
	void		*arg;
};

/*
 * Is this one of them? Names are compared without regard to case.
 */
bool	tlscfg_is_among(const struct tlscfg_profile *, const struct strs *profiles);

/*
 * Writes the changed text into an empty out. Where a profile names no file, a
 * line is put behind its head. HOLD for a text that this release refuses, for
 * a profile that is not written in it, and when the result, read again, is not
 * what was meant.
 */
MUST_CHECK int	tlscfg_edit(const struct tlscfg_in *, const struct tlscfg_values *,
		    struct buf *out, struct err *e);

#endif
