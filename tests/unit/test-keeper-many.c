/*
 * test-keeper-many.c - the keeper with many crawls at once, through outages and refusals,
 * with clocks that are set; and the ways on after an end.
 */
#include "test-keeper-world.h"

#define HOUR_MS (3600 * 1000LL)

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

/* Crawls that nobody waits for, accepted while no poller has room. */
static void
accept_many(struct world *w, struct uuid *ids, unsigned count)
{
	poller_say(w, &w->poller, 0, 0);
	for (unsigned i = 0; i < count; i++) {
		struct msg_crawl_create m = a_request(w);

		m.wait = false;
		w->front.count = 0;
		send_create(w, &m);
		ids[i] = m.crawl_id;
	}
	w->poller.count = 0;
	poller_say(w, &w->poller, 64, 1);
}

static unsigned
count_in(struct world *w, const struct uuid *ids, unsigned count, enum crawl_state state)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++)
		found += crawl_of(w, &ids[i]).state == state;
	return found;
}

/* Answers everything that is given out within a span of time; how many calls that were. */
static unsigned
answer_all(struct world *w, enum outcome outcome, enum error_code error, uint32_t status, int64_t ms)
{
	unsigned calls = 0;

	for (int64_t end = test_mono_ms + ms; test_mono_ms < end;) {
		while (w->poller.count > 0) {
			struct msg_task task = w->poller.tasks[--w->poller.count];
			struct msg_verdict v = verdict(&task, outcome, error);

			v.http_status = status;
			calls++;
			report(w, &w->poller, &task, v);
		}
		world_pass(w, 1000);
	}
	return calls;
}

/* ---- the key ---- */

static void
test_refused_key_fails_nobody_who_does_not_wait(void **state)
{
	struct world *w = *state;
	struct uuid ids[100];
	unsigned calls;

	accept_many(w, ids, countof(ids));
	calls = answer_all(w, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, 401, HOUR_MS);
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_ACCEPTED), countof(ids));
	assert_in_range(calls, 15, 30);		/* the first few, then one every three minutes */
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "refuses the key"));
	(void)answer_all(w, OUTCOME_OK, ERROR_NONE, 200, HOUR_MS / 4);
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_ACCEPTED), 0);
}

static void
test_reload_tries_a_refused_key_at_once(void **state)
{
	struct world *w = *state;
	struct uuid ids[5];

	accept_many(w, ids, countof(ids));
	(void)answer_all(w, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, 401, 2000);
	assert_int_equal(w->poller.count, 0);
	keeper_reloaded(w->keeper);
	world_run(w);
	assert_int_equal(w->poller.count, 1);
	(void)answer_all(w, OUTCOME_OK, ERROR_NONE, 200, 3000);
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_POLLING), countof(ids));
}

static void
test_clients_who_wait_are_told_of_a_refused_key_and_newcomers_at_the_door(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create late = a_request(w), first = a_request(w), second = a_request(w);

	poller_say(w, &w->poller, 0, 0);
	send_create(w, &first);
	send_create(w, &second);
	w->front.count = w->poller.count = 0;
	poller_say(w, &w->poller, 64, 1);
	(void)answer_all(w, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, 401, 2000);
	assert_int_equal(w->front.count, 2);
	assert_int_equal(crawl_of(w, &first.crawl_id).error, ERROR_BRIGHTDATA_AUTH);
	assert_int_equal(crawl_of(w, &second.crawl_id).error, ERROR_BRIGHTDATA_AUTH);
	(void)answer_all(w, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, 401, 1000);
	send_create(w, &late);
	if (w->poller.count > 0) {		/* the probe that is due: it confirms */
		(void)answer_all(w, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, 401, 1000);
		late = a_request(w);
		send_create(w, &late);
	}
	assert_int_equal(last_answer(w)->error, ERROR_BRIGHTDATA_AUTH);
	assert_false(last_answer(w)->has_view);
	send_read(w, &late.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
}

/* ---- away ---- */

static void
test_outage_longer_than_every_limit_fails_nothing_and_is_probed_gently(void **state)
{
	struct world *w = *state;
	struct uuid ids[100], polling = crawl_in(w, CRAWL_POLLING);
	unsigned calls;

	accept_many(w, ids, countof(ids));
	calls = answer_all(w, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 0, 10 * HOUR_MS);
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_ACCEPTED), countof(ids));
	assert_int_equal(crawl_of(w, &polling).state, CRAWL_POLLING);
	assert_in_range(calls, 600, 2000);	/* up to 30 s apart */
	send_read(w, &ids[50], false);
	assert_string_equal(last_answer(w)->view.waiting_for, "the provider cannot be reached");
	assert_true(last_answer(w)->view.waiting_until_ms > test_wall_ms);
	(void)answer_all(w, OUTCOME_OK, ERROR_NONE, 200, HOUR_MS / 4);
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_ACCEPTED), 0);
}

static void
test_one_crawls_own_trouble_stops_nobody_and_ends(void **state)
{
	struct world *w = *state;
	struct uuid sick = crawl_in(w, CRAWL_POLLING), well;
	int64_t begun = test_mono_ms;

	for (int i = 0; i < 400 && crawl_of(w, &sick).state == CRAWL_POLLING; i++) {
		while (w->poller.count > 0) {
			struct msg_task task = w->poller.tasks[--w->poller.count];
			bool of_sick = uuid_equal(&task.crawl.id, &sick);
			struct msg_verdict v = verdict(&task, of_sick ? OUTCOME_RETRY : OUTCOME_OK,
			    of_sick ? ERROR_BRIGHTDATA_UNAVAILABLE : ERROR_NONE);

			v.http_status = of_sick ? 500 : 200;
			report(w, &w->poller, &task, v);
		}
		if (i % 2 == 0) {
			struct msg_crawl_create m = a_request(w);

			m.wait = false;
			w->front.count = 0;
			send_create(w, &m);
			well = m.crawl_id;
			assert_int_not_equal(crawl_of(w, &well).state, CRAWL_ACCEPTED);
		}
		world_pass(w, 30000);
	}
	assert_int_equal(crawl_of(w, &sick).error, ERROR_POLLING_TIMEOUT);
	assert_in_range(test_mono_ms - begun, HOUR_MS - 60000, 3 * HOUR_MS);
}

/* ---- a cap ---- */

static void
test_nothing_is_written_for_what_a_cap_holds(void **state)
{
	struct world *w = *state;
	struct uuid ids[60];
	uint32_t version;

	accept_many(w, ids, countof(ids));
	for (int i = 0; i < 4; i++) {
		struct msg_task task = w->poller.tasks[--w->poller.count];
		struct msg_verdict v = verdict(&task, OUTCOME_BUSY, ERROR_RATE_LIMITED);

		(void)str_copy(v.text, sizeof(v.text), "HTTP 429: too many. Running jobs: 7>=7");
		v.http_status = 429;
		report(w, &w->poller, &task, v);
	}
	version = crawl_of(w, &ids[59]).version;
	world_pass(w, 10000);
	assert_int_equal(crawl_of(w, &ids[59]).version, version);
	send_read(w, &ids[59], false);
	assert_non_null(strstr(last_answer(w)->view.waiting_for, "as many running jobs as the provider allows"));
	assert_true(last_answer(w)->view.waiting_until_ms > test_wall_ms);
}

static void
test_trigger_behind_a_cap_for_hours_survives_its_first_refused_connection(void **state)
{
	struct world *w = *state;
	struct uuid id;
	struct msg_task task;
	struct msg_verdict v;

	accept_many(w, &id, 1);
	task = *last_task(&w->poller);
	v = verdict(&task, OUTCOME_BUSY, ERROR_RATE_LIMITED);
	v.http_status = 429;
	report(w, &w->poller, &task, v);
	w->poller.count = 0;
	poller_say(w, &w->poller, 0, 0);
	world_pass(w, 5 * HOUR_MS);
	poller_say(w, &w->poller, 64, 1);
	answer_task(w, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_ACCEPTED);
}

static void
refuse_for_cap(struct world *w)
{
	const struct msg_task task = w->poller.tasks[--w->poller.count];
	struct msg_verdict v = verdict(&task, OUTCOME_BUSY, ERROR_RATE_LIMITED);

	assert_int_equal(task.kind, TASK_TRIGGER);
	v.http_status = 429;
	report(w, &w->poller, &task, v);
}

/* The caps of many data sets are met at once. Jobs that run are asked about all the same. */
static void
test_caps_of_many_data_sets_hold_no_polls(void **state)
{
	struct world *w = *state;
	struct uuid running[8], ids[40];
	unsigned refused = 0;

	w->spread = true;
	for (unsigned i = 0; i < countof(running); i++)
		running[i] = crawl_in(w, CRAWL_POLLING);
	accept_many(w, ids, countof(ids));
	for (; w->poller.count > 0; refused++)
		refuse_for_cap(w);
	assert_int_equal(refused, BUDGET_TRIGGERS_MAX);
	send_read(w, &ids[39], false);
	assert_non_null(strstr(last_answer(w)->view.waiting_for, "has refused 16 within 5 minutes"));
	assert_in_range(last_answer(w)->view.waiting_until_ms - test_wall_ms, 1, BUDGET_WINDOW_MS);
	world_pass(w, 65000);
	assert_true(w->poller.count >= 4);
	assert_true(answer_all(w, OUTCOME_WAIT, ERROR_NONE, 200, 30000) >= countof(running));
	assert_int_equal(count_in(w, running, countof(running), CRAWL_POLLING), countof(running));
	assert_int_equal(w->poller.count, 0);
	world_pass(w, BUDGET_WINDOW_MS);
	assert_int_equal(w->poller.tasks[0].kind, TASK_TRIGGER);
}

/* Keepers die with triggers under way, again and again; pollers bring what became of those. */
static void
test_triggers_that_keepers_died_over_hold_nothing_once_they_are_told(void **state)
{
	struct world *w = *state;
	struct uuid ids[20], more[16];
	struct msg_task tasks[16];

	w->spread = true;
	accept_many(w, ids, countof(ids));
	for (int i = 0; i < 8; i++)
		refuse_for_cap(w);
	for (int life = 0; life < 6; life++) {
		unsigned count = w->poller.count;

		assert_in_range(count, 1, countof(tasks));
		memcpy(tasks, w->poller.tasks, count * sizeof(tasks[0]));
		world_kill(w);
		world_start(w);
		for (unsigned i = 0; i < count; i++)
			report(w, &w->poller, &tasks[i], verdict(&tasks[i], OUTCOME_OK, ERROR_NONE));
		accept_many(w, more, 4);
	}
	assert_int_equal(w->keeper->budget.presumed_triggers, 0);
	assert_true(budget_trigger_room(&w->keeper->budget, test_mono_ms, 0) > 0);
}

/* ---- hung neighbours ---- */

static void
test_silent_poller_gets_nothing_more_while_another_answers(void **state)
{
	struct world *w = *state;
	struct uuid ids[40];

	w->spread = true;
	accept_many(w, ids, countof(ids));
	assert_int_equal(w->poller.count, BUDGET_AT_ONCE_MAX);	/* at a poller that hangs from now on */
	far_connect(w, &w->poller2, ROLE_POLLER, 1);
	world_run(w);
	poller_say(w, &w->poller2, 64, 1);
	world_pass(w, 6000);
	report(w, &w->poller, &w->poller.tasks[0], verdict(&w->poller.tasks[0], OUTCOME_OK, ERROR_NONE));
	world_pass(w, 6000);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(w->poller2.count, 1);
		w->poller2.count = 0;
		report(w, &w->poller2, &w->poller2.tasks[0], verdict(&w->poller2.tasks[0], OUTCOME_OK, ERROR_NONE));
	}
	assert_int_equal(w->poller.count, BUDGET_AT_ONCE_MAX);
}

static void
test_triggers_go_to_pollers_that_do_not_download(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m;

	(void)crawl_in(w, CRAWL_DOWNLOADING);
	far_connect(w, &w->poller2, ROLE_POLLER, 1);
	world_run(w);
	poller_say(w, &w->poller2, 4, 1);	/* fewer slots, and no download */
	for (int i = 0; i < 3; i++) {
		m = a_request(w);
		send_create(w, &m);
	}
	assert_int_equal(w->poller2.count, 3);
}

/* ---- ways on ---- */

static struct uuid
timed_out(struct world *w)
{
	struct uuid id;

	w->conf.background_max_polls = 2;
	id = crawl_in(w, CRAWL_POLLING);
	for (int i = 0; i < 2; i++) {
		world_pass(w, 34000);
		answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	}
	assert_int_equal(crawl_of(w, &id).error, ERROR_POLLING_TIMEOUT);
	w->poller.count = w->front.count = 0;
	return id;
}

static void
test_download_of_a_crawl_that_gave_up_asks_the_provider_again(void **state)
{
	struct world *w = *state;
	struct uuid id = timed_out(w);

	send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(w->front.count, 0);
	assert_int_equal(w->keeper->live, 1);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_COMPLETED);
	assert_int_equal(crawl_of(w, &id).error, ERROR_NONE);
	assert_int_equal(w->keeper->live, 0);
}

static void
test_retry_goes_on_without_waiting_and_says_what_cannot(void **state)
{
	struct world *w = *state;
	struct uuid id = timed_out(w);

	send_ref(w, MSG_CRAWL_RETRY, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_POLLING);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
	send_ref(w, MSG_CRAWL_RETRY, &id);
	assert_int_equal(last_answer(w)->error, ERROR_CONFLICT);
	answer_task(w, TASK_POLL, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED);
	send_ref(w, MSG_CRAWL_RETRY, &id);
	assert_int_equal(last_answer(w)->error, ERROR_CONFLICT);
	assert_int_equal(last_answer(w)->view.crawl.error, ERROR_SNAPSHOT_FAILED);
}

static void
test_retry_of_a_crawl_that_never_had_a_job_starts_one(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	send_create(w, &m);
	answer_task(w, TASK_TRIGGER, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH);	/* its client waits: told */
	assert_int_equal(crawl_of(w, &m.crawl_id).error, ERROR_BRIGHTDATA_AUTH);
	w->poller.count = 0;
	keeper_reloaded(w->keeper);		/* with a better key */
	send_ref(w, MSG_CRAWL_RETRY, &m.crawl_id);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_POLLING);
	assert_int_equal(w->keeper->live, 1);
}

static void
test_cancel_of_a_crawl_that_gave_up_cancels_its_job(void **state)
{
	struct world *w = *state;
	struct uuid id = timed_out(w);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	answer_task(w, TASK_CANCEL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
}

static void
test_clients_who_ask_do_not_undo_backoff_and_share_a_call(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);
	int64_t due;

	answer_task(w, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE);
	due = crawl_of(w, &id).due_ms;
	w->poller.count = w->front.count = 0;
	for (int i = 0; i < 10; i++)
		send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(crawl_of(w, &id).due_ms, due);
	assert_int_equal(w->poller.count, 0);
	world_pass(w, due - test_wall_ms);
	assert_int_equal(w->poller.count, 1);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 10);
}

static void
test_idempotency_key_expires_a_day_after_its_crawls_end(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create first = a_request(w), again = a_request(w);

	(void)str_copy(first.idempotency_key, sizeof(first.idempotency_key), "daily");
	(void)str_copy(again.idempotency_key, sizeof(again.idempotency_key), "daily");
	send_create(w, &first);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_pass(w, 48 * HOUR_MS);
	send_create(w, &again);			/* it has not ended: as old as it may be */
	assert_true(last_answer(w)->existed);
	answer_task(w, TASK_POLL, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED);
	world_pass(w, 23 * HOUR_MS);
	send_create(w, &again);
	assert_true(last_answer(w)->existed);
	assert_int_equal(last_answer(w)->view.crawl.error, ERROR_SNAPSHOT_FAILED);
	world_pass(w, 2 * HOUR_MS);
	send_create(w, &again);
	assert_false(last_answer(w)->existed);
	assert_int_equal(crawl_of(w, &again.crawl_id).state, CRAWL_TRIGGERING);
}

/* ---- clocks ---- */

static void
test_clock_that_jumps_under_load_fails_and_delays_nothing(void **state)
{
	static const int64_t jumps[] = { 2 * HOUR_MS, -2 * HOUR_MS, 24 * HOUR_MS, -48 * HOUR_MS, 24 * HOUR_MS };
	struct world *w = *state;
	struct uuid ids[20];

	for (unsigned i = 0; i < countof(ids); i++)
		ids[i] = crawl_in(w, CRAWL_POLLING);
	poller_say(w, &w->poller, 64, 1);
	for (unsigned i = 0; i < countof(jumps); i++) {
		struct uuid asked = ids[i];
		unsigned polls = 0;

		w->poller.count = 0;
		w->front.count = 0;
		test_wall_ms += jumps[i];
		send_read(w, &asked, false);	/* a turn before any tick */
		for (int second = 0; second < 34; second++) {
			world_pass(w, 1000);
			while (w->poller.count > 0) {
				struct msg_task task = w->poller.tasks[--w->poller.count];

				polls += task.kind == TASK_POLL;
				report(w, &w->poller, &task, verdict(&task, OUTCOME_WAIT, ERROR_NONE));
			}
		}
		assert_in_range(polls, countof(ids), countof(ids) * 2);
	}
	assert_int_equal(count_in(w, ids, countof(ids), CRAWL_POLLING), countof(ids));
}

static int64_t due_in(struct world *w, const struct uuid *id) { return crawl_of(w, id).due_ms - test_wall_ms; }

static void
test_clock_set_between_two_lives_delays_nothing(void **state)
{
	static const struct { int64_t by; bool other_boot; } each[] = {
		{ -24 * HOUR_MS, false }, { 24 * HOUR_MS, false }, { -24 * HOUR_MS, true }, { 24 * HOUR_MS, true },
	};
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	for (unsigned i = 0; i < countof(each); i++) {
		world_kill(w);
		test_wall_ms += each[i].by;
		w->start.boot += each[i].other_boot;
		world_start(w);
		assert_true(due_in(w, &id) <= 33000);
		/* A machine that boots a day behind is corrected while we run. */
		test_wall_ms -= each[i].by;
		world_run(w);
		assert_true(due_in(w, &id) <= 33000);
		poller_say(w, &w->poller, 8, 1);
		while (w->poller.count == 0)
			world_pass(w, 1000);
		answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
}

static void
test_downtime_uses_up_no_patience(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	world_pass(w, 34000);
	answer_task(w, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	for (int i = 0; i < 20; i++) {
		world_kill(w);
		test_pass(5 * HOUR_MS);
		world_start(w);
		poller_say(w, &w->poller, 8, 1);
		world_pass(w, 60000);
		answer_task(w, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_refused_key_fails_nobody_who_does_not_wait),
		TEST(test_reload_tries_a_refused_key_at_once),
		TEST(test_clients_who_wait_are_told_of_a_refused_key_and_newcomers_at_the_door),
		TEST(test_outage_longer_than_every_limit_fails_nothing_and_is_probed_gently),
		TEST(test_one_crawls_own_trouble_stops_nobody_and_ends),
		TEST(test_nothing_is_written_for_what_a_cap_holds),
		TEST(test_trigger_behind_a_cap_for_hours_survives_its_first_refused_connection),
		TEST(test_caps_of_many_data_sets_hold_no_polls),
		TEST(test_triggers_that_keepers_died_over_hold_nothing_once_they_are_told),
		TEST(test_silent_poller_gets_nothing_more_while_another_answers),
		TEST(test_triggers_go_to_pollers_that_do_not_download),
		TEST(test_download_of_a_crawl_that_gave_up_asks_the_provider_again),
		TEST(test_retry_goes_on_without_waiting_and_says_what_cannot),
		TEST(test_retry_of_a_crawl_that_never_had_a_job_starts_one),
		TEST(test_cancel_of_a_crawl_that_gave_up_cancels_its_job),
		TEST(test_clients_who_ask_do_not_undo_backoff_and_share_a_call),
		TEST(test_idempotency_key_expires_a_day_after_its_crawls_end),
		TEST(test_clock_that_jumps_under_load_fails_and_delays_nothing),
		TEST(test_clock_set_between_two_lives_delays_nothing),
		TEST(test_downtime_uses_up_no_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
