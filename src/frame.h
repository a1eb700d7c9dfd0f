/*
 * frame: a message as octets: a length (u32), a type (u16), an identity that
 * a reply repeats (u64) and a body, which the type's pack table describes.
 * What does not parse to its last octet is a breach: nothing of it is acted upon.
 */
#ifndef KAMCERT_FRAME_H
#define KAMCERT_FRAME_H

#include "message.h"

#define FRAME_MAX	(4u * 1024 * 1024)	/* five chains of 256 KiB and their frame fit */

struct message {
	enum message_type	 type;
	uint64_t		 id;	/* chosen by who asks, repeated by who answers */
	void			*body;	/* the struct of the type; freed after the handler */
	/* -1, or a descriptor; the handler sets it to -1 to keep it */
	int			 fd;
};

/*
 * One frame from octets: the entry for fuzzing and tests. 1: a message was
 * read and *eaten octets used; 0: more octets are wanted; -1: a breach.
 */
int		frame_read(struct span in, struct message *, size_t *eaten, struct err *e);
void		frame_write(struct buf *, enum message_type, uint64_t id, const void *body);

/*
 * One message over a bare socket, before there is a loop: waits until all of it was sent, or came.
 * Nothing is read beyond it. A message that carries a descriptor cannot be had this way.
 */
MUST_CHECK int	frame_put(int fd, enum message_type type, const void *body, struct err *e);
MUST_CHECK int	frame_get(int fd, enum message_type wanted, struct message *, struct err *e);

/* Frees body and closes fd. */
void		message_clear(struct message *);

#endif
