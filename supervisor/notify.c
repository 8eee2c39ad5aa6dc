/*
 * notify.c - the one place that includes libsystemd. sd_notify() itself waits when
 * the socket's queue is full, so a socket of our own, connected to the same name,
 * tells beforehand whether there is room.
 */
#include "supervisor/notify.h"

#ifdef HAVE_SYSTEMD

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/mem.h"

#define TEXT_SIZE     1280	/* a status line and what goes with it */
#define CLOSE_WAIT_MS 200	/* for room to say what is owed at the very end */

/* One systemd a process, as the library has it. */
static struct {
	int	probe;			/* -1: nobody asked */
	char	owed[TEXT_SIZE];	/* "" for nothing */
} notify = { .probe = -1 };

void
notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = name ? strlen(name) : 0;
	scoped_fd fd = -1;

	if (len < 2 || len >= sizeof(to.sun_path) || (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(to.sun_path, name, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return;
	notify.probe = take_fd(&fd);
}

static bool
notify_has_room(void)
{
	struct pollfd p = { .fd = notify.probe, .events = POLLOUT };

	return notify.probe >= 0 && poll(&p, 1, 0) == 1;
}

void
notify_tick(void)
{
	if (notify.owed[0] == '\0' || !notify_has_room())
		return;
	(void)sd_notify(0, notify.owed);
	notify.owed[0] = '\0';
}

void
notify_close(void)
{
	struct pollfd p = { .fd = notify.probe, .events = POLLOUT };

	if (notify.owed[0] != '\0' && notify.probe >= 0)
		(void)poll(&p, 1, CLOSE_WAIT_MS);
	notify_tick();
	if (notify.probe >= 0)
		(void)close(notify.probe);
	notify.probe = -1;
}

static bool
notify_say(const char *text)
{
	notify_tick();
	return notify_has_room() && sd_notify(0, text) > 0;
}

/* What must arrive, late if need be; what was owed before is outdated by it. */
static void
notify_owe(const char *text)
{
	(void)snprintf(notify.owed, sizeof(notify.owed), "%s", text);
	notify_tick();
}

void
notify_ready(const char *status)
{
	char text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	notify_owe(text);
}

bool
notify_status(const char *status)
{
	char text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "STATUS=%s", status);
	return notify_say(text);
}

void
notify_reloading(void)
{
	struct timespec now;
	char text[128];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	notify_owe(text);
}

void
notify_stopping(const char *status)
{
	char text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%s", status);
	notify_owe(text);
}

void
notify_watchdog(void)
{
	(void)notify_say("WATCHDOG=1");
}

void
notify_extend(int64_t ms)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
	(void)notify_say(text);
}

int64_t
notify_watchdog_ms(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)(usec / 1000) : 0;
}

#else

void
notify_open(void)
{
}

void
notify_close(void)
{
}

void
notify_tick(void)
{
}

void
notify_ready(const char *status)
{
	(void)status;
}

bool
notify_status(const char *status)
{
	(void)status;
	return true;
}

void
notify_reloading(void)
{
}

void
notify_stopping(const char *status)
{
	(void)status;
}

void
notify_watchdog(void)
{
}

void
notify_extend(int64_t ms)
{
	(void)ms;
}

int64_t
notify_watchdog_ms(void)
{
	return 0;
}

#endif
