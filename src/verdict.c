/*
 * verdict: the results of verify in words, and as messages. Apart from
 * verify.c, so that who only reads them is not linked with libssl.
 */
#include "verify.h"

const struct pack verify_seen_pack = PACK(verify_seen,
	{ PACK_STR, offsetof(struct verify_seen, listener), NULL },
	{ PACK_STR, offsetof(struct verify_seen, name), NULL },
	{ PACK_STR, offsetof(struct verify_seen, family), NULL },
	{ PACK_I64, offsetof(struct verify_seen, verdict), NULL },
	{ PACK_I64, offsetof(struct verify_seen, handshakes), NULL },
	{ PACK_I64, offsetof(struct verify_seen, wanted), NULL },
	{ PACK_BLOB, offsetof(struct verify_seen, sha256), NULL },
	{ PACK_STRUCT, offsetof(struct verify_seen, leaf), &cert_facts_pack },
	{ PACK_STR, offsetof(struct verify_seen, note), NULL });

const struct pack verify_leaf_pack = PACK(verify_leaf,
	{ PACK_STR, offsetof(struct verify_leaf, family), NULL },
	{ PACK_BLOB, offsetof(struct verify_leaf, want), NULL },
	{ PACK_BLOB, offsetof(struct verify_leaf, old), NULL });

const struct pack verify_in_pack = PACK(verify_in,
	{ PACK_STRS, offsetof(struct verify_in, listeners), NULL },
	{ PACK_STRS, offsetof(struct verify_in, names), NULL },
	{ PACK_LIST, offsetof(struct verify_in, leaves), &verify_leaf_pack },
	{ PACK_I64, offsetof(struct verify_in, workers), NULL },
	{ PACK_I64, offsetof(struct verify_in, settle), NULL },
	{ PACK_BOOL, offsetof(struct verify_in, look), NULL });

const struct pack verify_out_pack = PACK(verify_out,
	{ PACK_I64, offsetof(struct verify_out, verdict), NULL },
	{ PACK_I64, offsetof(struct verify_out, rounds), NULL },
	{ PACK_I64, offsetof(struct verify_out, ms), NULL },
	{ PACK_LIST, offsetof(struct verify_out, seen), &verify_seen_pack });

static const struct {
	const char	*word;
	const char	*says;
} verdicts[] = {
	[VERIFY_NEW] = { "new", "serves the new certificate" },
	[VERIFY_ABSENT] = { "absent", "has no certificate for such clients" },
	[VERIFY_SILENT] = { "silent", "serves the new certificate, but does not answer" },
	[VERIFY_CHAIN] = { "chain", "serves the new certificate without all of its chain" },
	[VERIFY_UNREACHABLE] = { "unreachable", "cannot be reached" },
	[VERIFY_MIXED] = { "mixed", "serves the new certificate in some connections only" },
	[VERIFY_OLD] = { "old", "still serves another certificate" },
	[VERIFY_OTHER] = { "other",
	    "serves a certificate that is neither the new nor the old one" },
};

const char *
verify_word(int64_t verdict)
{
	return verdict >= 0 && (size_t)verdict < NITEMS(verdicts) ? verdicts[verdict].word :
	    "unknown";
}

int
verify_judge(const struct verify_out *out, struct err *e)
{
	const struct verify_seen *s = out->seen.v;
	size_t i = 0;

	if (out->verdict == VERIFY_NEW)
		return 0;
	while (i < out->seen.n && s[i].verdict != out->verdict)
		i++;
	if (i == out->seen.n || (size_t)out->verdict >= NITEMS(verdicts))
		return err_set(e, OUT_HOLD, "verify: no result");
	return err_set(e, out->verdict == VERIFY_UNREACHABLE ? OUT_RETRY : OUT_HOLD,
	    "%s for %s%s%s: %s (%jd of %jd handshakes%s%s%s%s)", s[i].listener, s[i].name,
	    s[i].family != NULL ? ", " : "", s[i].family != NULL ? s[i].family : "",
	    verdicts[out->verdict].says, (intmax_t)s[i].wanted, (intmax_t)s[i].handshakes,
	    s[i].leaf.serial != NULL ? ", serial " : "",
	    s[i].leaf.serial != NULL ? s[i].leaf.serial : "",
	    s[i].note != NULL ? ", " : "", s[i].note != NULL ? s[i].note : "");
}
