/*
 * log_journal.h - datagrams to the journal, never waiting. For log.c and its tests.
 *
 * This speaks the journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)
 * itself: sd_journal_sendv(3) waits for as long as the journal does not read, so a stopped
 * journald would stop all of us, and its library would add a megabyte to each process.
 */
#ifndef BASE_LOG_JOURNAL_H
#define BASE_LOG_JOURNAL_H

#include <stddef.h>

/* The socket, now: for a process that soon may make none. Opened at the first datagram otherwise. */
int log_journal_open(void);
/* Negative errno when the journal is not there, or does not take it now. */
int log_journal_send(const void *datagram, size_t len);
/* Another socket than the system's journal, which NULL is: for tests. Borrowed. */
void log_journal_at(const char *path);

#endif
