/*
 * tlscfg: Kamailio's tls.cfg, read as Kamailio's tls module reads it, and the
 * profile that it would choose for a name.
 *
 *	file    = *( section *( option ) )
 *	section = "[" type ":" where "]"
 *	type    = "server" / "srv" / "s" / "client" / "cli" / "c"
 *	where   = "default" / "def" / "any" / "all" / IPv4 ":" port / "[" IPv6 "]" ":" port
 *	option  = name "=" value
 *
 * Sections inherit nothing from one another, only from the module's own
 * settings. Files are named here, not looked at. No state outlives a call.
 */
#ifndef KAMCERT_TLSCFG_H
#define KAMCERT_TLSCFG_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

#define TLSCFG_MAX		(1024 * 1024)	/* octets */
#define TLSCFG_PROFILES_MAX	4096

enum tlscfg_kind { TLSCFG_SERVER, TLSCFG_CLIENT };

enum tlscfg_names { TLSCFG_EXACT, TLSCFG_AND_BELOW, TLSCFG_BELOW };	/* server_name_mode */

struct tlscfg_file {
	/* NULL: none. Not absolute: relative to a folder that is not known */
	char	*path;
	int64_t	 line;		/* where it is named; 0: nowhere, the module's setting */
	int64_t	 at, len;	/* of the value in the text, in octets, with its quotes */
};

struct tlscfg_profile {
	int64_t	 kind;			/* enum tlscfg_kind */
	int64_t	 line;			/* 0: not written, but there: a default */
	int64_t	 body;			/* octet in the text behind the section's line */
	/* "default", "any", "192.0.2.1:5061", "[2001:db8::1]:5061" */
	char	*where;
	char	*server_name;		/* NULL: none */
	int64_t	 name_mode;		/* enum tlscfg_names */
	struct tlscfg_file certificate, private_key;
	struct tlscfg_file certificate2, private_key2;
	struct tlscfg_file ca_list, crl;
	bool	 has_password;		/* for its key, which cannot be read without */
	bool	 verify;		/* verify_certificate */
	bool	 require;		/* require_certificate */
	int64_t	 verify_client;		/* 0: off, else of verify_client's values */
};

struct tlscfg {
	struct list profiles;		/* struct tlscfg_profile, in the order of the file */
};

extern const struct pack tlscfg_pack;

struct tlscfg_in {
	struct span	 text;
	const char	*name;		/* of the file, for messages */
	int64_t		 release;	/* RELEASE(), -1: accept what any of them does */
	const char	*base_dir;	/* of the main configuration file; NULL: not known */
	const char	*work_dir;	/* for paths with a leading dot; NULL: not known */
	const char	*certificate;	/* the module's settings, for server profiles without; */
	const char	*private_key;	/* NULL: cert.pem in base_dir */
};

/*
 * 0, or -1 with HOLD where this release refuses the file: FILE:LINE:COLUMN,
 * and why. The two default profiles are always among the result.
 * pack_clear(&tlscfg_pack, out) frees it; zeroed on failure.
 */
MUST_CHECK int	tlscfg_read(const struct tlscfg_in *, struct tlscfg *out, struct err *e);

/*
 * The profile whose certificate a client gets at this listener ("192.0.2.1:5061"
 * as in .where, NULL: one that no profile names) for this name (NULL: none). Never NULL
 * for what tlscfg_read() made.
 */
const struct tlscfg_profile *tlscfg_choose(const struct tlscfg *, const char *listener,
	    const char *name);

/*
 * Does it take a socket without having a name? The profiles for any address are then
 * never reached there, whatever name a client sends.
 */
bool	tlscfg_hides_names(const struct tlscfg *, const struct tlscfg_profile *);

/* Is it not a file, but a key in an engine or a provider? */
bool	tlscfg_is_elsewhere(const char *path);

/* "[server:any] sip.example.org", for messages; returns out. */
#define TLSCFG_LABEL	320
const char	*tlscfg_label(const struct tlscfg_profile *, char out[TLSCFG_LABEL]);

#endif
