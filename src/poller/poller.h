/*
 * poller.h - what the files of the poller share. A poller does for the keeper what
 * needs the provider or the disk: one job a task, each answered by one result
 * message, after which nothing of it is kept here.
 *
 *   poller_new, poller_attach for each connection to the keeper, poller_drain, poller_free
 *
 * Who does what: poller_keeper.c the connection; poller_kept.c results of triggers, until
 * a keeper has them; poller_drain.c the end; poller_crawl.c tasks that are one call or
 * one put; poller_download.c the long one; poller_search.c searches, which are no crawl's;
 * poller_job.c what these have in common.
 *
 * A trigger leaves once, in its time, and for the keeper that gave it: the last is asked
 * in the moment before its first byte. Its result, whatever it is, is told to each
 * keeper until one says that it has it on disk.
 */
#ifndef POLLER_POLLER_H
#define POLLER_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/why.h"
#include "conf/conf.h"
#include "ipc/msg.h"
#include "ipc/peer.h"
#include "model/log_kind.h"
#include "net/http_call.h"
#include "poller/download.h"
#include "poller/objstore.h"
#include "provider/provider.h"

#define POLLER_CALLS	  128	/* offered to the keeper */
#define POLLER_TRANSFERS  1
#define POLLER_CALLS_MAX  256	/* with triggers of a lost connection still on their way; of triggers and
				 * results that are kept together, too */
#define POLLER_SEARCHES	  4	/* at a time; one more is given back */
#define POLLER_SEARCH_CALLS 64	/* of all of them */
#define POLLER_WORDS	  16
#define POLLER_CALL_MS	  30000
#define POLLER_TRIGGER_MS 60000
#define POLLER_DRAIN_MS	  2500	/* when nobody says how long it may last */

struct poller;
struct search;

struct job {			/* one task being done */
	LIST_ENTRY(job)	 link;
	struct poller	*poller;
	struct msg_task	 task;
	unsigned	*room;		/* where the poller counts it */
	uint64_t	 given_by;	/* the connection's keeper_serial */
	int64_t		 started_mono_ms;
	const char	*held_back;	/* why a trigger was not sent in the last moment */
	/* What it is waiting for; each is NULL when not. */
	struct http_call *call;
	struct objstore_put *put;
	char		 spool_file[SPOOL_NAME_SIZE];	/* the put's */
	struct download	*download;
	struct event	*turn;		/* verify: next slice */
	struct event	*beat;		/* download: TASK_PROGRESS */
	uint64_t	 told_bytes;
	int		 disk_error;	/* of the download; -errno */
	struct why	 disk_why;
};

struct poller {
	struct event_base	*base;
	const struct clock	*clock;
	const struct conf	*conf;
	const struct provider	*provider;
	const char		*base_url, *key;	/* its */
	struct net		*net;
	struct objstore		*objects;
	struct download_dirs	 dirs;
	struct peer		*keeper;	/* NULL: none */
	uint64_t		 keeper_serial;	/* counts connections */
	int			 keeper_fd;	/* the peer's, valid as long as it */
	struct event		*alone;		/* without one for too long */
	int64_t			 alone_mono_ms;
	struct wire_out		 out;
	LIST_HEAD(jobs, job)	 jobs;
	unsigned		 calls, transfers;	/* running */
	unsigned		 triggers;	/* of these calls */
	LIST_HEAD(searches, search) searches;
	unsigned		 search_count;
	STAILQ_HEAD(kept_results, kept_result) kept;	/* not yet acknowledged */
	unsigned		 kept_count;
	bool			 acknowledged;	/* some keeper has acknowledged something */
	unsigned		 calls_told;	/* in the last POLLER_STATE */
	char			 words[POLLER_WORDS][32];	/* unknown status words met */
	unsigned		 word_count;
	int64_t			 told_mono_ms;	/* when a failure that will pass was last logged ... */
	unsigned		 untold;	/* ... and how many were not since */
	bool			 draining;
	bool			 released;	/* the keeper has heard of it: no task is on its way */
	int64_t			 drain_mono_ms, drain_limit_ms, drain_margin_ms;
	struct event		*drain_turn;
	void			(*on_drained)(void *arg);
	void			*drained_arg;
};

/* Makes the directories below DATA_DIR. conf outlives the poller. -errno. */
int poller_new(struct event_base *, const struct conf *, const struct clock *, struct poller **ret,
    struct why *);
void poller_free(struct poller *);

/* Takes fd, the stream to the keeper; an older connection is given up. */
void poller_attach(struct poller *, const struct inherit_message *who, int fd);
/* Takes no more work; then on_drained, once, before within_ms (0: not told) are over. With
 * 10 s and more all that is begun goes on to its end, with less what can be done again is
 * given back at once. Triggers come home, and their results are acknowledged, if the time
 * allows it. */
void poller_drain(struct poller *, int64_t within_ms, void (*on_drained)(void *arg), void *arg);
/* There is less time than that: from now on within_ms. */
void poller_hurry(struct poller *, int64_t within_ms);

/* All jobs but triggers, and searches. */
void poller_give_back(struct poller *);

/* poller_job.c */
/* The frame in poller->out; dropped when there is no keeper. */
void poller_send(struct poller *);
/* Its time to leave is over: nothing of it may be sent any more. */
bool poller_is_late(const struct poller *, const struct msg_task *);
/* The connection of this serial is there, and its far end is, too. */
bool poller_is_given_by_keeper(const struct poller *, uint64_t serial);
/* A request for what the provider says is to be asked, with what all of ours have in common. call outlives it. */
struct http_request poller_request(const struct poller *, const struct provider_call *, int64_t timeout_ms);
void job_free(struct job *);	/* stops what runs, says nothing */
bool job_is_trigger(const struct job *);
/* Lease and crawl filled in, and what the verdict says; NULL: nothing yet. */
struct msg_verdict job_verdict(const struct job *, const struct verdict *);
int64_t job_elapsed_ms(const struct job *);
/* What a line about this job is about; the crawl and the snapshot's id are borrowed of it. */
struct log_fields job_fields(const struct job *);
#define job_log(job, kind, ...) \
	do { const struct log_fields of_job = job_fields(job); log_as((kind), &of_job, __VA_ARGS__); } while (0)
/* For what happens all the time. */
#define job_debug(job, ...) \
	do { const struct log_fields of_job = job_fields(job); log_debug(&of_job, __VA_ARGS__); } while (0)
/* What is to be asked about the job's snapshot. */
void job_ask(const struct job *, provider_ask_fn *ask, struct provider_call *ret);
/* The line for a result that is not OK. A provider that is down fails every call: of
 * what will be tried again, one line a second is told, the rest counted. */
void job_log_verdict(const struct job *, const struct msg_verdict *);

/* poller_kept.c */
void poller_send_trigger_done(struct poller *, const struct msg_trigger_done *);
void poller_send_state(struct poller *);
ipc_handler_fn poller_on_trigger_kept;
/* To a new keeper, before its POLLER_STATE: all results that are kept, and which triggers
 * of former keepers are under way. */
/* again: as to a keeper that knows nothing, although it is the same. */
void kept_tell_all(struct poller *, bool again);
bool kept_has_room(const struct poller *);	/* for one more trigger's result */
void kept_log_lost(const struct poller *);
void kept_free(struct poller *);

/* poller_crawl.c */
bool job_start(struct poller *, const struct msg_task *);	/* false: no room, return it */

void download_start(struct job *);	/* poller_download.c */

/* poller_search.c */
ipc_handler_fn poller_on_search, poller_on_search_wanted;
void searches_end(struct poller *);	/* begin no more calls; each says so when its last one has come home */
void searches_drop(struct poller *, bool tell);

#endif
