/*
 * http_head.c - reads the head of an answer line by line. libcurl accepts lengths
 * that differ, a length beside chunked framing, and a body that only ends with the
 * connection; each of them can pass a cut body off as whole, so the first two are
 * refused here and the third is told.
 */
#include "net/http_head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/mem.h"
#include "base/why.h"

#define YEAR_9999     253402300799	/* its last second: no clock says more */
#define LENGTH_DIGITS 18	/* what fits an int64_t whatever the digits are */

void
http_head_init(struct http_head *head)
{
	*head = (struct http_head){ .content_length = -1 };
}

/* Up to max digits and nothing else; -1 otherwise. */
static int64_t
read_digits(const char *p, size_t len, size_t max)
{
	int64_t value = 0;

	if (len == 0 || len > max)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

static size_t
trim(const char **p, size_t len)
{
	while (len > 0 && (**p == ' ' || **p == '\t'))
		++*p, len--;
	while (len > 0 && ((*p)[len - 1] == ' ' || (*p)[len - 1] == '\t'))
		len--;
	return len;
}

/* The same length twice is one, in lines or in a list: a proxy may have joined them. */
static int
head_on_length(struct http_head *head, const char *value, size_t len, struct why *why)
{
	const char *end = value + len;

	for (;;) {
		const char *comma = memchr(value, ',', (size_t)(end - value)), *one = value;
		size_t n = trim(&one, (size_t)((comma != NULL ? comma : end) - value));
		int64_t length = read_digits(one, n, LENGTH_DIGITS);

		if (length < 0)
			return why_set(why, EPROTO, "the answer's Content-Length is not a number");
		if (head->content_length >= 0 && head->content_length != length)
			return why_set(why, EPROTO, "the answer has two Content-Lengths that differ");
		head->content_length = length;
		if (comma == NULL)
			return 0;
		value = comma + 1;
	}
}

static int
head_on_coding(struct http_head *head, const char *value, size_t len, struct why *why)
{
	if (++head->codings > 1 || len != 7 || strncasecmp(value, "chunked", 7) != 0)
		return why_set(why, EPROTO,
		    "the answer's Transfer-Encoding is not \"chunked\" alone");
	return 0;
}

static int
head_on_type(struct http_head *head, const char *value, size_t len, struct why *why)
{
	(void)why;
	str_printable(head->content_type, sizeof(head->content_type), value, len);
	return 0;
}

static int
head_on_encoding(struct http_head *head, const char *value, size_t len, struct why *why)
{
	(void)why;
	str_printable(head->content_encoding, sizeof(head->content_encoding), value, len);
	return 0;
}

static int
head_on_location(struct http_head *head, const char *value, size_t len, struct why *why)
{
	(void)why;
	str_printable(head->location, sizeof(head->location), value, len);
	return 0;
}

static int
head_on_retry_after(struct http_head *head, const char *value, size_t len, struct why *why)
{
	(void)why;
	(void)str_copy_n(head->retry_after, sizeof(head->retry_after), value, len);
	return 0;
}

static int
head_on_date(struct http_head *head, const char *value, size_t len, struct why *why)
{
	(void)why;
	(void)str_copy_n(head->date, sizeof(head->date), value, len);
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct http_head *, const char *value, size_t len, struct why *);
} fields[] = {
	{ "Content-Length", head_on_length },
	{ "Transfer-Encoding", head_on_coding },
	{ "Content-Type", head_on_type },
	{ "Content-Encoding", head_on_encoding },
	{ "Location", head_on_location },
	{ "Retry-After", head_on_retry_after },
	{ "Date", head_on_date },
};

static int
head_on_field(struct http_head *head, const char *line, size_t len, struct why *why)
{
	const char *colon = memchr(line, ':', len), *value;
	size_t value_len;

	if (line[0] == ' ' || line[0] == '\t')
		return why_set(why, EPROTO, "the answer has a folded header line");
	if (colon == NULL)
		return 0;
	value = colon + 1;
	value_len = trim(&value, (size_t)(line + len - value));
	for (size_t i = 0; i < countof(fields); i++)
		if (strlen(fields[i].name) == (size_t)(colon - line) &&
		    strncasecmp(fields[i].name, line, (size_t)(colon - line)) == 0)
			return fields[i].read(head, value, value_len, why);
	return 0;
}

/* "HTTP/1.1 200 OK" */
static int
head_on_status(struct http_head *head, const char *line, size_t len, struct why *why)
{
	const char *space = memchr(line, ' ', len);
	size_t bytes = head->bytes;
	int64_t status = -1;

	if (space != NULL && line + len - space >= 4)
		status = read_digits(space + 1, 3, 3);
	if (status < 100)
		return why_set(why, EPROTO, "the answer's status line is not HTTP");
	http_head_init(head);
	head->bytes = bytes;
	head->status = (int)status;
	return 0;
}

static int
head_on_end(struct http_head *head, struct why *why)
{
	if (head->status < 200)
		return 0;	/* 100 Continue and its like: the answer follows */
	head->done = true;
	if (head->content_length >= 0 && head->codings > 0)
		return why_set(why, EPROTO,
		    "the answer has both a Content-Length and chunked framing");
	head->unframed = head->status == 200 && head->content_length < 0 && head->codings == 0;
	return 0;
}

int
http_head_line(struct http_head *head, const char *line, size_t len, struct why *why)
{
	if (head->done)
		return 0;
	head->bytes += len;
	if (head->bytes > HTTP_HEAD_MAX)
		return why_set(why, EPROTO, "the answer's head is larger than %u KiB",
		    HTTP_HEAD_MAX >> 10);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len == 0)
		return head_on_end(head, why);
	if (len > 5 && strncmp(line, "HTTP/", 5) == 0)
		return head_on_status(head, line, len, why);
	return head_on_field(head, line, len, why);
}

int64_t
http_date_ms(const char *value)
{
	time_t when = curl_getdate(value, NULL);

	/* A date begins with its weekday; curl_getdate would read "-5" or "1.5" as one. */
	if (when <= 0 || when > YEAR_9999 || strspn(value, "0123456789+-. ") > 0)
		return 0;
	return (int64_t)when * 1000;
}

int64_t
http_retry_after_ms(const char *value, int64_t now_wall_ms)
{
	size_t len = strlen(value);
	int64_t ms;

	if (len > 0 && strspn(value, "0123456789") == len) {
		int64_t seconds = read_digits(value, len, 9);

		/* More digits than fit are a long time, not nonsense. */
		ms = seconds < 0 ? HTTP_RETRY_AFTER_MAX : seconds * 1000;
	} else {
		ms = http_date_ms(value) - now_wall_ms;
	}
	if (ms < 0)
		return 0;
	return ms > HTTP_RETRY_AFTER_MAX ? HTTP_RETRY_AFTER_MAX : ms;
}
