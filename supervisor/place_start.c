/* place_start.c - the table of places is made, and processes are started in it: at once, or after a pause. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/supervisor.h"

#define RESTART_FIRST_MS 100
#define RESTART_CAP_MS	 10000

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
		.lock = sup->lock >= 0 ? sup->lock : sup->null,
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

void
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
	struct why why = { "" };
	struct child *c;

	(void)evtimer_del(p->restart);
	if (p->sup->forbids_start(p))
		return;
	c = xcalloc(1, sizeof(*c));
	p->words[0] = '\0';
	c->place = p;
	c->service = p->service;
	c->instance = p->instance;
	c->generation = ++p->generation;
	c->share = p->sup->shares[service_row(p->service)];
	c->on_message = p->sup->on_message;
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

/* ---- the table ---- */

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
