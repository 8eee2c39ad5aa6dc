/*
 * log_kind.h - every kind of line that the processes of trawld log at info, warning or
 * error: one table that holds its name, level, MESSAGE_ID, and what an operator is told
 * about it. The journal's catalog and the table in OPERATIONS.md are made of it
 * (packaging/docs/docgen_log.c).
 *
 *   log_as(KIND_CRAWL_ACCEPTED, LOG_FIELDS(.crawl = &c->id), "accepted");
 *   fatal_as(EXIT_STATUS_CONFIG, KIND_CONFIG_INVALID, "%s", why.text);
 *
 * Names and MESSAGE_IDs are what scripts and filters of users hold on to: they never
 * change, and that of a row which is taken out is not given to another. A new row gets
 * its MESSAGE_ID from `systemd-id128 new`.
 */
#ifndef MODEL_LOG_KIND_H
#define MODEL_LOG_KIND_H

#include "base/log.h"

enum log_kind_id {
	/* a set that starts, stops, reloads */
	KIND_READY,
	KIND_STOPPING,
	KIND_STOPPING_ON_FAILURE,
	KIND_STOPPED,
	KIND_RELOADING,
	KIND_RELOADED,
	KIND_RELOAD_REFUSED,
	KIND_RELOAD_GIVEN_UP,
	KIND_RELOAD_UNDONE,
	KIND_RELOAD_UNASKABLE,
	KIND_LISTENER_GIVEN,
	KIND_PROXY_IGNORED,
	KIND_KEEPER_SILENT,
	KIND_CHILD_WAITS,
	/* starts that fail: each ends its process with the status named */
	KIND_CONFIG_INVALID,
	KIND_DATA_DIR_UNUSABLE,
	KIND_DATA_DIR_HELD,
	KIND_ADDRESS_UNUSABLE,
	KIND_PROGRAM_MISSING,
	KIND_VERSION_MIXED,
	KIND_START_FAILED,
	KIND_STORE_NEWER,
	KIND_STORE_DAMAGED,
	KIND_STORE_UNOPENED,
	KIND_STORE_FAILED,
	KIND_STORE_MIGRATED,
	KIND_STORE_SUSPENDED,
	KIND_STORE_RESUMED,
	KIND_DISK_LOW,
	KIND_DISK_ROOMY,
	KIND_STORE_DOUBTED,
	KIND_STORE_REBUILT,
	KIND_STORE_UNBUILT,
	KIND_STORE_COPIED,
	KIND_STORE_UNCOPIED,
	KIND_STORE_RESTORED,
	KIND_LEASES_USED_UP,
	/* processes and what they say to each other */
	KIND_CHILD_RESTARTING,
	KIND_CHILD_UNSTARTED,
	KIND_CHILD_STOPPED,
	KIND_CHILD_DIED,
	KIND_CHILD_KILLED,
	KIND_CHILD_UNCONNECTED,
	KIND_CHILD_OVERSTEPPED,
	KIND_PARENT_UNREACHED,
	KIND_PARENT_UNCLEAR,
	KIND_PEER_REFUSED,
	KIND_PEER_SLOW,
	KIND_KEEPER_GONE,
	KIND_KEEPER_BACK,
	KIND_KEEPER_MISSED,
	KIND_FRONT_DRAINING,
	KIND_FRONT_DRAINED,
	KIND_ACCEPT_PAUSED,
	KIND_CONNECTIONS_FULL,
	KIND_REQUEST_UNCLEAR,
	KIND_REQUEST_UNCHECKED,
	KIND_CLOCK_SET,
	/* a crawl's life: one line a change of state */
	KIND_CRAWL_ACCEPTED,
	KIND_CRAWL_TRIGGERING,
	KIND_CRAWL_RECONCILING,
	KIND_CRAWL_POLLING,
	KIND_CRAWL_READY,
	KIND_CRAWL_DOWNLOADING,
	KIND_CRAWL_STORING,
	KIND_CRAWL_COMPLETED,
	KIND_CRAWL_FAILED,
	KIND_CRAWL_CANCELED,
	KIND_CRAWL_CANCEL_ASKED,
	KIND_CRAWL_DOWNLOAD_ASKED,
	KIND_TRIGGER_ANSWER_LATE,
	KIND_JOB_UNCLAIMED,
	/* leases */
	KIND_LEASE_LOST,
	KIND_LEASE_OVERRUN,
	/* what the provider says */
	KIND_PROVIDER_LIMIT,
	KIND_PROVIDER_TROUBLE,
	KIND_PROVIDER_KEY_REFUSED,
	KIND_PROVIDER_AWAY,
	KIND_PROVIDER_BACK,
	KIND_PROVIDER_CANCELED,
	KIND_PROVIDER_WORD_NEW,
	KIND_CALL_RETRIED,
	KIND_CALL_LIMITED,
	KIND_CALL_HELD,
	KIND_CALL_UNCLEAR,
	KIND_CALL_REFUSED,
	KIND_RECONCILE_LOOKED,
	/* download and store */
	KIND_SNAPSHOT_DOWNLOADED,
	KIND_SNAPSHOT_FOUND,
	KIND_SPOOL_UNSOUND,
	KIND_COUNT_DIFFERS,
	/* tasks of a poller */
	KIND_TASK_UNUSABLE,
	KIND_RESULT_DROPPED,
	KIND_TRIGGERS_LEFT,
	/* what is over */
	KIND_OVER_REMOVED,
	KIND_OVER_UNREMOVED,
	KIND_SPOOL_FOREIGN,
	/* events */
	KIND_EVENTS_WAIT,
	KIND_EVENTS_FLOW,
	KIND_COUNT
};

extern const struct log_kind log_kinds[KIND_COUNT];

#define log_as(id, fields, ...)	   log_say(&log_kinds[id], (fields), __VA_ARGS__)
#define fatal_as(status, id, ...) fatal((status), &log_kinds[id], __VA_ARGS__)

/* All of them, those of base included: i from 0; NULL after the last. */
const struct log_kind *log_kind_at(unsigned i);

#endif
