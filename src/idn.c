#include "idn.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

static bool
is_ascii(const char *s)
{
	while (*s != '\0')
		if ((*s++ & 0x80) != 0)
			return false;
	return true;
}

/*
 * Nontransitional, as browsers and registries do: sharp s and final sigma
 * stay. Without IDN2_USE_STD3_ASCII_RULES, which drops what it does not like
 * in silence; text_host() refuses it.
 */
static int
to_a_labels(const char *in, char out[HOST_MAX + 1], struct err *e)
{
	const char *rest = strncmp(in, "*.", 2) == 0 ? in + 2 : in;
	char *ascii = NULL;
	int rc = idn2_to_ascii_8z(rest, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

	if (rc == IDN2_OK && snprintf(out, HOST_MAX + 1, "%.*s%s", (int)(rest - in), in, ascii) >
	    HOST_MAX)
		rc = IDN2_TOO_BIG_DOMAIN;
	if (ascii != NULL)
		idn2_free(ascii);
	if (rc == IDN2_OK)
		return 0;
	return rc == IDN2_MALLOC ? err_nomem(e) :
	    err_set(e, OUT_HOLD, "host name \"%.300s\": RFC 5891: %s", in, idn2_strerror(rc));
}

int
idn_host(const char *in, unsigned allow, char out[HOST_MAX + 1], struct err *e)
{
	char ascii[HOST_MAX + 1];

	if (is_ascii(in))
		return text_host(in, allow, out, e);
	return to_a_labels(in, ascii, e) == -1 ? -1 : text_host(ascii, allow, out, e);
}
