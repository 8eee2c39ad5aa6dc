/*
 * test-keeper-request.c - what fronts ask and what they are answered: creating once
 * whatever is repeated, reading, downloading by hand, canceling, waiting, health.
 */
#include <unistd.h>

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

/* Polling switched off: status and download are by hand. */
static int
setup_by_hand(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	world_new(w);
	w->conf.background_polling_enabled = false;
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

/* ---- create ---- */

static void
test_answer_leaves_only_after_the_commit(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	send_create(w, &m);
	assert_int_equal(w->front.count, 1);
	world_kill(w);
	world_start(w);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_ACCEPTED);
}

static void
test_without_wait_there_is_one_answer(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	m.wait = false;
	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	assert_false(last_answer(w)->more);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
}

static void
test_same_key_and_body_find_the_same_crawl(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create first = a_request(w), second = a_request(w);

	(void)str_copy(first.idempotency_key, sizeof(first.idempotency_key), "key-1");
	(void)str_copy(second.idempotency_key, sizeof(second.idempotency_key), "key-1");
	send_create(w, &first);
	send_create(w, &second);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_true(last_answer(w)->existed);
	assert_true(last_answer(w)->more);
	assert_true(uuid_equal(&last_answer(w)->view.crawl.id, &first.crawl_id));
	assert_int_equal(w->keeper->live, 1);
	w->front.count = 0;
	poller_say(w, &w->poller, 8, 1);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 2);	/* both had waited */
	send_create(w, &second);
	assert_false(last_answer(w)->more);	/* settled already */
}

static void
test_same_key_with_another_body_is_refused(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create first = a_request(w), second = a_request(w);

	(void)str_copy(first.idempotency_key, sizeof(first.idempotency_key), "key-1");
	(void)str_copy(second.idempotency_key, sizeof(second.idempotency_key), "key-1");
	second.body.num_of_posts = 11;
	send_create(w, &first);
	send_create(w, &second);
	assert_int_equal(last_answer(w)->error, ERROR_IDEMPOTENCY_MISMATCH);
	assert_false(last_answer(w)->has_view);
	assert_int_equal(w->keeper->live, 1);
}

static void
test_same_crawl_id_sent_again_is_the_same_crawl_and_new_to_its_client(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	send_create(w, &m);
	world_kill(w);
	world_start(w);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_false(last_answer(w)->existed);
	assert_int_equal(w->keeper->live, 1);
	m.body.num_of_posts = 99;
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_CONFLICT);
}

static void
test_failed_trigger_settles_the_wait_with_its_error(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	answer_task(w, TASK_TRIGGER, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED);
	assert_int_equal(w->front.count, 2);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(last_answer(w)->view.crawl.error, ERROR_BRIGHTDATA_REJECTED);
}

static void
test_forgotten_request_is_not_answered(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);
	struct msg_forget forget = { m.request };

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	msg_forget_put(&w->front.out, &forget);
	peer_send(w->front.peer, &w->front.out);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(w->keeper->watch_count, 0);
}

static void
test_lost_front_leaves_nothing_behind(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w), n = a_request(w);

	send_create(w, &m);
	send_create(w, &n);
	assert_int_equal(w->keeper->watch_count, 2);
	far_close(&w->front);
	world_run(w);
	assert_int_equal(w->keeper->watch_count, 0);
	poller_say(w, &w->poller, 8, 1);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->keeper->live, 2);
}

static void
test_crawls_beyond_the_bound_are_refused(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	w->keeper->live = KEEPER_LIVE_MAX;
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_UNAVAILABLE);
	w->keeper->live = 0;
	send_read(w, &m.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
}

static void
test_request_that_no_front_should_send_is_refused(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	(void)str_copy(m.body.dataset_id, sizeof(m.body.dataset_id), "gd_1&x=1\nlog line");
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_INVALID_REQUEST);
	m = a_request(w);
	m.body.platform = PLATFORM_INSTAGRAM;
	m.body.num_of_posts = 0;		/* a discovery without bound */
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_INVALID_REQUEST);
	assert_int_equal(w->keeper->live, 0);
}

static void
test_front_may_not_report_and_poller_may_not_ask(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);
	struct msg_poller_state s = { 1, 1 };

	msg_poller_state_put(&w->front.out, &s);
	peer_send(w->front.peer, &w->front.out);
	msg_crawl_create_put(&w->poller.out, &m);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_null(w->front.peer);
	assert_null(w->poller.peer);
	assert_non_null(w->publisher.peer);
	assert_int_equal(w->keeper->live, 0);
}

/* ---- fetch ---- */

static void
test_fetch_of_a_polling_crawl_is_not_ready(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_READY);
	assert_true(last_answer(w)->has_view);
	assert_int_equal(w->keeper->watch_count, 0);
}

static void
test_fetch_is_answered_when_the_download_has_ended(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	w->front.count = 0;
	send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(w->front.count, 0);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_COMPLETED);
	send_ref(w, MSG_CRAWL_FETCH, &id);	/* done already: the same again, no second event */
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_not_equal(last_answer(w)->view.object_url[0], 0);
}

static void
test_fetch_of_a_failed_crawl_tells_its_error(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	w->front.count = 0;
	send_ref(w, MSG_CRAWL_FETCH, &id);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(last_answer(w)->error, ERROR_SNAPSHOT_EXPIRED);
	send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(last_answer(w)->error, ERROR_SNAPSHOT_EXPIRED);
	assert_true(last_answer(w)->has_view);
}

/* ---- by hand ---- */

static void
test_by_hand_nothing_is_asked_until_somebody_asks(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_pass(w, 48 * 3600 * 1000LL);
	assert_int_equal(w->poller.count, 1);
	w->front.count = 0;
	send_read(w, &m.crawl_id, true);
	assert_int_equal(w->front.count, 0);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_POLLING);
	world_pass(w, 3600 * 1000LL);
	assert_int_equal(w->poller.count, 2);

	send_read(w, &m.crawl_id, true);
	answer_task(w, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	assert_int_equal(w->front.count, 2);	/* answered, though in vain */
	send_read(w, &m.crawl_id, true);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_READY);
	world_pass(w, 3600 * 1000LL);
	assert_int_equal(w->poller.count, 4);	/* no download by itself */
}

static void
test_by_hand_fetch_polls_first_and_downloads_when_ready(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	w->front.count = 0;
	send_ref(w, MSG_CRAWL_FETCH, &m.crawl_id);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_READY);
	assert_false(crawl_of(w, &m.crawl_id).fetch_wanted);
	send_ref(w, MSG_CRAWL_FETCH, &m.crawl_id);
	answer_task(w, TASK_POLL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 1);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(w->front.count, 2);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
}

static void
test_polling_switched_on_later_takes_up_what_waited(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m = a_request(w);

	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	world_kill(w);
	w->conf.background_polling_enabled = true;
	world_start(w);
	poller_say(w, &w->poller, 8, 1);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	assert_int_equal(crawl_of(w, &m.crawl_id).polls, 1);
	assert_true(crawl_of(w, &m.crawl_id).due_ms > test_wall_ms);
}

/* ---- cancel ---- */

static void
test_cancel_before_the_trigger_is_at_once(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_ACCEPTED);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_CANCELED);
	assert_int_equal(w->publisher.batches, 1);
	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(w->keeper->live, 0);
}

static void
test_cancel_while_triggering_is_done_when_the_job_is_known(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_TRIGGERING);
	assert_true(last_answer(w)->view.crawl.cancel_wanted);
	answer_task(w, TASK_TRIGGER, OUTCOME_OK, ERROR_NONE);
	answer_task(w, TASK_CANCEL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
	assert_int_equal(crawl_of(w, &id).error, ERROR_CANCELED);
	assert_int_equal(crawl_of(w, &id).stage, STAGE_CANCELED);
}

static void
test_cancel_of_a_trigger_that_made_nothing_sends_no_other(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	answer_task(w, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
	world_pass(w, 100000);
	assert_int_equal(w->poller.count, 1);
}

static void
test_cancel_while_polling_asks_the_provider_at_once(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	answer_task(w, TASK_CANCEL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	world_pass(w, 1300);
	answer_task(w, TASK_CANCEL, OUTCOME_FAILED, ERROR_NOT_FOUND);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
}

static void
test_cancel_during_a_poll_comes_after_its_answer(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	world_pass(w, 33001);
	send_ref(w, MSG_CRAWL_CANCEL, &id);
	answer_task(w, TASK_POLL, OUTCOME_WAIT, ERROR_NONE);
	assert_int_equal(last_task(&w->poller)->kind, TASK_CANCEL);
	answer_task(w, TASK_CANCEL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
}

static void
test_cancel_the_provider_never_confirms_ends_all_the_same(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	for (int i = 0; i < 30 && crawl_of(w, &id).state == CRAWL_POLLING; i++) {
		answer_task(w, TASK_CANCEL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
		world_pass(w, 3600 * 1000LL);
	}
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);
}

static void
test_cancel_of_a_download_is_too_late(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_DOWNLOADING);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->error, ERROR_CONFLICT);
	assert_true(last_answer(w)->has_view);
	assert_false(crawl_of(w, &id).cancel_wanted);
}

static void
test_cancel_of_nothing_is_not_found(void **state)
{
	struct world *w = *state;
	struct uuid id = uuid_make(&w->ids, &test_clock);

	send_ref(w, MSG_CRAWL_CANCEL, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
	send_ref(w, MSG_CRAWL_FETCH, &id);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
}

/* ---- health ---- */

static void
test_health_counts_what_is_there(void **state)
{
	struct world *w = *state;
	struct msg_health_read m = { 77 };
	struct uuid id;

	(void)crawl_in(w, CRAWL_POLLING);
	id = crawl_in(w, CRAWL_DOWNLOADING);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED);
	poller_say(w, &w->poller, 0, 0);
	(void)crawl_in(w, CRAWL_ACCEPTED);
	test_pass(5000);
	msg_health_read_put(&w->front.out, &m);
	peer_send(w->front.peer, &w->front.out);
	world_run(w);
	assert_int_equal(w->front.health.request, 77);
	assert_true(w->front.health.store_ok);
	assert_int_equal(w->front.health.counts[CRAWL_FAILED], 1);
	assert_int_equal(w->front.health.counts[CRAWL_ACCEPTED], 1);
	assert_int_equal(w->front.health.pollers, 1);
	assert_int_equal(w->front.health.publishers, 1);
	assert_int_equal(w->front.health.outbox, 3);
	assert_true(w->front.health.outbox_age_ms >= 5000);
	assert_true(w->front.health.oldest_due_ms >= 5000);
	assert_non_null(strstr(w->front.health.last_error, "SNAPSHOT_EXPIRED"));
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "1 failed in 1 h; last error SNAPSHOT_EXPIRED"));
	test_pass(3600 * 1000);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "0 failed in 1 h"));
	assert_null(strstr(w->status, "SNAPSHOT_EXPIRED"));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_FAILED);
}

static void
test_failures_of_the_hour_outlive_the_keeper(void **state)
{
	struct world *w = *state;

	(void)crawl_in(w, CRAWL_DOWNLOADING);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED);
	test_pass(30 * 60 * 1000);
	for (int i = 0; i < 2; i++) {
		world_kill(w);
		test_mono_ms = i == 0 ? test_mono_ms : 5000;	/* the second time as after a reboot */
		w->status[0] = '\0';
		world_start(w);
		keeper_status_tell(w->keeper);
		assert_non_null(strstr(w->status, "1 failed in 1 h; last error SNAPSHOT_EXPIRED"));
	}
	test_pass(29 * 60 * 1000);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "1 failed in 1 h; last error SNAPSHOT_EXPIRED"));
	test_pass(2 * 60 * 1000);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "0 failed in 1 h"));
	assert_null(strstr(w->status, "SNAPSHOT_EXPIRED"));
	world_kill(w);
	world_start(w);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "0 failed in 1 h"));
	assert_null(strstr(w->status, "SNAPSHOT_EXPIRED"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BY_HAND(name) cmocka_unit_test_setup_teardown(name, setup_by_hand, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_answer_leaves_only_after_the_commit),
		TEST(test_without_wait_there_is_one_answer),
		TEST(test_same_key_and_body_find_the_same_crawl),
		TEST(test_same_key_with_another_body_is_refused),
		TEST(test_same_crawl_id_sent_again_is_the_same_crawl_and_new_to_its_client),
		TEST(test_failed_trigger_settles_the_wait_with_its_error),
		TEST(test_forgotten_request_is_not_answered),
		TEST(test_lost_front_leaves_nothing_behind),
		TEST(test_crawls_beyond_the_bound_are_refused),
		TEST(test_request_that_no_front_should_send_is_refused),
		TEST(test_front_may_not_report_and_poller_may_not_ask),
		TEST(test_fetch_of_a_polling_crawl_is_not_ready),
		TEST(test_fetch_is_answered_when_the_download_has_ended),
		TEST(test_fetch_of_a_failed_crawl_tells_its_error),
		BY_HAND(test_by_hand_nothing_is_asked_until_somebody_asks),
		BY_HAND(test_by_hand_fetch_polls_first_and_downloads_when_ready),
		BY_HAND(test_polling_switched_on_later_takes_up_what_waited),
		TEST(test_cancel_before_the_trigger_is_at_once),
		TEST(test_cancel_while_triggering_is_done_when_the_job_is_known),
		TEST(test_cancel_of_a_trigger_that_made_nothing_sends_no_other),
		TEST(test_cancel_while_polling_asks_the_provider_at_once),
		TEST(test_cancel_during_a_poll_comes_after_its_answer),
		TEST(test_cancel_the_provider_never_confirms_ends_all_the_same),
		TEST(test_cancel_of_a_download_is_too_late),
		TEST(test_cancel_of_nothing_is_not_found),
		TEST(test_health_counts_what_is_there),
		TEST(test_failures_of_the_hour_outlive_the_keeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
