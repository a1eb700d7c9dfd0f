/*
 * idn: host names in their own script, as people write them (RFC 5891), by
 * libidn2.
 */
#ifndef KAMCERT_IDN_H
#define KAMCERT_IDN_H

#include "base/text.h"

/*
 * text_host() for a name that may have U-labels in UTF-8: they become
 * A-labels, "xn--...". HOLD says what is wrong with it.
 */
MUST_CHECK int	idn_host(const char *in, unsigned allow, char out[HOST_MAX + 1], struct err *e);

#endif
