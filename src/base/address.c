#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/base.h"

static const struct {
	const char	*net;
	unsigned	 bits;
} private_nets[] = {	/* RFC 6890 */
	{ "0.0.0.0", 8 }, { "10.0.0.0", 8 }, { "100.64.0.0", 10 }, { "127.0.0.0", 8 },
	{ "169.254.0.0", 16 }, { "172.16.0.0", 12 }, { "192.168.0.0", 16 },
};

static bool
is_global_v4(const struct in_addr *a)
{
	struct in_addr net;

	for (size_t i = 0; i < NITEMS(private_nets); i++)
		if (inet_pton(AF_INET, private_nets[i].net, &net) == 1 &&
		    (ntohl(a->s_addr) ^ ntohl(net.s_addr)) >> (32 - private_nets[i].bits) == 0)
			return false;
	return true;
}

bool
address_is_global(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		return is_global_v4(&v4.sin_addr);
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof v6);
	return (v6.sin6_addr.s6_addr[0] & 0xe0) == 0x20;	/* what begins with 001 */
}
