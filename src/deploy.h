/*
 * deploy: what its steps share with those who look at servers for them.
 */
#ifndef KAMCERT_DEPLOY_H
#define KAMCERT_DEPLOY_H

#include "instance.h"
#include "job.h"

/*
 * May the others go on although the job's current hook failed? On the way
 * back always: each one that is led back is a gain. Forward, if that is
 * configured, and if it is not of the first group, which is there to fail
 * for all.
 */
bool	deploy_spare(struct job *, const struct instance *, const struct err *);

/*
 * Does a server serve what is nobody's here, still? Telling it again changes
 * nothing (FAULTS K15).
 */
bool	deploy_is_foreign(const struct job *);

#endif
