/*
 * status: what `kamcert status` knows of a certificate. The keeper makes the
 * rows without lock or change, the command shows them in three forms.
 */
#ifndef KAMCERT_STATUS_H
#define KAMCERT_STATUS_H

#include "base/err.h"
#include "base/pack.h"

/* Of one of the certificate's keys. */
struct status_leaf {
	char		*key_type;
	char		*serial;
	char		*issuer;
	int64_t		 not_before;
	int64_t		 not_after;
	char		*tlsa;		/* keys_tlsa(), where next-key is set; NULL: not known */
	char		*next_tlsa;
};

struct status {
	char		*name;
	struct strs	 names;		/* as configured */
	char		*ca;		/* that is asked next: name in the configuration */
	char		*ca_why;	/* it is not the first one; NULL: it is */
	char		*issued_by;	/* name of the CA of what is installed; NULL: nothing is */
	int64_t		 version;	/* 0: nothing is installed */
	char		*issuer;
	char		*serial;
	char		*key_type;
	int64_t		 not_before;
	int64_t		 not_after;
	struct list	 leaves;	/* struct status_leaf: what is above, of each key */
	int64_t		 due;		/* unix seconds; INT64_MAX: not before an operator asks */
	char		*why;		/* it is due then */
	char		*held;		/* what holds it back; "" nothing */
	int64_t		 pending;	/* version that is not proven yet, 0: none */
	bool		 served;	/* the last proof was for the active version */
	/* what a daemon saw in its place since then; NULL: nothing */
	char		*unserved;
	int64_t		 unserved_since;
	int64_t		 last_when;	/* of the last result; 0: none */
	int64_t		 last_outcome;
	char		*last_step;
	char		*last_text;
	int64_t		 failures;	/* in a row */
	char		*problem;	/* what is wrong with what is installed; NULL: nothing */
	struct blob	 facts;		/* JSON object of the last proof; empty: none */
};

extern const struct pack status_pack;

struct job;
struct due_facts;

/* Sends the row of a certificate to the starter. */
void	status_send(const struct job *, const struct due_facts *);

#endif
