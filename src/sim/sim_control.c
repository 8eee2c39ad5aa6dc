/*
 * sim_control.c - /_sim/: the ledger and the switches, for tests and for people.
 * Needs no key and knows no faults.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "sim/sim.h"
#include "sim/sim_query.h"

struct control {
	struct sim		*sim;
	struct evhttp_request	*req;
	const struct evkeyvalq	*query;
	json_t			*body;		/* of a POST that has one */
	struct answer		 answer;
};

typedef void control_fn(struct control *);

static void
answer_refused(struct control *c, const char *sentence)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "error", sentence);
	json_out_close(&o);
	answer_json(&c->answer, 400, &o);
}

static void
answer_ok(struct control *c)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member_bool(&o, "ok", true);
	json_out_close(&o);
	answer_json(&c->answer, 200, &o);
}

static void
write_query(struct json_out *o, const char *query_text)
{
	struct evkeyvalq query;

	json_out_key(o, "query");
	json_out_open(o);
	if (evhttp_parse_query_str(query_text, &query) == 0)
		for (struct evkeyval *kv = query.tqh_first; kv; kv = kv->next.tqe_next)
			json_out_member(o, kv->key, kv->value);
	json_out_close(o);
	evhttp_clear_headers(&query);
}

/* Of the whole format=json body; null before the first download. */
static void
write_body_sum(struct json_out *o, struct sim *sim, const struct job *job)
{
	char text[SHA256_TEXT_SIZE];
	uint64_t bytes = job->body_bytes;
	const uint8_t *sum = job->summed ? job->body_sha256 : NULL;

	if (sim->file && job->downloads) {
		sim_file_sum(sim->file);
		bytes = sim->file->body_bytes;
		sum = sim->file->body_sha256;
	}
	json_out_member_int(o, "body_bytes", (int64_t)bytes);
	json_out_member(o, "body_sha256", sum ? sha256_format(text, sum) : NULL);
}

static void
write_job(struct json_out *o, struct sim *sim, const struct job *job)
{
	json_out_open(o);
	json_out_member(o, "snapshot_id", job->id);
	json_out_member(o, "dataset_id", job->dataset->id);
	json_out_member_time(o, "created", job->told_ms);
	json_out_member(o, "status", job_word(job, &sim->set, sim_clock_now(&sim->clock)));
	json_out_key(o, "inputs");
	json_out_raw(o, job->input_text, strlen(job->input_text));
	write_query(o, job->query_text);
	json_out_key(o, "headers");
	json_out_open(o);
	json_out_member(o, "user-agent", job->agent);
	json_out_close(o);
	json_out_member_int(o, "records", (int64_t)job->records);
	json_out_member_int(o, "errors", (int64_t)job->errors);
	json_out_member_int(o, "downloads", job->downloads);
	json_out_member_int(o, "progress_calls", job->progress_calls);
	json_out_member_bool(o, "answer_lost", job->answer_lost);
	json_out_member_int(o, "billed", (int64_t)job_billed(job));
	if (!sim->file)
		json_out_member_int(o, "media", (int64_t)job->media);
	write_body_sum(o, sim, job);
	json_out_close(o);
}

static void
answer_summary(struct control *c)
{
	struct sim *sim = c->sim;
	uint64_t downloaded = 0, billed = 0;
	struct json_out o;

	for (const struct job *job = sim->jobs.first; job; job = job->next) {
		downloaded += job->downloads > 0;
		billed += job_billed(job);
	}
	json_out_init(&o);
	json_out_open(&o);
	json_out_member_int(&o, "count", (int64_t)sim->jobs.count);
	json_out_member_int(&o, "downloaded", (int64_t)downloaded);
	json_out_member_int(&o, "billed", (int64_t)billed);
	json_out_close(&o);
	answer_json(&c->answer, 200, &o);
}

static void
control_jobs(struct control *c)
{
	struct sim *sim = c->sim;
	const char *summary = query_text(c->query, "summary");
	struct json_out o;
	struct evbuffer *body;
	const char *text;
	size_t len;

	jobs_settle_all(&sim->jobs, &sim->set, sim_clock_now(&sim->clock));
	if (summary && strcmp(summary, "0") != 0) {
		answer_summary(c);
		return;
	}
	answer_text(&c->answer, 200, "");
	c->answer.type = "application/json; charset=utf-8";
	body = c->answer.body;
	(void)evbuffer_add_printf(body, "{\"count\":%llu,\"jobs\":[",
	    (unsigned long long)sim->jobs.count);
	json_out_init(&o);
	for (const struct job *job = sim->jobs.first; job; job = job->next) {
		json_out_clear(&o);
		write_job(&o, sim, job);
		text = json_out_text(&o, &len);
		(void)evbuffer_add(body, text, len);
		if (job->next)
			(void)evbuffer_add(body, ",\n", 2);
	}
	json_out_done(&o);
	(void)evbuffer_add(body, "]}", 2);
}

static void
write_capped(struct json_out *o, const struct sim_stats *stats)
{
	json_out_key(o, "answered_429_for_cap");
	json_out_open(o);
	for (size_t i = 0; i < dataset_count; i++)
		if (stats->capped[i])
			json_out_member_int(o, datasets[i].id, (int64_t)stats->capped[i]);
	json_out_close(o);
}

static void
write_refusals(struct json_out *o, struct refusals *r, int64_t now)
{
	json_out_member_int(o, "answered_429_in_5_minutes", (int64_t)refusals_recent(r, now));
	json_out_member_int(o, "max_429_in_5_minutes", (int64_t)r->most);
	json_out_member_bool(o, "saturated_429", r->saturated);
	json_out_member_bool(o, "banned", r->banned);
	json_out_member_int(o, "bans", (int64_t)r->bans);
}

static void
control_stats(struct control *c)
{
	const struct sim_stats *stats = &c->sim->stats;
	struct json_out o;
	char status[8];

	json_out_init(&o);
	json_out_open(&o);
	json_out_key(&o, "calls");
	json_out_open(&o);
	for (int i = 0; i < CALL_KINDS; i++)
		json_out_member_int(&o, call_names[i], (int64_t)stats->calls[i]);
	json_out_close(&o);
	json_out_key(&o, "answers");
	json_out_open(&o);
	for (int i = 0; i < (int)countof(stats->answers); i++) {
		if (!stats->answers[i])
			continue;
		(void)snprintf(status, sizeof status, "%d", i);
		json_out_member_int(&o, status, (int64_t)stats->answers[i]);
	}
	json_out_close(&o);
	json_out_member_int(&o, "answered_429", (int64_t)stats->answers[429]);
	write_capped(&o, stats);
	write_refusals(&o, &c->sim->refusals, sim_clock_now(&c->sim->clock));
	json_out_member_int(&o, "open_calls", (int64_t)c->sim->open);
	json_out_member_int(&o, "max_open_calls", (int64_t)stats->most_open);
	json_out_member_time(&o, "now", sim_clock_told(&c->sim->clock));
	json_out_close(&o);
	answer_json(&c->answer, 200, &o);
}

static void
control_faults(struct control *c)
{
	struct json_out o;

	json_out_init(&o);
	faults_write(&c->sim->faults, &o);
	answer_json(&c->answer, 200, &o);
}

static void
control_add_fault(struct control *c)
{
	struct why why;

	if (fault_add(&c->sim->faults, c->body, &why) < 0)
		answer_refused(c, why.text);
	else
		control_faults(c);
}

static void
control_clear_faults(struct control *c)
{
	faults_clear(&c->sim->faults);
	answer_ok(c);
}

static void
control_settings(struct control *c)
{
	struct json_out o;

	json_out_init(&o);
	settings_write(&c->sim->set, &o);
	answer_json(&c->answer, 200, &o);
}

/* What has happened up to now stays as it was under the old settings. */
static void
control_set(struct control *c)
{
	struct sim *sim = c->sim;
	struct sim_settings set = sim->set;
	struct why why;

	if (settings_read(&set, c->body, &why) < 0) {
		answer_refused(c, why.text);
		return;
	}
	jobs_settle_all(&sim->jobs, &sim->set, sim_clock_now(&sim->clock));
	if (set.time_scale != sim->set.time_scale)
		sim_clock_set_scale(&sim->clock, set.time_scale);
	sim->clock.offset_ms = (int64_t)(set.clock_offset * 1000);
	if (set.block == BLOCK_OFF)
		refusals_lift(&sim->refusals);
	sim->set = set;
	control_settings(c);
}

static void
control_unban(struct control *c)
{
	refusals_lift(&c->sim->refusals);
	answer_ok(c);
}

static void
control_expire(struct control *c)
{
	struct sim *sim = c->sim;
	const char *id = json_text(c->body, "snapshot_id");
	struct job *job = id ? jobs_find(&sim->jobs, id, &sim->set,
	    sim_clock_now(&sim->clock)) : NULL;

	if (!job) {
		answer_refused(c, id ? "there is no job with this \"snapshot_id\"" :
		    "\"snapshot_id\" is needed: which job shall expire");
		return;
	}
	job->expired = true;
	answer_ok(c);
}

static void
control_reset(struct control *c)
{
	struct sim *sim = c->sim;

	jobs_clear(&sim->jobs);
	faults_clear(&sim->faults);
	memset(&sim->stats, 0, sizeof sim->stats);
	memset(&sim->refusals, 0, sizeof sim->refusals);
	sim->stats.most_open = sim->open;
	answer_ok(c);
}

static const struct control_row {
	enum evhttp_cmd_type	 method;
	const char		*path;
	bool			 reads;		/* a JSON object in the body */
	control_fn		*handle;
} rows[] = {
	{ EVHTTP_REQ_GET, "jobs", false, control_jobs },
	{ EVHTTP_REQ_GET, "stats", false, control_stats },
	{ EVHTTP_REQ_GET, "faults", false, control_faults },
	{ EVHTTP_REQ_POST, "faults", true, control_add_fault },
	{ EVHTTP_REQ_DELETE, "faults", false, control_clear_faults },
	{ EVHTTP_REQ_GET, "set", false, control_settings },
	{ EVHTTP_REQ_POST, "set", true, control_set },
	{ EVHTTP_REQ_POST, "unban", false, control_unban },
	{ EVHTTP_REQ_POST, "expire", true, control_expire },
	{ EVHTTP_REQ_POST, "reset", false, control_reset },
};

static const char *
method_word(enum evhttp_cmd_type method)
{
	return method == EVHTTP_REQ_GET ? "GET" : method == EVHTTP_REQ_POST ? "POST" : "DELETE";
}

static void
answer_unknown(struct answer *a)
{
	answer_text(a, 404, "There is");
	for (size_t i = 0; i < countof(rows); i++)
		(void)evbuffer_add_printf(a->body, "%s %s /_sim/%s", i ? "," : "", method_word(rows[i].method),
		    rows[i].path);
	(void)evbuffer_add_printf(a->body, "\n");
}

static bool
read_body(struct control *c)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(c->req);
	size_t len = evbuffer_get_length(in);
	const char *text = (const char *)evbuffer_pullup(in, -1);
	struct why why;
	char sentence[sizeof why.text + 80];

	if (json_read(text ? text : "", len, &c->body, &why) < 0) {
		(void)snprintf(sentence, sizeof sentence, "a JSON object is expected: %s",
		    why.text);
		answer_refused(c, sentence);
		return false;
	}
	if (!json_is_object(c->body)) {
		answer_refused(c, "a JSON object is expected");
		return false;
	}
	return true;
}

void
sim_on_control(struct sim *sim, struct evhttp_request *req, const char *path,
    const struct evkeyvalq *query)
{
	struct control c = { .sim = sim, .req = req, .query = query };
	const struct control_row *row = NULL;

	for (size_t i = 0; i < countof(rows) && !row; i++)
		if (rows[i].method == evhttp_request_get_command(req) &&
		    strcmp(rows[i].path, path) == 0)
			row = &rows[i];
	if (!row)
		answer_unknown(&c.answer);
	else if (!row->reads || read_body(&c))
		row->handle(&c);
	json_decref(c.body);
	wire_send_control(sim, req, &c.answer);
}
