/*
 * status.c - the one line that systemd shows. It is made anew from how things are
 * whenever they may have changed, and said when it reads otherwise, so no piece of
 * code can leave an old truth standing.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "supervisor/notify.h"
#include "supervisor/supervisor.h"

/* What the first that is not ready said of itself; else how many are. */
static void
write_starting(const struct supervisor *sup, char *dst, size_t size)
{
	unsigned ready = 0, wanted = 0;
	const char *words = "";

	for (unsigned i = 0; i < sup->place_count; i++) {
		const struct place *p = &sup->places[i];
		const struct child *c = place_current(p);

		if (!p->wanted)
			continue;
		wanted++;
		if (c && c->state == CHILD_READY)
			ready++;
		else if (!words[0])
			words = p->words;
	}
	if (words[0])
		(void)snprintf(dst, size, "Starting: %s", words);
	else
		(void)snprintf(dst, size, "Starting: %u of %u processes are ready", ready, wanted);
}

static void
write_stopping(const struct supervisor *sup, char *dst, size_t size)
{
	unsigned left = 0;

	for (unsigned i = 0; i < sup->place_count; i++)
		for (const struct child *c = sup->places[i].children; c; c = c->next)
			left++;
	if (sup->reason[0])
		(void)snprintf(dst, size, "%s", sup->reason);
	else if (left > 0)
		(void)snprintf(dst, size, "Stopping: %u processes are finishing", left);
	else
		(void)snprintf(dst, size, "Stopped");
}

static void
write_serving(const struct supervisor *sup, char *dst, size_t size)
{
	const struct place *p = keeper_place(sup);
	const struct child *keeper = place_current(p);
	int64_t silence = sup->ticked_ms - sup->keeper_beat_ms;
	int n;

	if (sup->away.dir < 0)
		n = snprintf(dst, size, "%s is not where it was, requests are refused: %s", sup->conf.data_dir,
		    !sup->away.left ? "letting go of it" : sup->away.words[0] ? sup->away.words :
		    "waiting for a job store at that path");
	else if (!keeper || keeper->state != CHILD_READY)
		n = snprintf(dst, size, "The keeper restarts: %s", p->words[0] ? p->words : "requests wait for it");
	else if (silence >= KEEPER_SILENCE_MS)
		n = snprintf(dst, size, "The keeper has not moved for %lld s%s: requests wait for it",
		    (long long)(silence / 1000), child_waits_for_disk(keeper) ? ", it waits for the disk" : "");
	else
		n = snprintf(dst, size, "%s", p->words[0] ? p->words : sup->listener.url);
	if (n > 0 && (size_t)n < size && sup->reload.refusal[0])
		(void)snprintf(dst + n, size - (size_t)n, "; the last reload was refused: %s", sup->reload.refusal);
}

const char *
status_line(const struct supervisor *sup)
{
	static char line[STATUS_SIZE];
	size_t used = 0;

	if (sup->phase == PHASE_STARTING)
		write_starting(sup, line, sizeof(line));
	else if (sup->phase == PHASE_DRAINING)
		write_stopping(sup, line, sizeof(line));
	else {
		if (sup->reload.active)
			used = (size_t)snprintf(line, sizeof(line), "Reloading; ");
		write_serving(sup, line + used, sizeof(line) - used);
	}
	return line;
}

void
status_tell(struct supervisor *sup)
{
	const char *line = status_line(sup);

	if (strcmp(line, sup->told_status) == 0)
		return;
	if (notify_status(line))
		(void)str_copy(sup->told_status, sizeof(sup->told_status), line);
}
