/*
 * provider_double.c - a second provider, which does not exist: a test double in the shape of an API unlike Bright
 * Data's (Apify's: actors and runs in the path, answers in envelopes, READY for "not begun", errors as JSON, items with
 * other members). With it in the lists of providers (LISTS in the Makefile), trawld's programs show that nothing outside
 * src/provider knows the first one. provider_double.py is its server, test_provider.py its test.
 *
 * It has no options of its own and borrows those of the first for its address and its key.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "provider/answer.h"
#include "provider/brightdata.h"
#include "provider/brightdata_platform.h"
#include "provider/input.h"
#include "provider/provider.h"

#define HOUR_MS	  INT64_C(3600000)
#define LIST_ROWS 100

/* ---- what it crawls ---- */

static const char *const actors[PLATFORM_COUNT] = {
	[PLATFORM_TIKTOK] = "double~tiktok",
	[PLATFORM_YOUTUBE] = "double~youtube",
};

static const char *
dataset_id(enum platform_id platform)
{
	return actors[platform];
}

static int
check(const struct trigger_request *request, struct why *why)
{
	for (const char *p = request->dataset_id; p == request->dataset_id || *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '~' && *p != '-')
			return why_set(why, EINVAL, "dataset_id: may contain letters, digits, ~ and - only");
	return 0;
}

/* An item is a post by its address. */
static uint64_t
count_media(const struct json_member *m)
{
	return m[1].kind == JSON_ARRAY_VALUE && m[1].length > 0 ? m[1].length : record_member_holds(&m[2]);
}

static const struct record_form *
record_form(enum platform_id platform)
{
	static const struct record_form form = {
		.errors = { "errorCode" },
		.watch = { "webVideoUrl", "slideshowImageLinks", "videoMeta" },
		.ids = 1,
		.count_media = count_media,
	};

	(void)platform;
	return &form;
}

/* ---- requests ---- */

static void __attribute__((format(printf, 3, 4)))
fill(struct provider_call *call, const char *method, const char *format, ...)
{
	va_list args;
	int written;

	*call = (struct provider_call){ .method = method, .answer_max = PROVIDER_ANSWER_MAX, .is_whole = answer_is_whole };
	va_start(args, format);
	written = vsnprintf(call->url, sizeof(call->url), format, args);
	va_end(args);
	assert(written > 0 && (size_t)written < sizeof(call->url));
	(void)written;
}

static void
ask_trigger(struct provider_call *call, const char *base, const struct trigger_request *request, struct json_out *body)
{
	fill(call, "POST", "%s/v2/actors/%s/runs?maxItems=%" PRIu32, base, request->dataset_id, request->num_of_posts);
	json_out_open(body);
	json_out_key(body, "profiles");
	json_out_open_array(body);
	json_out_string(body, request->url);
	json_out_close_array(body);
	json_out_member_int(body, "resultsPerPage", request->num_of_posts);
	json_out_member(body, "oldestPostDate", request->start_date);
	json_out_close(body);
}

static void
ask_progress(struct provider_call *call, const char *base, const char *run)
{
	fill(call, "GET", "%s/v2/actor-runs/%s", base, run);
}

static void
ask_data(struct provider_call *call, const char *base, const char *run)
{
	fill(call, "GET", "%s/v2/actor-runs/%s/dataset/items?format=json", base, run);
}

static void
ask_cancel(struct provider_call *call, const char *base, const char *run)
{
	fill(call, "POST", "%s/v2/actor-runs/%s/abort", base, run);
}

static void
ask_list(struct provider_call *call, const char *base, const struct provider_page *page)
{
	char since[TIME_TEXT_SIZE];

	fill(call, "GET", "%s/v2/actors/%s/runs?startedAfter=%s&offset=%u&limit=%u", base, page->dataset_id,
	    time_format(since, page->from_ms > 0 ? page->from_ms : 0), page->skip, page->limit);
	call->answer_max = JSON_DOC_MAX;
}

static void
ask_input(struct provider_call *call, const char *base, const char *run)
{
	fill(call, "GET", "%s/v2/actor-runs/%s/key-value-store/records/INPUT", base, run);
}

/* ---- refusals ---- */

#define REFUSED \
	{ 401, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 403, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED }

static const struct answer_rule trigger_rules[] = {
	REFUSED,
	{ 402, "memory-limit", OUTCOME_BUSY, ERROR_RATE_LIMITED },
	{ 402, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH },
	{ ANSWER_CLIENT, NULL, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED },
	{ ANSWER_ANY, NULL, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static const struct answer_rule look_rules[] = {
	REFUSED,
	{ 404, NULL, OUTCOME_RETRY, ERROR_NOT_FOUND },
	{ ANSWER_ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static void
read_refusal(const struct http_answer *answer, const struct answer_rule *rules, struct verdict *verdict)
{
	const struct answer_rule *rule = answer_rule_for(rules, answer);
	scoped_json *doc = NULL;
	char text[ERROR_TEXT_SIZE];
	const char *type = NULL;

	if (answer_doc(answer->body, answer->body_len, &doc) == 0)
		type = json_text(json_object_get(doc, "error"), "type");
	(void)snprintf(text, sizeof(text), "the double says %d: %s", answer->status, type != NULL ? type : "nothing else");
	answer_say(verdict, rule->outcome, rule->error, text);
	verdict->retry_after_ms = answer->retry_after_ms;
}

/* ---- answers ---- */

/* What is in the envelope of a success; NULL: the verdict is made. The caller frees *doc. */
static const json_t *
read_envelope(const struct http_answer *answer, const struct answer_rule *rules, enum outcome broken, json_t **doc,
    struct verdict *verdict)
{
	const json_t *data;

	if (answer_is_broken(answer, broken, verdict))
		return NULL;
	if (!answer_is_success(answer)) {
		read_refusal(answer, rules, verdict);
		return NULL;
	}
	data = answer_doc(answer->body, answer->body_len, doc) == 0 ? json_object_get(*doc, "data") : NULL;
	verdict->retry_after_ms = 0;
	if (!json_is_object(data)) {
		answer_say(verdict, broken, ERROR_BRIGHTDATA_UNAVAILABLE, "the double's answer holds no data");
		return NULL;
	}
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	return data;
}

static void
read_trigger(const struct http_answer *answer, struct verdict *verdict, char ret_run[SNAPSHOT_ID_SIZE])
{
	scoped_json *doc = NULL;
	const json_t *run = read_envelope(answer, trigger_rules, OUTCOME_UNKNOWN, &doc, verdict);
	const char *id = run != NULL ? json_text(run, "id") : NULL;

	ret_run[0] = '\0';
	if (run == NULL)
		return;
	if (id == NULL || snapshot_id_check(id) < 0)
		answer_say(verdict, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, "the double names no run");
	else
		(void)str_copy(ret_run, SNAPSHOT_ID_SIZE, id);
}

static void
read_progress(const struct http_answer *answer, struct verdict *verdict, struct provider_progress *progress)
{
	static const struct {
		const char *status;
		enum outcome outcome;
		enum error_code error;
	} words[] = {
		{ "READY", OUTCOME_WAIT, ERROR_NONE },
		{ "RUNNING", OUTCOME_WAIT, ERROR_NONE },
		{ "ABORTING", OUTCOME_WAIT, ERROR_NONE },
		{ "SUCCEEDED", OUTCOME_OK, ERROR_NONE },
		{ "FAILED", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED },
		{ "ABORTED", OUTCOME_CANCELED, ERROR_CANCELED },
	};
	scoped_json *doc = NULL;
	const json_t *run = read_envelope(answer, look_rules, OUTCOME_RETRY, &doc, verdict);
	const char *status = run != NULL ? json_text(run, "status") : NULL;

	*progress = (struct provider_progress){ .is_new = status != NULL, .records = UINT64_MAX };
	if (run == NULL)
		return;
	answer_say(verdict, OUTCOME_WAIT, ERROR_NONE, "");
	for (size_t i = 0; status != NULL && i < countof(words); i++) {
		if (strcmp(status, words[i].status) != 0)
			continue;
		progress->is_new = false;
		answer_say(verdict, words[i].outcome, words[i].error, words[i].error != ERROR_NONE ? status : "");
	}
	for (size_t i = 0; status != NULL && status[i] != '\0' && i + 1 < sizeof(progress->word); i++)
		progress->word[i] = (char)tolower((unsigned char)status[i]);
}

static void
read_data(const struct http_answer *answer, struct verdict *verdict, bool *ret_empty)
{
	*ret_empty = false;
	if (!answer_is_broken(answer, OUTCOME_RETRY, verdict))
		read_refusal(answer, look_rules, verdict);
}

/* Items are always an array: whatever else comes with a 200 is none. */
static bool
read_message(const char *body, size_t len, uint64_t counted, struct verdict *verdict, bool *ret_empty)
{
	(void)body, (void)counted;
	*ret_empty = false;
	verdict->retry_after_ms = 0;
	answer_say(verdict, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "the double sent no array of items");
	return len > 0;
}

static void
read_cancel(const struct http_answer *answer, struct verdict *verdict)
{
	scoped_json *doc = NULL;

	(void)read_envelope(answer, look_rules, OUTCOME_RETRY, &doc, verdict);
}

static bool
read_list(const struct http_answer *answer, const struct provider_page *page, struct provider_list *ret,
    struct verdict *verdict)
{
	scoped_json *doc = NULL;
	const json_t *data = read_envelope(answer, look_rules, OUTCOME_RETRY, &doc, verdict), *run;
	const json_t *items = json_object_get(data, "items");
	size_t i;

	*ret = (struct provider_list){ .jobs = NULL };
	if (data == NULL)
		return false;
	ret->rows = (unsigned)json_array_size(items);
	ret->is_last = ret->rows < page->limit;
	ret->jobs = xcalloc(ret->rows + 1, sizeof(ret->jobs[0]));
	json_array_foreach(items, i, run) {
		struct provider_job *job = &ret->jobs[ret->count];
		const char *id = json_text(run, "id"), *started = json_text(run, "startedAt");

		if (id == NULL || snapshot_id_check(id) < 0 || started == NULL || time_parse(started, &job->created_ms) < 0 ||
		    job->created_ms < page->from_ms || job->created_ms > page->to_ms)
			continue;
		(void)str_copy(job->snapshot_id, sizeof(job->snapshot_id), id);
		ret->count++;
	}
	return true;
}

/* The input is nested, so its meaning is told by what is in it. */
static void
digest_of(const char *url, int64_t posts, const char *since, uint8_t ret[SHA256_SIZE])
{
	struct json_out o;
	const char *text;
	size_t len;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "url", url);
	json_out_member_int(&o, "posts", posts);
	json_out_member(&o, "since", since);
	json_out_close(&o);
	text = json_out_text(&o, &len);
	if (input_digest(text, len, ret) < 0)
		memset(ret, 0, SHA256_SIZE);
	json_out_done(&o);
}

static void
digest_of_request(const struct trigger_request *request, uint8_t ret[SHA256_SIZE])
{
	digest_of(request->url, request->num_of_posts, request->start_date, ret);
}

static enum provider_reading
read_input(const struct http_answer *answer, uint8_t ret_digest[SHA256_SIZE], struct verdict *verdict)
{
	scoped_json *doc = NULL;
	const char *url;

	memset(ret_digest, 0, SHA256_SIZE);
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict))
		return PROVIDER_UNANSWERED;
	if (!answer_is_success(answer)) {
		read_refusal(answer, look_rules, verdict);
		return answer->status == 404 ? PROVIDER_UNREADABLE : PROVIDER_UNANSWERED;
	}
	verdict->retry_after_ms = 0;
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	if (answer_doc(answer->body, answer->body_len, &doc) < 0)
		return PROVIDER_UNREADABLE;
	url = json_string_value(json_array_get(json_object_get(doc, "profiles"), 0));
	digest_of(url, json_int(doc, "resultsPerPage", 0, INT64_MAX, -1), json_text(doc, "oldestPostDate"), ret_digest);
	return PROVIDER_READ;
}

static bool
read_cap(const char *text, unsigned *ret_running, unsigned *ret_cap)
{
	(void)text, (void)ret_running, (void)ret_cap;
	return false;
}

/* ---- the table ---- */

static const struct provider_rules double_rules = { "double", dataset_id, check };

static const struct provider provider_double = {
	.rules = &double_rules,
	.base_url_option = "BRIGHTDATA_BASE_URL",
	.key_option = "BRIGHTDATA_API_KEY",
	.limits = { .refusals = 100, .refusals_ms = HOUR_MS / 60, .jobs = 25, .build_ms = HOUR_MS, .kept_ms = 7 * 24 * HOUR_MS, .list_rows = LIST_ROWS },
	.input_digest = digest_of_request,
	.record_form = record_form,
	.ask_trigger = ask_trigger,
	.ask_progress = ask_progress,
	.ask_data = ask_data,
	.ask_cancel = ask_cancel,
	.ask_list = ask_list,
	.ask_input = ask_input,
	.read_trigger = read_trigger,
	.read_progress = read_progress,
	.read_data = read_data,
	.read_message = read_message,
	.read_cancel = read_cancel,
	.read_list = read_list,
	.read_input = read_input,
	.read_cap = read_cap,
};

const struct provider *const provider_table[] = { &provider_double, &provider_brightdata, NULL };
const struct provider_rules *const provider_rules_table[] = { &double_rules, &brightdata_rules, NULL };
