/*
 * What the files of hooks share: the types that hook.c puts into its table.
 */
#ifndef KAMCERT_HOOKS_PRIVATE_H
#define KAMCERT_HOOKS_PRIVATE_H

#include "hooks/hook.h"

extern const struct hook_type hook_kamailio;
extern const struct hook_type hook_program;

#endif
