/*
 * What the files of hooks share: the types that hook.c puts into its table,
 * and the parts of "kamailio".
 */
#ifndef KAMCERT_HOOKS_PRIVATE_H
#define KAMCERT_HOOKS_PRIVATE_H

#include "hooks/hook.h"

extern const struct hook_type hook_kamailio;
extern const struct hook_type hook_program;
extern const struct hook_type hook_haproxy;
extern const struct hook_type hook_signal;
extern const struct hook_type hook_systemd;

/* Fills in what core.arg tells (n is 0: nothing), and judges the release by it. RETRY without memory. */
MUST_CHECK int	arguments_judge(const struct span *args, size_t n, struct hook_facts *,
		    struct err *e);

#endif
