/*
 * solve_webroot: puts http-01 answers (RFC 8555 section 8.3) beneath the
 * document root of a web server that somebody else runs.
 *
 * The root is a directory descriptor, and every name is resolved beneath it
 * with links refused. What was made is removed again: the file when its
 * challenge is dropped, the folders with the last one, if they are empty.
 */
#ifndef KAMCERT_SOLVE_WEBROOT_H
#define KAMCERT_SOLVE_WEBROOT_H

#include "base/err.h"

struct solve_webroot;

/* Adopts root, a directory that can be synced. */
MUST_CHECK struct solve_webroot	*solve_webroot_new(int root, struct err *e);

/* Takes down what is still up and closes the root; NULL allowed. */
void		solve_webroot_free(struct solve_webroot *);

/*
 * Writes .well-known/acme-challenge/<token>, mode 0644, in folders of mode
 * 0755; an old file of that name is replaced. HOLD for what
 * solve_token_check() refuses and for links on the way.
 */
MUST_CHECK int	solve_webroot_put(struct solve_webroot *, const char *token, const char *key_auth,
		    struct err *e);

/* Takes it down, and logs what cannot be; an unknown token is no error. */
void		solve_webroot_drop(struct solve_webroot *, const char *token);

#endif
