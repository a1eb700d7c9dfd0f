/*
 * types: pack tables of the structs in acme.h.
 */
#include "private.h"

#define FIELD(s, type, member)	{ PACK_##type, offsetof(struct s, member), NULL }
#define LIST(s, member, sub)	{ PACK_LIST, offsetof(struct s, member), (sub) }

const struct pack acme_ca_pack = PACK(acme_ca,
	FIELD(acme_ca, STR, directory),
	FIELD(acme_ca, STRS, hosts));

const struct pack acme_job_pack = PACK(acme_job,
	FIELD(acme_job, I64, kind),
	FIELD(acme_job, STR, account),
	FIELD(acme_job, STRS, contact),
	FIELD(acme_job, BOOL, agree_tos),
	FIELD(acme_job, BOOL, eab),
	FIELD(acme_job, STRS, names),
	FIELD(acme_job, STRS, challenges),
	FIELD(acme_job, STR, thumbprint),
	FIELD(acme_job, STR, order),
	FIELD(acme_job, STR, profile),
	FIELD(acme_job, BOOL, profile_required),
	FIELD(acme_job, STR, cert_id),
	FIELD(acme_job, BLOB, cert),
	FIELD(acme_job, I64, reason),
	FIELD(acme_job, BOOL, by_cert_key),
	FIELD(acme_job, STR, url));

const struct pack acme_sign_pack = PACK(acme_sign,
	FIELD(acme_sign, I64, key),
	FIELD(acme_sign, STR, url),
	FIELD(acme_sign, STR, nonce),
	FIELD(acme_sign, STR, kid),
	FIELD(acme_sign, BLOB, payload));

const struct pack acme_challenge_pack = PACK(acme_challenge,
	FIELD(acme_challenge, STR, name),
	FIELD(acme_challenge, BOOL, is_ip),
	FIELD(acme_challenge, BOOL, wildcard),
	FIELD(acme_challenge, STR, type),
	FIELD(acme_challenge, STR, token),
	FIELD(acme_challenge, STR, key_auth),
	FIELD(acme_challenge, STRS, issuers));

static const struct pack profile_pack = PACK(acme_profile,
	FIELD(acme_profile, STR, name),
	FIELD(acme_profile, STR, text));

const struct pack acme_result_pack = PACK(acme_result,
	FIELD(acme_result, STRS, warnings),
	FIELD(acme_result, BOOL, has_skew),
	FIELD(acme_result, I64, skew),
	FIELD(acme_result, STR, terms),
	FIELD(acme_result, STR, website),
	FIELD(acme_result, STRS, caa),
	LIST(acme_result, profiles, &profile_pack),
	FIELD(acme_result, BOOL, eab_required),
	FIELD(acme_result, BOOL, has_renewal),
	FIELD(acme_result, STR, account),
	FIELD(acme_result, BOOL, created),
	FIELD(acme_result, STR, account_status),
	FIELD(acme_result, STRS, contact),
	FIELD(acme_result, STRS, orders),
	FIELD(acme_result, STR, order),
	FIELD(acme_result, BOOL, replaces),
	FIELD(acme_result, STR, profile),
	FIELD(acme_result, BLOB, chain),
	FIELD(acme_result, BOOL, was_revoked),
	FIELD(acme_result, BOOL, has_window),
	FIELD(acme_result, I64, window_start),
	FIELD(acme_result, I64, window_end),
	FIELD(acme_result, STR, explanation),
	FIELD(acme_result, I64, ask_again_at));

/* Not for the wire: for pack_clear(). */
const struct pack acme_directory_pack = PACK(acme_directory,
	FIELD(acme_directory, STR, new_nonce),
	FIELD(acme_directory, STR, new_account),
	FIELD(acme_directory, STR, new_order),
	FIELD(acme_directory, STR, revoke_cert),
	FIELD(acme_directory, STR, key_change),
	FIELD(acme_directory, STR, renewal_info),
	FIELD(acme_directory, STR, terms),
	FIELD(acme_directory, STR, website),
	FIELD(acme_directory, STRS, caa),
	LIST(acme_directory, profiles, &profile_pack),
	FIELD(acme_directory, BOOL, eab_required));

const struct pack acme_authz_pack = PACK(acme_authz,
	FIELD(acme_authz, STR, url),
	FIELD(acme_authz, STR, name),
	FIELD(acme_authz, BOOL, valid),
	FIELD(acme_authz, STR, challenge));
