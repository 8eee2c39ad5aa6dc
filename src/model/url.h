/*
 * url.h - what trawld needs to know about a URL before it is passed on: that it is
 * http or https, names a host, and hides nothing (spaces, control characters, a
 * user name, a backslash). Pure.
 */
#ifndef MODEL_URL_H
#define MODEL_URL_H

#include <stdbool.h>
#include <stddef.h>

struct why;

/* Borrowed pieces of the text that was split; lengths in bytes. */
struct url {
	bool		 https;
	const char	*host;		/* without the brackets of an IPv6 address */
	size_t		 host_len;
	const char	*path;		/* from its "/", "" when there is none */
	size_t		 path_len;	/* ends before "?" and "#" */
	bool		 has_query;	/* "?" or "#" follows the path */
};

/* -EINVAL with the reason; the URL's text is not repeated in it (it may hold a secret). */
int url_split(const char *text, struct url *ret, struct why *why);
/* "localhost", 127.0.0.0/8 or ::1: the host is this machine. */
bool url_host_is_loopback(const struct url *);

#endif
