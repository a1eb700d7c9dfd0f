/*
 * record_time: see record_time.h.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "record_time.h"

#define BOOT_ID		"/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX	64

#define F(type, field)	{ type, offsetof(struct record_time, field), NULL }

const struct pack record_time_pack = PACK(record_time,
	F(PACK_I64, wall), F(PACK_I64, boot_ms), F(PACK_I64, boot_id));

/* The first 60 bits of the kernel's random name for this start; 0 when it cannot be had. */
static int64_t
read_boot_id(void)
{
	struct err ignored;
	struct buf text;
	int64_t id = 0;

	buf_init(&text, BOOT_ID_MAX);
	if (fs_read_path(BOOT_ID, BOOT_ID_MAX, &text, &ignored) == 0)
		for (size_t i = 0, digits = 0; i < text.n && digits < 15; i++) {
			const char *hex = "0123456789abcdef", *at = strchr(hex, text.p[i]);

			if (at == NULL || text.p[i] == '\0')
				continue;
			id = id << 4 | (at - hex);
			digits++;
		}
	buf_clear(&text);
	return id;
}

void
record_now(struct record_time *now)
{
	now->wall = clock_wall();
	now->boot_ms = clock_boot_ms();
	now->boot_id = read_boot_id();
}

int64_t
record_elapsed(const struct record_time *then, const struct record_time *now)
{
	int64_t ago;

	if (then->boot_id != 0 && then->boot_id == now->boot_id)
		ago = __builtin_sub_overflow(now->boot_ms, then->boot_ms, &ago) ? 0 : ago / 1000;
	else if (__builtin_sub_overflow(now->wall, then->wall, &ago))
		ago = now->wall > then->wall ? INT64_MAX : 0;
	return ago > 0 ? ago : 0;
}

int64_t
record_when(const struct record_time *then, const struct record_time *now)
{
	return then->wall == 0 ? 0 : time_add(now->wall, -record_elapsed(then, now));
}

bool
record_settle(struct record_time *t, const struct record_time *now)
{
	if (t->wall <= now->wall || (t->boot_id != 0 && t->boot_id == now->boot_id))
		return false;
	*t = *now;
	return true;
}
