/* front_accept.c - see front_accept.h. Pausing is for all sockets alike. */
#include "front/front_accept.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

#define ACCEPT_BATCH	2	/* a loop turn: fronts that share a socket share what comes */
#define EMFILE_PAUSE_MS 200

struct listener {
	struct listener		*next;
	struct evconnlistener	*socket;
};

/* Only to find the guard of a listener: evhttp takes the one argument that a
 * listener's two callbacks share. */
static struct guard *guards;

void
accept_init(struct guard *guard)
{
	guard->next = guards;
	guards = guard;
}

void
accept_done(struct guard *guard)
{
	struct guard **at = &guards;
	struct listener *listener;

	while (*at != guard)
		at = &(*at)->next;
	*at = guard->next;
	while ((listener = guard->accept.listeners) != NULL) {
		guard->accept.listeners = listener->next;
		free(listener);
	}
}

void
accept_pause(struct guard *guard)
{
	guard->accept.paused = true;
	for (struct listener *l = guard->accept.listeners; l != NULL; l = l->next)
		(void)evconnlistener_disable(l->socket);
}

void
accept_resume(struct guard *guard)
{
	if (!guard->accept.paused || guard->stopping || guard->count >= guard->limits->connections ||
	    guard_now(guard) < guard->accept.paused_until_ms)
		return;
	guard->accept.paused = false;
	guard->accept.in_turn = 0;
	for (struct listener *l = guard->accept.listeners; l != NULL; l = l->next)
		(void)evconnlistener_enable(l->socket);
}

void
accept_count(struct guard *guard)
{
	if (guard->count < guard->limits->connections && ++guard->accept.in_turn < ACCEPT_BATCH)
		return;
	accept_pause(guard);
	guard_turn_soon(guard);
}

bool
accept_is_full(const struct guard *guard)
{
	return guard->count >= guard->limits->connections || guard->accept.short_of_files;
}

static struct guard *
guard_of(const struct evconnlistener *socket)
{
	for (struct guard *guard = guards; guard != NULL; guard = guard->next) {
		for (struct listener *l = guard->accept.listeners; l != NULL; l = l->next) {
			if (l->socket == socket)
				return guard;
		}
	}
	return NULL;
}

static void
accept_on_error(struct evconnlistener *socket, void *arg)
{
	int error = errno;
	struct guard *guard = guard_of(socket);
	int64_t now;

	(void)arg;
	assert(guard != NULL);
	now = guard_now(guard);
	guard->accept.paused_until_ms = now + EMFILE_PAUSE_MS;
	guard->accept.short_of_files = true;
	accept_pause(guard);
	guard_turn_soon(guard);
	if (guard->accept.complained_ms == 0 || now - guard->accept.complained_ms >= 1000) {
		guard->accept.complained_ms = now;
		log_as(KIND_ACCEPT_PAUSED, NULL,
		    "no connection can be accepted for a moment: %s (%u are open)", strerror(error), guard->count);
	}
}

int
accept_listen(struct guard *guard, int fd)
{
	struct listener *listener;
	struct evconnlistener *socket;

	if (evutil_make_socket_nonblocking(fd) < 0)
		return -errno;
	socket = evconnlistener_new(guard->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (socket == NULL || evhttp_bind_listener(guard->http, socket) == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(socket, accept_on_error);
	listener = xcalloc(1, sizeof(*listener));
	listener->socket = socket;
	listener->next = guard->accept.listeners;
	guard->accept.listeners = listener;
	return 0;
}
