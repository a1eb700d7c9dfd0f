/*
 * listen: sockets and directories for the answer role, opened while the
 * starter still has the rights to.
 */
#ifndef KAMCERT_LISTEN_H
#define KAMCERT_LISTEN_H

#include "base/err.h"

/*
 * Takes over the sockets that a service manager has opened for this process
 * (sd_listen_fds(3)); listen_open() uses them for addresses that they fit.
 * Once, before anything else is opened.
 */
void		listen_inherit(void);

/*
 * "[::]:80", "127.0.0.1:5002": a listening TCP socket. "[::]" takes IPv4 as
 * well, and stands for "0.0.0.0" on a host without IPv6. HOLD with the address.
 */
MUST_CHECK int	listen_open(const char *address, int *fd, struct err *e);

#endif
