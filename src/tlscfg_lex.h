/*
 * tlscfg_lex: the words of Kamailio's tls.cfg.
 *
 *	word   = 1*( ALPHA / DIGIT / "_" )	in a value also all marks and quotes
 *	mark   = one of = : ; . , ? [ ] / @ ! $ % & * ( ) - + | '
 *	string = DQUOTE *( any / escape ) DQUOTE
 *	escape = "\" ( "\" / DQUOTE / "n" / "r" / "t" / LF )	LF: the line goes on
 *
 * A "#" begins a comment anywhere outside quotes, and blanks (CR is one) part
 * words. No state outlives the struct, unlike that of the original.
 */
#ifndef KAMCERT_TLSCFG_LEX_H
#define KAMCERT_TLSCFG_LEX_H

#include "base/bytes.h"
#include "base/err.h"

#define TLSCFG_TOKEN_MAX 512	/* octets, as in Kamailio */

struct tlscfg_lex {
	struct rd	 rd;
	size_t		 size;		/* of the whole text */
	const char	*name;		/* of the file, for messages; borrowed */
	int64_t		 line, col;	/* of the next octet, from 1 */
};

enum tlscfg_type { TLSCFG_WORD, TLSCFG_STRING, TLSCFG_MARK, TLSCFG_EOL, TLSCFG_END };

struct tlscfg_token {
	enum tlscfg_type type;
	char		 mark;
	char		 text[TLSCFG_TOKEN_MAX + 1];
	size_t		 n;
	int64_t		 line, col;	/* where it begins */
	size_t		 at, len;	/* the same in octets, with quotes and escapes */
};

struct tlscfg_lex tlscfg_lex_of(struct span text, const char *name);

/* value: behind "=", where marks are part of words. HOLD names file, line and column. */
MUST_CHECK int	tlscfg_next(struct tlscfg_lex *, bool value, struct tlscfg_token *, struct err *e);

/* HOLD, with file, line and column of the token before the text. Always -1. */
int	tlscfg_bad(const struct tlscfg_lex *, const struct tlscfg_token *, struct err *e,
	    const char *fmt, ...) PRINTF(4, 5);

#endif
