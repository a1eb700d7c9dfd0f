/*
 * What the files of hooks share: the types that hook.c puts into its table,
 * and the parts of "kamailio".
 */
#ifndef KAMCERT_HOOKS_PRIVATE_H
#define KAMCERT_HOOKS_PRIVATE_H

#include "hooks/errlog.h"
#include "hooks/hook.h"

extern const struct hook_type hook_kamailio;
extern const struct hook_type hook_program;
extern const struct hook_type hook_haproxy;
extern const struct hook_type hook_signal;
extern const struct hook_type hook_systemd;

/* When a call that begins now must have ended, in clock_boot_ms(). */
int64_t	hook_deadline_ms(const struct hook_conf *);

#define LIBSYSTEMD	"libsystemd.so.0"
#define SYSTEM_BUS	"unix:/run/dbus/system_bus_socket"

struct library_function {
	const char	*name;
	void		*where;		/* a pointer to a function */
};

/* Loads a library for good, and finds functions of it. HOLD if it is not there, or lacks one. */
MUST_CHECK int	library_load(const char *name, const struct library_function *, size_t n,
		    struct err *e);

/* A walk over a log: before the mark it notes what is usual, behind it what is new. */
struct errlog_walk {
	uint64_t	 usual;		/* bits of the patterns that were there before */
	bool		 before;
	struct errlog	*out;		/* NULL before */
	enum errlog_kind worst;
};

void	errlog_take(struct errlog_walk *, struct span line);

/* The journal of a unit. *cursor is its last entry, NULL if it has none, and the caller's. HOLD. */
MUST_CHECK int	errlog_journal_mark(const char *unit, struct errlog_walk *, char **cursor,
		    struct err *e);

/* cursor "": from its beginning. HOLD. */
MUST_CHECK int	errlog_journal_since(const char *unit, const char *cursor,
		    struct errlog_walk *, struct err *e);

/*
 * Fills in what core.arg tells (n is 0: nothing), and judges the release by it.
 * RETRY without memory.
 */
MUST_CHECK int	arguments_judge(const struct span *args, size_t n, struct hook_facts *,
		    struct err *e);

/* Members of hook_kamailio, as hook_type has them. */
MUST_CHECK int	kamailio_facts(const struct hook_conf *, struct hook_facts *, struct err *e);
enum hook_result kamailio_reload(const struct hook_conf *, const struct hook_event *,
		    struct hook_facts *, struct err *e);

#endif
