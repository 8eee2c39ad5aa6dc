/*
 * http_head.h - what the head of an answer says about itself, and whether its body
 * has a clear end. Pure; for http_call.c and its tests.
 *
 * Give every head line to http_head_line() in order, with or without its line
 * end. Interim answers (1xx) are forgotten when the next status line comes;
 * after the empty line of the final answer, lines (trailers) are ignored.
 */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why;

#define HTTP_HEAD_MAX	     (64u << 10)	/* all lines of one call together */
#define HTTP_RETRY_AFTER_MAX 3600000		/* ms */

struct http_head {
	int		status;			/* 0: no status line yet */
	bool		done;			/* the final answer's head is complete */
	unsigned	codings;		/* Transfer-Encoding lines */
	int64_t		content_length;		/* -1: not told */
	bool		unframed;		/* a 200 with neither: its body ends with the connection, whole or not */
	size_t		bytes;			/* seen so far */
	char		content_type[64];
	char		content_encoding[32];
	char		location[128];
	char		retry_after[64];
	char		date[64];
};

void http_head_init(struct http_head *);
/* 0, or -EPROTO with the reason: lengths that differ, one that is no number, both
 * framings, a transfer coding other than chunked, a folded line, more than
 * HTTP_HEAD_MAX bytes. */
int http_head_line(struct http_head *, const char *line, size_t len, struct why *);

/* The value of Retry-After as a pause from now on: whole seconds or an HTTP date,
 * at most HTTP_RETRY_AFTER_MAX; 0 for none, nonsense or the past. */
int64_t http_retry_after_ms(const char *value, int64_t now_wall_ms);

/* The value of Date, in ms since 1970; 0 for none or nonsense. */
int64_t http_date_ms(const char *value);

#endif
