/*
 * http: a small strict reader of HTTP/1.1 (RFC 9112), and replies on their way out.
 */
#ifndef KAMCERT_RESPONDER_HTTP_H
#define KAMCERT_RESPONDER_HTTP_H

#include "base/bytes.h"
#include "base/text.h"

struct fault;

#define HTTP_HEAD_MAX	(16 * 1024)
#define HTTP_BODY_MAX	(256 * 1024)
#define HTTP_PATH_MAX	1024

struct http_request {
	char		method[8];
	char		path[HTTP_PATH_MAX];	/* origin form, without the query */
	char		query[128];		/* "" if there is none */
	char		host[HOST_MAX + 9];	/* with the port */
	char		type[64];		/* of the content, lower case, without parameters */
	bool		close;			/* the connection ends after the answer */
	bool		waits;			/* for a 100 before it sends its body */
	struct span	body;
	size_t		size;			/* octets of all of it */
};

enum http_result { HTTP_MORE, HTTP_WHOLE, HTTP_BAD };

/*
 * What to answer to a bad one is in *status. The body is borrowed from in, or,
 * where it came in chunks, from scratch, whose room is its limit. When there
 * is more to come of the body alone, waits is set already.
 */
enum http_result http_read_request(struct span in, struct buf *scratch, struct http_request *,
		    int *status);

struct http_answer {
	int		status;
	char		location[HTTP_PATH_MAX];
	struct span	body;		/* what has arrived of it, chunks put together in scratch */
};

/* eof: the peer has ended its side. */
enum http_result http_read_answer(struct span in, bool eof, struct buf *scratch,
    struct http_answer *);

/* --- a reply on its way out --- */

#define REPLY_MAX (16 * 1024 * 1024)

struct reply {
	int			 status;
	const char		*type;		/* NULL: no Content-Type */
	struct buf		 head;		/* further header lines, each with its CRLF */
	struct buf		 body;
	const struct fault	*send;		/* how it is delivered; NULL: as it should be */
	bool			 close;
};

void		reply_init(struct reply *);
void		reply_clear(struct reply *);

/* Takes the buffer over; it may become longer, as faults want it. */
void		reply_body(struct reply *, struct buf *);
void		reply_header(struct reply *, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* The octets of the reply as HTTP/1.1 wants them. */
void		reply_write(const struct reply *, bool head_only, struct buf *out);

#endif
