/*
 * config_values: what the value of an option may be. Each of these judges one
 * value and stores it in its field; the error says what is wanted and what is
 * there (USAGE), or RETRY without memory.
 */
#ifndef KAMCERT_CONFIG_VALUES_H
#define KAMCERT_CONFIG_VALUES_H

#include "config_parts.h"

/* Of several sections. */
config_value	value_path, value_bool, value_limit, value_pause, value_user, value_https;

/* Outside of sections. */
config_value	value_jobs, value_log, value_sandbox, value_role_user, value_zone, value_watch;

/* Of a CA. */
config_value	value_own_tos, value_contact, value_host, value_word, value_alg;

/* Of a certificate. */
config_value	value_name, value_key, value_ca, value_renew, value_window;

/* Of challenges and hooks. */
config_value	value_listen, value_resolver, value_propagation, value_self_check, value_rpc,
		value_profile, value_verify, value_unit, value_action, value_signal,
		value_error_log, value_unsafe, value_rollback_on, value_command, value_count;

#endif
