/*
 * sim_list.c - looking back: the list of jobs, what was submitted, the log, and
 * the data sets there are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "sim/sim.h"
#include "sim/sim_csv.h"
#include "sim/sim_query.h"

#define LIST_DEFAULT 1000
#define LIST_MAX 5000

static const struct query_rule list_rules[] = {
	{ "dataset_id", QUERY_TEXT, true, 0, 0, NULL },
	{ "status", QUERY_WORD, false, 0, 0, "starting|running|ready|failed" },
	{ "skip", QUERY_NUMBER, false, 0, INT32_MAX, NULL },
	{ "limit", QUERY_NUMBER, false, 1, LIST_MAX, NULL },
	{ "from_date", QUERY_DATE, false, 0, 0, NULL },
	{ "to_date", QUERY_DATE, false, 0, 0, NULL },
	{ "with_total", QUERY_BOOL, false, 0, 0, NULL },
	{ "trigger_type", QUERY_WORD, false, 0, 0, "ALL|CP|API" },
	{ NULL, QUERY_TEXT, false, 0, 0, NULL }
};

struct filter {
	const char	*status, *trigger_type;
	int64_t		 from_ms, to_ms, listed_ms;	/* created up to then is listed */
	int64_t		 skip, limit;
	int64_t		 total;
	bool		 with_total;
};

/* A job on its way is "running" to the filter, whatever the word. */
static bool
status_fits(const char *wanted, const struct job *job, const char *word)
{
	if (!wanted || strcmp(wanted, word) == 0)
		return true;
	return strcmp(wanted, "running") == 0 && job->state == JOB_RUNNING &&
	    strcmp(word, "starting") != 0;
}

static bool
job_fits(const struct filter *f, const struct job *job, const char *word)
{
	if (f->trigger_type && strcmp(f->trigger_type, "CP") == 0)
		return false;		/* nobody clicks here */
	return job->told_ms >= f->from_ms && job->told_ms <= f->to_ms &&
	    job->created_ms <= f->listed_ms && status_fits(f->status, job, word);
}

static void
write_listed(struct json_out *o, const struct job *job, const char *word)
{
	json_out_open(o);
	json_out_member(o, "id", job->id);
	json_out_member_time(o, "created", job->told_ms);
	json_out_member(o, "status", word);
	json_out_member(o, "dataset_id", job->dataset->id);
	if (job->state != JOB_RUNNING) {
		json_out_member_int(o, "dataset_size", (int64_t)job->records);
		json_out_member_int(o, "errors", (int64_t)job->errors);
	}
	json_out_key(o, "trigger");
	json_out_open(o);
	json_out_member(o, "type", "API");
	json_out_close(o);
	json_out_close(o);
}

/* Jobs behind the page are looked at only to be counted. */
static bool
page_is_full(const struct filter *f)
{
	return !f->with_total && f->total >= f->skip + f->limit;
}

static void
write_list(struct call *call, const struct dataset *d, struct filter *f, struct json_out *o)
{
	struct sim *sim = call->sim;
	int64_t now = sim_clock_now(&sim->clock);

	json_out_open_array(o);
	for (struct job *job = jobs_newest(&sim->jobs, d); job && !page_is_full(f);
	    job = job->older) {
		const char *word;

		job_settle(&sim->jobs, job, &sim->set, now);
		word = job_word(job, &sim->set, now);
		if (!job_fits(f, job, word))
			continue;
		if (f->total >= f->skip && f->total < f->skip + f->limit)
			write_listed(o, job, word);
		f->total++;
	}
	json_out_close_array(o);
}

static void
filter_read(struct filter *f, const struct call *call)
{
	const struct sim *sim = call->sim;

	*f = (struct filter){
		.status = query_text(&call->query, "status"),
		.trigger_type = query_text(&call->query, "trigger_type"),
		.from_ms = query_time(&call->query, "from_date", false, 0),
		.to_ms = query_time(&call->query, "to_date", true, INT64_MAX),
		.listed_ms = sim_clock_now(&sim->clock) - (int64_t)(sim->set.list_lag * 1000),
		.skip = query_number(&call->query, "skip", 0),
		.limit = query_number(&call->query, "limit", LIST_DEFAULT),
		.with_total = query_bool(&call->query, "with_total"),
	};
}

void
sim_on_list(struct call *call)
{
	const struct dataset *d;
	struct json_out o, list;
	struct filter f;
	const char *text;
	size_t len;

	if (!call_check_query(call, list_rules))
		return;
	d = dataset_find(query_text(&call->query, "dataset_id"));
	if (!d) {
		answer_text(&call->answer, 404, "dataset does not exist");
		return;
	}
	filter_read(&f, call);
	json_out_init(&list);
	write_list(call, d, &f, &list);
	if (!f.with_total) {
		answer_json(&call->answer, 200, &list);
		return;
	}
	json_out_init(&o);
	text = json_out_text(&list, &len);
	json_out_open(&o);
	json_out_key(&o, "data");
	json_out_raw(&o, text, len);
	json_out_member_int(&o, "total", f.total);
	json_out_close(&o);
	json_out_done(&list);
	answer_json(&call->answer, 200, &o);
}

void
sim_on_input(struct call *call)
{
	struct sim *sim = call->sim;
	struct job *job = jobs_find(&sim->jobs, call->id, &sim->set, sim_clock_now(&sim->clock));
	json_t *row;
	size_t i;

	if (!job) {
		answer_text(&call->answer, 400, "Snapshot input does not exist");
		return;
	}
	scoped_json *rows = json_loads(job->input_text, 0, NULL);
	scoped_json *columns = json_object();

	json_array_foreach(rows, i, row)
		csv_add_columns(columns, row);
	answer_text(&call->answer, 200, "");
	csv_header(call->answer.body, columns);
	json_array_foreach(rows, i, row)
		csv_line(call->answer.body, columns, row);
}

static void
write_trigger(const struct sim *sim, const struct job *job, struct json_out *o)
{
	scoped_free char *url = NULL;

	if (asprintf(&url, "%s/datasets/v3/trigger?%s", sim->url, job->query_text) < 0)
		url = NULL;
	json_out_key(o, "trigger");
	json_out_open(o);
	json_out_member(o, "type", "API");
	json_out_member(o, "user", "trawl-sim");
	json_out_member(o, "ip", "127.0.0.1");
	json_out_member(o, "trigger_url", url);
	json_out_member_time(o, "ts", job->told_ms);
	json_out_close(o);
}

void
sim_on_log(struct call *call)
{
	struct sim *sim = call->sim;
	struct job *job = call_job(call);
	int64_t now = sim_clock_now(&sim->clock);
	uint64_t rows;
	struct json_out o;

	if (!job)
		return;
	rows = job->records + job->errors;
	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "id", job->id);
	json_out_member_time(&o, "created", job->told_ms);
	json_out_member(&o, "Status", job_word(job, &sim->set, now));
	json_out_member(&o, "dataset_name", job->dataset->name);
	json_out_member(&o, "scraper_name", job->dataset->name);
	json_out_member_int(&o, "Dataset_size", job->state == JOB_READY ? (int64_t)job->records : 0);
	json_out_member_int(&o, "Inputs_count", job->inputs);
	json_out_member(&o, "Dataset_id", job->dataset->id);
	json_out_member_int(&o, "file_size", (int64_t)job->body_bytes);
	write_trigger(sim, job, &o);
	json_out_member_int(&o, "Duration",
	    (job->state == JOB_RUNNING ? now : job->ended_ms) - job->created_ms);
	json_out_key(&o, "Success_rate");
	json_out_number(&o, rows ? 100.0 * (double)job->records / (double)rows : 0, 1);
	json_out_close(&o);
	answer_json(&call->answer, 200, &o);
}

void
sim_on_datasets(struct call *call)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open_array(&o);
	for (size_t i = 0; i < dataset_count; i++) {
		json_out_open(&o);
		json_out_member(&o, "id", datasets[i].id);
		json_out_member(&o, "name", datasets[i].name);
		json_out_member_int(&o, "size", 1000000 * (int64_t)(i + 1));
		json_out_close(&o);
	}
	json_out_close_array(&o);
	answer_json(&call->answer, 200, &o);
}
