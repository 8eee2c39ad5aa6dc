/*
 * keeper_main.c - trawld-keeper: the one process that owns the job store, and with it
 * everything that must not be lost. It has no network and no key; it hears fronts,
 * pollers and the publisher over the connections that its parent hands it.
 *
 * With --check-store FILE it only checks a file that is to become the job store, for
 * trawld --restore: no other program knows what is in one.
 *
 * Here is set-up and drain; the work is in the other files of this folder.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uuid.h"
#include "base/why.h"
#include "ipc/control.h"
#include "keeper/keeper.h"
#include "keeper/store_mark.h"

#define STORE_NAME    "trawld.db"
#define TELL_MS	      250	/* between two words about a long opening */
#define LAST_WORDS_MS 10	/* between looks whether all answers have left ... */
#define LAST_LOOKS    50	/* ... so many times at most */

struct program {
	struct event_base	*base;
	struct control		*control;
	struct keeper		*keeper;
	char			 store_path[sizeof(((struct conf *)NULL)->data_dir) + sizeof(STORE_NAME) + 1];
	char			 set[STORE_SET_SIZE];
	uint64_t		 boot;
	struct event		*end;
	int			 end_looks;
	int64_t			 told_ms;	/* when a word about a long opening was last said */
};

static void
on_peer(const struct inherit_message *who, int fd, void *arg)
{
	struct program *program = arg;

	keeper_peer_add(program->keeper, who, fd);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct program *program = arg;

	(void)fd;
	(void)what;
	if (keeper_unsent(program->keeper) > 0 && ++program->end_looks < LAST_LOOKS)
		loop_timer_in(program->end, LAST_WORDS_MS);
	else
		(void)event_base_loopbreak(program->base);
}

/* The others have drained before us; what they sent last is committed, what we
 * answered has a moment to leave. */
static void
on_drain(int64_t within_ms, void *arg)
{
	struct program *program = arg;

	(void)within_ms;
	keeper_drain(program->keeper);
	program->end = evtimer_new(program->base, on_end, program);
	loop_timer_in(program->end, 0);
}

static void
on_reloaded(void *arg)
{
	struct program *program = arg;

	keeper_reloaded(program->keeper);
}

static void
tell_kill(void *arg, unsigned instance, unsigned generation, const char *reason)
{
	struct program *program = arg;

	control_kill(program->control, instance, generation, reason);
}

static void
tell_status(void *arg, const char *text)
{
	struct program *program = arg;

	control_status(program->control, text);
}

/* A migration says more than anybody can read. */
static void
tell_progress(void *arg, const char *text)
{
	struct program *program = arg;
	int64_t now = clock_mono_ms(&clock_system);

	if (now - program->told_ms < TELL_MS)
		return;
	program->told_ms = now;
	tell_status(program, text);
}

/* A store that is damaged or too new is not mended by starting again. */
static _Noreturn void
refuse(struct program *program, int result, const char *reason)
{
	static const struct {
		int result;
		enum exit_status status;
		enum log_kind_id kind;
	} table[] = {
		{ -ENOTSUP, EXIT_STATUS_CONFIG, KIND_STORE_NEWER },
		{ -EUCLEAN, EXIT_STATUS_CONFIG, KIND_STORE_DAMAGED },
		{ -EACCES, EXIT_STATUS_CANTCREAT, KIND_STORE_UNOPENED },
	};

	for (size_t i = 0; i < countof(table); i++)
		if (table[i].result == result)
			control_refuse(program->control, table[i].status, table[i].kind, reason);
	control_refuse(program->control, EXIT_STATUS_FAILURE, KIND_STORE_UNOPENED, reason);
}

static struct store *
open_store(struct program *program)
{
	const struct store_progress progress = { tell_progress, program };
	struct store *store;
	struct why why;
	int result;

	tell_status(program, "Opening the job store");
	result = store_open(program->store_path, &clock_system, &progress, &store, &why);
	if (result < 0)
		refuse(program, result, why.text);
	tell_status(program, "Taking up what was under way");
	return store;
}

/* Without room no mark is written: then there is none, and the store is doubted at the next start. */
static void
check_mark(const struct program *program, int result)
{
	if (result == -ENOSPC || result == -EROFS || result == -EDQUOT)
		store_mark_remove(program->store_path);
	else if (result < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_STORE_FAILED, "the mark beside the job store cannot be written: %s",
		    strerror(-result));
}

static void
take_up(struct program *program, const struct conf *conf)
{
	struct keeper_parent parent = { tell_kill, tell_status, program };
	struct keeper_start start = { .boot = program->boot };

	(void)snprintf(program->store_path, sizeof(program->store_path), "%s/%s", conf->data_dir, STORE_NAME);
	start.doubtful = !store_mark_trusts(program->store_path, program->set);
	program->keeper = keeper_new(program->base, open_store(program), conf, &clock_system, random_u64, &parent);
	keeper_recover(program->keeper, &start);
	/* As long as its doubts are not on disk there is no mark: a keeper that follows this one is to have them, too. */
	if (program->keeper->start.doubtful)
		store_mark_remove(program->store_path);
	else
		check_mark(program, store_mark_running(program->store_path, program->set));
}

/* The file is told by the name that its user knows. */
static int
check_store(const char *path, const char *name)
{
	struct store_checked checked;
	char newest[TIME_TEXT_SIZE];
	struct why why;
	int result = store_check(path, &checked, &why);

	if (result < 0) {
		(void)fprintf(stderr, "trawld: %s cannot be restored: %s\n", name, why.text);
		return result == -ENOTSUP || result == -EUCLEAN ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILURE;
	}
	(void)printf("%s is a job store of schema %lld with %lld crawls, %lld of them not ended", name,
	    (long long)checked.version, (long long)checked.crawls, (long long)checked.live);
	if (checked.newest_ms > 0)
		(void)printf("; the last one changed at %s", time_format(newest, checked.newest_ms));
	(void)puts("");
	return fflush(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

int
main(int argc, char **argv)
{
	static const struct control_events events = { .on_peer = on_peer, .on_drain = on_drain,
		.on_reloaded = on_reloaded };
	struct program program = { 0 };
	struct conf conf;
	bool doubtful;

	if (argc == 4 && strcmp(argv[1], "--check-store") == 0)
		return check_store(argv[2], argv[3]);
	/* Before the jail: when its parent began a process in it may not read. */
	program.boot = store_mark_boot();
	(void)store_mark_set(program.set, program.boot);
	program.control = control_start(argc, argv, ROLE_KEEPER, &conf);
	log_hold();
	program.base = loop_new();
	if (event_base_priority_init(program.base, 3) < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_START_FAILED, "the loop takes no priorities");
	take_up(&program, &conf);
	control_attach(program.control, program.base, &events, &program);
	keeper_status_tell(program.keeper);
	control_ready(program.control);
	log_flush();
	(void)event_base_dispatch(program.base);

	keeper_turn(program.keeper);
	doubtful = program.keeper->start.doubtful;
	keeper_free(program.keeper);
	if (!doubtful)
		check_mark(&program, store_mark_stopped(program.store_path));
	if (program.end != NULL)
		event_free(program.end);
	control_free(program.control);
	event_base_free(program.base);
	log_flush();
	return EXIT_STATUS_OK;
}
