/*
 * httppeer: a process that speaks TLS and answers with scripted octets.
 * Whatever the system or OpenSSL refuses ends the test.
 */
#ifndef KAMCERT_T_UNIT_HTTPPEER_H
#define KAMCERT_T_UNIT_HTTPPEER_H

#include <stdint.h>

enum how {
	SERVE,		/* the reply to every request, the connection stays */
	LAST,		/* the reply to one request, then a clean end */
	CUT,		/* the same, but without a word of TLS */
	FLOOD,		/* the reply, then the flood until nobody reads any more */
	HANG_UP,	/* closed before TLS */
	PLAIN,		/* no TLS at all */
};

enum cert { GOOD, EXPIRED, OTHER_NAME, OTHER_ROOT, WEAK, OLD_TLS };

struct httppeer_script {
	enum how	 how;
	enum cert	 cert;
	const char	*reply;
	const char	*flood;
};

extern uint16_t httppeer_port;		/* of the server, or of httppeer_listen() */
extern char httppeer_bundle[];		/* file with the root that its client trusts */

void		httppeer_start(const struct httppeer_script *);
void		httppeer_stop(void);

/* A listener that nobody serves, for the caller to close. */
int		httppeer_listen(void);

/* The next request that the server had, as it came; until the next call. */
const char	*httppeer_request(void);

#endif
