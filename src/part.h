/*
 * part: what the keys of one certificate are called. A certificate of the
 * configuration has one key, or a pair of an RSA and an ECDSA one, as servers
 * can hold one of each and give every client what it understands. A part is
 * what belongs to one of them.
 *
 *	first	privkey.pem     cert.pem     chain.pem     fullchain.pem     combined.pem
 *	second	privkey-rsa.pem cert-rsa.pem chain-rsa.pem fullchain-rsa.pem combined-rsa.pem
 *
 * or -ecdsa, by the second one's key. Names only: nothing is read here.
 */
#ifndef KAMCERT_PART_H
#define KAMCERT_PART_H

#include <stddef.h>

#define PART_MAX	2

enum part_file { PART_KEY, PART_CERT, PART_CHAIN, PART_FULL, PART_COMBINED, PART_FILES };

/* "ecdsa" or "rsa", of a type such as "rsa-2048". */
const char	*part_family(const char *key_type);

/* What a name has behind its stem: "" for the first part, then "-rsa" or "-ecdsa". */
const char	*part_suffix(size_t part, const char *key_type);

/* "privkey" "-rsa" ".pem". Returns out. */
#define PART_NAME_MAX	24
const char	*part_name(enum part_file, const char *suffix, char out[PART_NAME_MAX]);

#endif
