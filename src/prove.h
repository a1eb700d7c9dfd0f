/*
 * prove: the step that shows that a job's servers have taken its version.
 */
#ifndef KAMCERT_PROVE_H
#define KAMCERT_PROVE_H

#include "instance.h"
#include "job.h"

/*
 * Has the job's current hook looked at: first its listeners, until they serve
 * the job's version, then how the server is. Goes on to the next hook by
 * itself when the answers are good; workers that differ are told once more.
 */
enum job_progress	prove_one(struct instance *, struct job *, struct err *e);

#endif
