/*
 * check_channel: messages between two ends of a socketpair on one loop.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "channel.h"
#include "suite.h"

struct end {
	struct loop	*loop;
	struct channel	*channel;
	size_t		 puts, ended, answers;
	char		 token[64];
	int		 fd;
	struct err	 err;
	enum message_type answer;
	uint64_t	 asked;
	bool		 free_in_handler;
	const struct buf *says_more;	/* to what the other end says, there is always more */
};

static int raw;		/* the right end's socket, when there is no channel on it */

static void
on_put(void *arg, struct message *m)
{
	struct end *end = arg;
	const struct msg_put *body = m->body;

	end->puts++;
	end->asked = m->id;
	if (end->says_more != NULL)
		ck_assert_int_gt(send(raw, end->says_more->p, end->says_more->n, MSG_DONTWAIT), 0);
	snprintf(end->token, sizeof end->token, "%s", body->token);
	if (end->free_in_handler) {
		channel_free(end->channel);
		end->channel = NULL;
	} else if (m->id != 0)
		channel_done(end->channel, m->id);
}

static void
on_listen(void *arg, struct message *m)
{
	struct end *end = arg;

	end->fd = m->fd;
	m->fd = -1;
}

static void
on_end(void *arg, const struct err *why)
{
	struct end *end = arg;

	end->ended++;
	end->err = *why;
	loop_stop(end->loop);
}

static void
on_answer(void *arg, struct message *m)
{
	struct end *end = arg;

	end->answers++;
	end->answer = m->type;
	if (m->type == MSG_FAILED)
		(void)message_error(m, &end->err);
	loop_stop(end->loop);
}

static const struct handler table[] = {
	{ MSG_PUT, on_put },
	{ MSG_LISTEN, on_listen },
};
static const struct handlers handlers = { table, NITEMS(table), on_end };

static struct loop *loop;
static struct end left, right;

static void
set_up(void)
{
	struct err e = ERR_NONE;
	int pair[2];

	memset(&left, 0, sizeof left);
	memset(&right, 0, sizeof right);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_ptr_nonnull(loop = left.loop = right.loop = loop_new(&e));
	left.fd = right.fd = -1;
	ck_assert_int_eq(channel_new(loop, pair[0], &handlers, &left, &left.channel, &e), 0);
	raw = pair[1];
}

static void
set_up_both(void)
{
	struct err e = ERR_NONE;

	set_up();
	ck_assert_int_eq(channel_new(loop, raw, &handlers, &right, &right.channel, &e), 0);
}

static void
tear_down(void)
{
	channel_free(left.channel);
	channel_free(right.channel);
	loop_free(loop);
}

static void
turn_until(const size_t *count, size_t want)
{
	struct err e = ERR_NONE;
	int turns;

	for (turns = 0; *count < want && turns < 1000; turns++)
		ck_assert_int_eq(loop_turn(loop, 1000, &e), 0);
	ck_assert_uint_eq(*count, want);
}

static char token[] = "token", auth[] = "auth";
static struct msg_put put = { .token = token, .key_authorization = auth };

START_TEST(a_call_is_answered_once)
{
	struct err e = ERR_NONE;

	set_up_both();
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	turn_until(&left.answers, 1);
	ck_assert_str_eq(right.token, "token");
	ck_assert_int_eq(left.answer, MSG_DONE);
	tear_down();
}
END_TEST

START_TEST(a_descriptor_travels_with_its_frame)
{
	struct err e = ERR_NONE;
	int pipes[2];
	char c = 0;

	set_up_both();
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(channel_send(left.channel, MSG_LISTEN, 0, NULL, pipes[0], &e), 0);
	ck_assert_int_eq(channel_send(left.channel, MSG_PUT, 0, &put, -1, &e), 0);
	turn_until(&right.puts, 1);
	ck_assert_int_ne(right.fd, -1);
	ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	ck_assert_int_eq(read(right.fd, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	close(right.fd);
	close(pipes[0]);
	close(pipes[1]);
	tear_down();
}
END_TEST

START_TEST(open_calls_fail_when_the_peer_goes)
{
	struct err e = ERR_NONE;

	set_up();
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	close(raw);
	turn_until(&left.ended, 1);
	ck_assert_uint_eq(left.answers, 1);
	ck_assert_int_eq(left.answer, MSG_FAILED);
	ck_assert_int_eq(left.err.class, OUT_RETRY);
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), -1);
	tear_down();
}
END_TEST

START_TEST(an_error_keeps_class_time_and_hint)
{
	struct err e = ERR_NONE, why = ERR_NONE;

	set_up_both();
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	err_set(&why, OUT_HOLD, "no");
	err_hint(&why, "do something");
	why.retry_at = 77;
	/* the first answer counts, the handler's own one then is nobody's */
	channel_fail(right.channel, 1, &why);
	turn_until(&left.answers, 1);
	ck_assert_int_eq(left.err.class, OUT_HOLD);
	ck_assert_str_eq(left.err.text, "no");
	ck_assert_str_eq(left.err.hint, "do something");
	ck_assert_int_eq(left.err.retry_at, 77);
	turn_until(&left.ended, 1);
	tear_down();
}
END_TEST

START_TEST(a_channel_may_be_freed_in_its_handler)
{
	struct err e = ERR_NONE;

	set_up_both();
	right.free_in_handler = true;
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	turn_until(&left.ended, 1);
	ck_assert_ptr_null(right.channel);
	ck_assert_uint_eq(right.ended, 0);
	tear_down();
}
END_TEST

START_TEST(a_frame_may_come_octet_by_octet)
{
	struct err e = ERR_NONE;
	struct buf frame;
	size_t i;

	set_up();
	buf_init(&frame, 4096);
	frame_write(&frame, MSG_PUT, 0, &put);
	ck_assert(buf_ok(&frame));
	for (i = 0; i < frame.n; i++) {
		ck_assert_uint_eq(left.puts, 0);
		ck_assert_int_eq(write(raw, frame.p + i, 1), 1);
		ck_assert_int_eq(loop_turn(loop, 1000, &e), 0);
	}
	ck_assert_uint_eq(left.puts, 1);
	buf_clear(&frame);
	close(raw);
	tear_down();
}
END_TEST

/* What a role that was taken over might send: each ends the channel, none is acted upon. */
static const struct {
	const char	*what;
	const char	*octets;
	size_t		 n;
} breaches[] = {
	{ "no room for a header", "\0\0\0\4\0\1\0\0", 8 },
	{ "a length of 4 GiB", "\377\377\377\377\0\1\0\0", 8 },
	{ "an unknown type", "\0\0\0\12\377\377\0\0\0\0\0\0\0\0", 14 },
	{ "type 0", "\0\0\0\12\0\0\0\0\0\0\0\0\0\0", 14 },
	{ "octets behind an empty body", "\0\0\0\13\0\1\0\0\0\0\0\0\0\0x", 15 },
	{ "a body that is too short", "\0\0\0\13\0\14\0\0\0\0\0\0\0\0x", 15 },
	{ "an answer that nobody asked for", "\0\0\0\12\0\1\0\0\0\0\0\0\0\7", 14 },
	{ "a type that is not for this role", "\0\0\0\12\0\4\0\0\0\0\0\0\0\0", 14 },
};

START_TEST(a_breach_ends_the_channel)
{
	set_up();
	ck_assert_int_eq(write(raw, breaches[_i].octets, breaches[_i].n),
	    (ssize_t)breaches[_i].n);
	turn_until(&left.ended, 1);
	ck_assert_msg(left.puts == 0 && left.answers == 0, "%s: was acted upon", breaches[_i].what);
	ck_assert_msg(strstr(left.err.text, "closed by") == NULL, "%s: got %s", breaches[_i].what,
	    left.err.text);
	close(raw);
	tear_down();
}
END_TEST

START_TEST(a_descriptor_that_was_not_sent_is_a_breach)
{
	struct buf frame;

	set_up();
	buf_init(&frame, 64);
	frame_write(&frame, MSG_LISTEN, 0, NULL);
	ck_assert_int_eq(write(raw, frame.p, frame.n), (ssize_t)frame.n);
	turn_until(&left.ended, 1);
	ck_assert_int_eq(left.fd, -1);
	buf_clear(&frame);
	close(raw);
	tear_down();
}
END_TEST

static int64_t later_ms;

static int64_t
boot_later(void)
{
	return 1000000 + later_ms;
}

static int64_t
wall_now(void)
{
	return 1700000000;
}

/* A second question half-way does not make the first one wait longer. */
START_TEST(a_distrusted_peer_that_does_not_answer_in_time_has_gone)
{
	const struct clock_source clock = { wall_now, boot_later };
	struct err e = ERR_NONE;

	later_ms = 0;
	clock_use(&clock);
	set_up();
	channel_distrust(left.channel, 60000);
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	later_ms = 30000;
	ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left, &e), 0);
	ck_assert_int_eq(loop_turn(loop, 0, &e), 0);
	ck_assert_uint_eq(left.answers, 0);
	later_ms = 60000;
	turn_until(&left.ended, 1);
	ck_assert_uint_eq(left.answers, 2);
	ck_assert_ptr_nonnull(strstr(left.err.text, "no answer in 1 minutes"));
	close(raw);
	tear_down();
	clock_use(NULL);
}
END_TEST

START_TEST(a_distrusted_peer_that_answers_in_time_stays)
{
	const struct clock_source clock = { wall_now, boot_later };
	struct err e = ERR_NONE;

	later_ms = 0;
	clock_use(&clock);
	set_up_both();
	channel_distrust(left.channel, 60000);
	for (size_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(channel_call(left.channel, MSG_PUT, &put, -1, on_answer, &left,
		    &e), 0);
		later_ms += 50000;
		turn_until(&left.answers, i);
	}
	ck_assert_uint_eq(left.ended, 0);
	tear_down();
	clock_use(NULL);
}
END_TEST

static void
put_frame(struct buf *frame)
{
	buf_init(frame, 4096);
	frame_write(frame, MSG_PUT, 7, &put);
	ck_assert(buf_ok(frame));
}

/* A peer that asks and asks, until nothing moves any more; it reads nothing. */
static void
ask_until_full(const struct buf *frame)
{
	struct err e = ERR_NONE;
	int stuck = 0;

	while (stuck < 50) {
		if (send(raw, frame->p, frame->n, MSG_DONTWAIT) == (ssize_t)frame->n)
			stuck = 0;
		else
			stuck++;
		ck_assert_int_eq(loop_turn(loop, 0, &e), 0);
		ck_assert_uint_lt(left.puts, 300000);
	}
}

START_TEST(a_distrusted_peer_that_does_not_read_is_not_heard)
{
	struct err e = ERR_NONE;
	struct buf frame;
	char answers[65536];
	size_t heard;

	set_up();
	channel_distrust(left.channel, 60000);
	put_frame(&frame);
	ask_until_full(&frame);
	heard = left.puts;
	ck_assert_uint_gt(heard, 1000);
	for (int i = 0; i < 200; i++) {
		while (recv(raw, answers, sizeof answers, MSG_DONTWAIT) > 0)
			;
		ck_assert_int_eq(loop_turn(loop, 0, &e), 0);
	}
	ck_assert_uint_gt(left.puts, heard);
	ck_assert_uint_eq(left.ended, 0);
	buf_clear(&frame);
	close(raw);
	tear_down();
}
END_TEST

static void
on_timer(void *arg)
{
	loop_stop(arg);
}

START_TEST(who_never_stops_talking_does_not_keep_the_others_waiting)
{
	struct err e = ERR_NONE;
	struct buf frame;

	set_up();
	put_frame(&frame);
	left.says_more = &frame;
	ck_assert_int_eq(send(raw, frame.p, frame.n, 0), (ssize_t)frame.n);
	ck_assert_ptr_nonnull(loop_timer_add(loop, clock_boot_ms() + 20, on_timer, loop, &e));
	ck_assert_int_eq(loop_run(loop, &e), 0);
	ck_assert_uint_gt(left.puts, 1);
	left.says_more = NULL;
	close(raw);
	tear_down();
	buf_clear(&frame);
}
END_TEST

START_TEST(every_type_has_a_name_and_an_end)
{
	unsigned type;

	for (type = 1; type < MSG_TYPES; type++)
		ck_assert_msg(message_info(type) != NULL, "type %u has no row", type);
	ck_assert_ptr_null(message_info(0));
	ck_assert_ptr_null(message_info(MSG_TYPES));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel");
	TCase *tc = tcase_create("channel");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, a_breach_ends_the_channel, 0, NITEMS(breaches));
	tcase_add_test(tc, a_descriptor_that_was_not_sent_is_a_breach);
	tcase_add_test(tc, a_call_is_answered_once);
	tcase_add_test(tc, a_descriptor_travels_with_its_frame);
	tcase_add_test(tc, open_calls_fail_when_the_peer_goes);
	tcase_add_test(tc, an_error_keeps_class_time_and_hint);
	tcase_add_test(tc, a_channel_may_be_freed_in_its_handler);
	tcase_add_test(tc, a_frame_may_come_octet_by_octet);
	tcase_add_test(tc, a_distrusted_peer_that_does_not_answer_in_time_has_gone);
	tcase_add_test(tc, a_distrusted_peer_that_answers_in_time_stays);
	tcase_add_test(tc, a_distrusted_peer_that_does_not_read_is_not_heard);
	tcase_add_test(tc, who_never_stops_talking_does_not_keep_the_others_waiting);
	tcase_add_test(tc, every_type_has_a_name_and_an_end);
	return suite_run(s);
}
