/*
 * net_loop.c - libcurl's multi handle on the event loop: it tells us which sockets and
 * which moment it waits for, we tell it when they have come. Owns those events and
 * struct net; a call itself is http_call.c's.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "net/http_call.h"
#include "net/net.h"

#define EXIT_FAILURE_STATUS 1

struct net_socket {
	struct net	*net;
	struct event	*event;
	short		 what;
};

/* Several transfers may end in one wake-up, and each may start or cancel others. */
static void
net_finish_ended(struct net *net)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(net->multi, &left)) != NULL) {
		char *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		assert(call != NULL);
		http_call_on_end((struct http_call *)call, message->data.result);
	}
}

static void
net_act(struct net *net, curl_socket_t fd, int what)
{
	int running;

	(void)curl_multi_socket_action(net->multi, fd, what, &running);
	net_finish_ended(net);
}

static void
net_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	net_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
net_on_socket(evutil_socket_t fd, short what, void *arg)
{
	const struct net_socket *s = arg;

	net_act(s->net, fd, ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
	    ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

/* libcurl wants to be called in so many milliseconds. */
static int
net_on_want_timer(CURLM *multi, long ms, void *arg)
{
	struct net *net = arg;

	(void)multi;
	if (ms < 0)
		(void)evtimer_del(net->timer);
	else
		loop_timer_in(net->timer, ms);
	return 0;
}

/* libcurl wants to hear of this socket. */
static int
net_on_want_socket(CURL *easy, curl_socket_t fd, int want, void *arg, void *known)
{
	struct net *net = arg;
	struct net_socket *s = known;
	short what = (short)(((want & CURL_POLL_IN) != 0 ? EV_READ : 0) |
	    ((want & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST);

	(void)easy;
	if (want == CURL_POLL_REMOVE) {
		if (s != NULL) {
			event_free(s->event);
			free(s);
			(void)curl_multi_assign(net->multi, fd, NULL);
		}
		return 0;
	}
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->net = net;
		s->event = event_new(net->base, fd, what, net_on_socket, s);
		(void)curl_multi_assign(net->multi, fd, s);
	} else {
		if (s->what == what)
			return 0;
		(void)event_del(s->event);
		(void)event_assign(s->event, net->base, fd, what, net_on_socket, s);
	}
	s->what = what;
	(void)event_add(s->event, NULL);
	return 0;
}

struct net *
net_new(struct event_base *base, unsigned max_connections)
{
	const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
	struct net *net = xcalloc(1, sizeof(*net));

	net->base = base;
	net->trusts_file = built->age >= CURLVERSION_SEVENTH && built->cainfo != NULL;
	LIST_INIT(&net->calls);
	/* What libcurl cannot allocate ends the process, as everywhere. */
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xrealloc, xstrdup, xcalloc) == CURLE_OK)
		net->multi = curl_multi_init();
	if (net->multi == NULL)
		fatal(EXIT_FAILURE_STATUS, &log_kind_library_error, "libcurl does not start");
	net->timer = evtimer_new(base, net_on_timer, net);
	(void)curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, net_on_want_socket);
	(void)curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
	(void)curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, net_on_want_timer);
	(void)curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
	(void)curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
	(void)curl_multi_setopt(net->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)max_connections);
	(void)curl_multi_setopt(net->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return net;
}

void
net_free(struct net *net)
{
	if (net == NULL)
		return;
	while (!LIST_EMPTY(&net->calls))
		http_call_cancel(LIST_FIRST(&net->calls));
	while (net->pooled > 0)
		curl_easy_cleanup(net->pool[--net->pooled]);
	(void)curl_multi_cleanup(net->multi);
	event_free(net->timer);
	free(net);
	curl_global_cleanup();
}
