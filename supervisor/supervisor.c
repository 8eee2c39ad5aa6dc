/*
 * supervisor.c - trawld: set-up, signals, what children say, and the tick. The
 * order of set-up is also the order of refusals: configuration (78), data directory
 * (73), its lock (75), the port (69), and only then the first child.
 *
 * Policy lives in place_end.c, reload.c and drain.c; nothing in the loop blocks.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/datadir.h"
#include "supervisor/limits.h"
#include "supervisor/notify.h"
#include "supervisor/restore.h"

#define LOCK_WAIT_MS   5000	/* a predecessor that was killed leaves within 2 s */
#define START_EXTRA_MS 35000	/* after progress; longer than any service has to get ready */
#define TICK_MS	       1000
#define TICK_LATE_MS   5000	/* then we were stopped, and silence proves nothing */

/* ---- what children say ---- */

/* The start gets on: systemd is asked for patience, within the limit of a start. */
static void
start_gets_on(struct supervisor *sup)
{
	int64_t now = clock_mono_ms(&clock_system);

	if (sup->phase != PHASE_STARTING || now - sup->started_ms >= CHILD_START_MAX_MS ||
	    now - sup->extended_ms < TICK_MS)
		return;
	sup->extended_ms = now;
	notify_extend(START_EXTRA_MS);
}

/* Says READY when all are, for the first time. */
static void
supervisor_settle(struct supervisor *sup)
{
	if (sup->phase != PHASE_STARTING || !places_all_ready(sup))
		return;
	sup->phase = PHASE_SERVING;
	log_as(KIND_READY, NULL, "ready: %s, data in %s", sup->listener.url, sup->conf.data_dir);
	notify_ready(status_line(sup));
	if (sup->reload.again) {
		sup->reload.again = false;
		reload_begin(sup);
	}
}

static void
on_ready(struct supervisor *sup, struct child *c, const struct inherit_message *m)
{
	(void)m;
	if (c->state != CHILD_STARTING)
		return;
	child_ready(c);
	if (c->service->role == ROLE_KEEPER)
		sup->keeper_beat_ms = c->beat_ms;
	log_debug(NULL, "%s generation %u is ready after %lld ms", child_name(c), c->generation,
	    (long long)(c->beat_ms - c->started_ms));
	for (struct child *older = c->next; older; older = older->next)
		if (older->state != CHILD_LEAVING)
			child_leave(older, c->service->leave_within_ms);
	supervisor_settle(sup);
	reload_continue(sup);
	start_gets_on(sup);
	status_tell(sup);
}

static void
on_beat(struct supervisor *sup, struct child *c, const struct inherit_message *m)
{
	(void)m;
	if (c == keeper_child(sup))
		sup->keeper_beat_ms = c->beat_ms;
}

static void
on_status(struct supervisor *sup, struct child *c, const struct inherit_message *m)
{
	if (c != place_current(c->place))
		return;
	(void)str_printable(c->place->words, sizeof(c->place->words), m->text, strlen(m->text));
	if (c->state == CHILD_STARTING) {
		child_gets_on(c);
		if (c->service->role == ROLE_KEEPER)
			sup->keeper_beat_ms = c->beat_ms;
		start_gets_on(sup);
	}
	status_tell(sup);
}

static void
on_kill(struct supervisor *sup, struct child *c, const struct inherit_message *m)
{
	char reason[sizeof(m->text)];

	if (c->service->role != ROLE_KEEPER || m->role != ROLE_POLLER) {
		log_as(KIND_CHILD_OVERSTEPPED, NULL, "%s may not have a %s killed", child_name(c),
		    role_name(m->role));
		return;
	}
	(void)str_printable(reason, sizeof(reason), m->text, strlen(m->text));
	for (unsigned i = 0; i < sup->place_count; i++)
		for (struct child *poller = sup->places[i].children; poller; poller = poller->next)
			if (poller->service->role == ROLE_POLLER &&
			    poller->instance == m->instance && poller->generation == m->generation)
				child_kill(poller, reason);
}

static void
supervisor_on_message(struct child *c, const struct inherit_message *m, void *arg)
{
	static void (*const handlers[INHERIT_TYPE_COUNT])(struct supervisor *, struct child *,
	    const struct inherit_message *) = {
		[INHERIT_READY] = on_ready,
		[INHERIT_BEAT] = on_beat,
		[INHERIT_STATUS] = on_status,
		[INHERIT_KILL] = on_kill,
	};
	struct supervisor *sup = arg;

	c->beat_ms = clock_mono_ms(&clock_system);
	if (m->type < INHERIT_TYPE_COUNT && handlers[m->type])
		handlers[m->type](sup, c, m);
	else
		log_as(KIND_CHILD_OVERSTEPPED, NULL, "%s sent a message that it may not send (type %u)",
		    child_name(c), m->type);
}

/* ---- what the loop calls ---- */

static void
supervisor_on_terminate(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	drain_begin(arg, EXIT_STATUS_OK, number == SIGINT ? "interrupted" : "asked to (SIGTERM)");
}

static void
supervisor_on_hangup(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	reload_begin(arg);
}

static void
supervisor_on_child(evutil_socket_t number, short what, void *arg)
{
	struct supervisor *sup = arg;
	int status;
	pid_t pid;

	(void)number;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = child_find(sup, pid);

		if (c)
			place_on_end(c, status);
	}
}

/* A child whose loop does not turn serves nobody and holds what it took. */
static void
tick_child(struct child *c, int64_t now, bool late)
{
	long long seconds = (now - c->beat_ms) / 1000;
	char reason[64];

	if (late)
		c->beat_ms = now;
	if (c->state != CHILD_READY || now - c->beat_ms < c->service->silent_within_ms)
		return;
	c->beat_ms = now;
	if (child_waits_for_disk(c)) {
		log_as(KIND_CHILD_WAITS, NULL, "%s pid %ld has not moved for %lld s: it waits for the disk, and so "
		    "would another", child_name(c), (long)c->pid, seconds);
		return;
	}
	(void)snprintf(reason, sizeof(reason), "it has not moved for %lld s", seconds);
	child_kill(c, reason);
}

static void
supervisor_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	int64_t now = clock_mono_ms(&clock_system);
	bool late = now - sup->ticked_ms > TICK_LATE_MS;

	(void)fd;
	(void)what;
	sup->ticked_ms = now;
	if (late)
		sup->keeper_beat_ms = now;
	notify_tick();
	askers_tick(sup);
	away_tick(sup);
	for (unsigned i = 0; i < sup->place_count; i++)
		for (struct child *c = sup->places[i].children; c; c = c->next)
			tick_child(c, now, late);
	status_tell(sup);
	log_flush();
	loop_timer_in(sup->tick, TICK_MS);
}

static void
supervisor_on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	int64_t silence = clock_mono_ms(&clock_system) - sup->keeper_beat_ms;

	(void)fd;
	(void)what;
	if (sup->phase != PHASE_SERVING || silence < KEEPER_SILENCE_MS || sup->away.dir < 0)
		notify_watchdog();
	else
		log_as(KIND_KEEPER_SILENT, NULL, "the keeper has been silent for %lld ms: the watchdog is "
		    "not told that all is well", (long long)silence);
	loop_timer_in(sup->watchdog, sup->watchdog_ms / 2);
}

/* ---- set-up ---- */

static _Noreturn void
refuse(int status, enum log_kind_id kind, const struct why *why)
{
	log_as(kind, NULL, "%s", why->text);
	(void)notify_status(why->text);
	exit(status);
}

static void
check_or_print(const struct options *options)
{
	struct why why = { "" };
	struct conf conf;

	if (options_load(options, options->check_config ? OPTIONS_WHOLE : OPTIONS_SECRETS, &conf, &why) < 0) {
		(void)fprintf(stderr, "trawld: %s\n", why.text);
		exit(EXIT_STATUS_CONFIG);
	}
	if (options->print_config)
		conf_print(&conf, stdout);
	if (options->check_config)
		(void)puts("configuration is valid");
	conf_done(&conf);
	exit(fflush(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE);
}

/* The descriptors 0 to 2 must be somebody, lest a socket become the log. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

/* Beside trawld itself in a build folder, else where the package puts them. */
static void
find_programs(struct supervisor *sup)
{
	struct why why;
	char probe[1200], *slash;
	ssize_t n = readlink("/proc/self/exe", sup->program_dir, sizeof(sup->program_dir) - 1);

	if (n > 0) {
		sup->program_dir[n] = '\0';
		slash = strrchr(sup->program_dir, '/');
		if (slash)
			*slash = '\0';
		(void)snprintf(probe, sizeof(probe), "%s/%s", sup->program_dir, services[0].program);
		if (access(probe, X_OK) == 0)
			return;
	}
	(void)snprintf(sup->program_dir, sizeof(sup->program_dir), "%s", TRAWLD_LIBEXECDIR);
	(void)snprintf(probe, sizeof(probe), "%s/%s", sup->program_dir, services[0].program);
	if (access(probe, X_OK) == 0)
		return;
	(void)why_set(&why, errno, "%s cannot be run: %s; install trawld again", probe, strerror(errno));
	refuse(EXIT_STATUS_FAILURE, KIND_PROGRAM_MISSING, &why);
}

static void
take_data_dir(struct supervisor *sup)
{
	struct why why = { "" };
	int r;

	if (datadir_prepare(sup->conf.data_dir, &why) < 0)
		refuse(EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, &why);
	r = datadir_lock(sup->conf.data_dir, 0, &sup->lock, &why);
	if (r == -EBUSY) {
		(void)notify_status("Starting: waiting for a former trawld to leave the data directory");
		notify_extend(LOCK_WAIT_MS + START_EXTRA_MS);
		r = datadir_lock(sup->conf.data_dir, LOCK_WAIT_MS, &sup->lock, &why);
	}
	if (r == -EBUSY)
		refuse(EXIT_STATUS_TEMPFAIL, KIND_DATA_DIR_HELD, &why);
	if (r < 0)
		refuse(EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, &why);
}

/* A store may be half in its place, and is nothing for a keeper before it is all there. */
static void
end_restore(const struct supervisor *sup)
{
	char aside[RESTORE_NAME_SIZE];
	struct why why;
	int r = restore_finish(sup->conf.data_dir, aside, &why);

	if (r < 0)
		refuse(EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, &why);
	if (r > 0)
		log_as(KIND_STORE_RESTORED, NULL, "a restore of the job store that had been cut short was ended; the store "
		    "that was there is %s%s%s", aside[0] ? sup->conf.data_dir : "none", aside[0] ? "/" : "", aside);
}

/* Other programs would go by them; our children never see them. */
static void
tell_of_proxies(const struct conf *conf)
{
	static const char *const names[] = {
		"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
	};
	char set[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < countof(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			used += (size_t)snprintf(set + used, sizeof(set) - used, "%s%s", used > 0 ? ", " : "", names[i]);
	}
	if (used > 0 && conf->provider_proxy[0] == '\0')
		log_as(KIND_PROXY_IGNORED, NULL, "the provider is asked directly: %s of the environment %s not used, "
		    "PROVIDER_PROXY is what names a proxy", set, strchr(set, ',') != NULL ? "are" : "is");
}

static void
open_listeners(struct supervisor *sup)
{
	struct listener *l = &sup->listener;
	struct why why = { "" };

	if (listener_is_elsewhere(l, &sup->conf, &why))
		log_as(KIND_LISTENER_GIVEN, NULL, "%s", why.text);
	if (l->tcp < 0 && listener_bind_tcp(&sup->conf, &l->tcp, l->url, &why) < 0)
		refuse(EXIT_STATUS_UNAVAILABLE, KIND_ADDRESS_UNUSABLE, &why);
	if (l->local < 0 && listener_bind_local(l, &sup->conf, &why) < 0)
		refuse(EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, &why);
}

static struct event *
signal_event(struct supervisor *sup, int number, event_callback_fn on_signal)
{
	struct event *e = evsignal_new(sup->base, number, on_signal, sup);

	if (!e || event_add(e, NULL) < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "signals cannot be heard");
	return e;
}

static struct event *
timer_event(struct supervisor *sup, event_callback_fn on_timer, int64_t first_ms)
{
	struct event *e = evtimer_new(sup->base, on_timer, sup);

	if (!e)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "timers cannot be made");
	loop_timer_in(e, first_ms);
	return e;
}

static void
prepare_loop(struct supervisor *sup)
{
	sup->base = loop_new();
	sup->on_term = signal_event(sup, SIGTERM, supervisor_on_terminate);
	sup->on_int = signal_event(sup, SIGINT, supervisor_on_terminate);
	sup->on_hup = signal_event(sup, SIGHUP, supervisor_on_hangup);
	sup->on_chld = signal_event(sup, SIGCHLD, supervisor_on_child);
	sup->started_ms = sup->ticked_ms = sup->keeper_beat_ms = clock_mono_ms(&clock_system);
	sup->tick = timer_event(sup, supervisor_on_tick, TICK_MS);
	sup->watchdog_ms = notify_watchdog_ms();
	if (sup->watchdog_ms > 0)
		sup->watchdog = timer_event(sup, supervisor_on_watchdog, sup->watchdog_ms / 2);
}

static void
start_all(struct supervisor *sup)
{
	places_want(sup);
	for (unsigned i = 0; i < sup->place_count; i++)
		if (sup->places[i].wanted)
			place_start(&sup->places[i]);
}

static void
tear_down(struct supervisor *sup)
{
	struct event *const events[] = {
		sup->on_term, sup->on_int, sup->on_hup, sup->on_chld, sup->tick, sup->watchdog,
	};

	status_tell(sup);
	notify_close();
	listener_close(&sup->listener);
	askers_close(sup);
	places_free(sup);
	for (unsigned i = 0; i < countof(events); i++)
		if (events[i])
			event_free(events[i]);
	event_base_free(sup->base);
	spawn_environment_free(sup->environment);
	conf_done(&sup->conf);
	(void)close(sup->null);
	if (sup->away.dir >= 0)
		(void)close(sup->away.dir);
	if (sup->lock >= 0)
		(void)close(sup->lock);
}

int
main(int argc, char **argv)
{
	struct supervisor sup = {
		.lock = -1, .null = -1, .askers = { .fd = -1 }, .reload = { .old_tcp = -1 },
		.away = { .dir = -1 },
		.on_message = supervisor_on_message, .forbids_start = away_forbids,
	};
	struct why why = { "" };

	open_standard();
	options_read(&sup.options, argc, argv);
	if (sup.options.check_config || sup.options.print_config)
		check_or_print(&sup.options);
	if (sup.options.reload)
		return asker_run(&sup.options);
	if (sup.options.restore) {
		find_programs(&sup);
		return restore_run(&sup.options, sup.program_dir);
	}
	(void)signal(SIGPIPE, SIG_IGN);	/* a log that nobody reads ends nobody */
	(void)signal(SIGTTOU, SIG_IGN);	/* nor does a terminal whose background may not write stop us */
	log_open("trawld", LOG_LEVEL_INFO);
	log_never_wait();
	notify_open();
	limits_set();
	listener_init(&sup.listener);
	if (listener_adopt(&sup.listener, &why) < 0 ||
	    options_load(&sup.options, OPTIONS_WHOLE, &sup.conf, &why) < 0 || limits_check(&sup.conf, &why) < 0)
		refuse(EXIT_STATUS_CONFIG, KIND_CONFIG_INVALID, &why);
	log_set_level((enum log_level)sup.conf.log_level);
	log_set_format((enum log_format)sup.conf.log_format);
	tell_of_proxies(&sup.conf);
	find_programs(&sup);
	take_data_dir(&sup);
	away_watch(&sup);
	end_restore(&sup);
	open_listeners(&sup);
	sup.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (sup.null < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "/dev/null cannot be opened: %s", strerror(errno));
	sup.environment = spawn_environment(environ);
	prepare_loop(&sup);
	askers_listen(&sup, reload_begin);
	places_make(&sup);
	start_all(&sup);
	(void)event_base_dispatch(sup.base);
	tear_down(&sup);
	log_as(KIND_STOPPED, NULL, "stopped");
	return sup.exit_status;
}
