/*
 * channel: typed messages between two roles over a socketpair.
 *
 * Descriptors travel with the frames (frame.h) that are declared to carry
 * one. What does not parse ends the channel.
 */
#ifndef KAMCERT_CHANNEL_H
#define KAMCERT_CHANNEL_H

#include "base/loop.h"
#include "frame.h"

struct channel;

/*
 * What a role does with a message type; what is not listed is a breach and
 * ends the channel. arg is the one given to channel_new().
 */
struct handler {
	enum message_type	 type;
	void			(*run)(void *arg, struct message *);
};

struct handlers {
	const struct handler	*v;
	size_t			 n;
	/* once; the channel may be freed in it */
	void			(*ended)(void *arg, const struct err *why);
};

/* Takes over fd (a stream socket) on success. The handlers are lent for the channel's life. */
MUST_CHECK int	channel_new(struct loop *, int fd, const struct handlers *, void *arg,
		    struct channel **, struct err *e);
void		channel_free(struct channel *);

/*
 * For a peer that may have become somebody else's: while it leaves more than
 * 1 MiB of what it is told unread, it is not heard, and the channel ends when
 * an answer takes longer than this. Only one end may be so wary.
 */
void		channel_distrust(struct channel *, int64_t patience_ms);

/*
 * Queues a message; body is copied, fd (or -1) is duplicated. A failure means that
 * the message cannot be expressed (too long, no memory); a peer that is gone is told by ended().
 */
MUST_CHECK int	channel_send(struct channel *, enum message_type, uint64_t id, const void *body,
		    int fd, struct err *e);

/*
 * Sends a message and hands its answer to cb, exactly once: the message that
 * came, or MSG_FAILED when the channel ended before. fd may be -1. When the call itself fails, cb
 * is not called.
 */
typedef void channel_answer(void *arg, struct message *);
MUST_CHECK int	channel_call(struct channel *, enum message_type, const void *body, int fd,
		    channel_answer *cb, void *arg, struct err *e);

/* Answers: MSG_DONE, or MSG_FAILED with e. What cannot be sent is logged, and ends the channel. */
void		channel_done(struct channel *, uint64_t id);
void		channel_fail(struct channel *, uint64_t id, const struct err *why);

/* An error as a message, whose texts are the error's. */
struct msg_error message_of_err(const struct err *);

/*
 * The error in a MSG_FAILED; an answer of a type that was not wanted is an
 * error of its own. Always -1.
 */
int		message_error(const struct message *, struct err *e);
int		message_to_err(const struct msg_error *, struct err *e);

/*
 * Writes what is queued, waiting at most timeout_ms: before a descriptor is
 * given away, or at the end.
 */
MUST_CHECK int	channel_flush(struct channel *, int64_t timeout_ms, struct err *e);

/*
 * Flushes and gives the bare descriptor back, the channel is freed. -1 on
 * failure (and freed, closed).
 */
int		channel_release(struct channel *, struct err *e);

#endif
