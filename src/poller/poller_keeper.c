/*
 * poller_keeper.c - the poller's side of its one connection: tasks in, results out, and
 * what happens when the keeper goes away. Owns the jobs' list.
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
#include "base/sha256.h"
#include "model/log_kind.h"
#include "poller/poller.h"

#define ALONE_LOOK_MS 1000
#define ALONE_KEPT_MS 300000	/* so much longer results of triggers are kept for a keeper */

static void
send_returned(struct poller *poller, const struct msg_task *task)
{
	struct msg_task_returned returned = { task->lease, task->crawl.id };

	msg_task_returned_put(&poller->out, &returned);
	poller_send(poller);
}

static int
poller_on_task(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct msg_task task;
	int rc = msg_task_get(in, &task);

	(void)peer;
	if (rc < 0)
		return rc;
	/* All of it can cross on the way: the keeper sends while we drain, are full, or stand still. */
	if (poller->draining || poller_is_late(poller, &task) || !job_start(poller, &task))
		send_returned(poller, &task);
	return 0;
}

/* The keeper had to forget what it was told since its last commit. */
static int
poller_on_tell_again(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct msg_tell_again m;
	int rc = msg_tell_again_get(in, &m);

	(void)peer;
	if (rc < 0)
		return rc;
	kept_tell_all(poller, true);
	poller_send_state(poller);
	return 0;
}

static int
poller_on_released(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct msg_released m;

	(void)peer;
	poller->released = poller->draining;	/* zeros are also said when what is kept leaves no room */
	return msg_released_get(in, &m);
}

static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
	[MSG_TASK] = { 1u << ROLE_KEEPER, poller_on_task },
	[MSG_SEARCH] = { 1u << ROLE_KEEPER, poller_on_search },
	[MSG_SEARCH_WANTED] = { 1u << ROLE_KEEPER, poller_on_search_wanted },
	[MSG_TELL_AGAIN] = { 1u << ROLE_KEEPER, poller_on_tell_again },
	[MSG_RELEASED] = { 1u << ROLE_KEEPER, poller_on_released },
	[MSG_TRIGGER_KEPT] = { 1u << ROLE_KEEPER, poller_on_trigger_kept },
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
	searches_drop(poller, tell);
}

void
poller_give_back(struct poller *poller)
{
	drop_all_but_triggers(poller, true);
}

static void
be_alone(struct poller *poller)
{
	poller->alone_mono_ms = clock_mono_ms(poller->clock);
	loop_timer_in(poller->alone, INHERIT_ALONE_MS);
}

/* Triggers under way are waited for, and what is known of others is kept for a while:
 * it may still find a keeper. */
static void
alone_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct poller *poller = arg;
	int64_t alone = clock_mono_ms(poller->clock) - poller->alone_mono_ms;

	(void)fd, (void)what;
	if (poller->draining)
		return;
	if (LIST_EMPTY(&poller->jobs) && (STAILQ_EMPTY(&poller->kept) || alone >= ALONE_KEPT_MS)) {
		kept_log_lost(poller);
		fatal_as(EXIT_STATUS_FAILURE, KIND_KEEPER_MISSED, "no keeper was given for %d s",
		    (int)(alone / 1000));
	}
	loop_timer_in(poller->alone, ALONE_LOOK_MS);
}

static void
poller_on_open(struct peer *peer, void *arg)
{
	struct poller *poller = arg;

	(void)peer;
	poller->released = false;
	kept_tell_all(poller, false);
	poller_send_state(poller);
}

static void
poller_on_closed(struct peer *peer, void *arg)
{
	struct poller *poller = arg;

	assert(peer == poller->keeper);
	poller->keeper = NULL;
	log_as(KIND_KEEPER_GONE, NULL, "the keeper is gone; its tasks are dropped, triggers under way go on");
	be_alone(poller);
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
	poller->keeper_serial++;
	poller->keeper_fd = fd;
	poller->keeper = peer_new(poller->base, fd, ROLE_POLLER, who, rules, &events, poller);
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
	poller->provider = provider_table[0];
	poller->base_url = conf_text(conf, poller->provider->base_url_option);
	poller->key = conf_text(conf, poller->provider->key_option);
	poller->clock = clock;
	poller->dirs = (struct download_dirs){ -1, -1 };
	LIST_INIT(&poller->jobs);
	LIST_INIT(&poller->searches);
	STAILQ_INIT(&poller->kept);
	wire_init(&poller->out);
	poller->alone = evtimer_new(base, alone_on_turn, poller);
	if (poller->alone == NULL)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no memory for a timer");
	be_alone(poller);
	rc = open_dirs(poller, why);
	if (rc == 0)
		rc = objstore_local_new(base, conf->data_dir, &poller->objects, why);
	if (rc < 0) {
		poller_free(poller);
		return rc;
	}
	sha256_prepare();
	/* Room for every call, a transfer, and what idles. */
	poller->net = net_new(base, POLLER_CALLS_MAX + POLLER_TRANSFERS + POLLER_SEARCH_CALLS + 8);
	*ret = poller;
	return 0;
}

void
poller_free(struct poller *poller)
{
	if (poller == NULL)
		return;
	while (!LIST_EMPTY(&poller->jobs))
		job_free(LIST_FIRST(&poller->jobs));
	searches_drop(poller, false);
	kept_free(poller);
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
