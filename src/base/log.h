/*
 * log: one event, one line of key=value pairs, to stderr, syslog or the journal.
 *
 * Values are cleaned and quoted where they need it. Text from outside may be
 * given as it came; secrets may not be given at all. What users see as the
 * result of a command is not logged but reported (src/report).
 */
#ifndef KAMCERT_BASE_LOG_H
#define KAMCERT_BASE_LOG_H

#include "base.h"

enum log_level { LOG_AT_ERROR, LOG_AT_WARNING, LOG_AT_INFO, LOG_AT_DEBUG };

struct log_kv {
	const char	*key;	/* NULL ends the list */
	const char	*str;	/* NULL: the number counts */
	int64_t		 num;
};

#define KV_S(k, v)	{ (k), (v) != NULL ? (v) : "", 0 }
#define KV_I(k, v)	{ (k), NULL, (int64_t)(v) }

#define log_error(...) \
	log_event(LOG_AT_ERROR, (const struct log_kv[]){ __VA_ARGS__, { NULL, NULL, 0 } })
#define log_warn(...) \
	log_event(LOG_AT_WARNING, (const struct log_kv[]){ __VA_ARGS__, { NULL, NULL, 0 } })
#define log_info(...) \
	log_event(LOG_AT_INFO, (const struct log_kv[]){ __VA_ARGS__, { NULL, NULL, 0 } })
#define log_debug(...) \
	log_event(LOG_AT_DEBUG, (const struct log_kv[]){ __VA_ARGS__, { NULL, NULL, 0 } })

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

/*
 * role is put into every line; levels above `level` are dropped. Under systemd,
 * lines to stderr carry their <level>.
 */
void	log_open(enum log_target, const char *role, enum log_level level);
void	log_event(enum log_level, const struct log_kv *);
bool	log_wants(enum log_level);

#endif
