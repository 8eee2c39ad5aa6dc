/*
 * front_pending.c - requests that are being worked on, and those that wait for the
 * keeper: token to call, deadlines, asking again. Owns the calls.
 *
 * A question is asked when a keeper is there, and again of each new keeper until it
 * is answered: every question may be repeated. What the keeper would still answer
 * when nobody waits any more it is told to forget.
 */
#include "front/front.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

#define TOKEN_SLOT_BITS 12
#define TOKEN_SLOT(token) ((token) & (FRONT_CALLS - 1))

_Static_assert(FRONT_CALLS == 1 << TOKEN_SLOT_BITS, "a token names one of FRONT_CALLS");

void
front_pending_init(struct front *front)
{
	front->calls = xcalloc(FRONT_CALLS, sizeof(*front->calls));
	TAILQ_INIT(&front->free);
	TAILQ_INIT(&front->waiting);
	for (unsigned i = 0; i < FRONT_CALLS; i++)
		TAILQ_INSERT_TAIL(&front->free, &front->calls[i], link);
}

void
front_pending_done(struct front *front)
{
	for (unsigned i = 0; i < FRONT_CALLS; i++)
		free(front->calls[i].create);
	free(front->calls);
}

struct call *
call_new(struct front *front, struct guard_conn *conn, struct evhttp_request *request)
{
	struct call *call = TAILQ_FIRST(&front->free);

	if (call == NULL)
		return NULL;
	TAILQ_REMOVE(&front->free, call, link);
	memset(call, 0, sizeof(*call));
	call->pooled = true;
	call->front = front;
	call->conn = conn;
	call->request = request;
	call->begun_ms = front_now(front);
	guard_set_data(conn, call);
	return call;
}

static bool
keeper_is_open(const struct front *front)
{
	return front->keeper != NULL && peer_is_open(front->keeper);
}

void
front_forget(struct call *call)
{
	struct front *front = call->front;
	struct msg_forget forget = { .request = call->token };

	if (!call->asked || !keeper_is_open(front))
		return;
	call->asked = false;
	msg_forget_put(&front->out, &forget);
	peer_send(front->keeper, &front->out);
}

void
front_put_ref(struct call *call, struct wire_out *out, enum msg_type type)
{
	struct msg_crawl_ref ref = { .request = call->token, .crawl_id = call->crawl_id };

	(void)str_copy(ref.request_id, sizeof(ref.request_id), call->request_id);
	msg_crawl_ref_put(out, type, &ref);
}

void
call_end(struct call *call)
{
	struct front *front = call->front;

	guard_set_data(call->conn, NULL);
	if (!call->pooled)
		return;
	front_forget(call);
	free(call->create);
	call->create = NULL;
	if (call->question != NULL)
		TAILQ_REMOVE(&front->waiting, call, link);
	call->question = NULL;
	call->token = 0;
	/* The one last used is the one still in the processor's cache. */
	TAILQ_INSERT_HEAD(&front->free, call, link);
}

static void
call_ask(struct call *call)
{
	struct front *front = call->front;

	if (!keeper_is_open(front))
		return;
	call->question->put(call, &front->out);
	call->asked = true;
	call->asks++;
	peer_send(front->keeper, &front->out);
}

void
front_ask(struct call *call, const struct question *question, int64_t late_ms)
{
	struct front *front = call->front;

	if (call->question == NULL)
		TAILQ_INSERT_TAIL(&front->waiting, call, link);
	call->question = question;
	call->late_ms = call->begun_ms + late_ms;
	if (call->token == 0)
		call->token = ++front->serial << TOKEN_SLOT_BITS | (uint64_t)(call - front->calls);
	call_ask(call);
}

/* The waiting call of a token; NULL when it has been answered already. */
static struct call *
call_find(struct front *front, uint64_t token)
{
	struct call *call = &front->calls[TOKEN_SLOT(token)];

	return token != 0 && call->token == token && call->question != NULL ? call : NULL;
}

/* ---- the keeper ---- */

static int
front_on_crawl_answer(struct peer *peer, struct wire_in *in, void *arg)
{
	struct front *front = arg;
	struct msg_crawl_answer *answer = &front->answer;
	int r = msg_crawl_answer_get(in, answer);
	struct call *call;

	(void)peer;
	if (r < 0)
		return r;
	call = call_find(front, answer->request);
	if (call == NULL || call->question->on_answer == NULL)
		return 0;
	call->asked = answer->more;
	/* Answers that are for an error carry no view; the others do. */
	if (answer->error == ERROR_NONE && !answer->has_view && !answer->more)
		return -EBADMSG;
	call->question->on_answer(call, answer);
	return 0;
}

static int
front_on_health_answer(struct peer *peer, struct wire_in *in, void *arg)
{
	struct front *front = arg;
	int r = msg_health_answer_get(in, &front->health);
	struct call *call;

	(void)peer;
	if (r < 0)
		return r;
	call = call_find(front, front->health.request);
	if (call == NULL || call->question->on_health == NULL)
		return 0;
	call->asked = false;
	call->question->on_health(call, &front->health);
	return 0;
}

static int
front_on_backup_answer(struct peer *peer, struct wire_in *in, void *arg)
{
	struct front *front = arg;
	int r = msg_backup_answer_get(in, &front->backup);
	struct call *call;

	(void)peer;
	if (r < 0)
		return r;
	call = call_find(front, front->backup.request);
	if (call == NULL || call->question->on_backup == NULL)
		return 0;
	call->asked = false;
	call->question->on_backup(call, &front->backup);
	return 0;
}

/* Returns how many there are. */
static unsigned
ask_all(struct front *front)
{
	struct call *call;
	unsigned count = 0;

	for (call = TAILQ_FIRST(&front->waiting); call != NULL; call = TAILQ_NEXT(call, link)) {
		call_ask(call);
		count++;
	}
	return count;
}

/* The keeper had to forget what it was asked since its last commit, with its answers. */
static int
front_on_tell_again(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_tell_again m;
	int r = msg_tell_again_get(in, &m);
	unsigned count;

	(void)peer;
	if (r < 0)
		return r;
	count = ask_all(arg);
	log_debug(NULL, "%u waiting requests are asked again", count);
	return 0;
}

const struct ipc_rule front_rules[MSG_TYPE_COUNT] = {
	[MSG_TELL_AGAIN] = { 1 << ROLE_KEEPER, front_on_tell_again },
	[MSG_CRAWL_ANSWER] = { 1 << ROLE_KEEPER, front_on_crawl_answer },
	[MSG_HEALTH_ANSWER] = { 1 << ROLE_KEEPER, front_on_health_answer },
	[MSG_BACKUP_ANSWER] = { 1 << ROLE_KEEPER, front_on_backup_answer },
};

static void
front_on_keeper_open(struct peer *peer, void *arg)
{
	unsigned count = ask_all(arg);

	(void)peer;
	if (count > 0)
		log_as(KIND_KEEPER_BACK, NULL, "the keeper is there: %u waiting requests are asked of it", count);
}

static void
front_on_keeper_closed(struct peer *peer, void *arg)
{
	struct front *front = arg;
	struct call *call;

	if (peer != front->keeper)
		return;
	front->keeper = NULL;
	front->keeper_lost_ms = front_now(front);
	for (call = TAILQ_FIRST(&front->waiting); call != NULL; call = TAILQ_NEXT(call, link))
		call->asked = false;
	log_as(KIND_KEEPER_GONE, NULL, "the keeper is gone; requests wait for the next one");
}

const struct peer_events front_keeper_events = {
	.on_open = front_on_keeper_open,
	.on_closed = front_on_keeper_closed,
};

/* ---- deadlines ---- */

static bool
call_is_stranded(const struct call *call, int64_t now)
{
	const struct front *front = call->front;
	int64_t since = front->keeper_lost_ms > call->begun_ms ? front->keeper_lost_ms : call->begun_ms;

	return !keeper_is_open(front) && now - since >= FRONT_KEEPER_MS;
}

void
front_pending_sweep(struct front *front)
{
	int64_t now = front_now(front);
	struct call *call, *next;

	if (front->keeper == NULL && now - front->keeper_lost_ms >= INHERIT_ALONE_MS)
		fatal_as(EXIT_STATUS_FAILURE, KIND_KEEPER_MISSED, "no keeper was given for %d s",
		    INHERIT_ALONE_MS / 1000);
	for (call = TAILQ_FIRST(&front->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (now >= call->late_ms || call_is_stranded(call, now))
			call->question->on_late(call, !keeper_is_open(front));
	}
}

void
front_pending_give_up(struct front *front)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&front->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		call->question->on_late(call, !keeper_is_open(front));
	}
}

void
front_pending_hurry(struct front *front)
{
	struct call *call, *next;

	for (call = TAILQ_FIRST(&front->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->acknowledged)
			call->question->on_late(call, false);
	}
}
