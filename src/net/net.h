/*
 * net.h - what the files of src/net share: libcurl's multi handle on the loop.
 * Nobody outside includes this.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct http_call;

#define NET_POOL 64		/* idle handles that are kept */

struct net {
	struct event_base	*base;
	CURLM			*multi;
	struct event		*timer;
	LIST_HEAD(http_calls, http_call)	 calls;
	CURL			*pool[NET_POOL];
	unsigned		 pooled;
	bool			 trusts_file;	/* this libcurl has its trusted certificates in one file */
};

/* http_call.c: the transfer has ended; tells the caller, frees the call. */
void http_call_on_end(struct http_call *, CURLcode result);

/* An easy handle with nothing set. Handles of calls that must not share anything
 * are made anew and destroyed after. */
CURL *net_take_handle(struct net *, bool fresh);
void net_give_handle(struct net *, CURL *, bool fresh);

#endif
