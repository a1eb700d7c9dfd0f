/*
 * kamcfg: what kamailio.cfg says about TLS, for when no server can be asked:
 * where tls.cfg is, on which addresses TLS is spoken, where the server is told.
 *
 * Read as Kamailio's preprocessor does, as far as such settings go: #!define,
 * #!substdef, #!ifdef and the like, include_file and import_file, comments of
 * three kinds. Routing logic is passed over, and what is defined on Kamailio's
 * command line is not known.
 */
#ifndef KAMCERT_KAMCFG_H
#define KAMCERT_KAMCFG_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/pack.h"

#define KAMCFG_MAX	(1024 * 1024)	/* octets, with all that is included */

struct kamcfg {
	char		*dir;		/* of the main file: where relative paths begin */
	char		*tls_config;	/* modparam("tls", "config"); absolute, NULL: none */
	char		*certificate;	/* modparam("tls", ...), as they are written */
	char		*private_key;
	/* "192.0.2.1:5061" of listen=tls:...; names are as they are */
	struct strs	 listeners;
	struct strs	 binrpc;	/* modparam("ctl", "binrpc") */
	char		*jsonrpc;	/* modparam("jsonrpcs", "dgram_socket") */
	bool		 has_tls, has_ctl, has_jsonrpcs;	/* modules that are loaded */
};

extern const struct pack kamcfg_pack;

/* pack_clear(&kamcfg_pack, out) frees it; zeroed on failure. HOLD names the file. */
MUST_CHECK int	kamcfg_read(const char *path, struct kamcfg *out, struct err *e);

#endif
