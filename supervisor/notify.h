/*
 * notify.h - what systemd is told (sd_notify(3)). Without libsystemd, or when
 * nobody asked, each call does nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(void);
void notify_stopping(const char *status);
void notify_watchdog(void);
/* The end takes longer, but not longer than this from now. */
void notify_extend(int64_t ms);
/* How often systemd wants to hear notify_watchdog(); 0: not at all. */
int64_t notify_watchdog_ms(void);

#endif
