/*
 * test-front-http-check.c - the strict request reader: each refusal, each limit, and
 * valid requests cut at every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "front/http_check.h"

static const struct http_limits limits = { .target = 64, .head = 1024, .fields = 10, .body = 100 };

/* Feeds text from and up to cuts; the verdict at its end. */
static enum http_verdict
feed(struct http_check *check, const char *p, size_t len)
{
	enum http_verdict verdict = HTTP_MORE;

	while (len > 0) {
		size_t used;

		verdict = http_check_feed(check, p, len, &used);
		assert_true(used <= len);
		p += used;
		len -= used;
		if (verdict == HTTP_REFUSED)
			return verdict;
	}
	return verdict;
}

static int
refusal_of(const char *text, size_t len)
{
	struct http_check check;

	http_check_init(&check, &limits);
	return feed(&check, text, len) == HTTP_REFUSED ? check.status : 0;
}

#define H "Host: a\r\n"
#define GET "GET /x HTTP/1.1\r\n"
#define POST "POST /x HTTP/1.1\r\n" H
#define TEXT(s) s, sizeof(s) - 1

struct row {
	int status;
	const char *text;
	size_t len;
};

static const struct row refused[] = {
	/* request lines */
	{ 400, TEXT("\r\nGET / HTTP/1.1\r\n" H "\r\n") },
	{ 400, TEXT("\nGET / HTTP/1.1\r\n") },
	{ 400, TEXT(" GET / HTTP/1.1\r\n") },
	{ 400, TEXT("G(T / HTTP/1.1\r\n") },
	{ 400, TEXT("GET\t/ HTTP/1.1\r\n") },
	{ 400, TEXT("GET  / HTTP/1.1\r\n") },
	{ 400, TEXT("GET /  HTTP/1.1\r\n") },
	{ 400, TEXT("GET / HTTP/1.1 \r\n") },
	{ 400, TEXT("GET / HTTP/1.1\n") },
	{ 400, TEXT("GET / HTTP/1.1\rX") },
	{ 400, TEXT("GET /\r\n") },
	{ 400, TEXT("GET / http/1.1\r\n") },
	{ 400, TEXT("GET * HTTP/1.1\r\n") },
	{ 400, TEXT("GET x HTTP/1.1\r\n") },
	{ 400, TEXT("GET http://a/ HTTP/1.1\r\n") },
	{ 400, TEXT("GET //a/ HTTP/1.1\r\n") },
	{ 400, TEXT("GET /\x01 HTTP/1.1\r\n") },
	{ 400, TEXT("GET /\0 HTTP/1.1\r\n") },
	{ 400, TEXT("GET /\xc3\xa4 HTTP/1.1\r\n") },
	{ 400, TEXT("GET /a#b HTTP/1.1\r\n") },
	{ 400, TEXT("GET /a\\b HTTP/1.1\r\n") },
	{ 400, TEXT("GET /a\"b HTTP/1.1\r\n") },
	{ 400, TEXT("\x16\x03\x01\x02\x01\x01") },
	{ 501, TEXT("CONNECT a:1 HTTP/1.1\r\n") },
	{ 501, TEXT("PROPFIND / HTTP/1.1\r\n") },
	{ 501, TEXT("get / HTTP/1.1\r\n") },
	{ 501, TEXT("PRI * HTTP/2.0\r\n") },
	{ 501, TEXT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") },
	{ 505, TEXT("GET / HTTP/2.0\r\n") },
	{ 505, TEXT("GET / HTTP/0.9\r\n") },
	{ 505, TEXT("GET / HTTP/1.2\r\n") },
	{ 400, TEXT("GET / HTTP/1.10\r\n") },
	{ 414, TEXT("GET /0123456789012345678901234567890123456789012345678901234567890123456789 HTTP/1.1\r\n") },
	/* header lines */
	{ 400, TEXT(GET H "Name : x\r\n\r\n") },
	{ 400, TEXT(GET H "Na me: x\r\n\r\n") },
	{ 400, TEXT(GET H ": x\r\n\r\n") },
	{ 400, TEXT(GET H "Name\r\n\r\n") },
	{ 400, TEXT(GET H "Na@me: x\r\n\r\n") },
	{ 400, TEXT(GET H "Name\xe4: x\r\n\r\n") },
	{ 400, TEXT(GET " " H "\r\n") },
	{ 400, TEXT(GET H "A: b\r\n c\r\n\r\n") },
	{ 400, TEXT(GET H "A: b\r\n\tc\r\n\r\n") },
	{ 400, TEXT(GET H "A: b\nC: d\r\n\r\n") },
	{ 400, TEXT(GET H "A: b\rC: d\r\n\r\n") },
	{ 400, TEXT(GET H "A: b\0c\r\n\r\n") },
	{ 400, TEXT(GET H "A: \x7f\r\n\r\n") },
	{ 400, TEXT(GET H "A: \x1b[0m\r\n\r\n") },
	{ 400, TEXT(GET H "\n") },
	{ 400, TEXT(GET H "\rX") },
	{ 431, TEXT(GET H "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n\r\n") },
	/* hosts */
	{ 400, TEXT(GET "\r\n") },
	{ 400, TEXT(GET H H "\r\n") },
	{ 400, TEXT(GET "Host:\r\n\r\n") },
	{ 400, TEXT(GET "Host: a b\r\n\r\n") },
	{ 400, TEXT(GET "Host: a/b\r\n\r\n") },
	{ 400, TEXT(GET "Host: u@a\r\n\r\n") },
	{ 400, TEXT(GET "Host: a:b\r\n\r\n") },
	{ 400, TEXT(GET "Host: a:123456\r\n\r\n") },
	{ 400, TEXT(GET "Host: a:1:2\r\n\r\n") },
	{ 400, TEXT(GET "Host: :80\r\n\r\n") },
	{ 400, TEXT(GET "Host: [::1\r\n\r\n") },
	{ 400, TEXT(GET "Host: []\r\n\r\n") },
	{ 400, TEXT(GET "Host: [::1]x\r\n\r\n") },
	{ 400, TEXT(GET "Host: a[1]\r\n\r\n") },
	{ 400, TEXT(GET "Host:\ta\r\n\r\n") },
	/* lengths */
	{ 400, TEXT(POST "Content-Length:\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: -1\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: +1\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 0x5\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5 5\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5, 5\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5.0\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length:\t5\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5\t\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 0000000000000000005\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n") },
	{ 400, TEXT(POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n") },
	{ 413, TEXT(POST "Content-Length: 101\r\n") },
	{ 413, TEXT(POST "Content-Length: 999999999999999999\r\n") },
	{ 400, TEXT(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n") },
	{ 400, TEXT("HEAD /x HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n") },
	{ 400, TEXT("TRACE /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n") },
	/* codings */
	{ 501, TEXT(POST "Transfer-Encoding: gzip\r\n\r\n") },
	{ 501, TEXT(POST "Transfer-Encoding: identity\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding:\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: chunked, chunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: chunked;q=1\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: xchunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: \"chunked\"\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding:\tchunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ 400, TEXT(POST "Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n") },
	{ 400, TEXT("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") },
	/* chunks */
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
	{ 400, TEXT(CHUNKED "\r\n") },
	{ 400, TEXT(CHUNKED "0x5\r\n") },
	{ 400, TEXT(CHUNKED "-1\r\n") },
	{ 400, TEXT(CHUNKED " 5\r\n") },
	{ 400, TEXT(CHUNKED "5 \r\n") },
	{ 400, TEXT(CHUNKED "g\r\n") },
	{ 400, TEXT(CHUNKED "5\nhello") },
	{ 400, TEXT(CHUNKED "5\rhello") },
	{ 400, TEXT(CHUNKED "000000005\r\n") },
	{ 400, TEXT(CHUNKED "5;a=b\r\nhello\r\n") },
	{ 400, TEXT(CHUNKED "5\r\nhelloworld") },
	{ 400, TEXT(CHUNKED "5\r\nhello\rx") },
	{ 400, TEXT(CHUNKED "5\r\nhello\n") },
	{ 400, TEXT(CHUNKED "0\r\nA: b\r\n\r\n") },
	{ 400, TEXT(CHUNKED "0\r\n\rX") },
	{ 400, TEXT(CHUNKED "5\r\nhello\r\n\r\n") },
	{ 413, TEXT(CHUNKED "65\r\n") },
	{ 413, TEXT(CHUNKED "ffffffff\r\n") },
	{ 413, TEXT(CHUNKED "1\r\na\r\n64\r\n") },
	/* expectations */
	{ 417, TEXT(POST "Expect: 200-ok\r\n\r\n") },
	{ 417, TEXT(POST "Expect:\r\n\r\n") },
	{ 417, TEXT(POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n") },
	{ 400, TEXT(POST "Expect:\t100-continue\r\n\r\n") },
};

static const struct row valid[] = {
	{ 1, TEXT(GET H "\r\n") },
	{ 1, TEXT("GET / HTTP/1.0\r\n\r\n") },
	{ 1, TEXT("GET /a-b_c.d~e!$&'()*+,;=:@/?x=%20&y=/? HTTP/1.1\r\nHost: a.example:8080\r\n\r\n") },
	{ 1, TEXT(GET "Host: [::1]:8080\r\n\r\n") },
	{ 1, TEXT(GET "host:a  \r\nX-!#$%&'*+.^_`|~: \xc3\xa4 \"(\\)\" \t x\r\nEmpty:\r\n\r\n") },
	{ 1, TEXT("HEAD / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n") },
	{ 1, TEXT("DELETE / HTTP/1.1\r\n" H "\r\n") },
	{ 1, TEXT("OPTIONS / HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n") },
	{ 1, TEXT(POST "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello") },
	{ 1, TEXT(POST "CONTENT-LENGTH:  000000000000000005 \r\n\r\n\r\n\r\n\0") },
	{ 1, TEXT(POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n") },
	{ 1, TEXT(CHUNKED "5\r\nhello\r\n00A\r\n0123456789\r\n00000000\r\n\r\n") },
	{ 3, TEXT(GET H "\r\n" POST "Content-Length: 2\r\n\r\nab" CHUNKED "1\r\n\n\r\n0\r\n\r\n") },
};

static void
test_each_ambiguous_form_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(refused); i++) {
		int status = refusal_of(refused[i].text, refused[i].len);

		if (status != refused[i].status)
			fail_msg("row %zu: %d instead of %d for: %s", i, status, refused[i].status, refused[i].text);
	}
}

static void
test_a_refusal_does_not_depend_on_how_bytes_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(refused); i++) {
		struct http_check check;
		size_t used;

		http_check_init(&check, &limits);
		for (size_t n = 0; n < refused[i].len && check.reason == NULL; n++)
			(void)http_check_feed(&check, refused[i].text + n, 1, &used);
		assert_int_equal(check.status, refused[i].status);
		assert_int_equal(http_check_feed(&check, "G", 1, &used), HTTP_REFUSED);
	}
}

static void
test_valid_requests_pass_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(valid); i++) {
		for (size_t cut = 0; cut <= valid[i].len; cut++) {
			struct http_check check;

			http_check_init(&check, &limits);
			if (cut > 0)
				assert_int_not_equal(feed(&check, valid[i].text, cut), HTTP_REFUSED);
			assert_true(cut == valid[i].len || check.messages < (uint64_t)valid[i].status);
			if (cut < valid[i].len && feed(&check, valid[i].text + cut, valid[i].len - cut) == HTTP_REFUSED)
				fail_msg("row %zu, cut at %zu: %s", i, cut, check.reason);
			assert_int_equal(check.messages, valid[i].status);
			assert_int_equal(check.phase, HTTP_BETWEEN);
			assert_int_equal(check.bytes, 0);
		}
	}
}

static void
test_limits_hold_to_the_byte(void **state)
{
	char text[2048];
	size_t rest = limits.head - strlen(GET H "A: \r\n\r\n");

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		int len = snprintf(text, sizeof(text), GET H "A: %0*d\r\n\r\n", (int)(rest + more), 1);

		assert_int_equal(refusal_of(text, (size_t)len), more ? 431 : 0);
	}
	for (int more = 0; more < 2; more++) {
		int len = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n" H "\r\n", (int)limits.target - 1 + more, 1);

		assert_int_equal(refusal_of(text, (size_t)len), more ? 414 : 0);
	}
	assert_int_equal(refusal_of(TEXT(POST "Content-Length: 100\r\n\r\n")), 0);
	assert_int_equal(refusal_of(TEXT(CHUNKED "64\r\n")), 0);
}

static void
test_an_endless_header_ends_at_the_limit(void **state)
{
	struct http_check check;
	size_t used, fed = 0;

	(void)state;
	http_check_init(&check, &limits);
	assert_int_equal(feed(&check, TEXT(GET "X: ")), HTTP_MORE);
	while (http_check_feed(&check, "aaaaaaa", 7, &used) == HTTP_MORE)
		fed += used;
	assert_int_equal(check.status, 431);
	assert_true(fed <= limits.head);
	/* The same for a name, and for a Host that is longer than any host. */
	http_check_init(&check, &limits);
	(void)feed(&check, TEXT(GET));
	while (http_check_feed(&check, "aaaaaaa", 7, &used) == HTTP_MORE)
		;
	assert_int_equal(check.status, 431);
	http_check_init(&check, &limits);
	(void)feed(&check, TEXT(GET "Host: "));
	while (http_check_feed(&check, "aaaaaaa", 7, &used) == HTTP_MORE)
		;
	assert_int_equal(check.status, 400);
}

static void
test_where_a_message_stands_is_told(void **state)
{
	struct http_check check;

	(void)state;
	http_check_init(&check, &limits);
	assert_int_equal(check.phase, HTTP_BETWEEN);
	(void)feed(&check, "G", 1);
	assert_int_equal(check.phase, HTTP_IN_HEAD);
	http_check_init(&check, &limits);
	(void)feed(&check, TEXT(POST "Content-Length: 7\r\n\r\n12"));
	assert_int_equal(check.phase, HTTP_IN_BODY);
	assert_int_equal(check.length, 7);
	assert_int_equal(check.bytes, sizeof(POST "Content-Length: 7\r\n\r\n12") - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_ambiguous_form_is_refused),
		cmocka_unit_test(test_a_refusal_does_not_depend_on_how_bytes_arrive),
		cmocka_unit_test(test_valid_requests_pass_at_every_split),
		cmocka_unit_test(test_limits_hold_to_the_byte),
		cmocka_unit_test(test_an_endless_header_ends_at_the_limit),
		cmocka_unit_test(test_where_a_message_stands_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
