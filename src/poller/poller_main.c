/*
 * poller_main.c - trawld-poller: set-up, and what the supervisor says. The work is
 * poller.h's.
 */
#include "ipc/control.h"
#include "model/log_kind.h"
#include "poller/poller.h"

struct program {
	struct event_base *base;
	struct poller	*poller;
};

static void
program_on_drained(void *arg)
{
	struct program *program = arg;

	(void)event_base_loopbreak(program->base);
}

static void
program_on_peer(const struct inherit_message *who, int fd, void *arg)
{
	struct program *program = arg;

	poller_attach(program->poller, who, fd);
}

static void
program_on_drain(int64_t within_ms, void *arg)
{
	struct program *program = arg;

	poller_drain(program->poller, within_ms, program_on_drained, program);
}

static void
program_on_hurry(int64_t within_ms, void *arg)
{
	struct program *program = arg;

	poller_hurry(program->poller, within_ms);
}

int
main(int argc, char **argv)
{
	static const struct control_events events = { .on_peer = program_on_peer, .on_drain = program_on_drain,
		.on_hurry = program_on_hurry };
	static struct conf conf;
	struct control *control = control_start(argc, argv, ROLE_POLLER, &conf);
	struct program program = { .base = loop_new_busy() };
	struct why why;

	if (poller_new(program.base, &conf, &clock_system, &program.poller, &why) < 0)
		control_refuse(control, EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, why.text);
	control_attach(control, program.base, &events, &program);
	control_ready(control);
	(void)event_base_dispatch(program.base);
	poller_free(program.poller);
	control_free(control);
	event_base_free(program.base);
	conf_done(&conf);
	return EXIT_STATUS_OK;
}
