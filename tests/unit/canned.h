/*
 * canned.h - a server for unit tests, on the test's own loop: it takes requests on
 * a free port of 127.0.0.1 (or a Unix socket), keeps them, and answers with bytes
 * that the test wrote down, right or wrong. Each test program has its own copy.
 */
#ifndef TESTS_CANNED_H
#define TESTS_CANNED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"

#define CANNED_RULES	64
#define CANNED_REQUESTS 512
#define CANNED_ALWAYS	UINT32_MAX

enum canned_end {
	CANNED_KEEP,		/* the connection stays for the next request */
	CANNED_CLOSE,		/* closed in order, after the bytes */
	CANNED_RESET,		/* reset, after the bytes */
	CANNED_HANG,		/* open and silent */
};

struct canned_rule {
	const char	*words;		/* must stand in the request's head; each rule answers times requests */
	const char	*bytes;
	size_t		 len;
	enum canned_end	 end;
	unsigned	 times;		/* left; 0: used up */
	char		*own;		/* bytes, when they are ours to free */
};

struct canned_request {
	char	text[8192];		/* head and body as they came, cut */
	size_t	len;
};

struct canned {
	struct event_base *base;
	struct evconnlistener *listener;
	int		 port;
	struct canned_rule rules[CANNED_RULES];
	unsigned	 rule_count;
	struct canned_request *requests;
	unsigned	 request_count, connections;
	struct bufferevent *open[CANNED_REQUESTS];
	unsigned	 open_count;
	bool		 holding;	/* requests are taken, answers wait for canned_release */
	struct {
		struct canned_stream *stream;
		const struct canned_rule *rule;
	} held[CANNED_REQUESTS];
	unsigned	 held_count;
};

struct canned_stream {
	struct canned	*canned;
	unsigned	 slot;
	bool		 ending;
	enum canned_end	 end;
};

static void
canned_stream_free(struct canned_stream *s)
{
	struct canned *c = s->canned;
	struct bufferevent *b = c->open[s->slot];

	if (s->end == CANNED_RESET) {
		struct linger now = { 1, 0 };

		(void)setsockopt(bufferevent_getfd(b), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	c->open[s->slot] = NULL;
	bufferevent_free(b);
	free(s);
}

static const struct canned_rule *
canned_choose(struct canned *c, const char *head)
{
	for (unsigned i = 0; i < c->rule_count; i++) {
		struct canned_rule *rule = &c->rules[i];

		if (rule->times == 0 || (rule->words != NULL && strstr(head, rule->words) == NULL))
			continue;
		if (rule->times != CANNED_ALWAYS)
			rule->times--;
		return rule;
	}
	return NULL;
}

static void
canned_on_write(struct bufferevent *b, void *arg)
{
	struct canned_stream *s = arg;

	(void)b;
	if (s->ending)
		canned_stream_free(s);
}

static void
canned_on_event(struct bufferevent *b, short what, void *arg)
{
	(void)b, (void)what;
	canned_stream_free(arg);
}

static size_t
canned_request_size(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4), *length;
	size_t head, body = 0;

	if (end == NULL)
		return 0;
	head = (size_t)(end + 4 - text);
	length = memmem(text, head, "Content-Length: ", 16);
	if (length != NULL)
		body = strtoul(length + 16, NULL, 10);
	return len >= head + body ? head + body : 0;
}

static void
canned_answer(struct canned_stream *s, const struct canned_rule *rule)
{
	s->end = rule->end;
	if (rule->end == CANNED_CLOSE || rule->end == CANNED_RESET) {
		if (rule->len == 0) {
			canned_stream_free(s);
			return;
		}
		s->ending = true;
	}
	if (rule->len > 0)
		(void)evbuffer_add_reference(bufferevent_get_output(s->canned->open[s->slot]), rule->bytes, rule->len,
		    NULL, NULL);
}

/* Answers what waits; every connection must be open still. */
static inline void
canned_release(struct canned *c)
{
	c->holding = false;
	for (unsigned i = 0; i < c->held_count; i++)
		canned_answer(c->held[i].stream, c->held[i].rule);
	c->held_count = 0;
}

static void
canned_on_read(struct bufferevent *b, void *arg)
{
	struct canned_stream *s = arg;
	struct canned *c = s->canned;
	struct evbuffer *in = bufferevent_get_input(b);
	const struct canned_rule *rule;
	struct canned_request *kept;
	size_t size = canned_request_size((const char *)evbuffer_pullup(in, -1), evbuffer_get_length(in));

	if (size == 0)
		return;
	assert_true(c->request_count < CANNED_REQUESTS);
	kept = &c->requests[c->request_count++];
	kept->len = size < sizeof(kept->text) - 1 ? size : sizeof(kept->text) - 1;
	memcpy(kept->text, evbuffer_pullup(in, -1), kept->len);
	kept->text[kept->len] = '\0';
	(void)evbuffer_drain(in, size);
	rule = canned_choose(c, kept->text);
	if (rule == NULL)
		fail_msg("no answer is written down for: %s", kept->text);
	if (!c->holding) {
		canned_answer(s, rule);
		return;
	}
	c->held[c->held_count].stream = s;
	c->held[c->held_count++].rule = rule;
}

static void
canned_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct canned *c = arg;
	struct canned_stream *s = xcalloc(1, sizeof(*s));

	(void)listener, (void)from, (void)len;
	assert_true(c->open_count < CANNED_REQUESTS);
	s->canned = c;
	s->slot = c->open_count++;
	c->connections++;
	c->open[s->slot] = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->open[s->slot], canned_on_read, canned_on_write, canned_on_event, s);
	(void)bufferevent_enable(c->open[s->slot], EV_READ | EV_WRITE);
}

static struct canned *
canned_new_at(struct event_base *base, const struct sockaddr *address, size_t size)
{
	struct canned *c = xcalloc(1, sizeof(*c));
	struct sockaddr_in got;
	socklen_t len = sizeof(got);

	c->base = base;
	c->requests = xcalloc(CANNED_REQUESTS, sizeof(c->requests[0]));
	c->listener = evconnlistener_new_bind(base, canned_on_accept, c,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 128, address, (int)size);
	assert_non_null(c->listener);
	if (address->sa_family == AF_INET) {
		assert_int_equal(getsockname(evconnlistener_get_fd(c->listener), (struct sockaddr *)&got, &len), 0);
		c->port = ntohs(got.sin_port);
	}
	return c;
}

static inline struct canned *
canned_new(struct event_base *base)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return canned_new_at(base, (struct sockaddr *)&any, sizeof(any));
}

static inline void
canned_free(struct canned *c)
{
	for (unsigned i = 0; i < c->open_count; i++) {
		void *s = NULL;

		if (c->open[i] == NULL)
			continue;
		bufferevent_getcb(c->open[i], NULL, NULL, NULL, &s);
		canned_stream_free(s);
	}
	for (unsigned i = 0; i < CANNED_RULES; i++)
		free(c->rules[i].own);
	evconnlistener_free(c->listener);
	free(c->requests);
	free(c);
}

/* Requests whose head holds words get the bytes, so many times; the first rule that
 * fits and is not used up answers. */
static inline void
canned_on_bytes(struct canned *c, const char *words, const char *bytes, size_t len, enum canned_end end,
    unsigned times)
{
	assert_true(c->rule_count < CANNED_RULES);
	free(c->rules[c->rule_count].own);
	c->rules[c->rule_count++] = (struct canned_rule){ words, bytes, len, end, times, NULL };
}

/* A right answer, head ("200 OK", perhaps with header lines after it) and body. */
static inline void
canned_reply(struct canned *c, const char *words, const char *head, const char *body, unsigned times)
{
	size_t size = strlen(head) + strlen(body) + 64;
	char *own = xmalloc(size);
	int len = snprintf(own, size, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);

	canned_on_bytes(c, words, own, (size_t)len, CANNED_KEEP, times);
	c->rules[c->rule_count - 1].own = own;
}

static inline void
canned_on(struct canned *c, const char *words, const char *text, enum canned_end end)
{
	canned_on_bytes(c, words, text, strlen(text), end, CANNED_ALWAYS);
}

static inline void
canned_once(struct canned *c, const char *words, const char *text, enum canned_end end)
{
	canned_on_bytes(c, words, text, strlen(text), end, 1);
}

/* Requests so far whose text holds words. */
static inline unsigned
canned_count(const struct canned *c, const char *words)
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->request_count; i++)
		count += strstr(c->requests[i].text, words) != NULL;
	return count;
}

/* Turns the loop until *flag is set; fails after 20 s. */
static inline void
canned_until(struct event_base *base, const bool *flag)
{
	int64_t begin = clock_mono_ms(&clock_system);
	struct timeval tick = { 0, 20000 };

	while (!*flag) {
		if (clock_mono_ms(&clock_system) - begin > 20000)
			fail_msg("waited in vain");
		(void)event_base_loopexit(base, &tick);
		(void)event_base_loop(base, EVLOOP_ONCE);
	}
}

#endif
