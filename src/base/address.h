/*
 * address: what kind of place an address is.
 */
#ifndef KAMCERT_BASE_ADDRESS_H
#define KAMCERT_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * Is it one that everybody on the internet may reach: no loopback, private,
 * shared or link-local one (RFC 6890), and of IPv6 one that has been handed
 * out (RFC 3587)? False for other families.
 */
bool	address_is_global(const struct sockaddr *);

#endif
