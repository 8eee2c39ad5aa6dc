/*
 * test-keeper-crawl.c - a crawl's way through the keeper: good answers, every other
 * answer, pollers and keepers lost in each state.
 */
#include "test-keeper-world.h"

static int
setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	world_new(w);
	world_start(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	world_end(*state);
	free(*state);
	return 0;
}

static void
ack(struct world *w)
{
	struct msg_event_ack m = { w->publisher.batch_seq };

	msg_event_ack_put(&w->publisher.out, &m);
	peer_send(w->publisher.peer, &w->publisher.out);
	world_run(w);
}

/* ---- the happy way ---- */

static void
test_crawl_walks_to_completed(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);
	struct crawl c;

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(w->front.answers[0]->error, ERROR_NONE);
	assert_true(w->front.answers[0]->more);
	assert_false(w->front.answers[0]->has_view);	/* kept: all there is to tell */

	assert_int_equal(w->poller.count, 1);
	assert_int_equal(w->poller.tasks[0].crawl.state, CRAWL_TRIGGERING);
	assert_int_equal(w->poller.tasks[0].crawl.intent_ms, test_wall_ms);
	assert_int_equal(w->poller.tasks[0].crawl.lease, w->poller.tasks[0].lease);
	assert_string_equal(w->poller.tasks[0].request.url, m.body.url);

	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 2);
	assert_false(w->front.answers[1]->more);
	assert_int_equal(w->front.answers[1]->view.crawl.state, CRAWL_POLLING);
	assert_int_equal(w->publisher.batches, 1);
	assert_non_null(strstr(w->publisher.bodies[0], "crawl-triggered"));
	ack(w);

	assert_int_equal(w->poller.count, 1);
	world_pass(w, 33001);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	c = crawl_of(w, &m.crawl_id);
	assert_int_equal(c.state, CRAWL_POLLING);
	assert_string_equal(c.note, "poll: the provider says running");
	world_pass(w, 33001);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);

	c = crawl_of(w, &m.crawl_id);
	assert_int_equal(c.state, CRAWL_COMPLETED);
	assert_int_equal(c.posts, 10);
	assert_int_equal(c.crc32c, 0xe3069283);
	assert_int_equal(c.finished_ms, test_wall_ms);
	assert_int_equal(c.lease, 0);
	assert_int_equal(c.due_ms, 0);
	assert_string_equal(c.note, "");
	assert_int_equal(w->publisher.batches, 2);
	assert_non_null(strstr(w->publisher.bodies[0], "data-ingestion-completed"));
	assert_non_null(strstr(w->publisher.bodies[0], "file:///tmp/test-keeper-"));
	ack(w);
	send_read(w, &m.crawl_id, false);
	assert_non_null(strstr(last_answer(w)->view.object_url, "/objects/raw_snapshots/"));
	assert_int_equal(w->keeper->live, 0);
	assert_int_equal(w->keeper->budget.calls, 0);
}

static void
test_version_grows_with_each_write(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_STORING);
	uint32_t version = crawl_of(w, &id).version;

	answer_task(w, TASK_STORE, OUTCOME_RETRY, ERROR_STORAGE_ERROR);
	assert_int_equal(crawl_of(w, &id).version, version + 1);
}

static void
test_events_go_out_in_order_again_when_the_publisher_is_lost(void **state)
{
	struct world *w = *state;
	char first[1024];

	(void)crawl_in(w, CRAWL_POLLING);
	assert_int_equal(w->publisher.batches, 1);
	memcpy(first, w->publisher.bodies[0], sizeof(first));
	far_close(&w->publisher);
	world_run(w);
	far_connect(w, &w->publisher, ROLE_PUBLISHER, 0);
	world_run(w);
	assert_int_equal(w->publisher.batches, 2);
	assert_string_equal(w->publisher.bodies[0], first);
	ack(w);
	assert_int_equal(w->publisher.batches, 2);
}

static void
test_no_event_is_written_when_publishing_is_off(void **state)
{
	struct world *w = *state;

	w->conf.event_publishing_enabled = false;
	(void)crawl_in(w, CRAWL_STORING);
	assert_int_equal(w->publisher.batches, 0);
}

/* ---- every other answer ---- */

struct row {
	enum crawl_state	from;
	enum task_kind		kind;
	enum outcome		outcome;
	enum error_code		error;
	enum crawl_state	to;
	enum error_code		to_error;	/* of an end */
	int64_t			min_ms, max_ms;	/* until it is due again; -1: no matter */
};

/* The store, a download, a poll, a trigger: at their first report of the kind. */
static const struct row rows[] = {
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, CRAWL_ACCEPTED, 0, 700, 1300 },
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_BUSY, ERROR_RATE_LIMITED, CRAWL_ACCEPTED, 0, 0, 0 },
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_LIMITED, ERROR_RATE_LIMITED, CRAWL_ACCEPTED, 0, 0, 0 },
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_UNKNOWN, 0, CRAWL_RECONCILING, 0, 60000, 60000 },
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, CRAWL_FAILED, ERROR_BRIGHTDATA_AUTH, -1, -1 },
	{ CRAWL_TRIGGERING, TASK_TRIGGER, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, CRAWL_FAILED,
	  ERROR_BRIGHTDATA_REJECTED, -1, -1 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_WAIT, 0, CRAWL_POLLING, 0, 27000, 33000 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, CRAWL_POLLING, 0, 22500, 37500 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND, CRAWL_POLLING, 0, 22500, 37500 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_LIMITED, 0, CRAWL_POLLING, 0, 0, 0 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, CRAWL_POLLING, 0, 700, 1300 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, CRAWL_FAILED, ERROR_SNAPSHOT_FAILED, -1, -1 },
	{ CRAWL_POLLING, TASK_POLL, OUTCOME_CANCELED, 0, CRAWL_CANCELED, ERROR_CANCELED, -1, -1 },
	{ CRAWL_DOWNLOADING, TASK_DOWNLOAD, OUTCOME_WAIT, 0, CRAWL_READY, 0, 10000, 10000 },
	{ CRAWL_DOWNLOADING, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, CRAWL_DOWNLOADING, 0, 700, 1300 },
	{ CRAWL_DOWNLOADING, TASK_DOWNLOAD, OUTCOME_LIMITED, 0, CRAWL_DOWNLOADING, 0, 0, 0 },
	{ CRAWL_DOWNLOADING, TASK_DOWNLOAD, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, CRAWL_DOWNLOADING, 0, 700, 1300 },
	{ CRAWL_DOWNLOADING, TASK_DOWNLOAD, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED, CRAWL_FAILED,
	  ERROR_SNAPSHOT_EXPIRED, -1, -1 },
	{ CRAWL_STORING, TASK_STORE, OUTCOME_WAIT, 0, CRAWL_DOWNLOADING, 0, -1, -1 },
	{ CRAWL_STORING, TASK_STORE, OUTCOME_RETRY, ERROR_STORAGE_ERROR, CRAWL_STORING, 0, 700, 1300 },
	{ CRAWL_STORING, TASK_STORE, OUTCOME_FAILED, ERROR_STORAGE_PERMISSION, CRAWL_FAILED,
	  ERROR_STORAGE_PERMISSION, -1, -1 },
};

static void
one_row(const struct row *row)
{
	struct world *w = xmalloc(sizeof(*w));
	struct uuid id;
	struct crawl c;

	world_new(w);
	world_start(w);
	id = crawl_in(w, row->from);
	if (row->kind == TASK_POLL)
		world_pass(w, 33000);
	answer_task(w, row->kind, row->outcome, row->error);
	c = crawl_of(w, &id);
	if (c.state != row->to || c.error != row->to_error)
		fail_msg("%s outcome %d: state %s error %d", task_name(row->kind), row->outcome,
		    crawl_state_name(c.state), c.error);
	if (row->min_ms >= 0 && (c.due_ms - test_wall_ms < row->min_ms || c.due_ms - test_wall_ms > row->max_ms))
		fail_msg("%s outcome %d: due in %lld ms", task_name(row->kind), row->outcome,
		    (long long)(c.due_ms - test_wall_ms));
	if (crawl_is_terminal(c.state))
		assert_int_equal(w->publisher.batch_count, 1);
	world_end(w);
	free(w);
}

static void
test_every_outcome_has_its_step_and_pause(void **state)
{
	(void)state;
	for (unsigned i = 0; i < countof(rows); i++)
		one_row(&rows[i]);
}

static void
test_trigger_that_never_leaves_fails_after_the_polling_time(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	for (int i = 0; i < 200 && crawl_of(w, &id).state == CRAWL_TRIGGERING; i++) {
		answer_task(w, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
		world_pass(w, 61000);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_BRIGHTDATA_UNAVAILABLE);
	assert_int_equal(crawl_of(w, &id).stage, STAGE_TRIGGER);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_FAILED);
}

static void
test_polling_ends_after_all_polls_were_answered(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);
	int64_t start = test_wall_ms;

	while (crawl_of(w, &id).state == CRAWL_POLLING) {
		world_pass(w, 33001);
		answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
		assert_true(test_wall_ms - start < 121 * 33001);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_POLLING_TIMEOUT);
	assert_int_equal(crawl_of(w, &id).stage, STAGE_POLLING_TIMEOUT);
	assert_int_equal(crawl_of(w, &id).polls, 120);
	assert_in_range(test_wall_ms - start, 120 * 33001, 121 * 33001);
}

static void
test_snapshot_that_is_gone_is_believed_after_two_minutes_and_five_answers(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	for (int i = 0; i < 5; i++) {
		assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
		world_pass(w, 80000);
		answer_task(w, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_SNAPSHOT_FAILED);
}

static void
test_building_is_asked_again_ever_more_slowly_until_patience_ends(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);
	static const int64_t pauses[] = { 10000, 20000, 30000, 40000, 50000, 60000, 60000 };

	for (unsigned i = 0; i < countof(pauses); i++) {
		answer_task(w, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE);
		assert_int_equal(crawl_of(w, &id).due_ms - test_wall_ms, pauses[i]);
		world_pass(w, pauses[i]);
	}
	while (crawl_of(w, &id).state == CRAWL_DOWNLOADING) {
		answer_task(w, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE);
		world_pass(w, 60000);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_SNAPSHOT_FAILED);
	assert_int_equal(crawl_of(w, &id).stage, STAGE_DOWNLOAD);
}

static void
test_invalid_data_fails_after_its_retries_and_other_errors_do_not(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	for (int i = 0; i < 6; i++) {
		answer_task(w, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT);
		world_pass(w, 60000);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE);
	world_pass(w, 60000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
		answer_task(w, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_INVALID_DATA);
		world_pass(w, 120000);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_INVALID_DATA);
}

static void
test_store_that_is_down_for_hours_costs_no_second_download(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_STORING);

	for (int i = 0; i < 30; i++) {
		answer_task(w, TASK_STORE, OUTCOME_RETRY, ERROR_STORAGE_ERROR);
		world_pass(w, 1200000);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_STORING);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_COMPLETED);
}

/* ---- unknown outcomes ---- */

static void
search_in_vain(struct world *w, struct uuid id)
{
	static const int64_t pauses[] = { 60000, 120000, 240000 };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
		assert_int_equal(crawl_of(w, &id).due_ms - test_wall_ms, pauses[i]);
		world_pass(w, pauses[i]);
		answer_task(w, TASK_RECONCILE, OUTCOME_OK, ERROR_NONE);
	}
}

static void
test_unknown_trigger_is_sent_once_more_after_three_searches_then_a_person_decides(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	answer_task(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	search_in_vain(w, id);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_TRIGGERING);
	answer_task(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	search_in_vain(w, id);
	assert_int_equal(crawl_of(w, &id).error, ERROR_TRIGGER_UNKNOWN);
	assert_non_null(strstr(crawl_of(w, &id).error_text, "console"));
}

static void
test_searches_that_fail_are_not_counted_as_searches(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	answer_task(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	world_pass(w, 60000);
	for (int i = 0; i < 5; i++) {
		answer_task(w, TASK_RECONCILE, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
		assert_int_equal(crawl_of(w, &id).looks, 0);
		world_pass(w, 61000);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
}

static void
test_job_that_was_found_is_adopted_unless_another_crawl_owns_it(void **state)
{
	struct world *w = *state;
	struct uuid other = crawl_in(w, CRAWL_POLLING);
	const struct trigger_request same = a_request(w).body;
	char owned[SNAPSHOT_ID_SIZE];
	struct uuid id;

	memcpy(owned, crawl_of(w, &other).snapshot_id, sizeof(owned));
	id = crawl_in(w, CRAWL_TRIGGERING);
	answer_task(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	poller_say(w, &w->poller, 0, 0);
	test_pass(60000);
	poller_say(w, &w->poller, 8, 0);	/* the other crawl's poll, and this search */
	while (last_task(&w->poller)->kind != TASK_RECONCILE)
		w->poller.count--;
	assert_false(meet_job(w, &w->poller, owned, test_wall_ms, &same));
	assert_true(meet_job(w, &w->poller, "sd_free", test_wall_ms, &same));
	answer_task(w, TASK_RECONCILE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	assert_string_equal(crawl_of(w, &id).snapshot_id, "sd_free");
	assert_int_not_equal(crawl_of(w, &id).object_path[0], 0);
}

static void
test_answer_with_a_job_of_another_crawl_leads_to_a_search(void **state)
{
	struct world *w = *state;
	struct uuid first = crawl_in(w, CRAWL_POLLING), second = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_trigger_done m = { .verdict = verdict(last_task(&w->poller), OUTCOME_OK, ERROR_NONE) };

	memcpy(m.snapshot_id, crawl_of(w, &first).snapshot_id, sizeof(m.snapshot_id));
	msg_trigger_done_put(&w->poller.out, &m);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_int_equal(crawl_of(w, &second).state, CRAWL_RECONCILING);
	assert_int_equal(crawl_of(w, &first).state, CRAWL_POLLING);
}

static void
test_triggers_that_surely_made_nothing_do_not_use_up_the_second_try(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	for (int i = 0; i < 5; i++) {
		answer_task(w, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
		world_pass(w, 61000);
	}
	answer_task(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	search_in_vain(w, id);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_TRIGGERING);
}

/* ---- pollers lost ---- */

static void
lose_poller(struct world *w)
{
	far_close(&w->poller);
	world_run(w);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	world_run(w);
}

static void
test_poller_lost_while_triggering_leads_to_a_search(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	lose_poller(w);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
	assert_int_equal(crawl_of(w, &id).due_ms - test_wall_ms, w->conf.reconcile_delay_ms);
	assert_int_equal(w->poller.count, 0);
	poller_say(w, &w->poller, 1, 1);
	world_pass(w, w->conf.reconcile_delay_ms);
	assert_int_equal(last_task(&w->poller)->kind, TASK_RECONCILE);
}

static void
test_poller_lost_in_other_states_gives_the_same_task_to_the_next(void **state)
{
	static const struct { enum crawl_state state; enum task_kind kind; } each[] = {
		{ CRAWL_POLLING, TASK_POLL }, { CRAWL_DOWNLOADING, TASK_DOWNLOAD }, { CRAWL_STORING, TASK_STORE },
	};

	(void)state;
	for (unsigned i = 0; i < countof(each); i++) {
		struct world *w = xmalloc(sizeof(*w));
		struct uuid id;

		world_new(w);
		world_start(w);
		id = crawl_in(w, each[i].state);
		if (each[i].kind == TASK_POLL)
			world_pass(w, 33000);
		lose_poller(w);
		assert_int_equal(crawl_of(w, &id).state, each[i].state);
		assert_int_equal(crawl_of(w, &id).lease, 0);
		poller_say(w, &w->poller, 1, 1);
		answer_task(w, each[i].kind, OUTCOME_OK, ERROR_NONE);
		assert_int_equal(crawl_of(w, &id).crashes, 0);
		world_end(w);
		free(w);
	}
}

/* What was given to it while it said that it leaves. */
static void
test_poller_that_leaves_is_not_blamed(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	for (int i = 0; i < 5; i++) {
		poller_say(w, &w->poller, 0, 0);
		lose_poller(w);
		assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
		assert_int_equal(crawl_of(w, &id).lease, 0);
		assert_int_equal(crawl_of(w, &id).crashes, 0);
		poller_say(w, &w->poller, 1, 1);
		assert_int_equal(last_task(&w->poller)->kind, TASK_DOWNLOAD);
	}
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
}

static void
test_crawl_that_takes_three_pollers_down_is_failed(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	for (int i = 0; i < 2; i++) {
		lose_poller(w);
		poller_say(w, &w->poller, 1, 1);
		assert_int_equal(last_task(&w->poller)->kind, TASK_DOWNLOAD);
	}
	lose_poller(w);
	assert_int_equal(crawl_of(w, &id).error, ERROR_WORKER_CRASHED);
	assert_int_equal(crawl_of(w, &id).stage, STAGE_DOWNLOAD);
}

static void
test_only_the_download_is_blamed_for_a_lost_poller(void **state)
{
	struct world *w = *state;
	struct uuid polled = crawl_in(w, CRAWL_POLLING);
	struct uuid loaded;

	poller_say(w, &w->poller, 8, 1);
	world_pass(w, 33000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
	loaded = crawl_in(w, CRAWL_TRIGGERING);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_pass(w, 33000);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(last_task(&w->poller)->kind, TASK_DOWNLOAD);
	lose_poller(w);
	assert_int_equal(crawl_of(w, &loaded).crashes, 1);
	assert_int_equal(crawl_of(w, &polled).crashes, 0);
}

static void
test_returned_tasks_are_given_to_another_poller_at_once(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task_returned m = { last_task(&w->poller)->lease, id };

	far_connect(w, &w->poller2, ROLE_POLLER, 1);
	world_run(w);
	poller_say(w, &w->poller2, 8, 1);
	poller_say(w, &w->poller, 0, 0);
	msg_task_returned_put(&w->poller.out, &m);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_int_equal(w->poller2.count, 1);
	assert_int_equal(w->poller2.tasks[0].kind, TASK_TRIGGER);
	assert_int_equal(crawl_of(w, &id).triggers, 1);
	assert_int_equal(crawl_of(w, &id).crashes, 0);
}

static void
test_overrun_lease_has_its_poller_killed_once_in_a_while(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	test_pass(89000);
	keeper_lease_watch_overrun(w->keeper);
	assert_int_equal(w->kills, 0);
	test_pass(2000);
	keeper_lease_watch_overrun(w->keeper);
	keeper_lease_watch_overrun(w->keeper);
	world_run(w);
	assert_int_equal(w->kills, 1);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_TRIGGERING);
	lose_poller(w);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
}

static void
test_progress_keeps_a_long_download_alive(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);
	struct msg_task_progress m = { last_task(&w->poller)->lease, id, 5000 };
	uint32_t version;

	for (int i = 0; i < 10; i++) {
		test_pass(300000);
		msg_task_progress_put(&w->poller.out, &m);
		peer_send(w->poller.peer, &w->poller.out);
		world_run(w);
		keeper_lease_watch_overrun(w->keeper);
	}
	assert_int_equal(w->kills, 0);
	assert_string_equal(crawl_of(w, &id).note, "5000 bytes so far");
	version = crawl_of(w, &id).version;
	msg_task_progress_put(&w->poller.out, &m);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_int_equal(crawl_of(w, &id).version, version);
	test_pass(361000);
	keeper_lease_watch_overrun(w->keeper);
	assert_int_equal(w->kills, 1);
}

static void
test_report_of_an_unknown_lease_changes_nothing(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);
	struct msg_task task = *last_task(&w->poller);

	lose_poller(w);
	poller_say(w, &w->poller, 1, 1);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
	assert_non_null(w->poller.peer);
}

static void
test_report_for_another_pollers_lease_costs_the_connection(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);
	struct msg_task task = *last_task(&w->poller);

	far_connect(w, &w->poller2, ROLE_POLLER, 1);
	world_run(w);
	report(w, &w->poller2, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_null(w->poller2.peer);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
	assert_int_equal(crawl_of(w, &id).lease, task.lease);
}

/* ---- keepers lost ---- */

static void
test_killed_keeper_is_followed_by_one_that_goes_on(void **state)
{
	static const struct { enum crawl_state state, then; enum task_kind kind; int64_t wait_ms; } each[] = {
		{ CRAWL_ACCEPTED, CRAWL_TRIGGERING, TASK_TRIGGER, 0 },
		{ CRAWL_TRIGGERING, CRAWL_RECONCILING, TASK_RECONCILE, 60000 },
		{ CRAWL_POLLING, CRAWL_POLLING, TASK_POLL, 33000 },
		{ CRAWL_READY, CRAWL_DOWNLOADING, TASK_DOWNLOAD, 0 },
		{ CRAWL_DOWNLOADING, CRAWL_DOWNLOADING, TASK_DOWNLOAD, 0 },
		{ CRAWL_STORING, CRAWL_STORING, TASK_STORE, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(each); i++) {
		struct world *w = xmalloc(sizeof(*w));
		uint64_t lease = 0;
		struct uuid id;

		world_new(w);
		world_start(w);
		id = crawl_in(w, each[i].state);
		lease = crawl_of(w, &id).lease;
		world_kill(w);
		world_start(w);
		poller_say(w, &w->poller, 1, 1);
		world_pass(w, each[i].wait_ms);
		assert_int_equal(last_task(&w->poller)->kind, each[i].kind);
		assert_int_equal(crawl_of(w, &id).state, each[i].then);
		/* One that is searched for keeps its trigger's, for an answer that comes late. */
		assert_true(each[i].kind == TASK_RECONCILE ? crawl_of(w, &id).lease == lease :
		    crawl_of(w, &id).lease > lease);
		assert_int_equal(w->keeper->live, 1);
		world_end(w);
		free(w);
	}
}

static void
test_late_answer_to_a_trigger_is_believed_by_the_next_keeper(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);

	world_kill(w);
	world_start(w);
	world_kill(w);
	world_start(w);		/* even by the one after it */
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	assert_int_equal(crawl_of(w, &id).lease, 0);
	assert_non_null(strstr(w->publisher.bodies[0], "crawl-triggered"));
}

static void
test_late_refusal_of_a_trigger_ends_the_search(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);

	world_kill(w);
	world_start(w);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_ACCEPTED);
	assert_int_equal(crawl_of(w, &id).triggers, 0);
	poller_say(w, &w->poller, 1, 1);
	world_pass(w, 2000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
}

static void
test_late_job_ends_a_search_that_has_begun(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller), search;

	world_kill(w);
	world_start(w);
	poller_say(w, &w->poller, 8, 1);
	world_pass(w, w->conf.reconcile_delay_ms);
	search = *last_task(&w->poller);
	assert_int_equal(search.kind, TASK_RECONCILE);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	report(w, &w->poller, &search, verdict(&search, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	assert_non_null(w->poller.peer);
	assert_int_equal(w->keeper->budget.calls, 0);
	world_pass(w, 33001);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_DOWNLOADING);
}

static void
test_events_not_acknowledged_come_again_from_the_next_keeper(void **state)
{
	struct world *w = *state;
	char first[1024];

	(void)crawl_in(w, CRAWL_POLLING);
	memcpy(first, w->publisher.bodies[0], sizeof(first));
	world_kill(w);
	world_start(w);
	assert_int_equal(w->publisher.batches, 2);
	assert_string_equal(w->publisher.bodies[0], first);
}

/* ---- the provider's limits ---- */

static void
test_no_call_is_given_out_in_a_pause_but_files_are_stored(void **state)
{
	struct world *w = *state;
	struct uuid storing = crawl_in(w, CRAWL_STORING);
	const struct msg_task store = *last_task(&w->poller);
	struct uuid limited = crawl_in(w, CRAWL_TRIGGERING);
	unsigned count;

	answer_task(w, TASK_TRIGGER, OUTCOME_LIMITED, ERROR_RATE_LIMITED);
	count = w->poller.count;
	(void)crawl_in(w, CRAWL_ACCEPTED);
	poller_say(w, &w->poller, 8, 1);
	assert_int_equal(w->poller.count, count);
	report(w, &w->poller, &store, verdict(&store, OUTCOME_RETRY, ERROR_STORAGE_ERROR));
	world_pass(w, 1500);
	assert_int_equal(w->poller.count, count + 1);
	assert_int_equal(last_task(&w->poller)->kind, TASK_STORE);
	assert_int_equal(crawl_of(w, &storing).state, CRAWL_STORING);
	world_pass(w, 2000);			/* the pause is over: one at a time */
	assert_int_equal(w->poller.count, count + 2);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->poller.count, count + 3);
	assert_true(crawl_of(w, &limited).state >= CRAWL_TRIGGERING);
}

static void
test_data_set_at_its_cap_holds_only_its_own_triggers(void **state)
{
	struct world *w = *state;
	struct uuid busy = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_crawl_create same = a_request(w), other = a_request(w);

	answer_task(w, TASK_TRIGGER, OUTCOME_BUSY, ERROR_RATE_LIMITED);
	send_create(w, &same);
	(void)str_copy(other.body.dataset_id, sizeof(other.body.dataset_id), "gd_other");
	send_create(w, &other);
	assert_int_equal(crawl_of(w, &busy).state, CRAWL_ACCEPTED);
	assert_int_equal(crawl_of(w, &same.crawl_id).state, CRAWL_ACCEPTED);
	assert_int_equal(crawl_of(w, &other.crawl_id).state, CRAWL_TRIGGERING);
	world_pass(w, 30000);			/* one is let through */
	assert_int_equal((crawl_of(w, &busy).state == CRAWL_TRIGGERING) +
	    (crawl_of(w, &same.crawl_id).state == CRAWL_TRIGGERING), 1);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_pass(w, 5000);
	assert_int_equal((crawl_of(w, &busy).state == CRAWL_TRIGGERING) +
	    (crawl_of(w, &same.crawl_id).state == CRAWL_TRIGGERING), 1);
}

static void
test_keeper_killed_in_a_pause_is_followed_by_one_that_waits(void **state)
{
	struct world *w = *state;
	struct uuid limited = crawl_in(w, CRAWL_TRIGGERING);

	answer_task(w, TASK_TRIGGER, OUTCOME_LIMITED, ERROR_RATE_LIMITED);
	test_pass(500);
	world_kill(w);
	world_start(w);
	poller_say(w, &w->poller, 8, 1);
	world_pass(w, 1400);
	assert_int_equal(w->poller.count, 0);
	assert_int_equal(crawl_of(w, &limited).state, CRAWL_ACCEPTED);
	world_pass(w, 600);
	assert_int_equal(w->poller.count, 1);
	assert_int_equal(crawl_of(w, &limited).state, CRAWL_TRIGGERING);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_kill(w);
	world_start(w);			/* what is over is forgotten */
	poller_say(w, &w->poller, 8, 1);
	(void)crawl_in(w, CRAWL_TRIGGERING);
	(void)crawl_in(w, CRAWL_TRIGGERING);
	assert_int_equal(w->poller.count, 2);
}

static void
test_refusal_told_to_the_next_keeper_holds_its_calls(void **state)
{
	struct world *w = *state;
	struct uuid limited = crawl_in(w, CRAWL_TRIGGERING);
	const struct msg_task task = *last_task(&w->poller);

	world_kill(w);
	world_start(w);
	poller_say(w, &w->poller, 8, 1);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_LIMITED, ERROR_RATE_LIMITED));
	assert_int_equal(crawl_of(w, &limited).state, CRAWL_ACCEPTED);
	assert_int_equal(w->poller.count, 0);
	world_pass(w, 2600);
	assert_int_equal(w->poller.count, 1);
}

static void
test_triggers_leave_room_for_polls(void **state)
{
	struct world *w = *state;
	unsigned triggers = 0, polls = 0;

	w->spread = true;
	for (int i = 0; i < 12; i++)
		(void)crawl_in(w, CRAWL_POLLING);
	poller_say(w, &w->poller, 0, 0);
	for (int i = 0; i < 12; i++)
		(void)crawl_in(w, CRAWL_ACCEPTED);
	world_pass(w, 33000);
	w->poller.count = 0;
	poller_say(w, &w->poller, 8, 0);
	assert_int_equal(w->poller.count, 8);
	for (unsigned i = 0; i < 8; i++) {
		triggers += w->poller.tasks[i].kind == TASK_TRIGGER;
		polls += w->poller.tasks[i].kind == TASK_POLL;
	}
	assert_int_equal(triggers, 6);
	assert_int_equal(polls, 2);
}

/* With nothing else due, the last free slot is a new trigger's: it is written once. */
static void
test_new_triggers_take_every_slot_that_nobody_waits_for(void **state)
{
	struct world *w = *state;

	w->spread = true;
	poller_say(w, &w->poller, 8, 0);
	for (int i = 0; i < 8; i++) {
		struct msg_crawl_create m = a_request(w);

		send_create(w, &m);
		assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_TRIGGERING);
		assert_int_equal(crawl_of(w, &m.crawl_id).version, 1);
	}
}

static void
test_a_new_trigger_does_not_pass_polls_that_wait(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);
	struct msg_trigger_done done = { .snapshot_id = "sd_first" };

	w->spread = true;
	for (int i = 0; i < 4; i++)
		(void)crawl_in(w, CRAWL_POLLING);
	for (int i = 0; i < 8; i++)
		(void)crawl_in(w, CRAWL_TRIGGERING);
	world_pass(w, 33000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
	/* A slot comes free and a crawl comes in, in one turn of the keeper. */
	done.verdict = verdict(last_task(&w->poller), OUTCOME_OK, ERROR_NONE);
	msg_trigger_done_put(&w->poller.out, &done);
	peer_send(w->poller.peer, &w->poller.out);
	send_create(w, &m);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_ACCEPTED);
}

/* Spread over a fifth of the interval, but on few moments. */
static void
test_polls_fall_on_a_grid(void **state)
{
	struct world *w = *state;
	int64_t interval = w->conf.background_poll_interval_ms, grid = interval / 64 + 1;

	for (int i = 0; i < 20; i++) {
		struct uuid id = crawl_in(w, CRAWL_POLLING);
		struct crawl c = crawl_of(w, &id);

		assert_int_equal(c.due_ms % grid, 0);
		assert_in_range(c.due_ms - c.triggered_ms, interval * 9 / 10 - grid, interval * 11 / 10);
	}
}

static void
test_work_goes_to_the_poller_with_most_room(void **state)
{
	struct world *w = *state;

	far_connect(w, &w->poller2, ROLE_POLLER, 1);
	world_run(w);
	poller_say(w, &w->poller, 8, 1);
	poller_say(w, &w->poller2, 20, 1);
	for (int i = 0; i < 4; i++) {
		struct msg_crawl_create m = a_request(w);

		send_create(w, &m);
	}
	assert_int_equal(w->poller2.count, 4);
	assert_int_equal(w->poller.count, 0);
}

/* ---- the clock ---- */

static void
set_clock(struct world *w, int64_t by)
{
	int64_t until = test_wall_ms + by;

	test_wall_ms = until;
	while (w->keeper->wall_offset_ms != test_wall_ms - test_mono_ms)
		(void)event_base_loop(w->base, EVLOOP_ONCE);	/* the tick, within a second */
	world_run(w);
}

static void
test_clock_that_is_set_moves_due_times_with_it(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);
	struct crawl before = crawl_of(w, &id);

	w->poller.count = 0;
	set_clock(w, -10 * 3600 * 1000LL);
	assert_int_equal(crawl_of(w, &id).due_ms, before.due_ms - 10 * 3600 * 1000LL);
	set_clock(w, 20 * 3600 * 1000LL);
	assert_true(w->poller.count <= 1);	/* at most the poll that the jump brought forward */
	world_pass(w, 33000);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_crawl_walks_to_completed),
		TEST(test_version_grows_with_each_write),
		TEST(test_events_go_out_in_order_again_when_the_publisher_is_lost),
		TEST(test_no_event_is_written_when_publishing_is_off),
		TEST(test_every_outcome_has_its_step_and_pause),
		TEST(test_trigger_that_never_leaves_fails_after_the_polling_time),
		TEST(test_polling_ends_after_all_polls_were_answered),
		TEST(test_snapshot_that_is_gone_is_believed_after_two_minutes_and_five_answers),
		TEST(test_building_is_asked_again_ever_more_slowly_until_patience_ends),
		TEST(test_invalid_data_fails_after_its_retries_and_other_errors_do_not),
		TEST(test_store_that_is_down_for_hours_costs_no_second_download),
		TEST(test_unknown_trigger_is_sent_once_more_after_three_searches_then_a_person_decides),
		TEST(test_searches_that_fail_are_not_counted_as_searches),
		TEST(test_job_that_was_found_is_adopted_unless_another_crawl_owns_it),
		TEST(test_answer_with_a_job_of_another_crawl_leads_to_a_search),
		TEST(test_triggers_that_surely_made_nothing_do_not_use_up_the_second_try),
		TEST(test_poller_lost_while_triggering_leads_to_a_search),
		TEST(test_poller_lost_in_other_states_gives_the_same_task_to_the_next),
		TEST(test_poller_that_leaves_is_not_blamed),
		TEST(test_crawl_that_takes_three_pollers_down_is_failed),
		TEST(test_only_the_download_is_blamed_for_a_lost_poller),
		TEST(test_returned_tasks_are_given_to_another_poller_at_once),
		TEST(test_overrun_lease_has_its_poller_killed_once_in_a_while),
		TEST(test_progress_keeps_a_long_download_alive),
		TEST(test_report_of_an_unknown_lease_changes_nothing),
		TEST(test_report_for_another_pollers_lease_costs_the_connection),
		TEST(test_killed_keeper_is_followed_by_one_that_goes_on),
		TEST(test_late_answer_to_a_trigger_is_believed_by_the_next_keeper),
		TEST(test_late_refusal_of_a_trigger_ends_the_search),
		TEST(test_late_job_ends_a_search_that_has_begun),
		TEST(test_events_not_acknowledged_come_again_from_the_next_keeper),
		TEST(test_no_call_is_given_out_in_a_pause_but_files_are_stored),
		TEST(test_data_set_at_its_cap_holds_only_its_own_triggers),
		TEST(test_keeper_killed_in_a_pause_is_followed_by_one_that_waits),
		TEST(test_refusal_told_to_the_next_keeper_holds_its_calls),
		TEST(test_triggers_leave_room_for_polls),
		TEST(test_new_triggers_take_every_slot_that_nobody_waits_for),
		TEST(test_a_new_trigger_does_not_pass_polls_that_wait),
		TEST(test_polls_fall_on_a_grid),
		TEST(test_work_goes_to_the_poller_with_most_room),
		TEST(test_clock_that_is_set_moves_due_times_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
