/*
 * jail.h - what a role may do to the world outside its process: one row a role.
 *
 * A role gives up everything else by itself, in control_start(), before it hears anybody
 * but its parent, and never gets it back. Three walls, each of which holds without the others:
 *
 *   files	Landlock: the folders of the row below DATA_DIR, and what libraries read of the
 *		system. No TCP connection and no port (since ABI 4), no signals and no abstract
 *		sockets to processes outside (since ABI 6).
 *   calls	seccomp by libseccomp: a list of system calls that are allowed, in groups. What
 *		is known and not for this role is refused with EPERM; a family of sockets with
 *		EAFNOSUPPORT; all other calls with ENOSYS, as by a kernel that does not have them.
 *   limits	no core file; no new process or thread (RLIMIT_NPROC; root is not held by it).
 *
 * Nobody is killed for a call. The list is allowed rather than forbidden calls, because what a
 * kernel will have tomorrow is not known today; and the rest is ENOSYS, because a C library or
 * libcurl that tries a newer call first is made for that answer and takes the older one. A call
 * of another architecture's table does kill its process.
 *
 * What the kernel has not (no Landlock, no seccomp, an old ABI) is left out and told once;
 * what it has, holds. There is no limit of file size, because stderr may be a file, and none
 * of descriptors, which the supervisor's own covers.
 */
#ifndef IPC_JAIL_H
#define IPC_JAIL_H

#include "conf/conf.h"
#include "ipc/inherit.h"
#include "ipc/jail_row.h"

struct why;

const struct jail_row *jail_row(enum role role);

/* Negative when a wall is missing; ret_missing then says which and why. The others hold. */
int jail_enter(const struct jail_row *, const struct conf *, struct why *ret_missing);

#endif
