/*
 * sim_wire.c - sends answers. Sound ones go through evhttp. For the others the
 * connection is taken over: evhttp keeps owning it, but its bytes are ours, so
 * that an answer can drip, stop half way, or end in a reset.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/sim.h"

#define BIG_BODY (64u << 10)
#define BIG_WRITE (4u << 20)	/* libevent writes 16 KiB at a time otherwise */
#define DRAIN_STEP_MS 1
#define DRAIN_STEPS 2000	/* a client that does not read is reset after 2 s */

static void
call_on_close(struct evhttp_connection *evcon, void *arg)
{
	struct sim *sim = arg;

	(void)evcon;
	sim->open--;
}

static void
call_on_complete(struct evhttp_request *req, void *arg)
{
	struct sim *sim = arg;

	evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
	sim->open--;
}

void
wire_open(struct sim *sim, struct evhttp_request *req)
{
	sim->open++;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), call_on_close, sim);
	evhttp_request_set_on_complete_cb(req, call_on_complete, sim);
}

void
wire_left(struct sim *sim, struct evhttp_request *req)
{
	evhttp_request_set_on_complete_cb(req, NULL, NULL);
	call_on_complete(req, sim);
}

/* A full download on its way; counted when its last byte has been handed over. */
struct sending {
	struct sim	*sim;
	char		 id[JOB_ID_SIZE];
};

static void
sending_on_close(struct evhttp_connection *evcon, void *arg)
{
	struct sending *sending = arg;

	call_on_close(evcon, sending->sim);
	free(sending);
}

/* The ledger may have been reset meanwhile. */
static void
count_download(struct sim *sim, const char *id)
{
	struct job *job = jobs_find(&sim->jobs, id, &sim->set, sim_clock_now(&sim->clock));

	if (!job)
		return;
	job->downloads++;
	log_plain(LOG_LEVEL_INFO, "snapshot=%s downloaded", id);
}

static void
sending_on_complete(struct evhttp_request *req, void *arg)
{
	struct sending *sending = arg;

	count_download(sending->sim, sending->id);
	call_on_complete(req, sending->sim);
	free(sending);
}

static void
watch_download(struct sim *sim, struct evhttp_request *req, const char *id)
{
	struct sending *sending = xcalloc(1, sizeof *sending);

	sending->sim = sim;
	memcpy(sending->id, id, sizeof sending->id);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), sending_on_close, sending);
	evhttp_request_set_on_complete_cb(req, sending_on_complete, sending);
}

static void
count_answer(struct sim *sim, const struct answer *a)
{
	sim->stats.answers[a->status]++;
	if (a->status != 429)
		return;
	if (a->capped)
		sim->stats.capped[a->capped - datasets]++;
	if (refusals_add(&sim->refusals, sim_clock_now(&sim->clock), sim->set.block != BLOCK_OFF))
		log_plain(LOG_LEVEL_WARNING, "%d answers with 429 within five minutes: the caller is "
		    "banned until POST /_sim/unban", BAN_ANSWERS);
}

#define DATE_SIZE 40

/* evhttp would take that of the machine. */
static const char *
date_header(char dst[DATE_SIZE], const struct sim *sim)
{
	time_t now = (time_t)(sim_clock_told(&sim->clock) / 1000);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || evutil_date_rfc1123(dst, DATE_SIZE, &tm) < 0)
		dst[0] = '\0';
	return dst;
}

static void
send_sound(struct sim *sim, struct evhttp_request *req, struct answer *a)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	char date[DATE_SIZE];

	(void)evhttp_add_header(headers, "Date", date_header(date, sim));
	(void)evhttp_add_header(headers, "Content-Type", a->type);
	if (a->encoding)
		(void)evhttp_add_header(headers, "Content-Encoding", a->encoding);
	if (a->retry_after)
		(void)evhttp_add_header(headers, "Retry-After", a->retry_after);
	if (evcon && a->download[0])
		watch_download(sim, req, a->download);
	if (evcon && evbuffer_get_length(a->body) > BIG_BODY)
		(void)bufferevent_set_max_single_write(evhttp_connection_get_bufferevent(evcon),
		    BIG_WRITE);
	if (!a->chunked) {
		evhttp_send_reply(req, a->status, NULL, a->body);
		return;
	}
	evhttp_send_reply_start(req, a->status, NULL);
	evhttp_send_reply_chunk(req, a->body);
	evhttp_send_reply_end(req);
}

void
wire_send_control(struct sim *sim, struct evhttp_request *req, struct answer *a)
{
	send_sound(sim, req, a);
	answer_done(a);
}

enum raw_end { RAW_CLOSE, RAW_RESET, RAW_HANG };

/* A connection taken over. It is freed when evhttp frees the connection, whoever
 * ends it first: a client that counts bytes leaves before we have closed. */
struct raw {
	struct sim		*sim;
	struct evhttp_connection *evcon;
	struct bufferevent	*bev;
	struct event		*timer;
	struct evbuffer		*left;		/* not written yet */
	size_t			 step;		/* bytes each step_ms; 0: all at once */
	int64_t			 step_ms;
	unsigned		 drains;
	enum raw_end		 end;
	char			 download[JOB_ID_SIZE];	/* counted if all of it was sent, or "" */
};

static void
raw_on_close(struct evhttp_connection *evcon, void *arg)
{
	struct raw *raw = arg;

	call_on_close(evcon, raw->sim);
	if (raw->download[0] && evbuffer_get_length(raw->left) == 0 &&
	    evbuffer_get_length(bufferevent_get_output(raw->bev)) == 0)
		count_download(raw->sim, raw->download);
	event_free(raw->timer);
	evbuffer_free(raw->left);
	free(raw);
}

/* RST at once, not FIN first: a connect to nowhere disconnects. */
static void
raw_reset(struct raw *raw)
{
	struct linger none = { .l_onoff = 1 };
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int fd = bufferevent_getfd(raw->bev);

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	(void)connect(fd, &nowhere, sizeof nowhere);
	evhttp_connection_free(raw->evcon);	/* and raw with it */
}

/* A reset throws away what the kernel has not delivered, so that is waited for. */
static bool
is_delivered(struct raw *raw)
{
	int waiting = 0;

	if (evbuffer_get_length(bufferevent_get_output(raw->bev)) > 0)
		return false;
	if (ioctl(bufferevent_getfd(raw->bev), SIOCOUTQ, &waiting) < 0)
		return true;
	return waiting == 0;
}

/* May free raw. */
static void
raw_finish(struct raw *raw)
{
	switch (raw->end) {
	case RAW_HANG:
		return;
	case RAW_RESET:
		if (is_delivered(raw) || ++raw->drains > DRAIN_STEPS)
			raw_reset(raw);
		else
			loop_timer_in(raw->timer, DRAIN_STEP_MS);
		return;
	case RAW_CLOSE:
		if (evbuffer_get_length(bufferevent_get_output(raw->bev)) > 0)
			loop_timer_in(raw->timer, DRAIN_STEP_MS);
		else
			evhttp_connection_free(raw->evcon);
		return;
	}
}

static void
raw_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct raw *raw = arg;
	struct evbuffer *out = bufferevent_get_output(raw->bev);

	(void)fd;
	(void)what;
	if (evbuffer_get_length(raw->left) == 0) {
		raw_finish(raw);
		return;
	}
	if (raw->step)
		(void)evbuffer_remove_buffer(raw->left, out, raw->step);
	else
		(void)evbuffer_add_buffer(out, raw->left);
	loop_timer_in(raw->timer, raw->step ? raw->step_ms : 0);
}

static void
raw_on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	(void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void
raw_on_event(struct bufferevent *bev, short what, void *arg)
{
	struct raw *raw = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		evhttp_connection_free(raw->evcon);	/* the client has left */
}

/* NULL when the client has left already; the request is then gone. */
static struct raw *
raw_start(struct sim *sim, struct evhttp_request *req, enum raw_end end)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct raw *raw;

	if (!evcon) {
		evhttp_request_free(req);
		return NULL;
	}
	raw = xcalloc(1, sizeof *raw);
	raw->sim = sim;
	raw->evcon = evcon;
	raw->bev = evhttp_connection_get_bufferevent(evcon);
	raw->left = evbuffer_new();
	raw->end = end;
	raw->timer = evtimer_new(sim->base, raw_on_timer, raw);
	evhttp_connection_set_closecb(evcon, raw_on_close, raw);
	bufferevent_set_timeouts(raw->bev, NULL, NULL);
	bufferevent_setcb(raw->bev, raw_on_read, NULL, raw_on_event, raw);
	(void)bufferevent_enable(raw->bev, EV_READ | EV_WRITE);
	loop_timer_in(raw->timer, 0);	/* not from within evhttp's own call */
	return raw;
}

void
wire_reset(struct sim *sim, struct evhttp_request *req)
{
	(void)raw_start(sim, req, RAW_RESET);
}

void
wire_hang(struct sim *sim, struct evhttp_request *req)
{
	(void)raw_start(sim, req, RAW_HANG);
}

static void
raw_add_head(struct raw *raw, const struct answer *a, const struct fault *fault)
{
	size_t len = evbuffer_get_length(a->body);
	char date[DATE_SIZE];

	(void)evbuffer_add_printf(raw->left, "HTTP/1.1 %d Answer\r\nDate: %s\r\nContent-Type: %s\r\n",
	    a->status, date_header(date, raw->sim), a->type);
	if (a->encoding)
		(void)evbuffer_add_printf(raw->left, "Content-Encoding: %s\r\n", a->encoding);
	if (fault->chunked)
		(void)evbuffer_add_printf(raw->left, "Transfer-Encoding: chunked\r\n");
	else if (!fault->until_close)
		(void)evbuffer_add_printf(raw->left, "Content-Length: %zu\r\n", len);
	(void)evbuffer_add_printf(raw->left, "Connection: close\r\n\r\n");
}

static void
send_faulty(struct sim *sim, struct evhttp_request *req, struct answer *a,
    const struct fault *fault)
{
	bool drip = fault->kind == FAULT_DRIP;
	struct raw *raw = raw_start(sim, req,
	    fault->kind == FAULT_RESET_BODY ? RAW_RESET : RAW_CLOSE);
	size_t len = evbuffer_get_length(a->body);

	if (!raw)
		return;
	if (!drip && (uint64_t)fault->bytes < len)
		len = (size_t)fault->bytes;
	else
		memcpy(raw->download, a->download, sizeof raw->download);
	raw_add_head(raw, a, fault);
	if (drip) {
		raw->step = fault->bytes > 0 ? (size_t)fault->bytes : 1;
		raw->step_ms = fault->ms;
	}
	if (fault->chunked && len > 0)
		(void)evbuffer_add_printf(raw->left, "%zx\r\n", len);
	(void)evbuffer_remove_buffer(a->body, raw->left, len);
	if (fault->chunked && len > 0)
		(void)evbuffer_add_printf(raw->left, "\r\n");
	if (fault->chunked && raw->download[0])
		(void)evbuffer_add_printf(raw->left, "0\r\n\r\n");
}

void
wire_send(struct sim *sim, struct evhttp_request *req, struct answer *a, const struct fault *fault)
{
	count_answer(sim, a);
	if (fault && (fault->kind == FAULT_RESET_BODY || fault->kind == FAULT_TRUNCATE ||
	    fault->kind == FAULT_DRIP))
		send_faulty(sim, req, a, fault);
	else
		send_sound(sim, req, a);
	answer_done(a);
}
