/*
 * suite: the end of a test program's main().
 */
#ifndef KAMCERT_T_UNIT_SUITE_H
#define KAMCERT_T_UNIT_SUITE_H

#include <check.h>

/* Runs the suite, and frees it. What main() returns: 0 if no test failed. */
int	suite_run(Suite *);

/* A process for each test whatever the environment says, as one cannot bear what another leaves. */
int	suite_run_forked(Suite *);

#endif
