/*
 * reload.c - SIGHUP: the new configuration is checked, then every child that would see
 * a difference is replaced by one that has it, one place at a time. Pollers and fronts
 * start before the old one leaves, and nobody waits until it is gone: it may have a call
 * open for a minute. Of the keeper and the publisher there is never more than one.
 *
 *   reload_begin --bad--> (the old one goes on)
 *        |  what changed, by service: another number (shares)
 *        |  place after place, reload_continue:
 *        |     through = the child there is ready and has the number
 *        |     a new child that cannot start: the numbers of before, and the same again
 *        v
 *   reload_finish: places no longer wanted are emptied, the keeper hears of it, READY=1
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/limits.h"
#include "supervisor/notify.h"
#include "supervisor/supervisor.h"

#define RELOAD_FAILURES 3	/* deaths of new children in one place that end a reload */

/* ---- the new configuration ---- */

static bool
listens_elsewhere(const struct conf *a, const struct conf *b)
{
	return a->port != b->port || strcmp(a->bind_address, b->bind_address) != 0;
}

/* Puts a new listener in place when the address changed; the old one is kept aside. */
static int
reload_listener(struct supervisor *sup, const struct conf *wanted, struct why *why)
{
	char url[LISTENER_URL_SIZE];
	int fd, r;

	if (!listens_elsewhere(&sup->conf, wanted))
		return 0;
	if (sup->listener.tcp_given) {
		if (listener_is_elsewhere(&sup->listener, wanted, why))
			log_as(KIND_LISTENER_GIVEN, NULL, "%s", why->text);
		return 0;
	}
	r = listener_bind_tcp(wanted, &fd, url, why);
	if (r < 0)
		return r;
	sup->reload.old_tcp = sup->listener.tcp;
	memcpy(sup->reload.old_url, sup->listener.url, sizeof(url));
	sup->listener.tcp = fd;
	memcpy(sup->listener.url, url, sizeof(url));
	return 0;
}

static int
reload_read(struct supervisor *sup, struct conf *ret_conf, struct why *why)
{
	int r = options_load(&sup->options, OPTIONS_WHOLE, ret_conf, why);

	if (r < 0)
		return r;
	if (strcmp(ret_conf->data_dir, sup->conf.data_dir) != 0)
		r = why_set(why, EINVAL, "DATA_DIR cannot change while trawld runs: restart it");
	else
		r = limits_check(ret_conf, why);
	if (r == 0)
		r = reload_listener(sup, ret_conf, why);
	if (r < 0)
		conf_done(ret_conf);
	return r;
}

static void
number_shares(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;

	reload->same = conf_same_for(&reload->old_conf, &sup->conf, CONF_SUPERVISOR);
	for (unsigned i = 0; i < SERVICE_COUNT; i++) {
		const struct service *s = &services[i];
		bool same = conf_same_for(&reload->old_conf, &sup->conf, s->share);

		reload->same = reload->same && same;
		reload->old_shares[i] = sup->shares[i];
		reload->replaced[i] = !same || (s->listens && reload->old_tcp >= 0);
		if (reload->replaced[i])
			sup->shares[i] = ++sup->last_share;
	}
}

/* ---- place after place ---- */

/* Who would see no difference stays. One that does not serve yet is started anew whatever
 * has changed: it may be what the reload is to mend. */
static bool
is_as_wanted(const struct supervisor *sup, const struct child *c)
{
	return c && c->state == CHILD_READY && c->share == sup->shares[service_row(c->service)];
}

static void
reload_run(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;

	log_set_level((enum log_level)sup->conf.log_level);
	log_set_format((enum log_format)sup->conf.log_format);
	places_want(sup);
	for (unsigned i = 0; i < sup->place_count; i++) {
		struct place *p = &sup->places[i];

		reload->before[i] = p->generation;
		p->failures = 0;
		if (p->wanted && !is_as_wanted(sup, place_current(p)))
			(void)place_has_room(p);	/* who has to hurry does so in all places at once */
	}
	reload->at = 0;
	reload->failures = 0;
	reload->active = true;
	reload_continue(sup);
}

void
reload_begin(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;
	struct why why = { "" };
	struct conf fresh;

	if (sup->phase == PHASE_DRAINING) {
		askers_dismiss(sup, "trawld is stopping");
		return;
	}
	if (sup->phase == PHASE_STARTING || reload->active || sup->away.dir < 0) {
		reload->again = true;
		return;
	}
	log_as(KIND_RELOADING, NULL, "reloading the configuration");
	notify_reloading();
	reload->refusal[0] = '\0';
	askers_attach(sup);
	reload->old_tcp = -1;
	if (reload_read(sup, &fresh, &why) < 0) {
		(void)str_copy(reload->refusal, sizeof(reload->refusal), why.text);
		why_prefix(&why, "reload refused, the old configuration stays");
		log_as(KIND_RELOAD_REFUSED, NULL, "%s", why.text);
		askers_answer(sup, EXIT_STATUS_FAILURE, why.text);
		notify_ready(status_line(sup));
		return;
	}
	reload->old_conf = sup->conf;
	sup->conf = fresh;
	conf_done(&fresh);
	reload->back = false;
	number_shares(sup);
	reload_run(sup);
	status_tell(sup);
}

static void
leave_all(struct place *p, int64_t within_ms)
{
	for (struct child *c = p->children; c; c = c->next)
		if (c->state != CHILD_LEAVING)
			child_leave(c, within_ms);
}

/* True when the place is as the new configuration wants it. */
static bool
reload_place(struct supervisor *sup, unsigned at)
{
	struct place *p = &sup->places[at];
	struct child *c = place_current(p);

	if (!p->wanted)
		return true;
	if (is_as_wanted(sup, c)) {
		(void)evtimer_del(p->restart);
		return true;
	}
	if (c && c->generation > sup->reload.before[at])
		return false;	/* it starts */
	if (evtimer_pending(p->restart, NULL) && p->generation > sup->reload.before[at])
		return false;	/* a new one failed; its pause runs */
	if (c)
		sup->reload.replaced[service_row(p->service)] = true;
	if (p->children && !p->service->overlaps)
		leave_all(p, p->service->leave_within_ms);
	else if (place_has_room(p))
		place_start(p);
	return false;
}

/* ---- the end ---- */

/* "; replaced: keeper, front; poller processes: 4 instead of 2". */
static void
write_outcome(const struct supervisor *sup, char *dst, size_t size)
{
	const struct reload *reload = &sup->reload;
	const char *before = "; replaced: ";
	size_t used = 0;

	dst[0] = '\0';
	for (unsigned i = 0; i < SERVICE_COUNT && used < size; i++) {
		if (!reload->replaced[i])
			continue;
		used += (size_t)snprintf(dst + used, size - used, "%s%s", before, role_name(services[i].role));
		before = ", ";
	}
	for (unsigned i = 0; i < SERVICE_COUNT && used < size; i++) {
		unsigned was = services[i].count(&reload->old_conf), is = services[i].count(&sup->conf);

		if (was != is)
			used += (size_t)snprintf(dst + used, size - used, "; %s processes: %u instead of %u",
			    role_name(services[i].role), is, was);
	}
	if (used == 0)
		(void)snprintf(dst, size, "; %s", reload->same ? "nothing has changed" : "every process stays");
}

static void
reload_finish(struct supervisor *sup)
{
	bool again = sup->reload.again, back = sup->reload.back;
	char text[ASKER_TEXT_SIZE], outcome[256];
	struct child *keeper = keeper_child(sup);

	for (unsigned i = 0; i < sup->place_count; i++)
		if (!sup->places[i].wanted)
			leave_all(&sup->places[i], sup->places[i].service->leave_within_ms);
	write_outcome(sup, outcome, sizeof(outcome));
	if (back)
		(void)snprintf(text, sizeof(text), "reload given up: %s; the old configuration is in use again",
		    sup->reload.refusal);
	else
		(void)snprintf(text, sizeof(text), "reloaded: %s, data in %s%s", sup->listener.url,
		    sup->conf.data_dir, outcome);
	log_as(back ? KIND_RELOAD_UNDONE : KIND_RELOADED, NULL, "%s", text);
	if (!back && keeper && keeper->state == CHILD_READY)
		child_send_reloaded(keeper);
	reload_done(sup);
	askers_answer(sup, back ? EXIT_STATUS_FAILURE : EXIT_STATUS_OK, text);
	notify_ready(status_line(sup));
	if (again)
		reload_begin(sup);
}

void
reload_continue(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;

	while (reload->active && reload->at < sup->place_count) {
		if (!reload_place(sup, reload->at))
			return;
		reload->at++;
		reload->failures = 0;
	}
	if (reload->active)
		reload_finish(sup);
}

void
reload_done(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;

	if (reload->active && reload->old_tcp >= 0)
		(void)close(reload->old_tcp);
	conf_done(&reload->old_conf);
	reload->active = reload->again = false;
	reload->old_tcp = -1;
}

void
reload_stop(struct supervisor *sup, const char *reason)
{
	bool active = sup->reload.active, again = active || sup->reload.again;

	askers_dismiss(sup, reason);
	reload_done(sup);
	sup->reload.again = again;
	if (active)
		notify_ready(status_line(sup));
}

/* ---- undoing ---- */

/* Where the old child still serves it has the old number, so it stays. */
static void
reload_undo(struct supervisor *sup)
{
	struct reload *reload = &sup->reload;
	struct conf refused = sup->conf;

	sup->conf = reload->old_conf;
	reload->old_conf = refused;
	conf_done(&refused);
	if (reload->old_tcp >= 0) {
		(void)close(sup->listener.tcp);
		sup->listener.tcp = reload->old_tcp;
		memcpy(sup->listener.url, reload->old_url, sizeof(reload->old_url));
		reload->old_tcp = -1;
	}
	memcpy(sup->shares, reload->old_shares, sizeof(sup->shares));
	reload->back = true;
	reload_run(sup);
}

bool
reload_on_failure(struct supervisor *sup, struct place *p, int status)
{
	struct reload *reload = &sup->reload;
	bool hopeless = status == EXIT_STATUS_CONFIG || status == EXIT_STATUS_CANTCREAT;

	if (!reload->active || reload->back || p != &sup->places[reload->at])
		return false;
	if (!hopeless && ++reload->failures < RELOAD_FAILURES)
		return false;
	(void)snprintf(reload->refusal, sizeof(reload->refusal), "%s[%u] does not start with the new configuration",
	    role_name(p->service->role), p->instance);
	log_as(KIND_RELOAD_GIVEN_UP, NULL, "reload given up: %s", reload->refusal);
	reload_undo(sup);
	return true;
}
