/*
 * test-ipc-msg.c - every message: random contents come back, and no body that is
 * cut or has a byte too many is taken.
 *
 * A round trip is checked by encoding what was decoded: the bytes must be the
 * same. That the encoding holds every member is checked by the structs: filled with
 * random bytes, then compared where they have no padding that matters.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ipc/msg.h"

#define ROUNDS 200

static uint64_t seed = 0x7261776c;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any length up to the field's, edges often. */
static void
rnd_text(char *dst, size_t size)
{
	size_t len = rnd() % 4 == 0 ? size - 1 : rnd() % 5 == 0 ? 0 : rnd() % size;

	for (size_t i = 0; i < len; i++)
		dst[i] = (char)(1 + rnd() % 255);
	dst[len] = '\0';
}

static void
rnd_bytes(void *dst, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)dst)[i] = (uint8_t)rnd();
}

#define TEXT(field) rnd_text((field), sizeof(field))

static void
fill_request(struct trigger_request *r)
{
	r->platform = rnd() % PLATFORM_COUNT;
	TEXT(r->dataset_id);
	TEXT(r->competitor);
	TEXT(r->brand);
	TEXT(r->category);
	TEXT(r->url);
	TEXT(r->start_date);
	TEXT(r->end_date);
	r->include_profile_data = rnd() & 1;
	r->num_of_posts = (uint32_t)rnd();
}

static void
fill_crawl(struct crawl *c)
{
	rnd_bytes(&c->id, sizeof(c->id));
	c->state = rnd() % CRAWL_STATE_COUNT;
	c->version = (uint32_t)rnd();
	c->created_ms = (int64_t)rnd();
	c->updated_ms = (int64_t)rnd();
	c->triggered_ms = (int64_t)rnd();
	c->ready_ms = (int64_t)rnd();
	c->finished_ms = (int64_t)rnd();
	c->intent_ms = (int64_t)rnd();
	c->failing_ms = (int64_t)rnd();
	c->due_ms = (int64_t)rnd();
	c->lease = rnd();
	c->triggers = (uint32_t)rnd();
	c->looks = (uint32_t)rnd();
	c->polls = (uint32_t)rnd();
	c->failures = (uint32_t)rnd();
	c->unsound = (uint32_t)rnd();
	c->crashes = (uint32_t)rnd();
	c->cancel_wanted = rnd() & 1;
	c->fetch_wanted = rnd() & 1;
	TEXT(c->snapshot_id);
	TEXT(c->object_path);
	c->provider_records = rnd();
	c->posts = rnd();
	c->media = rnd();
	c->errors = rnd();
	c->others = rnd();
	c->size_bytes = rnd();
	c->crc32c = (uint32_t)rnd();
	rnd_bytes(c->sha256, sizeof(c->sha256));
	c->error = rnd() % ERROR_CODE_COUNT;
	c->stage = rnd() % STAGE_COUNT;
	TEXT(c->error_text);
	TEXT(c->note);
}

static void
fill_verdict(struct msg_verdict *v)
{
	v->lease = rnd();
	rnd_bytes(&v->crawl_id, sizeof(v->crawl_id));
	v->outcome = rnd() % OUTCOME_COUNT;
	v->error = rnd() % ERROR_CODE_COUNT;
	v->retry_after_ms = (int64_t)rnd();
	v->http_status = (uint32_t)rnd();
	v->date_ms = (int64_t)rnd();
	TEXT(v->text);
}

/* ---- one row a message: fill, put and get behind void pointers ---- */

#define ROW(name) \
	static void put_##name(struct wire_out *o, const void *m) { msg_##name##_put(o, m); } \
	static int get_##name(struct wire_in *i, void *m) { return msg_##name##_get(i, m); } \
	static void fill_##name(struct msg_##name *m)
#define FILL(name) static void erased_fill_##name(void *m) { fill_##name(m); }

ROW(hello) { m->version = (uint32_t)rnd(); m->role = (uint32_t)rnd(); m->instance = (uint32_t)rnd(); m->generation = (uint32_t)rnd(); }
FILL(hello)
ROW(crawl_create) { m->request = rnd(); rnd_bytes(&m->crawl_id, 16); TEXT(m->request_id); m->wait = rnd() & 1; TEXT(m->idempotency_key); fill_request(&m->body); }
FILL(crawl_create)
ROW(crawl_read) { m->request = rnd(); rnd_bytes(&m->crawl_id, 16); m->refresh = rnd() & 1; }
FILL(crawl_read)
ROW(forget) { m->request = rnd(); }
FILL(forget)
ROW(health_read) { m->request = rnd(); }
FILL(health_read)

ROW(crawl_answer)
{
	m->request = rnd();
	m->error = rnd() % ERROR_CODE_COUNT;
	m->existed = rnd() & 1;
	m->more = rnd() & 1;
	m->has_view = rnd() % 4 != 0;
	if (!m->has_view)
		return;
	fill_crawl(&m->view.crawl);
	TEXT(m->view.object_url);
	TEXT(m->view.waiting_for);
	m->view.waiting_until_ms = (int64_t)rnd();
	fill_request(&m->view.request);
}
FILL(crawl_answer)

ROW(health_answer)
{
	m->request = rnd();
	m->store_ok = rnd() & 1;
	m->disk_low = rnd() & 1;
	m->disk_read_only = rnd() & 1;
	m->disk_free = rnd();
	m->disk_reserve = rnd();
	for (unsigned i = 0; i < CRAWL_STATE_COUNT; i++)
		m->counts[i] = (uint32_t)rnd();
	m->pollers = (uint32_t)rnd();
	m->publishers = (uint32_t)rnd();
	m->outbox = rnd();
	m->outbox_age_ms = (int64_t)rnd();
	m->oldest_due_ms = (int64_t)rnd();
	m->provider = rnd() % PROVIDER_STATE_COUNT;
	m->provider_until_ms = (int64_t)rnd();
	m->provider_calls = (uint32_t)rnd();
	m->provider_calls_max = (uint32_t)rnd();
	m->provider_refusals = (uint32_t)rnd();
	TEXT(m->last_error);
}
FILL(health_answer)

ROW(backup) { m->request = rnd(); TEXT(m->request_id); }
FILL(backup)
ROW(backup_answer) { m->request = rnd(); m->error = rnd() % ERROR_CODE_COUNT; TEXT(m->text); TEXT(m->path); m->size_bytes = rnd(); m->crawls = rnd(); m->time_ms = (int64_t)rnd(); }
FILL(backup_answer)
ROW(poller_state) { m->calls = (uint32_t)rnd(); m->transfers = (uint32_t)rnd(); }
FILL(poller_state)
ROW(task) { m->lease = rnd(); m->kind = rnd() % TASK_KIND_COUNT; m->valid_boot_ms = (int64_t)rnd(); fill_crawl(&m->crawl); fill_request(&m->request); }
FILL(task)
ROW(task_progress) { m->lease = rnd(); rnd_bytes(&m->crawl_id, 16); m->bytes = rnd(); }
FILL(task_progress)
ROW(task_returned) { m->lease = rnd(); rnd_bytes(&m->crawl_id, 16); }
FILL(task_returned)
ROW(tell_again) { m->nothing = (uint32_t)rnd(); }
FILL(tell_again)
ROW(released) { m->nothing = (uint32_t)rnd(); }
FILL(released)
ROW(trigger_done) { fill_verdict(&m->verdict); TEXT(m->snapshot_id); }
FILL(trigger_done)
ROW(poll_done) { fill_verdict(&m->verdict); TEXT(m->word); m->records = rnd(); }
FILL(poll_done)

ROW(download_done)
{
	fill_verdict(&m->verdict);
	m->size_bytes = rnd();
	m->posts = rnd();
	m->media = rnd();
	m->errors = rnd();
	m->others = rnd();
	m->crc32c = (uint32_t)rnd();
	rnd_bytes(m->sha256, sizeof(m->sha256));
}
FILL(download_done)

ROW(store_done) { fill_verdict(&m->verdict); }
FILL(store_done)

ROW(cancel_done) { fill_verdict(&m->verdict); }
FILL(cancel_done)

static void
fill_search_job(struct search_job *job)
{
	TEXT(job->snapshot_id);
	job->created_ms = (int64_t)rnd();
}

ROW(search) { m->lease = rnd(); TEXT(m->dataset_id); m->from_ms = (int64_t)rnd(); m->to_ms = (int64_t)rnd(); m->calls = (uint32_t)rnd(); }
FILL(search)

ROW(search_page)
{
	m->lease = rnd();
	m->count = (uint32_t)(rnd() % (SEARCH_PAGE_MAX + 1));
	for (uint32_t i = 0; i < m->count; i++)
		fill_search_job(&m->jobs[i]);
}
FILL(search_page)

ROW(search_wanted)
{
	m->lease = rnd();
	m->count = (uint32_t)(rnd() % (SEARCH_PAGE_MAX + 1));
	for (uint32_t i = 0; i < m->count; i++)
		m->wanted[i] = rnd() & 1;
}
FILL(search_wanted)

ROW(search_input) { m->lease = rnd(); fill_search_job(&m->job); m->readable = rnd() & 1; rnd_bytes(m->digest, sizeof(m->digest)); }
FILL(search_input)
ROW(search_done) { fill_verdict(&m->verdict); m->jobs = (uint32_t)rnd(); m->unreadable = (uint32_t)rnd(); m->limited = (uint32_t)rnd(); }
FILL(search_done)

ROW(event_batch)
{
	static const char text[EVENT_BODY_MAX] = "{\"a\":1}";

	m->count = (uint32_t)(rnd() % 5);
	for (uint32_t i = 0; i < m->count; i++) {
		struct msg_event *e = &m->events[i];

		e->event.seq = rnd();
		rnd_bytes(&e->event.id, 16);
		rnd_bytes(&e->event.crawl_id, 16);
		e->event.type = rnd() % EVENT_TYPE_COUNT;
		e->event.time_ms = (int64_t)rnd();
		e->attributes = text;
		e->attributes_len = (uint32_t)(rnd() % 40);
		e->body = text;
		e->body_len = (uint32_t)(rnd() % 60);
	}
}
FILL(event_batch)

ROW(event_ack) { m->seq = rnd(); }
FILL(event_ack)

static void put_fetch(struct wire_out *o, const void *m) { msg_crawl_ref_put(o, MSG_CRAWL_FETCH, m); }
static void put_cancel(struct wire_out *o, const void *m) { msg_crawl_ref_put(o, MSG_CRAWL_CANCEL, m); }
static void put_retry(struct wire_out *o, const void *m) { msg_crawl_ref_put(o, MSG_CRAWL_RETRY, m); }
static int get_ref(struct wire_in *i, void *m) { return msg_crawl_ref_get(i, m); }
static void put_kept(struct wire_out *o, const void *m) { msg_trigger_ref_put(o, MSG_TRIGGER_KEPT, m); }
static void put_open(struct wire_out *o, const void *m) { msg_trigger_ref_put(o, MSG_TRIGGER_OPEN, m); }
static int get_trigger_ref(struct wire_in *i, void *m) { return msg_trigger_ref_get(i, m); }

static void
fill_trigger_ref(void *arg)
{
	struct msg_trigger_ref *m = arg;

	m->lease = rnd();
	rnd_bytes(&m->crawl_id, 16);
}

static void
fill_ref(void *arg)
{
	struct msg_crawl_ref *m = arg;

	m->request = rnd();
	rnd_bytes(&m->crawl_id, 16);
	TEXT(m->request_id);
}

#define CASE(type, name, borrows) \
	[type] = { sizeof(struct msg_##name), erased_fill_##name, put_##name, get_##name, borrows }

static const struct {
	size_t size;
	void (*fill)(void *);
	void (*put)(struct wire_out *, const void *);
	int (*get)(struct wire_in *, void *);
	bool borrows;		/* holds pointers: only the bytes are compared */
} rows[MSG_TYPE_COUNT] = {
	CASE(MSG_HELLO, hello, false),
	CASE(MSG_CRAWL_CREATE, crawl_create, false),
	CASE(MSG_CRAWL_READ, crawl_read, false),
	[MSG_CRAWL_FETCH] = { sizeof(struct msg_crawl_ref), fill_ref, put_fetch, get_ref, false },
	[MSG_CRAWL_CANCEL] = { sizeof(struct msg_crawl_ref), fill_ref, put_cancel, get_ref, false },
	[MSG_CRAWL_RETRY] = { sizeof(struct msg_crawl_ref), fill_ref, put_retry, get_ref, false },
	CASE(MSG_FORGET, forget, false),
	CASE(MSG_HEALTH_READ, health_read, false),
	CASE(MSG_CRAWL_ANSWER, crawl_answer, false),
	CASE(MSG_HEALTH_ANSWER, health_answer, false),
	CASE(MSG_BACKUP, backup, false),
	CASE(MSG_BACKUP_ANSWER, backup_answer, false),
	CASE(MSG_POLLER_STATE, poller_state, false),
	CASE(MSG_TASK, task, false),
	[MSG_TRIGGER_KEPT] = { sizeof(struct msg_trigger_ref), fill_trigger_ref, put_kept, get_trigger_ref, false },
	[MSG_TRIGGER_OPEN] = { sizeof(struct msg_trigger_ref), fill_trigger_ref, put_open, get_trigger_ref, false },
	CASE(MSG_TASK_PROGRESS, task_progress, false),
	CASE(MSG_TASK_RETURNED, task_returned, false),
	CASE(MSG_TELL_AGAIN, tell_again, false),
	CASE(MSG_RELEASED, released, false),
	CASE(MSG_TRIGGER_DONE, trigger_done, false),
	CASE(MSG_POLL_DONE, poll_done, false),
	CASE(MSG_DOWNLOAD_DONE, download_done, false),
	CASE(MSG_STORE_DONE, store_done, false),
	CASE(MSG_CANCEL_DONE, cancel_done, false),
	CASE(MSG_SEARCH, search, false),
	CASE(MSG_SEARCH_PAGE, search_page, false),
	CASE(MSG_SEARCH_WANTED, search_wanted, false),
	CASE(MSG_SEARCH_INPUT, search_input, false),
	CASE(MSG_SEARCH_DONE, search_done, false),
	CASE(MSG_EVENT_BATCH, event_batch, true),
	CASE(MSG_EVENT_ACK, event_ack, false),
};

/* Fills a zeroed struct, and drops what lies behind the ends of its texts. */
static void *
filled(unsigned type)
{
	void *m = xcalloc(1, rows[type].size);

	rows[type].fill(m);
	return m;
}

static void
encode(unsigned type, const void *m, struct wire_out *out)
{
	rows[type].put(out, m);
	wire_finish(out);
	assert_int_equal(out->p[4] | out->p[5] << 8, type);
}

/* The body in memory of exactly its size, so that a sanitizer sees a byte too far. */
static int
decode(unsigned type, const uint8_t *p, size_t len, void *m)
{
	uint8_t *copy = xmalloc(len + 1);
	struct wire_in in = { copy + 1, len, false };
	int r;

	memcpy(copy + 1, p, len);
	r = rows[type].get(&in, m);
	free(copy);
	return r;
}

static void
test_every_message_comes_back(void **state)
{
	struct wire_out out, again;

	(void)state;
	wire_init(&out);
	wire_init(&again);
	for (unsigned type = 0; type < MSG_TYPE_COUNT; type++) {
		for (unsigned round = 0; round < ROUNDS; round++) {
			void *m = filled(type), *back = xcalloc(1, rows[type].size);
			struct wire_in in;

			encode(type, m, &out);
			in = (struct wire_in){ out.p + WIRE_HEADER_SIZE, out.len - WIRE_HEADER_SIZE, false };
			assert_int_equal(rows[type].get(&in, back), 0);
			if (!rows[type].borrows)
				assert_memory_equal(m, back, rows[type].size);
			encode(type, back, &again);
			assert_int_equal(out.len, again.len);
			assert_memory_equal(out.p, again.p, out.len);
			free(m);
			free(back);
		}
	}
	wire_done(&out);
	wire_done(&again);
}

static void
test_every_cut_body_is_refused(void **state)
{
	struct wire_out out;

	(void)state;
	wire_init(&out);
	for (unsigned type = 0; type < MSG_TYPE_COUNT; type++) {
		void *m = filled(type), *back = xcalloc(1, rows[type].size);

		encode(type, m, &out);
		for (size_t len = 0; len < out.len - WIRE_HEADER_SIZE; len++)
			assert_int_equal(decode(type, out.p + WIRE_HEADER_SIZE, len, back), -EBADMSG);
		free(m);
		free(back);
	}
	wire_done(&out);
}

static void
test_every_body_with_a_byte_too_many_is_refused(void **state)
{
	struct wire_out out;

	(void)state;
	wire_init(&out);
	for (unsigned type = 0; type < MSG_TYPE_COUNT; type++) {
		void *m = filled(type), *back = xcalloc(1, rows[type].size);

		rows[type].put(&out, m);
		wire_put_u8(&out, 0);
		assert_int_equal(decode(type, out.p + WIRE_HEADER_SIZE, out.len - WIRE_HEADER_SIZE, back),
		    -EBADMSG);
		free(m);
		free(back);
	}
	wire_done(&out);
}

/* Whatever the bytes, a get only refuses or fills: each text it leaves ends in its field. */
static void
test_garbage_bodies_never_hurt(void **state)
{
	uint8_t bytes[512];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned type = (unsigned)(rnd() % MSG_TYPE_COUNT);
		void *back = xcalloc(1, rows[type].size);
		size_t len = rnd() % sizeof(bytes);

		for (size_t i = 0; i < len; i++)
			bytes[i] = rnd() % 3 ? (uint8_t)(rnd() % 4) : (uint8_t)rnd();
		(void)decode(type, bytes, len, back);
		free(back);
	}
}

static void
test_counts_beyond_the_array_are_refused(void **state)
{
	struct msg_event_batch *batch = xcalloc(1, sizeof(*batch));
	struct msg_search_page *page = xcalloc(1, sizeof(*page));
	struct wire_out out;
	struct wire_in in;

	(void)state;
	wire_init(&out);
	wire_begin(&out, MSG_EVENT_BATCH);
	wire_put_u32(&out, EVENT_BATCH_MAX + 1);
	in = (struct wire_in){ out.p + WIRE_HEADER_SIZE, out.len - WIRE_HEADER_SIZE, false };
	assert_int_equal(msg_event_batch_get(&in, batch), -EBADMSG);
	assert_int_equal(batch->count, 0);
	wire_begin(&out, MSG_SEARCH_PAGE);
	wire_put_u64(&out, 1);
	wire_put_u32(&out, SEARCH_PAGE_MAX + 1);
	in = (struct wire_in){ out.p + WIRE_HEADER_SIZE, out.len - WIRE_HEADER_SIZE, false };
	assert_int_equal(msg_search_page_get(&in, page), -EBADMSG);
	assert_int_equal(page->count, 0);
	wire_done(&out);
	free(page);
	free(batch);
}

static void
test_a_full_batch_fits_one_frame(void **state)
{
	static const char text[EVENT_BODY_MAX];
	struct msg_event_batch *batch = xcalloc(1, sizeof(*batch)), *back = xcalloc(1, sizeof(*back));
	struct wire_out out;
	struct wire_in in;

	(void)state;
	batch->count = EVENT_BATCH_MAX;
	for (unsigned i = 0; i < EVENT_BATCH_MAX; i++)
		batch->events[i] = (struct msg_event){ .attributes = text,
		    .attributes_len = EVENT_ATTRIBUTES_MAX, .body = text, .body_len = EVENT_BODY_MAX };
	wire_init(&out);
	msg_event_batch_put(&out, batch);
	wire_finish(&out);
	in = (struct wire_in){ out.p + WIRE_HEADER_SIZE, out.len - WIRE_HEADER_SIZE, false };
	assert_int_equal(msg_event_batch_get(&in, back), 0);
	assert_int_equal(back->count, EVENT_BATCH_MAX);
	wire_done(&out);
	free(batch);
	free(back);
}

static void
test_every_type_has_a_name(void **state)
{
	(void)state;
	for (unsigned type = 0; type < MSG_TYPE_COUNT; type++)
		assert_non_null(msg_name(type));
	assert_string_equal(msg_name(MSG_TYPE_COUNT), "unknown");
	assert_string_equal(msg_name(MSG_TASK), "TASK");
}

static void
test_spool_names_tell_part_from_whole(void **state)
{
#define ID "01020300-0000-0000-0000-00000000000a"
	static const struct {
		const char *name;
		enum spool_kind kind;
		uint64_t lease;
	} names[] = {
		{ ID ".snapshot", SPOOL_WHOLE, 0 },
		{ ID ".0000000100000002.part", SPOOL_PART, 0x100000002 },
		{ ID ".ffffffffffffffff.part", SPOOL_PART, UINT64_MAX },
		{ ID ".part", SPOOL_PART, 0 },
		{ ID ".0000000000000000.part", SPOOL_FOREIGN, 0 },
		{ ID ".100000002.part", SPOOL_FOREIGN, 0 },
		{ ID ".0000000100000002", SPOOL_FOREIGN, 0 },
		{ ID ".FFFFFFFFFFFFFFFF.part", SPOOL_FOREIGN, 0 },
		{ ID ".0000000100000002.part~", SPOOL_FOREIGN, 0 },
		{ ID ".00000001000000023.part", SPOOL_FOREIGN, 0 },
		{ ID ".Snapshot", SPOOL_FOREIGN, 0 },
		{ ID ".snapshot.gz", SPOOL_FOREIGN, 0 },
		{ ID, SPOOL_FOREIGN, 0 },
		{ ID "x.part", SPOOL_FOREIGN, 0 },
		{ "01020300-0000-0000-0000-00000000000A.snapshot", SPOOL_FOREIGN, 0 },
		{ "01020300-0000-0000-0000.snapshot", SPOOL_FOREIGN, 0 },
		{ ".", SPOOL_FOREIGN, 0 }, { "..", SPOOL_FOREIGN, 0 }, { "", SPOOL_FOREIGN, 0 }, { "x", SPOOL_FOREIGN, 0 },
		{ "snapshot_sd_1.json", SPOOL_FOREIGN, 0 },
	};
	struct uuid id = { { 1, 2, 3, [15] = 10 } }, found;
	char name[SPOOL_NAME_SIZE];
	uint64_t lease;

	(void)state;
	assert_string_equal(spool_name(name, &id, 0), ID ".snapshot");
	assert_string_equal(spool_name(name, &id, 0x100000002), ID ".0000000100000002.part");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (spool_name_read(names[i].name, &found, &lease) != names[i].kind)
			fail_msg("%s", names[i].name);
		if (names[i].kind == SPOOL_FOREIGN)
			continue;
		assert_true(uuid_equal(&found, &id));
		assert_true(lease == names[i].lease);
	}
#undef ID
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_comes_back),
		cmocka_unit_test(test_every_cut_body_is_refused),
		cmocka_unit_test(test_every_body_with_a_byte_too_many_is_refused),
		cmocka_unit_test(test_garbage_bodies_never_hurt),
		cmocka_unit_test(test_counts_beyond_the_array_are_refused),
		cmocka_unit_test(test_a_full_batch_fits_one_frame),
		cmocka_unit_test(test_every_type_has_a_name),
		cmocka_unit_test(test_spool_names_tell_part_from_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
