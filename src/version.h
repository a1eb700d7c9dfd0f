/*
 * version: what kamcert calls itself.
 */
#ifndef KAMCERT_VERSION_H
#define KAMCERT_VERSION_H

#define VERSION_TEXT	PACKAGE_VERSION

/* RFC 8555 section 6.1: name, version and where to learn more. */
#define USER_AGENT	"kamcert/" VERSION_TEXT " (+" PACKAGE_URL ")"

/* Where certificates are kept unless the configuration says otherwise. */
#define DEFAULT_STATE_DIR	"/var/lib/kamcert"

/* Where kamcert.conf is looked for; SYSCONFDIR is configure's. */
#define DEFAULT_CONFIG	SYSCONFDIR "/kamcert.conf"

#endif
