/*
 * solve_token: the last look at what a CA wants published, whoever looked
 * at it before. It becomes a file's name and is compared with requests.
 */
#ifndef KAMCERT_SOLVE_TOKEN_H
#define KAMCERT_SOLVE_TOKEN_H

#include "base/bytes.h"
#include "base/err.h"

#define SOLVE_TOKEN_MIN		22	/* 128 bits as base64url: RFC 8555 section 8.3 */
#define SOLVE_TOKEN_MAX		128
#define SOLVE_THUMBPRINT	43	/* SHA-256 as base64url: RFC 8555 section 8.1 */
#define SOLVE_PREFIX		"/.well-known/acme-challenge/"

/* Length and alphabet. */
bool	solve_token_fits(struct span token);

/*
 * HOLD unless the token fits and the key authorization is the token, a dot
 * and a thumbprint. Neither is shown in the error.
 */
MUST_CHECK int	solve_token_check(const char *token, const char *key_auth, struct err *e);

/*
 * "_" and sixteen letters or digits that stand for an account in the names of
 * its own records (draft-ietf-acme-dns-account-label). -1: no SHA-256.
 */
#define SOLVE_LABEL 18
MUST_CHECK int	solve_account_label(const char *account, char out[SOLVE_LABEL]);

#endif
