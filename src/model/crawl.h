/*
 * crawl.h - a crawl and its life. Pure: no clock, no store, no message.
 *
 *   accepted --lease_trigger--> triggering --triggered--> polling --snapshot_ready--> ready
 *      ^  ^                        |  |                   ^  |  ^                      | ^
 *      |  +------not_sent----------+  +--unknown--> reconciling |                      | |
 *      +----------not_found-----------------------------+  |    pending (still         | |
 *                                                   adopted+    running)  lease_download | not_built
 *                                                                                      v |
 *                        completed <--stored-- storing <--spooled-- downloading -------+-+
 *                                                 |                     ^
 *                                                 +----spool_lost-------+
 *   any of these but the ends: --fail--> failed, --cancel--> canceled
 *   on request: failed --reopen--> polling, --search_again--> reconciling, --start_again--> accepted
 *   an answer that comes late: accepted --adopted--> polling
 *
 * crawl_after() is the table; keeper_step() in src/keeper/keeper_crawl.c is the
 * one function that makes a step. Numbers lie in the store and travel in
 * messages: rows are only ever added at the end.
 */
#ifndef MODEL_CRAWL_H
#define MODEL_CRAWL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/uuid.h"
#include "model/error.h"

#define SNAPSHOT_ID_SIZE 65	/* [A-Za-z0-9_-]{1,64}, opaque */
#define OBJECT_PATH_SIZE 1025
#define ERROR_TEXT_SIZE  512
#define NOTE_SIZE        160

enum crawl_state {
	CRAWL_ACCEPTED,		/* on disk, trigger not yet sent */
	CRAWL_TRIGGERING,	/* intent on disk, the trigger may have left */
	CRAWL_RECONCILING,	/* outcome of the trigger unknown: searching the provider's list */
	CRAWL_POLLING,		/* the provider collects */
	CRAWL_READY,		/* the provider said ready; the file may still be building */
	CRAWL_DOWNLOADING,
	CRAWL_STORING,		/* whole and checked in the spool */
	CRAWL_COMPLETED,
	CRAWL_FAILED,
	CRAWL_CANCELED,
	CRAWL_STATE_COUNT
};

enum crawl_step {
	STEP_LEASE_TRIGGER,
	STEP_TRIGGERED,
	STEP_NOT_SENT,		/* definitely no job was made: try again later */
	STEP_UNKNOWN,
	STEP_ADOPTED,
	STEP_NOT_FOUND,
	STEP_PENDING,
	STEP_SNAPSHOT_READY,
	STEP_LEASE_DOWNLOAD,
	STEP_NOT_BUILT,
	STEP_SPOOLED,
	STEP_SPOOL_LOST,
	STEP_STORED,
	STEP_FAIL,
	STEP_CANCEL,
	STEP_REOPEN,		/* failed with a job: the provider is asked about it again */
	STEP_SEARCH_AGAIN,	/* failed while a job may exist: it is searched for first */
	STEP_START_AGAIN,	/* failed without a job: from the beginning */
	CRAWL_STEP_COUNT
};

enum event_type {
	EVENT_NONE,
	EVENT_CRAWL_TRIGGERED,
	EVENT_INGESTION_COMPLETED,
	EVENT_CRAWL_FAILED,
	EVENT_TYPE_COUNT
};

/* Where a crawl failed, the word that crawl-failed and status carry. */
enum crawl_stage {
	STAGE_NONE, STAGE_TRIGGER, STAGE_POLLING, STAGE_POLLING_TIMEOUT, STAGE_DOWNLOAD,
	STAGE_STORAGE, STAGE_CANCELED, STAGE_COUNT
};

/* What a poller is given to do for a crawl. */
enum task_kind {
	TASK_NONE, TASK_TRIGGER, TASK_POLL, TASK_DOWNLOAD, TASK_STORE, TASK_RECONCILE, TASK_CANCEL,
	TASK_KIND_COUNT
};

/* Due crawls wait in lanes, so that a hundred thousand polls do not stand in
 * front of a new trigger, nor a long download in front of a poll. */
enum crawl_lane {
	LANE_NONE, LANE_TRIGGER, LANE_CALL, LANE_TRANSFER,
	LANE_SEARCH,		/* no work of its own: one search serves all of its data set */
	LANE_STORE,		/* as a transfer, but nothing is asked of the provider */
	LANE_COUNT
};

/* The row that changes often; the request lies beside it and never changes. */
struct crawl {
	struct uuid	 id;
	enum crawl_state state;
	uint32_t	 version;	/* grows by one with each write */
	int64_t		 created_ms;	/* wall times; 0: not yet */
	int64_t		 updated_ms;
	int64_t		 triggered_ms;	/* answered or adopted */
	int64_t		 ready_ms;	/* the provider first said ready */
	int64_t		 finished_ms;	/* a terminal state */
	int64_t		 intent_ms;	/* the last trigger was about to leave; by the provider's clock, as far as it is known */
	int64_t		 failing_ms;	/* the first failure in a row, on the keeper's patience clock; 0: none */
	int64_t		 due_ms;	/* next work; the lease's deadline while leased; 0: none */
	uint64_t	 lease;		/* fencing token, 0: not leased */
	uint32_t	 triggers;	/* trigger calls that may have made a job */
	uint32_t	 looks;		/* in a row: searches that found nothing, polls that found no such job, "building" */
	uint32_t	 polls;		/* progress answers seen */
	uint32_t	 failures;	/* in a row, in this state */
	uint32_t	 unsound;	/* downloads in a row whose body was no data */
	uint32_t	 crashes;	/* pollers lost in a row over this crawl */
	bool		 cancel_wanted;
	bool		 fetch_wanted;	/* a download was asked for by hand */
	char		 snapshot_id[SNAPSHOT_ID_SIZE];	/* "" until known */
	char		 object_path[OBJECT_PATH_SIZE];	/* fixed when snapshot_id is known */
	uint64_t	 provider_records;	/* as progress said; UINT64_MAX: it did not */
	uint64_t	 posts, media, errors, others;	/* rows of the snapshot, model/record.h; from STORING on */
	uint64_t	 size_bytes;
	uint32_t	 crc32c;
	uint8_t		 sha256[SHA256_SIZE];
	enum error_code	 error;		/* failed and canceled only */
	enum crawl_stage stage;
	char		 error_text[ERROR_TEXT_SIZE];
	char		 note[NOTE_SIZE];	/* why it waits, in one line; "" when it does not */
};

/* The table of allowed steps: the state after step from `from`, and the event that
 * this announces (EVENT_NONE). -EPROTO when the step is not drawn. */
int crawl_after(enum crawl_state from, enum crawl_step step, enum crawl_state *ret_to,
    enum event_type *ret_event);

bool crawl_is_terminal(enum crawl_state);
const char *crawl_state_name(enum crawl_state);		/* "reconciling": logs and the store's readers */
const char *crawl_stage_name(enum crawl_stage);		/* "polling_timeout"; NULL for none */
const char *crawl_api_status(enum crawl_state);		/* "pending" "processing" "ready" ... */
/* The background_processing.status word of the API. */
const char *crawl_background_status(enum crawl_state, enum error_code, bool polling_enabled);
/* What a poller does for a crawl in this state, and the lane it waits in. TASK_NONE:
 * the keeper itself moves on. So it is for a triggering crawl (its trigger has left;
 * when the lease runs out the outcome is unknown) and for one to be canceled that has
 * no job running at the provider. */
enum task_kind crawl_task(enum crawl_state, bool cancel_wanted);
enum crawl_lane crawl_lane(enum crawl_state);
const char *task_name(enum task_kind);
/* The stage that a task is part of. */
enum crawl_stage task_stage(enum task_kind);
/* The stage that a failure in this state is reported under. */
enum crawl_stage crawl_stage_of(enum crawl_state);

/* Of a crawl from STORING on: a sentence when the provider counted more or fewer records than the
 * snapshot holds, else NULL. dst is returned. */
#define CRAWL_WARNING_SIZE 192
const char *crawl_warning(const struct crawl *, char dst[CRAWL_WARNING_SIZE]);

/* -EINVAL unless text is [A-Za-z0-9_-]{1,64}. */
int snapshot_id_check(const char *text);

#endif
