/*
 * One HTTP call against a server that answers what the test wrote down: what is
 * sent, what is believed, and above all that a POST leaves once.
 */
#include "canned.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/http_call.h"

#define OK_HEAD(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"

struct fixture {
	struct event_base *base;
	struct canned	*server;
	struct net	*net;
	char		 url[64];
};

struct outcome {
	bool		 done;
	struct http_answer answer;
	char		 body[4096];
	size_t		 streamed;
	int		 stop_after;	/* on_data calls; 0: never */
	int		 fed;
	struct http_call *call;		/* to cancel from inside on_data */
	bool		 forbidden;	/* may_send says no */
	unsigned	 asked;		/* may_send was */
	const struct canned *server;	/* where nothing may have come by then */
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->base = loop_new();
	f->server = canned_new(f->base);
	f->net = net_new(f->base, 80);
	(void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/x", f->server->port);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	net_free(f->net);
	canned_free(f->server);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void
on_done(const struct http_answer *answer, void *arg)
{
	struct outcome *o = arg;

	assert_false(o->done);
	o->done = true;
	o->answer = *answer;
	assert_true(answer->body_len < sizeof(o->body));
	memcpy(o->body, answer->body, answer->body_len + 1);
}

static int
on_data(const void *p, size_t len, void *arg)
{
	struct outcome *o = arg;

	(void)p;
	o->streamed += len;
	if (o->call != NULL)
		http_call_cancel(o->call);
	return ++o->fed == o->stop_after;
}

static bool
may_send(void *arg)
{
	struct outcome *o = arg;

	o->asked++;
	assert_int_equal(o->server->request_count, 0);
	return !o->forbidden;
}

static struct http_request
get(const struct fixture *f)
{
	return (struct http_request){ .method = "GET", .url = f->url, .timeout_ms = 15000, .body_max = 2000 };
}

static void
run(struct fixture *f, const struct http_request *request, struct outcome *o)
{
	*o = (struct outcome){ .stop_after = o->stop_after, .forbidden = o->forbidden, .server = o->server };
	(void)http_call_start(f->net, request, on_done, o);
	assert_false(o->done);
	canned_until(f->base, &o->done);
}

static void
expect_verdict(struct fixture *f, const char *bytes, enum canned_end end, enum net_verdict verdict)
{
	struct http_request request = get(f);
	struct outcome o = { 0 };

	f->server->rule_count = 0;
	canned_on(f->server, NULL, bytes, end);
	run(f, &request, &o);
	if (o.answer.verdict != verdict)
		fail_msg("verdict %d instead of %d (%s) for: %s", o.answer.verdict, verdict, o.answer.error, bytes);
	assert_int_equal(verdict == NET_ANSWERED, o.answer.error[0] == '\0');
}

static void
test_a_whole_answer_is_given_on(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\nRetry-After: 7\r\n"
	    "Content-Type: text/html; charset=utf-8\r\n\r\nwait", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_int_equal(o.answer.status, 429);
	assert_string_equal(o.body, "wait");
	assert_int_equal(o.answer.content_length, 4);
	assert_int_equal(o.answer.retry_after_ms, 7000);
	assert_string_equal(o.answer.content_type, "text/html; charset=utf-8");
}

static void
test_the_servers_clock_is_told(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_once(f->server, NULL, "HTTP/1.1 200 OK\r\nDate: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 2\r\n\r\nok",
	    CANNED_KEEP);
	canned_once(f->server, NULL, "HTTP/1.1 503 No\r\ndate:Wed, 21 Oct 2026 07:28:01 GMT \r\nContent-Length: 0\r\n\r\n",
	    CANNED_KEEP);
	canned_once(f->server, NULL, "HTTP/1.1 200 OK\r\nDate: tomorrow\r\nContent-Length: 2\r\n\r\nok", CANNED_KEEP);
	canned_once(f->server, NULL, OK_HEAD(2) "ok", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.date_ms, 1792567680000);
	run(f, &request, &o);
	assert_int_equal(o.answer.date_ms, 1792567681000);
	run(f, &request, &o);
	assert_int_equal(o.answer.date_ms, 0);
	run(f, &request, &o);
	assert_int_equal(o.answer.date_ms, 0);
}

static void
test_a_call_is_held_back_in_the_last_moment(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { .forbidden = true, .server = f->server };

	canned_on(f->server, NULL, OK_HEAD(2) "ok", CANNED_KEEP);
	request.method = "POST";
	request.body = "[{}]";
	request.body_len = 4;
	request.may_send = may_send;
	for (unsigned n = 0; n < 2; n++) {
		request.fresh = n == 0;		/* the next time a connection may lie ready */
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_NOT_SENT);
		assert_int_equal(o.answer.status, 0);
		assert_string_equal(o.answer.error, "held back before it was sent");
		assert_int_equal(o.asked, 1);
	}
	assert_true(f->server->connections > 0);
	/* Another call through the same server: what was held back does not come after all. */
	o.forbidden = false;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_int_equal(o.asked, 1);
	assert_int_equal(f->server->request_count, 1);
	/* It is not asked when there is no connection. */
	request.url = "http://127.0.0.1:1/x";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	assert_int_equal(o.asked, 0);
}

static void
test_only_bodies_with_a_clear_end_are_whole(void **state)
{
	struct fixture *f = *state;

	expect_verdict(f, OK_HEAD(2) "ok", CANNED_KEEP, NET_ANSWERED);
	expect_verdict(f, OK_HEAD(0), CANNED_KEEP, NET_ANSWERED);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", CANNED_KEEP,
	    NET_ANSWERED);
	expect_verdict(f, "HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD(2) "ok", CANNED_KEEP, NET_ANSWERED);
	expect_verdict(f, "HTTP/1.1 503 Busy\r\n\r\nlater", CANNED_CLOSE, NET_ANSWERED);
	/* Said twice. */
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", CANNED_KEEP, NET_ANSWERED);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", CANNED_KEEP, NET_ANSWERED);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Length: 9, 9\r\n\r\nok", CANNED_CLOSE, NET_BROKEN);
	/* Cut. */
	expect_verdict(f, OK_HEAD(9) "ok", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, OK_HEAD(9) "ok", CANNED_RESET, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", CANNED_CLOSE,
	    NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Le", CANNED_CLOSE, NET_BROKEN);
	/* Not to be believed. */
	expect_verdict(f, "HTTP/1.1 200 OK\r\n\r\nok", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", CANNED_KEEP, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	    CANNED_KEEP, NET_BROKEN);
	expect_verdict(f, "Hello, I am no HTTP server\r\n\r\n", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "", CANNED_CLOSE, NET_BROKEN);
	expect_verdict(f, "", CANNED_RESET, NET_BROKEN);
}

static bool
ends_with_bracket(const char *body, size_t len)
{
	assert_int_equal(strlen(body), len);
	return len > 0 && body[len - 1] == '}';
}

/* An HTTP/1.0 hop: the connection ends, whether the body has or not. */
static void
test_a_body_without_an_end_is_whole_when_its_reader_says_so(void **state)
{
	static const struct {
		const char *bytes;
		enum canned_end end;
		enum net_verdict verdict;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}", CANNED_CLOSE, NET_ANSWERED },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":1}", CANNED_CLOSE, NET_ANSWERED },
		{ "HTTP/1.0 200 OK\r\n\r\n{\"a\":", CANNED_CLOSE, NET_BROKEN },
		{ "HTTP/1.0 200 OK\r\n\r\n", CANNED_CLOSE, NET_BROKEN },
		{ "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}", CANNED_RESET, NET_BROKEN },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		for (int streamed = 0; streamed < 2; streamed++) {
			struct http_request request = get(f);
			struct outcome o = { 0 };

			request.is_whole = ends_with_bracket;
			request.on_data = streamed ? on_data : NULL;
			f->server->rule_count = 0;
			canned_on(f->server, NULL, rows[i].bytes, rows[i].end);
			run(f, &request, &o);
			assert_int_equal(o.answer.verdict, streamed ? NET_BROKEN : rows[i].verdict);
			assert_int_equal(o.streamed, 0);
		}
	}
}

/* echo -n '{"status":"ready"}' | gzip -n */
static const char gzipped[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\x2e\x49\x2c\x29\x2d\x56\xb2\x52\x2a"
    "\x4a\x4d\x4c\xa9\x54\xaa\x05\x00\x9f\x0d\x19\xc9\x12\x00\x00\x00";

static void
answer_gzipped(struct fixture *f, const char *head, size_t len)
{
	static char bytes[512];
	int n = snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", head, len);

	memcpy(bytes + n, gzipped, len);
	f->server->rule_count = 0;
	canned_on_bytes(f->server, NULL, bytes, (size_t)n + len, CANNED_KEEP, CANNED_ALWAYS);
}

static void
test_a_body_that_came_compressed_is_given_on_as_it_was(void **state)
{
	static const char *const heads[] = { "", "Content-Encoding: gzip\r\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(heads); i++) {
		struct http_request request = get(f);
		struct outcome o = { 0 };

		answer_gzipped(f, heads[i], sizeof(gzipped) - 1);
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_ANSWERED);
		assert_string_equal(o.body, "{\"status\":\"ready\"}");
		request.on_data = on_data;
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_ANSWERED);
		assert_int_equal(o.streamed, 18);
		/* Whole by its length, and cut before it was sent. */
		answer_gzipped(f, heads[i], sizeof(gzipped) - 2);
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_DAMAGED);
		assert_string_equal(o.answer.error, "the compressed answer is cut");
		request.on_data = NULL;
		request.body_max = 17;
		answer_gzipped(f, heads[i], sizeof(gzipped) - 1);
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_STOPPED);
	}
}

static void
test_nothing_was_sent_when_nobody_listens(void **state)
{
	struct fixture *f = *state;
	char url[64];
	struct http_request request = get(f);
	struct outcome o = { 0 };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* A port that is taken, and nobody listens on it. */
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", ntohs(any.sin_port));
	request.url = url;
	request.bearer = "secret-7f3a";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	assert_int_equal(o.answer.status, 0);
	assert_non_null(strstr(o.answer.error, "127.0.0.1"));
	assert_null(strstr(o.answer.error, "secret-7f3a"));
	request.method = "POST";
	request.body = "x";
	request.body_len = 1;
	request.fresh = true;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	(void)close(fd);
}

static void
test_nothing_was_sent_when_tls_fails(void **state)
{
	struct fixture *f = *state;
	char url[64];
	struct http_request request = get(f);
	struct outcome o = { 0 };

	/* Nothing listens with TLS there: the greeting is never answered, and the listener is closed below it. */
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/x", f->server->port);
	request.url = url;
	request.timeout_ms = 300;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	assert_int_equal(f->server->request_count, 0);
}

static void
test_other_protocols_are_not_spoken(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	request.url = "file:///etc/hostname";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	request.url = "ftp://127.0.0.1/x";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	request.url = "no address";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
}

static void
test_a_fresh_post_leaves_once_when_the_server_closes_without_an_answer(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, "GET", OK_HEAD(2) "ok", CANNED_KEEP);
	canned_on(f->server, "POST", "", CANNED_CLOSE);
	run(f, &request, &o);
	assert_int_equal(f->server->connections, 1);
	request.method = "POST";
	request.body = "[{}]";
	request.body_len = 4;
	request.fresh = true;
	for (unsigned n = 1; n <= 5; n++) {
		run(f, &request, &o);
		assert_int_equal(o.answer.verdict, NET_BROKEN);
		assert_int_equal(canned_count(f->server, "POST"), n);
		assert_int_equal(f->server->connections, 1 + n);
	}
}

static void
test_a_fresh_call_leaves_no_connection_behind(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, OK_HEAD(2) "ok", CANNED_KEEP);
	request.fresh = true;
	run(f, &request, &o);
	request.fresh = false;
	run(f, &request, &o);
	assert_int_equal(f->server->connections, 2);
	for (int i = 0; i < 5; i++)
		run(f, &request, &o);
	assert_int_equal(f->server->connections, 2);
}

static void
test_what_is_sent(void **state)
{
	struct fixture *f = *state;
	const char *const headers[] = { "Content-Type: application/json", "X-Trawld-Attempt: a.1", NULL };
	struct http_request request = get(f);
	struct outcome o = { 0 };
	const char *text = f->server->requests[0].text;

	canned_on(f->server, NULL, OK_HEAD(2) "ok", CANNED_KEEP);
	request.method = "POST";
	request.headers = headers;
	request.bearer = "secret-7f3a";
	request.body = "[{\"a\":1}]";
	request.body_len = 9;
	run(f, &request, &o);
	assert_ptr_equal(strstr(text, "POST /x HTTP/1.1\r\n"), text);
	assert_non_null(strstr(text, "\r\nAuthorization: Bearer secret-7f3a\r\n"));
	assert_non_null(strstr(text, "\r\nAccept-Encoding: identity\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\r\nX-Trawld-Attempt: a.1\r\n"));
	assert_non_null(strstr(text, "\r\nUser-Agent: trawld/" TRAWLD_VERSION "\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 9\r\n"));
	assert_non_null(strstr(text, "\r\n\r\n[{\"a\":1}]"));
	assert_null(strstr(text, "Expect:"));
}

static void
test_a_refusal_does_not_repeat_the_key(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	request.bearer = "secret-7f3a";
	canned_once(f->server, NULL, "HTTP/1.1 401 No\r\nContent-Length: 32\r\n\r\n"
	    "secret-7f3a secret-7f3asecret-7f", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.status, 401);
	assert_string_equal(o.body, "*********** ***********secret-7f");
	/* What is data is not touched, nor does a short key make holes in words. */
	canned_once(f->server, NULL, OK_HEAD(11) "secret-7f3a", CANNED_KEEP);
	run(f, &request, &o);
	assert_string_equal(o.body, "secret-7f3a");
	request.bearer = "any";
	canned_once(f->server, NULL, "HTTP/1.1 400 No\r\nContent-Length: 7\r\n\r\ncompany", CANNED_KEEP);
	run(f, &request, &o);
	assert_string_equal(o.body, "company");
}

static void
test_a_post_without_a_body_says_so(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };
	const char *text = f->server->requests[0].text;

	canned_on(f->server, NULL, OK_HEAD(2) "OK", CANNED_KEEP);
	request.method = "POST";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(text, "Content-Type"));
	assert_null(strstr(text, "Authorization"));
}

static void
test_a_redirect_is_an_answer(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_int_equal(o.answer.status, 302);
	assert_string_equal(o.answer.location, "/elsewhere");
	assert_int_equal(f->server->request_count, 1);
}

/* The proxy is the canned server, and the host behind it does not exist. */
static void
test_a_proxy_is_asked_in_the_place_of_the_host(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };
	char proxy[64];

	(void)snprintf(proxy, sizeof(proxy), "http://u:p@127.0.0.1:%d", f->server->port);
	request.url = "http://provider.invalid/x?y=1";
	request.proxy = proxy;
	request.bearer = "key-of-the-account";
	canned_on(f->server, "GET http://provider.invalid/x?y=1 HTTP/1.1", OK_HEAD(2) "ok", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_string_equal(o.body, "ok");
	assert_int_equal(canned_count(f->server, "Proxy-Authorization: Basic dTpw"), 1);
	/* None is as good as one that is empty. */
	request.url = f->url;
	request.proxy = "";
	f->server->rule_count = 0;
	canned_on(f->server, "GET /x HTTP/1.1", OK_HEAD(2) "ok", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
}

/* What is said to the proxy is no byte of the request, and the key is not for its eyes. */
static void
test_nothing_was_sent_when_the_proxy_lets_nothing_through(void **state)
{
	static const struct {
		const char *answer;
		enum canned_end end;
	} rows[] = {
		{ "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", CANNED_KEEP },
		{ "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", CANNED_CLOSE },
		{ "HTTP/1.1 200 Connection established\r\n\r\n", CANNED_CLOSE },
		{ "", CANNED_CLOSE },
		{ "", CANNED_RESET },
	};
	struct fixture *f = *state;
	char proxy[64];

	(void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", f->server->port);
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request request = get(f);
		struct outcome o = { .server = f->server };

		request.method = "POST";
		request.body = "[]";
		request.body_len = 2;
		request.fresh = true;
		request.url = "https://provider.invalid/trigger";
		request.proxy = proxy;
		request.bearer = "key-of-the-account";
		f->server->rule_count = 0;
		canned_on(f->server, "CONNECT provider.invalid:443 HTTP/1.1", rows[i].answer, rows[i].end);
		run(f, &request, &o);
		if (o.answer.verdict != NET_NOT_SENT)
			fail_msg("verdict %d (%s) for: %s", o.answer.verdict, o.answer.error, rows[i].answer);
	}
	assert_int_equal(f->server->request_count, countof(rows));
	assert_int_equal(canned_count(f->server, "key-of-the-account"), 0);
}

static void
test_certificates_that_cannot_be_read_let_nothing_out(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };
	char url[64];

	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", f->server->port);
	request.url = url;
	request.ca_file = "/nonexistent/ca.pem";
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	assert_non_null(strstr(o.answer.error, "/nonexistent/ca.pem"));
}

static void
test_the_deadline_ends_a_silent_call(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, "", CANNED_HANG);
	request.timeout_ms = 100;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_TIMEOUT);
	f->server->rule_count = 0;
	canned_on(f->server, NULL, OK_HEAD(99) "begun", CANNED_HANG);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_TIMEOUT);
}

static void
test_a_stalled_stream_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, OK_HEAD(99) "begun", CANNED_HANG);
	request.timeout_ms = 0;
	request.stall_ms = 500;
	request.on_data = on_data;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_TIMEOUT);
	assert_int_equal(o.streamed, 5);
}

static void
test_a_collected_body_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n",
	    CANNED_KEEP);
	request.body_max = 10;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_string_equal(o.body, "helloworld");
	request.body_max = 9;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_STOPPED);
	f->server->rule_count = 0;
	canned_on(f->server, NULL, OK_HEAD(10) "helloworld", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_STOPPED);
}

static void
test_only_a_200_is_streamed(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	request.on_data = on_data;
	canned_once(f->server, NULL, OK_HEAD(5) "hello", CANNED_KEEP);
	canned_once(f->server, NULL, "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nwait", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.streamed, 5);
	assert_int_equal(o.answer.body_len, 0);
	run(f, &request, &o);
	assert_int_equal(o.streamed, 0);
	assert_string_equal(o.body, "wait");
}

static void
test_the_receiver_can_stop_or_cancel(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { .stop_after = 1 }, other = { 0 };

	request.on_data = on_data;
	canned_on(f->server, NULL, OK_HEAD(5) "hello", CANNED_KEEP);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_STOPPED);
	/* From inside. */
	o = (struct outcome){ 0 };
	o.call = http_call_start(f->net, &request, on_done, &o);
	run(f, &request, &other);
	assert_int_equal(other.answer.verdict, NET_ANSWERED);
	while (o.fed == 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_false(o.done);
	/* From outside, before anything happened. */
	o = (struct outcome){ 0 };
	http_call_cancel(http_call_start(f->net, &request, on_done, &o));
	run(f, &request, &other);
	assert_false(o.done);
}

static void
test_many_calls_run_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	static struct outcome outcomes[64];

	canned_on(f->server, NULL, OK_HEAD(2) "ok", CANNED_KEEP);
	for (unsigned i = 0; i < 64; i++) {
		outcomes[i] = (struct outcome){ 0 };
		request.fresh = i % 2 == 0;
		(void)http_call_start(f->net, &request, on_done, &outcomes[i]);
	}
	for (unsigned i = 0; i < 64; i++) {
		canned_until(f->base, &outcomes[i].done);
		assert_int_equal(outcomes[i].answer.verdict, NET_ANSWERED);
		assert_string_equal(outcomes[i].body, "ok");
	}
	assert_int_equal(f->server->request_count, 64);
}

static void
test_running_calls_end_silently_with_the_net(void **state)
{
	struct fixture *f = *state;
	struct http_request request = get(f);
	struct outcome o = { 0 };

	canned_on(f->server, NULL, "", CANNED_HANG);
	(void)http_call_start(f->net, &request, on_done, &o);
	while (f->server->request_count == 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	net_free(f->net);
	f->net = net_new(f->base, 4);
	assert_false(o.done);
}

/* A socket path of any length is reached. */
static void
test_a_unix_socket_is_reached(void **state)
{
	struct fixture *f = *state;
	char dir[64] = "/tmp/test-net-XXXXXX", deep[300], path[512];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct http_request request = get(f);
	struct outcome o = { 0 };
	struct canned *local;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(deep, sizeof(deep), "%s/%0150d", dir, 7);
	assert_int_equal(mkdir(deep, 0700), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	local = canned_new_at(f->base, (struct sockaddr *)&address, sizeof(address));
	canned_on(local, NULL, OK_HEAD(5) "local", CANNED_KEEP);
	request.url = "http://localhost/x";
	request.unix_socket = address.sun_path;
	run(f, &request, &o);
	assert_string_equal(o.body, "local");
	(void)snprintf(path, sizeof(path), "%s/s", deep);
	assert_int_equal(rename(address.sun_path, path), 0);
	request.unix_socket = path;
	request.fresh = true;
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_ANSWERED);
	assert_string_equal(o.body, "local");
	assert_int_equal(unlink(path), 0);
	run(f, &request, &o);
	assert_int_equal(o.answer.verdict, NET_NOT_SENT);
	canned_free(local);
	(void)rmdir(deep);
	(void)rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_whole_answer_is_given_on),
		TEST(test_the_servers_clock_is_told),
		TEST(test_a_call_is_held_back_in_the_last_moment),
		TEST(test_only_bodies_with_a_clear_end_are_whole),
		TEST(test_a_body_without_an_end_is_whole_when_its_reader_says_so),
		TEST(test_a_body_that_came_compressed_is_given_on_as_it_was),
		TEST(test_nothing_was_sent_when_nobody_listens),
		TEST(test_nothing_was_sent_when_tls_fails),
		TEST(test_other_protocols_are_not_spoken),
		TEST(test_a_fresh_post_leaves_once_when_the_server_closes_without_an_answer),
		TEST(test_a_fresh_call_leaves_no_connection_behind),
		TEST(test_what_is_sent),
		TEST(test_a_refusal_does_not_repeat_the_key),
		TEST(test_a_post_without_a_body_says_so),
		TEST(test_a_redirect_is_an_answer),
		TEST(test_a_proxy_is_asked_in_the_place_of_the_host),
		TEST(test_nothing_was_sent_when_the_proxy_lets_nothing_through),
		TEST(test_certificates_that_cannot_be_read_let_nothing_out),
		TEST(test_the_deadline_ends_a_silent_call),
		TEST(test_a_stalled_stream_is_given_up),
		TEST(test_a_collected_body_is_bounded),
		TEST(test_only_a_200_is_streamed),
		TEST(test_the_receiver_can_stop_or_cancel),
		TEST(test_many_calls_run_at_a_time),
		TEST(test_running_calls_end_silently_with_the_net),
		TEST(test_a_unix_socket_is_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
