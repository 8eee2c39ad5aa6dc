/*
 * test-model-crawl.c - every pair of state and step, the words of each state, and
 * what work each state waits for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/crawl.h"

#define NO (-1)
#define ENDS CRAWL_FAILED, CRAWL_CANCELED

/* The state after each step, in the order of enum crawl_step, NO for a step that is not drawn. */
static const int after[CRAWL_STATE_COUNT][CRAWL_STEP_COUNT] = {
	/*                    lease_trigger     triggered      not_sent        unknown
	 * adopted         not_found       pending        snapshot_ready  lease_download
	 * not_built    spooled        spool_lost         stored           fail, cancel
	 * reopen       search_again   start_again */
	[CRAWL_ACCEPTED] = { CRAWL_TRIGGERING, NO, NO, NO,
	    CRAWL_POLLING, NO, NO, NO, NO,
	    NO, NO, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_TRIGGERING] = { NO, CRAWL_POLLING, CRAWL_ACCEPTED, CRAWL_RECONCILING,
	    NO, NO, NO, NO, NO,
	    NO, NO, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_RECONCILING] = { NO, NO, NO, NO,
	    CRAWL_POLLING, CRAWL_ACCEPTED, NO, NO, NO,
	    NO, NO, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_POLLING] = { NO, NO, NO, NO,
	    NO, NO, CRAWL_POLLING, CRAWL_READY, NO,
	    NO, NO, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_READY] = { NO, NO, NO, NO,
	    NO, NO, NO, NO, CRAWL_DOWNLOADING,
	    NO, NO, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_DOWNLOADING] = { NO, NO, NO, NO,
	    NO, NO, NO, NO, NO,
	    CRAWL_READY, CRAWL_STORING, NO, NO, ENDS, NO, NO, NO },
	[CRAWL_STORING] = { NO, NO, NO, NO,
	    NO, NO, NO, NO, NO,
	    NO, NO, CRAWL_DOWNLOADING, CRAWL_COMPLETED, ENDS, NO, NO, NO },
	[CRAWL_COMPLETED] = { NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO },
	[CRAWL_FAILED] = { NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	    CRAWL_POLLING, CRAWL_RECONCILING, CRAWL_ACCEPTED },
	[CRAWL_CANCELED] = { NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO },
};

static enum event_type
event_of(enum crawl_step step)
{
	switch (step) {
	case STEP_TRIGGERED:
	case STEP_ADOPTED:
		return EVENT_CRAWL_TRIGGERED;
	case STEP_STORED:
		return EVENT_INGESTION_COMPLETED;
	case STEP_FAIL:
	case STEP_CANCEL:
		return EVENT_CRAWL_FAILED;
	default:
		return EVENT_NONE;
	}
}

static void
every_step_from_every_state_is_as_drawn(void **state)
{
	unsigned allowed = 0;

	(void)state;
	for (int from = 0; from < CRAWL_STATE_COUNT; from++) {
		for (int step = 0; step < CRAWL_STEP_COUNT; step++) {
			enum crawl_state to = CRAWL_STATE_COUNT;
			enum event_type event = EVENT_TYPE_COUNT;
			int rc = crawl_after((enum crawl_state)from, (enum crawl_step)step, &to, &event);

			if (after[from][step] == NO) {
				assert_int_equal(rc, -EPROTO);
				assert_int_equal(to, CRAWL_STATE_COUNT);
				assert_int_equal(event, EVENT_TYPE_COUNT);
				continue;
			}
			assert_int_equal(rc, 0);
			assert_int_equal(to, after[from][step]);
			assert_int_equal(event, event_of((enum crawl_step)step));
			allowed++;
		}
	}
	assert_int_equal(allowed, 14 + 2 * 7 + 3);
}

static void
steps_beyond_the_table_are_refused(void **state)
{
	enum crawl_state to;
	enum event_type event;

	(void)state;
	assert_int_equal(crawl_after(CRAWL_POLLING, CRAWL_STEP_COUNT, &to, &event), -EPROTO);
}

static void
each_state_has_its_words_and_work(void **state)
{
	static const struct {
		enum crawl_state state;
		const char *name, *api, *background;
		enum task_kind task, canceling;
		enum crawl_lane lane;
		enum crawl_stage stage;
	} rows[] = {
		{ CRAWL_ACCEPTED, "accepted", "pending", "started",
		    TASK_TRIGGER, TASK_NONE, LANE_TRIGGER, STAGE_TRIGGER },
		{ CRAWL_TRIGGERING, "triggering", "pending", "started",
		    TASK_NONE, TASK_NONE, LANE_CALL, STAGE_TRIGGER },
		{ CRAWL_RECONCILING, "reconciling", "pending", "started",
		    TASK_RECONCILE, TASK_RECONCILE, LANE_SEARCH, STAGE_TRIGGER },
		{ CRAWL_POLLING, "polling", "processing", "polling",
		    TASK_POLL, TASK_CANCEL, LANE_CALL, STAGE_POLLING },
		{ CRAWL_READY, "ready", "ready", "ready",
		    TASK_DOWNLOAD, TASK_NONE, LANE_TRANSFER, STAGE_DOWNLOAD },
		{ CRAWL_DOWNLOADING, "downloading", "downloading", "downloading",
		    TASK_DOWNLOAD, TASK_NONE, LANE_TRANSFER, STAGE_DOWNLOAD },
		{ CRAWL_STORING, "storing", "downloading", "downloading",
		    TASK_STORE, TASK_NONE, LANE_STORE, STAGE_STORAGE },
		{ CRAWL_COMPLETED, "completed", "completed", "completed",
		    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_NONE },
		{ CRAWL_FAILED, "failed", "failed", "failed",
		    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_NONE },
		{ CRAWL_CANCELED, "canceled", "canceled", "failed",
		    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_CANCELED },
	};

	(void)state;
	assert_int_equal(countof(rows), CRAWL_STATE_COUNT);
	for (size_t i = 0; i < countof(rows); i++) {
		enum crawl_state s = rows[i].state;
		bool ended = rows[i].lane == LANE_NONE;

		assert_string_equal(crawl_state_name(s), rows[i].name);
		assert_string_equal(crawl_api_status(s), rows[i].api);
		assert_string_equal(crawl_background_status(s, ERROR_NONE, true), rows[i].background);
		assert_string_equal(crawl_background_status(s, ERROR_NONE, false),
		    ended ? rows[i].background : "disabled");
		assert_int_equal(crawl_task(s, false), rows[i].task);
		assert_int_equal(crawl_task(s, true), rows[i].canceling);
		assert_int_equal(crawl_lane(s), rows[i].lane);
		assert_int_equal(crawl_stage_of(s), rows[i].stage);
		assert_int_equal(crawl_is_terminal(s), ended);
	}
}

static void
a_failed_crawl_tells_timeouts_and_inner_causes_apart(void **state)
{
	(void)state;
	for (int polling = 0; polling < 2; polling++) {
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_POLLING_TIMEOUT, polling),
		    "timeout");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_WORKER_CRASHED, polling),
		    "error");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_INTERNAL, polling), "error");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_STORAGE_ERROR, polling),
		    "error");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_STORAGE_PERMISSION, polling),
		    "error");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_SNAPSHOT_FAILED, polling),
		    "failed");
		assert_string_equal(crawl_background_status(CRAWL_FAILED, ERROR_INVALID_DATA, polling),
		    "failed");
	}
}

static void
stages_and_tasks_are_all_named(void **state)
{
	(void)state;
	for (int i = 0; i < TASK_KIND_COUNT; i++)
		assert_non_null(task_name((enum task_kind)i));
	for (int i = STAGE_NONE + 1; i < STAGE_COUNT; i++)
		assert_non_null(crawl_stage_name((enum crawl_stage)i));
	assert_null(crawl_stage_name(STAGE_NONE));
	assert_string_equal(crawl_stage_name(STAGE_POLLING_TIMEOUT), "polling_timeout");
	assert_string_equal(task_name(TASK_RECONCILE), "reconcile");
}

static void
snapshot_ids_are_short_and_plain(void **state)
{
	char text[SNAPSHOT_ID_SIZE + 1];

	(void)state;
	assert_int_equal(snapshot_id_check("sd_m9k2v7q4x1c8t5b3z"), 0);
	assert_int_equal(snapshot_id_check("s_A-9"), 0);
	assert_int_equal(snapshot_id_check("a"), 0);
	assert_int_equal(snapshot_id_check(""), -EINVAL);
	assert_int_equal(snapshot_id_check("a b"), -EINVAL);
	assert_int_equal(snapshot_id_check("../x"), -EINVAL);
	assert_int_equal(snapshot_id_check("a/b"), -EINVAL);
	assert_int_equal(snapshot_id_check("sd_\xc3\xa4"), -EINVAL);
	assert_int_equal(snapshot_id_check("sd_1\n"), -EINVAL);
	memset(text, 'x', sizeof(text));
	text[64] = '\0';
	assert_int_equal(snapshot_id_check(text), 0);
	text[64] = 'x';
	text[65] = '\0';
	assert_int_equal(snapshot_id_check(text), -EINVAL);
}

/* Error rows may be counted among the provider's records or not. */
static void
a_number_that_no_counting_explains_is_warned_of(void **state)
{
	static const struct {
		uint64_t told, posts, errors, others;
		bool warns;
	} rows[] = {
		{ UINT64_MAX, 0, 0, 0, false }, { UINT64_MAX, 5, 1, 1, false },
		{ 0, 0, 0, 0, false }, { 0, 0, 1, 0, false }, { 1, 0, 1, 0, false },
		{ 6, 6, 0, 0, false }, { 6, 6, 2, 1, false }, { 8, 6, 2, 1, false }, { 9, 6, 2, 1, false },
		{ 10, 6, 2, 1, true }, { 10, 6, 0, 0, true }, { 5, 6, 0, 0, true }, { 0, 1, 0, 0, true },
	};
	struct crawl crawl = { .state = CRAWL_COMPLETED };
	char text[CRAWL_WARNING_SIZE];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		crawl.provider_records = rows[i].told;
		crawl.posts = rows[i].posts;
		crawl.errors = rows[i].errors;
		crawl.others = rows[i].others;
		if ((crawl_warning(&crawl, text) == text) != rows[i].warns)
			fail_msg("row %zu", i);
	}
	crawl.provider_records = crawl.posts = crawl.errors = crawl.others = UINT64_MAX - 1;
	(void)crawl_warning(&crawl, text);
	crawl.provider_records = 10;
	crawl.posts = 6;
	crawl.errors = crawl.others = 0;
	assert_string_equal(crawl_warning(&crawl, text),
	    "progress counted 10 records, but the snapshot holds 6 posts, 0 error rows and 0 other rows");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_from_every_state_is_as_drawn),
		cmocka_unit_test(steps_beyond_the_table_are_refused),
		cmocka_unit_test(each_state_has_its_words_and_work),
		cmocka_unit_test(a_failed_crawl_tells_timeouts_and_inner_causes_apart),
		cmocka_unit_test(stages_and_tasks_are_all_named),
		cmocka_unit_test(a_number_that_no_counting_explains_is_warned_of),
		cmocka_unit_test(snapshot_ids_are_short_and_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
