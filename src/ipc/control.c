/*
 * control.c - the child's end of the control socket. It owns the inherited
 * descriptors 3 and 4, the heartbeat and the drain signal; what a role does with
 * a peer or a drain is the role's.
 *
 * Beats and status texts are dropped while the supervisor does not read, so that
 * there is always room for a word that matters.
 */
#include "ipc/control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/jail.h"
#include "model/log_kind.h"

#define CONTROL_UNREAD_MAX (16 << 10)	/* bytes; above, beats and status are left out */
#define CONTROL_CONF_MAX   (1 << 20)

struct control {
	enum role		 role;
	unsigned		 instance, generation, listeners;
	bool			 ready, draining;
	int64_t			 leave_within_ms;	/* as LEAVE said */
	struct event		*readable, *beat, *terminated;
	struct control_events	 events;
	void			*arg;
};

/* ---- start ---- */

static _Noreturn void
control_not_by_hand(enum role role)
{
	(void)fprintf(stderr, "trawld-%s is started by trawld; see trawld(8)\n", role_name(role));
	exit(EXIT_STATUS_USAGE);
}

static void
control_check_start(int argc, char **argv, enum role role)
{
	socklen_t size = sizeof(int);
	int type = 0;

	if (argc != 2 || strcmp(argv[1], "--child") != 0)
		control_not_by_hand(role);
	if (getsockopt(INHERIT_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_SEQPACKET)
		control_not_by_hand(role);
}

/* The key must not be read out of a core file or by another process of the user. */
static void
control_seclude(void)
{
	struct rlimit none = { 0, 0 };

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

/* Waits for a packet; the end of the supervisor is the end of this process. */
static void
control_read_welcome(struct control *c)
{
	struct inherit_message m;
	ssize_t n;

	do
		n = recv(INHERIT_CONTROL_FD, &m, sizeof(m), 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(EXIT_STATUS_OK);
	if (n != (ssize_t)sizeof(m) || m.version != INHERIT_VERSION || m.type != INHERIT_WELCOME)
		fatal_as(EXIT_STATUS_VERSION, KIND_VERSION_MIXED, "trawld and trawld-%s are not of one version: "
		    "install them together and restart", role_name(c->role));
	if (m.role != (uint32_t)c->role)
		fatal_as(EXIT_STATUS_VERSION, KIND_VERSION_MIXED,
		    "trawld started trawld-%s to be a %s: install again", role_name(c->role), role_name(m.role));
	c->instance = m.instance;
	c->generation = m.generation;
	c->listeners = (unsigned)m.arg;
}

static void
control_keep_private(unsigned listeners)
{
	for (int fd = INHERIT_CONTROL_FD; fd < INHERIT_LISTEN_FD + (int)listeners; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
control_read_conf(struct conf *ret_conf)
{
	struct why why = { "" };
	struct stat st;
	char *text;
	ssize_t n;
	int r;

	if (fstat(INHERIT_CONF_FD, &st) < 0 || st.st_size > CONTROL_CONF_MAX)
		fatal_as(EXIT_STATUS_VERSION, KIND_VERSION_MIXED,
		    "the configuration cannot be read from trawld: %s", strerror(errno));
	text = xcalloc(1, (size_t)st.st_size + 1);
	n = pread(INHERIT_CONF_FD, text, (size_t)st.st_size, 0);
	(void)close(INHERIT_CONF_FD);
	if (n != st.st_size)
		fatal_as(EXIT_STATUS_VERSION, KIND_VERSION_MIXED, "the configuration from trawld is cut short");
	conf_init(ret_conf);
	r = conf_unpack(ret_conf, text, (size_t)n, &why);
	mem_wipe(text, (size_t)n);
	free(text);
	if (r < 0)
		fatal_as(EXIT_STATUS_CONFIG, KIND_CONFIG_INVALID, "the configuration from trawld: %s", why.text);
}

static void
control_open_log(const struct control *c, enum log_level level)
{
	char who[32];

	if (c->role == ROLE_KEEPER || c->role == ROLE_PUBLISHER)
		(void)snprintf(who, sizeof(who), "%s", role_name(c->role));
	else
		(void)snprintf(who, sizeof(who), "%s[%u]", role_name(c->role), c->instance);
	log_open(who, level);
}

/* The supervisor decides what a terminal's or an operator's signals mean; a child
 * of the same name in pkill's eyes only drains when asked. */
static void
control_ignore_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

/* Raising one's own score is always allowed. When memory runs out a poller goes
 * first, whose work another takes over, and never the keeper. */
static void
control_set_oom_order(enum role role)
{
	static const char *const scores[ROLE_COUNT] = {
		[ROLE_PUBLISHER] = "100", [ROLE_POLLER] = "300", [ROLE_FRONT] = "100",
	};
	int fd = scores[role] ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (write(fd, scores[role], strlen(scores[role])) < 0)
		log_debug(NULL, "the order of out-of-memory kills stays as it is: %s", strerror(errno));
	(void)close(fd);
}

/* The keeper tells it for all: what its kernel lacks, all of them lack. */
static void
control_tell_jail(enum role role, const char *text)
{
	if (role == ROLE_KEEPER)
		log_as(KIND_JAIL_INCOMPLETE, NULL, "%s", text);
	else
		log_debug(NULL, "%s", text);
}

static void
control_enter_jail(enum role role, const struct conf *conf)
{
	struct why missing;

	if (conf->jail == CONF_JAIL_FALSE) {
		control_tell_jail(role, "no process is in a jail: JAIL=false");
		return;
	}
	if (conf->jail == CONF_JAIL_AUTO) {
		log_debug(NULL, "in no jail: systemd did not start this trawld, and JAIL=auto");
		return;
	}
	if (jail_enter(jail_row(role), conf, &missing) == 0) {
		log_debug(NULL, "in the jail of a %s", role_name(role));
		return;
	}
	why_prefix(&missing, "the jail lacks a part");
	control_tell_jail(role, missing.text);
}

struct control *
control_start(int argc, char **argv, enum role role, struct conf *ret_conf)
{
	struct control *c;

	control_check_start(argc, argv, role);
	control_ignore_signals();
	control_set_oom_order(role);	/* before the files of this process are root's */
	if (role == ROLE_POLLER)
		control_seclude();
	c = xcalloc(1, sizeof(*c));
	c->role = role;
	log_open(role_name(role), LOG_LEVEL_INFO);
	log_never_wait();
	control_read_welcome(c);
	control_keep_private(c->listeners);
	control_open_log(c, LOG_LEVEL_INFO);
	control_read_conf(ret_conf);
	log_set_level((enum log_level)ret_conf->log_level);
	log_set_format((enum log_format)ret_conf->log_format);
	control_enter_jail(role, ret_conf);
	return c;
}

/* ---- saying ---- */

static int
control_say(struct control *c, enum inherit_type type, struct inherit_message *m)
{
	m->version = INHERIT_VERSION;
	m->type = type;
	m->pid = getpid();
	if (type != INHERIT_KILL) {
		m->role = c->role;
		m->instance = c->instance;
		m->generation = c->generation;
	}
	if (send(INHERIT_CONTROL_FD, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static bool
control_is_unread(void)
{
	int unread = 0;

	return ioctl(INHERIT_CONTROL_FD, SIOCOUTQ, &unread) == 0 && unread > CONTROL_UNREAD_MAX;
}

void
control_ready(struct control *c)
{
	struct inherit_message m = { 0 };
	int r;

	if (c->ready)
		return;
	c->ready = true;
	r = control_say(c, INHERIT_READY, &m);
	if (r < 0)
		log_as(KIND_PARENT_UNREACHED, NULL, "cannot tell trawld that we are ready: %s", strerror(-r));
}

void
control_status(struct control *c, const char *text)
{
	struct inherit_message m = { 0 };

	if (control_is_unread())
		return;
	(void)str_printable(m.text, sizeof(m.text), text, strlen(text));
	(void)control_say(c, INHERIT_STATUS, &m);
}

void
control_refuse(struct control *c, enum exit_status status, enum log_kind_id kind, const char *reason)
{
	control_status(c, reason);
	fatal_as(status, kind, "%s", reason);
}

void
control_kill(struct control *c, unsigned instance, unsigned generation, const char *reason)
{
	struct inherit_message m = {
		.role = ROLE_POLLER,
		.instance = instance,
		.generation = generation,
	};
	int r;

	(void)str_printable(m.text, sizeof(m.text), reason, strlen(reason));
	r = control_say(c, INHERIT_KILL, &m);
	if (r < 0)
		log_as(KIND_PARENT_UNREACHED, NULL, "cannot ask trawld to kill poller[%u]: %s", instance, strerror(-r));
}

/* ---- on the loop ---- */

static void
control_on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct inherit_message m = { 0 };
	struct control *c = arg;

	(void)fd;
	(void)what;
	if (!control_is_unread())
		(void)control_say(c, INHERIT_BEAT, &m);
	log_flush();
}

static void control_on_readable(evutil_socket_t, short, void *);

static void
control_on_terminated(evutil_socket_t number, short what, void *arg)
{
	struct control *c = arg;

	(void)number;
	control_on_readable(INHERIT_CONTROL_FD, what, c);	/* LEAVE was sent before */
	if (c->draining)
		return;
	c->draining = true;
	c->events.on_drain(c->leave_within_ms, c->arg);
}

/* One packet with at most one descriptor. 0 at its end, -EAGAIN when there is none. */
static int
control_receive(struct inherit_message *ret, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec iov = { ret, sizeof(*ret) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary),
	};
	struct cmsghdr *part;
	ssize_t n;

	n = recvmsg(INHERIT_CONTROL_FD, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*ret_fd = -1;
	part = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(part), sizeof(int));
	if (n > 0 && n != (ssize_t)sizeof(*ret))
		ret->version = 0;
	return (int)n;
}

static void
control_take(struct control *c, const struct inherit_message *m, int fd)
{
	if (m->version == INHERIT_VERSION && m->type == INHERIT_PEER && fd >= 0 &&
	    m->role < ROLE_COUNT) {
		c->events.on_peer(m, fd, c->arg);
		return;
	}
	if (m->version == INHERIT_VERSION && m->type == INHERIT_LEAVE) {
		c->leave_within_ms = m->arg;
		if (c->draining && c->events.on_hurry != NULL)
			c->events.on_hurry(m->arg, c->arg);
		return;
	}
	if (m->version == INHERIT_VERSION && m->type == INHERIT_RELOADED) {
		if (c->events.on_reloaded != NULL)
			c->events.on_reloaded(c->arg);
		return;
	}
	log_as(KIND_PARENT_UNCLEAR, NULL, "a message of trawld was not understood (type %u)", m->type);
	if (fd >= 0)
		(void)close(fd);
}

static void
control_on_readable(evutil_socket_t socket, short what, void *arg)
{
	struct control *c = arg;
	struct inherit_message m;
	int fd = -1, r;

	(void)socket;
	(void)what;
	while ((r = control_receive(&m, &fd)) > 0)
		control_take(c, &m, fd);
	if (r == -EAGAIN)
		return;
	/* The supervisor is gone. What is not in the store was not promised. */
	log_flush();
	_exit(EXIT_STATUS_OK);
}

void
control_attach(struct control *c, struct event_base *base, const struct control_events *events,
    void *arg)
{
	const struct timeval second = { 1, 0 };

	c->events = *events;
	c->arg = arg;
	c->readable = event_new(base, INHERIT_CONTROL_FD, EV_READ | EV_PERSIST,
	    control_on_readable, c);
	c->terminated = evsignal_new(base, SIGTERM, control_on_terminated, c);
	c->beat = event_new(base, -1, EV_PERSIST, control_on_beat, c);
	if (!c->readable || !c->terminated || !c->beat || event_add(c->readable, NULL) < 0 ||
	    event_add(c->terminated, NULL) < 0 || event_add(c->beat, &second) < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "the control socket cannot be put on the loop");
	control_on_beat(-1, 0, c);
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	if (c->readable)
		event_free(c->readable);
	if (c->terminated)
		event_free(c->terminated);
	if (c->beat)
		event_free(c->beat);
	free(c);
}

unsigned
control_listeners(const struct control *c)
{
	return c->listeners;
}
