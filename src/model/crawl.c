/*
 * crawl.c - the state tables of a crawl: which step leads where, what each state
 * is called, and what work it waits for. Knows no clock and no store; making a
 * step, with all that hangs on it, is the keeper's.
 */
#include "model/crawl.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct arrow {
	enum crawl_state from;
	enum crawl_step  step;
	enum crawl_state to;
	enum event_type  event;
};

/* The drawing in crawl.h, arrow by arrow; fail and cancel leave every state that is no end. */
static const struct arrow arrows[] = {
	{ CRAWL_ACCEPTED,    STEP_LEASE_TRIGGER,  CRAWL_TRIGGERING,  EVENT_NONE },
	{ CRAWL_ACCEPTED,    STEP_ADOPTED,        CRAWL_POLLING,     EVENT_CRAWL_TRIGGERED },
	{ CRAWL_TRIGGERING,  STEP_TRIGGERED,      CRAWL_POLLING,     EVENT_CRAWL_TRIGGERED },
	{ CRAWL_TRIGGERING,  STEP_NOT_SENT,       CRAWL_ACCEPTED,    EVENT_NONE },
	{ CRAWL_TRIGGERING,  STEP_UNKNOWN,        CRAWL_RECONCILING, EVENT_NONE },
	{ CRAWL_RECONCILING, STEP_ADOPTED,        CRAWL_POLLING,     EVENT_CRAWL_TRIGGERED },
	{ CRAWL_RECONCILING, STEP_NOT_FOUND,      CRAWL_ACCEPTED,    EVENT_NONE },
	{ CRAWL_POLLING,     STEP_PENDING,        CRAWL_POLLING,     EVENT_NONE },
	{ CRAWL_POLLING,     STEP_SNAPSHOT_READY, CRAWL_READY,       EVENT_NONE },
	{ CRAWL_READY,       STEP_LEASE_DOWNLOAD, CRAWL_DOWNLOADING, EVENT_NONE },
	{ CRAWL_DOWNLOADING, STEP_NOT_BUILT,      CRAWL_READY,       EVENT_NONE },
	{ CRAWL_DOWNLOADING, STEP_SPOOLED,        CRAWL_STORING,     EVENT_NONE },
	{ CRAWL_STORING,     STEP_SPOOL_LOST,     CRAWL_DOWNLOADING, EVENT_NONE },
	{ CRAWL_STORING,     STEP_STORED,         CRAWL_COMPLETED,   EVENT_INGESTION_COMPLETED },
	{ CRAWL_FAILED,      STEP_REOPEN,         CRAWL_POLLING,     EVENT_NONE },
	{ CRAWL_FAILED,      STEP_SEARCH_AGAIN,   CRAWL_RECONCILING, EVENT_NONE },
	{ CRAWL_FAILED,      STEP_START_AGAIN,    CRAWL_ACCEPTED,    EVENT_NONE },
};

/* What a state is called and waits for. */
struct state_row {
	const char	*name;
	const char	*api;		/* "status" */
	const char	*background;	/* background_processing.status, the error aside */
	enum task_kind	 task;
	enum task_kind	 task_canceling;
	enum crawl_lane	 lane;
	enum crawl_stage stage;
};

/* A triggering crawl has no task: its trigger has left or is leaving, and when its
 * lease runs out the keeper makes it unknown. A crawl that shall be canceled needs
 * the provider only while a job runs there; reconciling first finds that job. */
static const struct state_row states[CRAWL_STATE_COUNT] = {
	[CRAWL_ACCEPTED]    = { "accepted", "pending", "started",
	    TASK_TRIGGER, TASK_NONE, LANE_TRIGGER, STAGE_TRIGGER },
	[CRAWL_TRIGGERING]  = { "triggering", "pending", "started",
	    TASK_NONE, TASK_NONE, LANE_CALL, STAGE_TRIGGER },
	[CRAWL_RECONCILING] = { "reconciling", "pending", "started",
	    TASK_RECONCILE, TASK_RECONCILE, LANE_SEARCH, STAGE_TRIGGER },
	[CRAWL_POLLING]     = { "polling", "processing", "polling",
	    TASK_POLL, TASK_CANCEL, LANE_CALL, STAGE_POLLING },
	[CRAWL_READY]       = { "ready", "ready", "ready",
	    TASK_DOWNLOAD, TASK_NONE, LANE_TRANSFER, STAGE_DOWNLOAD },
	[CRAWL_DOWNLOADING] = { "downloading", "downloading", "downloading",
	    TASK_DOWNLOAD, TASK_NONE, LANE_TRANSFER, STAGE_DOWNLOAD },
	[CRAWL_STORING]     = { "storing", "downloading", "downloading",
	    TASK_STORE, TASK_NONE, LANE_STORE, STAGE_STORAGE },
	[CRAWL_COMPLETED]   = { "completed", "completed", "completed",
	    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_NONE },
	[CRAWL_FAILED]      = { "failed", "failed", "failed",
	    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_NONE },
	[CRAWL_CANCELED]    = { "canceled", "canceled", "failed",
	    TASK_NONE, TASK_NONE, LANE_NONE, STAGE_CANCELED },
};

static const char *const stages[STAGE_COUNT] = {
	[STAGE_TRIGGER]         = "trigger",
	[STAGE_POLLING]         = "polling",
	[STAGE_POLLING_TIMEOUT] = "polling_timeout",
	[STAGE_DOWNLOAD]        = "download",
	[STAGE_STORAGE]         = "storage",
	[STAGE_CANCELED]        = "canceled",
};

static const struct {
	const char	*name;
	enum crawl_stage stage;
} tasks[TASK_KIND_COUNT] = {
	[TASK_NONE]      = { "none", STAGE_NONE },
	[TASK_TRIGGER]   = { "trigger", STAGE_TRIGGER },
	[TASK_POLL]      = { "poll", STAGE_POLLING },
	[TASK_DOWNLOAD]  = { "download", STAGE_DOWNLOAD },
	[TASK_STORE]     = { "store", STAGE_STORAGE },
	[TASK_RECONCILE] = { "reconcile", STAGE_TRIGGER },
	[TASK_CANCEL]    = { "cancel", STAGE_CANCELED },
};

static const struct state_row *
state_row(enum crawl_state state)
{
	assert((unsigned)state < countof(states));
	return &states[state];
}

static int
step_ends(enum crawl_state from, enum crawl_step step, enum crawl_state *ret_to,
    enum event_type *ret_event)
{
	if (crawl_is_terminal(from))
		return -EPROTO;
	*ret_to = step == STEP_FAIL ? CRAWL_FAILED : CRAWL_CANCELED;
	*ret_event = EVENT_CRAWL_FAILED;
	return 0;
}

int
crawl_after(enum crawl_state from, enum crawl_step step, enum crawl_state *ret_to,
    enum event_type *ret_event)
{
	if (step == STEP_FAIL || step == STEP_CANCEL)
		return step_ends(from, step, ret_to, ret_event);
	for (size_t i = 0; i < countof(arrows); i++) {
		if (arrows[i].from != from || arrows[i].step != step)
			continue;
		*ret_to = arrows[i].to;
		*ret_event = arrows[i].event;
		return 0;
	}
	return -EPROTO;
}

bool
crawl_is_terminal(enum crawl_state state)
{
	return state_row(state)->lane == LANE_NONE;
}

const char *
crawl_state_name(enum crawl_state state)
{
	return state_row(state)->name;
}

const char *
crawl_stage_name(enum crawl_stage stage)
{
	assert((unsigned)stage < countof(stages));
	return stages[stage];
}

const char *
crawl_api_status(enum crawl_state state)
{
	return state_row(state)->api;
}

static const char *
failed_background_status(enum error_code error)
{
	switch (error) {
	case ERROR_POLLING_TIMEOUT:
		return "timeout";
	case ERROR_WORKER_CRASHED:
	case ERROR_INTERNAL:
	case ERROR_STORAGE_ERROR:
	case ERROR_STORAGE_PERMISSION:
		return "error";
	default:
		return "failed";
	}
}

const char *
crawl_background_status(enum crawl_state state, enum error_code error, bool polling_enabled)
{
	if (state == CRAWL_FAILED)
		return failed_background_status(error);
	if (!polling_enabled && !crawl_is_terminal(state))
		return "disabled";
	return state_row(state)->background;
}

enum task_kind
crawl_task(enum crawl_state state, bool cancel_wanted)
{
	const struct state_row *row = state_row(state);

	return cancel_wanted ? row->task_canceling : row->task;
}

enum crawl_lane
crawl_lane(enum crawl_state state)
{
	return state_row(state)->lane;
}

const char *
task_name(enum task_kind kind)
{
	assert((unsigned)kind < countof(tasks));
	return tasks[kind].name;
}

enum crawl_stage
task_stage(enum task_kind kind)
{
	assert((unsigned)kind < countof(tasks));
	return tasks[kind].stage;
}

enum crawl_stage
crawl_stage_of(enum crawl_state state)
{
	return state_row(state)->stage;
}

/* Whether records count error rows, too, the provider does not say: both are taken. */
const char *
crawl_warning(const struct crawl *crawl, char dst[CRAWL_WARNING_SIZE])
{
	uint64_t told = crawl->provider_records;

	if (told == UINT64_MAX || (told >= crawl->posts && told <= crawl->posts + crawl->errors + crawl->others))
		return NULL;
	(void)snprintf(dst, CRAWL_WARNING_SIZE, "progress counted %" PRIu64 " records, but the snapshot holds %" PRIu64
	    " posts, %" PRIu64 " error rows and %" PRIu64 " other rows", told, crawl->posts, crawl->errors, crawl->others);
	return dst;
}

int
snapshot_id_check(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_-";
	size_t len = strspn(text, allowed);

	if (len == 0 || len >= SNAPSHOT_ID_SIZE || text[len] != '\0')
		return -EINVAL;
	return 0;
}
