/*
 * Role messages: whatever another role sends, a frame is read whole or
 * refused, and what was read is written again as the same octets.
 *
 * The first octet says what is sent: 0 for the octets behind it, else a
 * message of the type, whose fields are filled from the rest by its table, so
 * that inputs outlive every change of a message. Then one octet is changed.
 */
#include <stdlib.h>
#include <string.h>

#include "channel.h"

#define ITEMS_MAX	3	/* in a list */
#define TEXT_OCTETS	8

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Behind the end of the input there are zeros. */
static char *
make_text(struct rd *r)
{
	char text[TEXT_OCTETS] = "";
	size_t n = rd_u8(r) % TEXT_OCTETS;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + rd_u8(r) % 26);
	return n > 0 ? strdup(text) : NULL;
}

static void
fill_strs(struct strs *s, struct rd *r)
{
	for (size_t n = rd_u8(r) % ITEMS_MAX; n > 0; n--) {
		char *text = make_text(r);

		if (strs_add(s, text != NULL ? text : "") == -1)
			abort();
		free(text);
	}
}

static void	fill(const struct pack *, void *object, struct rd *);

static void
fill_list(const struct pack *sub, struct list *l, struct rd *r)
{
	for (size_t n = rd_u8(r) % ITEMS_MAX; n > 0; n--) {
		void *item = list_add(l, sub->size);

		if (item == NULL)
			abort();
		fill(sub, item, r);
	}
}

static void
fill_field(const struct pack_field *f, void *p, struct rd *r)
{
	uint8_t octets[TEXT_OCTETS];

	switch (f->type) {
	case PACK_I64:
		*(int64_t *)p = (int64_t)rd_u64(r);
		return;
	case PACK_COUNT:
		*(int64_t *)p = (int64_t)(rd_u64(r) % (PACK_MAX_COUNT + 2)) - 1;
		return;
	case PACK_BOOL:
		*(bool *)p = rd_u8(r) & 1;
		return;
	case PACK_STR:
		*(char **)p = make_text(r);
		return;
	case PACK_BLOB:
		memset(octets, rd_u8(r), sizeof(octets));
		if (blob_set(p, span_of(octets, rd_u8(r) % sizeof(octets))) == -1)
			abort();
		return;
	case PACK_STRS:
		fill_strs(p, r);
		return;
	case PACK_LIST:
		fill_list(f->sub, p, r);
		return;
	case PACK_STRUCT:
		fill(f->sub, p, r);
		return;
	}
}

static void
fill(const struct pack *pack, void *object, struct rd *r)
{
	for (size_t i = 0; i < pack->nfields; i++)
		fill_field(&pack->fields[i], (uint8_t *)object + pack->fields[i].offset, r);
}

/* Sent whole; it must be read. */
static void
write_message(enum message_type type, struct rd *r, struct buf *out)
{
	const struct message_info *info = message_info(type);
	void *body = info->pack != NULL ? calloc(1, info->pack->size) : NULL;
	struct message m;
	struct err e;
	size_t eaten;

	if (info->pack != NULL) {
		if (body == NULL)
			abort();
		fill(info->pack, body, r);
	}
	frame_write(out, type, 7, body);
	if (body != NULL)
		pack_clear(info->pack, body);
	free(body);
	if (!buf_ok(out) || frame_read(buf_span(out), &m, &eaten, &e) != 1 || eaten != out->n)
		abort();
	message_clear(&m);
}

/* Read whole, and then written again as the same octets, or refused. */
static void
read_message(struct span in)
{
	struct message m;
	struct err e = ERR_NONE;
	struct buf again;
	size_t eaten = 0;

	if (frame_read(in, &m, &eaten, &e) != 1)
		return;
	if (eaten > in.n)
		abort();
	buf_init(&again, eaten);
	frame_write(&again, m.type, m.id, m.body);
	if (!buf_ok(&again) || !span_eq(buf_span(&again), span_of(in.p, eaten)))
		abort();
	buf_clear(&again);
	message_clear(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_of(span_of(data, size));
	struct buf sent;
	unsigned type;
	size_t at;

	if (size == 0)
		return 0;
	if ((type = rd_u8(&r) % MSG_TYPES) == 0) {
		read_message(span_of(data + 1, size - 1));
		return 0;
	}
	at = rd_u16(&r);
	buf_init(&sent, FRAME_MAX);
	write_message((enum message_type)type, &r, &sent);
	read_message(buf_span(&sent));
	sent.p[at % sent.n] ^= data[size - 1] | 1;
	read_message(buf_span(&sent));
	buf_clear(&sent);
	return 0;
}
