/*
 * jail.c - the rows, and the order in which the walls go up: the calls last, because the
 * others need some that no role has.
 */
#include "ipc/jail.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/why.h"
#include "ipc/jail_part.h"

/* Files or sockets to the outside, never both, but for the poller; and that one has not the store.
 *
 * The publisher has all of DATA_DIR, and with it the store: events.ndjson lies beside it, and
 * Landlock gives rights to folders, not to files that are yet to be made. */
static const struct jail_row rows[ROLE_COUNT] = {
	[ROLE_KEEPER] = { .calls = JAIL_WRITE,
	  .places = { { "", JAIL_TREE }, { "backup", JAIL_TREE } } },
	[ROLE_PUBLISHER] = { .calls = JAIL_WRITE,
	  .places = { { "", JAIL_FILES } } },
	[ROLE_POLLER] = { .calls = JAIL_WRITE | JAIL_CONNECT | JAIL_THREADS, .looks_up = true,
	  .places = { { "", JAIL_LIST }, { "spool", JAIL_TREE }, { "objects", JAIL_TREE },
	    { "quarantine", JAIL_TREE } } },
	[ROLE_FRONT] = { .calls = JAIL_ACCEPT },
};

const struct jail_row *
jail_row(enum role role)
{
	return &rows[role];
}

static int
jail_limits(const struct jail_row *row, struct why *why)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    ((row->calls & JAIL_THREADS) == 0 && !JAIL_SANITIZED && setrlimit(RLIMIT_NPROC, &none) < 0))
		return why_set(why, errno, "limits cannot be set (%s)", strerror(errno));
	return 0;
}

static int
missing(int result, const struct why *part, struct why *all)
{
	struct why before = *all;

	return why_set(all, -result, "%s%s%s", before.text, before.text[0] != '\0' ? "; " : "", part->text);
}

int
jail_enter(const struct jail_row *row, const struct conf *conf, struct why *ret_missing)
{
	struct why part = { "" };
	int result = 0, r;

	*ret_missing = part;
	/* Without it the kernel lets only root put up the others. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		result = why_set(ret_missing, errno, "new privileges cannot be given up (%s)", strerror(errno));
	if ((r = jail_limits(row, &part)) < 0)
		result = missing(r, &part, ret_missing);
	if ((r = jail_files(row, conf, &part)) < 0)
		result = missing(r, &part, ret_missing);
	if ((r = jail_calls(row, &part)) < 0)
		result = missing(r, &part, ret_missing);
	return result;
}
