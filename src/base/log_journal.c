/*
 * log_journal.c - one socket to the journal, made when first wanted. It is not connected:
 * a journal that is started again is found by its path.
 */
#include "base/log_journal.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const char *journal_path = JOURNAL_SOCKET;
static int journal = -1;

void
log_journal_at(const char *path)
{
	journal_path = path != NULL ? path : JOURNAL_SOCKET;
}

int
log_journal_open(void)
{
	if (journal < 0)
		journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return journal < 0 ? -errno : 0;
}

int
log_journal_send(const void *datagram, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	int r = log_journal_open();

	if (r < 0)
		return r;
	if (str_copy(address.sun_path, sizeof(address.sun_path), journal_path) < 0)
		return -ENAMETOOLONG;
	if (sendto(journal, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
	    sizeof(address)) < 0)
		return -errno;
	return 0;
}
