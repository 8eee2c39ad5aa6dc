/*
 * child.c - starting one process, hearing it, ending it. It owns the control
 * socket and the child's timers.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"

#define CONTROL_BUFFER (1 << 20)	/* room for a PEER of every child, and for a slow reader */

const char *
child_name(const struct child *c)
{
	static char names[2][32];
	static unsigned turn;
	char *name = names[turn++ % 2];

	if (c->service->limit == 1)
		(void)snprintf(name, sizeof(names[0]), "%s", role_name(c->service->role));
	else
		(void)snprintf(name, sizeof(names[0]), "%s[%u]", role_name(c->service->role),
		    c->instance);
	return name;
}

/* ---- hearing ---- */

/* A child without a control socket cannot be told anything any more. */
static void
child_on_silent(struct child *c)
{
	(void)event_del(c->readable);
	if (c->state != CHILD_LEAVING)
		child_kill(c, NULL);
}

static void
child_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	struct inherit_message m;
	ssize_t n;

	(void)what;
	while ((n = recv(fd, &m, sizeof(m), MSG_DONTWAIT)) > 0) {
		if (n != (ssize_t)sizeof(m) || m.version != INHERIT_VERSION) {
			(void)event_del(c->readable);	/* it is killed once, whatever else it has said */
			child_kill(c, "it speaks another version");
			return;
		}
		m.text[sizeof(m.text) - 1] = '\0';
		c->on_message(c, &m, c->arg);
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		child_on_silent(c);
}

void
child_last_words(const struct child *c, char *dst, size_t size)
{
	struct inherit_message m;

	while (recv(c->control, &m, sizeof(m), MSG_DONTWAIT) == (ssize_t)sizeof(m))
		if (m.version == INHERIT_VERSION && m.type == INHERIT_STATUS)
			(void)str_printable(dst, size, m.text, strnlen(m.text, sizeof(m.text)));
}

static void
child_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	child_kill(c, c->state == CHILD_STARTING ? "it was not ready in time" :
	    "it did not leave in time");
}

/* ---- starting ---- */

static int
child_send(struct child *c, struct inherit_message *m, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary = { .room = { 0 } };
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	m->version = INHERIT_VERSION;
	if (fd >= 0) {
		msg.msg_control = &ancillary;
		msg.msg_controllen = sizeof(ancillary);
		ancillary.header.cmsg_level = SOL_SOCKET;
		ancillary.header.cmsg_type = SCM_RIGHTS;
		ancillary.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(int));
	}
	return sendmsg(c->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int
child_welcome(struct child *c, unsigned listeners)
{
	struct inherit_message m = {
		.type = INHERIT_WELCOME,
		.role = c->service->role,
		.instance = c->instance,
		.generation = c->generation,
		.pid = getpid(),
		.arg = listeners,
	};

	return child_send(c, &m, -1);
}

void
child_send_reloaded(struct child *c)
{
	struct inherit_message m = { .type = INHERIT_RELOADED };

	(void)child_send(c, &m, -1);	/* one that does not read is replaced before long */
}

int
child_send_peer(struct child *c, const struct child *other, int fd)
{
	struct inherit_message m = {
		.type = INHERIT_PEER,
		.role = other->service->role,
		.instance = other->instance,
		.generation = other->generation,
		.pid = other->pid,
		.arg = inherit_self(c->instance, c->generation),
	};

	return child_send(c, &m, fd);
}

static void
child_listen(struct child *c, struct event_base *base)
{
	c->readable = event_new(base, c->control, EV_READ | EV_PERSIST, child_on_readable, c);
	c->deadline = evtimer_new(base, child_on_deadline, c);
	if (!c->readable || !c->deadline || event_add(c->readable, NULL) < 0)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "out of memory for the events of %s",
		    child_name(c));
	loop_timer_in(c->deadline, c->service->ready_within_ms);
}

int
child_start(struct child *c, struct event_base *base, struct spawn *s, struct why *why)
{
	int pair[2], size = CONTROL_BUFFER, r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return why_set(why, errno, "no control socket: %s", strerror(errno));
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->control = pair[0];
	s->control = pair[1];
	r = child_welcome(c, s->listener_count);
	if (r < 0)
		(void)why_set(why, -r, "no word on its control socket: %s", strerror(-r));
	else
		r = spawn(s, &c->pid, why);
	(void)close(pair[1]);
	if (r < 0) {
		(void)close(c->control);
		return r;
	}
	c->state = CHILD_STARTING;
	c->started_ms = c->beat_ms = clock_mono_ms(&clock_system);
	child_listen(c, base);
	return 0;
}

void
child_free(struct child *c)
{
	if (!c)
		return;
	if (c->readable)
		event_free(c->readable);
	if (c->deadline)
		event_free(c->deadline);
	if (c->control >= 0)
		(void)close(c->control);
	free(c);
}

/* ---- ending ---- */

void
child_ready(struct child *c)
{
	c->state = CHILD_READY;
	c->served = true;
	(void)evtimer_del(c->deadline);
}

void
child_gets_on(struct child *c)
{
	int64_t left = c->started_ms + CHILD_START_MAX_MS - clock_mono_ms(&clock_system);

	loop_timer_in(c->deadline, left < c->service->ready_within_ms ? left : c->service->ready_within_ms);
}

/* LEAVE lies in the control socket when the signal comes. One that does not read has no
 * room for it, and is told by the signal alone. */
void
child_leave(struct child *c, int64_t within_ms)
{
	struct inherit_message m = { .type = INHERIT_LEAVE, .arg = within_ms };
	int64_t by = clock_mono_ms(&clock_system) + within_ms;

	if (c->state == CHILD_LEAVING && by >= c->leave_by_ms)
		return;
	c->leave_by_ms = by;
	(void)child_send(c, &m, -1);
	if (c->state != CHILD_LEAVING)
		(void)kill(c->pid, SIGTERM);
	c->state = CHILD_LEAVING;
	loop_timer_in(c->deadline, within_ms);
}

bool
child_waits_for_disk(const struct child *c)
{
	char path[32], text[256];
	const char *end = NULL;
	scoped_fd fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		end = strrchr(text, ')');	/* of the program's name; the state follows */
	}
	return end && strncmp(end, ") D", 3) == 0;
}

void
child_kill(struct child *c, const char *reason)
{
	if (reason)
		log_as(KIND_CHILD_KILLED, NULL, "%s pid %ld is killed: %s", child_name(c), (long)c->pid,
		    reason);
	(void)kill(c->pid, SIGKILL);
}
