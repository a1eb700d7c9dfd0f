/*
 * responder: a complete test CA on loopback, that misbehaves on command.
 *
 * RFC 8555, RFC 8738, RFC 9773, profiles and dns-persist-01, over kamcert's
 * own TLS stack. All state is in memory and ends with the process. It is
 * never a production CA: it keeps no records, its keys live for one run, and
 * it does what a fault script says. Nothing here is linked into the agent,
 * and nothing of the agent's ACME code is used: JWS, CSR and key bindings are
 * verified by code of its own, so that a mistake cannot cancel out.
 */
#ifndef KAMCERT_RESPONDER_RESPONDER_H
#define KAMCERT_RESPONDER_RESPONDER_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/pack.h"
#include "base/text.h"
#include "tls/fault.h"
#include "tls/tls.h"

struct fault;
struct faults;
struct responder;
struct server;
struct va;
struct ca;
struct state;
struct limits;

/* --- map.c: octet strings to pointers --- */

struct map_node;
struct map {
	struct map_node	**slots;
	size_t		  nslots;
	size_t		  n;
};

void		*map_get(const struct map *, struct span key);	/* NULL if it is not there */
MUST_CHECK int	 map_put(struct map *, struct span key, void *value);	/* the key is copied; -1 without memory */
void		*map_take(struct map *, struct span key);	/* removes it; NULL if it was not there */
void		 map_clear(struct map *, void (*free_value)(void *));	/* NULL: values are not freed */

/* A growing array of pointers. -1 without memory. */
struct vec {
	void	**v;
	size_t	  n;
};

MUST_CHECK int	vec_add(struct vec *, void *);
void		vec_clear(struct vec *, void (*free_value)(void *));

/* --- options.c --- */

struct profile {
	char	*name;
	int64_t	 lifetime;	/* seconds */
};

#define PROFILES_MAX	16
#define RATES_MAX	8

struct options {
	struct sockaddr_storage	 listen;
	struct sockaddr_storage	 control;	/* ss_family 0: no control endpoint */
	uint16_t		 http_port;
	uint16_t		 tls_port;
	const char		*dns;		/* NULL: names come from the table only */
	struct map		 hosts;		/* canonical name -> char *, addresses between commas */
	struct map		 texts;		/* canonical name -> struct strs * of TXT records */
	struct map		 caa;		/* the same of CAA records: FLAGS TAG VALUE */
	struct profile		 profiles[PROFILES_MAX];
	size_t			 nprofiles;
	int64_t			 lifetime;	/* without a profile */
	struct map		 eab;		/* key id -> struct blob * with the HMAC key */
	bool			 eab_required;
	unsigned		 chain_length;	/* certificates of a chain, without its root */
	unsigned		 alternates;
	bool			 use_rsa;
	bool			 use_ecdsa;
	bool			 tls_rsa;
	unsigned		 nonce_reject;	/* percent */
	unsigned		 authz_reuse;	/* percent */
	unsigned		 validation_delay_ms;
	unsigned		 processing_ms;
	int64_t			 retry_after;	/* seconds, on objects that are worked at; -1: as long as the delays last */
	unsigned		 page;		/* orders of one page of an orders list */
	int64_t			 authz_lifetime;
	int64_t			 order_lifetime;
	struct strs		 blocked;	/* names that are refused */
	struct strs		 rates;		/* NAME=COUNT/SECONDS */
	struct strs		 fault_rules;
	const char		*script;	/* of fault rules */
	const char		*roots_file;
	const char		*server_cert_file;
	const char		*terms;
	int			 ready_fd;	/* -1: standard output */
	bool			 allow_root;
	bool			 any_target;	/* validate beyond loopback */
	bool			 verbose;
};

void		options_init(struct options *);
void		options_clear(struct options *);

enum options_next { OPTIONS_RUN, OPTIONS_DONE };

/* OPTIONS_DONE: --help, --version or --list-faults printed what was asked for. USAGE names the option. */
MUST_CHECK int	options_read(struct options *, int argc, char **argv, enum options_next *, struct err *e);

/* "127.0.0.1:0", "[::1]:80". USAGE unless it is a loopback address. */
MUST_CHECK int	options_address(const char *, struct sockaddr_storage *, struct err *e);

/* "NAME=ADDR,ADDR", "NAME=TEXT" and "NAME=FLAGS TAG VALUE"; * names every host that has no row. Texts add up, an empty one removes them all. */
MUST_CHECK int	options_add_host(struct options *, const char *, struct err *e);
MUST_CHECK int	options_add_text(struct options *, const char *, struct err *e);
MUST_CHECK int	options_add_caa(struct options *, const char *, struct err *e);

/* --- http.c: a small strict reader of HTTP/1.1, RFC 9112 --- */

#define HTTP_HEAD_MAX	(16 * 1024)
#define HTTP_BODY_MAX	(256 * 1024)
#define HTTP_PATH_MAX	1024

struct http_request {
	char		method[8];
	char		path[HTTP_PATH_MAX];	/* origin form, without the query */
	char		query[128];		/* "" if there is none */
	char		host[HOST_MAX + 9];	/* with the port */
	char		type[64];		/* of the content, lower case, without parameters */
	bool		close;			/* the connection ends after the answer */
	struct span	body;
	size_t		size;			/* octets of all of it */
};

enum http_result { HTTP_MORE, HTTP_WHOLE, HTTP_BAD };

/* What to answer to a bad one is in *status. The body is borrowed from in. */
enum http_result http_read_request(struct span in, struct http_request *, int *status);

struct http_answer {
	int		status;
	char		location[HTTP_PATH_MAX];
	struct span	body;		/* what has arrived of it, chunks put together in scratch */
};

/* eof: the peer has ended its side. */
enum http_result http_read_answer(struct span in, bool eof, struct buf *scratch, struct http_answer *);

/* --- a reply on its way out --- */

#define REPLY_MAX (16 * 1024 * 1024)

struct reply {
	int			 status;
	const char		*type;		/* NULL: no Content-Type */
	struct buf		 head;		/* further header lines, each with its CRLF */
	struct buf		 body;
	const struct fault	*send;		/* how it is delivered; NULL: as it should be */
	bool			 close;
};

void		reply_init(struct reply *);
void		reply_clear(struct reply *);

/* Takes the buffer over; it may become longer, as faults want it. */
void		reply_body(struct reply *, struct buf *);
void		reply_header(struct reply *, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* The octets of the reply as HTTP/1.1 wants them. */
void		reply_write(const struct reply *, bool head_only, struct buf *out);

/* --- server.c: sockets, TLS, HTTP --- */

struct peer {
	struct sockaddr_storage	addr;
};

typedef void server_handler(void *arg, const struct http_request *, const struct peer *,
	    struct reply *);

struct server_config {
	struct loop			*loop;
	struct sockaddr_storage		 listen;
	const struct tls_config		*tls;		/* NULL: without TLS */
	struct faults			*faults;	/* NULL: behaves well */
	struct ca			*ca;		/* for faults with certificates */
	server_handler			*handler;
	void				*arg;
};

MUST_CHECK int	server_new(const struct server_config *, struct server **, struct err *e);
void		server_free(struct server *);
uint16_t	server_port(const struct server *);
size_t		server_connections(const struct server *);

/* --- faults.c, faults_http.c, faults_tls.c: misbehaviour by name --- */

/* Where in the work of the responder a fault strikes. */
enum fault_stage {
	AT_ACCEPT,	/* a connection: kinds are enum accept_fault */
	AT_REQUEST,	/* a reply instead of the work: faults_http.c */
	AT_NONCE_CHECK,	/* kinds from here ... */
	AT_NEW_NONCE,
	AT_NONCE,	/* ... to here are enum nonce_fault */
	AT_DIRECTORY,	/* enum object_fault from here ... */
	AT_ORDER,
	AT_AUTHZ,
	AT_RENEWAL,	/* ... to here */
	AT_ISSUE,	/* enum issue_fault */
	AT_CHAIN,	/* enum chain_fault */
	AT_BODY,	/* the finished body: faults_http.c */
	AT_SEND,	/* enum send_fault */
};

struct fault {
	const char		*name;
	const char		*row;		/* of FAULTS, or the layer that it stands for */
	enum fault_stage	 stage;
	int			 kind;
	int			 number;
	const char		*text;
	const char		*what;
};

enum accept_fault {
	ACCEPT_RESET, ACCEPT_CLOSE, ACCEPT_STALL, ACCEPT_DRIP,
	ACCEPT_RESET_AT,	/* number: octets of the handshake that go out before */
	ACCEPT_STALL_AFTER_HANDSHAKE, ACCEPT_RESET_AFTER_HANDSHAKE,
	ACCEPT_IDENTITY,	/* number: enum ca_server_kind */
	ACCEPT_TLS,		/* number: index of faults_tls.c */
};

enum nonce_fault { NONCE_REJECT, NONCE_NONE, NONCE_SAME, NONCE_STATUS, NONCE_NOT_NEW };

enum object_fault {
	OBJECT_STATUS,		/* text: the status shown */
	OBJECT_BACKWARDS, OBJECT_SUBPROBLEMS, OBJECT_TOKEN, OBJECT_UNKNOWN_TYPES,
	OBJECT_NO_CHALLENGES, OBJECT_WILDCARD, OBJECT_EXPIRED, OBJECT_TWICE, OBJECT_UPPER_CASE,
	OBJECT_MISSING,		/* text: the member left out */
	OBJECT_MOVED, OBJECT_WINDOW, OBJECT_RETRY_AFTER, OBJECT_NO_RETRY_AFTER, OBJECT_404,
};

enum issue_fault {
	ISSUE_OTHER_KEY, ISSUE_EXPIRED, ISSUE_FUTURE, ISSUE_NAME_MISSING, ISSUE_NAME_EXTRA,
	ISSUE_WILDCARD, ISSUE_IS_CA, ISSUE_NO_SERVER_AUTH, ISSUE_SHA1, ISSUE_WEAK_KEY,
	ISSUE_CRITICAL, ISSUE_SAME_AGAIN, ISSUE_LIFETIME,
};

enum chain_fault {
	CHAIN_REVERSED, CHAIN_WITH_ROOT, CHAIN_DUPLICATE, CHAIN_UNRELATED, CHAIN_NO_LEAF,
	CHAIN_NO_INTERMEDIATE, CHAIN_KEY, CHAIN_HTML, CHAIN_EMPTY, CHAIN_COMMENTS, CHAIN_LINK_LOOP,
	CHAIN_LINK_MANY, CHAIN_LINK_HOST,
};

enum send_fault {
	SEND_HUGE_LENGTH, SEND_ENDLESS_BODY, SEND_ENDLESS_HEADERS, SEND_ENDLESS_1XX,
	SEND_STALL_HEADER, SEND_STALL_BODY, SEND_DRIP, SEND_RESET_HEADER, SEND_RESET_BODY,
	SEND_SHORT, SEND_NOTHING, SEND_GARBAGE, SEND_NO_CLOSE_NOTIFY, SEND_TLS,
};

MUST_CHECK int	faults_new(struct faults **, struct err *e);
void		faults_free(struct faults *);

/*
 * rule: NAME [ "@" ( N | N "-" | P "%" ) ] [ ":" PATH ]
 *
 * The n-th occasion, the n-th and all later ones, or a percentage; the path is a prefix of the request's.
 */
MUST_CHECK int	faults_add(struct faults *, const char *rule, struct err *e);
MUST_CHECK int	faults_read(struct faults *, const char *file, struct err *e);	/* a rule a line, # comments */
void		faults_reset(struct faults *);
void		faults_status(const struct faults *, struct json_out *);
void		faults_list(void);	/* --list-faults */

/* The first rule of this stage that strikes now, or NULL. path NULL: no rule with a path strikes. */
const struct fault *fault_pick(struct faults *, enum fault_stage, const char *path);

/* Tables of faults.c's parts; each ends with a name of NULL. */
extern const struct fault fault_table_http[];
extern const struct fault fault_table_tls[];

/* A connection's TLS configuration with a fault in it. NULL without memory. */
struct bent;
struct bent	*bent_new(const struct tls_config *, const struct fault *);
void		 bent_free(struct bent *);
const struct tls_config *bent_config(const struct bent *);

/* Called once when the handshake is over, for faults that act afterwards. */
void		 bent_open(struct bent *, struct tls_conn *);

/* --- state.c: accounts, orders, authorizations, nonces --- */

enum ident_type { IDENT_DNS, IDENT_IP };

#define IDENTS_MAX 100	/* of one order */

struct ident {
	enum ident_type	 type;
	bool		 wildcard;	/* the value is without its "*." */
	char		*value;		/* canonical */
};

enum challenge_type { CHAL_HTTP, CHAL_ALPN, CHAL_DNS, CHAL_PERSIST };
#define CHALLENGES 4

enum status {
	ST_PENDING, ST_PROCESSING, ST_READY, ST_VALID, ST_INVALID, ST_DEACTIVATED, ST_REVOKED,
	ST_EXPIRED,
};
const char	*status_word(enum status);
const char	*challenge_word(enum challenge_type);

struct account {
	uint32_t	 id;
	enum status	 status;	/* valid, deactivated or revoked */
	EVP_PKEY	*key;
	uint8_t		 thumb[SHA256_LEN];
	char		*contacts;	/* JSON array */
	char		*eab;		/* JSON object or NULL */
	bool		 agreed;
	struct vec	 orders;
};

struct authz {
	uint32_t	 id;
	enum status	 status;
	struct account	*account;
	struct ident	 ident;
	int64_t		 expires;
	int64_t		 validated;
	int8_t		 tried;		/* enum challenge_type, -1: none yet */
	enum status	 tried_status;
	char		*problem;	/* JSON object of the challenge that failed */
	bool		 asked_for;	/* by newAuthz: the next order uses it */
	uint8_t		 shown;		/* status faults: how often it was shown */
};

struct cert;
struct order {
	uint32_t	 id;
	enum status	 status;	/* pending becomes ready when it is looked at */
	struct account	*account;
	struct authz	**authz;
	size_t		 nauthz;
	const char	*profile;	/* of the options, or NULL */
	int64_t		 expires;
	int64_t		 not_before;	/* 0: as the CA likes */
	int64_t		 not_after;
	struct cert	*replaces;
	struct cert	*cert;
	char		*problem;
	uint8_t		 shown;
};

/* Only the leaf is kept: what follows it is known by the number of its issuer. */
struct cert {
	uint32_t	 id;
	struct account	*account;
	struct order	*order;
	struct cert	*replaced_by;
	int64_t		 not_before;
	int64_t		 not_after;
	int64_t		 revoked_at;	/* 0: it is not */
	int8_t		 reason;	/* RFC 5280 section 5.3.1; -1: none was given */
	uint8_t		 issuer;
	uint8_t		 serial[20];
	uint8_t		 serial_n;
	uint16_t	 n;
	uint8_t		 der[];
};

MUST_CHECK int	state_new(const struct options *, struct state **, struct err *e);
void		state_free(struct state *);

/* A nonce is a counter and its MAC: what it costs does not grow with how many are out. */
#define NONCE_TEXT 48
MUST_CHECK int	state_nonce(struct state *, char out[NONCE_TEXT]);
bool		state_spend(struct state *, const char *nonce);	/* true once for each that was handed out */

/* NULL without memory, or if it is not there. */
struct account	*state_account_new(struct state *, EVP_PKEY *key, const uint8_t thumb[SHA256_LEN]);
struct account	*state_account_by_thumb(struct state *, const uint8_t thumb[SHA256_LEN]);
MUST_CHECK int	 state_account_rekey(struct state *, struct account *, EVP_PKEY *, const uint8_t *thumb);
struct authz	*state_authz_new(struct state *, struct account *, const struct ident *);
struct authz	*state_authz_find(struct state *, struct account *, const struct ident *);	/* one to be used again */
struct order	*state_order_new(struct state *, struct account *);
MUST_CHECK int	 state_cert_add(struct state *, struct cert *);
struct cert	*state_cert_by_serial(struct state *, struct span serial);
size_t		 state_certs(const struct state *);
struct cert	*state_cert_at(const struct state *, size_t i);
void		 state_counts(const struct state *, struct json_out *);

/* Ids as texts in URLs: other runs' are not found. */
#define ID_TEXT 24
const char	*state_id(const struct state *, uint32_t id, char out[ID_TEXT]);
struct account	*state_account_at(const struct state *, const char *id);
struct authz	*state_authz_at(const struct state *, const char *id);
struct order	*state_order_at(const struct state *, const char *id);
struct cert	*state_cert_by_id(const struct state *, const char *id);

/* 32 octets of base64url, the same for the same challenge; 43 characters. */
#define TOKEN_TEXT 44
MUST_CHECK int	state_token(const struct state *, const struct authz *, enum challenge_type,
		    char out[TOKEN_TEXT]);

/* Brings the statuses of objects up to date with the clock and with each other. */
enum status	authz_status(struct authz *, int64_t now);
enum status	order_status(struct order *, int64_t now);

/* --- problems --- */

struct problem {
	int		 status;	/* 0: none */
	const char	*type;		/* without the name space */
	char		 detail[512];
	int64_t		 retry_after;	/* seconds, 0: no header */
	const char	*link;		/* Link header as a whole, or NULL */
	const char	*extra;		/* further members, ",\"subproblems\":[...]" */
};

/* Always -1. */
int		problem_set(struct problem *, int status, const char *type, const char *fmt, ...)
		    PRINTF(4, 5);
void		problem_json(const struct problem *, struct json_out *, const char *key);

/* --- check.c, csr.c: RFC 8555's rules for what clients send --- */

struct jws {
	struct json_doc	*header;
	struct json_doc	*body;		/* of the payload; NULL if that is empty */
	struct buf	 payload;
	EVP_PKEY	*jwk;		/* embedded key, or NULL */
	uint8_t		 thumb[SHA256_LEN];	/* of jwk */
	const char	*kid;		/* or NULL */
	const char	*alg;
	const char	*nonce;		/* NULL if there is none */
	const char	*url;
	struct buf	 signing;	/* what the signature is over */
	struct buf	 signature;
};

void		jws_init(struct jws *);
void		jws_clear(struct jws *);

/* Flattened JSON serialization (RFC 8555 section 6.2); verifies nothing yet. */
MUST_CHECK int	jws_read(struct span, struct jws *, struct problem *);
MUST_CHECK int	jws_read_value(const struct json *, struct jws *, struct problem *);
MUST_CHECK int	jws_verify(const struct jws *, EVP_PKEY *, struct problem *);
MUST_CHECK int	jws_verify_hmac(const struct jws *, struct span key, struct problem *);

/* A JWK (RFC 7517) and its thumbprint (RFC 7638). The key is the caller's. */
MUST_CHECK int	jwk_read(const struct json *, EVP_PKEY **, uint8_t thumb[SHA256_LEN], struct problem *);

/* "dns" and "ip" identifiers (RFC 8555 section 7.1.4, RFC 8738); canonical. The value is the caller's. */
MUST_CHECK int	ident_read(const char *type, const char *value, struct ident *, struct problem *);
bool		ident_same(const struct ident *, const struct ident *);

struct csr {
	X509_REQ	*req;
	EVP_PKEY	*key;		/* borrowed from req */
};

/* Signature, key, and exactly the identifiers of the order (RFC 8555 section 7.4). */
MUST_CHECK int	csr_check(struct span der, const struct order *, struct csr *, struct problem *);
void		csr_clear(struct csr *);

/* --- ca.c, ca_issue.c: keys and certificates --- */

enum ca_server_kind {
	CA_SERVER_GOOD, CA_SERVER_EXPIRED, CA_SERVER_FUTURE, CA_SERVER_NAME, CA_SERVER_FOREIGN,
	CA_SERVER_WEAK, CA_SERVER_KINDS,
};

#define CA_LEVELS_MAX	4	/* intermediates below a root */
#define CA_ALTERNATES_MAX 4

/* One hierarchy: root, intermediates downwards, and others' certificates for the root's key. */
struct ca_tree {
	EVP_PKEY	*root_key;
	X509		*root;
	EVP_PKEY	*keys[CA_LEVELS_MAX];
	X509		*mids[CA_LEVELS_MAX];
	unsigned	 nmids;
	X509		*cross[CA_ALTERNATES_MAX];	/* the root's key under other roots */
	unsigned	 ncross;
	uint8_t		 aki[20];	/* key identifier of the issuer of leaves */
};

struct ca {
	const struct options	*o;
	struct ca_tree		 trees[2];	/* ECDSA, RSA */
	bool			 has[2];
	EVP_PKEY		*old_keys[CA_ALTERNATES_MAX];
	X509			*old_roots[CA_ALTERNATES_MAX];
	EVP_PKEY		*tls_key;
	X509			*tls_root;
	EVP_PKEY		*server_key;
	struct tls_identity	*servers[CA_SERVER_KINDS];
	char			 base[96];	/* https://ADDR:PORT for CRL URLs; "" leaves them out */
	struct span		 crl[2];	/* DER, made when asked for */
	unsigned		 crl_number;
};

MUST_CHECK int	ca_new(const struct options *, struct ca **, struct err *e);
void		ca_free(struct ca *);
MUST_CHECK int	ca_write_files(const struct ca *, const struct options *, struct err *e);
void		ca_put_roots(const struct ca *, struct buf *pem);
const struct tls_identity *ca_server(struct ca *, enum ca_server_kind);

struct ca_ask {
	const struct order	*order;
	EVP_PKEY		*key;
	int64_t			 now;
	const struct fault	*fault;		/* AT_ISSUE, or NULL */
};

/* NULL with an error; otherwise the caller's to free() until state_cert_add(). */
struct cert	*ca_issue(struct ca *, const struct ca_ask *, struct err *e);
int64_t		 ca_lifetime(const struct options *, const char *profile);

/* The chain as PEM: number 0 is the usual one, others are alternates. false: no such number. */
bool		 ca_chain(const struct ca *, const struct cert *, unsigned number,
		    const struct fault *, struct buf *pem);
unsigned	 ca_chains(const struct ca *, const struct cert *);
struct span	 ca_issuer_id(const struct ca *, const struct cert *);	/* AKI of the leaf */
bool		 ca_issued(const struct ca *, X509 *);
MUST_CHECK int	 ca_crl(struct ca *, const struct state *, unsigned tree, struct span *der, struct err *e);
void		 ca_crl_stale(struct ca *);

/* What ca.c gives to ca_issue.c. */
MUST_CHECK EVP_PKEY *ca_key(bool rsa, unsigned bits);
struct ca_spec {
	const char	*subject;	/* common name, or NULL */
	EVP_PKEY	*key;
	X509		*issuer;	/* NULL: self-signed */
	EVP_PKEY	*issuer_key;
	int64_t		 from;
	int64_t		 to;
	bool		 is_ca;
	const char	*names;		/* subjectAltName as OpenSSL's configuration writes it, or NULL */
	const char	*usage;		/* extendedKeyUsage, or NULL */
	const char	*crl;		/* URL, or NULL */
	bool		 sha1;
	bool		 critical;	/* an extension that nobody knows */
	bool		 is_octets;	/* wanted as DER: nobody will ask the X509 for its key */
};
MUST_CHECK X509	*ca_make(const struct ca_spec *, struct err *e);

/* --- va.c, va_fetch.c, va_dns.c: validation of challenges --- */

struct va_ask {
	enum challenge_type	 type;
	const struct ident	*ident;
	const char		*token;
	const char		*thumb;		/* of the account's key, base64url */
	const char		*account;	/* URL, for dns-persist-01 */
};

/* problem is NULL when the challenge was fulfilled. */
typedef void va_done(void *arg, const struct problem *);

MUST_CHECK int	va_new(struct loop *, struct options *, struct va **, struct err *e);
void		va_free(struct va *);	/* what still runs ends without a word */

/* Copies what it needs. done is called once, from the loop. */
MUST_CHECK int	va_begin(struct va *, const struct va_ask *, va_done *, void *arg, struct err *e);

#define VA_ADDRESSES_MAX 8
#define VA_TEXTS_MAX	32

struct va_answer {
	struct sockaddr_storage	 addr[VA_ADDRESSES_MAX];
	size_t			 naddr;
	char			*text[VA_TEXTS_MAX];	/* TXT records, each put together */
	size_t			 ntext;
	bool			 failed;	/* by the server's fault: not that there is nothing */
};

typedef void va_resolved(void *arg, const struct va_answer *, const char *error);

struct va_dns;
MUST_CHECK int	va_dns_new(struct loop *, struct options *, struct va_dns **, struct err *e);
void		va_dns_free(struct va_dns *);

/* Calls back once, never before it returned; table first, then the server that was given. IPv6 addresses go first. */
MUST_CHECK int	va_dns_addresses(struct va_dns *, const char *name, va_resolved *, void *arg);
MUST_CHECK int	va_dns_texts(struct va_dns *, const char *name, va_resolved *, void *arg);
MUST_CHECK int	va_dns_caa(struct va_dns *, const char *name, va_resolved *, void *arg);
bool		va_dns_has_caa(const struct va_dns *);	/* there may be records */

/* A walk upwards through the names above an identifier. */
struct va_climb {
	struct va_dns		*dns;
	const struct va_ask	*ask;
	const char		*at;		/* within the identifier */
	va_done			*done;
	void			*arg;
};

/* May the CA issue? The climb is the caller's until done is called, which may be before this returns. */
void		va_caa(struct va_climb *, const struct va_climb *how);

/* One fetch: connects, does TLS if tls says so, sends, collects until the end. */
struct va_fetch;
struct va_fetch_ask {
	const struct sockaddr_storage	*addr;
	const struct tls_config		*tls;	/* NULL: plain */
	const char			*sni;
	struct span			 send;	/* empty: the handshake is all that is wanted */
};
struct va_fetched {
	const char		*error;		/* NULL: done; what went wrong otherwise */
	bool			 connected;	/* an error came after the connection was there */
	struct span		 octets;
	bool			 eof;
	const struct tls_info	*info;
};

/* more: ask again with what has come so far; true ends the fetch. Called with error set at its end at the latest. */
typedef bool va_fetch_more(void *arg, const struct va_fetched *);
struct va_fetch	*va_fetch_new(struct loop *, const struct va_fetch_ask *, va_fetch_more *, void *arg);
void		 va_fetch_free(struct va_fetch *);

/* Judgement of what was found; each is a function of its arguments only. */
MUST_CHECK int	va_judge_http(const struct va_ask *, const struct http_answer *, struct problem *);
MUST_CHECK int	va_judge_alpn(const struct va_ask *, const struct tls_info *, struct problem *);
MUST_CHECK int	va_judge_dns(const struct va_ask *, const struct va_answer *, struct problem *);
MUST_CHECK int	va_judge_persist(const struct va_ask *, const struct va_answer *, int64_t now,
		    struct problem *);
MUST_CHECK int	va_judge_caa(const struct va_ask *, const struct va_answer *, struct problem *);
struct span	va_next_part(struct span *rest);	/* up to the next semicolon, without spaces around */
#define VA_ISSUER "ca.kamcert.test"

/* --- limits.c: rate limits like Let's Encrypt's --- */

enum limit { LIMIT_ACCOUNTS, LIMIT_ORDERS, LIMIT_DOMAIN, LIMIT_NAME_SET, LIMIT_FAILURES, LIMIT_PAUSE, LIMITS };

MUST_CHECK int	limits_new(const struct strs *rates, struct limits **, struct err *e);
void		limits_free(struct limits *);

/* True if one more is within the limit, *wait otherwise says for how many seconds it is not. Counts nothing. */
bool		limits_allow(struct limits *, enum limit, const char *key, int64_t now, int64_t *wait);
void		limits_count(struct limits *, enum limit, const char *key, int64_t now);
void		limits_forget(struct limits *, enum limit, const char *key);

/* --- api*.c: the resources --- */

struct responder {
	struct options	 o;
	struct loop	*loop;
	struct faults	*faults;
	struct limits	*limits;
	struct state	*state;
	struct ca	*ca;
	struct va	*va;
	struct server	*server;
	struct server	*control;
	uint64_t	 requests;
	int64_t		 window_from;	/* renewal information set by the operator; 0: by the lifetime */
	int64_t		 window_to;
	struct cert	*last;		/* the certificate issued last */
	char		 last_nonce[NONCE_TEXT];
};

/* One request. */
struct call {
	struct responder		*r;
	const struct http_request	*req;
	const struct peer		*peer;
	const char			*id;		/* the last component of the path, where the table has one */
	char				 base[HOST_MAX + 20];	/* https://HOST */
	struct jws			 jws;
	struct account			*account;
	struct reply			*reply;
	struct problem			 problem;
	int64_t				 now;
};

/* A handler fills in the reply, or c->problem and returns -1. */
typedef int api_handler(struct call *);
api_handler	api_account_new, api_account, api_key_change, api_orders;
api_handler	api_order_new, api_order, api_finalize, api_authz_new, api_authz, api_challenge;
api_handler	api_certificate, api_revoke, api_renewal_info, api_crl;

server_handler	api_handle;		/* arg is the struct responder */
server_handler	control_handle;

/* What the handlers share. */
const struct json *call_object(struct call *, const char *where);	/* the payload; NULL with a problem */
bool		call_is_get(const struct call *);	/* POST-as-GET, RFC 8555 section 6.3 */
int		call_json(struct call *, int status, struct buf *);	/* takes the buffer over */
void		call_url(const struct call *, const char *kind, uint32_t id, const char *tail, struct buf *);
void		call_location(struct call *, const char *kind, uint32_t id);
void		call_retry_after(struct call *, unsigned delay_ms);	/* for what is worked at */
void		json_put_url(const struct call *, struct json_out *, const char *key, const char *kind,
		    uint32_t id, const char *tail);

/* By its identifier of RFC 9773 section 4.1; NULL if it is not of this CA. */
struct cert	*cert_by_ari(struct responder *, const char *id);

/* faults_http.c: the reply of an AT_REQUEST fault, and the body bent by an AT_BODY one. */
void		fault_reply(struct call *, const struct fault *);
void		fault_body(struct call *, const struct fault *);

#endif
