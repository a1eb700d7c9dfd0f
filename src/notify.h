/*
 * notify: what a service manager is told, by the protocol of sd_notify(3).
 *
 * The datagrams are sent from here and not by libsystemd: they are a few
 * lines of a protocol that is promised to be stable, and this process, which
 * has all rights, is to have few libraries.
 */
#ifndef KAMCERT_NOTIFY_H
#define KAMCERT_NOTIFY_H

#include "base/base.h"

/*
 * Lines of NAME=value. Does nothing where nobody listens; what cannot be sent
 * is no reason to fail.
 */
void	notify(const char *fmt, ...) PRINTF(1, 2);

/* RELOADING=1, with the time that systemd wants with it; READY=1 has to follow. */
void	notify_reloading(void);

/* How often, in milliseconds, a service manager wants to hear WATCHDOG=1; 0: never. */
int64_t	notify_watchdog_ms(void);

#endif
