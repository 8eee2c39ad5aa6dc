/*
 * place.c - who should run and does: starts, restarts and their throttle. It owns
 * the table of places and the children in it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/supervisor.h"

#define RESTART_FIRST_MS 100
#define RESTART_CAP_MS	 10000
#define LASTING_MS	 10000	/* who lives so long did not fail to start */

/* ---- the table ---- */

unsigned
service_row(const struct service *service)
{
	return (unsigned)(service - services);
}

static void
place_on_restart(evutil_socket_t fd, short what, void *arg)
{
	struct place *p = arg;

	(void)fd;
	(void)what;
	place_start(p);
}

static void
place_init(struct place *p, struct supervisor *sup, const struct service *service, unsigned instance)
{
	p->sup = sup;
	p->service = service;
	p->instance = instance;
	p->restart = evtimer_new(sup->base, place_on_restart, p);
	if (!p->restart)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "out of memory for the table of children");
}

void
places_make(struct supervisor *sup)
{
	struct place *p;

	for (unsigned i = 0; i < SERVICE_COUNT; i++)
		sup->place_count += services[i].limit;
	sup->places = p = xcalloc(sup->place_count, sizeof(*p));
	sup->reload.before = xcalloc(sup->place_count, sizeof(*sup->reload.before));
	for (unsigned i = 0; i < SERVICE_COUNT; i++)
		for (unsigned instance = 0; instance < services[i].limit; instance++)
			place_init(p++, sup, &services[i], instance);
}

void
places_free(struct supervisor *sup)
{
	for (unsigned i = 0; i < sup->place_count; i++) {
		struct place *p = &sup->places[i];

		event_free(p->restart);
		while (p->children) {
			struct child *c = p->children;

			p->children = c->next;
			child_free(c);
		}
	}
	free(sup->places);
	free(sup->reload.before);
}

void
places_want(struct supervisor *sup)
{
	for (unsigned i = 0; i < sup->place_count; i++) {
		struct place *p = &sup->places[i];

		p->wanted = p->instance < p->service->count(&sup->conf);
		if (!p->wanted)
			(void)evtimer_del(p->restart);
	}
}

struct child *
place_current(const struct place *p)
{
	for (struct child *c = p->children; c; c = c->next)
		if (c->state != CHILD_LEAVING)
			return c;
	return NULL;
}

bool
place_has_room(struct place *p)
{
	unsigned leaving = 0;

	for (struct child *c = p->children; c; c = c->next)
		if (c->state == CHILD_LEAVING && ++leaving >= PLACE_OLD_MAX)
			child_leave(c, p->service->stop_within_ms);
	return leaving < PLACE_OLD_MAX;
}

bool
places_all_ready(const struct supervisor *sup)
{
	for (unsigned i = 0; i < sup->place_count; i++) {
		const struct child *c = place_current(&sup->places[i]);

		if (sup->places[i].wanted && (!c || c->state != CHILD_READY))
			return false;
	}
	return true;
}

bool
service_runs(const struct supervisor *sup, const struct service *service)
{
	for (unsigned i = 0; i < sup->place_count; i++)
		if (sup->places[i].service == service && sup->places[i].children)
			return true;
	return false;
}

struct child *
child_find(const struct supervisor *sup, pid_t pid)
{
	for (unsigned i = 0; i < sup->place_count; i++)
		for (struct child *c = sup->places[i].children; c; c = c->next)
			if (c->pid == pid)
				return c;
	return NULL;
}

struct place *
keeper_place(const struct supervisor *sup)
{
	return &sup->places[0];		/* the first row of services */
}

struct child *
keeper_child(const struct supervisor *sup)
{
	return place_current(keeper_place(sup));
}

/* ---- starting ---- */

/* The role's share of the configuration as a sealed descriptor; the text is wiped. */
static int
share_open(const struct supervisor *sup, const struct service *service, int *ret_fd, struct why *why)
{
	size_t len;
	char *text = conf_pack(&sup->conf, service->share, &len);
	int r = spawn_sealed("trawld-conf", text, len, ret_fd, why);

	mem_wipe(text, len);
	free(text);
	return r;
}

static int
place_spawn(struct place *p, struct child *c, struct why *why)
{
	struct supervisor *sup = p->sup;
	char program[1200];
	scoped_fd share = -1;
	struct spawn s = {
		.program = program,
		.environment = sup->environment,
		.null = sup->null,
		.lock = sup->lock,
	};
	int r;

	(void)snprintf(program, sizeof(program), "%s/%s", sup->program_dir, p->service->program);
	r = share_open(sup, p->service, &share, why);
	if (r < 0)
		return r;
	s.conf = share;
	if (p->service->listens) {
		s.listeners[s.listener_count++] = sup->listener.tcp;
		if (sup->listener.local >= 0)
			s.listeners[s.listener_count++] = sup->listener.local;
	}
	return child_start(c, sup->base, &s, why);
}

/* One failure more: the pause before the next start. */
static int64_t
place_pause_ms(struct place *p)
{
	unsigned n = p->failures++;
	int64_t pause = RESTART_CAP_MS;

	if (n == 0)
		return 0;
	if (n < 8)
		pause = (int64_t)RESTART_FIRST_MS << (n - 1);
	return pause < RESTART_CAP_MS ? pause : RESTART_CAP_MS;
}

static void
place_restart_later(struct place *p)
{
	int64_t pause = place_pause_ms(p);

	if (pause > 0)
		log_as(KIND_CHILD_RESTARTING, NULL, "%s[%u] is started again in %lld ms",
		    role_name(p->service->role), p->instance, (long long)pause);
	loop_timer_in(p->restart, pause);
}

void
place_start(struct place *p)
{
	struct child *c = xcalloc(1, sizeof(*c));
	struct why why = { "" };

	(void)evtimer_del(p->restart);
	p->words[0] = '\0';
	c->place = p;
	c->service = p->service;
	c->instance = p->instance;
	c->generation = ++p->generation;
	c->share = p->sup->shares[service_row(p->service)];
	c->on_message = supervisor_on_message;
	c->arg = p->sup;
	if (place_spawn(p, c, &why) < 0) {
		log_as(KIND_CHILD_UNSTARTED, NULL, "%s cannot be started: %s", child_name(c), why.text);
		free(c);
		place_restart_later(p);
		return;
	}
	c->next = p->children;
	p->children = c;
	log_debug(NULL, "%s generation %u started, pid %ld", child_name(c), c->generation, (long)c->pid);
	switchboard_connect(p->sup, c);
}

/* ---- the end of a child ---- */

static void
place_unlink(struct place *p, struct child *gone)
{
	struct child **at = &p->children;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
}

static void
log_end(const struct child *c, int wait_status, int64_t lived_ms, bool asked)
{
	char how[64], lived[32];

	if (WIFSIGNALED(wait_status))
		(void)snprintf(how, sizeof(how), "by signal %d (%s)", WTERMSIG(wait_status),
		    strsignal(WTERMSIG(wait_status)));
	else
		(void)snprintf(how, sizeof(how), "with status %d", WEXITSTATUS(wait_status));
	(void)duration_format(lived, sizeof(lived), lived_ms);
	log_as(asked ? KIND_CHILD_STOPPED : KIND_CHILD_DIED, NULL, "%s pid %ld ended %s after %s%s",
	    child_name(c), (long)c->pid, how, lived, asked ? ", as asked" : "");
}

/* Ends that a restart cannot mend. Returns true when the whole set goes. */
static bool
end_is_final(struct supervisor *sup, const struct child *c, int status)
{
	char reason[sizeof(sup->reason)];

	(void)snprintf(reason, sizeof(reason), "%s ended with status %d", child_name(c), status);
	if (c->place->words[0])
		(void)snprintf(reason, sizeof(reason), "%s", c->place->words);
	if (status == EXIT_STATUS_CONFIG || status == EXIT_STATUS_CANTCREAT) {
		drain_begin(sup, status, reason);
		return true;
	}
	if (status == EXIT_STATUS_VERSION) {
		drain_begin(sup, EXIT_STATUS_TEMPFAIL, "its programs were replaced underneath");
		return true;
	}
	return false;
}

void
place_on_end(struct child *c, int wait_status)
{
	int64_t now = clock_mono_ms(&clock_system), lived = now - c->started_ms;
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	struct place *p = c->place;
	struct supervisor *sup = p->sup;
	bool asked = c->state == CHILD_LEAVING, served = c->served, final = false;
	bool counts = c == place_current(p);

	log_end(c, wait_status, lived, asked);
	if (counts)
		child_last_words(c, p->words, sizeof(p->words));
	if (c->service->role == ROLE_KEEPER && served)
		sup->keeper_beat_ms = now;
	place_unlink(p, c);
	if (lived >= LASTING_MS)
		p->failures = 0;
	if (!asked && sup->phase != PHASE_DRAINING) {
		final = (!served && reload_on_failure(sup, p, status)) || end_is_final(sup, c, status);
		/* An older one that ends while its successor starts needs no other. */
		if (!final && counts && p->wanted)
			place_restart_later(p);
	}
	child_free(c);
	if (sup->phase == PHASE_DRAINING)
		drain_continue(sup);
	else
		reload_continue(sup);
	status_tell(sup);
}
