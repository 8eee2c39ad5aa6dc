/*
 * input.c - reads an input in each form that the provider may write it, brings every
 * value into one form, and hashes the pairs of name and value, sorted by name.
 *
 * An optional field that was left out may come back as null, "", false, [] or not at
 * all: none of these is hashed.
 */
#include "provider/input.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/request.h"
#include "model/url.h"

#define MEMBERS_MAX 64
#define VALUE_SIZE  (REQUEST_URL_SIZE + 64)	/* what is longer we do not send */
#define NAMES_SIZE  2048
#define WRAPS_MAX   4
#define EXPONENT_DIGITS 9

struct pairs {
	unsigned count;
	struct pair {
		char	*text;		/* "name\0value\0" */
		size_t	 len;
	} items[MEMBERS_MAX];
};

/* ---- one form for every value ---- */

static bool
is_nothing(const char *value)
{
	static const char *const nothing[] = { "", "null", "false", "False", "FALSE", "[]", "{}" };

	for (size_t i = 0; i < countof(nothing); i++)
		if (strcmp(value, nothing[i]) == 0)
			return true;
	return false;
}

struct number {			/* its pieces, as JSON writes one */
	bool	 negative;
	const char *whole, *fraction;
	size_t	 whole_len, fraction_len;
	long	 exponent;
};

static size_t
digits_at(const char *p)
{
	return strspn(p, "0123456789");
}

/* False: the text is no number. */
static bool
number_split(const char *p, struct number *ret)
{
	*ret = (struct number){ .negative = *p == '-' };
	p += ret->negative;
	ret->whole = p;
	ret->whole_len = digits_at(p);
	if (ret->whole_len == 0 || (ret->whole_len > 1 && *p == '0'))
		return false;
	p += ret->whole_len;
	if (*p == '.') {
		ret->fraction = ++p;
		ret->fraction_len = digits_at(p);
		if (ret->fraction_len == 0)
			return false;
		p += ret->fraction_len;
	}
	if (*p == 'e' || *p == 'E') {
		size_t sign = p[1] == '+' || p[1] == '-', digits = digits_at(p + 1 + sign);

		if (digits == 0 || digits > EXPONENT_DIGITS)
			return false;
		ret->exponent = strtol(p + 1, NULL, 10);
		p += 1 + sign + digits;
	}
	return *p == '\0';
}

/* 5, 5.0 and 0.5e1 become "5e0", 1200 "12e2": digits that neither begin nor end in 0, and
 * where the point is. Not by way of a double, which would make long numbers alike. */
static void
number_normalize(char value[VALUE_SIZE])
{
	char digits[VALUE_SIZE], *first = digits;
	struct number number;
	size_t len;
	long exponent;

	if (!number_split(value, &number))
		return;
	memcpy(digits, number.whole, number.whole_len);
	if (number.fraction_len > 0)
		memcpy(digits + number.whole_len, number.fraction, number.fraction_len);
	len = number.whole_len + number.fraction_len;
	exponent = number.exponent - (long)number.fraction_len;
	for (; len > 0 && *first == '0'; len--)
		first++;
	for (; len > 0 && first[len - 1] == '0'; len--)
		exponent++;
	if (len == 0)
		(void)str_copy(value, VALUE_SIZE, "0e0");
	else
		(void)snprintf(value, VALUE_SIZE, "%s%.*se%ld", number.negative ? "-" : "", (int)len, first,
		    exponent);
}

static long
url_port(const struct url *url)
{
	const char *p = url->host + url->host_len;
	long usual = url->https ? 443 : 80, port = usual;

	p += *p == ']';
	if (*p == ':')
		port = strtol(p + 1, NULL, 10);
	return port == usual ? 0 : port;
}

/* Scheme and host in small letters, no usual port, no "/" at the end. */
static void
url_normalize(char value[VALUE_SIZE])
{
	char from[VALUE_SIZE], port[16] = "";
	struct url url;
	size_t path;
	bool six;
	int n;

	(void)str_copy(from, sizeof(from), value);
	if (url_split(from, &url, NULL) < 0)
		return;
	if (url_port(&url) != 0)
		(void)snprintf(port, sizeof(port), ":%ld", url_port(&url));
	six = memchr(url.host, ':', url.host_len) != NULL;
	n = snprintf(value, VALUE_SIZE, "%s://%s%.*s%s%s", url.https ? "https" : "http", six ? "[" : "",
	    (int)url.host_len, url.host, six ? "]" : "", port);
	for (char *p = value; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	path = url.path_len;
	if (!url.has_query && path > 0 && url.path[path - 1] == '/')
		path--;
	(void)snprintf(value + n, VALUE_SIZE - (size_t)n, "%.*s%s%s", (int)path, url.path,
	    url.has_query && path == 0 ? "/" : "", url.path + url.path_len);
}

/* 0 with the value in its one form ("" for nothing), or -ERANGE when it is too long. */
static int
normalize(const char *text, size_t len, char value[VALUE_SIZE])
{
	static const char *const truths[] = { "True", "TRUE" };

	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len > VALUE_SIZE - 32 || str_copy_n(value, VALUE_SIZE, text, len) < 0)
		return -ERANGE;
	if (is_nothing(value)) {
		value[0] = '\0';
		return 0;
	}
	for (size_t i = 0; i < countof(truths); i++)
		if (strcmp(value, truths[i]) == 0)
			(void)str_copy(value, VALUE_SIZE, "true");
	number_normalize(value);
	url_normalize(value);
	return 0;
}

/* ---- the pairs ---- */

static void
pairs_free(struct pairs *pairs)
{
	for (unsigned i = 0; i < pairs->count; i++)
		free(pairs->items[i].text);
}

static int
pairs_add(struct pairs *pairs, const char *name, const char *text, size_t len)
{
	char value[VALUE_SIZE];
	struct pair *pair = &pairs->items[pairs->count];
	size_t name_size = strlen(name) + 1;
	int rc = normalize(text, len, value);

	if (rc < 0 || value[0] == '\0')
		return rc;
	if (pairs->count == MEMBERS_MAX)
		return -ERANGE;
	pair->len = name_size + strlen(value) + 1;
	pair->text = xmalloc(pair->len);
	memcpy(pair->text, name, name_size);
	memcpy(pair->text + name_size, value, strlen(value) + 1);
	pairs->count++;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->text, ((const struct pair *)b)->text);
}

/* -ERANGE: a name stands there twice. */
static int
pairs_digest(struct pairs *pairs, uint8_t ret[SHA256_SIZE])
{
	struct sha256 *sum;

	qsort(pairs->items, pairs->count, sizeof(pairs->items[0]), by_name);
	for (unsigned i = 1; i < pairs->count; i++)
		if (by_name(&pairs->items[i - 1], &pairs->items[i]) == 0)
			return -ERANGE;
	sum = sha256_new();
	for (unsigned i = 0; i < pairs->count; i++)
		sha256_update(sum, pairs->items[i].text, pairs->items[i].len);
	sha256_end(sum, ret);
	sha256_free(sum);
	return 0;
}

/* ---- as JSON ---- */

/* As few digits as give the same number again. */
static void
real_text(double value, char *dst, size_t size)
{
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(dst, size, "%.*g", digits, value);
		if (strtod(dst, NULL) == value)
			return;
	}
}

static int
add_json_value(struct pairs *pairs, const char *name, const json_t *value)
{
	char text[64] = "";

	if (json_is_string(value))
		return pairs_add(pairs, name, json_string_value(value), json_string_length(value));
	if (json_is_integer(value))
		(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		real_text(json_real_value(value), text, sizeof(text));
	else if (json_is_true(value))
		(void)str_copy(text, sizeof(text), "true");
	else if (json_array_size(value) > 0 || json_object_size(value) > 0)
		return -ERANGE;		/* nested */
	return pairs_add(pairs, name, text, strlen(text));
}

/* The one object in an array, and what a wrapper holds, as often as one is in another. */
static int
unwrap(const json_t *doc, const json_t **ret)
{
	const json_t *inner;

	for (unsigned wraps = 0; wraps <= WRAPS_MAX; wraps++) {
		if (json_is_array(doc)) {
			if (json_array_size(doc) != 1)
				return -ERANGE;
			doc = json_array_get(doc, 0);
			continue;
		}
		if (!json_is_object(doc))
			return -EBADMSG;
		inner = json_object_get(doc, "input");
		if (!json_is_object(inner) && !json_is_array(inner)) {
			*ret = doc;
			return 0;
		}
		doc = inner;
	}
	return -EBADMSG;
}

static int
read_json(const char *text, size_t len, struct pairs *pairs)
{
	scoped_json *doc = NULL;
	const json_t *row;
	json_t *value;
	const char *name;
	int rc;

	if (json_read(text, len, &doc, NULL) < 0)
		return -EBADMSG;
	rc = unwrap(doc, &row);
	if (rc < 0)
		return rc;
	json_object_foreach((json_t *)row, name, value)
		if ((rc = add_json_value(pairs, name, value)) < 0)
			return rc;
	return 0;
}

/* ---- as lines ---- */

struct cells {			/* the text being cut into cells (RFC 4180) */
	const char	*p, *end;
	bool		 line_ended;	/* after the cell just read */
	bool		 broken;	/* a quote that does not close, a NUL */
	bool		 too_long;	/* a cell of no length that we would send */
	size_t		 len;
	char		 cell[VALUE_SIZE];
};

static void
cells_keep(struct cells *c, char byte)
{
	if (c->len + 1 < sizeof(c->cell))
		c->cell[c->len++] = byte;
	else
		c->too_long = true;
	c->broken = c->broken || byte == '\0';
}

static void
cells_read_quoted(struct cells *c)
{
	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p != '"') {
			cells_keep(c, *c->p);
		} else if (c->p + 1 < c->end && c->p[1] == '"') {
			cells_keep(c, '"');
			c->p++;
		} else {
			c->p++;
			return;
		}
	}
	c->broken = true;
}

/* The next cell of this line into c->cell. */
static void
cells_next(struct cells *c)
{
	c->len = 0;
	if (c->p < c->end && *c->p == '"')
		cells_read_quoted(c);
	while (c->p < c->end && *c->p != ',' && *c->p != '\n') {
		if (*c->p != '\r')
			cells_keep(c, *c->p);
		c->p++;
	}
	c->cell[c->len] = '\0';
	c->line_ended = c->p == c->end || *c->p == '\n';
	if (c->p < c->end)
		c->p++;
}

/* Sentences and pages of HTML are no header lines. */
static bool
is_name(const char *p)
{
	for (; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("_.-", *p) == NULL)
			return false;
	return true;
}

/* The names of the header line, one after the other in dst. Returns their number,
 * -EBADMSG when they are no header. */
static int
read_names(struct cells *c, const char *names[MEMBERS_MAX], char *dst, size_t size)
{
	int count = 0;

	do {
		const char *name = c->cell;
		size_t len;

		cells_next(c);
		while (isspace((unsigned char)*name))
			name++;
		len = strlen(name);
		while (len > 0 && isspace((unsigned char)name[len - 1]))
			len--;
		if (c->broken || c->too_long || count == MEMBERS_MAX || len + 1 > size)
			return -EBADMSG;
		names[count++] = memcpy(dst, name, len);
		dst[len] = '\0';
		if (!is_name(dst))
			return -EBADMSG;
		dst += len + 1;
		size -= len + 1;
	} while (!c->line_ended);
	return names[0][0] == '\0' ? -EBADMSG : count;
}

static bool
only_blank(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p == end;
}

static int
read_lines(const char *text, size_t len, struct pairs *pairs)
{
	struct cells c = { .p = text, .end = text + len };
	const char *names[MEMBERS_MAX];
	char name_room[NAMES_SIZE];
	int count = read_names(&c, names, name_room, sizeof(name_room)), rc = 0;

	if (count < 0 || only_blank(c.p, c.end))
		return -EBADMSG;
	for (int n = 0; n == 0 || !c.line_ended; n++) {
		cells_next(&c);
		if (c.broken)
			return -EBADMSG;
		if (rc == 0)
			rc = n >= count || c.too_long ? -ERANGE : pairs_add(pairs, names[n], c.cell, c.len);
	}
	/* A second line is a second input: we send one. */
	return only_blank(c.p, c.end) ? rc : -ERANGE;
}

/* ---- both ---- */

int
input_digest(const char *text, size_t len, uint8_t ret[SHA256_SIZE])
{
	struct pairs pairs = { .count = 0 };
	int rc;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3, len -= 3;	/* a byte order mark */
	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	if (len > 0 && (*text == '[' || *text == '{'))
		rc = read_json(text, len, &pairs);
	else
		rc = read_lines(text, len, &pairs);
	if (rc == 0)
		rc = pairs_digest(&pairs, ret);
	pairs_free(&pairs);
	return rc;
}
