#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>

#include "ossl.h"

int
ossl_err(struct err *e, enum outcome class, const char *fmt, ...)
{
	/* The first is the cause, later ones only say who was told. */
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);
	char text[ERR_TEXT_MAX];
	va_list ap;

	ERR_clear_error();
	if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
		return err_nomem(e);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (reason == NULL)
		return err_set(e, class, "%s", text);
	return err_set(e, class, "%s: %s", text, reason);
}

int
ossl_no_passphrase(char *out UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
	return -1;
}
