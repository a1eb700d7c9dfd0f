/*
 * standing: is a chain that a CA offers one to change to? It is fit by
 * itself, none of its issuers is revoked, and it is not worse for the phones
 * in the field than the one in service.
 */
#ifndef KAMCERT_STANDING_H
#define KAMCERT_STANDING_H

#include "job.h"

/*
 * JOB_DONE: j->chain is the one that was found fit. JOB_WAIT: lists of
 * revoked certificates are on their way. JOB_FAILED: REFUSE and why; j->chain
 * is NULL. What in->crls has is replaced by the lists of the run.
 */
enum job_progress	standing_judge(struct job *j, struct chain_in *in, struct err *e);

#endif
