/*
 * askers.c - the daemon's side of "trawld --reload": the socket on which a reload can be
 * asked for, and those who wait for its outcome. What a reload is and when it ends is
 * reload.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/supervisor.h"

#define ASKERS_MAX 16

struct asker {
	struct asker	*next;
	struct supervisor *sup;
	struct event	*gone;
	int		 fd;
	bool		 attached;	/* to the reload under way */
};

static void
asker_free(struct asker *asker)
{
	struct asker **at = &asker->sup->askers.first;

	while (*at != asker)
		at = &(*at)->next;
	*at = asker->next;
	event_free(asker->gone);
	(void)close(asker->fd);
	free(asker);
}

/* Nothing more is expected from an asker, so what comes is its end. */
static void
asker_on_gone(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	asker_free(arg);
}

static void
asker_answer(struct asker *asker, int exit_status, const char *text)
{
	struct asker_answer answer = { .version = ASKER_VERSION, .exit_status = exit_status };

	(void)str_printable(answer.text, sizeof(answer.text), text, strlen(text));
	(void)send(asker->fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	asker_free(asker);
}

static bool
asker_add(struct supervisor *sup, int fd)
{
	struct asker *asker = xcalloc(1, sizeof(*asker));
	unsigned count = 0;

	for (const struct asker *other = sup->askers.first; other; other = other->next)
		count++;
	asker->gone = event_new(sup->base, fd, EV_READ | EV_PERSIST, asker_on_gone, asker);
	if (count >= ASKERS_MAX || !asker->gone || event_add(asker->gone, NULL) < 0) {
		if (asker->gone)
			event_free(asker->gone);
		free(asker);
		return false;
	}
	asker->sup = sup;
	asker->fd = fd;
	asker->next = sup->askers.first;
	sup->askers.first = asker;
	return true;
}

/* Who knocks stays in the queue, so the socket stays readable: it rests until the next tick. */
static void
askers_rest(struct supervisor *sup, int error)
{
	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	(void)event_del(sup->askers.connect);
	if (!sup->askers.rested)
		log_as(KIND_RELOAD_UNASKABLE, NULL, "nobody can ask for a reload now: %s; SIGHUP works", strerror(error));
	sup->askers.rested = true;
}

void
askers_tick(struct supervisor *sup)
{
	if (sup->askers.connect && !event_pending(sup->askers.connect, EV_READ, NULL))
		(void)event_add(sup->askers.connect, NULL);
}

static void
askers_on_connect(evutil_socket_t listener, short what, void *arg)
{
	struct supervisor *sup = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (fd < 0) {
		askers_rest(sup, errno);
		return;
	}
	sup->askers.rested = false;
	if (!asker_add(sup, fd))
		(void)close(fd);
	else
		sup->askers.on_asked(sup);
}

void
askers_listen(struct supervisor *sup, void (*on_asked)(struct supervisor *))
{
	char path[1100];
	struct why why;

	sup->askers.fd = -1;
	sup->askers.on_asked = on_asked;
	asker_path(path, sizeof(path), sup->conf.data_dir);
	if (listener_bind_path(path, SOCK_SEQPACKET, 0177, &sup->askers.fd, &why) < 0) {
		log_as(KIND_RELOAD_UNASKABLE, NULL, "trawld --reload will not work, SIGHUP does: %s", why.text);
		return;
	}
	sup->askers.connect = event_new(sup->base, sup->askers.fd, EV_READ | EV_PERSIST, askers_on_connect, sup);
	if (!sup->askers.connect || event_add(sup->askers.connect, NULL) < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "the reload socket cannot be put on the loop");
}

void
askers_attach(struct supervisor *sup)
{
	for (struct asker *asker = sup->askers.first; asker; asker = asker->next)
		asker->attached = true;
}

static void
answer_some(struct supervisor *sup, bool all, int exit_status, const char *text)
{
	struct asker *asker, *next;

	for (asker = sup->askers.first; asker; asker = next) {
		next = asker->next;
		if (all || asker->attached)
			asker_answer(asker, exit_status, text);
	}
}

void
askers_answer(struct supervisor *sup, int exit_status, const char *text)
{
	answer_some(sup, false, exit_status, text);
}

void
askers_dismiss(struct supervisor *sup, const char *text)
{
	answer_some(sup, true, EXIT_STATUS_FAILURE, text);
}

void
askers_let_go(struct supervisor *sup)
{
	if (sup->askers.fd < 0)
		return;
	event_free(sup->askers.connect);
	sup->askers.connect = NULL;
	(void)close(sup->askers.fd);
	sup->askers.fd = -1;
}

void
askers_close(struct supervisor *sup)
{
	char path[1100];

	askers_dismiss(sup, "trawld has stopped");
	if (sup->askers.fd < 0)
		return;
	askers_let_go(sup);
	asker_path(path, sizeof(path), sup->conf.data_dir);
	(void)unlink(path);
}
