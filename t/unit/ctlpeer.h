/*
 * ctlpeer: a process that answers like Kamailio's ctl module, or as badly as
 * a script says. Whatever the system refuses ends the test.
 */
#ifndef KAMCERT_T_UNIT_CTLPEER_H
#define KAMCERT_T_UNIT_CTLPEER_H

#include <sys/types.h>

#include "hooks/wire.h"

#define CTLPEER_OK	"Ok. TLS configuration reloaded."

/* What it does when it is asked for a reload. */
enum ctlpeer_act {
	ACT_OK,
	ACT_FAULT,		/* with .text */
	ACT_TEXT,		/* a reply that says .text */
	ACT_OCTETS,		/* .text is hex, behind a header that fits the request */
	ACT_RAW,		/* .text is hex */
	ACT_HANG,
	ACT_TRICKLE,		/* the right answer, an octet at a time, too slowly */
	ACT_HALF_HANG,		/* half of the right answer, then nothing */
	ACT_HALF_CLOSE,
	ACT_CLOSE,
	ACT_CRASH,		/* closes; another process is there afterwards */
	ACT_DIE,		/* closes; nobody is there afterwards */
	ACT_COOKIE,		/* the right answer to another question */
	ACT_ECHO,
	ACT_TWICE,
	ACT_RESTART,		/* the right answer, then another process is there */
	ACT_REAL,		/* what a real server has answered: .text is the file's name */
};

struct ctlpeer_script {
	const char	*version;	/* NULL: that of 5.6.3 */
	const char	*lacks;		/* a method that it does not know */
	const char	*denies;	/* a method that this client may not call */
	bool		 real;		/* answers are those of a real 5.6.3, where one was kept */
	/* a method whose answers are damaged, by the tale's number */
	const char	*damages;
	bool		 no_config;
	const char	*allocator;	/* on its command line; NULL: none */
	int64_t		 free_kib;	/* 0: plenty */
	bool		 doubles;	/* core.shmmem as in 5.7 and newer */
	int64_t		 connections;	/* of tls.info and tls.list */
	bool		 hang_at_once;
	struct {
		enum ctlpeer_act act;
		const char	*text;
	} reloads[4];			/* the last one goes on for ever */
};

/* What it tells the test. */
struct ctlpeer_tale {
	int	reloads;
	int	lists;		/* tls.list */
	/* which one, told by the test: bits that are turned, then octets cut off */
	int	damage;
	bool	damaged;	/* there is such a one */
	bool	hangs;		/* now: it is the client's turn to lose patience */
};

struct ctlpeer {
	pid_t		 pid;		/* 0: not started */
	struct ctlpeer_tale *tale;	/* shared with it */
	char		 dir[32];	/* its own */
	char		 rpc[64];	/* where it is, as in the configuration */
};

/* Makes the folder; the socket's address is in rpc, but nothing is there yet. */
void	ctlpeer_dir(struct ctlpeer *);

/* Makes the folder, listens, and forks: nobody has to wait. */
void	ctlpeer_start(struct ctlpeer *, const struct ctlpeer_script *, enum wire_kind);

/* Ends it and removes its folder. */
void	ctlpeer_stop(struct ctlpeer *);

/* Sockets with an address, but without anybody who listens. */
int	ctlpeer_bind_unix(int type, const char *path);
int	ctlpeer_bind_inet(int type, uint16_t *port);

#endif
