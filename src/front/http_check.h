/*
 * http_check.h - is this stream of bytes a row of HTTP/1 requests that every
 * server reads the same way? Pure: bytes in, a verdict out, fed in pieces of any
 * size. It builds nothing; whoever serves the request parses it again.
 *
 * Refused, after RFC 9112 and a little beyond: a lone CR or LF, folded lines,
 * control bytes, space before a colon, names that are no tokens, a Host that is
 * missing (HTTP/1.1), doubled or malformed, a Content-Length that is not 1 to 18
 * digits once, any Transfer-Encoding but "chunked" once on HTTP/1.1, both
 * together, chunk sizes that are not 1 to 8 hex digits, chunk extensions and
 * trailers (nobody sends them, and servers differ in what they make of them), a body on
 * HEAD or TRACE, an Expect other than 100-continue, versions other than 1.0 and
 * 1.1, methods that we have no word for, targets that are not a path, more than
 * one space, an empty line before a request, and what exceeds the limits.
 *
 * Order: init, feed until it refuses. HTTP_MESSAGE tells that a message ended; the
 * rest of the piece is fed again. After a refusal every feed refuses.
 */
#ifndef FRONT_HTTP_CHECK_H
#define FRONT_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_limits {
	uint32_t target;	/* bytes of the request target */
	uint32_t head;		/* bytes from the method to the empty line, both included */
	uint32_t fields;
	uint32_t body;		/* bytes, without the framing of chunks */
};

enum http_verdict { HTTP_MORE, HTTP_MESSAGE, HTTP_REFUSED };
enum http_phase { HTTP_BETWEEN, HTTP_IN_HEAD, HTTP_IN_BODY };

#define HTTP_CHECK_VALUE 256	/* longest Host; of the other watched fields less is meaningful */

struct http_check {
	const struct http_limits *limits;
	/* For the caller. */
	uint64_t	 messages;	/* that ended */
	uint64_t	 bytes;		/* fed of the message that is being read */
	enum http_phase	 phase;
	uint64_t	 length;	/* in the body: the length that was declared, 0 for chunks */
	int		 status;	/* refused: the HTTP status that fits, */
	const char	*reason;	/* and a sentence for the client; else NULL */

	/* The checker's own. */
	unsigned	 state;
	unsigned	 method;
	unsigned	 minor;		/* of the version */
	unsigned	 at;		/* bytes of the token that is being read */
	uint32_t	 target, head, fields, body;
	uint64_t	 left;		/* of the body or chunk */
	unsigned	 field;		/* whose value is being read */
	bool		 has_host, has_length, is_chunked, has_expect;
	unsigned	 value_len;
	char		 token[20];
	char		 value[HTTP_CHECK_VALUE];
};

/* limits must outlive the check. */
void http_check_init(struct http_check *, const struct http_limits *limits);
/* *ret_used is how many bytes were looked at: all of them with HTTP_MORE. */
enum http_verdict http_check_feed(struct http_check *, const void *p, size_t len, size_t *ret_used);

#endif
