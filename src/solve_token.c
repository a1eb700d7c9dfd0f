#include "solve_token.h"

static bool
is_base64url(struct span s)
{
	size_t i;
	uint8_t c;

	for (i = 0; i < s.n; i++) {
		c = s.p[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

bool
solve_token_fits(struct span token)
{
	return token.n >= SOLVE_TOKEN_MIN && token.n <= SOLVE_TOKEN_MAX && is_base64url(token);
}

int
solve_token_check(const char *token, const char *key_auth, struct err *e)
{
	struct span want = span_str(token), print;
	struct rd r = rd_of(span_str(key_auth));

	if (!solve_token_fits(want))
		return err_set(e, OUT_HOLD,
		    "challenge: RFC 8555 section 8.3: token: want %d to %d characters of "
		    "base64url, have something else", SOLVE_TOKEN_MIN, SOLVE_TOKEN_MAX);
	if (!span_eq(rd_bytes(&r, want.n), want) || rd_u8(&r) != '.')
		rd_fail(&r);
	print = rd_bytes(&r, SOLVE_THUMBPRINT);
	if (!rd_end(&r) || !is_base64url(print))
		return err_set(e, OUT_HOLD,
		    "challenge: RFC 8555 section 8.1: key authorization: want the token, a dot "
		    "and a thumbprint, have something else");
	return 0;
}

/* The first ten octets of a digest, as base32 (RFC 4648 section 6) in lower case. */
int
solve_account_label(const char *account, char out[SOLVE_LABEL])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t digest[SHA256_LEN];
	unsigned bit, two;
	size_t i;

	if (account == NULL || sha256(span_str(account), digest) == -1)
		return -1;
	out[0] = '_';
	for (i = 0; i + 2 < SOLVE_LABEL; i++) {
		bit = 5 * (unsigned)i;
		two = (unsigned)digest[bit / 8] << 8 | digest[bit / 8 + 1];
		out[i + 1] = alphabet[two >> (11 - bit % 8) & 31];
	}
	out[SOLVE_LABEL - 1] = '\0';
	return 0;
}
