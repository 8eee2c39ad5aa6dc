/*
 * jail_part.h - the walls of jail.h one by one; private to jail*.c. Each is negative with the
 * reason when it cannot be put up.
 */
#ifndef IPC_JAIL_PART_H
#define IPC_JAIL_PART_H

#include "conf/conf.h"
#include "ipc/jail_row.h"

/* A sanitizer looks at its process from a second one, by ptrace, and runs a program that
 * knows its symbols: sanitized builds may make, trace and exec processes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif
#ifndef JAIL_SANITIZED
#define JAIL_SANITIZED 0
#endif

struct why;

int jail_files(const struct jail_row *, const struct conf *, struct why *why);
int jail_calls(const struct jail_row *, struct why *why);

#endif
