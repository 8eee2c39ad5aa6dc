/*
 * The whole poller between a keeper that this test plays and a provider that
 * answers what the test wrote down: one result for each task, and what happens to
 * work when the keeper or the poller leaves.
 */
#include "canned.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "provider/brightdata.h"
#include "provider/input.h"
#include "poller/poller.h"

#define ANSWER(status, length, body) "HTTP/1.1 " status "\r\nContent-Length: " length "\r\n\r\n" body
#define RESULTS 512

struct result {
	enum msg_type type;
	struct msg_verdict verdict;
	union {
		struct msg_poller_state state;
		struct msg_task_returned returned;
		struct msg_trigger_done trigger;
		struct msg_poll_done poll;
		struct msg_download_done download;
		struct msg_search_input input;
		struct msg_search_done search;
		struct msg_task_progress progress;
		uint32_t page_count;
		struct msg_trigger_ref open;
	} u;
};

/* The system's clocks, set forward. */
struct test_clock {
	struct clock clock;
	int64_t	boot_skew_ms, mono_skew_ms;
};

struct fixture {
	char	dir[64];
	struct event_base *base;
	struct canned *provider;
	struct conf conf;
	struct poller *poller;
	struct test_clock clock;
	struct peer *keeper;		/* our end */
	int	keeper_fd;
	bool	holds;			/* it does not answer who leaves */
	bool	acks;			/* it confirms each result of a trigger at once */
	const char *wants;		/* the inputs of jobs with this in their id; NULL: it does not say */
	struct wire_out out;
	struct msg_task task;
	struct result results[RESULTS];
	unsigned count;
	bool	drained;
};

/* ---- our keeper ---- */

static struct result *
add_result(void *arg, enum msg_type type)
{
	struct fixture *f = arg;

	assert_true(f->count < RESULTS);
	f->results[f->count].type = type;
	return &f->results[f->count++];
}

#define ON(name, type, member) \
	static int keeper_on_##name(struct peer *peer, struct wire_in *in, void *arg) \
	{ \
		struct result *r = add_result(arg, type); \
		int rc = msg_##name##_get(in, &r->u.member); \
		(void)peer; \
		return rc; \
	}
#define ON_DONE(name, type, member) \
	static int keeper_on_##name(struct peer *peer, struct wire_in *in, void *arg) \
	{ \
		struct result *r = add_result(arg, type); \
		int rc = msg_##name##_get(in, &r->u.member); \
		(void)peer; \
		r->verdict = r->u.member.verdict; \
		return rc; \
	}

/* As the keeper does: nothing is on its way to who says that it takes nothing. */
static int
keeper_on_poller_state(struct peer *peer, struct wire_in *in, void *arg)
{
	static const struct msg_released released;
	struct fixture *f = arg;
	struct msg_poller_state *state = &add_result(f, MSG_POLLER_STATE)->u.state;
	int rc = msg_poller_state_get(in, state);

	if (rc == 0 && state->calls == 0 && state->transfers == 0 && !f->holds) {
		msg_released_put(&f->out, &released);
		peer_send(peer, &f->out);
	}
	return rc;
}

ON(task_returned, MSG_TASK_RETURNED, returned)
ON_DONE(poll_done, MSG_POLL_DONE, poll)
ON_DONE(download_done, MSG_DOWNLOAD_DONE, download)
ON_DONE(search_done, MSG_SEARCH_DONE, search)
ON(search_input, MSG_SEARCH_INPUT, input)
ON(task_progress, MSG_TASK_PROGRESS, progress)

static int
keeper_on_search_page(struct peer *peer, struct wire_in *in, void *arg)
{
	struct fixture *f = arg;
	struct msg_search_page page;
	struct msg_search_wanted wanted;
	int rc = msg_search_page_get(in, &page);

	add_result(f, MSG_SEARCH_PAGE)->u.page_count = page.count;
	wanted.lease = page.lease;
	wanted.count = page.count;
	for (uint32_t i = 0; f->wants != NULL && i < page.count; i++)
		wanted.wanted[i] = strstr(page.jobs[i].snapshot_id, f->wants) != NULL;
	if (f->wants != NULL) {
		msg_search_wanted_put(&f->out, &wanted);
		peer_send(peer, &f->out);
	}
	return rc;
}

static void
acknowledge(struct fixture *f, const struct msg_verdict *verdict)
{
	struct msg_trigger_ref ref = { verdict->lease, verdict->crawl_id };

	msg_trigger_ref_put(&f->out, MSG_TRIGGER_KEPT, &ref);
	peer_send(f->keeper, &f->out);
}

static int
keeper_on_trigger_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct fixture *f = arg;
	struct result *r = add_result(f, MSG_TRIGGER_DONE);
	int rc = msg_trigger_done_get(in, &r->u.trigger);

	(void)peer;
	r->verdict = r->u.trigger.verdict;
	if (f->acks)
		acknowledge(f, &r->verdict);
	return rc;
}

static int
keeper_on_trigger_open(struct peer *peer, struct wire_in *in, void *arg)
{
	(void)peer;
	return msg_trigger_ref_get(in, &add_result(arg, MSG_TRIGGER_OPEN)->u.open);
}

static int
keeper_on_store_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_store_done done;
	int rc = msg_store_done_get(in, &done);

	(void)peer;
	add_result(arg, MSG_STORE_DONE)->verdict = done.verdict;
	return rc;
}

static int
keeper_on_cancel_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_cancel_done done;
	int rc = msg_cancel_done_get(in, &done);

	(void)peer;
	add_result(arg, MSG_CANCEL_DONE)->verdict = done.verdict;
	return rc;
}

static void
keeper_on_closed(struct peer *peer, void *arg)
{
	struct fixture *f = arg;

	(void)peer;
	f->keeper = NULL;
}

static void
connect_keeper(struct fixture *f)
{
#define FROM_POLLER(name) { 1u << ROLE_POLLER, keeper_on_##name }
	static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
		[MSG_POLLER_STATE] = FROM_POLLER(poller_state),
		[MSG_TASK_RETURNED] = FROM_POLLER(task_returned),
		[MSG_TRIGGER_DONE] = FROM_POLLER(trigger_done),
		[MSG_TRIGGER_OPEN] = FROM_POLLER(trigger_open),
		[MSG_POLL_DONE] = FROM_POLLER(poll_done),
		[MSG_DOWNLOAD_DONE] = FROM_POLLER(download_done),
		[MSG_STORE_DONE] = FROM_POLLER(store_done),
		[MSG_SEARCH_PAGE] = FROM_POLLER(search_page),
		[MSG_SEARCH_INPUT] = FROM_POLLER(search_input),
		[MSG_SEARCH_DONE] = FROM_POLLER(search_done),
		[MSG_TASK_PROGRESS] = FROM_POLLER(task_progress),
		[MSG_CANCEL_DONE] = FROM_POLLER(cancel_done),
	};
	static const struct peer_events events = { NULL, keeper_on_closed };
	struct inherit_message keeper = { .role = ROLE_KEEPER }, poller = { .role = ROLE_POLLER };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	poller_attach(f->poller, &keeper, fd[0]);
	f->keeper_fd = fd[1];
	f->keeper = peer_new(f->base, fd[1], ROLE_KEEPER, &poller, rules, &events, f);
}

/* Turns the loop until there are so many results. */
static void
turn_until(struct fixture *f, unsigned count)
{
	int64_t begin = clock_mono_ms(&clock_system);
	struct timeval tick = { 0, 20000 };

	while (f->count < count) {
		if (clock_mono_ms(&clock_system) - begin > 20000)
			fail_msg("waited in vain for result %u", count);
		(void)event_base_loopexit(f->base, &tick);
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	}
}

static int64_t
test_mono(const struct clock *c)
{
	return clock_mono_ms(&clock_system) + containerof(c, const struct test_clock, clock)->mono_skew_ms;
}

static int64_t
test_wall(const struct clock *c)
{
	(void)c;
	return clock_wall_ms(&clock_system);
}

static int64_t
test_boot(const struct clock *c)
{
	return clock_boot_ms(&clock_system) + containerof(c, const struct test_clock, clock)->boot_skew_ms;
}

static int
setup(void **state)
{
	static const char json[] = "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}";
	static struct uuid_maker maker;
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct why why;

	log_open("test", LOG_LEVEL_ERROR);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-poller-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->clock.clock = (struct clock){ test_mono, test_wall, test_boot };
	f->acks = true;
	f->wants = "";
	f->base = loop_new();
	f->provider = canned_new(f->base);
	conf_init(&f->conf);
	(void)str_copy(f->conf.data_dir, sizeof(f->conf.data_dir), f->dir);
	(void)str_copy(f->conf.brightdata_api_key, sizeof(f->conf.brightdata_api_key), "key-7f3a");
	(void)snprintf(f->conf.brightdata_base_url, sizeof(f->conf.brightdata_base_url), "http://127.0.0.1:%d",
	    f->provider->port);
	assert_int_equal(poller_new(f->base, &f->conf, &f->clock.clock, &f->poller, &why), 0);
	wire_init(&f->out);
	assert_int_equal(provider_request_read(provider_brightdata.rules, json, strlen(json), &f->task.request, &why), 0);
	f->task.crawl.id = uuid_make(&maker, &clock_system);
	f->task.crawl.provider_records = UINT64_MAX;
	(void)str_copy(f->task.crawl.snapshot_id, sizeof(f->task.crawl.snapshot_id), "sd_1");
	(void)str_copy(f->task.crawl.object_path, sizeof(f->task.crawl.object_path), "raw/2026/snapshot_sd_1.json");
	assert_int_equal(time_parse("2026-11-23T12:00:00Z", &f->task.crawl.intent_ms), 0);
	connect_keeper(f);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_POLLER_STATE);
	assert_int_equal(f->results[0].u.state.calls, POLLER_CALLS);
	assert_int_equal(f->results[0].u.state.transfers, 1);
	f->count = 0;
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	poller_free(f->poller);
	if (f->keeper != NULL)
		peer_free(f->keeper);
	wire_done(&f->out);
	canned_free(f->provider);
	event_base_free(f->base);
	conf_done(&f->conf);
	assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static void
give(struct fixture *f, enum task_kind kind)
{
	f->task.kind = kind;
	f->task.lease++;
	f->task.crawl.lease = f->task.lease;
	msg_task_put(&f->out, &f->task);
	peer_send(f->keeper, &f->out);
}

/* Gives one task and waits for its result; a download may be alive before. */
static const struct result *
run(struct fixture *f, enum task_kind kind, enum msg_type type, enum outcome outcome)
{
	unsigned at = f->count;
	const struct result *r = &f->results[at];

	give(f, kind);
	turn_until(f, at + 1);
	if (r->type == MSG_TASK_PROGRESS) {
		assert_int_equal(kind, TASK_DOWNLOAD);
		turn_until(f, at + 2);
		r++;
	}
	assert_int_equal(r->type, type);
	if (r->verdict.outcome != outcome)
		fail_msg("outcome %d instead of %d: %s", r->verdict.outcome, outcome, r->verdict.text);
	assert_int_equal(r->verdict.lease, f->task.lease);
	assert_true(uuid_equal(&r->verdict.crawl_id, &f->task.crawl.id));
	return r;
}

static bool
spool_has(const struct fixture *f, bool whole)
{
	char name[SPOOL_NAME_SIZE], path[256];

	(void)snprintf(path, sizeof(path), "%s/spool/%s", f->dir, spool_name(name, &f->task.crawl.id, whole ? 0 : f->task.lease));
	return access(path, F_OK) == 0;
}

static unsigned
files_in(const struct fixture *f, const char *name)
{
	char path[256];
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
assert_file(const struct fixture *f, const char *name, const char *content)
{
	scoped_free char *text = NULL;
	char path[256];
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(fs_read_small(path, 1 << 20, &text, &len), 0);
	assert_string_equal(text, content);
}

/* ---- triggers ---- */

static void
test_a_trigger_is_one_post_and_gives_the_snapshot(void **state)
{
	struct fixture *f = *state;
	const char *text = f->provider->requests[0].text;
	char id[UUID_TEXT_SIZE], attempt[128];
	const struct result *r;

	canned_reply(f->provider, "POST /datasets/v3/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}\n", CANNED_ALWAYS);
	r = run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	assert_string_equal(r->u.trigger.snapshot_id, "sd_2");
	assert_int_equal(f->provider->request_count, 1);
	assert_non_null(strstr(text, "?dataset_id=gd_lkaxegm826bjpoo9m5&include_errors=true HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nAuthorization: Bearer key-7f3a\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\r\n\r\n[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}]"));
	(void)snprintf(attempt, sizeof(attempt), "\r\nX-Trawld-Attempt: %s.%llu\r\n", uuid_format(id, &f->task.crawl.id),
	    (unsigned long long)f->task.lease);
	assert_non_null(strstr(text, attempt));
}

static void
test_a_trigger_without_an_answer_is_unknown_and_not_sent_again(void **state)
{
	struct fixture *f = *state;

	/* A connection that could be reused lies ready. */
	canned_reply(f->provider, "/progress/", "200 OK", "{\"status\":\"running\"}", CANNED_ALWAYS);
	canned_once(f->provider, "/trigger", "", CANNED_CLOSE);
	canned_once(f->provider, "/trigger", "", CANNED_RESET);
	canned_once(f->provider, "/trigger", ANSWER("200 OK", "30", "{\"snapshot_id\":"), CANNED_CLOSE);
	canned_reply(f->provider, "/trigger", "500 Internal", "no", 1);
	(void)run(f, TASK_POLL, MSG_POLL_DONE, OUTCOME_WAIT);
	for (unsigned n = 1; n <= 4; n++) {
		(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_UNKNOWN);
		assert_int_equal(canned_count(f->provider, "/trigger"), n);
	}
}

static void
test_a_trigger_that_cannot_leave_is_tried_later(void **state)
{
	struct fixture *f = *state;
	const struct result *r;

	(void)str_copy(f->conf.brightdata_base_url, sizeof(f->conf.brightdata_base_url), "http://127.0.0.1:1");
	r = run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_RETRY);
	assert_int_equal(r->verdict.error, ERROR_BRIGHTDATA_UNAVAILABLE);
}

static unsigned
results_of(const struct fixture *f, enum msg_type type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->count; i++)
		count += f->results[i].type == type;
	return count;
}

static void
turn_until_requests(struct fixture *f, unsigned count)
{
	while (f->provider->request_count < count)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
}

static void
turn_until_kept(struct fixture *f, unsigned count)
{
	while (f->poller->kept_count != count)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
}

/* As many turns as nothing at all needs to happen in. */
static void
turn_for(struct fixture *f, int64_t ms)
{
	struct timeval t = clock_timeval(ms);

	(void)event_base_loopexit(f->base, &t);
	(void)event_base_dispatch(f->base);
}

static void
lose_keeper(struct fixture *f)
{
	peer_free(f->keeper);
	f->keeper = NULL;
	f->count = 0;
	while (f->poller->keeper != NULL)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
}

static void
test_trigger_results_outlive_the_keeper_and_other_work_does_not(void **state)
{
	struct fixture *f = *state;
	uint64_t lease;

	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	canned_on(f->provider, "/progress/", "", CANNED_HANG);
	canned_on(f->provider, "/snapshot/", ANSWER("200 OK", "1000", "[{\"post_id\":\"1\"}"), CANNED_HANG);
	give(f, TASK_POLL);
	give(f, TASK_DOWNLOAD);
	while (f->provider->request_count < 2)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	f->provider->holding = true;
	give(f, TASK_TRIGGER);
	lease = f->task.lease;
	turn_until_requests(f, 3);
	lose_keeper(f);
	canned_release(f->provider);
	while (f->poller->kept_count == 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_true(LIST_EMPTY(&f->poller->jobs));
	assert_int_equal(files_in(f, "spool"), 0);
	connect_keeper(f);
	turn_until(f, 2);
	assert_int_equal(f->results[0].type, MSG_TRIGGER_DONE);
	assert_int_equal(f->results[0].verdict.lease, lease);
	assert_string_equal(f->results[0].u.trigger.snapshot_id, "sd_2");
	assert_int_equal(f->results[1].type, MSG_POLLER_STATE);
	assert_int_equal(f->count, 2);
}

static void
new_keeper(struct fixture *f)
{
	if (f->keeper != NULL)
		lose_keeper(f);
	f->count = 0;
	connect_keeper(f);
}

/* The results of the present keeper: that many, every lease once, then its state. */
static void
assert_told_once(struct fixture *f, enum msg_type type, unsigned count, unsigned calls)
{
	turn_until(f, count + 1);
	turn_for(f, 50);
	assert_int_equal(f->count, count + 1);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(f->results[i].type, type);
		for (unsigned k = 0; k < i; k++)
			if (type == MSG_TRIGGER_OPEN)
				assert_int_not_equal(f->results[i].u.open.lease, f->results[k].u.open.lease);
			else
				assert_int_not_equal(f->results[i].verdict.lease, f->results[k].verdict.lease);
	}
	assert_int_equal(f->results[count].type, MSG_POLLER_STATE);
	assert_int_equal(f->results[count].u.state.calls, calls);
	assert_int_equal(f->results[count].u.state.transfers, POLLER_TRANSFERS);
}

static void
test_a_result_is_told_to_each_keeper_until_one_has_it(void **state)
{
	struct fixture *f = *state;
	struct msg_verdict other;

	f->acks = false;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", 1);
	canned_reply(f->provider, "/trigger", "400 Bad", "No data to trigger", CANNED_ALWAYS);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_FAILED);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 2, POLLER_CALLS);
	assert_string_equal(f->results[0].u.trigger.snapshot_id, "sd_2");
	assert_int_equal(f->results[1].verdict.outcome, OUTCOME_FAILED);
	/* Another's lease and another crawl are not these. */
	other = f->results[0].verdict;
	other.lease += 100;
	acknowledge(f, &other);
	other = f->results[0].verdict;
	other.crawl_id.bytes[0] ^= 1;
	acknowledge(f, &other);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 2, POLLER_CALLS);
	/* Twice is once. */
	acknowledge(f, &f->results[0].verdict);
	acknowledge(f, &f->results[0].verdict);
	turn_until_kept(f, 1);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 1, POLLER_CALLS);
	assert_int_equal(f->results[0].verdict.outcome, OUTCOME_FAILED);
	acknowledge(f, &f->results[0].verdict);
	turn_until_kept(f, 0);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 0, POLLER_CALLS);
	assert_int_equal(f->provider->request_count, 2);
}

static void
give_triggers(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		give(f, TASK_TRIGGER);
}

/* A keeper that had to drop what it did not bring to disk asks for it. */
static void
test_the_same_keeper_may_ask_again(void **state)
{
	static const struct msg_tell_again again;
	struct fixture *f = *state;

	f->acks = false;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	give_triggers(f, 5);
	turn_until_kept(f, 5);
	f->provider->holding = true;
	give_triggers(f, 3);
	turn_until_requests(f, 8);
	turn_for(f, 50);
	f->count = 0;
	msg_tell_again_put(&f->out, &again);
	peer_send(f->keeper, &f->out);
	turn_until(f, 9);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(f->results[i].type, i < 5 ? MSG_TRIGGER_DONE : i < 8 ? MSG_TRIGGER_OPEN : MSG_POLLER_STATE);
	f->acks = true;
	canned_release(f->provider);
	while (f->poller->triggers > 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	turn_until_kept(f, 5);
	assert_int_equal(f->provider->request_count, 8);
}

/* What a machine with a hundred triggers under way knows is lost by no keeper's death. */
static void
test_many_triggers_outlive_keepers_that_die(void **state)
{
	struct fixture *f = *state;

	f->acks = false;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	f->provider->holding = true;
	give_triggers(f, 100);
	turn_until_requests(f, 100);
	/* All answers come while there is no keeper. */
	lose_keeper(f);
	canned_release(f->provider);
	turn_until_kept(f, 100);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 100, POLLER_CALLS);
	/* It has some of them on disk when it dies. */
	for (unsigned i = 0; i < 100; i += 5)
		acknowledge(f, &f->results[i].verdict);
	turn_until_kept(f, 80);
	/* The next one gives more, and dies with them under way. */
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 80, POLLER_CALLS);
	f->provider->holding = true;
	give_triggers(f, 50);
	turn_until_requests(f, 150);
	new_keeper(f);
	turn_until(f, 131);
	for (unsigned i = 0; i < 131; i++)
		assert_int_equal(f->results[i].type, i < 80 ? MSG_TRIGGER_DONE : i < 130 ? MSG_TRIGGER_OPEN : MSG_POLLER_STATE);
	assert_int_equal(f->results[130].u.state.calls, POLLER_CALLS_MAX - 130);
	for (unsigned i = 0; i < 80; i++)
		acknowledge(f, &f->results[i].verdict);
	turn_until_kept(f, 0);
	f->count = 0;
	f->acks = true;
	canned_release(f->provider);
	while (f->poller->triggers > 0 || f->poller->kept_count > 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, 0, POLLER_CALLS);
	assert_int_equal(f->provider->request_count, 150);
}

/* Until that is the newest offer. */
static void
turn_until_calls(struct fixture *f, unsigned calls)
{
	while (f->count == 0 || f->results[f->count - 1].type != MSG_POLLER_STATE ||
	    f->results[f->count - 1].u.state.calls != calls)
		turn_until(f, f->count + 1);
}

static void
test_there_is_room_for_the_result_of_every_trigger(void **state)
{
	struct fixture *f = *state;
	unsigned calls;

	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	turn_until_kept(f, 0);
	f->acks = false;
	give_triggers(f, POLLER_CALLS_MAX);
	turn_until_kept(f, POLLER_CALLS_MAX);
	turn_until_calls(f, 0);
	calls = POLLER_CALLS;
	for (unsigned i = 0; i < f->count; i++) {
		if (f->results[i].type != MSG_POLLER_STATE)
			continue;
		assert_true(f->results[i].u.state.calls < calls);
		calls = f->results[i].u.state.calls;
	}
	assert_int_equal(calls, 0);
	/* One more could cross that on the way. */
	f->count = 0;
	give(f, TASK_TRIGGER);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_TASK_RETURNED);
	assert_int_equal(f->provider->request_count, 1 + POLLER_CALLS_MAX);
	new_keeper(f);
	assert_told_once(f, MSG_TRIGGER_DONE, POLLER_CALLS_MAX, 0);
	for (unsigned i = 0; i < POLLER_CALLS_MAX; i++)
		acknowledge(f, &f->results[i].verdict);
	turn_until_kept(f, 0);
	turn_until_calls(f, POLLER_CALLS);
}

static void
test_a_keeper_that_acknowledges_nothing_is_served(void **state)
{
	struct fixture *f = *state;
	unsigned done = 0, least = POLLER_CALLS;

	f->acks = false;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	for (unsigned n = 1; n <= 3; n++) {
		f->count = 0;
		give_triggers(f, 100);
		turn_until_kept(f, 100 * n);
		while (results_of(f, MSG_TRIGGER_DONE) < 100)
			turn_until(f, f->count + 1);
		for (unsigned i = 0; i < f->count; i++) {
			done += f->results[i].type == MSG_TRIGGER_DONE;
			if (f->results[i].type == MSG_POLLER_STATE)
				least = f->results[i].u.state.calls;
		}
	}
	assert_int_equal(done, 300);
	assert_true(least >= 1 && least < POLLER_CALLS);
}

/* ---- what must not be sent any more ---- */

static void
test_a_task_that_comes_too_late_is_returned_unsent(void **state)
{
	static const enum task_kind kinds[] = { TASK_TRIGGER, TASK_POLL, TASK_CANCEL, TASK_DOWNLOAD };
	struct fixture *f = *state;

	f->task.valid_boot_ms = clock_boot_ms(&clock_system) + 5000;
	f->clock.boot_skew_ms = 60000;
	for (unsigned i = 0; i < countof(kinds); i++) {
		give(f, kinds[i]);
		turn_until(f, i + 1);
		assert_int_equal(f->results[i].type, MSG_TASK_RETURNED);
		assert_int_equal(f->results[i].u.returned.lease, f->task.lease);
	}
	assert_int_equal(f->provider->connections, 0);
	/* In its time, and without a limit. */
	f->clock.boot_skew_ms = 0;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	f->task.valid_boot_ms = 0;
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
}

static void
assert_not_sent(const struct fixture *f, const struct result *r, const char *words)
{
	assert_int_equal(r->type, MSG_TRIGGER_DONE);
	assert_int_equal(r->verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(r->verdict.error, ERROR_UNAVAILABLE);
	assert_int_equal(r->verdict.http_status, 0);
	if (strstr(r->verdict.text, "the trigger was not sent") == NULL || strstr(r->verdict.text, words) == NULL)
		fail_msg("%s", r->verdict.text);
	assert_int_equal(f->provider->request_count, 0);
}

static void
turn_until_triggers(struct fixture *f, unsigned count)
{
	while (f->poller->triggers < count)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
}

static void
test_a_trigger_whose_time_ends_while_it_connects_is_not_sent(void **state)
{
	struct fixture *f = *state;

	f->task.valid_boot_ms = clock_boot_ms(&clock_system) + 5000;
	give(f, TASK_TRIGGER);
	turn_until_triggers(f, 1);
	f->clock.boot_skew_ms = 60000;
	turn_until(f, 1);
	assert_not_sent(f, &f->results[0], "its time to leave was over");
}

static void
test_a_trigger_whose_keeper_is_replaced_while_it_connects_is_not_sent(void **state)
{
	struct fixture *f = *state;

	give(f, TASK_TRIGGER);
	turn_until_triggers(f, 1);
	peer_free(f->keeper);
	connect_keeper(f);
	f->count = 0;
	turn_until(f, 2);
	for (unsigned i = 0; i < 2; i++)
		if (f->results[i].type == MSG_TRIGGER_DONE)
			assert_not_sent(f, &f->results[i], "the keeper that gave it is gone");
	assert_int_equal(f->poller->triggers, 0);
}

/* A poller that was stopped finds in its socket the tasks of a keeper that has died, and
 * reads them before it reads the end of the stream. */
static void
test_the_tasks_of_a_dead_keeper_are_not_sent(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 8; i++) {
		f->task.kind = TASK_TRIGGER;
		f->task.lease++;
		msg_task_put(&f->out, &f->task);
		wire_finish(&f->out);
		assert_int_equal(send(f->keeper_fd, f->out.p, f->out.len, 0), f->out.len);
	}
	lose_keeper(f);
	turn_until_kept(f, 8);
	new_keeper(f);
	turn_until(f, 9);
	for (unsigned i = 0; i < 8; i++)
		assert_not_sent(f, &f->results[i], "the keeper that gave it is gone");
	/* Nor does it come later. */
	turn_for(f, 100);
	assert_int_equal(f->provider->request_count, 0);
}

/* ---- polls and cancels ---- */

static void
test_polls_tell_what_the_provider_says(void **state)
{
	struct fixture *f = *state;
	const struct result *r;

	canned_reply(f->provider, "GET /datasets/v3/progress/sd_1 ", "200 OK", "{\"status\":\"pondering\"}", 1);
	canned_reply(f->provider, "/progress/", "200 OK", "{\"status\":\"ready\",\"records\":1234}", 1);
	canned_reply(f->provider, "/progress/", "404 Not Found", "Snapshot does not exist", 1);
	canned_reply(f->provider, "/progress/", "429 Slow\r\nRetry-After: 9", "", 1);
	r = run(f, TASK_POLL, MSG_POLL_DONE, OUTCOME_WAIT);
	assert_string_equal(r->u.poll.word, "pondering");
	r = run(f, TASK_POLL, MSG_POLL_DONE, OUTCOME_OK);
	assert_int_equal(r->u.poll.records, 1234);
	r = run(f, TASK_POLL, MSG_POLL_DONE, OUTCOME_RETRY);
	assert_int_equal(r->verdict.error, ERROR_NOT_FOUND);
	r = run(f, TASK_POLL, MSG_POLL_DONE, OUTCOME_LIMITED);
	assert_int_equal(r->verdict.retry_after_ms, 9000);
	assert_int_equal(f->provider->connections, 1);
}

static void
test_results_tell_whether_the_provider_answered_and_its_clock(void **state)
{
#define DATED(status) status "\r\nDate: Wed, 21 Oct 2026 07:28:00 GMT"
	static const struct {
		enum task_kind kind;
		enum msg_type type;
		enum outcome outcome;
		const char *head, *body;	/* NULL: no whole answer */
		uint32_t status;
	} rows[] = {
		{ TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK, DATED("200 OK"), "{\"snapshot_id\":\"sd_2\"}", 200 },
		{ TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_LIMITED, DATED("429 Slow"), "", 429 },
		{ TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_UNKNOWN, NULL, NULL, 0 },
		{ TASK_POLL, MSG_POLL_DONE, OUTCOME_WAIT, DATED("200 OK"), "{\"status\":\"running\"}", 200 },
		{ TASK_POLL, MSG_POLL_DONE, OUTCOME_RETRY, DATED("503 No"), "", 503 },
		{ TASK_CANCEL, MSG_CANCEL_DONE, OUTCOME_AUTH, DATED("401 No"), "", 401 },
		{ TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_WAIT, DATED("202 Wait"), "", 202 },
		{ TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_RETRY, DATED("200 OK"), "<html>", 200 },
		{ TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_OK, DATED("200 OK"), "[]", 200 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		const struct result *r;

		f->provider->rule_count = 0;
		if (rows[i].head != NULL)
			canned_reply(f->provider, "", rows[i].head, rows[i].body, 1);
		else
			canned_on(f->provider, "", "HTTP/1.1 " DATED("200 OK") "\r\nContent-Length: 9\r\n\r\n{", CANNED_CLOSE);
		r = run(f, rows[i].kind, rows[i].type, rows[i].outcome);
		assert_int_equal(r->verdict.http_status, rows[i].status);
		assert_int_equal(r->verdict.date_ms, 1792567680000);
	}
}

static void
test_many_polls_run_at_a_time(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/progress/", "200 OK", "{\"status\":\"running\"}", CANNED_ALWAYS);
	for (unsigned i = 0; i < 64; i++)
		give(f, TASK_POLL);
	turn_until(f, 64);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(f->results[i].verdict.outcome, OUTCOME_WAIT);
}

static void
test_cancels(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "POST /datasets/v3/snapshot/sd_1/cancel ", "200 OK", "OK", 1);
	canned_reply(f->provider, "/cancel", "400 Bad", "Snapshot is not running", 1);
	canned_reply(f->provider, "/cancel", "404 Not Found", "Snapshot does not exist", 1);
	(void)run(f, TASK_CANCEL, MSG_CANCEL_DONE, OUTCOME_OK);
	(void)run(f, TASK_CANCEL, MSG_CANCEL_DONE, OUTCOME_OK);
	(void)run(f, TASK_CANCEL, MSG_CANCEL_DONE, OUTCOME_FAILED);
}

/* ---- downloads and stores ---- */

#define POSTS "[{\"post_id\":\"1\",\"attachments\":[1,2]},\n{\"post_id\":\"2\"}]"

static void
download_ok(struct fixture *f)
{
	const struct result *r = run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_OK);

	assert_int_equal(r->u.download.size_bytes, strlen(POSTS));
	assert_int_equal(r->u.download.posts, 2);
	assert_int_equal(r->u.download.media, 2);
	f->task.crawl.size_bytes = r->u.download.size_bytes;
	f->task.crawl.crc32c = r->u.download.crc32c;
	memcpy(f->task.crawl.sha256, r->u.download.sha256, SHA256_SIZE);
}

static void
test_a_snapshot_is_downloaded_once_and_stored(void **state)
{
	struct fixture *f = *state;

	canned_on(f->provider, "GET /datasets/v3/snapshot/sd_1?format=json ",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n36\r\n" POSTS "\r\n0\r\n\r\n", CANNED_KEEP);
	assert_int_equal(strlen(POSTS), 0x36);
	download_ok(f);
	/* Another life, another lease: the file is there already. */
	download_ok(f);
	assert_int_equal(f->provider->request_count, 1);
	(void)run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_OK);
	assert_file(f, "objects/raw/2026/snapshot_sd_1.json", POSTS);
	assert_false(spool_has(f, true));
	/* The report was lost. */
	(void)run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_OK);
	/* Another crawl, the same path. */
	f->task.crawl.size_bytes = 0;
	assert_int_equal(run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_FAILED)->verdict.error, ERROR_STORAGE_ERROR);
}

/* From the first byte on the keeper knows that the provider has let the call through. */
static void
test_a_download_tells_its_first_bytes_at_once(void **state)
{
	struct fixture *f = *state;

	canned_on(f->provider, "/snapshot/", ANSWER("200 OK", "1000", "["), CANNED_HANG);
	give(f, TASK_DOWNLOAD);
	turn_until(f, 1);
	turn_for(f, 50);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->results[0].type, MSG_TASK_PROGRESS);
	assert_int_equal(f->results[0].u.progress.lease, f->task.lease);
	assert_true(uuid_equal(&f->results[0].u.progress.crawl_id, &f->task.crawl.id));
	assert_int_equal(f->results[0].u.progress.bytes, 1);
}

static void
test_other_answers_are_no_first_bytes(void **state)
{
	static const char *const heads[] = { "202 Wait", "400 No", "429 Slow", "500 No" };
	struct fixture *f = *state;

	for (unsigned i = 0; i < countof(heads); i++) {
		canned_reply(f->provider, "/snapshot/", heads[i], "more than nothing", 1);
		give(f, TASK_DOWNLOAD);
		turn_until(f, i + 1);
		assert_int_equal(f->results[i].type, MSG_DOWNLOAD_DONE);
	}
}

/* Whatever stands there instead of data, and however often: one kind of verdict, and of
 * what is kept to be looked at one file. */
static void
test_whole_answers_that_are_no_data(void **state)
{
	static const char *const bodies[] = {
		"<html><body>Down for maintenance</body></html>",
		"<html><body>The snapshot is building up, it is not ready</body></html>",
		"[{\"post_id\":\"1\"}", "nonsense", "[]", "", "\n", "Snapshot is empty", "{\"status\":\"running\",\"mess",
	};
	struct fixture *f = *state;

	f->task.crawl.provider_records = 1;
	for (unsigned i = 0; i < 2 * countof(bodies); i++) {
		const struct result *r;

		canned_reply(f->provider, "/snapshot/", "200 OK", bodies[i % countof(bodies)], 1);
		r = run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_RETRY);
		if (r->verdict.error != ERROR_INVALID_DATA)
			fail_msg("%d %s", r->verdict.error, bodies[i % countof(bodies)]);
		assert_int_equal(r->verdict.http_status, 200);
		assert_true(files_in(f, "quarantine") <= 1);
		assert_int_equal(files_in(f, "spool"), 0);
	}
	assert_file(f, "quarantine/snapshot_sd_1.json", bodies[countof(bodies) - 1]);
	canned_reply(f->provider, "/snapshot/", "200 OK", "[{\"post_id\":\"1\"}]", 1);
	(void)run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_OK);
	assert_int_equal(files_in(f, "quarantine"), 0);
}

static void
test_a_store_without_its_spool_file_waits_for_a_new_download(void **state)
{
	struct fixture *f = *state;

	(void)run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_WAIT);
}

static void
test_a_store_of_a_spool_file_with_other_bytes_waits_for_a_new_download(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/snapshot/", "200 OK", POSTS, CANNED_ALWAYS);
	download_ok(f);
	f->task.crawl.crc32c ^= 1;
	(void)run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_WAIT);
	assert_int_equal(files_in(f, "spool"), 0);
	assert_int_equal(files_in(f, "objects"), 0);
	download_ok(f);
	(void)run(f, TASK_STORE, MSG_STORE_DONE, OUTCOME_OK);
	assert_int_equal(f->provider->request_count, 2);
}

static void
test_a_download_that_is_not_ready_waits(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/snapshot/", "202 Accepted\r\nRetry-After: 30",
	    "{\"status\":\"building\",\"message\":\"wait\"}", 1);
	canned_reply(f->provider, "/snapshot/", "200 OK", "{\"status\":\"building\",\"message\":\"try again in 20s\"}", 1);
	canned_reply(f->provider, "/snapshot/", "200 OK\r\nRetry-After: 40", "Snapshot is building, try again in 20s", 1);
	canned_reply(f->provider, "/snapshot/", "409 Conflict", "", 1);
	assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_WAIT)->verdict.retry_after_ms, 30000);
	assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_WAIT)->verdict.retry_after_ms, 20000);
	assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_WAIT)->verdict.retry_after_ms, 40000);
	(void)run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_WAIT);
	assert_false(spool_has(f, false));
	assert_false(spool_has(f, true));
}

static void
test_a_download_that_breaks_is_tried_again(void **state)
{
	static const struct {
		const char *bytes;
		enum canned_end end;
		enum error_code error;
	} rows[] = {
		{ ANSWER("200 OK", "99", "[{\"post_id\":\"1\"}"), CANNED_CLOSE, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ ANSWER("200 OK", "99", "[{\"post_id\":\"1\"}"), CANNED_RESET, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ "HTTP/1.1 200 OK\r\n\r\n[{\"post_id\":\"1\"}]", CANNED_CLOSE, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]", CANNED_CLOSE,
		  ERROR_BRIGHTDATA_UNAVAILABLE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", CANNED_CLOSE, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ "", CANNED_CLOSE, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ ANSWER("500 Internal", "2", "no"), CANNED_KEEP, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ ANSWER("404 Not Found", "23", "Snapshot does not exist"), CANNED_KEEP, ERROR_NOT_FOUND },
		{ ANSWER("200 OK", "17", "[{\"post_id\":\"1\"},"), CANNED_KEEP, ERROR_INVALID_DATA },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		f->provider->rule_count = 0;
		canned_on(f->provider, "/snapshot/", rows[i].bytes, rows[i].end);
		assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_RETRY)->verdict.error, rows[i].error);
		assert_false(spool_has(f, false));
		assert_false(spool_has(f, true));
	}
	assert_file(f, "quarantine/snapshot_sd_1.json", "[{\"post_id\":\"1\"},");
}

static void
test_ends_without_data(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/snapshot/", "400 Bad", "Snapshot is expired", 1);
	canned_reply(f->provider, "/snapshot/", "400 Bad", "Snapshot is empty", 1);
	assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_FAILED)->verdict.error, ERROR_SNAPSHOT_EXPIRED);
	assert_int_equal(run(f, TASK_DOWNLOAD, MSG_DOWNLOAD_DONE, OUTCOME_OK)->u.download.size_bytes, 2);
	assert_true(spool_has(f, true));
}

static void
test_one_transfer_at_a_time(void **state)
{
	struct fixture *f = *state;

	canned_on(f->provider, "/snapshot/", ANSWER("200 OK", "1000", "["), CANNED_HANG);
	give(f, TASK_DOWNLOAD);
	give(f, TASK_STORE);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_TASK_RETURNED);
	assert_int_equal(f->results[0].u.returned.lease, f->task.lease);
}

static void
test_a_task_that_names_no_snapshot_is_returned(void **state)
{
	struct fixture *f = *state;

	f->task.crawl.snapshot_id[0] = '\0';
	give(f, TASK_POLL);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_TASK_RETURNED);
	assert_int_equal(f->provider->request_count, 0);
}

/* ---- searches ---- */

#define LISTED(id, time) "{\"id\":\"" id "\",\"created\":\"2026-11-23T" time "Z\",\"status\":\"running\"}"

static void
write_down(struct fixture *f, const char *words, const char *body)
{
	canned_reply(f->provider, words, "200 OK", body, CANNED_ALWAYS);
}

/* From 11:58 to 12:10, as many calls at a time. */
static uint64_t
give_search(struct fixture *f, const char *dataset_id, uint32_t calls)
{
	struct msg_search search = { .lease = ++f->task.lease, .calls = calls };

	(void)str_copy(search.dataset_id, sizeof(search.dataset_id), dataset_id);
	assert_int_equal(time_parse("2026-11-23T11:58:00Z", &search.from_ms), 0);
	assert_int_equal(time_parse("2026-11-23T12:10:00Z", &search.to_ms), 0);
	msg_search_put(&f->out, &search);
	peer_send(f->keeper, &f->out);
	return search.lease;
}

static const struct result *
result_of(const struct fixture *f, enum msg_type type, unsigned n)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->results[i].type == type && n-- == 0)
			return &f->results[i];
	return NULL;
}

static const struct result *
turn_until_found(struct fixture *f, unsigned count)
{
	while (results_of(f, MSG_SEARCH_DONE) < count)
		turn_until(f, f->count + 1);
	return result_of(f, MSG_SEARCH_DONE, count - 1);
}

static void
want_all(struct fixture *f, uint64_t lease, uint32_t count)
{
	struct msg_search_wanted wanted = { .lease = lease, .count = count };

	memset(wanted.wanted, true, sizeof(wanted.wanted));
	msg_search_wanted_put(&f->out, &wanted);
	peer_send(f->keeper, &f->out);
}

/* Makes a search and waits for its end. */
static const struct msg_search_done *
search(struct fixture *f, enum outcome outcome)
{
	const struct result *r;

	f->count = 0;
	(void)give_search(f, "gd_1", 4);
	r = turn_until_found(f, 1);
	if (r->verdict.outcome != outcome)
		fail_msg("outcome %d instead of %d: %s", r->verdict.outcome, outcome, r->verdict.text);
	assert_int_equal(r->verdict.lease, f->task.lease);
	assert_true(uuid_is_nil(&r->verdict.crawl_id));
	assert_true(LIST_EMPTY(&f->poller->searches));
	return &r->u.search;
}

static void
test_the_jobs_of_the_window_are_told_with_their_inputs(void **state)
{
	struct fixture *f = *state;
	const struct msg_search_done *done;
	uint8_t ours[SHA256_SIZE];

	write_down(f, "/snapshots?dataset_id=gd_1&from_date=2026-11-22&trigger_type=API&limit=4000&skip=0 ",
	    "[" LISTED("sd_c", "12:05:00") "," LISTED("sd_late", "12:10:01") "," LISTED("sd_a", "11:59:00")
	    "," LISTED("sd_b", "12:00:01") "," LISTED("sd_early", "11:57:59") ",{\"id\":\"sd_undated\"}]");
	write_down(f, "/snapshot/sd_b/input", "url,num_of_posts\nhttps://www.facebook.com/acme,11\n");
	write_down(f, "/snapshot/sd_undated/input", "url,num_of_posts\nx\ny\n");
	write_down(f, "/input", "num_of_posts,url,start_date\n10,\"https://www.facebook.com/acme\",\n");
	f->task.request.num_of_posts = 10;
	provider_brightdata.input_digest(&f->task.request, ours);
	done = search(f, OUTCOME_OK);
	assert_int_equal(done->jobs, 4);
	assert_int_equal(done->unreadable, 0);
	assert_int_equal(done->limited, 0);
	assert_int_equal(done->verdict.http_status, 200);
	assert_int_equal(results_of(f, MSG_SEARCH_PAGE), 1);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 4);
	assert_int_equal(f->provider->request_count, 5);
	for (unsigned i = 0; i < 4; i++) {
		const struct msg_search_input *input = &result_of(f, MSG_SEARCH_INPUT, i)->u.input;
		bool is_ours = strcmp(input->job.snapshot_id, "sd_a") == 0 || strcmp(input->job.snapshot_id, "sd_c") == 0;

		assert_int_equal(input->lease, f->task.lease);
		assert_true(input->readable);
		assert_int_equal(memcmp(input->digest, ours, sizeof(ours)) == 0, is_ours);
		assert_int_equal(input->job.created_ms == INT64_MIN, strcmp(input->job.snapshot_id, "sd_undated") == 0);
	}
}

static void
test_only_wanted_inputs_are_read(void **state)
{
	struct fixture *f = *state;

	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "," LISTED("sd_b", "12:00:01") ","
	    LISTED("sd_c", "12:00:02") "]");
	write_down(f, "/snapshot/sd_b/input", "url\nx\n");
	f->wants = "sd_b";
	assert_int_equal(search(f, OUTCOME_OK)->jobs, 3);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 1);
	assert_string_equal(result_of(f, MSG_SEARCH_INPUT, 0)->u.input.job.snapshot_id, "sd_b");
	f->wants = "nobody";
	assert_int_equal(search(f, OUTCOME_OK)->jobs, 3);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 0);
	assert_int_equal(canned_count(f->provider, "/input"), 1);
}

static void
test_a_job_whose_input_cannot_be_told_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct msg_search_done *done;

	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "," LISTED("sd_b", "12:00:01") ","
	    LISTED("sd_c", "12:00:02") "," LISTED("sd_d", "12:00:03") "]");
	canned_reply(f->provider, "/sd_a/input", "400 Bad", "Snapshot input does not exist", CANNED_ALWAYS);
	canned_reply(f->provider, "/sd_b/input", "404 Not Found", "Snapshot does not exist", CANNED_ALWAYS);
	write_down(f, "/sd_c/input", "<html>\nno\n</html>\n");
	write_down(f, "/sd_d/input", "url\nx\n");
	done = search(f, OUTCOME_OK);
	assert_int_equal(done->jobs, 4);
	assert_int_equal(done->unreadable, 3);
	for (unsigned i = 0; i < 4; i++) {
		const struct msg_search_input *input = &result_of(f, MSG_SEARCH_INPUT, i)->u.input;

		assert_int_equal(input->readable, strcmp(input->job.snapshot_id, "sd_d") == 0);
	}
}

/* Three in a row, of which one could be chance, are not. */
static void
test_what_fails_again_and_again_ends_a_search(void **state)
{
	static const struct {
		const char *dataset, *head, *body;
		enum error_code error;
		uint32_t status;
	} rows[] = {
		{ "gd_500", "500 Internal", "no", ERROR_BRIGHTDATA_UNAVAILABLE, 500 },
		{ "gd_cut", "200 OK", "[", ERROR_BRIGHTDATA_UNAVAILABLE, 200 },
		{ "gd_gone", NULL, NULL, ERROR_BRIGHTDATA_UNAVAILABLE, 0 },
		{ "gd_input", "503 Busy", "", ERROR_BRIGHTDATA_UNAVAILABLE, 503 },
	};
	struct fixture *f = *state;
	uint64_t lease[countof(rows)];

	write_down(f, "dataset_id=gd_input", "[" LISTED("sd_a", "12:00:00") "]");
	canned_reply(f->provider, "/sd_a/input", rows[3].head, rows[3].body, CANNED_ALWAYS);
	for (size_t i = 0; i < countof(rows); i++) {
		if (rows[i].head != NULL)
			canned_reply(f->provider, rows[i].dataset, rows[i].head, rows[i].body, CANNED_ALWAYS);
		else
			canned_on(f->provider, rows[i].dataset, "", CANNED_CLOSE);
		lease[i] = give_search(f, rows[i].dataset, 1);
	}
	(void)turn_until_found(f, countof(rows));
	for (size_t i = 0; i < countof(rows); i++) {
		const struct result *r = result_of(f, MSG_SEARCH_DONE, (unsigned)i);
		size_t n = 0;

		while (lease[n] != r->verdict.lease)
			n++;
		assert_int_equal(r->verdict.outcome, OUTCOME_RETRY);
		assert_int_equal(r->verdict.error, rows[n].error);
		assert_int_equal(r->verdict.http_status, rows[n].status);
		if (rows[n].head != NULL)
			assert_int_equal(canned_count(f->provider, n == 3 ? "/input" : rows[n].dataset), 3);
	}
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 0);
}

static void
test_one_failure_or_two_do_not_end_a_search(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/snapshots?", "500 Internal", "no", 1);
	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "]");
	canned_reply(f->provider, "/input", "502 Bad", "", 2);
	write_down(f, "/input", "url\nx\n");
	assert_int_equal(search(f, OUTCOME_OK)->unreadable, 0);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 1);
	assert_int_equal(canned_count(f->provider, "/input"), 3);
}

static void
test_a_refusal_ends_a_search_at_once(void **state)
{
	struct fixture *f = *state;

	canned_reply(f->provider, "/snapshots?", "429 Slow\r\nRetry-After: 9", "", 1);
	assert_int_equal(search(f, OUTCOME_LIMITED)->limited, 1);
	assert_int_equal(f->results[0].verdict.retry_after_ms, 9000);
	canned_reply(f->provider, "/snapshots?", "401 No", "Invalid credentials", 1);
	assert_int_equal(search(f, OUTCOME_AUTH)->limited, 0);
	assert_int_equal(f->provider->request_count, 2);
	/* Of ten inputs four are being read: each answer 429 is counted, and no more is asked. */
	write_down(f, "/snapshots?", "[" LISTED("sd_0", "12:00:00") "," LISTED("sd_1", "12:00:01") ","
	    LISTED("sd_2", "12:00:02") "," LISTED("sd_3", "12:00:03") "," LISTED("sd_4", "12:00:04") ","
	    LISTED("sd_5", "12:00:05") "," LISTED("sd_6", "12:00:06") "," LISTED("sd_7", "12:00:07") "]");
	write_down(f, "/sd_3/input", "url\nx\n");
	canned_reply(f->provider, "/input", "429 Slow", "", CANNED_ALWAYS);
	assert_int_equal(search(f, OUTCOME_LIMITED)->limited, 3);
	assert_int_equal(canned_count(f->provider, "/input"), 4);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 1);
}

static char *
listing(unsigned first, unsigned count, const char *time, unsigned filler)
{
	size_t size = count * (100 + filler) + 3, len = 1;
	char *text = xmalloc(size);

	text[0] = '[';
	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s{\"id\":\"sd_%u\",\"created\":\"2026-11-23T%sZ\",\"x\":\"%0*d\"}",
		    i > 0 ? "," : "", first + i, time, (int)filler, 7);
	(void)snprintf(text + len, size - len, "]");
	return text;
}

/* Pages of the provider's own size, pages that are too long to read, and jobs on the last
 * one only. */
static void
test_a_long_list_is_read_to_its_end(void **state)
{
	struct fixture *f = *state;
	scoped_free char *usual = listing(0, 1000, "01:00:00", 1), *huge = listing(1000, 1500, "01:00:00", 1000);
	scoped_free char *half = listing(1000, 1000, "01:00:00", 1), *last = listing(2000, 999, "12:00:00", 1);

	write_down(f, "limit=4000&skip=0 ", usual);
	write_down(f, "limit=4000&skip=1000 ", huge);
	write_down(f, "limit=2000&skip=1000 ", half);
	write_down(f, "limit=2000&skip=2000 ", last);
	f->wants = "nobody";
	assert_int_equal(search(f, OUTCOME_OK)->jobs, 999);
	assert_int_equal(f->provider->request_count, 4);
	/* Two that hold nothing, as a sign of life, and four parts. */
	assert_int_equal(results_of(f, MSG_SEARCH_PAGE), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(result_of(f, MSG_SEARCH_PAGE, i)->u.page_count, i < 2 ? 0 : i < 5 ? 256 : 999 - 3 * 256);
}

static void
test_fifty_thousand_jobs_are_read(void **state)
{
	struct fixture *f = *state;
	scoped_free char *page = listing(0, 4000, "12:00:00", 1), *last = listing(0, 10, "12:00:00", 1);

	write_down(f, "skip=52000 ", last);
	write_down(f, "limit=4000", page);
	f->wants = "nobody";
	assert_int_equal(search(f, OUTCOME_OK)->jobs, 52010);
	assert_int_equal(f->provider->request_count, 14);
}

static void
test_a_list_without_end_is_given_up(void **state)
{
	struct fixture *f = *state;
	char page[2 * 1000 + 2];

	for (unsigned i = 0; i < 1000; i++)
		memcpy(page + 2 * i, ",7", 2);
	page[0] = '[';
	memcpy(page + 2000, "]", 2);
	write_down(f, "/snapshots?", page);
	assert_int_equal(search(f, OUTCOME_RETRY)->jobs, 0);
	assert_int_equal(f->results[f->count - 1].verdict.error, ERROR_BRIGHTDATA_UNAVAILABLE);
	assert_true(f->provider->request_count < CANNED_REQUESTS);
}

static void
test_a_search_makes_so_many_calls_at_a_time(void **state)
{
	static const struct {
		uint32_t calls, expected;
	} rows[] = { { 0, 1 }, { 1, 1 }, { 3, 3 }, { 1000, POLLER_SEARCH_CALLS / POLLER_SEARCHES } };
	struct fixture *f = *state;
	scoped_free char *list = listing(0, 40, "12:00:00", 1);

	write_down(f, "/snapshots?", list);
	write_down(f, "/input", "url\nx\n");
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t lease;

		f->count = f->provider->request_count = 0;
		f->wants = NULL;
		lease = give_search(f, "gd_1", rows[i].calls);
		turn_until(f, 1);
		f->provider->holding = true;
		want_all(f, lease, 40);
		turn_until_requests(f, 1 + rows[i].expected);
		turn_for(f, 30);
		assert_int_equal(f->provider->request_count, 1 + rows[i].expected);
		canned_release(f->provider);
		(void)turn_until_found(f, 1);
		assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 40);
	}
}

static void
test_a_fifth_search_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t lease = 0;

	canned_on(f->provider, "/snapshots?", "", CANNED_HANG);
	for (unsigned i = 0; i < POLLER_SEARCHES + 1; i++)
		lease = give_search(f, "gd_1", 4);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_SEARCH_DONE);
	assert_int_equal(f->results[0].verdict.lease, lease);
	assert_int_equal(f->results[0].verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(f->results[0].verdict.error, ERROR_UNAVAILABLE);
}

static void
test_an_answer_to_no_question_is_passed_over_and_a_wrong_one_is_not(void **state)
{
	struct fixture *f = *state;
	uint64_t lease;

	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "]");
	f->wants = NULL;
	lease = give_search(f, "gd_1", 1);
	turn_until(f, 1);
	want_all(f, lease + 7, 3);
	turn_for(f, 30);
	assert_non_null(f->keeper);
	want_all(f, lease, 3);
	while (f->keeper != NULL)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	/* With its keeper the search is gone. */
	assert_true(LIST_EMPTY(&f->poller->searches));
	assert_int_equal(f->poller->search_count, 0);
}

/* The timer that ends in about so many ms. */
static int
activate_timer(const struct event_base *base, const struct event *event, void *arg)
{
	const int64_t *ms = arg;
	struct timeval end, now;

	(void)event_base_gettimeofday_cached((struct event_base *)base, &now);
	if (!event_pending(event, EV_TIMEOUT, &end))
		return 0;
	timersub(&end, &now, &end);
	if (end.tv_sec * 1000 < *ms - 10000 || end.tv_sec * 1000 > *ms)
		return 0;
	event_active((struct event *)event, EV_TIMEOUT, 0);
	return 1;
}

static void
test_a_search_that_the_keeper_forgets_is_given_up(void **state)
{
	struct fixture *f = *state;
	int64_t idle_ms = 600000;
	const struct result *r;

	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "]");
	f->wants = NULL;
	(void)give_search(f, "gd_1", 1);
	turn_until(f, 1);
	assert_int_equal(event_base_foreach_event(f->base, activate_timer, &idle_ms), 1);
	r = turn_until_found(f, 1);
	assert_int_equal(r->verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(r->verdict.error, ERROR_BRIGHTDATA_TIMEOUT);
	assert_int_equal(r->u.search.jobs, 1);
}

static void
test_the_search_for_one_crawl_is_no_task_any_more(void **state)
{
	struct fixture *f = *state;

	give(f, TASK_RECONCILE);
	turn_until(f, 1);
	assert_int_equal(f->results[0].type, MSG_TASK_RETURNED);
}

/* ---- the drain ---- */

static void
on_drained(void *arg)
{
	struct fixture *f = arg;

	f->drained = true;
}

static int64_t
drain(struct fixture *f, int64_t within_ms)
{
	int64_t begin = clock_mono_ms(&clock_system);

	poller_drain(f->poller, within_ms, on_drained, f);
	canned_until(f->base, &f->drained);
	return clock_mono_ms(&clock_system) - begin;
}

static void
test_draining_gives_work_back_and_lets_triggers_come_home(void **state)
{
	struct fixture *f = *state;
	unsigned returned = 0, triggered = 0;

	canned_on(f->provider, "/progress/", "", CANNED_HANG);
	canned_on(f->provider, "/snapshot/", ANSWER("200 OK", "1000", "["), CANNED_HANG);
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	give(f, TASK_POLL);
	give(f, TASK_DOWNLOAD);
	give(f, TASK_TRIGGER);
	while (f->poller->calls < 2)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_true(drain(f, 0) < POLLER_DRAIN_MS);
	turn_until(f, 4);
	assert_int_equal(f->count, 4);
	for (unsigned i = 0; i < 4; i++) {
		returned += f->results[i].type == MSG_TASK_RETURNED;
		triggered += f->results[i].type == MSG_TRIGGER_DONE && f->results[i].verdict.outcome == OUTCOME_OK;
		if (f->results[i].type == MSG_POLLER_STATE)
			assert_int_equal(f->results[i].u.state.calls + f->results[i].u.state.transfers, 0);
	}
	assert_int_equal(returned, 2);
	assert_int_equal(triggered, 1);
	/* What comes now is returned untouched. */
	give(f, TASK_TRIGGER);
	turn_until(f, 5);
	assert_int_equal(f->results[4].type, MSG_TASK_RETURNED);
	assert_int_equal(canned_count(f->provider, "/trigger"), 1);
}

static void
release(struct fixture *f)
{
	static const struct msg_released released;

	msg_released_put(&f->out, &released);
	peer_send(f->keeper, &f->out);
}

/* It is given a trigger before the keeper has read that it leaves: nobody may wonder whether that was done. */
static void
test_a_task_that_crosses_the_leave_is_returned(void **state)
{
	struct fixture *f = *state;

	f->holds = true;
	poller_drain(f->poller, 0, on_drained, f);
	turn_until(f, 1);
	turn_for(f, 50);
	assert_false(f->drained);
	give(f, TASK_TRIGGER);
	release(f);
	canned_until(f->base, &f->drained);
	turn_until(f, 2);
	assert_int_equal(f->results[1].type, MSG_TASK_RETURNED);
	assert_int_equal(canned_count(f->provider, "/trigger"), 0);
}

static void
test_draining_does_not_wait_for_ever(void **state)
{
	struct fixture *f = *state;
	int64_t took;

	canned_on(f->provider, "/trigger", "", CANNED_HANG);
	give(f, TASK_TRIGGER);
	while (f->provider->request_count == 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	took = drain(f, 0);
	assert_true(took >= POLLER_DRAIN_MS && took < 3000);
	for (unsigned i = 0; i < f->count; i++)
		assert_int_not_equal(f->results[i].type, MSG_TASK_RETURNED);
}

static void
test_a_drain_ends_before_its_time_is_over(void **state)
{
	struct fixture *f = *state;
	int64_t took;

	canned_on(f->provider, "/trigger", "", CANNED_HANG);
	give(f, TASK_TRIGGER);
	turn_until_requests(f, 1);
	took = drain(f, 1000);
	assert_true(took >= 850 && took < 1000);
}

/* One of each is under way, and a drain with so much time begins. */
static void
drain_amidst_work(struct fixture *f, int64_t within_ms)
{
	canned_reply(f->provider, "/progress/", "200 OK", "{\"status\":\"running\"}", CANNED_ALWAYS);
	canned_reply(f->provider, "/snapshot/", "200 OK", "[]", CANNED_ALWAYS);
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	f->provider->holding = true;
	give(f, TASK_POLL);
	give(f, TASK_DOWNLOAD);
	give(f, TASK_TRIGGER);
	turn_until_requests(f, 3);
	poller_drain(f->poller, within_ms, on_drained, f);
	give(f, TASK_TRIGGER);
	turn_until(f, 2);
	turn_for(f, 50);
}

static void
test_with_much_time_all_that_is_begun_goes_on_to_its_end(void **state)
{
	struct fixture *f = *state;

	drain_amidst_work(f, 60000);
	assert_int_equal(f->count, 2);
	assert_int_equal(results_of(f, MSG_POLLER_STATE), 1);
	assert_int_equal(results_of(f, MSG_TASK_RETURNED), 1);	/* what was not begun */
	assert_false(f->drained);
	canned_release(f->provider);
	canned_until(f->base, &f->drained);
	turn_until(f, 5);
	assert_int_equal(results_of(f, MSG_POLL_DONE), 1);
	assert_int_equal(results_of(f, MSG_DOWNLOAD_DONE), 1);
	assert_int_equal(results_of(f, MSG_TRIGGER_DONE), 1);
	assert_true(spool_has(f, true));
}

/* A search can be long: what is under way comes home, and the keeper goes on elsewhere. */
static void
test_a_search_ends_with_the_poller(void **state)
{
	struct fixture *f = *state;
	const struct result *r;

	write_down(f, "/snapshots?", "[" LISTED("sd_a", "12:00:00") "," LISTED("sd_b", "12:00:01") ","
	    LISTED("sd_c", "12:00:02") "]");
	write_down(f, "/input", "url\nx\n");
	f->wants = NULL;
	(void)give_search(f, "gd_1", 2);
	turn_until(f, 1);
	f->provider->holding = true;
	want_all(f, f->task.lease, 3);
	turn_until_requests(f, 3);
	poller_drain(f->poller, 60000, on_drained, f);
	turn_for(f, 50);
	assert_false(f->drained);
	canned_release(f->provider);
	canned_until(f->base, &f->drained);
	r = turn_until_found(f, 1);
	assert_int_equal(r->verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(r->verdict.error, ERROR_UNAVAILABLE);
	assert_int_equal(results_of(f, MSG_SEARCH_INPUT), 2);
	assert_int_equal(f->provider->request_count, 3);
	/* What comes now is not begun. */
	(void)give_search(f, "gd_1", 2);
	assert_int_equal(turn_until_found(f, 2)->verdict.error, ERROR_UNAVAILABLE);
	assert_int_equal(f->provider->request_count, 3);
}

static void
test_with_little_time_a_search_ends_at_once(void **state)
{
	struct fixture *f = *state;

	canned_on(f->provider, "/snapshots?", "", CANNED_HANG);
	(void)give_search(f, "gd_1", 2);
	turn_until_requests(f, 1);
	assert_true(drain(f, 0) < 1000);
	assert_int_equal(turn_until_found(f, 1)->verdict.error, ERROR_UNAVAILABLE);
}

static void
test_what_much_time_is_too_short_for_is_given_back(void **state)
{
	struct fixture *f = *state;

	drain_amidst_work(f, 60000);
	f->clock.mono_skew_ms = 59400;
	turn_for(f, 30);
	assert_false(f->drained);
	assert_int_equal(results_of(f, MSG_TASK_RETURNED), 1);
	f->clock.mono_skew_ms = 59600;
	canned_until(f->base, &f->drained);
	turn_for(f, 30);
	assert_int_equal(results_of(f, MSG_TASK_RETURNED), 3);
	assert_int_equal(results_of(f, MSG_TRIGGER_DONE), 0);
}

static void
test_a_drain_waits_until_the_keeper_has_the_results(void **state)
{
	struct fixture *f = *state;
	unsigned at;

	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	turn_until_kept(f, 0);
	f->acks = false;
	at = f->count;
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	poller_drain(f->poller, 60000, on_drained, f);
	f->clock.mono_skew_ms = 30000;
	turn_for(f, 50);
	assert_false(f->drained);
	acknowledge(f, &f->results[at].verdict);
	canned_until(f->base, &f->drained);
}

/* Its time up, it leaves all the same; and does not wait long for a keeper that has
 * never acknowledged anything. */
static void
test_a_drain_does_not_wait_for_ever_for_the_keeper(void **state)
{
	static const struct {
		bool acknowledged;
		int64_t early_ms, late_ms;
	} rows[] = { { true, 59400, 59600 }, { false, POLLER_DRAIN_MS - 300, POLLER_DRAIN_MS } };
	struct fixture *f = *state;

	f->acks = false;
	canned_reply(f->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_2\"}", CANNED_ALWAYS);
	(void)run(f, TASK_TRIGGER, MSG_TRIGGER_DONE, OUTCOME_OK);
	for (size_t i = 0; i < countof(rows); i++) {
		f->poller->acknowledged = rows[i].acknowledged;
		f->poller->draining = f->drained = false;
		f->clock.mono_skew_ms = 0;
		poller_drain(f->poller, 60000, on_drained, f);
		f->clock.mono_skew_ms = rows[i].early_ms;
		turn_for(f, 30);
		assert_false(f->drained);
		f->clock.mono_skew_ms = rows[i].late_ms;
		canned_until(f->base, &f->drained);
		if (i == 0)
			event_free(f->poller->drain_turn);
	}
}

/* ---- alone ---- */

/* What the loop does when the time without a keeper is up; its exit status, or -1. */
static int
time_alone_is_up(struct fixture *f)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		event_active(f->poller->alone, EV_TIMEOUT, 0);
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
		_exit(77);	/* it lives on */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

static void
test_poller_whose_stream_broke_leaves_but_not_in_the_midst_of_a_trigger(void **state)
{
	struct fixture *f = *state;

	assert_false(evtimer_pending(f->poller->alone, NULL));
	canned_on(f->provider, "/trigger", "", CANNED_HANG);
	give(f, TASK_TRIGGER);
	while (f->provider->request_count == 0)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	peer_free(f->keeper);
	f->keeper = NULL;
	while (f->poller->keeper != NULL)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_true(evtimer_pending(f->poller->alone, NULL));
	assert_int_equal(time_alone_is_up(f), -1);
	job_free(LIST_FIRST(&f->poller->jobs));
	assert_int_equal(time_alone_is_up(f), EXIT_STATUS_FAILURE);
	/* What is known of others is kept longer, but not for ever. */
	poller_send_trigger_done(f->poller, &(struct msg_trigger_done){ .verdict.lease = 7 });
	f->clock.mono_skew_ms = 60000;
	assert_int_equal(time_alone_is_up(f), -1);
	f->clock.mono_skew_ms = 600000;
	assert_int_equal(time_alone_is_up(f), EXIT_STATUS_FAILURE);
	connect_keeper(f);
	assert_false(evtimer_pending(f->poller->alone, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_trigger_is_one_post_and_gives_the_snapshot),
		TEST(test_a_trigger_without_an_answer_is_unknown_and_not_sent_again),
		TEST(test_a_trigger_that_cannot_leave_is_tried_later),
		TEST(test_trigger_results_outlive_the_keeper_and_other_work_does_not),
		TEST(test_a_result_is_told_to_each_keeper_until_one_has_it),
		TEST(test_the_same_keeper_may_ask_again),
		TEST(test_many_triggers_outlive_keepers_that_die),
		TEST(test_there_is_room_for_the_result_of_every_trigger),
		TEST(test_a_keeper_that_acknowledges_nothing_is_served),
		TEST(test_a_task_that_comes_too_late_is_returned_unsent),
		TEST(test_a_trigger_whose_time_ends_while_it_connects_is_not_sent),
		TEST(test_a_trigger_whose_keeper_is_replaced_while_it_connects_is_not_sent),
		TEST(test_the_tasks_of_a_dead_keeper_are_not_sent),
		TEST(test_results_tell_whether_the_provider_answered_and_its_clock),
		TEST(test_polls_tell_what_the_provider_says),
		TEST(test_many_polls_run_at_a_time),
		TEST(test_cancels),
		TEST(test_a_snapshot_is_downloaded_once_and_stored),
		TEST(test_a_download_tells_its_first_bytes_at_once),
		TEST(test_other_answers_are_no_first_bytes),
		TEST(test_whole_answers_that_are_no_data),
		TEST(test_a_store_without_its_spool_file_waits_for_a_new_download),
		TEST(test_a_store_of_a_spool_file_with_other_bytes_waits_for_a_new_download),
		TEST(test_a_download_that_is_not_ready_waits),
		TEST(test_a_download_that_breaks_is_tried_again),
		TEST(test_ends_without_data),
		TEST(test_one_transfer_at_a_time),
		TEST(test_a_task_that_names_no_snapshot_is_returned),
		TEST(test_the_jobs_of_the_window_are_told_with_their_inputs),
		TEST(test_only_wanted_inputs_are_read),
		TEST(test_a_job_whose_input_cannot_be_told_is_counted),
		TEST(test_what_fails_again_and_again_ends_a_search),
		TEST(test_one_failure_or_two_do_not_end_a_search),
		TEST(test_a_refusal_ends_a_search_at_once),
		TEST(test_a_long_list_is_read_to_its_end),
		TEST(test_fifty_thousand_jobs_are_read),
		TEST(test_a_list_without_end_is_given_up),
		TEST(test_a_search_makes_so_many_calls_at_a_time),
		TEST(test_a_fifth_search_is_refused),
		TEST(test_an_answer_to_no_question_is_passed_over_and_a_wrong_one_is_not),
		TEST(test_a_search_that_the_keeper_forgets_is_given_up),
		TEST(test_the_search_for_one_crawl_is_no_task_any_more),
		TEST(test_draining_gives_work_back_and_lets_triggers_come_home),
		TEST(test_a_task_that_crosses_the_leave_is_returned),
		TEST(test_draining_does_not_wait_for_ever),
		TEST(test_a_drain_ends_before_its_time_is_over),
		TEST(test_with_much_time_all_that_is_begun_goes_on_to_its_end),
		TEST(test_a_search_ends_with_the_poller),
		TEST(test_with_little_time_a_search_ends_at_once),
		TEST(test_what_much_time_is_too_short_for_is_given_back),
		TEST(test_a_drain_waits_until_the_keeper_has_the_results),
		TEST(test_a_drain_does_not_wait_for_ever_for_the_keeper),
		TEST(test_poller_whose_stream_broke_leaves_but_not_in_the_midst_of_a_trigger),
	};

	(void)signal(SIGPIPE, SIG_IGN);	/* as in the poller */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
