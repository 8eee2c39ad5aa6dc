/*
 * sim_snapshot.c - download of a snapshot, whole or in parts: not ready, building,
 * expired, empty, and at last the rows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sim/sim.h"
#include "sim/sim_body.h"
#include "sim/sim_query.h"
#include "sim/sim_record.h"

#define BATCH_MIN 1000

#define FORMAT { "format", QUERY_WORD, false, 0, 0, "json|ndjson|jsonl|csv" }
#define COMPRESS { "compress", QUERY_BOOL, false, 0, 0, NULL }

static const struct query_rule snapshot_rules[] = {
	FORMAT, COMPRESS,
	{ "batch_size", QUERY_NUMBER, false, BATCH_MIN, INT32_MAX, NULL },
	{ "part", QUERY_NUMBER, false, 1, INT32_MAX, NULL },
	{ NULL, QUERY_TEXT, false, 0, 0, NULL }
};
static const struct query_rule parts_rules[] = {
	FORMAT, COMPRESS,
	{ "batch_size", QUERY_NUMBER, true, BATCH_MIN, INT32_MAX, NULL },
	{ NULL, QUERY_TEXT, false, 0, 0, NULL }
};
/* A part can only be named together with its size. */
static const struct query_rule part_rules[] = {
	FORMAT, COMPRESS,
	{ "batch_size", QUERY_NUMBER, true, BATCH_MIN, INT32_MAX, NULL },
	{ "part", QUERY_NUMBER, false, 1, INT32_MAX, NULL },
	{ NULL, QUERY_TEXT, false, 0, 0, NULL }
};

/* True when there is a file to send; otherwise the answer says why not. */
static bool
is_downloadable(struct call *call, struct job *job)
{
	struct sim *sim = call->sim;
	int64_t now = sim_clock_now(&sim->clock);

	if (job->state == JOB_RUNNING) {
		answer_wait(&call->answer, sim->set.not_ready_status,
		    job_download_word(job, &sim->set, now),
		    "Snapshot is not ready yet, try again in 30s");
		return false;
	}
	if (job_is_expired(job, &sim->set, now)) {
		answer_text(&call->answer, 400, "Snapshot is expired");
		return false;
	}
	if (job->state != JOB_READY) {
		answer_text(&call->answer, 400, "Snapshot is empty");
		return false;
	}
	if (!job->built && job->building_answers < (uint32_t)sim->set.building) {
		job->building_answers++;
		answer_building(&call->answer, &sim->set);
		return false;
	}
	job->built = true;
	return true;
}

/* The job's rows, to be released; those of the file when there is one. */
static struct rows *
job_rows(struct sim *sim, struct job *job)
{
	if (sim->file) {
		sim->file->array->users++;
		return sim->file->array;
	}
	scoped_json *inputs = json_loads(job->input_text, 0, NULL);

	return record_rows(sim->seed, job, inputs, &job->media);
}

/* How many rows the file has. */
static uint64_t
job_row_count(const struct sim *sim, const struct job *job)
{
	if (sim->file)
		return sim->file->rows;
	return job->records + (job->include_errors ? job->errors : 0);
}

/* A job without rows may be told to send not even an empty array. */
static void
write_rows(const struct sim *sim, struct rows *rows, uint64_t first, uint64_t count,
    struct evbuffer *out)
{
	if (count > 0 || sim->set.empty != EMPTY_BYTES)
		rows_body(rows, first, count, out);
}

/* A generated body is summed when it is first sent: it is small. That of a job without
 * rows each time, as it follows the settings. */
static void
sum_generated(struct sim *sim, struct job *job, struct rows *rows)
{
	struct evbuffer *body;

	if (sim->file || (job->summed && rows->count > 0))
		return;
	body = evbuffer_new();
	write_rows(sim, rows, 0, rows->count, body);
	job->body_bytes = evbuffer_get_length(body);
	body_sum(body, job->body_sha256);
	job->summed = true;
	evbuffer_free(body);
}

static struct rows *
as_lines(struct sim *sim, struct rows *rows)
{
	struct rows *lines;

	if (sim->file) {
		lines = sim_file_lines(sim->file);
		lines->users++;
	} else {
		lines = rows_as_lines(rows);
	}
	rows_release(rows);
	return lines;
}

static void
compress_body(struct call *call)
{
	struct answer *a = &call->answer;

	if (body_gzip(a->body) < 0) {
		answer_text(a, 400, "Snapshot is too big for a single file");
		return;
	}
	if (call->sim->set.gzip_header)
		a->encoding = "gzip";
}

/* Each part has the header of the whole. */
static struct rows *
as_csv(struct sim *sim, struct rows *rows, struct evbuffer *out)
{
	struct csv *csv = sim->file ? sim_file_csv(sim->file) : csv_make(rows);
	struct rows *lines = csv->lines;

	lines->users++;
	rows_release(rows);
	(void)evbuffer_add(out, csv->header, strlen(csv->header));
	if (!sim->file)
		csv_free(csv);
	return lines;
}

enum shape { SHAPE_LINES, SHAPE_ARRAY, SHAPE_CSV };

static const struct format {
	const char	*name;
	enum shape	 shape;
	const char	*type;
} formats[] = {
	{ "jsonl", SHAPE_LINES, "application/jsonl; charset=utf-8" },	/* also when none is asked for */
	{ "ndjson", SHAPE_LINES, "application/x-ndjson; charset=utf-8" },
	{ "json", SHAPE_ARRAY, "application/json; charset=utf-8" },
	{ "csv", SHAPE_CSV, "text/csv; charset=utf-8" },
};

static const struct format *
format_of(const struct call *call)
{
	const char *name = query_text(&call->query, "format");

	for (size_t i = 0; name && i < countof(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return &formats[0];
}

static void
send_rows(struct call *call, struct job *job, uint64_t first, uint64_t count, bool last)
{
	struct sim *sim = call->sim;
	struct answer *a = &call->answer;
	const struct format *format = format_of(call);
	struct rows *rows = job_rows(sim, job);

	sum_generated(sim, job, rows);
	answer_text(a, 200, "");
	a->type = format->type;
	a->chunked = sim->set.chunked;
	if (format->shape == SHAPE_LINES)
		rows = as_lines(sim, rows);
	else if (format->shape == SHAPE_CSV)
		rows = as_csv(sim, rows, a->body);
	write_rows(sim, rows, first, count, a->body);
	rows_release(rows);
	if (query_bool(&call->query, "compress") || sim->set.gzip_always)
		compress_body(call);
	if (last && a->status == 200)
		(void)memcpy(a->download, job->id, sizeof a->download);
}

static void
send_part(struct call *call, struct job *job, uint64_t rows)
{
	uint64_t size = (uint64_t)query_number(&call->query, "batch_size", BATCH_MIN);
	uint64_t part = (uint64_t)query_number(&call->query, "part", 1);
	uint64_t first = (part - 1) * size;

	if (first >= rows && part > 1) {
		answer_text(&call->answer, 400, "Part does not exist");
		return;
	}
	send_rows(call, job, first, rows - first < size ? rows - first : size,
	    rows - first <= size);
}

void
sim_on_snapshot(struct call *call)
{
	bool part = query_text(&call->query, "part") || query_text(&call->query, "batch_size");
	struct job *job;
	uint64_t rows;

	if (!call_check_query(call, part ? part_rules : snapshot_rules) || !(job = call_job(call)) ||
	    !is_downloadable(call, job))
		return;
	rows = job_row_count(call->sim, job);
	if (rows == 0 && call->sim->set.empty == EMPTY_TEXT400)
		answer_text(&call->answer, 400, "Snapshot is empty");
	else if (part)
		send_part(call, job, rows);
	else
		send_rows(call, job, 0, rows, true);
}

void
sim_on_parts(struct call *call)
{
	struct json_out o;
	struct job *job;
	int64_t size;
	uint64_t rows;

	if (!call_check_query(call, parts_rules) || !(job = call_job(call)))
		return;
	if (job->state != JOB_READY || (!job->built && job->building_answers > 0)) {
		answer_text(&call->answer, 400, "Snapshot is not ready");
		return;
	}
	if (!job->built) {
		answer_text(&call->answer, 400,
		    "Dataset is not built, call get snapshot to trigger a build");
		return;
	}
	size = query_number(&call->query, "batch_size", BATCH_MIN);
	rows = job_row_count(call->sim, job);
	json_out_init(&o);
	json_out_open(&o);
	json_out_member_int(&o, "parts", (int64_t)((rows + (uint64_t)size - 1) / (uint64_t)size));
	json_out_close(&o);
	answer_json(&call->answer, 200, &o);
}
