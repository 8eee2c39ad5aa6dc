/*
 * test-keeper-world.h - a keeper on a real store with a clock that the test sets,
 * and fronts, pollers and a publisher that the test plays over real connections.
 * Each test program has its own copy.
 *
 * world_run() lets the loop turn until nothing more happens. world_kill() drops the
 * keeper as kill -9 would: what is not committed is gone. The far ends notice;
 * world_start() starts the next keeper on the same file, and they connect anew.
 */
#ifndef TESTS_KEEPER_WORLD_H
#define TESTS_KEEPER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"
#include "keeper/keeper.h"
#include "provider/brightdata.h"

#define UNUSED __attribute__((unused))
#define INBOX  256

static int64_t test_wall_ms = 1732385000000, test_mono_ms = 1000;

static int64_t
test_wall(const struct clock *c)
{
	(void)c;
	return test_wall_ms;
}

static int64_t
test_mono(const struct clock *c)
{
	(void)c;
	return test_mono_ms;
}

static const struct clock test_clock = { test_mono, test_wall, test_mono };

static uint64_t
test_random(void)
{
	return 1ull << 63;	/* the middle of every spread */
}

static UNUSED void
test_pass(int64_t ms)
{
	test_wall_ms += ms;
	test_mono_ms += ms;
}

/* The far end of one connection, with what came over it. */
struct far {
	struct peer		*peer;		/* NULL: gone */
	int			 fd;		/* its own */
	enum role		 role;
	struct wire_out		 out;
	unsigned		 count;
	struct msg_task		 tasks[INBOX];
	struct msg_crawl_answer	*answers[INBOX];
	struct msg_health_answer health;
	unsigned		 kept, again, released;	/* TRIGGER_KEPT, TELL_AGAIN, RELEASED */
	unsigned		 backups;
	struct msg_backup_answer backup;	/* the last one */
	struct msg_search	 search;	/* the last one; it also counts as a task of kind TASK_RECONCILE */
	struct msg_search_wanted wanted;
	unsigned		 batches;
	uint64_t		 batch_seq;
	unsigned		 batch_count;
	char			 bodies[EVENT_BATCH_MAX][1024];
};

struct world {
	char			 dir[64], path[96];
	struct conf		 conf;
	struct event_base	*base;
	struct keeper		*keeper;
	struct keeper_start	 start;		/* of the next one */
	unsigned		 generation;
	struct far		 front, poller, poller2, publisher;
	unsigned		 kills, killed_instance;
	char			 status[256];
	struct uuid_maker	 ids;
	uint64_t		 request;
	bool			 spread;	/* each request names a data set of its own */
};

/* ---- the far ends ---- */

static int
far_on_task(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;

	(void)peer;
	assert_true(far->count < INBOX);
	return msg_task_get(in, &far->tasks[far->count++]);
}

static int
far_on_kept(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_trigger_ref m;
	struct far *far = arg;

	(void)peer;
	far->kept++;
	return msg_trigger_ref_get(in, &m);
}

static int
far_on_again(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_tell_again m;
	struct far *far = arg;

	(void)peer;
	far->again++;
	return msg_tell_again_get(in, &m);
}

static int
far_on_released(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_released m;
	struct far *far = arg;

	(void)peer;
	far->released++;
	return msg_released_get(in, &m);
}

static int
far_on_search(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;
	int result = msg_search_get(in, &far->search);

	(void)peer;
	assert_true(far->count < INBOX);
	memset(&far->tasks[far->count], 0, sizeof(far->tasks[0]));
	far->tasks[far->count].lease = far->search.lease;
	far->tasks[far->count++].kind = TASK_RECONCILE;
	return result;
}

static int
far_on_wanted(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;

	(void)peer;
	return msg_search_wanted_get(in, &far->wanted);
}

static int
far_on_answer(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;

	(void)peer;
	assert_true(far->count < INBOX);
	if (far->answers[far->count] == NULL)
		far->answers[far->count] = xcalloc(1, sizeof(struct msg_crawl_answer));
	return msg_crawl_answer_get(in, far->answers[far->count++]);
}

static int
far_on_health(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;

	(void)peer;
	far->count++;
	return msg_health_answer_get(in, &far->health);
}

static int
far_on_backup(struct peer *peer, struct wire_in *in, void *arg)
{
	struct far *far = arg;

	(void)peer;
	far->backups++;
	return msg_backup_answer_get(in, &far->backup);
}

static int
far_on_batch(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_event_batch batch;
	struct far *far = arg;
	int result = msg_event_batch_get(in, &batch);

	(void)peer;
	if (result < 0)
		return result;
	far->batches++;
	far->batch_count = batch.count;
	for (unsigned i = 0; i < batch.count; i++) {
		far->batch_seq = batch.events[i].event.seq;
		snprintf(far->bodies[i], sizeof(far->bodies[i]), "%.*s", (int)batch.events[i].body_len,
		    batch.events[i].body);
	}
	return 0;
}

static void
far_on_closed(struct peer *peer, void *arg)
{
	struct far *far = arg;

	(void)peer;
	far->peer = NULL;
}

static void
far_connect(struct world *w, struct far *far, enum role role, unsigned instance)
{
	static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
		[MSG_TASK] = { 1u << ROLE_KEEPER, far_on_task },
		[MSG_TRIGGER_KEPT] = { 1u << ROLE_KEEPER, far_on_kept },
		[MSG_TELL_AGAIN] = { 1u << ROLE_KEEPER, far_on_again },
		[MSG_RELEASED] = { 1u << ROLE_KEEPER, far_on_released },
		[MSG_SEARCH] = { 1u << ROLE_KEEPER, far_on_search },
		[MSG_SEARCH_WANTED] = { 1u << ROLE_KEEPER, far_on_wanted },
		[MSG_CRAWL_ANSWER] = { 1u << ROLE_KEEPER, far_on_answer },
		[MSG_HEALTH_ANSWER] = { 1u << ROLE_KEEPER, far_on_health },
		[MSG_BACKUP_ANSWER] = { 1u << ROLE_KEEPER, far_on_backup },
		[MSG_EVENT_BATCH] = { 1u << ROLE_KEEPER, far_on_batch },
	};
	static const struct peer_events events = { NULL, far_on_closed };
	struct inherit_message child = { .role = role, .instance = instance, .generation = ++w->generation,
		.pid = 1000, .arg = inherit_self(0, 1) };
	struct inherit_message keeper = { .role = ROLE_KEEPER, .generation = 1,
		.arg = inherit_self(instance, w->generation) };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (far->out.p == NULL)
		wire_init(&far->out);
	far->fd = fds[1];
	far->role = role;
	far->count = 0;
	far->peer = peer_new(w->base, fds[1], role, &keeper, rules, &events, far);
	keeper_peer_add(w->keeper, &child, fds[0]);
}

static void
far_done(struct far *far)
{
	peer_free(far->peer);
	far->peer = NULL;
	if (far->out.p != NULL)
		wire_done(&far->out);
	memset(&far->out, 0, sizeof(far->out));
	for (unsigned i = 0; i < INBOX; i++)
		free(far->answers[i]);
}

static UNUSED void
far_close(struct far *far)
{
	peer_free(far->peer);
	far->peer = NULL;
}

/* ---- the world ---- */

static void
on_kill(void *arg, unsigned instance, unsigned generation, const char *reason)
{
	struct world *w = arg;

	(void)generation;
	(void)reason;
	w->kills++;
	w->killed_instance = instance;
}

static void
on_status(void *arg, const char *text)
{
	struct world *w = arg;

	snprintf(w->status, sizeof(w->status), "%s", text);
}

/* Until the loop has been quiet for a few passes. */
static UNUSED void
world_run(struct world *w)
{
	keeper_wake(w->keeper);
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* Time passes in the world, seconds in a moment. */
static UNUSED void
world_pass(struct world *w, int64_t ms)
{
	test_pass(ms);
	world_run(w);
}

static UNUSED void
poller_say(struct world *w, struct far *poller, unsigned calls, unsigned transfers)
{
	struct msg_poller_state state = { calls, transfers };

	msg_poller_state_put(&poller->out, &state);
	peer_send(poller->peer, &poller->out);
	world_run(w);
}

/* A keeper on the file, with all connections but that of poller2. */
static UNUSED void
world_start(struct world *w)
{
	struct keeper_parent parent = { on_kill, on_status, w };
	struct store *store;
	struct why why;

	if (store_open(w->path, &test_clock, NULL, &store, &why) < 0)
		fail_msg("%s", why.text);
	w->keeper = keeper_new(w->base, store, &w->conf, &test_clock, test_random, &parent);
	keeper_recover(w->keeper, &w->start);
	far_connect(w, &w->front, ROLE_FRONT, 0);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	far_connect(w, &w->publisher, ROLE_PUBLISHER, 0);
	world_run(w);
}

static UNUSED void
world_kill(struct world *w)
{
	keeper_free(w->keeper);
	w->keeper = NULL;
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_null(w->front.peer);
}

static UNUSED void
world_new(struct world *w)
{
	memset(w, 0, sizeof(*w));
	log_open("keeper", getenv("TEST_LOG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	snprintf(w->dir, sizeof(w->dir), "/tmp/test-keeper-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/trawld.db", w->dir);
	conf_init(&w->conf);
	w->start.boot = 1;
	(void)str_copy(w->conf.data_dir, sizeof(w->conf.data_dir), w->dir);
	w->base = loop_new();
	assert_int_equal(event_base_priority_init(w->base, 3), 0);
}

static UNUSED void
world_end(struct world *w)
{
	char command[128];

	keeper_free(w->keeper);
	far_done(&w->front);
	far_done(&w->poller);
	far_done(&w->poller2);
	far_done(&w->publisher);
	event_base_free(w->base);
	conf_done(&w->conf);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
}

/* ---- what the parts say ---- */

static UNUSED struct msg_crawl_create
a_request(struct world *w)
{
	struct msg_crawl_create m = { .request = ++w->request, .request_id = "r-1", .wait = true, .body = {
		.platform = PLATFORM_FACEBOOK, .dataset_id = "gd_lkaxegm826bjpoo9m5", .competitor = "acme",
		.brand = "acme brand", .category = "snacks", .url = "https://www.facebook.com/acme",
		.start_date = "2024-12-01", .end_date = "2024-12-24", .num_of_posts = 10 } };

	m.crawl_id = uuid_make(&w->ids, &test_clock);
	if (w->spread)
		(void)snprintf(m.body.dataset_id, sizeof(m.body.dataset_id), "gd_%u", (unsigned)w->request);
	return m;
}

static UNUSED void
send_create(struct world *w, const struct msg_crawl_create *m)
{
	msg_crawl_create_put(&w->front.out, m);
	peer_send(w->front.peer, &w->front.out);
	world_run(w);
}

/* The publisher acknowledges whatever it has, until nothing is pending. */
static UNUSED void
deliver(struct world *w)
{
	world_run(w);
	while (w->keeper->batch_to != NULL) {
		struct msg_event_ack ack = { w->publisher.batch_seq };

		msg_event_ack_put(&w->publisher.out, &ack);
		peer_send(w->publisher.peer, &w->publisher.out);
		world_run(w);
	}
}

static UNUSED void
send_ref(struct world *w, enum msg_type type, const struct uuid *id)
{
	struct msg_crawl_ref m = { .request = ++w->request, .crawl_id = *id, .request_id = "by-hand" };

	msg_crawl_ref_put(&w->front.out, type, &m);
	peer_send(w->front.peer, &w->front.out);
	world_run(w);
}

static UNUSED void
send_read(struct world *w, const struct uuid *id, bool refresh)
{
	struct msg_crawl_read m = { ++w->request, *id, refresh };

	msg_crawl_read_put(&w->front.out, &m);
	peer_send(w->front.peer, &w->front.out);
	world_run(w);
}

static UNUSED struct msg_crawl_answer *
last_answer(struct world *w)
{
	assert_true(w->front.count > 0);
	return w->front.answers[w->front.count - 1];
}

/* The crawl as the store has it, committed or not. */
static UNUSED struct crawl
crawl_of(struct world *w, const struct uuid *id)
{
	struct job job;

	assert_true(keeper_find(w->keeper, id, &job));
	return job.crawl;
}

static UNUSED const struct msg_task *
last_task(const struct far *poller)
{
	assert_true(poller->count > 0);
	return &poller->tasks[poller->count - 1];
}

static UNUSED struct msg_verdict
verdict(const struct msg_task *task, enum outcome outcome, enum error_code error)
{
	struct msg_verdict v = { .lease = task->lease, .crawl_id = task->crawl.id, .outcome = outcome,
		.error = error };

	/* What is not known was not answered. */
	v.http_status = outcome == OUTCOME_UNKNOWN ? 0 : 200;
	return v;
}

/* The poller answers its last task: with its kind's message, whatever that is. */
static UNUSED void
report(struct world *w, struct far *poller, const struct msg_task *task, struct msg_verdict v)
{
	static unsigned jobs;
	struct msg_trigger_done trigger = { .verdict = v };
	struct msg_poll_done poll = { .verdict = v, .word = "running", .records = 10 };
	struct msg_download_done download = { .verdict = v, .size_bytes = 1234, .posts = 10, .media = 12,
		.errors = 1, .crc32c = 0xe3069283, .sha256 = { 1, 2, 3 } };
	struct msg_store_done store = { v };
	struct msg_search_done search = { .verdict = v };
	struct msg_cancel_done cancel = { v };

	if (v.outcome == OUTCOME_OK)
		snprintf(trigger.snapshot_id, sizeof(trigger.snapshot_id), "sd_%u", ++jobs);
	switch (task->kind) {
	case TASK_TRIGGER:
		msg_trigger_done_put(&poller->out, &trigger);
		break;
	case TASK_POLL:
		msg_poll_done_put(&poller->out, &poll);
		break;
	case TASK_DOWNLOAD:
		msg_download_done_put(&poller->out, &download);
		break;
	case TASK_STORE:
		msg_store_done_put(&poller->out, &store);
		break;
	case TASK_RECONCILE:
		msg_search_done_put(&poller->out, &search);
		break;
	default:
		msg_cancel_done_put(&poller->out, &cancel);
	}
	peer_send(poller->peer, &poller->out);
	world_run(w);
}

/* The search under way meets a job that was given this input; true when its input was wanted. */
static UNUSED bool
meet_job(struct world *w, struct far *poller, const char *snapshot_id, int64_t created_ms,
    const struct trigger_request *request)
{
	struct msg_search_page page = { .lease = poller->search.lease, .count = 1 };
	struct msg_search_input input = { .lease = poller->search.lease, .readable = true };

	(void)str_copy(page.jobs[0].snapshot_id, SNAPSHOT_ID_SIZE, snapshot_id);
	page.jobs[0].created_ms = created_ms;
	memset(&poller->wanted, 0, sizeof(poller->wanted));
	msg_search_page_put(&poller->out, &page);
	peer_send(poller->peer, &poller->out);
	world_run(w);
	assert_int_equal(poller->wanted.count, 1);
	if (!poller->wanted.wanted[0])
		return false;
	input.job = page.jobs[0];
	provider_brightdata.input_digest(request, input.digest);
	msg_search_input_put(&poller->out, &input);
	peer_send(poller->peer, &poller->out);
	world_run(w);
	return true;
}

/* The poller answers its last task, which is of this kind. */
static UNUSED void
answer_task(struct world *w, enum task_kind kind, enum outcome outcome, enum error_code error)
{
	const struct msg_task task = *last_task(&w->poller);

	assert_int_equal(task.kind, kind);
	report(w, &w->poller, &task, verdict(&task, outcome, error));
}

/* A new crawl, brought as far as wanted by good answers; its poller has one slot of each. */
static UNUSED struct uuid
crawl_in(struct world *w, enum crawl_state state)
{
	struct msg_crawl_create m = a_request(w);
	static const struct { enum crawl_state state; enum task_kind kind; } ways[] = {
		{ CRAWL_TRIGGERING, TASK_TRIGGER }, { CRAWL_POLLING, TASK_POLL }, { CRAWL_DOWNLOADING, TASK_DOWNLOAD },
		{ CRAWL_STORING, TASK_STORE },
	};

	poller_say(w, &w->poller, state == CRAWL_ACCEPTED ? 0 : 8, state == CRAWL_READY ? 0 : 1);
	send_create(w, &m);
	for (unsigned i = 0; i < countof(ways); i++) {
		if (crawl_of(w, &m.crawl_id).state == state)
			break;
		answer_task(w, ways[i].kind, OUTCOME_OK, ERROR_NONE);
		if (ways[i].kind == TASK_TRIGGER && state != CRAWL_POLLING)
			world_pass(w, w->conf.background_poll_interval_ms * 2);
	}
	assert_int_equal(crawl_of(w, &m.crawl_id).state, state);
	return m.crawl_id;
}

#endif
