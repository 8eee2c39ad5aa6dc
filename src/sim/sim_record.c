/*
 * sim_record.c - decides which rows a snapshot has and in which order; what stands
 * in a post is left to sim_post.c.
 */
#include "sim/sim_record.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim_post.h"

#define DAY_MS INT64_C(86400000)

enum row_kind { ROW_GOOD, ROW_NULL_ERROR, ROW_ERROR, ROW_WARNING };

struct row {
	uint32_t	input;		/* place in inputs */
	uint32_t	number;		/* of the row among all */
	enum row_kind	kind;
};

struct plan {
	struct row	*rows;
	uint32_t	 count, room;
	bool		 fails;
};

static void
plan_add(struct plan *plan, uint32_t input, enum row_kind kind)
{
	if (plan->count >= RECORD_MAX)
		return;
	if (plan->count == plan->room) {
		plan->room = plan->room ? plan->room * 2 : 16;
		plan->rows = xrealloc(plan->rows, plan->room * sizeof *plan->rows);
	}
	plan->rows[plan->count] = (struct row){ input, plan->count, kind };
	plan->count++;
}

/* Rows that one input gives: the lowest of the limits that are set. */
static uint32_t
input_posts(const struct job *job, const json_t *input)
{
	const int64_t limits[] = {
		json_int(input, "num_of_posts", 0, INT64_MAX, 0),
		json_int(input, "limit", 0, INT64_MAX, 0),
		json_int(input, "num_of_comments", 0, INT64_MAX, 0),
		json_int(input, "limit_records", 0, INT64_MAX, 0),
		json_int(input, "comment_limit", 0, INT64_MAX, 0),
		job->limit_per_input,
	};
	int64_t n = 0;

	if (!job->mode->many)
		return 1;
	for (size_t i = 0; i < countof(limits); i++)
		if (limits[i] > 0 && (n == 0 || limits[i] < n))
			n = limits[i];
	if (n == 0)
		return RECORD_DEFAULT;
	return n < RECORD_MAX ? (uint32_t)n : RECORD_MAX;
}

static void
plan_mixed(struct plan *plan, uint32_t input, uint32_t posts)
{
	uint32_t errors = posts / 5 ? posts / 5 : 1;

	for (uint32_t i = 0; i < posts; i++)
		plan_add(plan, input, i == 0 ? ROW_NULL_ERROR : ROW_GOOD);
	for (uint32_t i = 0; i < errors; i++)
		plan_add(plan, input, ROW_ERROR);
	plan_add(plan, input, ROW_WARNING);
}

static void
plan_input(struct plan *plan, const struct job *job, const json_t *input, uint32_t at)
{
	const char *subject = mode_subject(job->mode, input);
	uint32_t posts = input_posts(job, input);
	int64_t start, end;

	mode_window(job->mode, input, &start, &end);
	if (strstr(subject, "dead-page") || (start && end && start > end)) {
		plan_add(plan, at, ROW_ERROR);
	} else if (strstr(subject, "fail")) {
		plan->fails = true;
	} else if (strstr(subject, "mixed")) {
		plan_mixed(plan, at, posts);
	} else if (!strstr(subject, "empty")) {
		while (posts-- > 0)
			plan_add(plan, at, ROW_GOOD);
	}
}

static void
plan_noise(struct plan *plan, struct sim_random *r)
{
	if (plan->count < RECORD_NOISE_FROM)
		return;
	for (uint32_t i = 0; i < plan->count; i++) {
		uint32_t n = random_below(r, 100);

		if (plan->rows[i].kind == ROW_GOOD && n < 3)
			plan->rows[i].kind = n < 2 ? ROW_ERROR : ROW_NULL_ERROR;
	}
}

static void
plan_shuffle(struct plan *plan, struct sim_random *r)
{
	for (uint32_t i = plan->count; i > 1; i--) {
		uint32_t j = random_below(r, i);
		struct row row = plan->rows[i - 1];

		plan->rows[i - 1] = plan->rows[j];
		plan->rows[j] = row;
	}
}

static void
plan_make(struct plan *plan, uint64_t seed, const struct job *job, const json_t *inputs)
{
	struct sim_random r = random_for(seed, job->id + JOB_ID_OWN, 0);
	size_t i;
	json_t *input;

	memset(plan, 0, sizeof *plan);
	json_array_foreach(inputs, i, input)
		plan_input(plan, job, input, (uint32_t)i);
	if (job->limit_total && plan->count > job->limit_total)
		plan->count = job->limit_total;
	plan_noise(plan, &r);
	plan_shuffle(plan, &r);
}

static bool
is_good(const struct row *row)
{
	return row->kind == ROW_GOOD || row->kind == ROW_NULL_ERROR;
}

void
record_yield(uint64_t seed, const struct job *job, const json_t *inputs, struct yield *ret)
{
	struct plan plan;

	*ret = (struct yield){ 0 };
	plan_make(&plan, seed, job, inputs);
	ret->fails = plan.fails;
	for (uint32_t i = 0; i < plan.count; i++) {
		if (is_good(&plan.rows[i]))
			ret->records++;
		else
			ret->errors++;
	}
	free(plan.rows);
}

/* When a post was written: in the window, or in the month before the job. */
static int64_t
posted_at(const struct job *job, const json_t *input, struct sim_random *r)
{
	int64_t start, end;

	mode_window(job->mode, input, &start, &end);
	if (!end || end > job->told_ms)
		end = job->told_ms;
	if (!start || start > end)
		start = end - 30 * DAY_MS;
	return random_between(r, start, end) / 1000 * 1000;
}

static void
write_error(struct post *post, struct json_out *o)
{
	uint32_t form = random_below(&post->random, 5);

	json_out_open(o);
	if (form == 1)
		post_write_nulls(post, o);
	if (form == 2)
		json_out_member(o, "url", mode_subject(post->mode, post->input));
	post_write_echo(post, o);
	json_out_member(o, "error", form == 2 ? "There is a Signup blocking page" :
	    form == 3 ? "The navigation resulted in a dead page (404 status code)" :
	    "4XX page - dead page.");
	if (form != 3)
		json_out_member(o, "error_code", form == 2 ? "blocked" : "dead_page");
	json_out_close(o);
}

static void
write_warning(struct post *post, struct json_out *o)
{
	json_out_open(o);
	post_write_echo(post, o);
	json_out_member(o, "warning", "no posts found, please check pinned posts detection");
	json_out_member(o, "warning_code", "dead_page");
	json_out_close(o);
}

static void
row_write(uint64_t seed, const struct job *job, const json_t *input, const struct row *row,
    struct json_out *o, uint64_t *media)
{
	struct post post = {
		.random = random_for(seed, job->id + JOB_ID_OWN, row->number + 1),
		.dataset = job->dataset, .mode = job->mode, .input = input,
		.collected_ms = job->told_ms + 1500 + 350 * (int64_t)row->number,
		.null_error = row->kind == ROW_NULL_ERROR,
		/* one in a job of some size */
		.big = job->dataset->platform == SIM_YOUTUBE && row->number == 7,
	};

	post.posted_ms = posted_at(job, input, &post.random);
	if (row->kind == ROW_ERROR)
		write_error(&post, o);
	else if (row->kind == ROW_WARNING)
		write_warning(&post, o);
	else
		post_write(&post, o);
	*media += post.media;
}

struct rows *
record_rows(uint64_t seed, const struct job *job, const json_t *inputs, uint64_t *ret_media)
{
	struct rows *rows = rows_new(false);
	struct json_out o;
	struct plan plan;
	const char *text;
	size_t len;

	*ret_media = 0;
	json_out_init(&o);
	plan_make(&plan, seed, job, inputs);
	for (uint32_t i = 0; i < plan.count; i++) {
		const struct row *row = &plan.rows[i];

		if (!is_good(row) && !job->include_errors)
			continue;
		json_out_clear(&o);
		row_write(seed, job, json_array_get(inputs, row->input), row, &o, ret_media);
		text = json_out_text(&o, &len);
		rows_add(rows, text, len);
	}
	json_out_done(&o);
	free(plan.rows);
	return rows;
}
