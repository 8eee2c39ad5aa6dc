/*
 * test-keeper-search.c - unknown outcomes: one search for many crawls, what is read and
 * what is not, late answers, open triggers, and when a trigger may be sent again.
 */
#include "test-keeper-world.h"

static int
setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	world_new(w);
	world_start(w);
	poller_say(w, &w->poller, 64, 1);
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

/* A crawl of its own page whose trigger's outcome is unknown; its task, for late answers. */
static struct msg_task
a_doubt(struct world *w, const char *page)
{
	struct msg_crawl_create m = a_request(w);
	struct msg_task task;

	(void)snprintf(m.body.url, sizeof(m.body.url), "https://www.facebook.com/%s", page);
	send_create(w, &m);
	task = *last_task(&w->poller);
	assert_int_equal(task.kind, TASK_TRIGGER);
	w->poller.count = w->front.count = 0;
	report(w, &w->poller, &task, verdict(&task, OUTCOME_UNKNOWN, ERROR_NONE));
	budget_answered(&w->keeper->budget);	/* other calls are answered: the provider is there */
	return task;
}

static void
await_search(struct world *w)
{
	while (w->poller.count == 0 || last_task(&w->poller)->kind != TASK_RECONCILE)
		world_pass(w, 1000);
}

static void
end_search(struct world *w, enum outcome outcome)
{
	const struct msg_task task = *last_task(&w->poller);

	assert_int_equal(task.kind, TASK_RECONCILE);
	w->poller.count = 0;		/* what is given out next is seen */
	report(w, &w->poller, &task, verdict(&task, outcome, ERROR_NONE));
}

static enum crawl_state
state_of(struct world *w, const struct msg_task *task)
{
	return crawl_of(w, &task->crawl.id).state;
}

/* ---- one for all ---- */

static void
test_one_search_serves_all_crawls_of_a_data_set(void **state)
{
	struct world *w = *state;
	struct msg_task tasks[40];
	char page[16], id[24];

	for (unsigned i = 0; i < countof(tasks); i++) {
		(void)snprintf(page, sizeof(page), "p%u", i);
		tasks[i] = a_doubt(w, page);
	}
	await_search(w);
	assert_int_equal(w->poller.count, 1);
	assert_string_equal(w->poller.search.dataset_id, "gd_lkaxegm826bjpoo9m5");
	assert_true(w->poller.search.from_ms < tasks[0].crawl.intent_ms);
	assert_true(w->poller.search.to_ms > test_wall_ms);
	for (unsigned i = 0; i < countof(tasks); i++) {
		(void)snprintf(id, sizeof(id), "sd_of_%u", i);
		assert_true(meet_job(w, &w->poller, id, tasks[i].crawl.intent_ms + 500, &tasks[i].request));
	}
	end_search(w, OUTCOME_OK);
	for (unsigned i = 0; i < countof(tasks); i++) {
		(void)snprintf(id, sizeof(id), "sd_of_%u", i);
		assert_string_equal(crawl_of(w, &tasks[i].crawl.id).snapshot_id, id);
		assert_int_equal(state_of(w, &tasks[i]), CRAWL_POLLING);
	}
	assert_null(w->keeper->searches);	/* nothing of it is kept */
}

static void
test_inputs_are_read_once_and_those_of_owned_jobs_never(void **state)
{
	struct world *w = *state;
	struct uuid owner = crawl_in(w, CRAWL_POLLING);
	char owned[SNAPSHOT_ID_SIZE];
	struct msg_task task;

	memcpy(owned, crawl_of(w, &owner).snapshot_id, sizeof(owned));
	poller_say(w, &w->poller, 64, 1);
	task = a_doubt(w, "mine");
	await_search(w);
	assert_false(meet_job(w, &w->poller, owned, test_wall_ms, &task.request));
	assert_true(meet_job(w, &w->poller, "sd_foreign", test_wall_ms, &w->poller.tasks[0].request));
	end_search(w, OUTCOME_RETRY);
	await_search(w);
	assert_false(meet_job(w, &w->poller, "sd_foreign", test_wall_ms, &task.request));
	assert_true(meet_job(w, &w->poller, "sd_mine", test_wall_ms, &task.request));
	end_search(w, OUTCOME_RETRY);		/* cut short, and still of use */
	assert_string_equal(crawl_of(w, &task.crawl.id).snapshot_id, "sd_mine");
}

static void
test_equal_inputs_share_the_jobs_oldest_to_oldest(void **state)
{
	struct world *w = *state;
	struct msg_task first = a_doubt(w, "same"), second = a_doubt(w, "same"), third = a_doubt(w, "same");

	await_search(w);
	assert_true(meet_job(w, &w->poller, "sd_b", first.crawl.intent_ms + 2000, &first.request));
	assert_true(meet_job(w, &w->poller, "sd_a", first.crawl.intent_ms + 1000, &first.request));
	end_search(w, OUTCOME_OK);
	assert_string_equal(crawl_of(w, &first.crawl.id).snapshot_id, "sd_a");
	assert_string_equal(crawl_of(w, &second.crawl.id).snapshot_id, "sd_b");
	assert_int_equal(state_of(w, &third), CRAWL_RECONCILING);
	assert_int_equal(crawl_of(w, &third.crawl.id).looks, 1);
}

static void
test_job_of_another_time_is_not_taken(void **state)
{
	struct world *w = *state;
	struct msg_task task;

	w->keeper->provider_known = true;
	task = a_doubt(w, "daily");
	await_search(w);
	(void)meet_job(w, &w->poller, "sd_yesterday", task.crawl.intent_ms - 86400000, &task.request);
	(void)meet_job(w, &w->poller, "sd_later", task.crawl.intent_ms + 1200000, &task.request);
	end_search(w, OUTCOME_OK);
	assert_int_equal(state_of(w, &task), CRAWL_RECONCILING);
}

/* Without a word about the provider's time an hour's difference of the clocks is borne, and no day's. */
static void
test_unknown_clock_of_the_provider_widens_the_window(void **state)
{
	struct world *w = *state;
	struct msg_task task = a_doubt(w, "daily");

	await_search(w);
	(void)meet_job(w, &w->poller, "sd_yesterday", task.crawl.intent_ms - 86400000, &task.request);
	(void)meet_job(w, &w->poller, "sd_behind", task.crawl.intent_ms - 300000, &task.request);
	end_search(w, OUTCOME_OK);
	assert_string_equal(crawl_of(w, &task.crawl.id).snapshot_id, "sd_behind");
}

/* The provider's Date header tells how far its clock is from ours. */
static void
test_window_is_in_the_providers_time(void **state)
{
	struct world *w = *state;
	int64_t ahead = -7 * 60000;
	struct msg_crawl_create m = a_request(w);
	struct msg_verdict v;
	struct msg_task task;

	send_create(w, &m);
	v = verdict(last_task(&w->poller), OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	v.date_ms = test_wall_ms + ahead;
	task = *last_task(&w->poller);
	report(w, &w->poller, &task, v);
	world_pass(w, 5000);
	task = *last_task(&w->poller);
	assert_int_equal(task.kind, TASK_TRIGGER);
	assert_int_equal(task.crawl.intent_ms, test_wall_ms + ahead);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_UNKNOWN, ERROR_NONE));
	w->poller.count = 0;
	await_search(w);
	assert_true(w->poller.search.from_ms < task.crawl.intent_ms);
	assert_true(meet_job(w, &w->poller, "sd_slow_clock", task.crawl.intent_ms + 900, &task.request));
	end_search(w, OUTCOME_OK);
	assert_int_equal(state_of(w, &task), CRAWL_POLLING);
}

static void
test_searches_of_two_data_sets_do_not_wait_for_each_other(void **state)
{
	struct world *w = *state;

	w->spread = true;
	(void)a_doubt(w, "a");
	(void)a_doubt(w, "b");
	await_search(w);
	world_pass(w, 1000);
	assert_int_equal(w->poller.count, 2);
	assert_int_equal(w->poller.tasks[0].kind, TASK_RECONCILE);
	assert_int_equal(w->poller.tasks[1].kind, TASK_RECONCILE);
}

static void
test_search_counts_as_the_calls_that_it_makes(void **state)
{
	struct world *w = *state;

	(void)a_doubt(w, "a");
	await_search(w);
	assert_int_equal(w->keeper->budget.calls, w->poller.search.calls);
	assert_in_range(w->poller.search.calls, 1, 4);
	far_close(&w->poller);
	world_run(w);
	assert_int_equal(w->keeper->budget.calls, 0);
}

static void
test_search_lost_with_its_poller_begins_again(void **state)
{
	struct world *w = *state;
	struct msg_task task = a_doubt(w, "a");

	await_search(w);
	far_close(&w->poller);
	world_run(w);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	poller_say(w, &w->poller, 64, 1);
	await_search(w);
	(void)meet_job(w, &w->poller, "sd_1", task.crawl.intent_ms, &task.request);
	end_search(w, OUTCOME_OK);
	assert_int_equal(state_of(w, &task), CRAWL_POLLING);
	assert_int_equal(crawl_of(w, &task.crawl.id).crashes, 0);
}

static void
test_unreadable_inputs_let_nobody_be_triggered_again(void **state)
{
	struct world *w = *state;
	struct msg_task task = a_doubt(w, "a");

	for (int i = 0; i < 8; i++) {
		struct msg_search_done done;

		await_search(w);
		done = (struct msg_search_done){ .verdict = verdict(last_task(&w->poller), OUTCOME_OK, 0), .jobs = 3,
			.unreadable = 1 };
		msg_search_done_put(&w->poller.out, &done);
		peer_send(w->poller.peer, &w->poller.out);
		world_run(w);
		w->poller.count = 0;
		world_pass(w, 60000);
	}
	assert_int_equal(state_of(w, &task), CRAWL_RECONCILING);
	assert_int_equal(crawl_of(w, &task.crawl.id).looks, 0);
}

/* ---- when it may be asked again ---- */

static void
test_second_trigger_never_comes_while_the_first_can_live(void **state)
{
	struct world *w = *state;
	int64_t begun = test_wall_ms;
	struct msg_task task;

	w->conf.reconcile_delay_ms = 0;
	task = a_doubt(w, "a");
	while (state_of(w, &task) == CRAWL_RECONCILING) {
		await_search(w);
		end_search(w, OUTCOME_OK);
	}
	assert_in_range(test_wall_ms - begun, TRIGGER_LIFE_MS, TRIGGER_LIFE_MS + 30000);
}

static void
test_trigger_that_was_answered_is_over_and_does_not_hold_the_next(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);
	int64_t begun = test_wall_ms;
	struct msg_verdict v;
	struct msg_task task;

	w->conf.reconcile_delay_ms = 100;
	send_create(w, &m);
	task = *last_task(&w->poller);
	v = verdict(&task, OUTCOME_UNKNOWN, ERROR_NONE);
	v.http_status = 500;
	w->poller.count = 0;
	report(w, &w->poller, &task, v);
	while (state_of(w, &task) == CRAWL_RECONCILING) {
		await_search(w);
		end_search(w, OUTCOME_OK);
	}
	assert_true(test_wall_ms - begun < 10000);
}

/* ---- late answers, open triggers ---- */

static void
test_every_result_is_acknowledged_and_only_after_it_is_on_disk(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);

	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(w->poller.kept, 1);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	/* Told once more, as a poller does whose acknowledgement was lost: nothing changes, and it may forget. */
	report(w, &w->poller, &task, verdict(&task, OUTCOME_RETRY, ERROR_NONE));
	assert_int_equal(w->poller.kept, 2);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
}

static void
test_late_job_is_adopted_by_a_crawl_that_waits_again(void **state)
{
	struct world *w = *state;
	struct msg_task task;

	w->conf.reconcile_delay_ms = 0;
	task = a_doubt(w, "a");
	poller_say(w, &w->poller, 1, 0);
	while (state_of(w, &task) == CRAWL_RECONCILING) {
		await_search(w);
		poller_say(w, &w->poller, 0, 0);
		end_search(w, OUTCOME_OK);
		if (state_of(w, &task) == CRAWL_RECONCILING)
			poller_say(w, &w->poller, 1, 0);
	}
	assert_int_equal(state_of(w, &task), CRAWL_ACCEPTED);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(state_of(w, &task), CRAWL_POLLING);
	poller_say(w, &w->poller, 64, 1);
	world_pass(w, 1000);
	assert_int_equal(w->poller.count, 0);	/* no second trigger */
}

static void
test_late_job_opens_a_crawl_that_failed_for_want_of_it(void **state)
{
	struct world *w = *state;
	struct msg_task task;

	w->conf.reconcile_delay_ms = 0;
	task = a_doubt(w, "a");
	for (int i = 0; i < 400 && state_of(w, &task) != CRAWL_FAILED; i++) {
		if (w->poller.count > 0 && last_task(&w->poller)->kind == TASK_TRIGGER)
			report(w, &w->poller, last_task(&w->poller), verdict(last_task(&w->poller), OUTCOME_UNKNOWN, 0));
		else if (w->poller.count > 0)
			end_search(w, OUTCOME_OK);
		world_pass(w, 1000);
	}
	assert_int_equal(crawl_of(w, &task.crawl.id).error, ERROR_TRIGGER_UNKNOWN);
	assert_int_equal(w->keeper->live, 0);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(state_of(w, &task), CRAWL_POLLING);
	assert_int_equal(crawl_of(w, &task.crawl.id).error, ERROR_NONE);
	assert_int_equal(w->keeper->live, 1);
}

static void
say_open(struct world *w, const struct msg_task *task)
{
	struct msg_trigger_ref m = { task->lease, task->crawl.id };

	msg_trigger_ref_put(&w->poller.out, MSG_TRIGGER_OPEN, &m);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
}

static void
test_trigger_that_a_poller_still_has_open_is_waited_for(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);

	w->conf.reconcile_delay_ms = 0;
	world_kill(w);
	world_start(w);
	say_open(w, &task);
	poller_say(w, &w->poller, 8, 1);
	for (int i = 0; i < 80; i++) {
		if (w->poller.count > 0)
			end_search(w, OUTCOME_OK);
		world_pass(w, 1000);
		assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
	}
	assert_int_equal(w->kills, 0);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	assert_int_equal(w->keeper->budget.sets[0].in_flight, 0);
}

static void
test_open_trigger_is_lost_with_its_poller(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);

	world_kill(w);
	world_start(w);
	say_open(w, &task);
	far_close(&w->poller);
	world_run(w);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
	assert_int_equal(w->keeper->triggers, 0);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	poller_say(w, &w->poller, 8, 1);
	await_search(w);
}

static void
test_hung_pollers_triggers_are_searched_for_as_soon_as_it_is_killed(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	test_pass(w->conf.reconcile_delay_ms + 1000);
	far_close(&w->poller);
	world_run(w);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	poller_say(w, &w->poller, 8, 1);
	assert_int_equal(last_task(&w->poller)->kind, TASK_RECONCILE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
}

/* Two crawls of one input: whoever gets the job, the other is searched for; never a third job. */
static void
test_job_taken_by_a_twin_leaves_the_other_to_a_search(void **state)
{
	struct world *w = *state;
	struct msg_task lost = a_doubt(w, "same"), slow;
	struct msg_crawl_create m = a_request(w);
	struct msg_trigger_done done;

	(void)str_copy(m.body.url, sizeof(m.body.url), lost.request.url);
	await_search(w);
	send_create(w, &m);
	slow = *last_task(&w->poller);
	assert_int_equal(slow.kind, TASK_TRIGGER);
	assert_true(meet_job(w, &w->poller, "sd_of_slow", test_wall_ms, &lost.request));
	w->poller.count--;
	end_search(w, OUTCOME_OK);
	assert_string_equal(crawl_of(w, &lost.crawl.id).snapshot_id, "sd_of_slow");
	done = (struct msg_trigger_done){ .verdict = verdict(&slow, OUTCOME_OK, 0), .snapshot_id = "sd_of_slow" };
	msg_trigger_done_put(&w->poller.out, &done);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_int_equal(state_of(w, &slow), CRAWL_RECONCILING);
	assert_int_equal(crawl_of(w, &slow.crawl.id).triggers, 1);
}

/* ---- copies ---- */

static void
test_crawls_accepted_in_a_copy_are_searched_for_first(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create there = a_request(w), gone = a_request(w);

	poller_say(w, &w->poller, 0, 0);
	(void)str_copy(there.body.url, sizeof(there.body.url), "https://www.facebook.com/there");
	send_create(w, &there);
	send_create(w, &gone);
	world_kill(w);
	test_pass(3600000);
	w->start.doubtful = true;
	world_start(w);
	assert_int_equal(crawl_of(w, &there.crawl_id).state, CRAWL_RECONCILING);
	poller_say(w, &w->poller, 8, 1);
	world_run(w);
	assert_int_equal(last_task(&w->poller)->kind, TASK_RECONCILE);
	assert_true(meet_job(w, &w->poller, "sd_there", test_wall_ms - 1800000, &there.body));
	end_search(w, OUTCOME_OK);
	assert_string_equal(crawl_of(w, &there.crawl_id).snapshot_id, "sd_there");
	assert_int_equal(crawl_of(w, &gone.crawl_id).state, CRAWL_TRIGGERING);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_one_search_serves_all_crawls_of_a_data_set),
		TEST(test_inputs_are_read_once_and_those_of_owned_jobs_never),
		TEST(test_equal_inputs_share_the_jobs_oldest_to_oldest),
		TEST(test_job_of_another_time_is_not_taken),
		TEST(test_unknown_clock_of_the_provider_widens_the_window),
		TEST(test_window_is_in_the_providers_time),
		TEST(test_searches_of_two_data_sets_do_not_wait_for_each_other),
		TEST(test_search_counts_as_the_calls_that_it_makes),
		TEST(test_search_lost_with_its_poller_begins_again),
		TEST(test_unreadable_inputs_let_nobody_be_triggered_again),
		TEST(test_second_trigger_never_comes_while_the_first_can_live),
		TEST(test_trigger_that_was_answered_is_over_and_does_not_hold_the_next),
		TEST(test_every_result_is_acknowledged_and_only_after_it_is_on_disk),
		TEST(test_late_job_is_adopted_by_a_crawl_that_waits_again),
		TEST(test_late_job_opens_a_crawl_that_failed_for_want_of_it),
		TEST(test_trigger_that_a_poller_still_has_open_is_waited_for),
		TEST(test_open_trigger_is_lost_with_its_poller),
		TEST(test_hung_pollers_triggers_are_searched_for_as_soon_as_it_is_killed),
		TEST(test_job_taken_by_a_twin_leaves_the_other_to_a_search),
		TEST(test_crawls_accepted_in_a_copy_are_searched_for_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
