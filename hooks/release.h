/*
 * release: what is known of Kamailio's releases: numbers, and which of them
 * crash or lose memory when they are told to load their certificates (FAULTS
 * K18 and K12). Pure: what was asked of a server comes in as arguments.
 */
#ifndef KAMCERT_HOOKS_RELEASE_H
#define KAMCERT_HOOKS_RELEASE_H

#include "base/bytes.h"

/* Release numbers can be compared; one that is not known is -1. */
#define RELEASE(major, minor, patch) \
	((int64_t)(major) * 1000000 + (int64_t)(minor) * 1000 + (int64_t)(patch))

/* Of "kamailio 5.6.3 (x86_64/linux)" or "kamailio 6.2.0-dev1 ..."; -1 if it is none. */
int64_t	release_of(const char *version);

/*
 * May a tls.reload that meets handshakes crash the server? OpenSSL 3 in
 * several processes, where tls_threads_mode is not 2: releases before 6.0 do
 * not take that by default, those before 5.7.5 not at all. mode is what the
 * main configuration file says, -1 where it says nothing or was not read.
 */
bool	release_is_unsafe(int64_t release, int64_t mode);

/* Does this allocator ("qm", "fm", "tlsf"; NULL: the default) lose memory at every reload? */
bool	release_leaks(int64_t release, const char *allocator);

/* What a generation of certificates costs for good where it leaks, in octets. */
int64_t	release_leak(int64_t processes, int64_t profiles);

/* The value of the option letter (as "-f") among the server's arguments; empty if not given. */
struct span	release_option(const struct span *args, size_t n, char letter);

/*
 * tls_threads_mode as a main configuration file says; -1 if it does not.
 * Includes are not followed.
 */
int64_t	release_threads_mode(struct span kamailio_cfg);

#endif
