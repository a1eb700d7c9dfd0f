/*
 * private: what the files of tls share and nobody else sees.
 *
 * conn.c is the face; it feeds record.c, which feeds handshake.c, which
 * steers. hello.c, extension.c, auth.c, ticket.c and tls12.c each read and
 * write messages; negotiate.c decides what a server answers; schedule.c has
 * the secrets.
 */
#ifndef KAMCERT_TLS_PRIVATE_H
#define KAMCERT_TLS_PRIVATE_H

#include "base/bytes.h"
#include "base/err.h"
#include "tls/crypto.h"
#include "tls/fault.h"
#include "tls/tls.h"

#define TLS_RECORD_MAX		16384	/* RFC 8446 section 5.1: plaintext of a record */
#define TLS_EXPANSION_13	256	/* RFC 8446 section 5.2 */
#define TLS_EXPANSION_12	2048	/* RFC 5246 section 6.2.3 */
#define TLS_HEADER_LEN		5	/* of a record */
#define TLS_MESSAGE_HEADER	4	/* of a handshake message */
#define TLS_RANDOM_LEN		32
#define TLS_SESSION_ID_MAX	32
#define TLS_NAME_MAX		255	/* host names and ALPN protocols */

/* What a peer may do in a row without getting anywhere. */
#define TLS_EMPTY_MAX		32	/* records without application data */
#define TLS_CCS_MAX		32	/* change_cipher_spec of TLS 1.3 in a handshake */
#define TLS_WARNINGS_MAX	4	/* alerts that do not end the connection */
#define TLS_POSTS_MAX		32	/* messages after the handshake */
#define TLS_EARLY_MAX		65536	/* octets of 0-RTT records skipped */

#define TLS_OUT_MAX		(8 * 1024 * 1024)	/* output; floods on command need room */
#define TLS_FLIGHT_MAX		(256 * 1024)
#define TLS_CHAIN_OCTETS_MAX	65536	/* a Certificate message */
#define TLS_HELLO_MAX		132096	/* a ClientHello with every vector full */

/* --- schedule.c --- */

struct tls_transcript {
	const struct tls_hash	*hash;	/* NULL until the suite is known */
	EVP_MD_CTX		*ctx;
	struct buf		 raw;	/* what came before that; all of it when keep */
	bool			 keep;	/* TLS 1.2 signs messages, not their hash */
};

void		tls_transcript_init(struct tls_transcript *);
void		tls_transcript_clear(struct tls_transcript *);
MUST_CHECK int	tls_transcript_start(struct tls_transcript *, const struct tls_hash *,
		    struct err *e);
MUST_CHECK int	tls_transcript_add(struct tls_transcript *, struct span, struct err *e);
MUST_CHECK int	tls_transcript_now(const struct tls_transcript *, uint8_t out[TLS_HASH_MAX],
		    struct err *e);

/* The hash of what is there and of more. */
MUST_CHECK int	tls_transcript_with(const struct tls_transcript *, struct span more,
		    uint8_t out[TLS_HASH_MAX], struct err *e);

/* RFC 8446 section 4.4.1: the first ClientHello becomes a message_hash. */
MUST_CHECK int	tls_transcript_retry(struct tls_transcript *, struct err *e);

/* Each function asks for the stage before its own and leaves its own. */
enum tls_stage {
	TLS_STAGE_NONE, TLS_STAGE_EARLY, TLS_STAGE_HANDSHAKE, TLS_STAGE_MASTER, TLS_STAGE_DONE
};

enum { TLS_BY_CLIENT, TLS_BY_SERVER };

struct tls_schedule {
	const struct tls_hash	*hash;
	enum tls_stage		 stage;
	uint8_t			 secret[TLS_HASH_MAX];	/* of the stage; TLS 1.2: master */
	uint8_t			 handshake[2][TLS_HASH_MAX];	/* traffic secrets */
	uint8_t			 traffic[2][TLS_HASH_MAX];
	uint8_t			 exporter[TLS_HASH_MAX];
	uint8_t			 resumption[TLS_HASH_MAX];
};

MUST_CHECK int	tls_schedule_early(struct tls_schedule *, const struct tls_hash *, struct span psk,
		    struct err *e);
MUST_CHECK int	tls_schedule_handshake(struct tls_schedule *, struct span shared,
		    const uint8_t *transcript, struct err *e);
MUST_CHECK int	tls_schedule_master(struct tls_schedule *, const uint8_t *transcript,
		    struct err *e);
MUST_CHECK int	tls_schedule_done(struct tls_schedule *, const uint8_t *transcript, struct err *e);

/* RFC 8446 section 7.2. */
MUST_CHECK int	tls_schedule_update(struct tls_schedule *, int by, struct err *e);

/*
 * The binder of RFC 8446 section 4.2.11.2, over the hash of a truncated ClientHello;
 * stage early.
 */
MUST_CHECK int	tls_schedule_binder(const struct tls_schedule *, const uint8_t *transcript,
		    uint8_t *out, struct err *e);
MUST_CHECK int	tls_schedule_psk(const struct tls_schedule *, struct span nonce, uint8_t *out,
		    struct err *e);
MUST_CHECK int	tls_finished_mac(const struct tls_hash *, const uint8_t *base_key,
		    const uint8_t *transcript, uint8_t *out, struct err *e);

/* HKDF-Expand-Label of RFC 8446 section 7.1. */
struct tls_label {
	const char	*label;
	struct span	 context;
	uint8_t		*out;
	size_t		 n;
};
MUST_CHECK int	tls_expand_label(const struct tls_hash *, const uint8_t *secret,
		    const struct tls_label *, struct err *e);

/* --- record.c --- */

/* One direction. */
struct tls_flow {
	const struct tls_suite	*suite;		/* NULL: without protection */
	EVP_CIPHER_CTX		*aead;
	uint8_t			 iv[TLS_IV_LEN];
	uint64_t		 seq;
};

struct tls_handshake;

struct tls_conn {
	const struct tls_config	*cfg;
	bool			 is_server;
	enum tls_state		 state;
	uint16_t		 version;	/* 0 until it is known */
	bool			 said_close;

	struct tls_flow		 rx, tx;
	struct buf		 record;	/* a record that has not arrived whole */
	struct buf		 messages;	/* of the handshake; the one being read is first, */
	size_t			 reading;	/* and so long */
	struct buf		 plain;		/* for the user */
	size_t			 plain_read;
	struct buf		 flight;	/* handshake messages that will share records */
	struct buf		 out;		/* for the peer */
	size_t			 out_sent;

	struct tls_handshake	*hs;		/* NULL once open or failed */
	struct tls_schedule	 schedule;

	size_t			 send_limit;	/* plaintext octets of a record, RFC 8449 */
	size_t			 receive_limit;
	uint8_t			 alert;		/* what a failure will say */
	int			 alert_sent, alert_received;	/* -1: none */
	unsigned		 nempty, nwarnings, nposts;	/* in a row */
	uint32_t		 ntickets;	/* sent */
	bool			 owes_update;	/* a KeyUpdate was asked for */
	bool			 takes_tickets;	/* server: the client can resume by psk_dhe_ke */

	/* What was agreed upon. */
	const struct tls_suite	*suite;
	const struct tls_group	*group;
	const struct tls_scheme	*scheme;	/* of the server's signature */
	char			*sni;
	char			 alpn[TLS_NAME_MAX + 1];
	bool			 has_ems;	/* TLS 1.2: extended master secret */
	bool			 resumed, retried;
	int64_t			 born_ms;	/* the full handshake before all resumptions */
	struct buf		 peer_chain;	/* DER after DER */
	struct span		 peer_certs[TLS_CHAIN_MAX];	/* into peer_chain */
	size_t			 npeer_certs;
	struct buf		 session;	/* client: newest ticket */
	uint8_t			 randoms[2][TLS_RANDOM_LEN];
};

/* Takes octets from the peer; see tls_feed(). */
MUST_CHECK int	tls_record_feed(struct tls_conn *, struct span in, size_t *eaten, struct err *e);

/* Content in as many records as it needs, at once. */
MUST_CHECK int	tls_record_put(struct tls_conn *, uint8_t type, struct span content, struct err *e);

/* The flight becomes records. */
MUST_CHECK int	tls_record_flush(struct tls_conn *, struct err *e);

/* One record of any content and size: what the peer's limit is does not count. */
MUST_CHECK int	tls_record_one(struct tls_conn *, uint8_t type, struct span content, struct err *e);

void		tls_flow_clear(struct tls_flow *);
MUST_CHECK int	tls_flow_start(struct tls_flow *, const struct tls_suite *, bool is_seal,
		    const uint8_t *key, struct err *e);

/*
 * New keys from a traffic secret (RFC 8446 section 7.3). A change for sending
 * flushes first; for receiving, the message being read must be the end of what has
 * come (RFC 8446 section 5.1).
 */
MUST_CHECK int	tls_keys_may_change(struct tls_conn *, struct err *e);
MUST_CHECK int	tls_keys_send(struct tls_conn *, const uint8_t *secret, struct err *e);
MUST_CHECK int	tls_keys_receive(struct tls_conn *, const uint8_t *secret, struct err *e);

/* --- conn.c --- */

/*
 * The peer is at fault: REFUSE, and the alert that it will get. Always -1.
 * Whatever else fails is told to the peer as internal_error.
 */
int		tls_fail(struct tls_conn *, uint8_t alert, struct err *e, const char *fmt, ...)
		    PRINTF(4, 5);

/* Puts the alert into the output; failures are ignored, for there is nobody left to tell. */
void		tls_alert_put(struct tls_conn *, uint8_t level, uint8_t alert);

MUST_CHECK int	tls_random(const struct tls_conn *, uint8_t *out, size_t n, struct err *e);
int64_t		tls_now_ms(const struct tls_conn *);
int		tls_pubkey_init(struct err *e);		/* pubkey.c */

/* --- identity.c --- */

struct tls_identity {
	EVP_PKEY	*key;
	enum tls_key_kind kind;
	uint32_t	 fits_13, fits_12;		/* schemes by index */
	EVP_PKEY_CTX	*sign[TLS_NSCHEMES];
	struct buf	 list_13, list_12;		/* certificate_list as in the message */
};

/* --- handshake.c --- */

/* What is known of the course of a handshake; selects one of the legal orders. */
#define TLS_COURSE_RETRY	1u	/* HelloRetryRequest */
#define TLS_COURSE_PSK		2u	/* resumed: no certificates */
#define TLS_COURSE_ASKED	4u	/* CertificateRequest */
#define TLS_COURSE_PROVED	8u	/* the client's Certificate is not empty */
#define TLS_COURSE_12		16u

/* What a ClientHello says. The spans point into the message, while it is being read. */
struct tls_offer {
	uint16_t	 version;	/* legacy_version */
	struct span	 random, session_id, suite_list, methods;
	uint32_t	 suites, groups, schemes;	/* those that one knows, by index */
	uint32_t	 extensions;	/* likewise, by row */
	bool		 has_versions, has_13, has_12;
	bool		 says_fallback;	/* TLS_FALLBACK_SCSV, RFC 7507 */
	bool		 says_secure;	/* renegotiation_info or its SCSV, RFC 5746 */
	bool		 wants_dhe_psk;
	uint16_t	 record_limit;	/* 0: not given */
	struct span	 alpn, group_list, shares, sni, extension_block;
	struct span	 psk_identities, psk_binders;
	struct span	 point_formats, master_secret, renegotiation;	/* read if it is TLS 1.2 */
	size_t		 truncated;	/* octets of the message before the binders */
};

struct tls_handshake {
	unsigned		 course;
	unsigned		 step;		/* index into the order */
	struct span		 message;	/* being read, header included */
	struct tls_transcript	 transcript;
	struct tls_offer	 offer;
	uint32_t		 offered;	/* extensions that may be answered, by row */
	uint8_t			 session_id[TLS_SESSION_ID_MAX];
	size_t			 session_id_len;
	bool			 said_ccs;
	unsigned		 nccs;
	size_t			 early_left;	/* octets of 0-RTT that may still be skipped */
	bool			 has_opened;	/* a record was deprotected */

	const struct tls_identity *identity;
	const struct tls_scheme	*scheme;	/* one's own */
	EVP_PKEY		*kx;
	EVP_PKEY		*peer_key;	/* of the peer's leaf */
	enum tls_key_kind	 peer_kind;
	uint8_t			 shared[TLS_SECRET_MAX];
	size_t			 shared_len;
	unsigned		 psk_index;	/* of the identity taken */
	uint8_t			 frozen[SHA256_LEN];	/* digest of a first ClientHello */

	/* Client. */
	uint32_t		 peer_schemes;	/* of a CertificateRequest */
	const struct tls_group	*retry_group;	/* asked for by HelloRetryRequest */
	struct buf		 cookie;
	struct buf		 ticket;	/* to be offered, with its secret */
	uint8_t			 psk[TLS_HASH_MAX];
	const struct tls_hash	*psk_hash;	/* NULL: none to be offered */
	uint32_t		 psk_age;	/* obfuscated, in milliseconds */
	struct span		 share;		/* the server's, while its hello is being read */
};

struct tls_handshake *tls_handshake_new(void);
void		tls_handshake_free(struct tls_handshake *);

/* Goes on as far as the messages that are there allow. */
MUST_CHECK int	tls_handshake_run(struct tls_conn *, struct err *e);

/* A change_cipher_spec of TLS 1.2 has come. */
MUST_CHECK int	tls_handshake_ccs(struct tls_conn *, struct err *e);

/* Is it the ClientHello that one waits for? */
bool		tls_handshake_awaits_hello(const struct tls_conn *);

typedef int tls_writer(struct tls_conn *, struct buf *body, struct err *e);

/* Appends a message to the flight, through the fault hook. */
MUST_CHECK int	tls_message_put(struct tls_conn *, uint8_t type, tls_writer *, bool in_transcript,
		    struct err *e);

/* --- hello.c, negotiate.c --- */

/* RFC 8446 section 4.1.3: the random of a HelloRetryRequest. */
extern const uint8_t tls_retry_random[TLS_RANDOM_LEN];

tls_writer	tls_write_client_hello, tls_write_server_hello, tls_write_retry;
int		tls_read_client_hello(struct tls_conn *, struct rd, struct err *e);
int		tls_read_second_hello(struct tls_conn *, struct rd, struct err *e);
int		tls_read_server_hello(struct tls_conn *, struct rd, struct err *e);
int		tls_read_retry(struct tls_conn *, struct rd, struct err *e);
int		tls_after_server_hello(struct tls_conn *, struct err *e);
int		tls_after_retry(struct tls_conn *, struct err *e);

/* A key pair in the group, and the shared secret, both into the handshake. */
MUST_CHECK int	tls_kx_new(struct tls_conn *, struct err *e);
MUST_CHECK int	tls_kx_finish(struct tls_conn *, struct span peer, struct err *e);

/* The change_cipher_spec of compatibility mode, if it is wanted and was not sent yet. */
MUST_CHECK int	tls_compatible_ccs(struct tls_conn *, struct err *e);

/* Decides by the offer: version, suite, group, ALPN, name, resumption, identity, course. */
MUST_CHECK int	tls_negotiate(struct tls_conn *, struct err *e);

/* The best scheme that an identity can sign by and the peer accepts; NULL if there is none. */
const struct tls_scheme *tls_choose_scheme(const struct tls_identity *, uint32_t schemes,
		    uint16_t version);

/* A list of the configuration as a set of rows; NULL is all. */
uint32_t	tls_suite_set(const uint16_t *), tls_group_set(const uint16_t *),
		tls_scheme_set(const uint16_t *);

/* Best first: the configuration's order. NULL if none is in the set. */
const struct tls_suite	*tls_suite_best(const struct tls_config *, uint32_t set, uint16_t version);
const struct tls_group	*tls_group_best(const struct tls_config *, uint32_t set);

/* --- extension.c --- */

enum tls_where {
	TLS_IN_CH = 1, TLS_IN_SH = 2, TLS_IN_HRR = 4, TLS_IN_EE = 8, TLS_IN_CT = 16,
	TLS_IN_CR = 32, TLS_IN_NST = 64, TLS_IN_SH12 = 128,
};

enum tls_ext_row {
	TLS_EXT_SERVER_NAME, TLS_EXT_GROUPS, TLS_EXT_POINT_FORMATS, TLS_EXT_SIGNATURES,
	TLS_EXT_ALPN, TLS_EXT_MASTER_SECRET, TLS_EXT_RECORD_LIMIT, TLS_EXT_EARLY_DATA,
	TLS_EXT_VERSIONS, TLS_EXT_COOKIE, TLS_EXT_PSK_MODES, TLS_EXT_SIGNATURES_CERT,
	TLS_EXT_SHARE, TLS_EXT_RENEGOTIATION, TLS_EXT_PSK,
	TLS_NEXTENSIONS
};

/* All extensions of a block, each checked for its place; into the offer or the connection. */
MUST_CHECK int	tls_extensions_read(struct tls_conn *, enum tls_where, struct span block,
		    struct err *e);
MUST_CHECK int	tls_extensions_write(struct tls_conn *, enum tls_where, struct buf *,
		    struct err *e);

/*
 * A digest of the extensions that a second ClientHello must repeat (RFC 8446 section
 * 4.1.2), in their order.
 */
MUST_CHECK int	tls_extensions_frozen(struct span block, uint8_t out[SHA256_LEN], struct err *e);

/* The content of one extension of a well-formed block; false if it is not there. */
bool		tls_extension_find(struct span block, enum tls_ext_row, struct span *out);

/* --- ext_keys.c, ext_use.c: the content of one extension --- */

typedef int tls_ext_reader(struct tls_conn *, enum tls_where, struct rd *, struct err *e);
typedef bool tls_ext_writer(struct tls_conn *, enum tls_where, struct buf *);	/* false: none */

tls_ext_reader	tls_ext_read_groups, tls_ext_read_signatures, tls_ext_read_signatures_cert,
		tls_ext_read_early_data, tls_ext_read_versions, tls_ext_read_cookie,
		tls_ext_read_share, tls_ext_read_psk_modes, tls_ext_read_psk,
		tls_ext_read_server_name, tls_ext_read_alpn, tls_ext_read_record_limit,
		tls_ext_read_point_formats, tls_ext_read_master_secret, tls_ext_read_renegotiation;
tls_ext_writer	tls_ext_write_groups, tls_ext_write_signatures, tls_ext_write_signatures_cert,
		tls_ext_write_versions, tls_ext_write_cookie, tls_ext_write_share,
		tls_ext_write_psk_modes, tls_ext_write_psk, tls_ext_write_server_name,
		tls_ext_write_alpn, tls_ext_write_record_limit, tls_ext_write_point_formats,
		tls_ext_write_master_secret, tls_ext_write_renegotiation;

int		tls_ext_bad(struct tls_conn *, struct err *e, const char *name);

/*
 * The content of extensions that are nothing of TLS 1.3: it is judged when the version
 * is known to be TLS 1.2, and never before.
 */
MUST_CHECK int	tls_ext_check_12(struct tls_conn *, struct err *e);

/* Did the client's hello have it? */
bool		tls_ext_asked(const struct tls_conn *, enum tls_ext_row);

/* --- auth.c --- */

tls_writer	tls_write_encrypted_extensions, tls_write_certificate_request,
		tls_write_certificate, tls_write_certificate_verify, tls_write_finished;
int		tls_read_encrypted_extensions(struct tls_conn *, struct rd, struct err *e);
int		tls_read_certificate_request(struct tls_conn *, struct rd, struct err *e);
int		tls_read_certificate(struct tls_conn *, struct rd, struct err *e);
int		tls_read_certificate_verify(struct tls_conn *, struct rd, struct err *e);
int		tls_read_finished(struct tls_conn *, struct rd, struct err *e);
int		tls_after_server_finished(struct tls_conn *, struct err *e);
int		tls_after_client_finished(struct tls_conn *, struct err *e);

/* A chain has come: the key of the leaf is kept, the user's verdict asked for. */
MUST_CHECK int	tls_peer_chain_take(struct tls_conn *, struct err *e);
MUST_CHECK int	tls_peer_chain_add(struct tls_conn *, struct span der, struct err *e);

/* Scheme and signature, checked against what was offered and against the leaf's key. */
MUST_CHECK int	tls_read_signature(struct tls_conn *, struct rd, const struct span content[2],
		    struct err *e);
MUST_CHECK int	tls_write_signature(struct tls_conn *, struct buf *, const struct span content[2],
		    struct err *e);

/* The handshake is over: what it needed goes. */
void		tls_opened(struct tls_conn *);

/* --- ticket.c --- */

int		tls_read_key_update(struct tls_conn *, struct rd, struct err *e);
int		tls_read_ticket(struct tls_conn *, struct rd, struct err *e);

/* One more message after the handshake; too many in a row are a fault. */
MUST_CHECK int	tls_count_post(struct tls_conn *, struct err *e);

/* The offer's pre-shared keys: one that opens and whose binder holds is taken. */
MUST_CHECK int	tls_psk_accept(struct tls_conn *, struct err *e);

/* Client: reads the session into the handshake, if it may still be used. */
MUST_CHECK int	tls_psk_load(struct tls_conn *, struct span session, struct err *e);

/* Client: the binder goes over the zeros at the end of the message. */
MUST_CHECK int	tls_psk_bind(struct tls_conn *, struct buf *, size_t start, struct err *e);

MUST_CHECK int	tls_tickets_put(struct tls_conn *, unsigned n, struct err *e);

/* Server: those that follow a handshake. */
MUST_CHECK int	tls_tickets_first(struct tls_conn *, struct err *e);

MUST_CHECK int	tls_update_put(struct tls_conn *, bool ask, struct err *e);

/* The answer to a KeyUpdate that asked for one, if it is still owed. */
MUST_CHECK int	tls_update_answer(struct tls_conn *, struct err *e);

/* New sending keys when the old ones are nearly used up. */
MUST_CHECK int	tls_update_if_worn(struct tls_conn *, struct err *e);

/* --- tls12.c --- */

tls_writer	tls12_write_certificate, tls12_write_key_exchange, tls12_write_certificate_request,
		tls12_write_hello_done, tls12_write_finished;
int		tls12_read_certificate(struct tls_conn *, struct rd, struct err *e);
int		tls12_read_key_exchange(struct tls_conn *, struct rd, struct err *e);
int		tls12_read_certificate_verify(struct tls_conn *, struct rd, struct err *e);
int		tls12_read_finished(struct tls_conn *, struct rd, struct err *e);
int		tls12_after_key_exchange(struct tls_conn *, struct err *e);
int		tls12_receive_ccs(struct tls_conn *, struct err *e);
int		tls12_send_ccs(struct tls_conn *, struct err *e);
int		tls12_after_finished(struct tls_conn *, struct err *e);
int		tls12_refuse_renegotiation(struct tls_conn *, struct rd, struct err *e);

#endif
