/*
 * brightdata.c - what Bright Data is asked, and its row in the table.
 */
#include "provider/brightdata.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timefmt.h"
#include "provider/answer.h"
#include "provider/brightdata_platform.h"
#include "provider/input.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS	  (24 * 60 * MINUTE_MS)
#define LIST_ROWS 4000		/* a page: 260 bytes each fill JSON_DOC_MAX */

static void __attribute__((format(printf, 3, 4)))
fill(struct provider_call *call, const char *method, const char *format, ...)
{
	va_list args;
	int written;

	*call = (struct provider_call){ .method = method, .answer_max = PROVIDER_ANSWER_MAX, .is_whole = answer_is_whole };
	va_start(args, format);
	written = vsnprintf(call->url, sizeof(call->url), format, args);
	va_end(args);
	/* The base is bounded by its option, ids by their form. */
	assert(written > 0 && (size_t)written < sizeof(call->url));
	(void)written;
}

static void
ask_trigger(struct provider_call *call, const char *base, const struct trigger_request *request, struct json_out *body)
{
	const char *by = brightdata_discover_by(request);
	uint32_t limit = brightdata_query_limit(request);
	char limit_text[48] = "";

	if (limit > 0)
		(void)snprintf(limit_text, sizeof(limit_text), "&limit_per_input=%" PRIu32, limit);
	fill(call, "POST", "%s/datasets/v3/trigger?dataset_id=%s&include_errors=true%s%s%s",
	    base, request->dataset_id, by != NULL ? "&type=discover_new&discover_by=" : "",
	    by != NULL ? by : "", limit_text);
	/* An array with the one input row. */
	json_out_open_array(body);
	brightdata_write_input(body, request);
	json_out_close_array(body);
}

static void
ask_progress(struct provider_call *call, const char *base, const char *snapshot_id)
{
	fill(call, "GET", "%s/datasets/v3/progress/%s", base, snapshot_id);
}

/* An array: cut anywhere it is no JSON any more; lines cut at a line end would be. */
static void
ask_data(struct provider_call *call, const char *base, const char *snapshot_id)
{
	fill(call, "GET", "%s/datasets/v3/snapshot/%s?format=json", base, snapshot_id);
}

static void
ask_cancel(struct provider_call *call, const char *base, const char *snapshot_id)
{
	fill(call, "POST", "%s/datasets/v3/snapshot/%s/cancel", base, snapshot_id);
	call->is_whole = answer_is_whole_anyway;
}

/* From the day before on; no status filter, because canceled jobs cannot be asked for by it. */
static void
ask_list(struct provider_call *call, const char *base, const struct provider_page *page)
{
	struct date from = date_of(page->from_ms > DAY_MS ? page->from_ms - DAY_MS : 0);

	fill(call, "GET",
	    "%s/datasets/v3/snapshots?dataset_id=%s&from_date=%04d-%02d-%02d&trigger_type=API&limit=%u&skip=%u", base,
	    page->dataset_id, from.year, from.month, from.day, page->limit, page->skip);
	call->answer_max = JSON_DOC_MAX;
}

static void
ask_input(struct provider_call *call, const char *base, const char *snapshot_id)
{
	fill(call, "GET", "%s/datasets/v3/snapshot/%s/input", base, snapshot_id);
}

static void
request_digest(const struct trigger_request *request, uint8_t ret[SHA256_SIZE])
{
	struct json_out row;
	const char *text;
	size_t len;
	int rc;

	json_out_init(&row);
	brightdata_write_input(&row, request);
	text = json_out_text(&row, &len);
	rc = input_digest(text, len, ret);
	assert(rc == 0);	/* a flat object of few members, each bounded by its field */
	(void)rc;
	json_out_done(&row);
}

const struct provider provider_brightdata = {
	.rules = &brightdata_rules,
	.base_url_option = "BRIGHTDATA_BASE_URL",
	.key_option = "BRIGHTDATA_API_KEY",
	.limits = { .refusals = 25, .refusals_ms = 5 * MINUTE_MS, .jobs = 100, .build_ms = 30 * MINUTE_MS,
	    .kept_ms = 16 * DAY_MS, .list_rows = LIST_ROWS },
	.input_digest = request_digest,
	.record_form = brightdata_record_form,
	.ask_trigger = ask_trigger,
	.ask_progress = ask_progress,
	.ask_data = ask_data,
	.ask_cancel = ask_cancel,
	.ask_list = ask_list,
	.ask_input = ask_input,
	.read_trigger = brightdata_read_trigger,
	.read_progress = brightdata_read_progress,
	.read_data = brightdata_read_data,
	.read_message = brightdata_read_message,
	.read_cancel = brightdata_read_cancel,
	.read_list = brightdata_read_list,
	.read_input = brightdata_read_input,
	.read_cap = brightdata_read_cap,
};
