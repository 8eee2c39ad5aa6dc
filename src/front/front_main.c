/*
 * front_main.c - trawld-front: takes what the supervisor gives (ipc/inherit.h), runs
 * the loop, leaves when drained.
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "front/front.h"
#include "ipc/control.h"
#include "model/log_kind.h"

#define OTHER_FILES 64		/* descriptors beside those of connections */

static void
main_on_peer(const struct inherit_message *who, int fd, void *arg)
{
	if (who->role == ROLE_KEEPER)
		front_set_keeper(arg, who, fd);
	else
		(void)close(fd);
}

static void
main_on_drained(void *arg)
{
	struct front *front = arg;

	(void)event_base_loopbreak(front->base);
}

static void
main_on_drain(int64_t within_ms, void *arg)
{
	(void)within_ms;
	front_drain(arg, main_on_drained, arg);
}

/* As many connections as descriptors allow, at most the default. */
static struct guard_limits
main_limits(const struct conf *conf)
{
	struct guard_limits limits = guard_limits_default;
	struct rlimit files;

	limits.idle_ms = conf->connection_idle_timeout_ms;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return limits;
	if (files.rlim_cur < limits.connections + OTHER_FILES && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < limits.connections + OTHER_FILES ? files.rlim_max :
		    limits.connections + OTHER_FILES;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
	}
	if (files.rlim_cur < limits.connections + OTHER_FILES)
		limits.connections = files.rlim_cur > 2 * OTHER_FILES ?
		    (unsigned)files.rlim_cur - OTHER_FILES : OTHER_FILES;
	return limits;
}

int
main(int argc, char **argv)
{
	static const struct control_events events = { .on_peer = main_on_peer, .on_drain = main_on_drain };
	static struct conf conf;
	struct control *control = control_start(argc, argv, ROLE_FRONT, &conf);
	struct guard_limits limits = main_limits(&conf);
	struct event_base *base = loop_new_busy();
	struct front *front = front_new(base, &conf, &clock_system, &limits);

	for (unsigned i = 0; i < control_listeners(control); i++) {
		int r = front_listen(front, INHERIT_LISTEN_FD + (int)i);

		if (r < 0)
			fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED,
			    "inherited socket %u cannot be listened on: %s", i, strerror(-r));
	}
	control_attach(control, base, &events, front);
	control_ready(control);
	(void)event_base_dispatch(base);
	log_as(KIND_FRONT_DRAINED, NULL, "drained");
	front_free(front);
	control_free(control);
	event_base_free(base);
	conf_done(&conf);
	return EXIT_STATUS_OK;
}
