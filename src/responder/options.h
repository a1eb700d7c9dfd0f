/*
 * options: the command line of kamcert-responder.
 */
#ifndef KAMCERT_RESPONDER_OPTIONS_H
#define KAMCERT_RESPONDER_OPTIONS_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"
#include "responder/map.h"

struct profile {
	char	*name;
	int64_t	 lifetime;	/* seconds */
};

#define PROFILES_MAX	16
#define RATES_MAX	8

struct options {
	struct sockaddr_storage	 listen;
	struct sockaddr_storage	 control;	/* ss_family 0: no control endpoint */
	uint16_t		 http_port;
	uint16_t		 tls_port;
	const char		*dns;		/* NULL: names come from the table only */
	/* canonical name -> char *, addresses between commas */
	struct map		 hosts;
	struct map		 texts;		/* canonical name -> struct strs * of TXT records */
	struct map		 caa;		/* the same of CAA records: FLAGS TAG VALUE */
	struct profile		 profiles[PROFILES_MAX];
	size_t			 nprofiles;
	int64_t			 lifetime;	/* without a profile */
	struct map		 eab;		/* key id -> struct blob * with the HMAC key */
	bool			 eab_required;
	unsigned		 chain_length;	/* certificates of a chain, without its root */
	unsigned		 alternates;
	bool			 use_rsa;
	bool			 use_ecdsa;
	bool			 tls_rsa;
	unsigned		 nonce_reject;	/* percent */
	unsigned		 authz_reuse;	/* percent */
	unsigned		 validation_delay_ms;
	unsigned		 processing_ms;
	/* seconds, on objects that are worked at; -1: as long as the delays last */
	int64_t			 retry_after;
	unsigned		 page;		/* orders of one page of an orders list */
	int64_t			 authz_lifetime;
	int64_t			 order_lifetime;
	struct strs		 blocked;	/* names that are refused */
	struct strs		 rates;		/* NAME=COUNT/SECONDS */
	struct strs		 fault_rules;
	const char		*script;	/* of fault rules */
	const char		*roots_file;
	const char		*server_cert_file;
	const char		*terms;
	int			 ready_fd;	/* -1: standard output */
	bool			 allow_root;
	bool			 any_target;	/* validate beyond loopback */
	bool			 verbose;
};

void		options_init(struct options *);
void		options_clear(struct options *);

enum options_next { OPTIONS_RUN, OPTIONS_DONE };

/*
 * OPTIONS_DONE: --help, --version or --list-faults printed what was asked for.
 * USAGE names the option.
 */
MUST_CHECK int	options_read(struct options *, int argc, char **argv, enum options_next *,
		    struct err *e);

/* "127.0.0.1:0", "[::1]:80". USAGE unless it is a loopback address. */
MUST_CHECK int	options_address(const char *, struct sockaddr_storage *, struct err *e);

/*
 * "NAME=ADDR,ADDR", "NAME=TEXT" and "NAME=FLAGS TAG VALUE"; * names every host
 * that has no row. Texts add up, an empty one removes them all.
 */
MUST_CHECK int	options_add_host(struct options *, const char *, struct err *e);
MUST_CHECK int	options_add_text(struct options *, const char *, struct err *e);
MUST_CHECK int	options_add_caa(struct options *, const char *, struct err *e);

#endif
