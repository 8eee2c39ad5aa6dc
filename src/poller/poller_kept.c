/*
 * poller_kept.c - results of triggers, each kept until a keeper has said that it is on
 * disk: the answer to a trigger is worth money, and a keeper may die with it in its
 * socket. Owns the list of them, and how many calls are offered, since there must be
 * room for the result of every trigger that is given.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/poller.h"

/* Offered to a keeper that has acknowledged nothing yet, whatever is kept. */
#define CALLS_MIN 4

struct kept_result {
	STAILQ_ENTRY(kept_result) link;
	struct msg_trigger_done	 done;
};

/* ---- room ---- */

/* Triggers under way that another keeper gave: this one does not count them. */
static unsigned
former_triggers(const struct poller *poller)
{
	const struct job *job;
	unsigned count = 0;

	LIST_FOREACH(job, &poller->jobs, link)
		count += job_is_trigger(job) && job->given_by != poller->keeper_serial;
	return count;
}

static unsigned
calls_offered(const struct poller *poller)
{
	unsigned taken = poller->kept_count + former_triggers(poller);
	unsigned left = taken < POLLER_CALLS_MAX ? POLLER_CALLS_MAX - taken : 0;

	if (poller->draining)
		return 0;
	if (left < CALLS_MIN && !poller->acknowledged)
		return CALLS_MIN;
	return left < POLLER_CALLS ? left : POLLER_CALLS;
}

bool
kept_has_room(const struct poller *poller)
{
	return !poller->acknowledged || poller->kept_count + poller->triggers < POLLER_CALLS_MAX;
}

void
poller_send_state(struct poller *poller)
{
	struct msg_poller_state state = { calls_offered(poller), poller->draining ? 0 : POLLER_TRANSFERS };

	poller->calls_told = state.calls;
	msg_poller_state_put(&poller->out, &state);
	poller_send(poller);
}

static void
update_state(struct poller *poller)
{
	if (calls_offered(poller) != poller->calls_told)
		poller_send_state(poller);
}

/* ---- telling ---- */

static void
tell(struct poller *poller, const struct kept_result *kept)
{
	msg_trigger_done_put(&poller->out, &kept->done);
	poller_send(poller);
}

void
poller_send_trigger_done(struct poller *poller, const struct msg_trigger_done *done)
{
	struct kept_result *kept = xmalloc(sizeof(*kept));

	kept->done = *done;
	STAILQ_INSERT_TAIL(&poller->kept, kept, link);
	poller->kept_count++;
	tell(poller, kept);
	update_state(poller);
}

void
kept_tell_all(struct poller *poller, bool again)
{
	const struct kept_result *kept;
	const struct job *job;

	STAILQ_FOREACH(kept, &poller->kept, link)
		tell(poller, kept);
	LIST_FOREACH(job, &poller->jobs, link) {
		struct msg_trigger_ref open = { job->task.lease, job->task.crawl.id };

		if (!job_is_trigger(job) || (job->given_by == poller->keeper_serial && !again))
			continue;
		msg_trigger_ref_put(&poller->out, MSG_TRIGGER_OPEN, &open);
		poller_send(poller);
	}
}

/* ---- forgetting ---- */

static void
forget(struct poller *poller, struct kept_result *kept)
{
	STAILQ_REMOVE(&poller->kept, kept, kept_result, link);
	poller->kept_count--;
	free(kept);
}

static struct kept_result *
find(const struct poller *poller, const struct msg_trigger_ref *ref)
{
	struct kept_result *kept;

	STAILQ_FOREACH(kept, &poller->kept, link)
		if (kept->done.verdict.lease == ref->lease &&
		    uuid_equal(&kept->done.verdict.crawl_id, &ref->crawl_id))
			return kept;
	return NULL;
}

int
poller_on_trigger_kept(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct kept_result *kept;
	struct msg_trigger_ref ref;
	int rc = msg_trigger_ref_get(in, &ref);

	(void)peer;
	if (rc < 0)
		return rc;
	poller->acknowledged = true;
	kept = find(poller, &ref);
	if (kept != NULL)	/* else it was told twice, and is acknowledged twice */
		forget(poller, kept);
	update_state(poller);
	return 0;
}

void
kept_log_lost(const struct poller *poller)
{
	const struct kept_result *kept;

	STAILQ_FOREACH(kept, &poller->kept, link)
		log_as(KIND_RESULT_DROPPED, LOG_FIELDS(.crawl = &kept->done.verdict.crawl_id,
		    .snapshot_id = kept->done.snapshot_id, .stage = crawl_stage_name(STAGE_TRIGGER)),
		    "leaving before a keeper has confirmed the result of its trigger; it will look for the job");
}

void
kept_free(struct poller *poller)
{
	while (!STAILQ_EMPTY(&poller->kept))
		forget(poller, STAILQ_FIRST(&poller->kept));
}
