/*
 * tls/fault: misbehaviour on command, for testing peers.
 *
 * Two callbacks see everything that goes out, and may change it: each
 * handshake message before it enters the transcript, and each record before
 * and after its protection. A few switches bend the negotiation. What is
 * unused costs one comparison with NULL.
 */
#ifndef KAMCERT_TLS_FAULT_H
#define KAMCERT_TLS_FAULT_H

#include "tls/tls.h"

/* Handshake messages, RFC 8446 section 4 and RFC 5246 section 7.4. */
enum tls_message {
	TLS_MSG_HELLO_REQUEST = 0,
	TLS_MSG_CLIENT_HELLO = 1,
	TLS_MSG_SERVER_HELLO = 2,		/* also HelloRetryRequest */
	TLS_MSG_NEW_SESSION_TICKET = 4,
	TLS_MSG_END_OF_EARLY_DATA = 5,
	TLS_MSG_ENCRYPTED_EXTENSIONS = 8,
	TLS_MSG_CERTIFICATE = 11,
	TLS_MSG_SERVER_KEY_EXCHANGE = 12,
	TLS_MSG_CERTIFICATE_REQUEST = 13,
	TLS_MSG_SERVER_HELLO_DONE = 14,
	TLS_MSG_CERTIFICATE_VERIFY = 15,
	TLS_MSG_CLIENT_KEY_EXCHANGE = 16,
	TLS_MSG_FINISHED = 20,
	TLS_MSG_KEY_UPDATE = 24,
	TLS_MSG_MESSAGE_HASH = 254,
};

enum tls_content {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
};

/* One record on its way out. */
struct tls_fault_record {
	uint8_t		 type;		/* content type, before protection; may be changed there */
	bool		 is_protected;	/* keys are in use */
	struct buf	*octets;	/* before: content; after: header and fragment */
};

struct tls_fault {
	void		*arg;

	/*
	 * msg is a whole handshake message with its header. It may be changed
	 * in any way: emptied (the message is left out), cut, or made longer (other
	 * messages before or behind it). What is there afterwards is sent, and
	 * enters the transcript. The header's length is not put right.
	 */
	void		(*message)(void *arg, struct tls_conn *, uint8_t type, struct buf *msg);

	/*
	 * Content that is about to become one record; longer than allowed, or empty,
	 * is sent like that.
	 */
	void		(*plain)(void *arg, struct tls_conn *, struct tls_fault_record *);

	/* A record as it will be sent; it may be changed, emptied, or repeated. */
	void		(*record)(void *arg, struct tls_conn *, struct tls_fault_record *);

	/* 0, NULL, false: none of it. These bend what a server selects, offered or not. */
	uint16_t	 version;	/* TLS_1_2 or TLS_1_3 */
	uint16_t	 suite;		/* one of ours that suits the version */
	/* without a share of the client's, the secret is nobody's */
	uint16_t	 group;
	uint16_t	 signature;	/* in CertificateVerify and ServerKeyExchange */
	const char	*alpn;
	bool		 no_sentinel;	/* TLS 1.2 without the downgrade sentinel */
	bool		 retry_always;	/* every ClientHello is answered by HelloRetryRequest */
	size_t		 fragment;	/* octets of content per record */
};

/*
 * Sends content of any type at any time, under whatever protection is in use; n
 * records of it. Floods of alerts, empty records and unexpected messages are made
 * of this.
 */
MUST_CHECK int	tls_fault_send(struct tls_conn *, uint8_t type, struct span content, unsigned n,
		    struct err *e);

/* As tls_fault_send(), but the octets go out as they are. */
MUST_CHECK int	tls_fault_raw(struct tls_conn *, struct span octets, struct err *e);

#endif
