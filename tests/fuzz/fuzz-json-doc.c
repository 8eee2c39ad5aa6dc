/*
 * fuzz-json-doc.c - any bytes as a document. What json_read takes, the stream takes
 * too (fed in pieces that the first byte chooses), and it can be written with
 * json_out and read back as the same document.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_out.h"
#include "base/json_stream.h"
#include "base/mem.h"
#include "base/why.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json_out *, const json_t *);

static void
write_object(struct json_out *o, const json_t *object)
{
	const char *key;
	json_t *value;

	json_out_open(o);
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		json_out_key(o, key);
		write_value(o, value);
	}
	json_out_close(o);
}

static void
write_array(struct json_out *o, const json_t *array)
{
	json_out_open_array(o);
	for (size_t i = 0; i < json_array_size(array); i++)
		write_value(o, json_array_get(array, i));
	json_out_close_array(o);
}

static void
write_value(struct json_out *o, const json_t *value)
{
	scoped_free char *raw = NULL;

	if (json_is_object(value)) {
		write_object(o, value);
	} else if (json_is_array(value)) {
		write_array(o, value);
	} else if (json_is_string(value)) {
		json_out_string_n(o, json_string_value(value), json_string_length(value));
	} else if (json_is_integer(value)) {
		json_out_int(o, json_integer_value(value));
	} else if (json_is_boolean(value)) {
		json_out_bool(o, json_is_true(value));
	} else if (json_is_null(value)) {
		json_out_null(o);
	} else {
		raw = json_dumps(value, JSON_ENCODE_ANY);
		json_out_raw(o, raw, strlen(raw));
	}
}

static void
check_written(const json_t *doc)
{
	scoped_json *again = NULL;
	struct json_out o;
	struct why why;
	const char *text;
	size_t len;

	json_out_init(&o);
	write_value(&o, doc);
	text = json_out_text(&o, &len);
	/* Escapes may make it longer than what may be read. */
	if (len <= JSON_DOC_MAX && (json_read(text, len, &again, &why) != 0 || !json_equal(doc, again)))
		abort();
	json_out_done(&o);
}

static void
check_streamed(const uint8_t *data, size_t size, size_t step)
{
	struct json_stream *s = json_stream_new(NULL, 0, NULL, NULL);
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < step ? size - at : step;
		if (json_stream_feed(s, data + at, n, NULL) != 0)
			abort();
	}
	if (json_stream_end(s, NULL) != 0)
		abort();
	json_stream_free(s);
}

/* What must hold for any bytes that go into a message. */
static void
check_printable(const uint8_t *data, size_t size)
{
	char text[48];

	str_printable(text, 1 + size % sizeof(text), (const char *)data, size);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped_json *doc = NULL;
	struct why why = { "" };

	if (size < 1)
		return 0;
	check_printable(data + 1, size - 1);
	if (json_read((const char *)data + 1, size - 1, &doc, &why) != 0) {
		if (why.text[0] == '\0' || doc != NULL)
			abort();
		return 0;
	}
	check_written(doc);
	check_streamed(data + 1, size - 1, (size_t)data[0] + 1);
	return 0;
}
