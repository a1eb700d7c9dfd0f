/*
 * managed: a tls.cfg in which kamcert keeps certificate and private_key of
 * some profiles, on request: they name the folder of one version, which never
 * changes, and a switch is one rename of that file (FAULTS section 8). A
 * server that starts in the middle of a switch has read one version or the
 * other, never parts of both.
 *
 * The rest of the file is the operator's. What he changes while it is being
 * replaced is not lost, and values of his are not written over once the
 * profile was kamcert's.
 */
#ifndef KAMCERT_MANAGED_H
#define KAMCERT_MANAGED_H

#include "base/err.h"
#include "base/pack.h"
#include "job.h"

struct hook_facts;

struct managed_in {
	const char	*path;		/* absolute; links are followed, and stay */
	const struct strs *profiles;	/* as tlscfg_is_among() takes them */
	const char	*state_dir;
	const char	*cert;		/* name of the certificate */
	const char	*dir;		/* folder of the version */
	/* the values were kamcert's before: others are the operator's */
	bool		 adopted;
};

/*
 * Makes the profiles name the version, durably; an unchanged file is only
 * synced. Owner, mode and extended attributes stay. HOLD for a file that
 * cannot be read as Kamailio does, for values that the operator has put in the
 * place of ours, for several names of the file; RETRY while it is being edited.
 */
MUST_CHECK int	managed_write(const struct managed_in *, struct err *e);

/* All that managed_write() would refuse, and nothing written. */
MUST_CHECK int	managed_try(const struct managed_in *, struct err *e);

/* A store_pointer: arg is the job, whose hooks say which files. All of them, or as they were. */
int	managed_turn(void *job, int64_t version, struct err *e);

/*
 * Could a version be put into the files of the job's hooks? Version 0: the one
 * that is not there yet.
 */
MUST_CHECK int	managed_check(struct job *, int64_t version, struct err *e);

/* HOLD unless the server reads the file that is managed for this hook. */
MUST_CHECK int	managed_is_read(const struct hook_conf *, const struct hook_facts *, struct err *e);

#endif
