/*
 * role_main: being a role: its walls first, then its loop.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "role.h"
#include "sandbox.h"

void
role_leave(struct loop *loop, const struct err *why)
{
	log_debug(KV_S("event", "leaving"), KV_S("why", why->text));
	loop_stop(loop);
}

/* Arguments are the log's level and target: the starter is the only caller. */
static int
small_number(int argc, char **argv, int i, int max)
{
	if (argc <= i || argv[i][0] < '0' || argv[i][0] > '0' + max || argv[i][1] != '\0')
		return -1;
	return argv[i][0] - '0';
}

/* The first message says what to give up; the answer, what was. Nothing else is read before. */
static int
put_up_walls(enum role r, struct err *e)
{
	struct walled out = { 0 };
	struct err lost = ERR_NONE;
	struct walls *walls;
	struct message m;
	int rc;

	if (frame_get(ROLE_FD, MSG_WALLS, &m, e) == -1)
		return -1;
	walls = m.body;
	users_know(&walls->users);
	if ((rc = sandbox_enter(walls, r, &out, e)) == -1) {
		out.class = e->class;
		out.text = strdup(e->text);
		out.hint = strdup(e->hint);
	}
	message_clear(&m);
	if (frame_put(ROLE_FD, MSG_WALLED, &out, &lost) == -1 && rc == 0) {
		*e = lost;
		rc = -1;
	}
	pack_clear(&walled_pack, &out);
	return rc;
}

int
role_main(const struct role_main *m, int argc, char **argv)
{
	int level = small_number(argc, argv, 1, LOG_AT_DEBUG);
	int target = small_number(argc, argv, 2, LOG_TO_SYSLOG);
	struct loop *loop = NULL;
	struct channel *channel = NULL;
	struct err e = ERR_NONE;
	int type, rc = 1;
	socklen_t len = sizeof type;

	if (level == -1 || target == -1 ||
	    getsockopt(ROLE_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1) {
		dprintf(STDERR_FILENO, "kamcert-%s: started by kamcert only\n", role_name(m->role));
		return OUT_USAGE;
	}
	log_open(target, role_name(m->role), level);
	if (sandbox_begin(&e) == -1 || put_up_walls(m->role, &e) == -1 ||
	    (loop = loop_new(&e)) == NULL || channel_new(loop, ROLE_FD, m->handlers, m->arg,
	    &channel, &e) == -1 || (m->start != NULL &&
	    m->start(m->arg, loop, channel, &e) == -1) ||
	    loop_run(loop, &e) == -1)
		goto out;
	rc = 0;
out:
	if (rc != 0)
		log_error(KV_S("event", "role failed"), KV_S("error", e.text));
	if (m->stop != NULL)
		m->stop(m->arg);
	channel_free(channel);
	loop_free(loop);
	return rc;
}
