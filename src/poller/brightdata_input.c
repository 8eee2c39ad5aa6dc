/*
 * brightdata_input.c - was this job started with our input? The provider gives a
 * job's input as a header line and value lines (RFC 4180 quoting), perhaps one
 * day as JSON; both become (name, value) pairs that are held against ours.
 *
 * An optional field that was left out comes back as "" or not at all, and a
 * false as "false": these count as equal. A field that we do not send must be
 * empty, or the job asks for something else.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "poller/brightdata.h"

#define COLUMNS_MAX 64
#define CELL_SIZE   (REQUEST_URL_SIZE + 64)

static bool
is_nothing(const char *value)
{
	static const char *const nothing[] = { "", "null", "false", "[]" };

	for (size_t i = 0; i < countof(nothing); i++)
		if (strcmp(value, nothing[i]) == 0)
			return true;
	return false;
}

static bool
same_value(const char *ours, const char *theirs)
{
	return strcmp(ours, theirs) == 0 || (is_nothing(ours) && is_nothing(theirs));
}

/* One pair of theirs: clears its bit in missing, the fields of ours not met yet. */
static bool
pair_fits(const struct trigger_request *request, const char *name, const char *value,
    unsigned *missing)
{
	char ours[CELL_SIZE];
	const char *known;

	for (unsigned n = 0; (known = trigger_request_input_name(request, n)) != NULL; n++) {
		if (strcmp(known, name) != 0)
			continue;
		if ((*missing & 1u << n) == 0)
			return false;	/* twice */
		*missing &= ~(1u << n);
		trigger_request_input_text(request, n, ours, sizeof(ours));
		return same_value(ours, value);
	}
	return is_nothing(value);
}

static unsigned
all_fields(const struct trigger_request *request)
{
	unsigned all = 0;

	for (unsigned n = 0; trigger_request_input_name(request, n) != NULL; n++)
		all |= 1u << n;
	return all;
}

/* What they do not show must be nothing in ours. */
static bool
rest_fits(const struct trigger_request *request, unsigned missing)
{
	char ours[CELL_SIZE];

	for (unsigned n = 0; missing != 0; n++, missing >>= 1) {
		if ((missing & 1) == 0)
			continue;
		trigger_request_input_text(request, n, ours, sizeof(ours));
		if (!is_nothing(ours))
			return false;
	}
	return true;
}

/* ---- as JSON ---- */

static bool
json_value_text(const json_t *value, char *dst, size_t size)
{
	if (json_is_string(value))
		return str_copy(dst, size, json_string_value(value)) == 0;
	if (json_is_integer(value))
		return snprintf(dst, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value)) > 0;
	if (json_is_boolean(value))
		return str_copy(dst, size, json_is_true(value) ? "true" : "false") == 0;
	dst[0] = '\0';
	return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static enum brightdata_match
compare_json(const char *text, size_t len, const struct trigger_request *request)
{
	unsigned missing = all_fields(request);
	scoped_json *doc = NULL;
	json_t *row, *value;
	const char *name;

	if (json_read(text, len, &doc, NULL) < 0)
		return BRIGHTDATA_UNREADABLE;
	row = doc;
	if (json_is_array(doc)) {
		if (json_array_size(doc) != 1)
			return BRIGHTDATA_OTHER;
		row = json_array_get(doc, 0);
	}
	if (!json_is_object(row))
		return BRIGHTDATA_UNREADABLE;
	json_object_foreach(row, name, value) {
		char theirs[CELL_SIZE];

		if (!json_value_text(value, theirs, sizeof(theirs)) ||
		    !pair_fits(request, name, theirs, &missing))
			return BRIGHTDATA_OTHER;
	}
	return rest_fits(request, missing) ? BRIGHTDATA_SAME : BRIGHTDATA_OTHER;
}

/* ---- as lines ---- */

struct cells {			/* the text being cut into cells */
	const char	*p, *end;
	bool		 line_ended;	/* after the cell just read */
	bool		 broken;	/* a quote that does not close */
	bool		 too_long;	/* a cell of no length that we would send */
	char		 cell[CELL_SIZE];
};

static void
cells_keep(struct cells *c, size_t *len, char byte)
{
	if (*len + 1 < sizeof(c->cell))
		c->cell[(*len)++] = byte;
	else
		c->too_long = true;
}

static void
cells_read_quoted(struct cells *c, size_t *len)
{
	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p != '"') {
			cells_keep(c, len, *c->p);
		} else if (c->p + 1 < c->end && c->p[1] == '"') {
			cells_keep(c, len, '"');
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
	size_t len = 0;

	c->line_ended = false;
	if (c->p < c->end && *c->p == '"')
		cells_read_quoted(c, &len);
	while (c->p < c->end && *c->p != ',' && *c->p != '\n') {
		if (*c->p != '\r')
			cells_keep(c, &len, *c->p);
		c->p++;
	}
	c->cell[len] = '\0';
	if (strlen(c->cell) != len)
		c->broken = true;	/* a NUL inside */
	c->line_ended = c->p == c->end || *c->p == '\n';
	if (c->p < c->end)
		c->p++;
}

/* The names of the header line, one after the other in dst. Returns their number,
 * -1 when they are no header. */
static int
read_names(struct cells *c, const char *names[COLUMNS_MAX], char *dst, size_t size)
{
	int count = 0;

	do {
		size_t len;

		cells_next(c);
		len = strlen(c->cell) + 1;
		if (c->broken || c->too_long || count == COLUMNS_MAX || len > size)
			return -1;
		names[count++] = memcpy(dst, c->cell, len);
		dst += len;
		size -= len;
	} while (!c->line_ended);
	return names[0][0] == '\0' ? -1 : count;
}

static bool
only_blank(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p == end;
}

static enum brightdata_match
compare_lines(const char *text, size_t len, const struct trigger_request *request)
{
	struct cells c = { .p = text, .end = text + len };
	const char *names[COLUMNS_MAX];
	char name_room[2048];
	unsigned missing = all_fields(request);
	int count = read_names(&c, names, name_room, sizeof(name_room)), n = 0;
	bool fits = true;

	if (count < 0)
		return BRIGHTDATA_UNREADABLE;
	if (only_blank(c.p, c.end))
		return BRIGHTDATA_UNREADABLE;
	do {
		cells_next(&c);
		if (c.broken)
			return BRIGHTDATA_UNREADABLE;
		fits = fits && n < count && !c.too_long &&
		    pair_fits(request, names[n], c.cell, &missing);
		n++;
	} while (!c.line_ended);
	/* A second line is a second input: we send one. */
	if (!fits || !only_blank(c.p, c.end))
		return BRIGHTDATA_OTHER;
	return rest_fits(request, missing) ? BRIGHTDATA_SAME : BRIGHTDATA_OTHER;
}

enum brightdata_match
brightdata_input_compare(const char *text, size_t len, const struct trigger_request *request)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3, len -= 3;	/* a byte order mark */
	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	if (len > 0 && (*text == '[' || *text == '{'))
		return compare_json(text, len, request);
	return compare_lines(text, len, request);
}
