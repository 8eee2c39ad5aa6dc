/*
 * http_coding.h - takes a coding off a body that came with one although none was asked
 * for. What is coded is known by its first bytes, or by the head's Content-Encoding: gzip
 * (also several members in a row) and deflate are undone, a name that neither belongs to
 * is refused. Bytes that are not coded pass through as they come, whatever the head says.
 *
 * Order: init; named, when the head has the field; feed as often as bytes come; end when
 * the body is whole by its framing; done at any time. A coded stream is whole only by its
 * own checksum and length: a cut one never is.
 *
 * Memory: 64 KiB, and what zlib takes (48 KiB), once something coded has come. What grows to
 * more than HTTP_CODING_RATIO times its size is refused, beyond HTTP_CODING_FREE bytes.
 */
#ifndef NET_HTTP_CODING_H
#define NET_HTTP_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why;
struct inflater;

#define HTTP_CODING_RATIO 200u
#define HTTP_CODING_FREE  (16u << 20)

/* Takes the bytes as they were before they were coded. Below 0 stops: feed and end return it. */
typedef int http_coding_fn(const void *p, size_t len, void *arg);

struct http_coding {
	http_coding_fn	*on_bytes;
	void		*arg;
	bool		 decided;	/* whether it is coded */
	bool		 deflate;	/* the head says so: its first bytes alone prove little */
	uint8_t		 first[2];
	size_t		 first_len;
	struct inflater	*inflater;	/* NULL: the bytes pass */
};

void http_coding_init(struct http_coding *, http_coding_fn *on_bytes, void *arg);
/* -EPROTO with the reason: a coding that is not known here. */
int http_coding_named(struct http_coding *, const char *value, struct why *);
/* 0, what on_bytes returned, or -EBADMSG with the reason: damaged, or too large. */
int http_coding_feed(struct http_coding *, const void *p, size_t len, struct why *);
int http_coding_end(struct http_coding *, struct why *);	/* the same, or cut */
void http_coding_done(struct http_coding *);

#endif
