/*
 * away.c - a data directory that is no longer where it was: its file system was unmounted under the
 * running set, or another one mounted over it.
 *
 * Who mends a file system takes it away first, and can do nothing with it as long as a process has a file of it
 * open. So all that have leave, the lock and the sockets below it are closed, and fronts, which inherited those,
 * are replaced; the new ones answer 503. When a job store is at the path again, and can be written, the set begins
 * anew. Without one nothing does: the bare place of a mount is an empty directory, and a store that was made there
 * would take crawls that nobody finds again.
 *
 *   here --a keeper cannot be started: it has gone--> leaving --nobody holds it--> left --store, lock--> here
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"
#include "supervisor/datadir.h"
#include "supervisor/restore.h"
#include "supervisor/supervisor.h"

void
away_watch(struct supervisor *sup)
{
	sup->away.dir = open(sup->conf.data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sup->away.dir < 0)
		fatal_as(EXIT_STATUS_CANTCREAT, KIND_DATA_DIR_UNUSABLE, "the data directory %s cannot be opened: %s",
		    sup->conf.data_dir, strerror(errno));
}

/* ---- it goes ---- */

static void
let_go(struct supervisor *sup)
{
	(void)close(sup->away.dir);
	(void)close(sup->lock);
	sup->away.dir = sup->lock = -1;
	sup->away.left = false;
	sup->away.words[0] = '\0';
	askers_let_go(sup);
	listener_let_go(&sup->listener);
}

/* Who listens is replaced at once, by one that holds nothing of it. */
static void
leave(struct place *p)
{
	struct child *c = p->children;

	(void)evtimer_del(p->restart);
	if (p->wanted && !p->service->in_data_dir)
		place_start(p);
	for (; c; c = c->next)
		child_leave(c, p->service->stop_within_ms);
}

static void
go_away(struct supervisor *sup)
{
	log_as(KIND_DATA_DIR_AWAY, NULL, "%s is another directory than it was, or none: everything of it is let go, and "
	    "trawld begins anew when a job store is there", sup->conf.data_dir);
	reload_stop(sup, "DATA_DIR has gone");
	let_go(sup);
	for (unsigned i = 0; i < sup->place_count; i++)
		leave(&sup->places[i]);
	status_tell(sup);
}

bool
away_forbids(struct place *p)
{
	struct supervisor *sup = p->sup;

	if (sup->away.dir >= 0 && p->service->in_data_dir && fs_has_moved(sup->away.dir, sup->conf.data_dir))
		go_away(sup);
	return sup->away.dir < 0 && p->service->in_data_dir;
}

/* ---- it comes back ---- */

static bool
is_held(const struct supervisor *sup)
{
	for (unsigned i = 0; i < sup->place_count; i++)
		for (const struct child *c = sup->places[i].children; c; c = c->next)
			if (c->service->in_data_dir || c->state == CHILD_LEAVING)
				return true;
	return false;
}

/* As at a start, but that nothing is made where no store is. */
static int
take_again(struct supervisor *sup, struct why *why)
{
	const char *path = sup->conf.data_dir;
	char aside[RESTORE_NAME_SIZE];
	int r;

	if ((r = datadir_prepare(path, why)) < 0 || (r = datadir_lock(path, 0, &sup->lock, why)) < 0)
		return r;
	r = restore_finish(path, aside, why);
	if (r >= 0 && sup->listener.local < 0)
		r = listener_bind_local(&sup->listener, &sup->conf, why);
	if (r < 0) {
		(void)close(sup->lock);
		sup->lock = -1;
	}
	return r < 0 ? r : 0;
}

static void
come_back(struct supervisor *sup)
{
	struct why why = { "" };

	if (take_again(sup, &why) < 0) {
		(void)str_copy(sup->away.words, sizeof(sup->away.words), why.text);
		return;
	}
	away_watch(sup);
	askers_listen(sup, reload_begin);
	log_as(KIND_DATA_DIR_BACK, NULL, "a job store is in %s again: all begin anew with it", sup->conf.data_dir);
	for (unsigned i = 0; i < sup->place_count; i++) {
		sup->places[i].failures = 0;
		if (sup->places[i].wanted)
			place_start(&sup->places[i]);
	}
	if (sup->reload.again) {
		sup->reload.again = false;
		reload_begin(sup);
	}
}

void
away_tick(struct supervisor *sup)
{
	if (sup->away.dir >= 0 || sup->phase == PHASE_DRAINING || is_held(sup))
		return;
	if (!sup->away.left)
		log_as(KIND_DATA_DIR_LEFT, NULL, "nothing of the former %s is held any more: its file system can be checked "
		    "and mounted", sup->conf.data_dir);
	sup->away.left = true;
	sup->away.words[0] = '\0';
	if (datadir_has_store(sup->conf.data_dir))
		come_back(sup);
}
