/*
 * tls: TLS 1.3 (RFC 8446) for servers and clients, TLS 1.2 (RFC 5246) for
 * servers, on libcrypto's primitives.
 *
 * There is no socket inside: octets from the peer are fed in, octets for the
 * peer are taken out, plaintext likewise. What is in the output is sent even
 * after a failure: it ends with the alert. Time and randomness come from the
 * configuration, and so does misbehaviour (fault.h).
 *
 * What it does not do: judge certificates (the verify callback does), 0-RTT
 * (refused, its records are skipped), renegotiation (refused), post-handshake
 * client authentication, TLS 1.2 as a client, resumption in TLS 1.2. Not for
 * use by several threads.
 */
#ifndef KAMCERT_TLS_TLS_H
#define KAMCERT_TLS_TLS_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"

struct tls_conn;
struct tls_fault;
struct tls_identity;
struct tls_tickets;

#define TLS_1_2	0x0303
#define TLS_1_3	0x0304

/* RFC 8446 section B.2; those that only TLS 1.2 knows are in RFC 5246 section 7.2. */
enum tls_alert {
	TLS_ALERT_CLOSE_NOTIFY = 0,
	TLS_ALERT_UNEXPECTED_MESSAGE = 10,
	TLS_ALERT_BAD_RECORD_MAC = 20,
	TLS_ALERT_RECORD_OVERFLOW = 22,
	TLS_ALERT_HANDSHAKE_FAILURE = 40,
	TLS_ALERT_BAD_CERTIFICATE = 42,
	TLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	TLS_ALERT_CERTIFICATE_REVOKED = 44,
	TLS_ALERT_CERTIFICATE_EXPIRED = 45,
	TLS_ALERT_CERTIFICATE_UNKNOWN = 46,
	TLS_ALERT_ILLEGAL_PARAMETER = 47,
	TLS_ALERT_UNKNOWN_CA = 48,
	TLS_ALERT_ACCESS_DENIED = 49,
	TLS_ALERT_DECODE_ERROR = 50,
	TLS_ALERT_DECRYPT_ERROR = 51,
	TLS_ALERT_PROTOCOL_VERSION = 70,
	TLS_ALERT_INSUFFICIENT_SECURITY = 71,
	TLS_ALERT_INTERNAL_ERROR = 80,
	TLS_ALERT_INAPPROPRIATE_FALLBACK = 86,
	TLS_ALERT_USER_CANCELED = 90,
	TLS_ALERT_NO_RENEGOTIATION = 100,
	TLS_ALERT_MISSING_EXTENSION = 109,
	TLS_ALERT_UNSUPPORTED_EXTENSION = 110,
	TLS_ALERT_UNRECOGNIZED_NAME = 112,
	TLS_ALERT_BAD_CERTIFICATE_STATUS = 113,
	TLS_ALERT_UNKNOWN_PSK_IDENTITY = 115,
	TLS_ALERT_CERTIFICATE_REQUIRED = 116,
	TLS_ALERT_NO_APPLICATION_PROTOCOL = 120,
};

/* --- who one is --- */

#define TLS_CHAIN_MAX	10	/* certificates of a chain, sent or received */

/*
 * A certificate chain (DER, leaf first) and a private key: ECDSA P-256 or
 * P-384, RSA or RSA-PSS. The DER is copied, the key gets a reference. Whether
 * leaf and key fit is not checked: a test may want that. HOLD for other keys.
 */
MUST_CHECK int	tls_identity_new(const struct span *ders, size_t n, EVP_PKEY *key,
		    struct tls_identity **out, struct err *e);
void		tls_identity_free(struct tls_identity *);

/* What a server knows when it decides who it is. */
struct tls_hello {
	const char	*sni;		/* NULL if none was sent; visible ASCII, as it came */
	const char	*alpn;		/* as selected, NULL if none */
	uint16_t	 version;	/* as selected */
};

#define TLS_CANDIDATES_MAX 8

/*
 * Fills in up to TLS_CANDIDATES_MAX identities in order of preference and
 * returns how many; the first that suits the peer's signature algorithms is
 * taken. 0 refuses the handshake with *alert, which is unrecognized_name
 * unless it is changed.
 */
typedef size_t tls_choose(void *arg, const struct tls_hello *, const struct tls_identity **out,
	    uint8_t *alert);

/*
 * Judges the peer's chain (DER, leaf first, n is never 0). 0, or -1 with *alert
 * set to what the peer shall be told; it is bad_certificate unless changed.
 */
typedef int tls_verify(void *arg, const struct span *ders, size_t n, uint8_t *alert,
	    struct err *e);

enum tls_client_auth { TLS_CLIENT_AUTH_NONE, TLS_CLIENT_AUTH_ASK, TLS_CLIENT_AUTH_REQUIRE };

/* --- tickets --- */

/*
 * The keys under which a server wraps its tickets (RFC 8446 section 4.6.1); any
 * number of configurations may share them. They are random, live in memory only,
 * and change by themselves after lifetime seconds; a ticket opens for one
 * lifetime.
 */
MUST_CHECK int	tls_tickets_new(uint32_t lifetime, struct tls_tickets **out, struct err *e);
void		tls_tickets_free(struct tls_tickets *);

/* --- configuration --- */

/*
 * Lent to connections, which it must outlive; any number may share it. Zeroes are
 * sensible everywhere, except that servers need choose or identities, and
 * that whoever receives certificates (clients, servers with client_auth)
 * needs verify. Lists of numbers end with 0, NULL is the default given.
 */
struct tls_config {
	/*
	 * Who one is. choose is for servers, and goes before identities. A client
	 * without sends no certificate.
	 */
	const struct tls_identity	*const *identities;	/* NULL-terminated */
	tls_choose			*choose;
	void				*choose_arg;

	/* Who the peer is. */
	enum tls_client_auth		 client_auth;
	tls_verify			*verify;
	void				*verify_arg;

	/*
	 * What may be agreed upon, in order of preference (a server's goes before
	 * its client's).
	 */
	uint16_t			 min_version;	/* 0: TLS_1_2; clients speak TLS 1.3 only */
	uint16_t			 max_version;	/* 0: TLS_1_3 */
	const uint16_t			*suites;	/* of both versions; NULL: all */
	const uint16_t			*groups;	/* NULL: x25519, secp256r1, secp384r1 */
	const uint16_t			*signatures;	/* accepted from the peer; NULL: all */
	const char			*const *alpn;	/* NULL-terminated; NULL: no ALPN */

	/* RFC 8449: plaintext octets per record that one receives, 64 to 16384; 0: 16384 */
	uint16_t			 record_limit;

	/*
	 * Resumption: NULL keys issue and accept no tickets, and who asks for
	 * client certificates does neither.
	 */
	struct tls_tickets		*tickets;
	unsigned			 tickets_sent;	/* per handshake, 0: 2 */

	/* Milliseconds of Unix time for the age of tickets; NULL: base/clock. */
	int64_t				(*now_ms)(void *arg);
	void				*now_arg;

	/*
	 * Random octets, 0 or -1; NULL: libcrypto's. Signatures and keys on
	 * the NIST curves draw from libcrypto in any case.
	 */
	int				(*random)(void *arg, uint8_t *out, size_t n);
	void				*random_arg;

	const struct tls_fault		*fault;		/* fault.h; NULL: behaves well */
};

/* --- a connection --- */

/* HOLD if the configuration is unfit. The output of a new client holds its ClientHello. */
MUST_CHECK int	tls_server_new(const struct tls_config *, struct tls_conn **out, struct err *e);

/*
 * sni goes into the ClientHello, NULL sends none. session is empty, or what
 * tls_session() gave on an earlier connection to the same peer (copied).
 */
MUST_CHECK int	tls_client_new(const struct tls_config *, const char *sni, struct span session,
		    struct tls_conn **out, struct err *e);

/* Wipes every secret. NULL allowed. */
void		tls_free(struct tls_conn *);

/*
 * Octets from the peer. All of them are eaten unless plaintext waits to be read
 * (more than TLS_UNREAD_MAX octets), output waits to be sent (more than
 * TLS_UNSENT_MAX), or the connection ended. -1 ends it: the state is TLS_FAILED,
 * the output is to be sent nevertheless. REFUSE is the peer's fault, RETRY want of
 * memory.
 */
#define TLS_UNREAD_MAX	(32 * 1024)
#define TLS_UNSENT_MAX	(64 * 1024)
MUST_CHECK int	tls_feed(struct tls_conn *, struct span in, size_t *eaten, struct err *e);

/* What is to be sent, valid until the next call; tls_sent() says how much of it is. */
struct span	tls_output(const struct tls_conn *);
void		tls_sent(struct tls_conn *, size_t n);

/*
 * Plaintext from the peer, valid until the next call; tls_read_done() says how much
 * was used.
 */
struct span	tls_read(const struct tls_conn *);
void		tls_read_done(struct tls_conn *, size_t n);

/*
 * Plaintext for the peer: as much as TLS_UNSENT_MAX allows, nothing before the
 * handshake is over. -1 after tls_close() or a failure.
 */
MUST_CHECK int	tls_write(struct tls_conn *, struct span, size_t *taken, struct err *e);

/*
 * Puts a close_notify into the output, once; nothing can be written from then on.
 * Reading goes on, but a handshake is over.
 */
void		tls_close(struct tls_conn *);

enum tls_state {
	TLS_HANDSHAKING,
	TLS_OPEN,
	TLS_CLOSED,	/* the peer said close_notify; in TLS 1.3 one may still write */
	TLS_FAILED,	/* by an alert, sent or received */
};
enum tls_state	tls_state(const struct tls_conn *);

/*
 * New sending keys (RFC 8446 section 4.6.3); asks the peer to do the same if ask
 * says so. TLS 1.3, open.
 */
MUST_CHECK int	tls_key_update(struct tls_conn *, bool ask, struct err *e);

/* A server's further ticket (RFC 8446 section 4.6.1). TLS 1.3, open, with ticket keys. */
MUST_CHECK int	tls_send_ticket(struct tls_conn *, struct err *e);

/*
 * A client's newest ticket and its secret, for tls_client_new(); empty if there is
 * none. The copy is the caller's to wipe.
 */
struct span	tls_session(const struct tls_conn *);

/*
 * Keying material for other protocols (RFC 8446 section 7.5). 0, or -1 unless it is
 * TLS 1.3 and open.
 */
MUST_CHECK int	tls_export(const struct tls_conn *, const char *label, struct span context,
		    uint8_t *out, size_t n);

/* What was agreed upon; 0, NULL and false until it is known. Borrowed from the connection. */
struct tls_info {
	uint16_t		 version;
	uint16_t		 suite;
	uint16_t		 group;
	uint16_t		 signature;	/* of the server's certificate verification */
	const char		*sni;
	const char		*alpn;
	const struct span	*peer_certs;	/* DER, leaf first; not after a resumption */
	size_t			 npeer_certs;
	bool			 resumed;
	bool			 retried;	/* there was a HelloRetryRequest */
	int			 alert_sent;	/* -1: none */
	int			 alert_received;
};
void		tls_info(const struct tls_conn *, struct tls_info *out);

/*
 * "decode_error" and so on; "ecdsa_secp256r1_sha256" and so on; "unknown" for
 * others. Never NULL.
 */
const char	*tls_alert_name(int);
const char	*tls_signature_name(uint16_t);

#endif
