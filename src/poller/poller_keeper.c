/*
 * poller_keeper.c - the poller's side of its one connection: tasks in, results out,
 * what happens when the keeper goes away, and the drain. Owns the jobs' list and
 * the results that wait for a keeper.
 *
 * Without a keeper only triggers go on: their answer is worth money. Everything
 * else is dropped, because a new keeper will give it out again.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"
#include "poller/poller.h"

#define DRAIN_LOOK_MS 10
#define ALONE_LOOK_MS 1000
#define KEPT_MAX      64

/* ---- out ---- */

void
poller_send(struct poller *poller)
{
	if (poller->keeper != NULL && peer_is_open(poller->keeper))
		peer_send(poller->keeper, &poller->out);
}

void
poller_send_trigger_done(struct poller *poller, const struct msg_trigger_done *done)
{
	struct kept_result *kept;

	if (poller->keeper != NULL && peer_is_open(poller->keeper)) {
		msg_trigger_done_put(&poller->out, done);
		poller_send(poller);
		return;
	}
	if (poller->kept_count == KEPT_MAX) {
		log_as(KIND_RESULT_DROPPED, LOG_FIELDS(.crawl = &done->verdict.crawl_id,
		    .stage = crawl_stage_name(STAGE_TRIGGER)), "its trigger's result is dropped: too many wait "
		    "for the keeper, which will look for the job");
		return;
	}
	kept = xmalloc(sizeof(*kept));
	kept->done = *done;
	STAILQ_INSERT_TAIL(&poller->kept, kept, link);
	poller->kept_count++;
}

static void
send_kept(struct poller *poller)
{
	struct kept_result *kept;

	while ((kept = STAILQ_FIRST(&poller->kept)) != NULL) {
		msg_trigger_done_put(&poller->out, &kept->done);
		poller_send(poller);
		STAILQ_REMOVE_HEAD(&poller->kept, link);
		poller->kept_count--;
		free(kept);
	}
}

static void
send_state(struct poller *poller)
{
	struct msg_poller_state state = { POLLER_CALLS, POLLER_TRANSFERS };

	if (poller->draining)
		state = (struct msg_poller_state){ 0, 0 };
	msg_poller_state_put(&poller->out, &state);
	poller_send(poller);
}

static void
send_returned(struct poller *poller, const struct msg_task *task)
{
	struct msg_task_returned returned = { task->lease, task->crawl.id };

	msg_task_returned_put(&poller->out, &returned);
	poller_send(poller);
}

/* ---- in ---- */

static ipc_handler_fn poller_on_task;

static int
poller_on_task(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct msg_task task;
	int rc = msg_task_get(in, &task);

	(void)peer;
	if (rc < 0)
		return rc;
	/* Both can cross on the way: the keeper sends while we drain or are full. */
	if (poller->draining || !job_start(poller, &task))
		send_returned(poller, &task);
	return 0;
}

static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
	[MSG_TASK] = { 1u << ROLE_KEEPER, poller_on_task },
};

/* ---- the connection ---- */

static void
drop_all_but_triggers(struct poller *poller, bool tell)
{
	struct job *job, *next;

	for (job = LIST_FIRST(&poller->jobs); job != NULL; job = next) {
		next = LIST_NEXT(job, link);
		if (job_is_trigger(job))
			continue;
		if (tell)
			send_returned(poller, &job->task);
		job_free(job);
	}
}

/* Triggers under way are waited for: their answers may still find a keeper. */
static void
alone_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct poller *poller = arg;

	(void)fd, (void)what;
	if (poller->draining)
		return;
	if (LIST_EMPTY(&poller->jobs))
		fatal_as(EXIT_STATUS_FAILURE, KIND_KEEPER_MISSED, "no keeper was given for %d s",
		    INHERIT_ALONE_MS / 1000);
	loop_timer_in(poller->alone, ALONE_LOOK_MS);
}

static void
poller_on_open(struct peer *peer, void *arg)
{
	struct poller *poller = arg;

	(void)peer;
	send_kept(poller);
	send_state(poller);
}

static void
poller_on_closed(struct peer *peer, void *arg)
{
	struct poller *poller = arg;

	assert(peer == poller->keeper);
	poller->keeper = NULL;
	log_as(KIND_KEEPER_GONE, NULL, "the keeper is gone; its tasks are dropped, triggers under way go on");
	loop_timer_in(poller->alone, INHERIT_ALONE_MS);
	drop_all_but_triggers(poller, false);
}

void
poller_attach(struct poller *poller, const struct inherit_message *who, int fd)
{
	static const struct peer_events events = { poller_on_open, poller_on_closed };

	if (who->role != ROLE_KEEPER) {
		(void)close(fd);
		return;
	}
	if (poller->keeper != NULL) {
		drop_all_but_triggers(poller, false);
		peer_free(poller->keeper);
	}
	(void)evtimer_del(poller->alone);
	poller->keeper = peer_new(poller->base, fd, ROLE_POLLER, who, rules, &events, poller);
}

/* ---- the drain ---- */

static bool
is_drained(const struct poller *poller)
{
	return LIST_EMPTY(&poller->jobs) && STAILQ_EMPTY(&poller->kept) &&
	    (poller->keeper == NULL || peer_unsent(poller->keeper) == 0);
}

static void
drain_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct poller *poller = arg;
	int64_t waited = clock_mono_ms(poller->clock) - poller->drain_mono_ms;

	(void)fd, (void)what;
	if (!is_drained(poller) && waited < POLLER_DRAIN_MS) {
		loop_timer_in(poller->drain_turn, DRAIN_LOOK_MS);
		return;
	}
	if (!LIST_EMPTY(&poller->jobs))
		log_as(KIND_TRIGGERS_LEFT, NULL,
		    "leaving while triggers are unanswered; the keeper will look for their jobs");
	poller->on_drained(poller->drained_arg);
}

void
poller_drain(struct poller *poller, void (*on_drained)(void *arg), void *arg)
{
	if (poller->draining)
		return;
	poller->draining = true;
	poller->on_drained = on_drained;
	poller->drained_arg = arg;
	poller->drain_mono_ms = clock_mono_ms(poller->clock);
	send_state(poller);
	drop_all_but_triggers(poller, true);
	poller->drain_turn = evtimer_new(poller->base, drain_on_turn, poller);
	loop_timer_in(poller->drain_turn, 0);
}

/* ---- the whole ---- */

static int
open_below(int data, const char *data_dir, const char *name, int *ret_fd, struct why *why)
{
	int rc = fs_make_dirs(data, name, why);

	if (rc < 0)
		return rc;
	*ret_fd = openat(data, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return why_set(why, errno, "cannot open the directory %s/%s: %s", data_dir, name,
		    strerror(errno));
	return 0;
}

static int
open_dirs(struct poller *poller, struct why *why)
{
	const char *path = poller->conf->data_dir;
	scoped_fd data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (data < 0)
		return why_set(why, errno, "cannot open the directory %s: %s", path,
		    strerror(errno));
	rc = open_below(data, path, "spool", &poller->dirs.spool, why);
	if (rc == 0)
		rc = open_below(data, path, "quarantine", &poller->dirs.quarantine, why);
	return rc;
}

int
poller_new(struct event_base *base, const struct conf *conf, const struct clock *clock,
    struct poller **ret, struct why *why)
{
	struct poller *poller;
	int rc;

	if (conf->storage_backend != STORAGE_LOCAL)
		return why_set(why, ENOTSUP,
		    "STORAGE_BACKEND: this poller was built for local storage only");
	poller = xcalloc(1, sizeof(*poller));
	poller->base = base;
	poller->conf = conf;
	poller->clock = clock;
	poller->dirs = (struct download_dirs){ -1, -1 };
	LIST_INIT(&poller->jobs);
	STAILQ_INIT(&poller->kept);
	wire_init(&poller->out);
	poller->alone = evtimer_new(base, alone_on_turn, poller);
	if (poller->alone == NULL)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no memory for a timer");
	loop_timer_in(poller->alone, INHERIT_ALONE_MS);
	rc = open_dirs(poller, why);
	if (rc == 0)
		rc = objstore_local_new(base, conf->data_dir, &poller->objects, why);
	if (rc < 0) {
		poller_free(poller);
		return rc;
	}
	/* Room for every call, a transfer, and what idles. */
	poller->net = net_new(base, POLLER_CALLS_MAX + POLLER_TRANSFERS + 8);
	*ret = poller;
	return 0;
}

void
poller_free(struct poller *poller)
{
	struct kept_result *kept;

	if (poller == NULL)
		return;
	while (!LIST_EMPTY(&poller->jobs))
		job_free(LIST_FIRST(&poller->jobs));
	while ((kept = STAILQ_FIRST(&poller->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&poller->kept, link);
		free(kept);
	}
	if (poller->keeper != NULL)
		peer_free(poller->keeper);
	event_free(poller->alone);
	if (poller->drain_turn != NULL)
		event_free(poller->drain_turn);
	net_free(poller->net);
	objstore_free(poller->objects);
	if (poller->dirs.spool >= 0)
		(void)close(poller->dirs.spool);
	if (poller->dirs.quarantine >= 0)
		(void)close(poller->dirs.quarantine);
	wire_done(&poller->out);
	free(poller);
}
