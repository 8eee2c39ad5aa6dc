/*
 * msg.h - the protocol between the processes of one trawld: every message, who
 * sends it, when, and what answers it. Bodies are put and get by the pairs below,
 * in the order of the struct's members (wire.h); nothing is sent as raw memory.
 *
 *   front ----CRAWL_CREATE, CRAWL_READ, CRAWL_FETCH, CRAWL_RETRY, CRAWL_CANCEL, FORGET,
 *             HEALTH_READ, BACKUP--------------------------------------------------------> keeper
 *   front <---CRAWL_ANSWER, HEALTH_ANSWER, BACKUP_ANSWER, TELL_AGAIN---------------------- keeper
 *   poller <--TASK, TRIGGER_KEPT, TELL_AGAIN, RELEASED, SEARCH, SEARCH_WANTED------------- keeper
 *   poller ---TRIGGER_OPEN, TRIGGER_DONE, POLL_DONE, DOWNLOAD_DONE, STORE_DONE, CANCEL_DONE,
 *             SEARCH_PAGE, SEARCH_INPUT, SEARCH_DONE, TASK_PROGRESS, TASK_RETURNED,
 *             POLLER_STATE---------------------------------------------------------------> keeper
 *   publisher <-EVENT_BATCH, TELL_AGAIN--------------------------------------------------- keeper
 *   publisher --EVENT_ACK----------------------------------------------------------------> keeper
 *
 * Rules: what the keeper sends about a change leaves after that change is on disk.
 * A request may be sent again on a new connection, or when that is asked for (same crawl id, same request
 * token): every request is idempotent. A result whose lease is no longer the
 * crawl's is ignored, but for TRIGGER_DONE: that a paid job was made, and which, is
 * believed in every state that has no job yet, whoever searches for it by then; that
 * none was made is believed only of the attempt whose lease the crawl still has.
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/inherit.h"
#include "ipc/wire.h"
#include "model/crawl.h"
#include "model/event.h"
#include "model/request.h"
#include "model/verdict.h"

#define IPC_VERSION 5		/* raise with any change below */

enum msg_type {
	MSG_HELLO,		/* both ways, first on each connection */

	MSG_CRAWL_CREATE,	/* front: keep this crawl (the front made its id). Answered when it is on disk;
				 * with wait, a second CRAWL_ANSWER follows when the trigger is settled */
	MSG_CRAWL_READ,		/* front: how is it? With refresh (polling disabled): ask the provider first */
	MSG_CRAWL_FETCH,	/* front: download by hand; answered when the crawl has ended, or at once when it is not ready */
	MSG_CRAWL_CANCEL,	/* front: stop it; answered when noted */
	MSG_CRAWL_RETRY,	/* front: go on with one that failed; answered when noted */
	MSG_FORGET,		/* front: I no longer wait for this request */
	MSG_HEALTH_READ,
	MSG_CRAWL_ANSWER,	/* keeper -> front */
	MSG_HEALTH_ANSWER,

	MSG_POLLER_STATE,	/* poller: how many calls and transfers it can take at a time; first after HELLO, and with
				 * zeros when it drains */
	MSG_TASK,		/* keeper -> poller: a lease on one crawl for one step */
	MSG_TRIGGER_KEPT,	/* keeper -> poller: what TRIGGER_DONE told is on disk; until then the poller keeps it and
				 * tells each new keeper again, before its POLLER_STATE */
	MSG_TRIGGER_OPEN,	/* poller: this trigger of a former keeper's is still under way; before its POLLER_STATE */
	MSG_TASK_PROGRESS,	/* poller: the download is alive, bytes so far; extends its lease */
	MSG_TASK_RETURNED,	/* poller: not done, and nothing left us (never for a trigger that may have left) */
	MSG_TRIGGER_DONE,	/* poller: how its task ended; the lease ends with each of these */
	MSG_POLL_DONE,
	MSG_DOWNLOAD_DONE,
	MSG_STORE_DONE,
	MSG_CANCEL_DONE,

	/* One search of a data set's jobs serves all crawls that look for theirs. The poller reads the list, asks of each
	 * part which jobs are nobody's, and reads the inputs of those. */
	MSG_SEARCH,		/* keeper -> poller: a lease on one search */
	MSG_SEARCH_PAGE,	/* poller: jobs of the window; answered by SEARCH_WANTED before the next one */
	MSG_SEARCH_WANTED,	/* keeper -> poller: the inputs of these, in the order of the page */
	MSG_SEARCH_INPUT,	/* poller: one job's input; extends the lease */
	MSG_SEARCH_DONE,	/* poller: the lease ends */

	MSG_EVENT_BATCH,	/* keeper -> publisher: the oldest events, in order; one batch at a time */
	MSG_EVENT_ACK,		/* publisher: all up to seq are at their sink for good; the keeper forgets them */
	MSG_TELL_AGAIN,		/* keeper -> poller: what was told and not acknowledged, and what is open; -> front:
				 * what waits for an answer; as to a new keeper. -> publisher: try the batch under way
				 * again at once */
	MSG_BACKUP,		/* front: copy the job store; answered when the copy is durable. Who asks while one is
				 * being made gets that one */
	MSG_BACKUP_ANSWER,	/* keeper -> front */
	MSG_RELEASED,		/* keeper -> poller: answers a POLLER_STATE of zeros; no task follows */

	MSG_TYPE_COUNT
};

const char *msg_name(unsigned type);

struct msg_hello {
	uint32_t version;	/* IPC_VERSION */
	uint32_t role;
	uint32_t instance;
	uint32_t generation;
};

/* ---- front and keeper ---- */

#define IDEMPOTENCY_KEY_SIZE 129	/* visible ASCII, at most 128; "" for none */
#define REQUEST_ID_SIZE	     65		/* [A-Za-z0-9._-]{1,64}: X-Request-Id, the client's or ours; for the log */

struct msg_crawl_create {
	uint64_t	request;	/* the front's token, comes back in every answer to it */
	struct uuid	crawl_id;
	char		request_id[REQUEST_ID_SIZE];
	bool		wait;
	char		idempotency_key[IDEMPOTENCY_KEY_SIZE];
	struct trigger_request body;
};

struct msg_crawl_read {
	uint64_t	request;
	struct uuid	crawl_id;
	bool		refresh;
};

struct msg_crawl_ref {			/* CRAWL_FETCH, CRAWL_CANCEL, CRAWL_RETRY */
	uint64_t	request;
	struct uuid	crawl_id;
	char		request_id[REQUEST_ID_SIZE];
};

struct msg_forget {
	uint64_t	request;
};

struct msg_health_read {
	uint64_t	request;
};

struct msg_backup {
	uint64_t	request;
	char		request_id[REQUEST_ID_SIZE];
};

#define WAITING_SIZE 256

/* What a front needs to answer about a crawl. */
struct crawl_view {
	struct crawl	crawl;		/* lease and due_ms included: "why is it waiting" */
	char		object_url[OBJECT_PATH_SIZE + 1100];	/* gcs_path; "" until completed */
	char		waiting_for[WAITING_SIZE];	/* what holds it at this moment, from the keeper's memory; "" for nothing */
	int64_t		waiting_until_ms;	/* when that is looked at again, wall time; 0: not known */
	struct trigger_request request;
};

struct msg_crawl_answer {
	uint64_t	request;
	enum error_code	error;		/* ERROR_NONE: view holds. NOT_FOUND, IDEMPOTENCY_MISMATCH, UNAVAILABLE, ...: no view.
					 * NOT_READY and CONFLICT: with view */
	bool		existed;	/* CREATE: the crawl was there already (the same key and body) */
	bool		more;		/* another answer to this request follows; a new crawl's first has no view */
	bool		has_view;
	struct crawl_view view;
};

/* May the provider be asked? */
enum provider_state {
	PROVIDER_OK,
	PROVIDER_LIMITED,	/* it wants fewer calls: a pause */
	PROVIDER_AWAY,		/* it cannot be reached, or fails call after call: one probe at a time */
	PROVIDER_KEY_REFUSED,	/* a person is needed: one probe every few minutes */
	PROVIDER_STATE_COUNT
};

struct msg_health_answer {
	uint64_t	request;
	bool		store_ok;	/* false: it cannot be written; what is in it is still told */
	bool		disk_low;	/* no trigger and no download for want of room */
	bool		disk_read_only;	/* that is why it cannot be written */
	uint64_t	disk_free, disk_reserve;	/* bytes of DATA_DIR's file system, and how many are kept free */
	uint32_t	counts[CRAWL_STATE_COUNT];	/* live states; ended ones since start */
	uint32_t	pollers;	/* connected */
	uint32_t	publishers;
	uint64_t	outbox;		/* events still to be delivered */
	int64_t		outbox_age_ms;	/* of the oldest; 0 for none */
	int64_t		oldest_due_ms;	/* how long the most overdue work waits; 0 for none */
	enum provider_state provider;
	int64_t		provider_until_ms;	/* when it is asked again, wall time; 0 when OK */
	uint32_t	provider_calls;	/* in flight there */
	uint32_t	provider_calls_max;
	uint32_t	provider_refusals;	/* answers 429 of the last 5 minutes */
	char		last_error[ERROR_TEXT_SIZE];	/* "" for none in the last hour */
};

#define BACKUP_PATH_SIZE 1400
#define BACKUP_TEXT_SIZE 1536

struct msg_backup_answer {
	uint64_t	request;
	enum error_code	error;		/* ERROR_NONE: all below but text */
	char		text[BACKUP_TEXT_SIZE];	/* why there is none: a sentence without its full stop */
	char		path[BACKUP_PATH_SIZE];
	uint64_t	size_bytes, crawls;
	int64_t		time_ms;	/* what it holds is of then */
};

/* ---- poller and keeper ---- */

struct msg_poller_state {
	uint32_t calls;			/* concurrent short calls (trigger, poll, search, cancel) */
	uint32_t transfers;		/* concurrent downloads and stores: 1 */
};

struct msg_task {
	uint64_t	lease;
	enum task_kind	kind;
	int64_t		valid_boot_ms;	/* CLOCK_BOOTTIME: not one byte may leave later; 0: no matter when. A poller that
					 * was stopped, or whose keeper died, gives it back unsent */
	struct crawl	crawl;		/* as of now; the poller changes nothing in it */
	struct trigger_request request;
};

struct msg_task_progress {
	uint64_t	lease;
	struct uuid	crawl_id;
	uint64_t	bytes;
};

struct msg_trigger_ref {		/* TRIGGER_KEPT, TRIGGER_OPEN */
	uint64_t	lease;
	struct uuid	crawl_id;
};

struct msg_tell_again {			/* nothing but itself */
	uint32_t	nothing;
};

struct msg_released {			/* nothing but itself */
	uint32_t	nothing;
};

struct msg_task_returned {
	uint64_t	lease;
	struct uuid	crawl_id;
};

struct msg_verdict {		/* the part that all results share: a struct verdict, and whose it is */
	uint64_t	lease;
	struct uuid	crawl_id;
	enum outcome	outcome;
	enum error_code	error;		/* of RETRY..FAILED */
	int64_t		retry_after_ms;	/* 0: the provider did not say */
	uint32_t	http_status;	/* of the provider's answer; 0: no whole answer came, or none was asked for */
	int64_t		date_ms;	/* its Date header; 0: none */
	char		text[ERROR_TEXT_SIZE];	/* printable; what the provider or the disk said */
};

void msg_verdict_set(struct msg_verdict *, const struct verdict *);	/* all but whose it is */

struct msg_trigger_done {
	struct msg_verdict verdict;
	char		snapshot_id[SNAPSHOT_ID_SIZE];	/* OK */
};

struct msg_poll_done {			/* OK: ready */
	struct msg_verdict verdict;
	char		word[32];	/* the provider's status word, for the note */
	uint64_t	records;	/* UINT64_MAX: not told */
};

struct msg_download_done {		/* OK: whole, checked and synced at spool_name(crawl) */
	struct msg_verdict verdict;
	uint64_t	size_bytes, posts, media, errors, others;
	uint32_t	crc32c;
	uint8_t		sha256[SHA256_SIZE];
};

struct msg_store_done {			/* OK: durable at the object path. OUTCOME_WAIT: the spool file is gone */
	struct msg_verdict verdict;
};

struct msg_cancel_done {		/* OK: canceled, or had ended already (then the next poll tells) */
	struct msg_verdict verdict;
};

/* ---- a search; all times in it are the provider's ---- */

struct msg_search {
	uint64_t	lease;
	char		dataset_id[REQUEST_DATASET_SIZE];
	int64_t		from_ms, to_ms;	/* jobs made outside are of no interest */
	uint32_t	calls;		/* at a time, 1 at least */
};

#define SEARCH_PAGE_MAX 256
struct search_job {
	char		snapshot_id[SNAPSHOT_ID_SIZE];
	int64_t		created_ms;	/* INT64_MIN: not told */
};

struct msg_search_page {
	uint64_t	lease;
	uint32_t	count;
	struct search_job jobs[SEARCH_PAGE_MAX];
};

struct msg_search_wanted {
	uint64_t	lease;
	uint32_t	count;		/* as in the page */
	bool		wanted[SEARCH_PAGE_MAX];
};

struct msg_search_input {
	uint64_t	lease;
	struct search_job job;
	bool		readable;	/* false: the provider cannot tell it */
	uint8_t		digest[SHA256_SIZE];	/* input_digest(), provider/input.h */
};

struct msg_search_done {		/* OK: the whole window was read, but for `unreadable` */
	struct msg_verdict verdict;
	uint32_t	jobs, unreadable;
	uint32_t	limited;	/* answers 429 on the way */
};

/* ---- keeper and publisher ---- */

#define EVENT_BATCH_MAX   64
#define EVENT_BODY_MAX	  8192
#define EVENT_ATTRIBUTES_MAX 2048

struct msg_event {			/* text borrowed from the message or the store */
	struct event	 event;
	const char	*attributes;	/* JSON object */
	uint32_t	 attributes_len;
	const char	*body;		/* JSON object */
	uint32_t	 body_len;
};

struct msg_event_batch {
	uint32_t	count;
	struct msg_event events[EVENT_BATCH_MAX];
};

struct msg_event_ack {
	uint64_t	seq;		/* of the last event of the batch */
};

/* One pair a message. put begins the frame; get decodes a whole body and returns 0 or
 * -EBADMSG, having filled *m only as far as the body went. Borrowed text lives as
 * long as the body. */
#define MSG_PAIR(name) \
	void msg_##name##_put(struct wire_out *, const struct msg_##name *); \
	int msg_##name##_get(struct wire_in *, struct msg_##name *)

MSG_PAIR(hello);
MSG_PAIR(crawl_create);
MSG_PAIR(crawl_read);
MSG_PAIR(forget);
MSG_PAIR(health_read);
MSG_PAIR(crawl_answer);
MSG_PAIR(health_answer);
MSG_PAIR(backup);
MSG_PAIR(backup_answer);
MSG_PAIR(poller_state);
MSG_PAIR(task);
MSG_PAIR(task_progress);
MSG_PAIR(task_returned);
MSG_PAIR(tell_again);
MSG_PAIR(released);
MSG_PAIR(trigger_done);
MSG_PAIR(poll_done);
MSG_PAIR(download_done);
MSG_PAIR(store_done);
MSG_PAIR(cancel_done);
MSG_PAIR(search);
MSG_PAIR(search_page);
MSG_PAIR(search_wanted);
MSG_PAIR(search_input);
MSG_PAIR(search_done);
MSG_PAIR(event_batch);
MSG_PAIR(event_ack);
#undef MSG_PAIR

/* CRAWL_FETCH, CRAWL_CANCEL and CRAWL_RETRY share a body. */
void msg_crawl_ref_put(struct wire_out *, enum msg_type, const struct msg_crawl_ref *);
int msg_crawl_ref_get(struct wire_in *, struct msg_crawl_ref *);

/* So do TRIGGER_KEPT and TRIGGER_OPEN. */
void msg_trigger_ref_put(struct wire_out *, enum msg_type, const struct msg_trigger_ref *);
int msg_trigger_ref_get(struct wire_in *, struct msg_trigger_ref *);

/* The spool file of a crawl below DATA_DIR/spool: "{crawl_id}.{lease}.part" while it grows, so that no two
 * pollers ever write one file, "{crawl_id}.snapshot" when whole (lease 0). */
#define SPOOL_NAME_SIZE 72
char *spool_name(char dst[SPOOL_NAME_SIZE], const struct uuid *crawl_id, uint64_t lease);

enum spool_kind {
	SPOOL_FOREIGN,		/* no name that trawld gives */
	SPOOL_PART,		/* "{crawl_id}.part" of trawld 0.2 is one of lease 0 */
	SPOOL_WHOLE
};
enum spool_kind spool_name_read(const char *name, struct uuid *ret_crawl_id, uint64_t *ret_lease);

#endif
