/*
 * event_sink.h - where events end up: the contract that each sink keeps.
 *
 *   event_sink_put(sink, batch, on_done, arg)   one batch at a time; on_done once
 *   event_sink_cancel(sink)                     on_done is not called any more
 *
 * Promises: on_done with 0 comes after every event of the batch is at the sink for
 * good. After a failure nothing of it need have arrived, and the same batch, or
 * one that begins with the same events, may be put again; an event that arrived
 * before is then recognised by its id and not added twice, as far as the sink can
 * tell. Events arrive in the batch's order.
 */
#ifndef PUBLISHER_EVENT_SINK_H
#define PUBLISHER_EVENT_SINK_H

#include "ipc/msg.h"

struct event_sink;
struct why;

/* err: 0 or -errno, then why is set. It may be called before put returns. */
typedef void event_sink_done_fn(int err, const struct why *why, void *arg);

struct event_sink_ops {
	/* The batch is borrowed until on_done. */
	void (*put)(struct event_sink *, const struct msg_event_batch *, event_sink_done_fn *,
	    void *arg);
	void (*cancel)(struct event_sink *);
	void (*free)(struct event_sink *);
};

struct event_sink {		/* the first member of each kind of sink */
	const struct event_sink_ops *ops;
};

static inline void
event_sink_put(struct event_sink *sink, const struct msg_event_batch *batch,
    event_sink_done_fn *on_done, void *arg)
{
	sink->ops->put(sink, batch, on_done, arg);
}

static inline void
event_sink_cancel(struct event_sink *sink)
{
	sink->ops->cancel(sink);
}

static inline void
event_sink_free(struct event_sink *sink)
{
	if (sink)
		sink->ops->free(sink);
}

/* When a file is full, and how many full ones stay beside the one that is written. */
struct sink_file_limits {
	int64_t	 size;		/* bytes; 0: never */
	unsigned count;		/* 1..EVENT_FILES_MAX */
};

/* One line an event in directory/events.ndjson:
 * {"topic":"{topic_prefix}-{event_type}","attributes":{...},"message":{...}}.
 * Opens nothing yet; a file that cannot be opened fails the put. Before a batch that
 * would make the file longer than its limit it becomes events.ndjson.1, that one .2 and so
 * on; the oldest is removed. A batch is never divided. Each event stands in the files
 * exactly once, also when this process is killed at any moment, unless a file is moved
 * away by others at that very moment. */
struct event_sink *sink_file_new(const char *directory, const char *topic_prefix,
    const struct sink_file_limits *);

#endif
