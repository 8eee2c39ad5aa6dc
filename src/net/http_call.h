/*
 * http_call.h - one HTTP call on the event loop, with a deadline and a verdict.
 * The one user of libcurl.
 *
 *   net = net_new(base, ...);
 *   http_call_start(net, &request, on_done, arg)   one call; on_done is called once, later
 *   http_call_cancel(call)                         on_done is not called any more
 *
 * Bodies: either collected (at most body_max bytes, more ends the call) or given
 * to on_data as they arrive. Only https:// and http:// are spoken, redirects are
 * never followed, no proxy and no .netrc is read from the environment, and
 * Accept-Encoding is identity. A body that is compressed all the same is given on
 * as it was before (http_coding.h); libcurl would take a cut one for whole. A body
 * is whole only by Content-Length or chunked framing: a 200 with both, or with lengths
 * that differ, is NET_BROKEN, and so is one with neither that is_whole does not vouch for.
 */
#ifndef NET_HTTP_CALL_H
#define NET_HTTP_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/http_answer.h"
#include "base/loop.h"

struct net;
struct http_call;

struct http_request {
	const char	*method;		/* "GET", "POST" */
	const char	*url;			/* copied */
	const char	*unix_socket;		/* connect here instead of the URL's host; or NULL (trawlctl) */
	const char	*bearer;		/* Authorization: Bearer; or NULL. Never logged; where the body of an error
						 * (400 and up) repeats it, stars stand in its place */
	const char	*const *headers;	/* "Name: value", NULL-terminated; or NULL */
	const char	*body;			/* copied; NULL for none */
	size_t		 body_len;
	bool		 fresh;			/* a connection of its own, closed after: for calls that must be sent once at most.
						 * On a reused connection libcurl may send a POST again */
	int64_t		 timeout_ms;		/* whole call; 0: none */
	int64_t		 stall_ms;		/* no more than 1 KiB/s for so long ends it; 0: none */
	size_t		 body_max;		/* of a collected body */
	const char	*proxy;			/* http, https, socks5 or socks5h URL; copied. NULL or "": straight on */
	const char	*ca_file;		/* PEM, instead of the machine's authorities; copied. NULL or "": those */
	/* Asked of a collected 200 whose end only the end of the connection told. NULL: it never is. */
	bool		(*is_whole)(const char *body, size_t len);
	/* Takes a part of the body of a 200 answer (others are collected). 0 to go on, else the call is
	 * stopped with NET_STOPPED. NULL: the body is collected. */
	int		(*on_data)(const void *p, size_t len, void *arg);
	/* Asked when the connection stands, in the last moment before the request's first byte leaves.
	 * False ends the call with NET_NOT_SENT. NULL: it may. */
	bool		(*may_send)(void *arg);
};

typedef void http_done_fn(const struct http_answer *, void *arg);

/* max_connections: kept and used at a time, to one host. */
struct net *net_new(struct event_base *, unsigned max_connections);
void net_free(struct net *);		/* cancels what still runs */

/* The call is freed after on_done returned. Never calls on_done from inside. */
struct http_call *http_call_start(struct net *, const struct http_request *, http_done_fn *on_done, void *arg);
void http_call_cancel(struct http_call *);
/* Of an answer whose head has come; -1: not told. */
int64_t http_call_content_length(const struct http_call *);

#endif
