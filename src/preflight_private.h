/*
 * preflight_private: what the files of preflight share.
 *
 *     preflight.c        the way: directory, token, names, the end
 *     preflight_name.c   one name: what the DNS says, what its addresses answer
 */
#ifndef KAMCERT_PREFLIGHT_PRIVATE_H
#define KAMCERT_PREFLIGHT_PRIVATE_H

#include "keeper.h"
#include "preflight.h"

#define PREFLIGHT_TEXT	44	/* 32 octets as base64url */

struct preflight {
	struct job		*job;
	const struct ca_conf	*ca;		/* that it is about */
	const char		*directory;	/* of it, or of its staging */
	bool			 local;		/* the CA is on this host */
	struct strs		 issuers;	/* caaIdentities */
	size_t			 open;		/* answers that are missing */
	bool			 ended;
	struct err		 err;		/* the first that is sure; class OK: none */
	bool			 up;		/* the token is put up */
	char			 token[PREFLIGHT_TEXT];
	char			 key_auth[2 * PREFLIGHT_TEXT];
};

/* One thing that was looked at. Sure: it would fail at the CA. */
void	preflight_tell(struct preflight *, const char *what, bool sure, const struct err *);
void	preflight_fine(struct preflight *, const char *what, const char *fmt, ...) PRINTF(3, 4);

/* An answer is there. */
void	preflight_answered(struct preflight *);

/* The section that this name will be proven by; NULL if there is none. */
const struct challenge_conf *preflight_challenge(const struct job *, const char *name);

/* Can the answer of its addresses be looked at? Where it is heard at: *port. */
bool	preflight_port(const struct preflight *, const struct challenge_conf *, uint16_t *port);

/* Looks at one of the job's names. */
void	preflight_name(struct preflight *, const char *name);

#endif
