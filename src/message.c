#include "message.h"

#include "report.h"
#include "sandbox.h"
#include "status.h"
#include "verify.h"

#define I64(t, m)	{ PACK_I64, offsetof(struct t, m), NULL }
#define FLAG(t, m)	{ PACK_BOOL, offsetof(struct t, m), NULL }
#define STR(t, m)	{ PACK_STR, offsetof(struct t, m), NULL }
#define STRS(t, m)	{ PACK_STRS, offsetof(struct t, m), NULL }
#define BLOB(t, m)	{ PACK_BLOB, offsetof(struct t, m), NULL }
#define LIST(t, m, of)	{ PACK_LIST, offsetof(struct t, m), &of }
#define IN(t, m, of)	{ PACK_STRUCT, offsetof(struct t, m), &of }

static const struct pack error_pack = PACK(msg_error, I64(msg_error, class),
	I64(msg_error, sys), I64(msg_error, retry_at), STR(msg_error, text), STR(msg_error, hint),
	I64(msg_error, trouble));

static const struct pack lost_pack = PACK(msg_lost, STR(msg_lost, cert),
	IN(msg_lost, why, error_pack));

const struct pack msg_started_pack = PACK(msg_started, LIST(msg_started, lost, lost_pack));

static const struct pack wall_group_pack = PACK(wall_group, I64(wall_group, gid));

const struct pack walls_pack = PACK(walls, I64(walls, uid), I64(walls, gid),
	LIST(walls, groups, wall_group_pack), I64(walls, keep), STRS(walls, reads),
	STRS(walls, writes), STRS(walls, hidden), STRS(walls, secrets),
	LIST(walls, users, user_entry_pack), FLAG(walls, signals),
	FLAG(walls, best_effort), FLAG(walls, kill));

const struct pack walled_pack = PACK(walled, I64(walled, class), STR(walled, text),
	STR(walled, hint), I64(walled, uid), I64(walled, keep), I64(walled, landlock),
	FLAG(walled, calls), FLAG(walled, no_new_privs), STRS(walled, missing));

static const struct pack setup_pack = PACK(msg_setup, IN(msg_setup, config, config_pack),
	I64(msg_setup, command), STRS(msg_setup, certs), I64(msg_setup, jobs),
	FLAG(msg_setup, scheduled), FLAG(msg_setup, force), FLAG(msg_setup, dry_run),
	FLAG(msg_setup, no_hooks), I64(msg_setup, version), I64(msg_setup, action),
	STR(msg_setup, url), I64(msg_setup, reason), FLAG(msg_setup, by_cert_key));

static const struct pack start_pack = PACK(msg_start, I64(msg_start, role),
	STRS(msg_start, certs));

static const struct pack run_pack = PACK(msg_run, STR(msg_run, cert), I64(msg_run, hook),
	IN(msg_run, event, hook_event_pack));

static const struct pack end_pack = PACK(msg_end, I64(msg_end, outcome), I64(msg_end, next));

static const struct pack status_leaf_pack = PACK(status_leaf,
	STR(status_leaf, key_type), STR(status_leaf, serial), STR(status_leaf, issuer),
	I64(status_leaf, not_before), I64(status_leaf, not_after),
	STR(status_leaf, tlsa), STR(status_leaf, next_tlsa));

const struct pack status_pack = PACK(status, STR(status, name), STRS(status, names),
	STR(status, ca), STR(status, ca_why), STR(status, issued_by), I64(status, version),
	STR(status, issuer), STR(status, serial),
	STR(status, key_type), I64(status, not_before), I64(status, not_after),
	{ PACK_LIST, offsetof(struct status, leaves), &status_leaf_pack }, I64(status, due),
	STR(status, why), STR(status, held), I64(status, pending), FLAG(status, served),
	STR(status, unserved), I64(status, unserved_since),
	I64(status, last_when), I64(status, last_outcome), STR(status, last_step),
	STR(status, last_text), I64(status, failures), STR(status, problem), BLOB(status, facts));

static const struct pack webroot_pack = PACK(msg_webroot, STR(msg_webroot, path));

static const struct pack put_pack = PACK(msg_put, STR(msg_put, token),
	STR(msg_put, key_authorization), STR(msg_put, webroot),
	STR(msg_put, tls_name));

static const struct pack drop_pack = PACK(msg_drop, STR(msg_drop, token),
	STR(msg_drop, webroot), FLAG(msg_drop, tls));

static const struct pack record_msg_pack = PACK(msg_record, STR(msg_record, cert),
	I64(msg_record, challenge), FLAG(msg_record, present), STR(msg_record, name),
	STR(msg_record, domain), STR(msg_record, value));

static const struct pack dns_pack = PACK(msg_dns, STR(msg_dns, name), STR(msg_dns, resolver),
	STR(msg_dns, value), I64(msg_dns, seconds), STRS(msg_dns, issuers),
	STR(msg_dns, account), FLAG(msg_dns, wildcard));

static const struct pack found_pack = PACK(msg_found, STR(msg_found, name));

static const struct pack looked_pack = PACK(msg_looked, FLAG(msg_looked, missing),
	STRS(msg_looked, addresses), STR(msg_looked, trouble),
	LIST(msg_looked, caa, caa_record_pack), STR(msg_looked, caa_trouble));

static const struct pack fetch_pack = PACK(msg_fetch, STR(msg_fetch, url), STR(msg_fetch, host),
	I64(msg_fetch, seconds), STR(msg_fetch, ca));

static const struct pack fetched_pack = PACK(msg_fetched, I64(msg_fetched, status),
	BLOB(msg_fetched, body), STR(msg_fetched, text), I64(msg_fetched, sys),
	FLAG(msg_fetched, global), FLAG(msg_fetched, own), FLAG(msg_fetched, open));

static const struct pack task_pack = PACK(msg_task, I64(msg_task, job), STR(msg_task, name),
	IN(msg_task, ca, acme_ca_pack), STR(msg_task, ca_file), I64(msg_task, hold_until),
	IN(msg_task, todo, acme_job_pack));

static const struct pack step_pack = PACK(msg_step, I64(msg_step, job), STR(msg_step, step));

static const struct pack sign_pack = PACK(msg_sign, I64(msg_sign, job),
	IN(msg_sign, sign, acme_sign_pack));

static const struct pack signed_pack = PACK(msg_signed, BLOB(msg_signed, jws));

static const struct pack solve_pack = PACK(msg_solve, I64(msg_solve, job),
	LIST(msg_solve, challenges, acme_challenge_pack));

static const struct pack csr_pack = PACK(msg_csr, I64(msg_csr, job), STR(msg_csr, order));

static const struct pack csr_is_pack = PACK(msg_csr_is, BLOB(msg_csr_is, der));

static const struct pack chain_pack = PACK(msg_chain, I64(msg_chain, job),
	BLOB(msg_chain, pem), I64(msg_chain, left), I64(msg_chain, ca_time));

static const struct pack take_pack = PACK(msg_take, FLAG(msg_take, take));

static const struct pack reload_pack = PACK(msg_reload, IN(msg_reload, hook, hook_conf_pack),
	IN(msg_reload, event, hook_event_pack));

static const struct pack reloaded_pack = PACK(msg_reloaded, I64(msg_reloaded, result),
	IN(msg_reloaded, error, error_pack), I64(msg_reloaded, ms),
	IN(msg_reloaded, before, hook_facts_pack), IN(msg_reloaded, after, hook_facts_pack));

static const struct pack watch_pack = PACK(msg_watch, IN(msg_watch, hook, hook_conf_pack),
	STR(msg_watch, log_mark), FLAG(msg_watch, mark));

static const struct pack watched_pack = PACK(msg_watched,
	IN(msg_watched, facts, hook_facts_pack), IN(msg_watched, log, errlog_pack));

static const struct message_info infos[MSG_TYPES] = {
	[MSG_DONE]	= { "done", NULL, true, false },
	[MSG_FAILED]	= { "failed", &error_pack, true, false },
	[MSG_WALLS]	= { "walls", &walls_pack, false, false },
	[MSG_WALLED]	= { "walled", &walled_pack, false, false },
	[MSG_SETUP]	= { "setup", &setup_pack, false, false },
	[MSG_STOP]	= { "stop", NULL, false, false },
	[MSG_START]	= { "start", &start_pack, false, false },
	[MSG_STARTED]	= { "started", &msg_started_pack, true, true },
	[MSG_RUN]	= { "run", &run_pack, false, false },
	[MSG_RECORD]	= { "record", &record_msg_pack, false, false },
	[MSG_REPORT]	= { "report", &report_pack, false, false },
	[MSG_STATUS]	= { "status", &status_pack, false, false },
	[MSG_END]	= { "end", &end_pack, false, false },
	[MSG_LISTEN]	= { "listen", NULL, false, true },
	[MSG_LISTEN_TLS] = { "listen-tls", NULL, false, true },
	[MSG_WEBROOT]	= { "webroot", &webroot_pack, false, true },
	[MSG_ALLOW]	= { "allow", &hook_conf_pack, false, false },
	[MSG_PUT]	= { "put", &put_pack, false, false },
	[MSG_DROP]	= { "drop", &drop_pack, false, false },
	[MSG_FIND]	= { "find", &dns_pack, false, false },
	[MSG_FOUND]	= { "found", &found_pack, true, false },
	[MSG_AWAIT]	= { "await", &dns_pack, false, false },
	[MSG_LOOKUP]	= { "lookup", &dns_pack, false, false },
	[MSG_LOOKED]	= { "looked", &looked_pack, true, false },
	[MSG_TASK]	= { "task", &task_pack, false, false },
	[MSG_RESULT]	= { "result", &acme_result_pack, true, false },
	[MSG_FETCH]	= { "fetch", &fetch_pack, false, false },
	[MSG_FETCHED]	= { "fetched", &fetched_pack, true, false },
	[MSG_STEP]	= { "step", &step_pack, false, false },
	[MSG_SIGN]	= { "sign", &sign_pack, false, false },
	[MSG_SIGNED]	= { "signed", &signed_pack, true, false },
	[MSG_SOLVE]	= { "solve", &solve_pack, false, false },
	[MSG_UNSOLVE]	= { "unsolve", &solve_pack, false, false },
	[MSG_CSR]	= { "csr", &csr_pack, false, false },
	[MSG_CSR_IS]	= { "csr-is", &csr_is_pack, true, false },
	[MSG_CHAIN]	= { "chain", &chain_pack, false, false },
	[MSG_TAKE]	= { "take", &take_pack, true, false },
	[MSG_PREFLIGHT]	= { "preflight", &hook_conf_pack, false, false },
	[MSG_FACTS]	= { "facts", &hook_facts_pack, true, false },
	[MSG_RELOAD]	= { "reload", &reload_pack, false, false },
	[MSG_RELOADED]	= { "reloaded", &reloaded_pack, true, false },
	[MSG_WATCH]	= { "watch", &watch_pack, false, false },
	[MSG_WATCHED]	= { "watched", &watched_pack, true, false },
	[MSG_VERIFY]	= { "verify", &verify_in_pack, false, false },
	[MSG_VERIFIED]	= { "verified", &verify_out_pack, true, false },
};

const struct message_info *
message_info(unsigned type)
{
	return type < MSG_TYPES && infos[type].name != NULL ? &infos[type] : NULL;
}
