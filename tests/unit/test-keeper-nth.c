/*
 * test-keeper-nth.c - keepers whose n-th call fails, memory, file or statement, and what the
 * next keeper finds: a store that is whole, and in it everything that a client, a poller or a
 * publisher was told. No crawl is triggered twice, no event is lost, a copy of the store is whole.
 */
#include "fail_nth.h"

#include "keeper/store_mark.h"
#include "test-keeper-world.h"

/* What left the keeper. */
struct told {
	unsigned count;
	struct told_crawl {
		struct uuid	 id;
		uint64_t	 request;
		bool		 accepted;
		enum crawl_state seen;		/* the latest */
		uint64_t	 trigger;	/* lease; 0: it was not triggered */
		bool		 announced;	/* a publisher has the event of its end */
	} crawls[12];
	char copy[BACKUP_PATH_SIZE];
};
_Static_assert(sizeof(struct told) <= sizeof(nth->told), "it fits");

static struct world *the_world;		/* of a child */

static struct told *
told(void)
{
	return (struct told *)(void *)nth->told;
}

/* ---- noting what is told ---- */

static void
note(struct told_crawl *crawl, enum crawl_state state)
{
	if (crawl == NULL)
		return;
	crawl->accepted = true;
	if (state > crawl->seen)
		crawl->seen = state;
}

static struct told_crawl *
told_of(const struct uuid *id)
{
	for (unsigned i = 0; i < told()->count; i++)
		if (uuid_equal(&told()->crawls[i].id, id))
			return &told()->crawls[i];
	return NULL;
}

static void
note_answer(const struct msg_crawl_answer *m)
{
	for (unsigned i = 0; i < told()->count; i++)
		if (m->error == ERROR_NONE && m->request == told()->crawls[i].request)
			note(&told()->crawls[i], CRAWL_ACCEPTED);
	if (m->has_view)
		note(told_of(&m->view.crawl.id), m->view.crawl.state);
}

/* Nothing that a poller says here lets a keeper trigger again. */
static void
note_task(const struct msg_task *task)
{
	struct told_crawl *crawl = task->kind == TASK_RECONCILE ? NULL : told_of(&task->crawl.id);

	note(crawl, task->crawl.state);
	if (crawl == NULL || task->kind != TASK_TRIGGER)
		return;
	if (crawl->trigger != 0 && crawl->trigger != task->lease) {
		(void)fprintf(stderr, "crawl %td is triggered twice\n", crawl - told()->crawls);
		abort();	/* not an assertion: it may be in a handler at exit */
	}
	crawl->trigger = task->lease;
}

static void
note_inboxes(const struct world *w)
{
	for (unsigned i = 0; i < w->front.count; i++)
		note_answer(w->front.answers[i]);
	for (unsigned i = 0; i < w->poller.count; i++)
		note_task(&w->poller.tasks[i]);
}

/* A frame that the far end has not read: 1, or 0 at the end. */
static int
next_frame(int fd, unsigned *ret_type, uint8_t *body, size_t *ret_len)
{
	uint8_t head[WIRE_HEADER_SIZE];
	size_t got = 0;
	ssize_t n;

	if (recv(fd, head, sizeof(head), MSG_DONTWAIT) != sizeof(head))
		return 0;
	*ret_len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
	*ret_type = (unsigned)head[4] | (unsigned)head[5] << 8;
	if (*ret_len > WIRE_BODY_MAX)	/* the rest of one that was being read */
		return 0;
	while (got < *ret_len && (n = recv(fd, body + got, *ret_len - got, MSG_DONTWAIT)) > 0)
		got += (size_t)n;
	return got == *ret_len;
}

/* At the end, whatever it is: what the others have, and what they will read although the keeper is gone. */
static void
note_rest(void)
{
	static uint8_t body[WIRE_BODY_MAX];
	static struct msg_crawl_answer answer;
	static struct msg_task task;
	struct wire_in in;
	unsigned type;
	size_t len;

	nth_disarm();
	if (the_world == NULL)
		return;
	note_inboxes(the_world);
	while (the_world->front.peer != NULL && next_frame(the_world->front.fd, &type, body, &len)) {
		in = (struct wire_in){ .p = body, .left = len };
		if (type == MSG_CRAWL_ANSWER && msg_crawl_answer_get(&in, &answer) == 0)
			note_answer(&answer);
	}
	while (the_world->poller.peer != NULL && next_frame(the_world->poller.fd, &type, body, &len)) {
		in = (struct wire_in){ .p = body, .left = len };
		if (type == MSG_TASK && msg_task_get(&in, &task) == 0)
			note_task(&task);
	}
}

static void survive(struct world *);

static void
note_all(struct world *w)
{
	note_inboxes(w);
	if (w->keeper != NULL && w->keeper->suspended)
		survive(w);
}

/* ---- a keeper's life, as keeper_main.c has it ---- */

static struct world *
begin(const char *dir)
{
	struct world *w = xcalloc(1, sizeof(*w));

	log_open("keeper", LOG_LEVEL_ERROR);
	(void)str_copy(w->dir, sizeof(w->dir), dir);
	(void)snprintf(w->path, sizeof(w->path), "%s/trawld.db", dir);
	the_world = w;
	nth_at_end = note_rest;
	return w;
}

/* Nothing is to be done about a store that cannot be opened: the reason is told, and that was it. */
static _Noreturn void
refuse(const char *reason)
{
	assert_true(strlen(reason) > 5);
	(void)fprintf(stderr, "%s\n", reason);
	exit(EXIT_STATUS_FAILURE);
}

static void
check_mark(const struct world *w, int result)
{
	if (result == -ENOSPC || result == -EROFS || result == -EDQUOT)
		store_mark_remove(w->path);
	else if (result < 0)
		refuse(strerror(-result));
}

/* Of a small disk the keeper's own reserve is small, and soon made. */
static int
small_disk(int dirfd, struct fs_room *ret)
{
	(void)dirfd;
	*ret = (struct fs_room){ 512 << 20, 1024 << 20, 256 << 10 };
	return 0;
}

static void
start(struct world *w)
{
	struct keeper_parent parent = { on_kill, on_status, w };
	char set[STORE_SET_SIZE];
	struct store *store;
	struct why why;

	conf_init(&w->conf);
	(void)str_copy(w->conf.data_dir, sizeof(w->conf.data_dir), w->dir);
	w->base = loop_new();
	if (event_base_priority_init(w->base, 3) < 0)
		refuse("the loop takes no priorities");
	w->start.boot = store_mark_boot();
	(void)store_mark_set(set, w->start.boot);
	w->start.doubtful = !store_mark_trusts(w->path, set);
	if (store_open(w->path, &test_clock, NULL, &store, &why) < 0)
		refuse(why.text);
	w->keeper = keeper_new(w->base, store, &w->conf, &test_clock, test_random, &parent);
	w->keeper->room = small_disk;
	keeper_recover(w->keeper, &w->start);
	check_mark(w, store_mark_running(w->path, set));
	far_connect(w, &w->front, ROLE_FRONT, 0);
	far_connect(w, &w->poller, ROLE_POLLER, 0);
	far_connect(w, &w->publisher, ROLE_PUBLISHER, 0);
	world_run(w);
	poller_say(w, &w->poller, 64, 4);
	note_all(w);
}

static void
stop(struct world *w)
{
	keeper_drain(w->keeper);
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	keeper_turn(w->keeper);
	keeper_free(w->keeper);
	w->keeper = NULL;
	check_mark(w, store_mark_stopped(w->path));
	far_done(&w->front);
	far_done(&w->poller);
	far_done(&w->publisher);
	event_base_free(w->base);
	conf_done(&w->conf);
	free(w);
	the_world = NULL;
}

/* Its disk is full, and it waits. What is there can be read; when there is room again it goes on. The
 * case ends here. */
static void
survive(struct world *w)
{
	static bool once;

	if (once)
		return;
	once = true;
	for (int i = 0; i < 3 && w->keeper->suspended; i++) {
		w->front.count = w->poller.count = 0;
		keeper_try_resume(w->keeper);	/* as each second does */
		world_pass(w, 1000);
		note_inboxes(w);
	}
	assert_int_equal(w->keeper->suspended, nth->on);
	for (unsigned i = 0; i < told()->count; i++) {
		w->front.count = 0;
		send_read(w, &told()->crawls[i].id, false);
		assert_int_equal(last_answer(w)->error, told()->crawls[i].accepted ? ERROR_NONE : last_answer(w)->error);
	}
	stop(w);
	exit(0);
}

/* ---- steps ---- */

static struct uuid
create(struct world *w, const char *key)
{
	struct msg_crawl_create m = a_request(w);
	struct told *t = told();

	assert_true(t->count < countof(t->crawls));
	t->crawls[t->count].id = m.crawl_id;
	t->crawls[t->count++].request = m.request;
	(void)str_copy(m.idempotency_key, sizeof(m.idempotency_key), key);
	(void)snprintf(m.body.url, sizeof(m.body.url), "https://www.facebook.com/page-%u", t->count);
	send_create(w, &m);
	note_all(w);
	return m.crawl_id;
}

static void
answer(struct world *w, enum task_kind kind, enum outcome outcome, enum error_code error)
{
	answer_task(w, kind, outcome, error);
	note_all(w);
}

/* Polls that come first are answered "running". */
static void
wait_for_task(struct world *w, enum task_kind kind, const struct uuid *id)
{
	for (int i = 0; i < 600; i++) {
		for (unsigned n = 0; n < w->poller.count; n++) {
			const struct msg_task task = w->poller.tasks[n];

			if (task.kind == kind && (kind == TASK_RECONCILE || uuid_equal(&task.crawl.id, id)) &&
			    (task.kind == TASK_RECONCILE || crawl_of(w, id).lease == task.lease)) {
				w->poller.tasks[w->poller.count++] = task;
				return;
			}
		}
		w->poller.count = w->front.count = 0;
		world_pass(w, 1000);
		note_all(w);
	}
	fail_msg("no task %s", task_name(kind));
}

static void
walk(struct world *w, const struct uuid *id, enum crawl_state state)
{
	static const struct { enum crawl_state at; enum task_kind kind; } ways[] = {
		{ CRAWL_TRIGGERING, TASK_TRIGGER }, { CRAWL_POLLING, TASK_POLL }, { CRAWL_DOWNLOADING, TASK_DOWNLOAD },
		{ CRAWL_STORING, TASK_STORE },
	};

	for (unsigned i = 0; i < countof(ways); i++) {
		if (crawl_of(w, id).state >= state)
			break;
		if (crawl_of(w, id).state > ways[i].at)
			continue;
		wait_for_task(w, ways[i].kind, id);
		answer(w, ways[i].kind, OUTCOME_OK, ERROR_NONE);
	}
	assert_int_equal(crawl_of(w, id).state, state);
}

static void
note_event(const char *body)
{
	char id[UUID_TEXT_SIZE];

	if (strstr(body, "completed") == NULL && strstr(body, "failed") == NULL)
		return;
	for (unsigned i = 0; i < told()->count; i++)
		if (strstr(body, uuid_format(id, &told()->crawls[i].id)) != NULL)
			told()->crawls[i].announced = true;
}

static void
acknowledge_events(struct world *w)
{
	while (w->publisher.batches > 0) {
		struct msg_event_ack m = { w->publisher.batch_seq };

		for (unsigned i = 0; i < w->publisher.batch_count; i++)
			note_event(w->publisher.bodies[i]);
		w->publisher.batches = 0;
		msg_event_ack_put(&w->publisher.out, &m);
		peer_send(w->publisher.peer, &w->publisher.out);
		world_run(w);
		note_all(w);
	}
}

/* The search under way meets the job of this crawl, and ends. */
static void
find_job(struct world *w, const struct uuid *id)
{
	struct msg_search_page page = { .lease = w->poller.search.lease, .count = 1 };
	struct msg_search_input input = { .lease = w->poller.search.lease, .readable = true };
	const struct msg_task *search = last_task(&w->poller);
	const struct crawl_view *view;

	send_read(w, id, false);
	note_all(w);
	view = &last_answer(w)->view;
	(void)str_copy(page.jobs[0].snapshot_id, SNAPSHOT_ID_SIZE, "sd_found");
	page.jobs[0].created_ms = view->crawl.intent_ms + 500;
	input.job = page.jobs[0];
	provider_brightdata.input_digest(&view->request, input.digest);
	msg_search_page_put(&w->poller.out, &page);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	msg_search_input_put(&w->poller.out, &input);
	peer_send(w->poller.peer, &w->poller.out);
	report(w, &w->poller, search, verdict(search, OUTCOME_OK, ERROR_NONE));
	note_all(w);
}

/* Its steps have pauses between them. */
static void
back_up(struct world *w)
{
	struct msg_backup m = { .request = ++w->request, .request_id = "backup-1" };
	const struct msg_backup_answer *got = &w->front.backup;

	msg_backup_put(&w->front.out, &m);
	peer_send(w->front.peer, &w->front.out);
	for (int i = 0; i < 20000 && w->front.backups == 0; i++) {
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
		note_all(w);
		(void)usleep(200);
	}
	assert_int_equal(w->front.backups, 1);
	if (got->error == ERROR_NONE)
		(void)str_copy(told()->copy, sizeof(told()->copy), got->path);
	else
		assert_true(strlen(got->text) > 10);
}

/* ---- cases ---- */

static void
run_life(const char *dir)
{
	struct world *w = begin(dir);
	struct uuid id;

	nth_arm();
	start(w);
	id = create(w, "");
	walk(w, &id, CRAWL_COMPLETED);
	acknowledge_events(w);
	send_read(w, &id, false);
	note_all(w);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_COMPLETED);

	id = create(w, "a-key");
	walk(w, &id, CRAWL_POLLING);
	send_ref(w, MSG_CRAWL_CANCEL, &id);
	note_all(w);
	wait_for_task(w, TASK_CANCEL, &id);
	answer(w, TASK_CANCEL, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_CANCELED);

	id = create(w, "another-key");
	answer(w, TASK_TRIGGER, OUTCOME_FAILED, ERROR_INVALID_REQUEST);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_FAILED);
	back_up(w);
	acknowledge_events(w);
	stop(w);
}

/* What a keeper leaves that is killed in the midst of work. */
static void
prepare_midst(const char *dir)
{
	static const enum crawl_state states[] = { CRAWL_POLLING, CRAWL_DOWNLOADING, CRAWL_STORING, CRAWL_COMPLETED };
	struct world *w = begin(dir);
	struct uuid id;

	start(w);
	for (unsigned i = 0; i < countof(states); i++) {
		id = create(w, "");
		walk(w, &id, states[i]);
	}
	id = create(w, "");
	wait_for_task(w, TASK_TRIGGER, &id);
	id = create(w, "");
	wait_for_task(w, TASK_TRIGGER, &id);
	answer(w, TASK_TRIGGER, OUTCOME_UNKNOWN, ERROR_NONE);
	keeper_turn(w->keeper);
	_exit(0);	/* none of the ends is called */
}

static void
run_next(const char *dir)
{
	struct world *w = begin(dir);
	struct told *t = told();

	test_pass(300000);
	nth_arm();
	start(w);
	for (unsigned i = 0; i < 3; i++)
		walk(w, &t->crawls[i].id, CRAWL_COMPLETED);
	/* The outcome of two triggers is not known: they are searched for, and one is found. */
	for (unsigned i = 4; i < 6; i++)
		assert_int_equal(crawl_of(w, &t->crawls[i].id).state, CRAWL_RECONCILING);
	wait_for_task(w, TASK_RECONCILE, NULL);
	find_job(w, &t->crawls[4].id);
	assert_int_equal(crawl_of(w, &t->crawls[4].id).state, CRAWL_POLLING);
	assert_int_equal(crawl_of(w, &t->crawls[5].id).state, CRAWL_RECONCILING);
	acknowledge_events(w);
	for (unsigned i = 0; i < 6; i++) {
		send_read(w, &t->crawls[i].id, false);
		note_all(w);
	}
	stop(w);
}

/* ---- what is left ---- */

static void
check_integrity(const char *path)
{
	sqlite3_stmt *st;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v3(db, "PRAGMA integrity_check", -1, 0, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
}

static void
check_crawl(struct world *w, unsigned number, const struct told_crawl *crawl)
{
	struct job job;

	assert_true(keeper_find(w->keeper, &crawl->id, &job));
	if (job.crawl.state < crawl->seen)
		fail_msg("crawl %u is %s; others were told %s", number, crawl_state_name(job.crawl.state),
		    crawl_state_name(crawl->seen));
	w->front.count = 0;
	send_read(w, &crawl->id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	if (crawl_is_terminal(crawl->seen))
		assert_int_equal(last_answer(w)->view.crawl.state, crawl->seen);
	if (crawl->seen == CRAWL_COMPLETED || crawl->seen == CRAWL_FAILED)
		assert_true(crawl->announced);
}

/* Once more a keeper, which nothing disturbs. */
static void
check_store(const char *dir)
{
	struct world *w = begin(dir);
	struct msg_crawl_create m;
	char path[sizeof(w->path)];
	struct told t;

	memcpy(path, w->path, sizeof(path));
	if (access(path, F_OK) == 0)
		check_integrity(path);
	if (told()->copy[0] != '\0')
		check_integrity(told()->copy);
	test_pass(600000);
	start(w);
	acknowledge_events(w);
	t = *told();		/* of the one before; what comes below may be ahead of it */
	for (unsigned i = 0; i < t.count; i++)
		if (t.crawls[i].accepted)
			check_crawl(w, i, &t.crawls[i]);
	/* Work goes on, for long enough to trigger again what is thought not to have been. */
	m = a_request(w);
	send_create(w, &m);
	assert_true(keeper_find(w->keeper, &m.crawl_id, &(struct job){ 0 }));
	for (int i = 0; i < 10; i++) {
		w->front.count = w->poller.count = 0;
		world_pass(w, 60000);
		note_all(w);
	}
	stop(w);
	check_integrity(path);
}

int
main(void)
{
	static const struct nth_case cases[] = {
		{ "life", NULL, run_life, check_store, 0 },
		{ "next", prepare_midst, run_next, check_store, 0 },
	};

	return nth_main(cases, countof(cases));
}
