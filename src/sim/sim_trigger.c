/*
 * sim_trigger.c - POST /datasets/v3/trigger: checks everything the provider
 * checks, in its order, and starts a job. A refused call leaves no trace in the
 * ledger; an accepted one always makes a new job, even for the same inputs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "sim/sim.h"
#include "sim/sim_query.h"
#include "sim/sim_record.h"

#define WORDS(words) QUERY_WORD, false, 0, 0, words
#define PLAIN QUERY_TEXT, false, 0, 0, NULL
#define YES_NO QUERY_BOOL, false, 0, 0, NULL

static const struct query_rule rules[] = {
	{ "dataset_id", PLAIN },
	{ "type", WORDS("discover_new|url_collection") },
	{ "discover_by", PLAIN },
	{ "include_errors", YES_NO },
	{ "limit_per_input", QUERY_NUMBER, false, 1, INT32_MAX, NULL },
	{ "limit_multiple_results", QUERY_NUMBER, false, 1, INT32_MAX, NULL },
	{ "custom_output_fields", PLAIN },
	{ "format", WORDS("json|ndjson|jsonl|csv") },
	{ "endpoint", PLAIN },
	{ "webhook", PLAIN },
	{ "auth_header", PLAIN },
	{ "webhook_header_Authorization", PLAIN },
	{ "uncompressed_webhook", YES_NO },
	{ "notify", PLAIN },
	{ "deadline", PLAIN },
	{ "stream_max_lines", QUERY_NUMBER, false, 10, 100000, NULL },
	{ "download_fields", PLAIN },
	{ "sdk_function", PLAIN },
	{ "force_deliver", YES_NO },
	{ NULL, PLAIN }
};

/* NULL after answering. */
static const struct dataset *
find_dataset(struct call *call)
{
	const char *id = query_text(&call->query, "dataset_id");
	const struct dataset *d = id ? dataset_find(id) : NULL;

	if (!id)
		answer_text(&call->answer, 404, "Collector not found");
	else if (!d)
		answer_text(&call->answer, 404, "dataset does not exist");
	return d;
}

static void
answer_parse_error(struct answer *a, bool nothing)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "error", nothing ? "Parser has expected a value" :
	    "Parser cannot parse input: expected a value");
	json_out_member(&o, "code", "parse_error");
	json_out_close(&o);
	answer_json(a, 400, &o);
}

/* The body as one document; NULL after answering. */
static json_t *
read_body(struct call *call)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(call->req);
	size_t len = evbuffer_get_length(in);
	const char *text = (const char *)evbuffer_pullup(in, -1);
	json_t *body = NULL;
	struct why why;
	int r = len ? json_read(text, len, &body, &why) : -EINVAL;

	if (r == -EFBIG)
		answer_text(&call->answer, 413, "trawl-sim reads inputs of 1 MiB at most");
	else if (r < 0)
		answer_parse_error(&call->answer, len == 0);
	return r < 0 ? NULL : body;
}

static bool
is_wrapped(const json_t *body)
{
	return json_is_object(body) && json_is_array(json_object_get(body, "input"));
}

/* The rows within a body of any of the three shapes; a new reference. */
static json_t *
take_rows(json_t *body)
{
	json_t *rows;

	if (is_wrapped(body))
		return json_incref(json_object_get(body, "input"));
	if (json_is_array(body))
		return json_incref(body);
	rows = json_array();
	(void)json_array_append(rows, body);
	return rows;
}

static void
answer_bad_row(struct answer *a, const json_t *row, size_t index, struct json_out *errors)
{
	scoped_free char *line = json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY);
	struct json_out o;
	size_t len;
	const char *text = json_out_text(errors, &len);

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "error", "Invalid input provided");
	json_out_member(&o, "code", "validation_error");
	json_out_member(&o, "type", "validation");
	json_out_member(&o, "line", line);
	json_out_member_int(&o, "index", (int64_t)index + 1);
	json_out_key(&o, "errors");
	json_out_raw(&o, text, len);
	json_out_close(&o);
	answer_json(a, 400, &o);
}

/* One bad row refuses them all. */
static bool
check_rows(struct call *call, const struct sim_mode *mode, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (json_array_size(rows) == 0) {
		answer_text(&call->answer, 400, "No data to trigger");
		return false;
	}
	json_array_foreach(rows, i, row) {
		struct json_out errors;
		unsigned faults;

		json_out_init(&errors);
		json_out_open_array(&errors);
		faults = mode_check_input(mode, row, &errors);
		json_out_close_array(&errors);
		if (faults)
			answer_bad_row(&call->answer, row, i, &errors);
		json_out_done(&errors);
		if (faults)
			return false;
	}
	return true;
}

static bool
check_cap(struct call *call, const struct dataset *d)
{
	struct sim *sim = call->sim;
	uint32_t running = jobs_running(&sim->jobs, d, &sim->set, sim_clock_now(&sim->clock));
	char text[300];

	if (sim->set.running_cap == 0 || running < (uint32_t)sim->set.running_cap)
		return true;
	(void)snprintf(text, sizeof text, "You have too many running jobs for this dataset. "
	    "Please wait until some of them finish or consider combining multiple inputs into a "
	    "single request. Running jobs: %u>=%d", running, sim->set.running_cap);
	answer_text(&call->answer, 429, text);
	call->answer.capped = d;
	return false;
}

static void
job_set_yield(struct sim *sim, struct job *job, const json_t *rows)
{
	struct yield yield;

	record_yield(sim->seed, job, rows, &yield);
	job->records = yield.records;
	job->errors = yield.errors;
	job->fails = yield.fails;
	if (sim->file && !yield.fails) {
		job->records = sim->file->rows - sim->file->errors;
		job->errors = sim->file->errors;
	}
}

static struct job *
start_job(struct call *call, const struct dataset *d, const struct sim_mode *mode,
    const json_t *body, const json_t *rows)
{
	struct sim *sim = call->sim;
	scoped_free char *text = json_dumps(rows, JSON_COMPACT);
	const char *agent = evhttp_find_header(evhttp_request_get_input_headers(call->req),
	    "User-Agent");
	struct job_order order = {
		.dataset = d, .mode = mode, .inputs = (uint32_t)json_array_size(rows),
		.offset_ms = sim->clock.offset_ms,
		.input_text = text, .query_text = call->query_text, .agent = agent ? agent : "",
	};
	struct job *job = jobs_add(&sim->jobs, &order, sim->seed, sim_clock_now(&sim->clock));
	int64_t limit = is_wrapped(body) ? json_int(body, "limit_per_input", 1, INT32_MAX, 0) : 0;

	job->limit_per_input = (uint32_t)query_number(&call->query, "limit_per_input", limit);
	job->limit_total = (uint32_t)query_number(&call->query, "limit_multiple_results", 0);
	job->include_errors = query_bool(&call->query, "include_errors");
	job_set_yield(sim, job, rows);
	return job;
}

static void
answer_started(struct answer *a, const struct job *job)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "snapshot_id", job->id);
	json_out_close(&o);
	answer_json(a, 200, &o);
	(void)memcpy(a->started, job->id, sizeof a->started);
}

static void
trigger_rows(struct call *call, const struct dataset *d, const struct sim_mode *mode,
    json_t *body)
{
	scoped_json *rows = take_rows(body);
	struct job *job;

	if (!check_rows(call, mode, rows) || !check_cap(call, d))
		return;
	job = start_job(call, d, mode, body, rows);
	answer_started(&call->answer, job);
	log_plain(LOG_LEVEL_INFO, "snapshot=%s started dataset=%s inputs=%u", job->id, d->id, job->inputs);
}

void
sim_on_trigger(struct call *call)
{
	const struct dataset *d;
	const struct sim_mode *mode;
	char text[300];

	if (!call_check_query(call, rules) || !(d = find_dataset(call)))
		return;
	mode = dataset_mode(d, query_text(&call->query, "type"),
	    query_text(&call->query, "discover_by"), text, sizeof text);
	if (!mode) {
		answer_text(&call->answer, 400, text);
		return;
	}
	scoped_json *body = read_body(call);

	if (body)
		trigger_rows(call, d, mode, body);
}
