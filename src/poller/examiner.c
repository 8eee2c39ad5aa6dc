/*
 * examiner.c - a ring of buffers between the one that fills them and the threads that look
 * at each in turn, one for each way of looking. A buffer is free again when all have
 * taken it. The threads start with the first full buffer, so small snapshots never have
 * any; what a way of looking works on is its thread's while that runs.
 */
#include "poller/examiner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_stream.h"
#include "base/mem.h"

enum look { LOOK_PARSE, LOOK_SUM, LOOK_COUNT };

struct worker {
	struct examiner	*examiner;
	enum look	 look;
	pthread_t	 thread;
	bool		 running;
	uint64_t	 taken;		/* buffers it is through with; under the lock */
};

struct examiner {
	struct record_counter counter;
	struct json_stream *json;
	bool		 bad;
	struct why	 why;
	struct checksum	*sum;
	char		*ring[EXAMINER_BUFFERS];	/* each allocated when first needed */
	struct worker	 workers[LOOK_COUNT];
	pthread_mutex_t	 lock;		/* over the members below, and taken of each worker */
	pthread_cond_t	 has_work, has_room;
	uint64_t	 given;		/* full buffers so far */
	bool		 ending;	/* leave when all are taken */
	bool		 abandoned;	/* leave now */
};

static char *
buffer_of(const struct examiner *e, uint64_t number)
{
	return e->ring[number % EXAMINER_BUFFERS];
}

static void
parse(struct examiner *e, const char *p, size_t len)
{
	if (!e->bad && json_stream_feed(e->json, p, len, &e->why) < 0)
		e->bad = true;
}

static void
sum(struct examiner *e, const char *p, size_t len)
{
	checksum_update(e->sum, p, len);
}

static void
look_at(struct examiner *e, enum look look, const char *p, size_t len)
{
	static void (*const looks[LOOK_COUNT])(struct examiner *, const char *, size_t) = {
		[LOOK_PARSE] = parse, [LOOK_SUM] = sum,
	};

	looks[look](e, p, len);
}

static void *
worker_thread(void *arg)
{
	struct worker *w = arg;
	struct examiner *e = w->examiner;

	(void)pthread_mutex_lock(&e->lock);
	for (;;) {
		while (w->taken == e->given && !e->ending && !e->abandoned)
			(void)pthread_cond_wait(&e->has_work, &e->lock);
		if (e->abandoned || w->taken == e->given)
			break;
		(void)pthread_mutex_unlock(&e->lock);
		look_at(e, w->look, buffer_of(e, w->taken), EXAMINER_BUFFER);
		(void)pthread_mutex_lock(&e->lock);
		w->taken++;
		(void)pthread_cond_signal(&e->has_room);
	}
	(void)pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Signals are the loop's. */
static void
start_workers(struct examiner *e)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < LOOK_COUNT; i++)
		e->workers[i].running = pthread_create(&e->workers[i].thread, NULL, worker_thread, &e->workers[i]) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool
has_room(const struct examiner *e)
{
	for (unsigned i = 0; i < LOOK_COUNT; i++)
		if (e->given - e->workers[i].taken == EXAMINER_BUFFERS)
			return false;
	return true;
}

char *
examiner_buffer(struct examiner *e)
{
	char **buffer = &e->ring[e->given % EXAMINER_BUFFERS];

	if (*buffer == NULL)
		*buffer = xmalloc(EXAMINER_BUFFER);
	return *buffer;
}

void
examiner_give(struct examiner *e)
{
	if (e->given == 0)
		start_workers(e);
	for (unsigned i = 0; i < LOOK_COUNT; i++) {
		struct worker *w = &e->workers[i];

		if (w->running)
			continue;
		look_at(e, w->look, buffer_of(e, e->given), EXAMINER_BUFFER);	/* no thread to be had: then here */
		w->taken++;
	}
	(void)pthread_mutex_lock(&e->lock);
	e->given++;
	(void)pthread_cond_broadcast(&e->has_work);
	while (!has_room(e))
		(void)pthread_cond_wait(&e->has_room, &e->lock);
	(void)pthread_mutex_unlock(&e->lock);
}

static void
join_workers(struct examiner *e, bool abandoned)
{
	(void)pthread_mutex_lock(&e->lock);
	e->ending = true;
	e->abandoned = abandoned;
	(void)pthread_cond_broadcast(&e->has_work);
	(void)pthread_mutex_unlock(&e->lock);
	for (unsigned i = 0; i < LOOK_COUNT; i++) {
		struct worker *w = &e->workers[i];

		if (w->running)
			(void)pthread_join(w->thread, NULL);
		w->running = false;
	}
}

int
examiner_end(struct examiner *e, size_t len, struct why *why)
{
	join_workers(e, false);
	for (unsigned i = 0; i < LOOK_COUNT && len > 0; i++)
		look_at(e, (enum look)i, buffer_of(e, e->given), len);
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

const struct record_counts *
examiner_counts(const struct examiner *e)
{
	return &e->counter.total;
}

void
examiner_sums(struct examiner *e, uint32_t *ret_crc32c, uint8_t ret_sha256[SHA256_SIZE])
{
	checksum_end(e->sum, ret_crc32c, ret_sha256);
}

struct examiner *
examiner_new(const struct record_form *form)
{
	struct examiner *e = xcalloc(1, sizeof(*e));

	record_counter_init(&e->counter, form);
	e->json = json_stream_new(e->counter.names, e->counter.name_count, record_counter_on_record,
	    &e->counter);
	e->sum = checksum_new();
	for (unsigned i = 0; i < LOOK_COUNT; i++) {
		e->workers[i].examiner = e;
		e->workers[i].look = (enum look)i;
	}
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
	join_workers(e, true);
	(void)pthread_mutex_destroy(&e->lock);
	(void)pthread_cond_destroy(&e->has_work);
	(void)pthread_cond_destroy(&e->has_room);
	for (unsigned i = 0; i < EXAMINER_BUFFERS; i++)
		free(e->ring[i]);
	checksum_free(e->sum);
	json_stream_free(e->json);
	free(e);
}
