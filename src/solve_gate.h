/*
 * solve_gate: is what a client has sent so far a request for a challenge
 * file, to the letter? Nothing else gets as far as an HTTP library.
 *
 *	head    = ( "GET" / "HEAD" ) SP target SP "HTTP/1." ( "0" / "1" ) CRLF
 *	          *( name ":" *( HTAB / SP / VCHAR / obs-text ) CRLF ) CRLF
 *	target  = "/.well-known/acme-challenge/" 22*128base64url
 *
 * One Host field, which is not looked into; HTTP/1.0 may be without. No
 * body, so none of its fields but "Content-Length: 0", and nothing behind
 * the head.
 */
#ifndef KAMCERT_SOLVE_GATE_H
#define KAMCERT_SOLVE_GATE_H

#include "base/bytes.h"

#define GATE_HEAD_MAX	4096	/* octets */
#define GATE_FIELDS_MAX	64

enum gate {
	GATE_MORE,	/* good so far */
	GATE_PASS,	/* a whole request; *token is the one asked for, within seen */
	GATE_REFUSE,
};

/* seen: all octets so far. A head that is still not whole with GATE_HEAD_MAX octets is refused. */
enum gate	solve_gate(struct span seen, struct span *token);

#endif
