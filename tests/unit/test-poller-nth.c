/*
 * test-poller-nth.c - pollers whose n-th call fails, memory or file. The keeper, played here,
 * gives each task again until it is done, as it would; an object is whole or absent, what
 * is said to be stored is, and of a trigger that is said not to have left none has.
 */
#include "fail_nth.h"

#include "canned.h"

#include "base/checksum.h"
#include "base/log.h"
#include "base/why.h"
#include "poller/poller.h"
#include "provider/brightdata.h"

#define OBJECT	   "raw/2026/snapshot_sd_1.json"
#define RECORDS	   22000	/* so many that the examiner's threads look at them */
#define BAD	   "[{\"post_id\":\"1\"},{\"post_id\":"
#define LISTED	   "[{\"id\":\"sd_1\",\"created\":\"2026-11-23T12:00:00Z\",\"status\":\"running\"}]"
#define LISTED_MS  INT64_C(1795435200000)
#define INPUT	   "url,num_of_posts\nhttps://www.facebook.com/acme,10\n"
#define TRIES	   4		/* of one task */
#define PATIENCE_MS 15000

/* What the keeper was told. */
struct told {
	bool stored;
};

struct world {
	struct event_base *base;
	struct canned	*provider;
	struct conf	 conf;
	struct poller	*poller;
	struct peer	*keeper;
	struct wire_out	 out;
	struct msg_task	 task;
	unsigned	 results, inputs;	/* inputs: those that are ours */
	struct msg_verdict verdict;	/* of the last one */
	struct msg_download_done download;
	bool		 drained;
};

static struct told *
told(void)
{
	return (struct told *)(void *)nth->told;
}

static struct uuid_maker maker;
static char *snapshot;
static size_t snapshot_len;

/* Made before any fault. */
static void
make_snapshot(void)
{
	size_t size = RECORDS * 64 + 8;

	snapshot = xmalloc(size);
	for (unsigned i = 0; i < RECORDS; i++)
		snapshot_len += (size_t)snprintf(snapshot + snapshot_len, size - snapshot_len,
		    "%c{\"post_id\":\"%u\",\"attachments\":[1,2]}", i == 0 ? '[' : ',', i);
	snapshot[snapshot_len++] = ']';
}

/* ---- the keeper ---- */

static int
on_result(struct world *w, const struct msg_verdict *verdict)
{
	w->results++;
	w->verdict = *verdict;
	return 0;
}

static int
on_trigger_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_trigger_done m;
	struct world *w = arg;
	int rc = msg_trigger_done_get(in, &m);
	struct msg_trigger_ref ref = { m.verdict.lease, m.verdict.crawl_id };

	msg_trigger_ref_put(&w->out, MSG_TRIGGER_KEPT, &ref);
	peer_send(peer, &w->out);
	return rc < 0 ? rc : on_result(w, &m.verdict);
}

static int
on_poll_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_poll_done m;
	int rc = msg_poll_done_get(in, &m);

	(void)peer;
	return rc < 0 ? rc : on_result(arg, &m.verdict);
}

static int
on_download_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct world *w = arg;
	int rc = msg_download_done_get(in, &w->download);

	(void)peer;
	return rc < 0 ? rc : on_result(w, &w->download.verdict);
}

static int
on_cancel_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_cancel_done m;
	int rc = msg_cancel_done_get(in, &m);

	(void)peer;
	return rc < 0 ? rc : on_result(arg, &m.verdict);
}

/* All inputs are wanted. */
static int
on_search_page(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_search_wanted wanted = { 0 };
	struct msg_search_page page;
	struct world *w = arg;
	int rc = msg_search_page_get(in, &page);

	wanted.lease = page.lease;
	wanted.count = page.count;
	memset(wanted.wanted, true, sizeof(wanted.wanted));
	msg_search_wanted_put(&w->out, &wanted);
	peer_send(peer, &w->out);
	return rc;
}

static int
on_search_input(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_search_input m;
	struct world *w = arg;
	uint8_t ours[SHA256_SIZE];
	int rc = msg_search_input_get(in, &m);

	(void)peer;
	provider_brightdata.input_digest(&w->task.request, ours);
	w->inputs += rc == 0 && m.readable && memcmp(m.digest, ours, sizeof(ours)) == 0;
	return rc;
}

static int
on_search_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_search_done m;
	int rc = msg_search_done_get(in, &m);

	(void)peer;
	return rc < 0 ? rc : on_result(arg, &m.verdict);
}

static int
on_store_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_store_done m;
	int rc = msg_store_done_get(in, &m);

	(void)peer;
	return rc < 0 ? rc : on_result(arg, &m.verdict);
}

/* As the keeper does: nothing is on its way to who says that it takes nothing. */
static int
on_state(struct peer *peer, struct wire_in *in, void *arg)
{
	static const struct msg_released released;
	struct msg_poller_state m;
	struct world *w = arg;
	int rc = msg_poller_state_get(in, &m);

	if (rc == 0 && m.calls == 0 && m.transfers == 0) {
		msg_released_put(&w->out, &released);
		peer_send(peer, &w->out);
	}
	return rc;
}

static int
on_other(struct peer *peer, struct wire_in *in, void *arg)
{
	(void)peer, (void)in, (void)arg;
	return 0;
}

static void
on_closed(struct peer *peer, void *arg)
{
	struct world *w = arg;

	(void)peer;
	w->keeper = NULL;
}

static void
on_drained(void *arg)
{
	struct world *w = arg;

	w->drained = true;
}

/* ---- life ---- */

static _Noreturn void
refuse(int status, const char *reason)
{
	assert_true(strlen(reason) > 10);
	(void)fprintf(stderr, "%s\n", reason);
	exit(status);
}

static void
connect_keeper(struct world *w)
{
#define FROM_POLLER(name) { 1u << ROLE_POLLER, on_##name }
	static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
		[MSG_POLLER_STATE] = FROM_POLLER(state), [MSG_TASK_RETURNED] = FROM_POLLER(other),
		[MSG_TASK_PROGRESS] = FROM_POLLER(other), [MSG_TRIGGER_DONE] = FROM_POLLER(trigger_done),
		[MSG_POLL_DONE] = FROM_POLLER(poll_done), [MSG_DOWNLOAD_DONE] = FROM_POLLER(download_done),
		[MSG_STORE_DONE] = FROM_POLLER(store_done), [MSG_CANCEL_DONE] = FROM_POLLER(cancel_done),
		[MSG_SEARCH_PAGE] = FROM_POLLER(search_page), [MSG_SEARCH_INPUT] = FROM_POLLER(search_input),
		[MSG_SEARCH_DONE] = FROM_POLLER(search_done),
	};
	static const struct peer_events events = { NULL, on_closed };
	struct inherit_message keeper = { .role = ROLE_KEEPER }, poller = { .role = ROLE_POLLER };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	poller_attach(w->poller, &keeper, fd[0]);
	w->keeper = peer_new(w->base, fd[1], ROLE_KEEPER, &poller, rules, &events, w);
}

static void
serve(struct world *w)
{
	w->provider = canned_new(w->base);
	canned_reply(w->provider, "/trigger", "200 OK", "{\"snapshot_id\":\"sd_1\"}", CANNED_ALWAYS);
	canned_reply(w->provider, "/progress/", "200 OK", "{\"status\":\"ready\",\"records\":1}", CANNED_ALWAYS);
	canned_reply(w->provider, "/cancel", "200 OK", "OK", CANNED_ALWAYS);
	canned_reply(w->provider, "/snapshots?", "200 OK", LISTED, CANNED_ALWAYS);
	canned_reply(w->provider, "/input", "200 OK", INPUT, CANNED_ALWAYS);
	canned_reply(w->provider, "/snapshot/sd_bad", "200 OK", BAD, CANNED_ALWAYS);
	canned_reply(w->provider, "/snapshot/sd_1", "200 OK", snapshot, CANNED_ALWAYS);
	(void)snprintf(w->conf.brightdata_base_url, sizeof(w->conf.brightdata_base_url), "http://127.0.0.1:%d",
	    w->provider->port);
}

static struct world *
begin(const char *dir, bool faults)
{
	static const char json[] = "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}";
	struct world *w = xcalloc(1, sizeof(*w));
	struct why why;

	(void)signal(SIGPIPE, SIG_IGN);
	log_open("poller", LOG_LEVEL_ERROR);
	w->base = loop_new();
	conf_init(&w->conf);
	(void)str_copy(w->conf.data_dir, sizeof(w->conf.data_dir), dir);
	(void)str_copy(w->conf.brightdata_api_key, sizeof(w->conf.brightdata_api_key), "key-7f3a");
	serve(w);
	wire_init(&w->out);
	assert_int_equal(trigger_request_read(json, strlen(json), &w->task.request, &why), 0);
	w->task.crawl.id = uuid_make(&maker, &clock_system);
	w->task.crawl.provider_records = UINT64_MAX;
	(void)str_copy(w->task.crawl.object_path, sizeof(w->task.crawl.object_path), OBJECT);
	if (faults)
		nth_arm();
	if (poller_new(w->base, &w->conf, &clock_system, &w->poller, &why) < 0)
		refuse(EXIT_STATUS_CANTCREAT, why.text);
	connect_keeper(w);
	return w;
}

static void
end(struct world *w)
{
	int64_t begun = clock_mono_ms(&clock_system);

	poller_drain(w->poller, 0, on_drained, w);
	while (!w->drained) {
		assert_true(clock_mono_ms(&clock_system) - begun < PATIENCE_MS);
		(void)event_base_loop(w->base, EVLOOP_ONCE);
	}
	poller_free(w->poller);
	peer_free(w->keeper);
	wire_done(&w->out);
	canned_free(w->provider);
	event_base_free(w->base);
	conf_done(&w->conf);
	free(w);
}

/* ---- tasks ---- */

static void
put_search(struct world *w)
{
	struct msg_search search = { .lease = w->task.lease, .calls = 4, .from_ms = LISTED_MS - 60000,
		.to_ms = LISTED_MS + 60000, .dataset_id = "gd_1" };

	w->inputs = 0;
	msg_search_put(&w->out, &search);
}

static void
give(struct world *w, enum task_kind kind, const char *snapshot_id)
{
	int64_t begun = clock_mono_ms(&clock_system);
	struct timeval tick = { 0, 20000 };
	unsigned before = w->results;

	assert_non_null(w->keeper);
	w->task.kind = kind;
	w->task.crawl.lease = ++w->task.lease;
	(void)str_copy(w->task.crawl.snapshot_id, sizeof(w->task.crawl.snapshot_id), snapshot_id);
	if (kind == TASK_RECONCILE)
		put_search(w);
	else
		msg_task_put(&w->out, &w->task);
	peer_send(w->keeper, &w->out);
	while (w->results == before) {
		if (clock_mono_ms(&clock_system) - begun > PATIENCE_MS)
			fail_msg("waited in vain for %s", task_name(kind));
		(void)event_base_loopexit(w->base, &tick);
		(void)event_base_loop(w->base, EVLOOP_ONCE);
	}
	assert_int_equal(w->verdict.lease, w->task.lease);
}

/* Again until it is done. False: it cannot be, as something fails and goes on failing. */
static bool
does(struct world *w, enum task_kind kind, const char *snapshot_id)
{
	for (int i = 0; i < TRIES; i++) {
		give(w, kind, snapshot_id);
		if (w->verdict.outcome == OUTCOME_OK)
			return true;
		if (strlen(w->verdict.text) < 5)
			fail_msg("%s: outcome %d without a word", task_name(kind), (int)w->verdict.outcome);
		(void)fprintf(stderr, "%s: %s\n", task_name(kind), w->verdict.text);
		if (kind == TASK_STORE && w->verdict.outcome == OUTCOME_WAIT)
			return false;
		if (kind == TASK_TRIGGER && w->verdict.outcome == OUTCOME_UNKNOWN)
			return false;		/* the keeper would search for its job */
		if (kind == TASK_TRIGGER && canned_count(w->provider, "/trigger") > 0)
			fail_msg("outcome %d of a trigger that has left", (int)w->verdict.outcome);
	}
	if (!nth->on)
		fail_msg("%s is not done although only one call has failed: %s", task_name(kind), w->verdict.text);
	return false;
}

/* Is the file there, and what it should be? Anything else ends the test. */
static bool
is_there(const char *dir, const char *name, const char *expected, size_t len)
{
	static char bytes[4 << 20];
	char path[512];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return false;
	n = syscall(SYS_read, fd, bytes, sizeof(bytes));
	(void)close(fd);
	if (n != (ssize_t)len || memcmp(bytes, expected, len) != 0)
		fail_msg("%s holds %zd bytes that are not as they should be", path, n);
	return true;
}

static bool
downloads(struct world *w)
{
	struct crawl *crawl = &w->task.crawl;

	if (!does(w, TASK_DOWNLOAD, "sd_1"))
		return false;
	assert_int_equal(w->download.size_bytes, snapshot_len);
	assert_int_equal(w->download.posts, RECORDS);
	crawl->size_bytes = w->download.size_bytes;
	crawl->crc32c = w->download.crc32c;
	memcpy(crawl->sha256, w->download.sha256, SHA256_SIZE);
	return true;
}

/* Where the file in the spool cannot be read, or is not what it was, it is downloaded anew. */
static bool
stores(struct world *w)
{
	for (int i = 0; i < TRIES; i++) {
		if (does(w, TASK_STORE, "sd_1")) {
			assert_true(is_there(w->conf.data_dir, "objects/" OBJECT, snapshot, snapshot_len));
			told()->stored = true;
			return true;
		}
		if (w->verdict.outcome != OUTCOME_WAIT || !downloads(w))
			break;
	}
	return false;
}

static void
run_work(const char *dir)
{
	struct world *w = begin(dir, true);
	char name[SPOOL_NAME_SIZE], path[64];

	(void)does(w, TASK_TRIGGER, "");
	assert_in_range(canned_count(w->provider, "/trigger"), 0, 1);
	if (does(w, TASK_RECONCILE, ""))
		assert_int_equal(w->inputs, 1);
	(void)does(w, TASK_POLL, "sd_1");
	if (downloads(w)) {
		(void)snprintf(path, sizeof(path), "spool/%s", spool_name(name, &w->task.crawl.id, 0));
		assert_true(is_there(dir, path, snapshot, snapshot_len));
		/* Another life: the file is there already, and read. Then the same of the object. */
		if (downloads(w) && stores(w))
			(void)stores(w);
	}
	w->task.crawl.id = uuid_make(&maker, &clock_system);
	give(w, TASK_DOWNLOAD, "sd_bad");
	assert_int_not_equal(w->verdict.outcome, OUTCOME_OK);
	assert_true(strlen(w->verdict.text) > 5);
	(void)does(w, TASK_CANCEL, "sd_1");
	end(w);
}

/* ---- what is left ---- */

static const char *check_dir;

static int
check_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	const char *name = path + strlen(check_dir) + 1;

	(void)st, (void)ftw;
	if (kind != FTW_F || strncmp(name, "spool/", 6) == 0)
		return 0;
	if (strcmp(name, "objects/" OBJECT) == 0)
		assert_true(is_there(check_dir, name, snapshot, snapshot_len));
	else if (strcmp(name, "quarantine/snapshot_sd_bad.json") == 0)
		assert_true(is_there(check_dir, name, BAD, strlen(BAD)));
	else
		fail_msg("what is %s?", path);
	return 0;
}

static void
check_work(const char *dir)
{
	struct world *w;

	check_dir = dir;
	(void)nftw(dir, check_one, 16, FTW_PHYS);
	if (told()->stored)
		assert_true(is_there(dir, "objects/" OBJECT, snapshot, snapshot_len));
	/* The next one, which nothing disturbs. */
	w = begin(dir, false);
	assert_true(downloads(w));
	assert_true(stores(w));
	end(w);
	(void)nftw(dir, check_one, 16, FTW_PHYS);
}

int
main(void)
{
	static const struct nth_case cases[] = {
		{ "work", NULL, run_work, check_work, 1u << NTH_STATEMENT },
	};

	make_snapshot();
	return nth_main(cases, countof(cases));
}
