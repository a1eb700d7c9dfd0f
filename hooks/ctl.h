/*
 * ctl: one conversation with Kamailio over its ctl module, or over jsonrpcs
 * where there is none: who is there, a question, its answer. Answers are
 * binrpc records, whatever brought them. Also the lock that keeps two reloads
 * of one server apart.
 *
 * The peer is untrusted (FAULTS S15) although it is local.
 */
#ifndef KAMCERT_HOOKS_CTL_H
#define KAMCERT_HOOKS_CTL_H

#include "hooks/binrpc.h"
#include "hooks/hook.h"
#include "hooks/wire.h"

/* Where Debian's Kamailio has its socket when it is not told otherwise. */
#define CTL_DEFAULT	"unix:/run/kamailio/kamailio_ctl"

struct ctl {
	struct wire	wire;
	struct wire_addr addr;
	struct buf	in;		/* the last reply */
	struct buf	records;	/* made of it, where it was not binrpc */
	bool		asked;		/* HTTP: the connection is used up */
	bool		has_user;	/* the peer must be this one, or root */
	uid_t		uid;
	const char	*user;		/* conf's */
};

/*
 * conf->rpc, or the default. HOLD, also for an address of another host that
 * conf does not vouch for.
 */
MUST_CHECK int ctl_addr(const struct hook_conf *, struct wire_addr *, struct err *e);

/*
 * Connects and looks who is there. HOLD when the socket is missing, stale,
 * closed to us, none at all or not the expected user's (FAULTS K01); RETRY
 * when nothing is said before the deadline, which holds for all calls too.
 * A Kamailio that was started by root has made its socket as root before it
 * became another user: root is always an expected user.
 */
MUST_CHECK int ctl_open(struct ctl *, const struct hook_conf *, int64_t deadline_ms,
	    struct err *e);

/*
 * One request with at most one text argument (NULL: none), one reply. A fault
 * is an answer too: 0 with out->fault. RETRY, or HOLD for the wrong user,
 * when there was no answer that can be trusted; the conversation is then
 * over. The reply is valid until the next call.
 */
MUST_CHECK int ctl_call(struct ctl *, const char *method, const char *arg,
	    struct binrpc_reply *out, struct err *e);

void	ctl_close(struct ctl *);	/* also after a failed ctl_open() */

/*
 * Takes the lock of this server (FAULTS K20), waits until the deadline. It
 * ends with the process, or when *fd is closed. For unix sockets it is a
 * flock() of the directory that the socket is in: nothing has to be written
 * there, only who can reach the server can take it, and a script can honour
 * it by "flock /run/kamailio kamcmd tls.reload". Where there is no directory
 * or it may not be read, it is an abstract socket's name. RETRY.
 */
MUST_CHECK int ctl_lock(const struct wire_addr *, int64_t deadline_ms, int *fd, struct err *e);

#endif
