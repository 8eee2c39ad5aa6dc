/*
 * http_answer.h - what came of one HTTP call, as data: whoever reads answers needs no HTTP
 * client for it. net/http_call.h makes them.
 */
#ifndef BASE_HTTP_ANSWER_H
#define BASE_HTTP_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/* How the call ended, apart from what HTTP said. */
enum net_verdict {
	NET_ANSWERED,		/* a whole answer: status and body hold */
	NET_NOT_SENT,		/* name, connect or TLS failed, or may_send said no: not one byte of the request left */
	NET_BROKEN,		/* the answer did not come, or not whole: cut, reset, bad framing */
	NET_TIMEOUT,		/* the same, by our deadline or the stall limit */
	NET_STOPPED,		/* on_data or body_max ended it */
	NET_DAMAGED,		/* the answer came whole, and what it was compressed into is damaged, cut or a bomb */
};

struct http_answer {
	enum net_verdict verdict;
	int		 status;		/* 0 when none came */
	const char	*body;			/* collected, NUL-terminated; borrowed for the call */
	size_t		 body_len;
	int64_t		 content_length;	/* of what was sent, compressed or not; -1: not told */
	int64_t		 retry_after_ms;	/* seconds or HTTP date, clamped to 1 h; 0: none or nonsense */
	int64_t		 date_ms;		/* the server's clock, of the Date header; 0: none or nonsense */
	char		 content_type[64];
	char		 location[128];		/* of a redirect; printable */
	char		 error[256];		/* for people, when not ANSWERED; no secret in it */
};

#endif
