/*
 * publisher.h - the publisher: takes batches of events from the keeper, puts them
 * to the sink, acknowledges what is there for good. Keeps nothing: without an
 * acknowledgement the keeper gives the events again.
 */
#ifndef PUBLISHER_PUBLISHER_H
#define PUBLISHER_PUBLISHER_H

#include <stdbool.h>

#include "base/loop.h"
#include "ipc/inherit.h"
#include "publisher/event_sink.h"

struct publisher;

/* Takes the sink. */
struct publisher *publisher_new(struct event_base *, struct event_sink *);
void publisher_free(struct publisher *);

/* Takes fd, the stream to the keeper; an older connection is given up. */
void publisher_attach(struct publisher *, const struct inherit_message *who, int fd);
/* Lets what was acknowledged leave, and then calls on_drained, once. */
void publisher_drain(struct publisher *, void (*on_drained)(void *arg), void *arg);

#endif
