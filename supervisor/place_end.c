/* place_end.c - a process has ended: what it meant, and what follows. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "model/log_kind.h"
#include "supervisor/supervisor.h"

#define LASTING_MS 10000	/* who lives so long did not fail to start */

static void
place_unlink(struct place *p, struct child *gone)
{
	struct child **at = &p->children;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
}

static void
log_end(const struct child *c, int wait_status, int64_t lived_ms, bool asked)
{
	char how[64], lived[32];

	if (WIFSIGNALED(wait_status))
		(void)snprintf(how, sizeof(how), "by signal %d (%s)", WTERMSIG(wait_status),
		    strsignal(WTERMSIG(wait_status)));
	else
		(void)snprintf(how, sizeof(how), "with status %d", WEXITSTATUS(wait_status));
	(void)duration_format(lived, sizeof(lived), lived_ms);
	log_as(asked ? KIND_CHILD_STOPPED : KIND_CHILD_DIED, NULL, "%s pid %ld ended %s after %s%s",
	    child_name(c), (long)c->pid, how, lived, asked ? ", as asked" : "");
}

/* Ends that a restart cannot mend. Returns true when the whole set goes. */
static bool
end_is_final(struct supervisor *sup, const struct child *c, int status)
{
	char reason[sizeof(sup->reason)];

	(void)snprintf(reason, sizeof(reason), "%s ended with status %d", child_name(c), status);
	if (c->place->words[0])
		(void)snprintf(reason, sizeof(reason), "%s", c->place->words);
	if (status == EXIT_STATUS_CONFIG || status == EXIT_STATUS_CANTCREAT) {
		drain_begin(sup, status, reason);
		return true;
	}
	if (status == EXIT_STATUS_VERSION) {
		drain_begin(sup, EXIT_STATUS_TEMPFAIL, "its programs were replaced underneath");
		return true;
	}
	return false;
}

void
place_on_end(struct child *c, int wait_status)
{
	int64_t now = clock_mono_ms(&clock_system), lived = now - c->started_ms;
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	struct place *p = c->place;
	struct supervisor *sup = p->sup;
	bool asked = c->state == CHILD_LEAVING, served = c->served, final = false;
	bool counts = c == place_current(p);

	log_end(c, wait_status, lived, asked);
	if (counts)
		child_last_words(c, p->words, sizeof(p->words));
	if (c->service->role == ROLE_KEEPER && served)
		sup->keeper_beat_ms = now;
	place_unlink(p, c);
	if (lived >= LASTING_MS)
		p->failures = 0;
	if (!asked && sup->phase != PHASE_DRAINING) {
		final = (!served && reload_on_failure(sup, p, status)) || end_is_final(sup, c, status);
		/* An older one that ends while its successor starts needs no other. */
		if (!final && counts && p->wanted)
			place_restart_later(p);
	}
	child_free(c);
	if (sup->phase == PHASE_DRAINING)
		drain_continue(sup);
	else
		reload_continue(sup);
	status_tell(sup);
}
