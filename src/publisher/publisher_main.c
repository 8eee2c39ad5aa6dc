/*
 * publisher_main.c - trawld-publisher: set-up, and what the supervisor says. The
 * work is publisher.h's.
 */
#include "ipc/control.h"
#include "model/log_kind.h"
#include "publisher/publisher.h"

struct program {
	struct event_base *base;
	struct publisher *publisher;
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

	publisher_attach(program->publisher, who, fd);
}

static void
program_on_drain(int64_t within_ms, void *arg)
{
	struct program *program = arg;

	(void)within_ms;
	publisher_drain(program->publisher, program_on_drained, program);
}

int
main(int argc, char **argv)
{
	static const struct control_events events = { .on_peer = program_on_peer, .on_drain = program_on_drain };
	static struct conf conf;
	struct control *control = control_start(argc, argv, ROLE_PUBLISHER, &conf);
	struct program program = { .base = loop_new() };
	struct sink_file_limits limits;

	if (conf.storage_backend != STORAGE_LOCAL)
		control_refuse(control, EXIT_STATUS_CONFIG, KIND_CONFIG_INVALID,
		    "STORAGE_BACKEND: this publisher was built for local storage only");
	limits = (struct sink_file_limits){ conf.events_file_size, (unsigned)conf.events_file_count };
	program.publisher = publisher_new(program.base,
	    sink_file_new(conf.data_dir, conf.pubsub_topic_prefix, &limits));
	control_attach(control, program.base, &events, &program);
	control_ready(control);
	(void)event_base_dispatch(program.base);
	publisher_free(program.publisher);
	control_free(control);
	event_base_free(program.base);
	conf_done(&conf);
	return EXIT_STATUS_OK;
}
