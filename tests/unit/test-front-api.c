/*
 * test-front-api.c - each endpoint of the front: what it asks the keeper, the exact
 * members it answers, each error; and what happens while the keeper is away.
 */
#include "front_world.h"

#include "base/timefmt.h"

#define HOST "Host: localhost\r\n"
#define STATUS "GET /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/status HTTP/1.1\r\n" HOST "\r\n"
#define DOWNLOAD "POST /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/download HTTP/1.1\r\n" HOST \
	"Content-Length: 0\r\n\r\n"
#define CANCEL "POST /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/cancel HTTP/1.1\r\n" HOST "\r\n"
#define RETRY "POST /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/retry HTTP/1.1\r\n" HOST \
	"Content-Length: 0\r\n\r\n"
#define BACKUP "POST /api/v1/admin/backup HTTP/1.1\r\n" HOST "X-Request-Id: r-b\r\n"
#define HEALTH "GET /health HTTP/1.1\r\n" HOST "\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define ERROR_MEMBERS "status,message,crawl_id,error_code,recovery_suggestion,request_id"
#define ERROR_MEMBERS_NO_CRAWL "status,message,error_code,recovery_suggestion,request_id"

static const char body[] = "{\"url\":\"https://www.facebook.com/acme\",\"competitor\":\"acme\","
    "\"start_date\":\"2024-12-01\",\"end_date\":\"2024-12-24\",\"num_of_posts\":10}";

static void
send_trigger(int fd, const char *headers, const char *text)
{
	char request[70000];

	(void)snprintf(request, sizeof(request), "POST /api/v1/crawl/trigger HTTP/1.1\r\n" HOST
	    "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(text), text);
	client_send(fd, request);
}

static int
set_up(void **state)
{
	*state = world_new();
	return 0;
}

static int
tear_down(void **state)
{
	world_free(*state);
	return 0;
}

/* ---- trigger ---- */

static void
test_trigger_waits_for_the_provider_and_tells_the_snapshot(void **state)
{
	struct world *world = *state;
	char place[64];
	struct asked *asked;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	send_trigger(fd, "Content-Type: Application/JSON; charset=utf-8\r\nIdempotency-Key: \"k-1\"\r\n", body);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	assert_true(asked->wait);
	assert_string_equal(asked->key, "k-1");
	assert_string_equal(asked->url, "https://www.facebook.com/acme");
	world_view(world, CRAWL_ACCEPTED);
	world->answer.view.crawl.id = asked->crawl_id;
	world->answer.more = true;
	world_answer(world, asked->request);
	world_turn(world);
	world_view(world, CRAWL_POLLING);
	world->answer.view.crawl.id = asked->crawl_id;
	world_answer(world, asked->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(members_of(answer.doc),
	    "status,message,crawl_id,snapshot_id,timestamp,background_processing");
	assert_string_equal(members_of(member(&answer, "background_processing")),
	    "enabled,status,poll_interval_seconds,max_polling_time_minutes,message");
	assert_string_equal(text_of(&answer, "status"), "success");
	assert_string_equal(text_of(&answer, "message"), "Crawl triggered successfully");
	assert_string_equal(text_of(&answer, "snapshot_id"), "sd_abc123");
	assert_string_equal(json_text(member(&answer, "background_processing"), "status"), "started");
	assert_string_equal(json_text(member(&answer, "background_processing"), "message"),
	    "Background polling started - crawl will auto-download when ready");
	assert_true(json_is_integer(json_object_get(member(&answer, "background_processing"), "poll_interval_seconds")));
	assert_int_equal(json_int(member(&answer, "background_processing"), "poll_interval_seconds", 0, 100, -1), 30);
	assert_int_equal(json_int(member(&answer, "background_processing"), "max_polling_time_minutes", 0, 100, -1), 60);
	(void)snprintf(place, sizeof(place), "\r\nLocation: /api/v1/crawl/%s/status\r\n", text_of(&answer, "crawl_id"));
	assert_non_null(strstr(answer.head, place));
	assert_non_null(strstr(answer.head, "\r\nX-Request-Id: "));
	answer_done(&answer);
	close(fd);
}

static void
test_trigger_answers_202_when_the_wait_ends_first(void **state)
{
	struct world *world = *state;
	struct asked *asked;
	struct answer answer;
	uint64_t request;
	int fd;

	world_run(world);
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	request = asked->request;
	world_view(world, CRAWL_ACCEPTED);
	world->answer.more = true;
	world_answer(world, request);
	world_turn(world);
	world->ahead_ms += 30000;
	/* The keeper, asked once more how it is, says nothing. */
	assert_true(world_asked(world, MSG_FORGET)->request == request);
	(void)world_asked(world, MSG_CRAWL_READ);
	world->ahead_ms += 500;
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 202);
	assert_string_equal(text_of(&answer, "status"), "accepted");
	assert_string_equal(text_of(&answer, "message"), "Crawl accepted; the provider has not answered yet");
	assert_string_equal(text_of(&answer, "crawl_id"), crawl_text);
	assert_true(json_is_null(member(&answer, "snapshot_id")));
	assert_string_equal(members_of(answer.doc),
	    "status,message,crawl_id,snapshot_id,timestamp,background_processing");
	assert_true(world_asked(world, MSG_FORGET)->request == request);
	answer_done(&answer);
	close(fd);
}

static void
test_a_202_says_what_the_crawl_waits_for(void **state)
{
	static const struct {
		enum crawl_state state;
		int status;
	} table[] = { { CRAWL_ACCEPTED, 202 }, { CRAWL_RECONCILING, 202 }, { CRAWL_POLLING, 200 } };
	struct world *world = *state;
	struct answer answer;
	struct asked *asked;
	struct uuid made;
	int fd;

	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		send_trigger(fd, JSON_TYPE, body);
		asked = world_asked(world, MSG_CRAWL_CREATE);
		made = asked->crawl_id;
		memset(&world->answer, 0, sizeof(world->answer));
		world->answer.more = true;
		world_answer(world, asked->request);
		world_turn(world);
		world->ahead_ms += 30000;
		(void)world_asked(world, MSG_FORGET);
		asked = world_asked(world, MSG_CRAWL_READ);
		assert_true(uuid_equal(&asked->crawl_id, &made));
		assert_false(asked->refresh);
		world_view(world, table[i].state);
		world->answer.view.crawl.id = made;
		(void)str_copy(world->answer.view.waiting_for, WAITING_SIZE, "Bright Data cannot be reached");
		world_answer(world, asked->request);
		answer = client_answer(world, fd);
		assert_int_equal(answer.status, table[i].status);
		assert_string_equal(members_of(answer.doc),
		    "status,message,crawl_id,snapshot_id,timestamp,waiting_for,background_processing");
		assert_string_equal(text_of(&answer, "waiting_for"), "Bright Data cannot be reached");
		answer_done(&answer);
	}
	close(fd);
}

static void
test_a_drain_does_not_look_again(void **state)
{
	struct world *world = *state;
	struct asked *asked;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	memset(&world->answer, 0, sizeof(world->answer));
	world->answer.more = true;
	world_answer(world, asked->request);
	world_turn(world);
	world->ahead_ms += 30000;
	(void)world_asked(world, MSG_FORGET);
	(void)world_asked(world, MSG_CRAWL_READ);
	front_drain(world->front, NULL, NULL);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 202);
	answer_done(&answer);
	close(fd);
}

static void
test_trigger_does_not_wait_when_told_so(void **state)
{
	struct world *world = *state;
	struct asked *asked;
	struct answer answer;
	int fd;

	world->conf.trigger_wait_ms = 0;
	world_run(world);
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	assert_false(asked->wait);
	world_view(world, CRAWL_ACCEPTED);
	world_answer(world, asked->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 202);
	answer_done(&answer);
	close(fd);
}

static void
test_trigger_tells_when_polling_is_disabled(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->conf.background_polling_enabled = false;
	world->conf.background_poll_interval_ms = 2500;
	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_true(json_is_false(json_object_get(member(&answer, "background_processing"), "enabled")));
	assert_string_equal(json_text(member(&answer, "background_processing"), "status"), "disabled");
	assert_true(json_real_value(json_object_get(member(&answer, "background_processing"), "poll_interval_seconds")) == 2.5);
	assert_non_null(strstr(json_text(member(&answer, "background_processing"), "message"), "by hand"));
	answer_done(&answer);
	world_view(world, CRAWL_COMPLETED);
	send_trigger(fd, JSON_TYPE, body);
	answer = client_answer(world, fd);
	assert_string_equal(json_text(member(&answer, "background_processing"), "status"), "completed");
	assert_null(strstr(json_text(member(&answer, "background_processing"), "message"), "by hand"));
	answer_done(&answer);
	close(fd);
}

static void
test_trigger_that_fails_carries_the_crawls_error(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	world_view(world, CRAWL_FAILED);
	world->answer.view.crawl.snapshot_id[0] = '\0';
	world->answer.view.crawl.error = ERROR_BRIGHTDATA_REJECTED;
	(void)str_copy(world->answer.view.crawl.error_text, ERROR_TEXT_SIZE, "url: unknown profile");
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	answer = client_answer(world, fd);
	assert_error(&answer, 502, "BRIGHTDATA_REJECTED", "url: unknown profile");
	assert_string_equal(text_of(&answer, "crawl_id"), crawl_text);
	assert_string_equal(members_of(answer.doc), ERROR_MEMBERS);
	answer_done(&answer);
	/* A 503, but not one to repeat by itself. */
	world->answer.view.crawl.error = ERROR_BRIGHTDATA_UNAVAILABLE;
	send_trigger(fd, JSON_TYPE, body);
	answer = client_answer(world, fd);
	assert_error(&answer, 503, "BRIGHTDATA_UNAVAILABLE", "url: unknown profile");
	assert_non_null(strstr(text_of(&answer, "recovery_suggestion"), "/retry"));
	answer_done(&answer);
	close(fd);
}

#define KEY "Idempotency-Key: day-1\r\n"

/* What the same key and body find, whatever has become of the crawl. */
static void
test_an_existing_crawl_is_told_as_it_is(void **state)
{
	static const struct {
		enum crawl_state state;
		int status;
		const char *word, *message, *background, *background_message;
	} table[] = {
		{ CRAWL_ACCEPTED, 202, "accepted", "has not answered yet", "started", "starts when" },
		{ CRAWL_TRIGGERING, 202, "accepted", "has not answered yet", "started", "starts when" },
		{ CRAWL_RECONCILING, 202, "accepted", "found out", "started", "starts when" },
		{ CRAWL_POLLING, 200, "success", "triggered successfully", "started", "polling started" },
		{ CRAWL_READY, 200, "success", "snapshot is ready", "ready", "is ready" },
		{ CRAWL_DOWNLOADING, 200, "success", "being downloaded", "downloading", "being downloaded" },
		{ CRAWL_STORING, 200, "success", "being stored", "downloading", "being stored" },
		{ CRAWL_COMPLETED, 200, "success", "completed already; its status tells where", "completed",
		  "Nothing is left" },
	};
	struct world *world = *state;
	const json_t *background;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		world_view(world, table[i].state);
		world->answer.existed = true;
		send_trigger(fd, JSON_TYPE KEY, body);
		answer = client_answer(world, fd);
		background = member(&answer, "background_processing");
		assert_int_equal(answer.status, table[i].status);
		assert_string_equal(text_of(&answer, "status"), table[i].word);
		assert_string_equal(text_of(&answer, "crawl_id"), crawl_text);
		assert_non_null(strstr(text_of(&answer, "message"), table[i].message));
		assert_string_equal(json_text(background, "status"), table[i].background);
		assert_non_null(strstr(json_text(background, "message"), table[i].background_message));
		answer_done(&answer);
	}
	close(fd);
}

static void
test_an_existing_crawl_that_ended_badly_is_an_error_with_the_way_on(void **state)
{
	static const struct {
		enum crawl_state state;
		enum error_code error;
		int status;
		const char *code, *text, *word;
		bool retry;
	} table[] = {
		{ CRAWL_FAILED, ERROR_POLLING_TIMEOUT, 504, "POLLING_TIMEOUT", "not ready after 120 polls.",
		  "The crawl made with this Idempotency-Key failed: not ready after 120 polls. To go on with it: "
		  "POST /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/retry. A new crawl takes another key.", true },
		{ CRAWL_FAILED, ERROR_BRIGHTDATA_UNAVAILABLE, 503, "BRIGHTDATA_UNAVAILABLE", "",
		  "The crawl made with this Idempotency-Key failed. To go on with it: POST ", true },
		{ CRAWL_FAILED, ERROR_SNAPSHOT_FAILED, 502, "SNAPSHOT_FAILED", "no public posts",
		  "The crawl made with this Idempotency-Key failed: no public posts. A new crawl takes another key.",
		  false },
		{ CRAWL_FAILED, ERROR_NONE, 500, "INTERNAL", "", "failed. To go on with it", true },
		{ CRAWL_CANCELED, ERROR_CANCELED, 409, "CANCELED", "on request",
		  "The crawl made with this Idempotency-Key was canceled: on request. A new crawl takes another key.",
		  false },
	};
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		world_view(world, table[i].state);
		world->answer.existed = true;
		world->answer.view.crawl.error = table[i].error;
		(void)str_copy(world->answer.view.crawl.error_text, ERROR_TEXT_SIZE, table[i].text);
		send_trigger(fd, JSON_TYPE KEY, body);
		answer = client_answer(world, fd);
		assert_error(&answer, table[i].status, table[i].code, table[i].word);
		assert_string_equal(members_of(answer.doc), ERROR_MEMBERS);
		assert_int_equal(strstr(text_of(&answer, "message"), "/retry") != NULL, table[i].retry);
		answer_done(&answer);
	}
	close(fd);
}

static void
test_a_bad_trigger_is_refused_without_asking_the_keeper(void **state)
{
	static const struct {
		const char *headers, *text;
		int status;
		const char *code, *word;
	} table[] = {
		{ "", body, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json" },
		{ "Content-Type: text/plain\r\n", body, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json" },
		{ "Content-Type: application/jsonx\r\n", body, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json" },
		{ JSON_TYPE, "", 400, "INVALID_REQUEST", "" },
		{ JSON_TYPE, "{", 400, "INVALID_REQUEST", "" },
		{ JSON_TYPE, "{}", 400, "INVALID_REQUEST", "url" },
		{ JSON_TYPE, "{\"url\":7}", 400, "INVALID_REQUEST", "url" },
		{ JSON_TYPE "Idempotency-Key: a b\r\n", body, 400, "INVALID_REQUEST", "Idempotency-Key" },
		{ JSON_TYPE "Idempotency-Key: \"\"\r\n", body, 400, "INVALID_REQUEST", "Idempotency-Key" },
		{ JSON_TYPE "Idempotency-Key: \xc3\xa4\r\n", body, 400, "INVALID_REQUEST", "Idempotency-Key" },
	};
	struct world *world = *state;
	char key[160], headers[256];
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		send_trigger(fd, table[i].headers, table[i].text);
		answer = client_answer(world, fd);
		assert_error(&answer, table[i].status, table[i].code, table[i].word);
		assert_string_equal(members_of(answer.doc), ERROR_MEMBERS_NO_CRAWL);
		answer_done(&answer);
	}
	memset(key, 'k', sizeof(key));
	key[129] = '\0';
	(void)snprintf(headers, sizeof(headers), JSON_TYPE "Idempotency-Key: %s\r\n", key);
	send_trigger(fd, headers, body);
	answer = client_answer(world, fd);
	assert_error(&answer, 400, "INVALID_REQUEST", "128");
	answer_done(&answer);
	assert_int_equal(world->asked_count, 0);
	close(fd);
}

static void
test_what_the_keeper_refuses_becomes_its_status(void **state)
{
	static const struct {
		enum error_code error;
		int status;
		const char *code;
	} table[] = {
		{ ERROR_IDEMPOTENCY_MISMATCH, 422, "IDEMPOTENCY_MISMATCH" },
		{ ERROR_UNAVAILABLE, 503, "UNAVAILABLE" },
		{ ERROR_INTERNAL, 500, "INTERNAL" },
	};
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		memset(&world->answer, 0, sizeof(world->answer));
		world->answer.error = table[i].error;
		send_trigger(fd, JSON_TYPE "Idempotency-Key: k\r\n", body);
		answer = client_answer(world, fd);
		assert_error(&answer, table[i].status, table[i].code, "");
		assert_null(member(&answer, "crawl_id"));
		answer_done(&answer);
	}
	close(fd);
}

/* ---- status ---- */

#define STATUS_MEMBERS "crawl_id,snapshot_id,status,ready_for_download,timestamp,metadata,background_processing"

static void
test_status_tells_each_state(void **state)
{
	static const struct {
		enum crawl_state state;
		const char *status, *background;
		bool ready, active;
		const char *members;
	} table[] = {
		{ CRAWL_ACCEPTED, "pending", NULL, false, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_RECONCILING, NULL, NULL, false, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_POLLING, "processing", "polling", false, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_READY, "ready", "ready", true, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_DOWNLOADING, "downloading", "downloading", true, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_STORING, "downloading", "downloading", true, true, STATUS_MEMBERS ",waiting_until,next_check_at" },
		{ CRAWL_COMPLETED, "completed", "completed", true, false,
		  STATUS_MEMBERS ",gcs_path,post_count,media_count,error_count,other_count,expected_records,size_bytes,crc32c,sha256" },
		{ CRAWL_FAILED, "failed", "failed", false, false,
		  STATUS_MEMBERS ",error_code,error_message,stage,recovery_suggestion" },
		{ CRAWL_CANCELED, "canceled", NULL, false, false,
		  STATUS_MEMBERS ",error_code,error_message,stage,recovery_suggestion" },
	};
	struct world *world = *state;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		struct answer answer;
		const json_t *background;

		world_view(world, table[i].state);
		world->answer.view.crawl.finished_ms = crawl_is_terminal(table[i].state) ? 1764000090000 : 0;
		if (table[i].state == CRAWL_FAILED) {
			world->answer.view.crawl.error = ERROR_SNAPSHOT_FAILED;
			world->answer.view.crawl.stage = STAGE_POLLING;
		}
		client_send(fd, STATUS);
		answer = client_answer(world, fd);
		assert_int_equal(answer.status, 200);
		assert_string_equal(members_of(answer.doc), table[i].members);
		assert_string_equal(members_of(member(&answer, "metadata")),
		    "platform,competitor,brand,category,dataset_id,url,start_date,end_date,include_profile_data,"
		    "num_of_posts,created_at,updated_at,triggered_at,ready_at,finished_at");
		background = member(&answer, "background_processing");
		assert_string_equal(members_of(background), "enabled,active,status,poll_interval_seconds,"
		    "max_polling_time_minutes,estimated_completion,elapsed_minutes");
		if (table[i].status != NULL)
			assert_string_equal(text_of(&answer, "status"), table[i].status);
		if (table[i].background != NULL)
			assert_string_equal(json_text(background, "status"), table[i].background);
		assert_int_equal(json_is_true(member(&answer, "ready_for_download")), table[i].ready);
		assert_int_equal(json_is_true(json_object_get(background, "active")), table[i].active);
		if (!table[i].active)
			assert_true(json_real_value(json_object_get(background, "elapsed_minutes")) == 1.5);
		answer_done(&answer);
	}
	close(fd);
}

static void
test_status_of_a_completed_crawl_carries_the_object(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	world_view(world, CRAWL_COMPLETED);
	world->answer.view.crawl.posts = 17;
	world->answer.view.crawl.media = 23;
	world->answer.view.crawl.errors = 1;
	world->answer.view.crawl.others = 2;
	world->answer.view.crawl.provider_records = 21;
	world->answer.view.crawl.size_bytes = 5000000000;
	world->answer.view.crawl.crc32c = 0xe3069283;
	(void)str_copy(world->answer.view.object_url, sizeof(world->answer.view.object_url), "gs://b/o.json");
	fd = client_open(world);
	client_send(fd, STATUS);
	answer = client_answer(world, fd);
	assert_string_equal(text_of(&answer, "gcs_path"), "gs://b/o.json");
	assert_int_equal(json_int(answer.doc, "post_count", 0, 100, -1), 17);
	assert_int_equal(json_int(answer.doc, "media_count", 0, 100, -1), 23);
	assert_int_equal(json_int(answer.doc, "error_count", 0, 100, -1), 1);
	assert_int_equal(json_int(answer.doc, "other_count", 0, 100, -1), 2);
	assert_int_equal(json_int(answer.doc, "expected_records", 0, 100, -1), 21);
	assert_non_null(strstr(text_of(&answer, "warning"), "counted 21 records"));
	assert_int_equal(json_int(answer.doc, "size_bytes", 0, INT64_MAX, -1), 5000000000);
	assert_string_equal(text_of(&answer, "crc32c"), "4waSgw==");
	assert_int_equal(strlen(text_of(&answer, "sha256")), 64);
	assert_string_equal(json_text(member(&answer, "metadata"), "created_at"), "2025-11-24T16:00:00.000Z");
	answer_done(&answer);
	close(fd);
}

static void
test_status_says_what_a_crawl_waits_for(void **state)
{
	struct world *world = *state;
	struct crawl_view *view = &world->answer.view;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	view->crawl.due_ms = 1764000030000;
	(void)str_copy(view->crawl.note, NOTE_SIZE, "the provider is building the file");
	fd = client_open(world);
	client_send(fd, STATUS);
	answer = client_answer(world, fd);
	assert_string_equal(text_of(&answer, "waiting_for"), "the provider is building the file");
	assert_true(json_is_null(member(&answer, "waiting_until")));
	assert_string_equal(text_of(&answer, "next_check_at"), "2025-11-24T16:00:30.000Z");
	answer_done(&answer);
	/* What holds it now comes first, then what was noted. */
	(void)str_copy(view->waiting_for, WAITING_SIZE, "Bright Data refuses the API key");
	view->waiting_until_ms = 1764000060000;
	client_send(fd, STATUS);
	answer = client_answer(world, fd);
	assert_string_equal(text_of(&answer, "waiting_for"),
	    "Bright Data refuses the API key; before: the provider is building the file");
	assert_string_equal(text_of(&answer, "waiting_until"), "2025-11-24T16:01:00.000Z");
	answer_done(&answer);
	close(fd);
}

/* The moment told is `minutes` away, give or take what the test itself takes. */
static void
assert_estimated(struct world *world, const struct answer *answer, int64_t minutes)
{
	const char *text = json_text(member(answer, "background_processing"), "estimated_completion");
	char low[TIME_TEXT_SIZE], high[TIME_TEXT_SIZE];
	int64_t at = world_wall_ms(&world->clock) + minutes * 60000;

	if (minutes < 0) {
		assert_true(json_is_null(json_object_get(member(answer, "background_processing"),
		    "estimated_completion")));
		return;
	}
	assert_non_null(text);
	assert_true(strcmp(text, time_format(low, at - 20000)) > 0);
	assert_true(strcmp(text, time_format(high, at + 1000)) < 0);
}

static void
test_status_estimates_when_polling_gives_up(void **state)
{
	static const struct {
		enum crawl_state state;
		uint32_t polls;
		int64_t minutes;	/* from now; -1: null */
	} table[] = {
		{ CRAWL_ACCEPTED, 0, -1 }, { CRAWL_POLLING, 0, 60 }, { CRAWL_POLLING, 100, 10 },
		{ CRAWL_POLLING, 120, 0 }, { CRAWL_POLLING, 130, 0 }, { CRAWL_READY, 3, -1 },
		{ CRAWL_COMPLETED, 3, -1 },
	};
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		world_view(world, table[i].state);
		world->answer.view.crawl.polls = table[i].polls;
		client_send(fd, STATUS);
		answer = client_answer(world, fd);
		assert_estimated(world, &answer, table[i].minutes);
		answer_done(&answer);
	}
	close(fd);
}

static void
test_status_asks_the_provider_when_polling_is_disabled(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct asked *asked;
	int fd;

	world->conf.background_polling_enabled = false;
	world_run(world);
	fd = client_open(world);
	client_send(fd, STATUS);
	assert_true(world_asked(world, MSG_CRAWL_READ)->refresh);
	/* The provider does not answer: what is known is told. */
	world->ahead_ms += 30000;
	asked = world_asked(world, MSG_CRAWL_READ);
	assert_false(asked->refresh);
	world_answer(world, asked->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(json_text(member(&answer, "background_processing"), "status"), "disabled");
	/* A late answer to the same question finds nobody. */
	world_answer(world, asked->request);
	world_turn(world);
	assert_non_null(world->front->keeper);
	answer_done(&answer);
	close(fd);
}

static void
test_an_unknown_crawl_is_404(void **state)
{
	static const char *const requests[] = { STATUS, DOWNLOAD, CANCEL, RETRY };
	struct world *world = *state;
	int fd;

	world->answers_all = true;
	world_run(world);
	memset(&world->answer, 0, sizeof(world->answer));
	world->answer.error = ERROR_NOT_FOUND;
	fd = client_open(world);
	for (size_t i = 0; i < countof(requests); i++) {
		struct answer answer;

		client_send(fd, requests[i]);
		answer = client_answer(world, fd);
		assert_error(&answer, 404, "NOT_FOUND", crawl_text);
		assert_string_equal(members_of(answer.doc), ERROR_MEMBERS);
		answer_done(&answer);
	}
	close(fd);
}

/* ---- download, cancel ---- */

static void
test_download_answers_when_the_crawl_has_ended(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	world_view(world, CRAWL_COMPLETED);
	world->answer.view.crawl.posts = 3;
	(void)str_copy(world->answer.view.object_url, sizeof(world->answer.view.object_url), "file:///x/y.json");
	client_send(fd, DOWNLOAD);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(members_of(answer.doc),
	    "status,message,crawl_id,snapshot_id,gcs_path,post_count,media_count,timestamp");
	assert_string_equal(text_of(&answer, "message"), "Data downloaded successfully");
	assert_string_equal(text_of(&answer, "gcs_path"), "file:///x/y.json");
	answer_done(&answer);
	assert_int_equal(world_asked(world, MSG_CRAWL_FETCH)->type, MSG_CRAWL_FETCH);
	world_view(world, CRAWL_FAILED);
	world->answer.view.crawl.error = ERROR_SNAPSHOT_EXPIRED;
	(void)str_copy(world->answer.view.crawl.error_text, ERROR_TEXT_SIZE, "kept for 30 days");
	/* As the crawl's end, or as the refusal of a crawl that had ended before. */
	for (int ended = 0; ended < 2; ended++) {
		world->answer.error = ended ? ERROR_SNAPSHOT_EXPIRED : ERROR_NONE;
		client_send(fd, DOWNLOAD);
		answer = client_answer(world, fd);
		assert_error(&answer, 410, "SNAPSHOT_EXPIRED", "kept for 30 days");
		if (!ended)
			answer_done(&answer);
	}
	answer_done(&answer);
	world_view(world, CRAWL_POLLING);
	world->answer.error = ERROR_NOT_READY;
	client_send(fd, DOWNLOAD);
	answer = client_answer(world, fd);
	assert_error(&answer, 409, "NOT_READY", "collecting");
	answer_done(&answer);
	close(fd);
}

static void
test_download_of_a_failed_crawl_waits_when_it_goes_on(void **state)
{
	struct world *world = *state;
	struct answer answer;
	uint64_t request;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, DOWNLOAD);
	request = world_asked(world, MSG_CRAWL_FETCH)->request;
	/* As it was a moment ago; then it is polling, then it ends. */
	for (int polling = 0; polling < 2; polling++) {
		world_view(world, polling ? CRAWL_POLLING : CRAWL_FAILED);
		world->answer.view.crawl.error = polling ? ERROR_NONE : ERROR_POLLING_TIMEOUT;
		world->answer.more = true;
		world_answer(world, request);
		for (int i = 0; i < 10; i++)
			world_turn(world);
		assert_non_null(TAILQ_FIRST(&world->front->waiting));
	}
	world_view(world, CRAWL_COMPLETED);
	world_answer(world, request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

static void
test_download_goes_on_without_its_client(void **state)
{
	struct world *world = *state;
	struct answer answer;
	uint64_t request;
	int fd;

	world->conf.background_download_timeout_ms = 5000;
	world_run(world);
	fd = client_open(world);
	client_send(fd, DOWNLOAD);
	request = world_asked(world, MSG_CRAWL_FETCH)->request;
	world->ahead_ms += 5000;
	answer = client_answer(world, fd);
	assert_error(&answer, 409, "NOT_READY", "it goes on");
	assert_true(world_asked(world, MSG_FORGET)->request == request);
	answer_done(&answer);
	close(fd);
}

static void
test_cancel_tells_what_came_of_it(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	world_view(world, CRAWL_CANCELED);
	client_send(fd, CANCEL);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(members_of(answer.doc), "status,message,crawl_id,snapshot_id,crawl_status,timestamp");
	assert_string_equal(text_of(&answer, "crawl_status"), "canceled");
	answer_done(&answer);
	world_view(world, CRAWL_COMPLETED);
	world->answer.error = ERROR_CONFLICT;
	client_send(fd, CANCEL);
	answer = client_answer(world, fd);
	assert_error(&answer, 409, "CONFLICT", "completed");
	answer_done(&answer);
	close(fd);
}

/* ---- retry ---- */

static void
test_retry_says_what_comes_now(void **state)
{
	static const struct {
		enum crawl_state state;
		const char *status, *word;
	} table[] = {
		{ CRAWL_ACCEPTED, "pending", "from the beginning" },
		{ CRAWL_RECONCILING, "pending", "is searched for" },
		{ CRAWL_POLLING, "processing", "is asked again" },
	};
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		world_view(world, table[i].state);
		client_send(fd, RETRY);
		answer = client_answer(world, fd);
		assert_int_equal(answer.status, 200);
		assert_string_equal(members_of(answer.doc),
		    "status,message,crawl_id,snapshot_id,crawl_status,timestamp");
		assert_string_equal(text_of(&answer, "status"), "success");
		assert_string_equal(text_of(&answer, "crawl_id"), crawl_text);
		assert_string_equal(text_of(&answer, "crawl_status"), table[i].status);
		assert_non_null(strstr(text_of(&answer, "message"), table[i].word));
		assert_int_equal(json_is_null(member(&answer, "snapshot_id")), table[i].state < CRAWL_POLLING);
		answer_done(&answer);
		(void)world_asked(world, MSG_CRAWL_RETRY);
	}
	close(fd);
}

static void
test_retry_says_why_not(void **state)
{
	static const struct {
		enum crawl_state state;
		enum error_code error;
		const char *text, *word, *advice;
	} table[] = {
		{ CRAWL_POLLING, ERROR_NONE, "", "its status is \"processing\"", "status" },
		{ CRAWL_COMPLETED, ERROR_NONE, "", "its status is \"completed\"", "status" },
		{ CRAWL_CANCELED, ERROR_CANCELED, "on request", "was canceled", "trigger a new one" },
		{ CRAWL_FAILED, ERROR_SNAPSHOT_EXPIRED, "30 days are over", "no longer keeps its snapshot, 30 days are over",
		  "trigger a new crawl" },
		{ CRAWL_FAILED, ERROR_BRIGHTDATA_REJECTED, "url: unknown", "refused its input, url: unknown",
		  "trigger a new crawl" },
		{ CRAWL_FAILED, ERROR_SNAPSHOT_FAILED, "", "could not collect it", "trigger a new crawl" },
		{ CRAWL_FAILED, ERROR_INTERNAL, "", "INTERNAL", "status" },
	};
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		world_view(world, table[i].state);
		world->answer.error = ERROR_CONFLICT;
		world->answer.view.crawl.error = table[i].error;
		(void)str_copy(world->answer.view.crawl.error_text, ERROR_TEXT_SIZE, table[i].text);
		client_send(fd, RETRY);
		answer = client_answer(world, fd);
		assert_error(&answer, 409, "CONFLICT", table[i].word);
		assert_string_equal(members_of(answer.doc), ERROR_MEMBERS);
		assert_non_null(strstr(text_of(&answer, "recovery_suggestion"), table[i].advice));
		answer_done(&answer);
	}
	close(fd);
}

static void
test_a_retry_that_the_former_keeper_noted_is_not_refused_by_the_next(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, RETRY);
	(void)world_asked(world, MSG_CRAWL_RETRY);
	world_stop_keeper(world);
	world_start_keeper(world);
	world->answer.error = ERROR_CONFLICT;
	world_answer(world, world_asked(world, MSG_CRAWL_RETRY)->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(text_of(&answer, "crawl_status"), "processing");
	answer_done(&answer);
	close(fd);
}

/* ---- health ---- */

static bool disk_low;	/* of the next answer */

static void
answer_health_of(struct world *world, bool store_ok, unsigned pollers, enum provider_state provider)
{
	struct msg_health_answer health = {
		.store_ok = store_ok, .disk_low = disk_low, .pollers = pollers, .publishers = 1, .provider = provider,
		.provider_until_ms = provider != PROVIDER_OK ? 1764000060000 : 0,
		.provider_calls = 3, .provider_calls_max = 16, .provider_refusals = 7,
	};

	health.request = world_asked(world, MSG_HEALTH_READ)->request;
	health.counts[CRAWL_ACCEPTED] = 1;
	health.counts[CRAWL_POLLING] = 2;
	health.counts[CRAWL_COMPLETED] = 40;
	health.outbox = 5;
	health.outbox_age_ms = 1500;
	msg_health_answer_put(&world->out, &health);
	peer_send(world->keeper, &world->out);
}

static void
answer_health(struct world *world, bool store_ok, unsigned pollers)
{
	answer_health_of(world, store_ok, pollers, PROVIDER_OK);
}

static void
test_health_counts_the_work(void **state)
{
	struct world *world = *state;
	const json_t *tasks;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, HEALTH);
	answer_health(world, true, 2);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(text_of(&answer, "status"), "healthy");
	assert_string_equal(text_of(&answer, "service"), "data-ingestion");
	tasks = member(&answer, "background_tasks");
	assert_string_equal(members_of(tasks), "active_count,max_workers,enabled");
	assert_int_equal(json_int(tasks, "active_count", 0, 100, -1), 3);
	assert_int_equal(json_int(tasks, "max_workers", 0, 100, -1), 10);
	assert_string_equal(json_text(member(&answer, "checks"), "store"), "ok");
	assert_int_equal(json_int(member(&answer, "outbox"), "events", 0, 100, -1), 5);
	assert_int_equal(json_int(member(&answer, "crawls"), "completed", 0, 100, -1), 40);
	answer_done(&answer);
	close(fd);
}

static void
test_what_waits_is_asked_again_when_the_keeper_had_to_forget_it(void **state)
{
	static const struct msg_tell_again again;
	struct world *world = *state;
	struct answer answer;
	uint64_t request;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, HEALTH);
	request = world_asked(world, MSG_HEALTH_READ)->request;
	msg_tell_again_put(&world->out, &again);
	peer_send(world->keeper, &world->out);
	world_turn(world);
	assert_true(world->asked[world->taken % ASKED_MAX].request == request);
	answer_health(world, true, 2);			/* the second question */
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

/* Crawls are taken and wait: nobody is to restart trawld because of it. */
static void
test_health_tells_how_the_provider_is_and_stays_healthy(void **state)
{
	static const struct {
		enum provider_state state;
		const char *name, *check;
	} table[] = {
		{ PROVIDER_OK, "ok", "ok" },
		{ PROVIDER_LIMITED, "limited", "fewer calls" },
		{ PROVIDER_AWAY, "away", "cannot be reached" },
		{ PROVIDER_KEY_REFUSED, "key_refused", "refuses the API key" },
	};
	struct world *world = *state;
	const json_t *provider;
	struct answer answer;
	int fd;

	assert_int_equal(countof(table), PROVIDER_STATE_COUNT);
	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		client_send(fd, HEALTH);
		answer_health_of(world, true, 2, table[i].state);
		answer = client_answer(world, fd);
		assert_int_equal(answer.status, 200);
		assert_string_equal(text_of(&answer, "status"), "healthy");
		assert_string_equal(members_of(member(&answer, "checks")), "keeper,store,disk,pollers,publisher,provider");
		assert_non_null(strstr(json_text(member(&answer, "checks"), "provider"), table[i].check));
		assert_int_equal(json_is_true(member(&answer, "provider_paused")), table[i].state != PROVIDER_OK);
		provider = member(&answer, "provider");
		assert_string_equal(members_of(provider),
		    "state,until,calls_in_flight,calls_max,refusals_in_5_minutes");
		assert_string_equal(json_text(provider, "state"), table[i].name);
		assert_int_equal(json_is_null(json_object_get(provider, "until")), table[i].state == PROVIDER_OK);
		assert_int_equal(json_int(provider, "calls_in_flight", 0, 100, -1), 3);
		assert_int_equal(json_int(provider, "calls_max", 0, 100, -1), 16);
		assert_int_equal(json_int(provider, "refusals_in_5_minutes", 0, 100, -1), 7);
		answer_done(&answer);
	}
	close(fd);
}

static void
test_health_names_the_check_that_fails(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, HEALTH);
	answer_health(world, false, 2);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 503);
	assert_string_equal(text_of(&answer, "status"), "unhealthy");
	assert_string_equal(json_text(member(&answer, "checks"), "store"),
	    "cannot be written; what is in it is told");
	assert_non_null(strstr(answer.head, "\r\nRetry-After: "));
	answer_done(&answer);
	client_send(fd, HEALTH);
	disk_low = true;
	answer_health(world, true, 2);
	disk_low = false;
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 503);
	assert_non_null(strstr(json_text(member(&answer, "checks"), "disk"), "full"));
	answer_done(&answer);
	client_send(fd, HEALTH);
	answer_health(world, true, 0);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 503);
	assert_string_equal(json_text(member(&answer, "checks"), "pollers"), "none connected");
	answer_done(&answer);
	/* A keeper that says nothing. */
	client_send(fd, HEALTH);
	(void)world_asked(world, MSG_HEALTH_READ);
	world->ahead_ms += 2000;
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 503);
	assert_string_equal(json_text(member(&answer, "checks"), "keeper"), "does not answer");
	answer_done(&answer);
	(void)world_asked(world, MSG_FORGET);
	world_stop_keeper(world);
	client_send(fd, HEALTH);
	world_turn(world);
	world->ahead_ms += 2000;
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 503);
	assert_string_equal(json_text(member(&answer, "checks"), "keeper"), "restarting");
	answer_done(&answer);
	close(fd);
}

/* ---- backup ---- */

static void
answer_backup(struct world *world, struct msg_backup_answer *answer)
{
	struct asked *asked = world_asked(world, MSG_BACKUP);

	assert_string_equal(asked->request_id, "r-b");
	answer->request = asked->request;
	msg_backup_answer_put(&world->out, answer);
	peer_send(world->keeper, &world->out);
}

static void
test_backup_tells_where_the_copy_lies(void **state)
{
	static const char *const bodies[] = { "\r\n", "Content-Length: 2\r\n\r\n{}", "Content-Length: 5\r\n\r\n { } " };
	struct msg_backup_answer copied = { .path = "/d/backup/trawld-20261126T010203Z.db", .size_bytes = 4096,
		.crawls = 12, .time_ms = 1732385000123 };
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(bodies); i++) {
		client_send(fd, BACKUP);
		client_send(fd, bodies[i]);
		answer_backup(world, &copied);
		answer = client_answer(world, fd);
		assert_int_equal(answer.status, 200);
		assert_string_equal(members_of(answer.doc), "status,message,path,size_bytes,crawls,timestamp");
		assert_string_equal(text_of(&answer, "status"), "success");
		assert_string_equal(text_of(&answer, "path"), copied.path);
		assert_int_equal(json_int(answer.doc, "size_bytes", 0, INT64_MAX, -1), 4096);
		assert_int_equal(json_int(answer.doc, "crawls", 0, INT64_MAX, -1), 12);
		assert_string_equal(text_of(&answer, "timestamp"), "2024-11-23T18:03:20.123Z");
		answer_done(&answer);
	}
	close(fd);
}

static void
test_backup_that_fails_says_why(void **state)
{
	struct msg_backup_answer full = { .error = ERROR_STORAGE_ERROR, .text = "there is no room for a copy" };
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, BACKUP "\r\n");
	answer_backup(world, &full);
	answer = client_answer(world, fd);
	assert_error(&answer, 500, "STORAGE_ERROR", "no room for a copy");
	assert_non_null(strstr(text_of(&answer, "recovery_suggestion"), "Make room"));
	answer_done(&answer);
	client_send(fd, BACKUP "Content-Length: 7\r\n\r\n{\"a\":1}");
	answer = client_answer(world, fd);
	assert_error(&answer, 400, "INVALID_REQUEST", "no members");
	answer_done(&answer);
	client_send(fd, "GET /api/v1/admin/backup HTTP/1.1\r\n" HOST "\r\n");
	answer = client_answer(world, fd);
	assert_error(&answer, 405, "METHOD_NOT_ALLOWED", "POST");
	answer_done(&answer);
	close(fd);
}

static void
test_backup_is_asked_of_the_next_keeper_and_waits_long(void **state)
{
	struct msg_backup_answer copied = { .path = "/d/backup/trawld-20261126T010203Z.db" };
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, BACKUP "\r\n");
	(void)world_asked(world, MSG_BACKUP);
	world_stop_keeper(world);
	world_start_keeper(world);
	world->ahead_ms += FRONT_BACKUP_MS - 60000;
	for (int i = 0; i < 100; i++)
		world_turn(world);
	answer_backup(world, &copied);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	client_send(fd, BACKUP "\r\n");
	(void)world_asked(world, MSG_BACKUP);
	world->ahead_ms += FRONT_BACKUP_MS + 1000;
	answer = client_answer(world, fd);
	assert_error(&answer, 503, "UNAVAILABLE", "it goes on");
	answer_done(&answer);
	close(fd);
}

/* ---- routes ---- */

static void
test_paths_and_methods_that_do_not_exist(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *code, *allow;
	} table[] = {
		{ "GET /", 404, "NOT_FOUND", NULL },
		{ "GET /healthy", 404, "NOT_FOUND", NULL },
		{ "GET /health/", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl/", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl//status", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl/..%2f..%2fetc/status", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl/0190a0b0-0000-7000-8000-00000000000%31/status", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/status/x", 404, "NOT_FOUND", NULL },
		{ "GET /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001", 404, "NOT_FOUND", NULL },
		{ "POST /health", 405, "METHOD_NOT_ALLOWED", "GET, HEAD" },
		{ "DELETE /health?x=1", 405, "METHOD_NOT_ALLOWED", "GET, HEAD" },
		{ "GET /api/v1/crawl/trigger", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "OPTIONS /api/v1/crawl/trigger", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "TRACE /api/v1/crawl/trigger", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "PATCH /api/v1/crawl/trigger", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "GET /api/v1/crawl/x/download", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "PUT /api/v1/crawl/x/cancel", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "GET /api/v1/crawl/x/retry", 405, "METHOD_NOT_ALLOWED", "POST" },
		{ "POST /api/v1/crawl/x/status", 405, "METHOD_NOT_ALLOWED", "GET, HEAD" },
	};
	struct world *world = *state;
	int fd;

	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		char text[256];
		struct answer answer;

		(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", table[i].line);
		client_send(fd, text);
		answer = client_answer(world, fd);
		assert_error(&answer, table[i].status, table[i].code, "");
		if (table[i].allow != NULL) {
			(void)snprintf(text, sizeof(text), "\r\nAllow: %s\r\n", table[i].allow);
			assert_non_null(strstr(answer.head, text));
		}
		answer_done(&answer);
	}
	assert_int_equal(world->asked_count, 0);
	close(fd);
}

static void
test_a_crawl_id_may_be_in_capitals_and_a_query_is_ignored(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	client_send(fd, "GET /api/v1/crawl/0190A0B0-0000-7000-8000-000000000001/status?a=/b?c HTTP/1.1\r\n" HOST "\r\n");
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	assert_string_equal(text_of(&answer, "crawl_id"), crawl_text);
	answer_done(&answer);
	close(fd);
}

static void
test_head_is_get_without_the_body(void **state)
{
	struct world *world = *state;
	struct answer get, head;
	int fd;

	world->answers_all = true;
	world_run(world);
	world_view(world, CRAWL_COMPLETED);
	fd = client_open(world);
	client_send(fd, "HEAD ");
	client_send(fd, &STATUS[4]);
	head = client_answer_of(world, fd, false);
	client_send(fd, STATUS);
	get = client_answer(world, fd);
	assert_int_equal(head.status, 200);
	assert_int_equal(get.status, 200);
	assert_true(head.length > 100);
	assert_int_equal(head.length, get.length);
	answer_done(&get);
	close(fd);
}

static void
test_request_ids_are_taken_over_when_they_are_fit(void **state)
{
	static const struct {
		const char *sent;
		bool taken;
	} table[] = {
		{ "abc-1.2_X", true },
		{ "bad id", false },
		{ "a;b", false },
		{ "", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
	};
	struct world *world = *state;
	int fd;

	world_run(world);
	fd = client_open(world);
	for (size_t i = 0; i < countof(table); i++) {
		char text[256];
		struct answer answer;

		(void)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\n" HOST "X-Request-Id: %s\r\n\r\n", table[i].sent);
		client_send(fd, text);
		answer = client_answer(world, fd);
		assert_error(&answer, 404, "NOT_FOUND", "/x");
		assert_int_equal(strcmp(text_of(&answer, "request_id"), table[i].sent) == 0, table[i].taken);
		answer_done(&answer);
	}
	close(fd);
}

static void
test_the_keeper_hears_the_request_id_of_what_it_logs(void **state)
{
	static const char id[] = "X-Request-Id: by-hand.1\r\n";
	static const struct {
		unsigned type;
		const char *verb;
	} table[] = {
		{ MSG_CRAWL_FETCH, "download" }, { MSG_CRAWL_CANCEL, "cancel" }, { MSG_CRAWL_RETRY, "retry" },
	};
	struct world *world = *state;
	struct asked *asked;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	world_view(world, CRAWL_COMPLETED);
	send_trigger(fd, "Content-Type: application/json\r\nX-Request-Id: by-hand.1\r\n", body);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	assert_string_equal(asked->request_id, "by-hand.1");
	for (size_t i = 0; i < countof(table); i++) {
		struct answer answer = client_answer(world, fd);
		char text[256];

		answer_done(&answer);
		(void)snprintf(text, sizeof(text), "POST /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/%s "
		    "HTTP/1.1\r\n" HOST "%sContent-Length: 0\r\n\r\n", table[i].verb, id);
		client_send(fd, text);
		asked = world_asked(world, table[i].type);
		assert_string_equal(asked->request_id, "by-hand.1");
	}
	close(fd);
}

/* ---- the keeper comes and goes ---- */

static void
wait_until_waiting(struct world *world, unsigned wanted)
{
	unsigned count = 0;

	for (int i = 0; i < PATIENCE_MS && count < wanted; i++) {
		const struct call *call;

		world_turn(world);
		count = 0;
		TAILQ_FOREACH(call, &world->front->waiting, link)
			count++;
	}
	assert_int_equal(count, wanted);
}

static void
test_questions_are_asked_again_of_the_next_keeper(void **state)
{
	struct world *world = *state;
	struct uuid made;
	struct answer answer;
	struct asked *asked;
	int reader, trigger;

	world_run(world);
	reader = client_open(world);
	trigger = client_open(world);
	client_send(reader, STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	send_trigger(trigger, JSON_TYPE, body);
	made = world_asked(world, MSG_CRAWL_CREATE)->crawl_id;
	world_stop_keeper(world);
	world->ahead_ms += 9000;
	world_turn(world);
	world_start_keeper(world);
	asked = world_asked(world, MSG_CRAWL_READ);
	world_answer(world, asked->request);
	answer = client_answer(world, reader);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	asked = world_asked(world, MSG_CRAWL_CREATE);
	assert_true(uuid_equal(&asked->crawl_id, &made));
	world_answer(world, asked->request);
	answer = client_answer(world, trigger);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(reader);
	close(trigger);
}

static void
test_a_keeper_that_stays_away_is_503_with_retry_after(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int reader, trigger, kept;

	world_run(world);
	kept = client_open(world);
	send_trigger(kept, JSON_TYPE, body);
	world_view(world, CRAWL_ACCEPTED);
	world->answer.more = true;
	world_answer(world, world_asked(world, MSG_CRAWL_CREATE)->request);
	world_turn(world);
	world_stop_keeper(world);
	reader = client_open(world);
	trigger = client_open(world);
	client_send(reader, STATUS);
	send_trigger(trigger, JSON_TYPE, body);
	wait_until_waiting(world, 3);
	world->ahead_ms += 10000;
	answer = client_answer(world, reader);
	assert_error(&answer, 503, "UNAVAILABLE", "restarting");
	assert_non_null(strstr(answer.head, "\r\nRetry-After: 2\r\n"));
	answer_done(&answer);
	answer = client_answer(world, trigger);
	assert_error_once(&answer, 503, "UNAVAILABLE", "not known");
	answer_done(&answer);
	/* The one that is on disk is safe. */
	answer = client_answer(world, kept);
	assert_int_equal(answer.status, 202);
	answer_done(&answer);
	close(reader);
	close(trigger);
	close(kept);
}

static void
test_a_keeper_that_does_not_answer_is_503(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->conf.trigger_wait_ms = 1000;
	world_run(world);
	fd = client_open(world);
	send_trigger(fd, JSON_TYPE, body);
	(void)world_asked(world, MSG_CRAWL_CREATE);
	/* The wait is over, but the crawl is not known to be on disk. */
	world->ahead_ms += 2000;
	for (int i = 0; i < 100; i++)
		world_turn(world);
	assert_non_null(TAILQ_FIRST(&world->front->waiting));
	world->ahead_ms += 8000;
	answer = client_answer(world, fd);
	/* Whoever just sends it again has two crawls, if the first was kept. */
	assert_error_once(&answer, 503, "UNAVAILABLE", "in time");
	assert_string_equal(members_of(answer.doc), ERROR_MEMBERS);
	assert_non_null(strstr(text_of(&answer, "recovery_suggestion"), "Look at the status first"));
	answer_done(&answer);
	(void)world_asked(world, MSG_FORGET);
	send_trigger(fd, JSON_TYPE KEY, body);
	(void)world_asked(world, MSG_CRAWL_CREATE);
	world->ahead_ms += 10000;
	answer = client_answer(world, fd);
	assert_error(&answer, 503, "UNAVAILABLE", "in time");
	assert_non_null(strstr(text_of(&answer, "recovery_suggestion"), "same Idempotency-Key"));
	answer_done(&answer);
	close(fd);
}

static void
test_a_broken_answer_costs_the_keeper_its_connection_only(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, STATUS);
	memset(&world->answer, 0, sizeof(world->answer));
	log_open("test", LOG_LEVEL_ERROR);
	/* Neither an error nor a view. */
	world_answer(world, world_asked(world, MSG_CRAWL_READ)->request);
	for (int i = 0; i < 1000 && world->keeper != NULL; i++)
		world_turn(world);
	assert_null(world->keeper);
	world_start_keeper(world);
	world_view(world, CRAWL_POLLING);
	world_answer(world, world_asked(world, MSG_CRAWL_READ)->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

static void
test_too_many_requests_are_refused_at_once(void **state)
{
	struct world *world = *state;
	struct call_list all;
	struct answer answer;
	int fd;

	world_run(world);
	TAILQ_INIT(&all);
	TAILQ_CONCAT(&all, &world->front->free, link);
	fd = client_open(world);
	client_send(fd, STATUS);
	answer = client_answer(world, fd);
	assert_error(&answer, 503, "UNAVAILABLE", "4096");
	answer_done(&answer);
	TAILQ_CONCAT(&world->front->free, &all, link);
	world->answers_all = true;
	client_send(fd, STATUS);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(trigger_waits_for_the_provider_and_tells_the_snapshot),
		T(trigger_answers_202_when_the_wait_ends_first),
		T(a_202_says_what_the_crawl_waits_for),
		T(a_drain_does_not_look_again),
		T(trigger_does_not_wait_when_told_so),
		T(trigger_tells_when_polling_is_disabled),
		T(trigger_that_fails_carries_the_crawls_error),
		T(an_existing_crawl_is_told_as_it_is),
		T(an_existing_crawl_that_ended_badly_is_an_error_with_the_way_on),
		T(a_bad_trigger_is_refused_without_asking_the_keeper),
		T(what_the_keeper_refuses_becomes_its_status),
		T(status_tells_each_state),
		T(status_of_a_completed_crawl_carries_the_object),
		T(status_says_what_a_crawl_waits_for),
		T(status_estimates_when_polling_gives_up),
		T(status_asks_the_provider_when_polling_is_disabled),
		T(an_unknown_crawl_is_404),
		T(download_answers_when_the_crawl_has_ended),
		T(download_of_a_failed_crawl_waits_when_it_goes_on),
		T(download_goes_on_without_its_client),
		T(cancel_tells_what_came_of_it),
		T(retry_says_what_comes_now),
		T(retry_says_why_not),
		T(a_retry_that_the_former_keeper_noted_is_not_refused_by_the_next),
		T(health_counts_the_work),
		T(what_waits_is_asked_again_when_the_keeper_had_to_forget_it),
		T(health_tells_how_the_provider_is_and_stays_healthy),
		T(health_names_the_check_that_fails),
		T(backup_tells_where_the_copy_lies),
		T(backup_that_fails_says_why),
		T(backup_is_asked_of_the_next_keeper_and_waits_long),
		T(paths_and_methods_that_do_not_exist),
		T(a_crawl_id_may_be_in_capitals_and_a_query_is_ignored),
		T(head_is_get_without_the_body),
		T(request_ids_are_taken_over_when_they_are_fit),
		T(the_keeper_hears_the_request_id_of_what_it_logs),
		T(questions_are_asked_again_of_the_next_keeper),
		T(a_keeper_that_stays_away_is_503_with_retry_after),
		T(a_keeper_that_does_not_answer_is_503),
		T(a_broken_answer_costs_the_keeper_its_connection_only),
		T(too_many_requests_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
