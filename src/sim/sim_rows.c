/*
 * sim_rows.c - owns the prepared texts; shares them with libevent's buffers, which
 * give them back through rows_on_sent().
 */
#include "sim/sim_rows.h"

#include <assert.h>
#include <string.h>

#include "base/loop.h"
#include "base/mem.h"

struct rows *
rows_new(bool lines)
{
	struct rows *rows = xcalloc(1, sizeof *rows);

	rows->lines = lines;
	rows->users = 1;
	rows->slots = 16;
	rows->at = xcalloc(rows->slots, sizeof *rows->at);
	return rows;
}

void
rows_release(struct rows *rows)
{
	if (!rows || --rows->users > 0)
		return;
	free(rows->text);
	free(rows->at);
	free(rows);
}

static void
rows_grow(struct rows *rows, size_t bytes, size_t count)
{
	size_t need = rows->at[rows->count] + bytes;

	if (need > rows->room) {
		rows->room = need > rows->room * 2 ? need : rows->room * 2;
		rows->text = xrealloc(rows->text, rows->room);
	}
	if (rows->count + count >= rows->slots) {
		while (rows->count + count >= rows->slots)
			rows->slots *= 2;
		rows->at = xrealloc(rows->at, rows->slots * sizeof *rows->at);
	}
}

void
rows_add(struct rows *rows, const char *row, size_t len)
{
	size_t at = rows->at[rows->count];

	rows_grow(rows, len + 2, 1);
	memcpy(rows->text + at, row, len);
	at += len;
	if (!rows->lines)
		rows->text[at++] = ',';
	rows->text[at++] = '\n';
	rows->at[++rows->count] = at;
}

uint64_t
rows_tile(struct rows *rows, size_t size, uint64_t times)
{
	size_t count = rows->count, len = rows->at[rows->count];
	uint64_t copies = len ? (size + len - 1) / len : 1;

	if (copies > times)
		copies = times;
	if (copies < 2)
		return 1;
	rows_grow(rows, len * (copies - 1), count * (copies - 1));
	for (uint64_t c = 1; c < copies; c++) {
		memcpy(rows->text + c * len, rows->text, len);
		for (size_t i = 1; i <= count; i++)
			rows->at[c * count + i] = c * len + rows->at[i];
	}
	rows->count = count * copies;
	return copies;
}

struct rows *
rows_as_lines(const struct rows *from)
{
	struct rows *to = rows_new(true);
	size_t end = from->lines ? 1 : 2;

	rows_grow(to, from->at[from->count], from->count);
	for (size_t i = 0; i < from->count; i++)
		rows_add(to, from->text + from->at[i], from->at[i + 1] - from->at[i] - end);
	return to;
}

static void
rows_on_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	rows_release(arg);
}

static void
rows_refer(struct rows *rows, size_t from, size_t to, struct evbuffer *out)
{
	if (to <= from)
		return;
	if (evbuffer_add_reference(out, rows->text + from, to - from, rows_on_sent, rows) == 0)
		rows->users++;
}

void
rows_body(struct rows *rows, uint64_t first, uint64_t count, struct evbuffer *out)
{
	assert(rows->count > 0 || count == 0);
	if (!rows->lines)
		(void)evbuffer_add(out, "[", 1);
	while (count > 0) {
		size_t at = first % rows->count;
		size_t n = rows->count - at < count ? rows->count - at : (size_t)count;
		size_t end = rows->at[at + n];

		count -= n;
		first += n;
		if (count == 0 && !rows->lines)
			end -= 2;	/* no comma after the last */
		rows_refer(rows, rows->at[at], end, out);
	}
	if (!rows->lines)
		(void)evbuffer_add(out, "]", 1);
}
