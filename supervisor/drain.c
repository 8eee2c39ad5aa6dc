/*
 * drain.c - the end of the set: services leave bottom to top, each with its limit.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/log_kind.h"
#include "supervisor/notify.h"
#include "supervisor/supervisor.h"

#define EXTRA_MS 5000	/* of patience that systemd is asked for beyond a row's limit */

static void
drain_row(struct supervisor *sup, const struct service *service)
{
	for (unsigned i = 0; i < sup->place_count; i++) {
		struct place *p = &sup->places[i];

		if (p->service != service)
			continue;
		for (struct child *c = p->children; c; c = c->next)
			child_leave(c, service->stop_within_ms);
	}
	/* A row that is through is progress; the next one gets its own time. */
	notify_extend(service->stop_within_ms + EXTRA_MS);
}

void
drain_begin(struct supervisor *sup, int exit_status, const char *reason)
{
	if (sup->phase == PHASE_DRAINING)
		return;
	log_as(exit_status == EXIT_STATUS_OK ? KIND_STOPPING : KIND_STOPPING_ON_FAILURE, NULL,
	    "stopping: %s", reason);
	sup->phase = PHASE_DRAINING;
	sup->exit_status = exit_status;
	if (exit_status != EXIT_STATUS_OK)
		(void)str_printable(sup->reason, sizeof(sup->reason), reason, strlen(reason));
	reload_done(sup);
	askers_dismiss(sup, "trawld is stopping");
	notify_stopping(status_line(sup));
	for (unsigned i = 0; i < sup->place_count; i++)
		(void)evtimer_del(sup->places[i].restart);
	sup->draining_row = SERVICE_COUNT - 1;
	drain_row(sup, &services[sup->draining_row]);
	drain_continue(sup);
}

void
drain_continue(struct supervisor *sup)
{
	while (sup->draining_row >= 0) {
		const struct service *service = &services[sup->draining_row];

		if (service_runs(sup, service))
			return;
		if (service->listens)
			listener_close(&sup->listener);
		if (--sup->draining_row >= 0)
			drain_row(sup, &services[sup->draining_row]);
	}
	(void)event_base_loopbreak(sup->base);
}
