/*
 * examiner.c - a ring of buffers between the one that feeds and the thread that
 * parses. The feeder fills the buffer at `filling`; the thread owns the `full` ones
 * before it. The thread starts with the first full buffer, so small snapshots
 * never have one; parser and counter belong to the thread while it runs.
 */
#include "poller/examiner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_stream.h"
#include "base/mem.h"

struct buffer {
	char	*p;		/* allocated when first needed */
	size_t	 len;
};

struct examiner {
	struct record_counter counter;
	struct json_stream *json;
	bool		 bad;
	struct why	 why;
	struct buffer	 ring[EXAMINER_BUFFERS];
	unsigned	 filling;
	pthread_t	 thread;
	bool		 running;
	pthread_mutex_t	 lock;		/* over the members below */
	pthread_cond_t	 has_work, has_room;
	unsigned	 full;
	bool		 ending;	/* leave when nothing is full any more */
	bool		 abandoned;	/* leave now */
};

static void
examine(struct examiner *e, struct buffer *b)
{
	if (!e->bad && json_stream_feed(e->json, b->p, b->len, &e->why) < 0)
		e->bad = true;
	b->len = 0;
}

static void *
examiner_thread(void *arg)
{
	struct examiner *e = arg;
	unsigned at = 0;

	(void)pthread_mutex_lock(&e->lock);
	for (;;) {
		while (e->full == 0 && !e->ending && !e->abandoned)
			(void)pthread_cond_wait(&e->has_work, &e->lock);
		if (e->abandoned || e->full == 0)
			break;
		(void)pthread_mutex_unlock(&e->lock);
		examine(e, &e->ring[at]);
		at = (at + 1) % EXAMINER_BUFFERS;
		(void)pthread_mutex_lock(&e->lock);
		e->full--;
		(void)pthread_cond_signal(&e->has_room);
	}
	(void)pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Signals are the loop's. */
static void
examiner_run(struct examiner *e)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	e->running = pthread_create(&e->thread, NULL, examiner_thread, e) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The buffer at filling is full: it is the thread's, the next one is ours. */
static void
hand_over(struct examiner *e)
{
	if (!e->running && e->filling == 0)
		examiner_run(e);
	if (!e->running) {
		examine(e, &e->ring[e->filling]);	/* no thread to be had: then here */
		return;
	}
	(void)pthread_mutex_lock(&e->lock);
	e->full++;
	(void)pthread_cond_signal(&e->has_work);
	while (e->full == EXAMINER_BUFFERS)
		(void)pthread_cond_wait(&e->has_room, &e->lock);
	(void)pthread_mutex_unlock(&e->lock);
	e->filling = (e->filling + 1) % EXAMINER_BUFFERS;
}

void
examiner_feed(struct examiner *e, const void *p, size_t len)
{
	const char *from = p;

	while (len > 0) {
		struct buffer *b = &e->ring[e->filling];
		size_t n = EXAMINER_BUFFER - b->len < len ? EXAMINER_BUFFER - b->len : len;

		if (b->p == NULL)
			b->p = xmalloc(EXAMINER_BUFFER);
		memcpy(b->p + b->len, from, n);
		b->len += n;
		from += n;
		len -= n;
		if (b->len == EXAMINER_BUFFER)
			hand_over(e);
	}
}

static void
examiner_join(struct examiner *e, bool abandoned)
{
	if (!e->running)
		return;
	(void)pthread_mutex_lock(&e->lock);
	e->ending = true;
	e->abandoned = abandoned;
	(void)pthread_cond_signal(&e->has_work);
	(void)pthread_mutex_unlock(&e->lock);
	(void)pthread_join(e->thread, NULL);
	e->running = false;
}

int
examiner_end(struct examiner *e, struct why *why)
{
	examiner_join(e, false);
	examine(e, &e->ring[e->filling]);
	if (!e->bad && json_stream_end(e->json, &e->why) < 0)
		e->bad = true;
	if (!e->bad && json_stream_shape(e->json) == JSON_SHAPE_OTHER) {
		e->bad = true;
		(void)why_set(&e->why, EINVAL, "neither an array nor records");
	}
	if (e->bad)
		*why = e->why;
	return e->bad ? -EINVAL : 0;
}

const struct record_counter *
examiner_counts(const struct examiner *e)
{
	return &e->counter;
}

struct examiner *
examiner_new(enum platform_id platform)
{
	struct examiner *e = xcalloc(1, sizeof(*e));

	record_counter_init(&e->counter, platform);
	e->json = json_stream_new(e->counter.names, e->counter.name_count, record_counter_on_record,
	    &e->counter);
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_cond_init(&e->has_work, NULL);
	(void)pthread_cond_init(&e->has_room, NULL);
	return e;
}

void
examiner_free(struct examiner *e)
{
	if (e == NULL)
		return;
	examiner_join(e, true);
	(void)pthread_mutex_destroy(&e->lock);
	(void)pthread_cond_destroy(&e->has_work);
	(void)pthread_cond_destroy(&e->has_room);
	for (unsigned i = 0; i < EXAMINER_BUFFERS; i++)
		free(e->ring[i].p);
	json_stream_free(e->json);
	free(e);
}
