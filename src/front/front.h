/*
 * front.h - what the files of the front share. The front parses requests, asks the
 * keeper, answers; it keeps nothing. One `struct front` is a whole front; it needs
 * an event base, listening sockets and a stream to a keeper, all given from outside,
 * so that a test can hold one in its own process.
 *
 * A request is a struct call from the moment it is routed until it is answered.
 * Each handler (front_on_*) ends in exactly one of: front_send, front_fail,
 * front_ask. Answering frees the call: return right after.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/loop.h"
#include "base/uuid.h"
#include "conf/conf.h"
#include "front/front_guard.h"
#include "ipc/msg.h"
#include "ipc/peer.h"
#include "model/error.h"
#include "provider/provider_rules.h"

#define FRONT_CALLS		4096	/* requests being worked on; beyond that 503 at once */
#define FRONT_SWEEP_MS		100
#define FRONT_KEEPER_MS		10000	/* how long a request waits for a keeper that is away */
#define FRONT_HEALTH_MS		2000	/* and how long the health question */
#define FRONT_BACKUP_MS		3600000	/* and how long one for a copy of the job store */
#define FRONT_DRAIN_ANSWER_MS	2500	/* after this long a drain answers what still waits, */
#define FRONT_DRAIN_MS		3000	/* and after this long it ends */

struct front;
struct call;

/* What a call waits for, one constant a kind of question. */
struct question {
	/* Writes the question; also when it is asked again of a new keeper. */
	void (*put)(struct call *, struct wire_out *);
	/* The keeper's answer; the call may go on waiting when more follow. */
	void (*on_answer)(struct call *, const struct msg_crawl_answer *);
	void (*on_health)(struct call *, const struct msg_health_answer *);	/* instead */
	void (*on_backup)(struct call *, const struct msg_backup_answer *);	/* instead */
	/* Time is up. away: there is no keeper, or it is only just back. Answers, or puts
	 * call->late_ms into the future. */
	void (*on_late)(struct call *, bool away);
};

struct call {
	struct front		*front;
	TAILQ_ENTRY(call)	 link;		/* free, or waiting */
	struct guard_conn	*conn;
	struct evhttp_request	*request;
	const struct question	*question;	/* NULL: it does not wait */
	uint64_t		 token;		/* of the question; 0: not asked */
	int64_t			 begun_ms, late_ms;
	bool			 pooled;	/* not the one that stands in when all are in use */
	bool			 head_only;	/* HEAD: the answer without its body */
	bool			 asked;		/* and an answer may still come */
	unsigned		 asks;		/* how many times: what one keeper did, the next finds done */
	bool			 acknowledged;	/* trigger: the crawl is on disk */
	bool			 refresh;	/* status: the provider is to be asked */
	struct uuid		 crawl_id;
	char			 crawl_text[UUID_TEXT_SIZE];	/* "" while no crawl is meant */
	char			 request_id[REQUEST_ID_SIZE];
	struct msg_crawl_create	*create;	/* trigger; owned */
};

TAILQ_HEAD(call_list, call);

struct front {
	struct event_base	*base;
	const struct conf	*conf;
	const struct provider_rules *rules;	/* of the provider that is configured */
	const struct clock	*clock;
	struct guard		*guard;
	struct event		*sweep;
	struct uuid_maker	 maker;
	struct json_out		 json;		/* the answer that is being written */
	struct wire_out		 out;
	struct msg_crawl_answer	 answer;	/* the message that is being handled: too large for a stack */
	struct msg_health_answer health;
	struct msg_backup_answer backup;

	struct peer		*keeper;	/* or NULL */
	int64_t			 keeper_lost_ms;

	struct call		*calls;		/* FRONT_CALLS of them */
	struct call_list	 free, waiting;
	uint64_t		 serial;

	bool			 draining;
	int64_t			 drain_ms;
	void			(*on_drained)(void *arg);
	void			*arg;
};

static inline int64_t
front_now(const struct front *front)
{
	return clock_mono_ms(front->clock);
}

/* ---- front_main.c's side: front_life.c ---- */

/* Everything is borrowed and must outlive the front. */
struct front *front_new(struct event_base *, const struct conf *, const struct clock *,
    const struct guard_limits *);
void front_free(struct front *);
/* A listening socket, taken. Negative errno. */
int front_listen(struct front *, int fd);
/* A stream to a new keeper, taken; replaces the one before. */
void front_set_keeper(struct front *, const struct inherit_message *who, int fd);
/* Finishes what is begun; on_drained is called once, within FRONT_DRAIN_MS and a sweep. */
void front_drain(struct front *, void (*on_drained)(void *arg), void *arg);

/* ---- routes: front_route.c ---- */

void front_on_request(struct guard_conn *, struct evhttp_request *, void *arg);

/* The handlers of the table there. */
typedef void front_handler_fn(struct call *);
front_handler_fn front_on_trigger, front_on_download, front_on_status, front_on_cancel,
    front_on_retry, front_on_health, front_on_backup;

/* ---- calls and the keeper: front_pending.c ---- */

void front_pending_init(struct front *);
void front_pending_done(struct front *);
/* NULL when all are in use. */
struct call *call_new(struct front *, struct guard_conn *, struct evhttp_request *);
/* After its answer, or when its client is gone: the keeper is told to forget what it still owes. */
void call_end(struct call *);
/* Asks the keeper, now or as soon as there is one; on_late after late_ms at the latest. */
void front_ask(struct call *, const struct question *, int64_t late_ms);
/* What the keeper still owes to the call is not wanted any more. */
void front_forget(struct call *);
/* For put: CRAWL_FETCH, CRAWL_CANCEL or CRAWL_RETRY of the call's crawl. */
void front_put_ref(struct call *, struct wire_out *, enum msg_type);
void front_pending_sweep(struct front *);
/* Time is up for all that wait. */
void front_pending_give_up(struct front *);
/* The trigger calls whose crawl is on disk need not wait for the provider. */
void front_pending_hurry(struct front *);
extern const struct ipc_rule front_rules[MSG_TYPE_COUNT];
extern const struct peer_events front_keeper_events;

/* ---- answers: front_reply.c ---- */

/* Clears front->json and opens an object in it; front_send closes it. */
struct json_out *front_begin(struct call *);
void front_send(struct call *, int status);
void front_header(struct call *, const char *name, const char *value);
/* The error body with the code's HTTP status; names the crawl when one is meant. */
void front_fail(struct call *, enum error_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same where the code's row does not fit: a suggestion, and whether to repeat, of its own. */
void front_fail_advised(struct call *, enum error_code, bool retryable, const char *suggestion,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* No keeper, or none that answers. */
void front_fail_away(struct call *, bool away);
/* The keeper refused, or the crawl itself ended badly. */
void front_fail_as(struct call *, const struct msg_crawl_answer *);
void front_fail_crawl(struct call *, const struct crawl *);
/* The sentence for a crawl that is not there yet. */
const char *front_state_sentence(const struct crawl *);
/* What a crawl that ended badly ended with; never ERROR_NONE. */
enum error_code front_crawl_error(const struct crawl *);
/* A whole HTTP answer for what the guard refused. */
void front_on_refused(int status, const char *reason, struct evbuffer *out, void *arg);
const char *front_phrase(int status);

void front_member_now(struct call *, const char *key);
void front_member_seconds(struct json_out *, const char *key, int64_t ms);
void front_member_minutes(struct json_out *, const char *key, int64_t ms);
/* poll_interval_seconds and max_polling_time_minutes. */
void front_members_polling(struct call *);

#endif
