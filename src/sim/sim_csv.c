/*
 * sim_csv.c - two passes over the rows, one for the columns and one for the lines, so
 * that no more than one of them is held as a document.
 */
#include "sim/sim_csv.h"

#include <string.h>

#include "base/loop.h"
#include "base/mem.h"

/* Digits that a double carries for sure: 4.2 stays 4.2. */
#define CELL_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

static bool
is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(",\"\r\n", text[i]))	/* finds a NUL, too */
			return false;
	return true;
}

static void
put_cell(struct evbuffer *out, const char *text, size_t len)
{
	const char *quote;

	if (is_plain(text, len)) {
		(void)evbuffer_add(out, text, len);
		return;
	}
	(void)evbuffer_add(out, "\"", 1);
	while ((quote = memchr(text, '"', len)) != NULL) {
		size_t n = (size_t)(quote - text) + 1;

		(void)evbuffer_add(out, text, n);
		(void)evbuffer_add(out, "\"", 1);
		text += n;
		len -= n;
	}
	(void)evbuffer_add(out, text, len);
	(void)evbuffer_add(out, "\"", 1);
}

static void
put_value(struct evbuffer *out, const json_t *value)
{
	scoped_free char *dump = NULL;
	const char *text = json_string_value(value);

	if (!text && value && !json_is_null(value))
		text = dump = json_dumps(value, CELL_FLAGS);
	if (text)
		put_cell(out, text, strlen(text));
}

void
csv_add_columns(json_t *columns, const json_t *row)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)row, name, value)
		if (!json_object_get(columns, name))
			(void)json_object_set_new(columns, name, json_null());
}

void
csv_header(struct evbuffer *out, json_t *columns)
{
	const char *name, *comma = "";
	json_t *unused;

	json_object_foreach(columns, name, unused) {
		(void)evbuffer_add(out, comma, strlen(comma));
		put_cell(out, name, strlen(name));
		comma = ",";
	}
	(void)evbuffer_add(out, "\n", 1);
}

void
csv_line(struct evbuffer *out, json_t *columns, const json_t *row)
{
	const char *name, *comma = "";
	size_t before = evbuffer_get_length(out);
	json_t *unused;

	json_object_foreach(columns, name, unused) {
		(void)evbuffer_add(out, comma, strlen(comma));
		put_value(out, json_object_get(row, name));
		comma = ",";
	}
	if (evbuffer_get_length(out) == before)
		(void)evbuffer_add(out, "\"\"", 2);	/* readers skip empty lines */
	(void)evbuffer_add(out, "\n", 1);
}

static json_t *
row_read(const struct rows *rows, size_t i, size_t *ret_len)
{
	size_t end = rows->lines ? 1 : 2;

	*ret_len = rows->at[i + 1] - rows->at[i] - end;
	return json_loadb(rows->text + rows->at[i], *ret_len, 0, NULL);
}

static json_t *
columns_of(const struct rows *rows)
{
	json_t *columns = json_object();
	size_t len;

	for (size_t i = 0; i < rows->count; i++) {
		scoped_json *row = row_read(rows, i, &len);

		csv_add_columns(columns, row);
	}
	return columns;
}

static void
put_row(struct evbuffer *out, json_t *columns, const struct rows *rows, size_t i)
{
	size_t len;
	scoped_json *row = row_read(rows, i, &len);

	if (row) {
		csv_line(out, columns, row);
		return;
	}
	put_cell(out, rows->text + rows->at[i], len);
	(void)evbuffer_add(out, "\n", 1);
}

/* The line that out holds, without its end, which rows_add() puts back. */
static void
take_line(struct rows *lines, struct evbuffer *out)
{
	size_t len = evbuffer_get_length(out);

	rows_add(lines, (const char *)evbuffer_pullup(out, -1), len - 1);
	(void)evbuffer_drain(out, len);
}

static char *
header_text(json_t *columns, size_t rows)
{
	struct evbuffer *out = evbuffer_new();
	char *text;

	if (rows > 0)
		csv_header(out, columns);
	(void)evbuffer_add(out, "", 1);
	text = xstrdup((const char *)evbuffer_pullup(out, -1));
	evbuffer_free(out);
	return text;
}

struct csv *
csv_make(const struct rows *rows)
{
	struct csv *csv = xcalloc(1, sizeof *csv);
	scoped_json *columns = columns_of(rows);
	struct evbuffer *out = evbuffer_new();

	csv->header = header_text(columns, rows->count);
	csv->lines = rows_new(true);
	for (size_t i = 0; i < rows->count; i++) {
		put_row(out, columns, rows, i);
		take_line(csv->lines, out);
	}
	evbuffer_free(out);
	return csv;
}

void
csv_free(struct csv *csv)
{
	if (!csv)
		return;
	rows_release(csv->lines);
	free(csv->header);
	free(csv);
}
