/*
 * fuzz-request.c - any bytes as the body of a trigger call. What is taken must come
 * out in canonical form that reads back to itself, and give a row and a path.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/path.h"
#include "provider/brightdata.h"
#include "provider/brightdata_platform.h"
#include "provider/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEMPLATE "{year}/{platform}/{competitor}{brand}/{category}/{snapshot_id}"

/* The canonical text of a request; the caller frees. */
static char *
canonical(const struct trigger_request *r)
{
	struct json_out o;
	char *text;
	size_t len;

	json_out_init(&o);
	trigger_request_write(&o, r);
	text = xstrdup(json_out_text(&o, &len));
	assert(strlen(text) == len);
	json_out_done(&o);
	return text;
}

static void
check_reads_back(const struct trigger_request *r)
{
	scoped_free char *text = canonical(r), *again = NULL;
	struct trigger_request second;

	if (provider_request_read(provider_brightdata.rules, text, strlen(text), &second, NULL) != 0)
		abort();
	again = canonical(&second);
	if (strcmp(text, again) != 0)
		abort();
}

static void
check_input(const struct trigger_request *r)
{
	scoped_json *row = NULL;
	struct json_out o;
	json_t *value;
	const char *name, *text;
	uint8_t ours[SHA256_SIZE], theirs[SHA256_SIZE];
	size_t len;

	json_out_init(&o);
	brightdata_write_input(&o, r);
	text = json_out_text(&o, &len);
	if (json_read(text, len, &row, NULL) != 0)
		abort();
	json_object_foreach(row, name, value)
		if (!json_is_string(value) && !json_is_integer(value) && !json_is_true(value))
			abort();
	provider_brightdata.input_digest(r, ours);
	if (input_digest(text, len, theirs) != 0 || memcmp(ours, theirs, sizeof(ours)) != 0)
		abort();
	(void)brightdata_discover_by(r);
	if (brightdata_discover_by(r) != NULL && r->num_of_posts == 0)
		abort();
	json_out_done(&o);
}

static void
check_path(const struct trigger_request *r)
{
	struct crawl crawl = { .snapshot_id = "sd_1" };
	char path[OBJECT_PATH_SIZE];
	unsigned slashes = 0;

	if (path_template_check(TEMPLATE, NULL) != 0 ||
	    path_render(path, sizeof(path), TEMPLATE, &crawl, r) != 0)
		abort();
	for (const char *p = path; *p != '\0'; p++)
		slashes += *p == '/';
	if (slashes != 4 || strstr(path, "/../") != NULL || strstr(path, "/./") != NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trigger_request request;
	struct why why = { "" };

	if (provider_request_read(provider_brightdata.rules, (const char *)data, size, &request, &why) != 0) {
		if (why.text[0] == '\0')
			abort();
		return 0;
	}
	check_reads_back(&request);
	check_input(&request);
	check_path(&request);
	return 0;
}
