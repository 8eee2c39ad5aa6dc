/*
 * http_check.c - the strict reader of HTTP/1 framing: one small function a state,
 * each given one byte; bodies and plain field values are skipped in runs. Owns
 * nothing outside its struct and keeps no pointer into the bytes.
 */
#include "front/http_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum state {
	AT_START, IN_METHOD, IN_TARGET, IN_VERSION, AFTER_LINE, AT_FIELD, IN_NAME, BEFORE_VALUE,
	IN_VALUE, AFTER_VALUE, AFTER_HEAD, IN_BODY, IN_CHUNK_SIZE, AFTER_CHUNK_SIZE, IN_CHUNK,
	AFTER_CHUNK, AFTER_CHUNK_CR, AT_TRAILER, AFTER_MESSAGE, REFUSED, STATE_COUNT
};

enum field { FIELD_OTHER, FIELD_HOST, FIELD_LENGTH, FIELD_CODING, FIELD_EXPECT, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_HOST] = "host",
	[FIELD_LENGTH] = "content-length",
	[FIELD_CODING] = "transfer-encoding",
	[FIELD_EXPECT] = "expect",
};

/* CONNECT is not among them: its target is no path. */
static const struct {
	const char *name;
	bool has_body;		/* whoever parses next looks for a body */
} methods[] = {
	{ "GET", true }, { "POST", true }, { "HEAD", false }, { "PUT", true }, { "DELETE", true },
	{ "OPTIONS", true }, { "PATCH", true }, { "TRACE", false },
};

enum { TOKEN = 1, TARGET = 2, HOST = 4, VALUE = 8 };

#define ANYWHERE (TOKEN | TARGET | HOST | VALUE)

static const uint8_t classes[256] = {
	['\t'] = VALUE, [' '] = VALUE,
	['a' ... 'z'] = ANYWHERE, ['A' ... 'Z'] = ANYWHERE, ['0' ... '9'] = ANYWHERE,
	['-'] = ANYWHERE, ['.'] = ANYWHERE, ['_'] = ANYWHERE, ['~'] = ANYWHERE, ['!'] = ANYWHERE,
	['$'] = ANYWHERE, ['&'] = ANYWHERE, ['\''] = ANYWHERE, ['*'] = ANYWHERE, ['+'] = ANYWHERE,
	['%'] = ANYWHERE,
	['#'] = TOKEN | VALUE, ['^'] = TOKEN | VALUE, ['`'] = TOKEN | VALUE, ['|'] = TOKEN | VALUE,
	['('] = TARGET | HOST | VALUE, [')'] = TARGET | HOST | VALUE, [','] = TARGET | HOST | VALUE,
	[';'] = TARGET | HOST | VALUE, ['='] = TARGET | HOST | VALUE, [':'] = TARGET | HOST | VALUE,
	['@'] = TARGET | VALUE, ['/'] = TARGET | VALUE, ['?'] = TARGET | VALUE,
	['['] = HOST | VALUE, [']'] = HOST | VALUE,
	['"'] = VALUE, ['<'] = VALUE, ['>'] = VALUE, ['\\'] = VALUE, ['{'] = VALUE, ['}'] = VALUE,
	[0x80 ... 0xff] = VALUE,
};

static bool
is(unsigned char c, unsigned class)
{
	return (classes[c] & class) != 0;
}

static enum http_verdict
refuse(struct http_check *check, int status, const char *reason)
{
	check->state = REFUSED;
	check->status = status;
	check->reason = reason;
	return HTTP_REFUSED;
}

static enum http_verdict
go(struct http_check *check, enum state state)
{
	check->state = state;
	return HTTP_MORE;
}

static void
message_reset(struct http_check *check)
{
	check->bytes = check->length = check->left = 0;
	check->phase = HTTP_BETWEEN;
	check->state = AT_START;
	check->at = check->target = check->head = check->fields = check->body = 0;
	check->has_host = check->has_length = check->is_chunked = check->has_expect = false;
}

static enum http_verdict
message_end(struct http_check *check)
{
	check->messages++;
	message_reset(check);
	return HTTP_MESSAGE;
}

/* ---- the request line ---- */

static enum http_verdict
on_method(struct http_check *check, unsigned char c)
{
	if (c == ' ' && check->at > 0) {
		for (unsigned i = 0; i < countof(methods); i++) {
			if (strlen(methods[i].name) == check->at &&
			    memcmp(methods[i].name, check->token, check->at) == 0) {
				check->method = i;
				return go(check, IN_TARGET);
			}
		}
		return refuse(check, 501, "The request's method is not one that this server knows.");
	}
	if (!is(c, TOKEN))
		return refuse(check, 400, check->bytes == 1 && (c == '\r' || c == '\n') ?
		    "An empty line stands where a request should begin." :
		    "The request line does not begin with a method and one space.");
	/* Longer than any that we know: only its end is awaited. */
	if (check->at < sizeof(check->token))
		check->token[check->at] = (char)c;
	check->at++;
	if (check->at > 32)
		return refuse(check, 501, "The request's method is not one that this server knows.");
	return HTTP_MORE;
}

static enum http_verdict
on_start(struct http_check *check, unsigned char c)
{
	check->phase = HTTP_IN_HEAD;
	check->state = IN_METHOD;
	return on_method(check, c);
}

static enum http_verdict
on_target(struct http_check *check, unsigned char c)
{
	if (c == ' ' && check->target > 0) {
		check->at = 0;
		return go(check, IN_VERSION);
	}
	if (check->target == 0 && c != '/')
		return refuse(check, 400, "The request target is not a path: it must begin with \"/\", after one space.");
	/* "//host/" would be read as an authority by some. */
	if (check->target == 1 && c == '/')
		return refuse(check, 400, "The request target begins with \"//\".");
	if (!is(c, TARGET))
		return refuse(check, 400, "The request target holds a byte that a path may not hold.");
	if (++check->target > check->limits->target)
		return refuse(check, 414, "The request target is longer than this server takes.");
	return HTTP_MORE;
}

static enum http_verdict
on_version(struct http_check *check, unsigned char c)
{
	static const char version[] = "HTTP/1.";
	unsigned at = check->at++;

	if (at < sizeof(version) - 1) {
		if (c == (unsigned char)version[at])
			return HTTP_MORE;
		return at == 5 && c >= '0' && c <= '9' ?
		    refuse(check, 505, "The request's version is neither HTTP/1.0 nor HTTP/1.1.") :
		    refuse(check, 400, "The request line does not end with one space and HTTP/1.1.");
	}
	if (at == sizeof(version) - 1) {
		check->minor = (unsigned)(c - '0');
		return c == '0' || c == '1' ? HTTP_MORE :
		    refuse(check, 505, "The request's version is neither HTTP/1.0 nor HTTP/1.1.");
	}
	if (c == '\r')
		return go(check, AFTER_LINE);
	return refuse(check, 400, "The request line does not end with CR LF after the version.");
}

static enum http_verdict
on_line_end(struct http_check *check, unsigned char c)
{
	return c == '\n' ? go(check, AT_FIELD) :
	    refuse(check, 400, "A CR stands alone: each line ends with CR LF.");
}

/* ---- header fields ---- */

static enum http_verdict
on_name(struct http_check *check, unsigned char c)
{
	if (c == ':' && check->at > 0) {
		check->field = FIELD_OTHER;
		for (unsigned i = FIELD_OTHER + 1; i < FIELD_COUNT; i++) {
			if (strlen(field_names[i]) == check->at &&
			    strncasecmp(field_names[i], check->token, check->at) == 0)
				check->field = i;
		}
		check->value_len = 0;
		return go(check, BEFORE_VALUE);
	}
	if (!is(c, TOKEN))
		return refuse(check, 400, c == ' ' || c == '\t' ? "White space stands in or after a header's name." :
		    "A header's name holds a byte that a name may not hold, or is empty.");
	if (check->at < sizeof(check->token))
		check->token[check->at] = (char)c;
	check->at++;
	return HTTP_MORE;
}

static enum http_verdict
on_field(struct http_check *check, unsigned char c)
{
	if (c == '\r')
		return go(check, AFTER_HEAD);
	if (c == ' ' || c == '\t')
		return refuse(check, 400, "A header line begins with white space: folded lines are not taken.");
	if (++check->fields > check->limits->fields)
		return refuse(check, 431, "The request has more header lines than this server takes.");
	check->at = 0;
	check->state = IN_NAME;
	return on_name(check, c);
}

static enum http_verdict
on_value(struct http_check *check, unsigned char c)
{
	check->state = IN_VALUE;
	if (c == '\r')
		return go(check, AFTER_VALUE);
	if (!is(c, VALUE))
		return refuse(check, 400, c == '\n' ? "A LF stands alone: each line ends with CR LF." :
		    "A header's value holds a control byte.");
	if (check->field == FIELD_OTHER)
		return HTTP_MORE;
	/* Servers differ in whether they trim a tab. */
	if (c == '\t')
		return refuse(check, 400, "A tab stands in a header that decides how the request is read.");
	if (check->value_len == sizeof(check->value) - 1)
		return refuse(check, 400, "A header that decides how the request is read is too long.");
	check->value[check->value_len++] = (char)c;
	return HTTP_MORE;
}

static enum http_verdict
on_value_start(struct http_check *check, unsigned char c)
{
	return c == ' ' ? HTTP_MORE : on_value(check, c);
}

/* name or [address], then maybe a port. */
static bool
host_is_valid(const char *host)
{
	const char *p = host;

	if (*p == '[') {
		size_t len = strspn(++p, "0123456789abcdefABCDEF:.");

		if (len < 2 || p[len] != ']')
			return false;
		p += len + 1;
	} else {
		for (; *p != '\0' && *p != ':'; p++) {
			if (!is((unsigned char)*p, HOST) || *p == '[' || *p == ']')
				return false;
		}
		if (p == host)
			return false;
	}
	if (*p == '\0')
		return true;
	return *p == ':' && strlen(p + 1) <= 5 && p[1 + strspn(p + 1, "0123456789")] == '\0';
}

static enum http_verdict
on_host(struct http_check *check)
{
	if (check->has_host)
		return refuse(check, 400, "The request has two Host headers.");
	if (!host_is_valid(check->value))
		return refuse(check, 400, "The Host header is not a host name or address with an optional port.");
	check->has_host = true;
	return go(check, AT_FIELD);
}

static enum http_verdict
on_length(struct http_check *check)
{
	if (check->has_length)
		return refuse(check, 400, "The request has two Content-Length headers.");
	if (check->value_len < 1 || check->value_len > 18 ||
	    strspn(check->value, "0123456789") != check->value_len)
		return refuse(check, 400, "The Content-Length is not a number of 1 to 18 digits.");
	check->has_length = true;
	check->length = strtoull(check->value, NULL, 10);
	if (check->length > check->limits->body)
		return refuse(check, 413, "The request's body is larger than this server takes.");
	return go(check, AT_FIELD);
}

static enum http_verdict
on_coding(struct http_check *check)
{
	if (check->is_chunked)
		return refuse(check, 400, "The request has two Transfer-Encoding headers.");
	if (check->minor == 0)
		return refuse(check, 400, "An HTTP/1.0 request cannot have a Transfer-Encoding.");
	if (strcasecmp(check->value, "chunked") != 0)
		return check->value_len == 0 || strcasestr(check->value, "chunked") != NULL ?
		    refuse(check, 400, "The Transfer-Encoding is not exactly \"chunked\".") :
		    refuse(check, 501, "The only Transfer-Encoding that this server knows is \"chunked\".");
	check->is_chunked = true;
	return go(check, AT_FIELD);
}

static enum http_verdict
on_expect(struct http_check *check)
{
	if (check->has_expect || strcasecmp(check->value, "100-continue") != 0)
		return refuse(check, 417, "The only Expect that this server knows is \"100-continue\", once.");
	check->has_expect = true;
	return go(check, AT_FIELD);
}

static enum http_verdict
on_value_end(struct http_check *check, unsigned char c)
{
	static enum http_verdict (*const on_field_value[FIELD_COUNT])(struct http_check *) = {
		[FIELD_HOST] = on_host,
		[FIELD_LENGTH] = on_length,
		[FIELD_CODING] = on_coding,
		[FIELD_EXPECT] = on_expect,
	};

	if (c != '\n')
		return on_line_end(check, c);
	if (check->field == FIELD_OTHER)
		return go(check, AT_FIELD);
	while (check->value_len > 0 && check->value[check->value_len - 1] == ' ')
		check->value_len--;
	check->value[check->value_len] = '\0';
	return on_field_value[check->field](check);
}

static enum http_verdict
on_head_end(struct http_check *check, unsigned char c)
{
	if (c != '\n')
		return on_line_end(check, c);
	if (check->minor == 1 && !check->has_host)
		return refuse(check, 400, "The request has no Host header.");
	if (check->has_length && check->is_chunked)
		return refuse(check, 400, "The request has both a Content-Length and a Transfer-Encoding.");
	if (!methods[check->method].has_body && (check->length > 0 || check->is_chunked))
		return refuse(check, 400, "A request with this method cannot have a body.");
	if (!check->is_chunked && check->length == 0)
		return message_end(check);
	check->phase = HTTP_IN_BODY;
	check->left = check->is_chunked ? 0 : check->length;
	check->at = 0;
	return go(check, check->is_chunked ? IN_CHUNK_SIZE : IN_BODY);
}

/* ---- chunks ---- */

static int
hex_digit(unsigned char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)((at - digits) % 16) : -1;
}

static enum http_verdict
on_chunk_size(struct http_check *check, unsigned char c)
{
	int digit = hex_digit(c);

	if (digit >= 0 && check->at++ < 8) {
		check->left = check->left << 4 | (unsigned)digit;
		return HTTP_MORE;
	}
	if (digit < 0 && check->at > 0 && c == '\r')
		return go(check, AFTER_CHUNK_SIZE);
	return refuse(check, 400, digit < 0 && check->at > 0 && c == ';' ?
	    "A chunk has an extension: those are not taken." :
	    "A chunk's size is not 1 to 8 hexadecimal digits followed by CR LF.");
}

static enum http_verdict
on_chunk_size_end(struct http_check *check, unsigned char c)
{
	if (c != '\n')
		return on_line_end(check, c);
	if (check->left > check->limits->body - check->body)
		return refuse(check, 413, "The request's body is larger than this server takes.");
	check->body += (uint32_t)check->left;
	return go(check, check->left == 0 ? AT_TRAILER : IN_CHUNK);
}

static enum http_verdict
on_chunk_end(struct http_check *check, unsigned char c)
{
	return c == '\r' ? go(check, AFTER_CHUNK_CR) :
	    refuse(check, 400, "A chunk's data is not followed by CR LF.");
}

static enum http_verdict
on_chunk_cr(struct http_check *check, unsigned char c)
{
	if (c != '\n')
		return refuse(check, 400, "A chunk's data is not followed by CR LF.");
	check->at = 0;
	check->left = 0;
	return go(check, IN_CHUNK_SIZE);
}

static enum http_verdict
on_trailer(struct http_check *check, unsigned char c)
{
	return c == '\r' ? go(check, AFTER_MESSAGE) :
	    refuse(check, 400, "Headers follow the last chunk: trailers are not taken.");
}

static enum http_verdict
on_message_end(struct http_check *check, unsigned char c)
{
	return c == '\n' ? message_end(check) : on_line_end(check, c);
}

/* ---- feeding ---- */

static enum http_verdict (*const on_byte[STATE_COUNT])(struct http_check *, unsigned char) = {
	[AT_START] = on_start,
	[IN_METHOD] = on_method,
	[IN_TARGET] = on_target,
	[IN_VERSION] = on_version,
	[AFTER_LINE] = on_line_end,
	[AT_FIELD] = on_field,
	[IN_NAME] = on_name,
	[BEFORE_VALUE] = on_value_start,
	[IN_VALUE] = on_value,
	[AFTER_VALUE] = on_value_end,
	[AFTER_HEAD] = on_head_end,
	[IN_CHUNK_SIZE] = on_chunk_size,
	[AFTER_CHUNK_SIZE] = on_chunk_size_end,
	[AFTER_CHUNK] = on_chunk_end,
	[AFTER_CHUNK_CR] = on_chunk_cr,
	[AT_TRAILER] = on_trailer,
	[AFTER_MESSAGE] = on_message_end,
};

void
http_check_init(struct http_check *check, const struct http_limits *limits)
{
	*check = (struct http_check){ .limits = limits };
	message_reset(check);
}

/* How many of the bytes need no state: those of a body or chunk. */
static size_t
skip_data(struct http_check *check, size_t len)
{
	size_t run = len < check->left ? len : (size_t)check->left;

	check->left -= run;
	check->bytes += run;
	return run;
}

/* The same for a value that nobody looks at; the head's limit is kept. */
static size_t
skip_value(struct http_check *check, const unsigned char *p, size_t len)
{
	size_t room = check->limits->head - check->head, run = 0;

	if (len > room)
		len = room;
	while (run < len && is(p[run], VALUE))
		run++;
	check->head += (uint32_t)run;
	check->bytes += run;
	return run;
}

static enum http_verdict
take_byte(struct http_check *check, unsigned char c)
{
	check->bytes++;
	if (check->phase != HTTP_IN_BODY && ++check->head > check->limits->head)
		return refuse(check, 431, "The request's headers are larger than this server takes.");
	return on_byte[check->state](check, c);
}

enum http_verdict
http_check_feed(struct http_check *check, const void *p, size_t len, size_t *ret_used)
{
	const unsigned char *bytes = p;
	enum http_verdict verdict = check->state == REFUSED ? HTTP_REFUSED : HTTP_MORE;
	size_t i = 0;

	while (i < len && verdict == HTTP_MORE) {
		if (check->state == IN_BODY || check->state == IN_CHUNK) {
			i += skip_data(check, len - i);
			if (check->left > 0)
				break;
			if (check->state == IN_BODY)
				verdict = message_end(check);
			else
				check->state = AFTER_CHUNK;
			continue;
		}
		if (check->state == IN_VALUE && check->field == FIELD_OTHER) {
			i += skip_value(check, bytes + i, len - i);
			if (i == len)
				break;
		}
		verdict = take_byte(check, bytes[i++]);
	}
	*ret_used = i;
	return verdict;
}
