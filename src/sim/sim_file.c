/*
 * sim_file.c - reads the records file, finds its lines and counts its error rows.
 * Keeps a prepared copy of the text, not the file.
 */
#include "sim/sim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/json_stream.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/why.h"
#include "sim/sim_body.h"

#define TILE_BYTES (4u << 20)

/* What makes a row an error row; the order is that of enum below. */
static const char *const watched[] = {
	"error", "error_code", "warning", "warning_code", "post_id", "video_id", "id"
};
enum { AT_ERROR, AT_ERROR_CODE, AT_WARNING, AT_WARNING_CODE, AT_IDS };

static bool
is_set(const struct json_member *m)
{
	if (m->kind == JSON_ABSENT || m->kind == JSON_NULL_VALUE)
		return false;
	return m->kind != JSON_STRING_VALUE || m->length > 0;
}

static void
file_on_row(const struct json_record *record, void *arg)
{
	const struct json_member *m = record->members;
	uint64_t *errors = arg;
	bool has_id = false;

	if (record->place == JSON_IN_ENVELOPE)
		return;			/* of what a row holds */
	for (size_t i = AT_IDS; i < countof(watched); i++)
		has_id |= is_set(&m[i]);
	if (is_set(&m[AT_ERROR]) || is_set(&m[AT_ERROR_CODE]) ||
	    (!has_id && (is_set(&m[AT_WARNING]) || is_set(&m[AT_WARNING_CODE]))))
		(*errors)++;
}

/* Is it JSON at all, and how many rows are errors? */
static int
file_count_errors(const char *text, size_t len, uint64_t *ret_errors, struct why *why)
{
	struct json_stream *s;
	int r = 0;

	*ret_errors = 0;
	s = json_stream_new(watched, countof(watched), file_on_row, ret_errors);
	for (size_t at = 0; at < len && r == 0; at += 1 << 16)
		r = json_stream_feed(s, text + at, len - at < 1 << 16 ? len - at : 1 << 16, why);
	if (r == 0)
		r = json_stream_end(s, why);
	json_stream_free(s);
	return r;
}

static int
file_split(struct rows *rows, const char *text, size_t len, struct why *why)
{
	const char *end = text + len;
	unsigned number = 1;

	for (const char *p = text, *stop; p < end; p = stop + 1, number++) {
		size_t blank = 0;

		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		while (p + blank < stop && strchr(" \t\r", p[blank]))
			blank++;
		if (p + blank == stop)
			continue;
		if (p[blank] != '{')
			return why_set(why, EINVAL,
			    "line %u does not start with '{': one JSON object a line is expected",
			    number);
		rows_add(rows, p, (size_t)(stop - p));
	}
	return rows->count ? 0 : why_set(why, EINVAL, "it holds no line at all");
}

static int
file_map(const char *path, const char **ret, size_t *ret_len, struct why *why)
{
	scoped_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return why_set(why, errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return why_set(why, EINVAL, "it is empty or not a plain file");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return why_set(why, errno, "%s", strerror(errno));
	*ret = p;
	*ret_len = (size_t)st.st_size;
	return 0;
}

int
sim_file_open(const char *path, uint64_t repeat, struct sim_file **ret, struct why *why)
{
	struct sim_file *file = xcalloc(1, sizeof *file);
	const char *text = NULL;
	size_t len = 0;
	int r;

	file->array = rows_new(false);
	r = file_map(path, &text, &len, why);
	if (r == 0)
		r = file_split(file->array, text, len, why);
	if (r == 0 && file_count_errors(text, len, &file->errors, why) < 0) {
		file->errors = 0;
		r = 1;
	}
	if (text)
		(void)munmap((void *)(uintptr_t)text, len);
	if (r != 0)
		why_prefix(why, r < 0 ? "cannot read records from %s" : "records in %s", path);
	if (r < 0) {
		sim_file_free(file);
		return r;
	}
	file->rows = file->array->count * repeat;
	file->errors *= repeat;
	(void)rows_tile(file->array, TILE_BYTES, repeat);
	*ret = file;
	return r;
}

void
sim_file_free(struct sim_file *file)
{
	if (!file)
		return;
	rows_release(file->array);
	rows_release(file->lines);
	csv_free(file->csv);
	free(file);
}

struct rows *
sim_file_lines(struct sim_file *file)
{
	if (!file->lines)
		file->lines = rows_as_lines(file->array);
	return file->lines;
}

struct csv *
sim_file_csv(struct sim_file *file)
{
	if (!file->csv)
		file->csv = csv_make(file->array);
	return file->csv;
}

void
sim_file_sum(struct sim_file *file)
{
	struct evbuffer *body;

	if (file->summed)
		return;
	body = evbuffer_new();
	rows_body(file->array, 0, file->rows, body);
	file->body_bytes = evbuffer_get_length(body);
	body_sum(body, file->body_sha256);
	evbuffer_free(body);
	file->summed = 1;
}
