/*
 * The head of an answer: which framings are believed, what is read from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "net/http_head.h"

/* Feeds the lines of text; the result of the first refused one, or 0. */
static int
read_head(struct http_head *head, const char *text, struct why *why)
{
	http_head_init(head);
	while (*text != '\0') {
		const char *end = strstr(text, "\r\n") + 2;
		int rc = http_head_line(head, text, (size_t)(end - text), why);

		if (rc < 0)
			return rc;
		text = end;
	}
	return 0;
}

static void
test_a_body_must_have_one_clear_end(void **state)
{
	static const struct {
		const char *head;
		bool fine;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\ncontent-length:5  \r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5 ,\t5\r\nContent-Length: 5\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: ,5\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456789\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 0\r\n\r\n", false },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", true },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "HTTP/1.1 204 No Content\r\n\r\n", true },
		{ "HTTP/1.1 20 Odd\r\n\r\n", false },
		{ "HTTP/1.1\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_head head;
		struct why why = { "" };
		int rc = read_head(&head, rows[i].head, &why);

		if ((rc == 0) != rows[i].fine)
			fail_msg("%s: %d %s", rows[i].head, rc, why.text);
		assert_int_equal(rc == 0, why.text[0] == '\0');
	}
}

/* Only a 200 has to be whole: what an error says of itself is for people. */
static void
test_a_body_that_ends_with_the_connection_is_told(void **state)
{
	static const struct {
		const char *head;
		bool unframed;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n", true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "HTTP/1.0 503 Busy\r\n\r\n", false },
		{ "HTTP/1.1 100 Continue\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_head head;
		struct why why;

		assert_int_equal(read_head(&head, rows[i].head, &why), 0);
		assert_int_equal(head.unframed, rows[i].unframed);
	}
}

static void
test_what_a_redirect_and_a_coding_say(void **state)
{
	struct http_head head;
	struct why why;

	(void)state;
	assert_int_equal(read_head(&head, "HTTP/1.1 301 Moved\r\nlocation:  https://a/b\x01\r\nContent-Encoding: gzip\r\n\r\n",
	    &why), 0);
	assert_non_null(strstr(head.location, "https://a/b"));
	assert_null(strchr(head.location, '\x01'));
	assert_string_equal(head.content_encoding, "gzip");
}

static void
test_an_interim_answer_is_forgotten(void **state)
{
	struct http_head head;
	struct why why;

	(void)state;
	assert_int_equal(read_head(&head, "HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
	    "Content-Length: 4\r\n", &why), 0);
	assert_true(head.done);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.content_length, 3);
	assert_string_equal(head.content_type, "text/html; charset=utf-8");
}

static void
test_an_endless_head_is_refused(void **state)
{
	struct http_head head;
	struct why why;
	int rc = 0;
	unsigned n = 0;

	(void)state;
	http_head_init(&head);
	while (rc == 0 && n++ < 100000) {
		rc = http_head_line(&head, "HTTP/1.1 100 Continue\r\n", 23, &why);
		if (rc == 0)
			rc = http_head_line(&head, "\r\n", 2, &why);
	}
	assert_true(rc < 0);
}

static void
test_retry_after_in_every_form(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {
		{ "", 0 }, { "0", 0 }, { "7", 7000 }, { "3600", 3600000 }, { "3601", 3600000 },
		{ "99999999999999999999", 3600000 }, { "-5", 0 }, { "1.5", 0 }, { "soon", 0 }, { " 5", 0 },
		{ "Wed, 21 Oct 2026 07:28:00 GMT", 60000 }, { "Wed, 21 Oct 2026 07:26:00 GMT", 0 },
		{ "Wed, 21 Oct 2027 07:28:00 GMT", 3600000 }, { "Wednesday, 21-Oct-26 07:28:00 GMT", 60000 },
	};
	int64_t now;

	(void)state;
	assert_int_equal(time_parse("2026-10-21T07:27:00Z", &now), 0);
	for (size_t i = 0; i < countof(rows); i++)
		if (http_retry_after_ms(rows[i].value, now) != rows[i].ms)
			fail_msg("\"%s\" gives %lld ms", rows[i].value, (long long)http_retry_after_ms(rows[i].value, now));
}

static void
test_the_servers_clock(void **state)
{
	static const struct {
		const char *value, *time;	/* NULL: 0 */
	} rows[] = {
		{ "Wed, 21 Oct 2026 07:28:00 GMT", "2026-10-21T07:28:00Z" },
		{ "Wednesday, 21-Oct-26 07:28:00 GMT", "2026-10-21T07:28:00Z" },
		{ "Wed Oct 21 07:28:00 2026", "2026-10-21T07:28:00Z" },
		{ "", NULL }, { "0", NULL }, { "1792567680", NULL }, { "now", NULL }, { "-5", NULL },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", NULL }, { "Wed, 21 Oct 2026000000 07:28:00 GMT", NULL },
		{ "2026-10-21T07:28:00Z", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t ms = 0;

		if (rows[i].time != NULL)
			assert_int_equal(time_parse(rows[i].time, &ms), 0);
		if (http_date_ms(rows[i].value) != ms)
			fail_msg("\"%s\" gives %lld ms", rows[i].value, (long long)http_date_ms(rows[i].value));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_must_have_one_clear_end),
		cmocka_unit_test(test_a_body_that_ends_with_the_connection_is_told),
		cmocka_unit_test(test_what_a_redirect_and_a_coding_say),
		cmocka_unit_test(test_an_interim_answer_is_forgotten),
		cmocka_unit_test(test_an_endless_head_is_refused),
		cmocka_unit_test(test_retry_after_in_every_form),
		cmocka_unit_test(test_the_servers_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
