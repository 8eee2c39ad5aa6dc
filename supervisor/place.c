/*
 * place.c - who should run and does. It owns the table of places and the children in it;
 * they come by place_start.c and go by place_end.c.
 */
#include <stdlib.h>

#include "supervisor/supervisor.h"

unsigned
service_row(const struct service *service)
{
	return (unsigned)(service - services);
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
