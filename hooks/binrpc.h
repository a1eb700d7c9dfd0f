/*
 * binrpc: requests and replies of Kamailio's ctl module as octets, no socket.
 *
 * A packet, all numbers big endian:
 *
 *	+----+----+----------------+------------+------ - - -
 *	| a1 | tc | length of body | cookie     | records
 *	+----+----+----------------+------------+------ - - -
 *	  |    |     LL+1 octets      CL+1 octets
 *	  |    type 0 request, 1 reply, 3 fault (bits 7-4), LL (3-2), CL (1-0)
 *	  magic a, version 1
 *
 * A record is one octet S nnn tttt and a value. S=0: the value has n octets;
 * S=1: n octets of length come before it. Types: 0 int, 1 str (with NUL), 2
 * double (value x 1000, all of Snnn is the count), 3 struct, 4 array (S=0
 * opens, S=1 closes), 5 name of the record that follows it, 6 octets.
 *
 * Replies are untrusted (FAULTS I03, S15): nothing is looked up before every
 * record was checked, nothing recurses, nothing is allocated. What Kamailio
 * sends for an array is a struct with nameless members, members may repeat,
 * and any number may be an int or a double.
 */
#ifndef KAMCERT_HOOKS_BINRPC_H
#define KAMCERT_HOOKS_BINRPC_H

#include "base/bytes.h"
#include "base/err.h"

#define BINRPC_DEPTH_MAX	8
#define BINRPC_REQUEST_MAX	1024
#define BINRPC_REPLY_OCTETS	(64 * 1024)
#define BINRPC_LIST_OCTETS	(256 * 1024)

/* How large a reply may be; octets count the header. */
struct binrpc_cap {
	size_t	octets;
	size_t	records;
};

/* 64 KiB and 4096 records, FAULTS section 1. */
extern const struct binrpc_cap binrpc_cap_reply;

/*
 * 256 KiB and 16384 records for tls.list alone: it takes 252 octets per
 * connection on 5.6.3 and more since, so that 64 KiB would end at about 200.
 */
extern const struct binrpc_cap binrpc_cap_list;

/* --- requests --- */

struct binrpc_arg {
	const char	*str;	/* NULL: the number counts */
	uint32_t	 num;
};

/* Appends one request; sticky in b. */
void	binrpc_request(struct buf *b, uint32_t cookie, const char *method,
	    const struct binrpc_arg *args, size_t nargs);

/*
 * Records as they stand in a body, for transports that bring the same in
 * another notation. Strings are of type STR or NAME, and without NUL inside.
 */
enum binrpc_type {
	BINRPC_INT = 0,
	BINRPC_STR = 1,
	BINRPC_DOUBLE = 2,
	BINRPC_STRUCT = 3,
	BINRPC_ARRAY = 4,
	BINRPC_NAME = 5,	/* on the wire only: becomes .name of the record behind it */
	BINRPC_OCTETS = 6,
};

void	binrpc_put_str(struct buf *b, enum binrpc_type, struct span);
/* an int, or a double where it does not fit */
void	binrpc_put_number(struct buf *b, int64_t);
void	binrpc_put_struct(struct buf *b, bool closes);

/* --- replies --- */

/*
 * How many octets are still wanted behind those that came: 0 when the reply
 * is complete, else at least one. RETRY when this cannot become a reply: no
 * binrpc, over the cap, or octets behind the end. A reply that the sender
 * has split over several datagrams is just their concatenation.
 */
MUST_CHECK int binrpc_wanted(struct span came, const struct binrpc_cap *, size_t *wanted,
	    struct err *e);

struct binrpc_reply {
	bool		 fault;
	int64_t		 code;	/* of a fault */
	struct span	 text;	/* of a fault, not cleaned */
	struct span	 body;	/* the records; lent from the packet */
};

/*
 * Checks a complete packet, every record of it, and that it answers the
 * request with this cookie. Cookies are compared as numbers; a fault may have
 * cookie 0, which says that the request was not understood at all. RETRY.
 */
MUST_CHECK int binrpc_parse(struct span packet, const struct binrpc_cap *, uint32_t cookie,
	    struct binrpc_reply *out, struct err *e);

struct binrpc_record {
	enum binrpc_type type;
	bool		 closes;	/* STRUCT, ARRAY: the end of it */
	/* 0 at the top; a struct's marks have the depth outside it */
	unsigned	 depth;
	struct span	 name;		/* of a member; empty without */
	struct span	 str;		/* STR without its NUL, OCTETS */
	int64_t		 num;		/* INT as unsigned, DOUBLE x 1000 */
};

/* All records of a parsed reply in their order. */
struct binrpc_walk {
	struct rd	r;
	size_t		left;		/* records that may still come */
	unsigned	depth;
	uint8_t		arrays;		/* of the open levels, those that are arrays */
};

void	binrpc_walk(const struct binrpc_reply *, struct binrpc_walk *);
bool	binrpc_next(struct binrpc_walk *, struct binrpc_record *);

/* A number of either kind, thousandths cut off; false for other types. */
bool	binrpc_number(const struct binrpc_record *, int64_t *);

/* The i-th string at the top; false if there is none. */
bool	binrpc_str(const struct binrpc_reply *, size_t i, struct span *);

/* The string that is all of the reply. */
bool	binrpc_only_str(const struct binrpc_reply *, struct span *);

/* The first member of that name in any struct at the top; false if there is none of the type. */
bool	binrpc_member_int(const struct binrpc_reply *, const char *name, int64_t *);
bool	binrpc_member_str(const struct binrpc_reply *, const char *name, struct span *);

#endif
