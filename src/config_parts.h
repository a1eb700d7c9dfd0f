/*
 * config_parts: what the files of config share.
 *
 *     config.c           files, libconfuse, the order of things
 *     config_scan.c      a walk over each text before libconfuse sees it
 *     config_options.c   the tables of options, and what each value may be
 *     config_sections.c  what a whole section must be; defaults
 *     config_types.c     pack tables, for roles that never parse
 */
#ifndef KAMCERT_CONFIG_PARTS_H
#define KAMCERT_CONFIG_PARTS_H

#include "base/bytes.h"
#include "config.h"

#define CONFIG_TOP_MAX	16	/* options outside of sections */
#define CONFIG_OPTIONS_MAX 32	/* options of one section */
#define ROLE_USERS	5	/* of keeper, net, answer, control, courier */
#define CONFIG_LEVELS	3	/* sections in sections, the file included */

/* Where something stands. Line and column count from 1, in octets; 0: the file as a whole. */
struct place {
	const char	*path;		/* lent by struct config, in its order */
	unsigned	 line;
	unsigned	 column;
};

/* What the scan has seen, in the order in which libconfuse will come upon it. */
enum mark_kind { MARK_VALUE, MARK_OPEN, MARK_CLOSE };

struct mark {
	struct place	at;
	enum mark_kind	kind;
	bool		spoiled;	/* MARK_OPEN: something in the section was told already */
};

/* One file on its way through scan and libconfuse. */
struct source {
	struct source	*outer;		/* that includes it, or NULL */
	const char	*path;
	uint8_t		*text;
	size_t		 n;
	bool		 broken;	/* a syntax error: the text was cut before it */
	struct list	 marks;		/* struct mark */
	size_t		 next;		/* mark */
	struct mark	*open[CONFIG_LEVELS];	/* sections that are being read */
	size_t		 depth;
};

/* What stands outside of sections. */
struct top_conf {
	char	*state_dir;
	int64_t	 jobs;
	char	*log;
	char	*sandbox;
	struct strs role_users;
	int64_t	 watch;
	char	*time_zone;
	bool	 agree_tos;
};

struct complaint {
	struct place	 at;
	size_t		 number;
	char		*text;
};

/* A title of a section, or a ca that a certificate names. */
struct mention {
	const char	*section;	/* "ca", "certificate" */
	char		*name;		/* owned */
	struct place	 at;
	size_t		 number;
};

struct reader {
	struct config	*cfg;
	struct list	 complaints;	/* struct complaint */
	size_t		 untold;	/* further ones */
	bool		 no_memory;
	bool		 broken;	/* a file was cut: what is missed may be behind */
	struct source	*source;	/* innermost file */
	struct place	 at;		/* the value that is being read */
	struct place	 given[CONFIG_TOP_MAX];	/* where options outside of sections were given */
	/* cfg_t *: libconfuse's lexer ends with the first that is freed */
	struct list	 parsers;
	struct list	 titles;	/* struct mention */
	struct list	 references;	/* struct mention */
	struct strs	 own_tos;	/* titles of ca sections with an agree-tos of their own */

	/* What is being filled; a finished section moves into cfg. */
	struct top_conf		top;
	struct ca_conf		ca;
	struct cert_conf	cert;
	struct challenge_conf	challenge;
	struct hook_conf	hook;
	bool			ca_has_tos;
};

/* --- tables --- */

enum option_kind {
	OPTION_ONE,		/* name = value */
	OPTION_MANY,		/* name = { value, value } */
	OPTION_SECTION,		/* name "title" { ... } */
	OPTION_INCLUDE,		/* include("file") */
};

struct section;

/* Judges a value and stores it. The error says what is wanted and what is there. */
typedef int config_value(struct reader *, void *field, const char *value, struct err *e);

struct option {
	const char		*name;
	enum option_kind	 kind;
	size_t			 offset;	/* of the field in its section's struct */
	config_value		*take;
	const struct section	*section;	/* OPTION_SECTION */
};

struct section {
	const char		*name;
	const struct option	*options;
	size_t			 noptions;
	size_t			 offset;	/* in struct reader, of the struct being filled */

	/* Judges the whole, fills in defaults, moves it to where it belongs. */
	void	(*finish)(struct reader *, const char *title, const struct mark *);
};

/* The file itself; everything else is beneath it. Its name is "". */
extern const struct section config_top;

/* NULL if there is none of that name. */
const struct option	*section_option(const struct section *, struct span name);

/* For an unknown name: "did you mean X?", or all that there is. */
void	section_suggest(const struct section *, struct span name, struct buf *);

/* --- config.c --- */

extern const struct pack ca_conf_pack;
extern const struct pack challenge_conf_pack;
extern const struct pack cert_conf_pack;

/* One error. It is kept, and told in its order when all has been read. */
void	config_tell(struct reader *, struct place, const char *fmt, ...) PRINTF(3, 4);

/* --- config_scan.c --- */

/*
 * Does what libconfuse does not: knows lines and columns (libconfuse 3.3
 * counts a comment as three lines), goes on behind unknown options and
 * repeated ones, and refuses what libconfuse would swallow in silence: octets
 * that fit nowhere, unknown escapes, environment variables. What was told
 * here is overwritten with blanks, as are comments.
 */
void	config_scan(struct reader *, struct source *);

/* --- config_sections.c --- */

void	finish_ca(struct reader *, const char *title, const struct mark *);
void	finish_certificate(struct reader *, const char *title, const struct mark *);
void	finish_challenge(struct reader *, const char *title, const struct mark *);
void	finish_hook(struct reader *, const char *title, const struct mark *);

/* When all files have been read: what is between sections. */
void	finish_config(struct reader *);

#endif
