/*
 * notify.h - what systemd is told (sd_notify(3)). Without libsystemd, or when
 * nobody asked, each call does nothing.
 *
 * No call blocks: when systemd does not read, READY, RELOADING and STOPPING are
 * owed until notify_tick() finds room (the last of them counts), all else is dropped.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

void notify_open(void);		/* first */
void notify_close(void);	/* last; waits a moment when something is owed */
void notify_tick(void);		/* now and then */

void notify_ready(const char *status);
bool notify_status(const char *status);		/* false: dropped */
void notify_reloading(void);
void notify_stopping(const char *status);
void notify_watchdog(void);
/* The start or the end takes longer, but not longer than this from now. */
void notify_extend(int64_t ms);
/* How often systemd wants to hear notify_watchdog(); 0: not at all. */
int64_t notify_watchdog_ms(void);

#endif
