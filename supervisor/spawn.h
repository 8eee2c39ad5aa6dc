/*
 * spawn.h - the mechanics of starting one program: what it inherits, laid out as
 * ipc/inherit.h says, and nothing else. No policy.
 */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

struct why;

#define SPAWN_LISTENERS 2

struct spawn {			/* all descriptors are borrowed */
	const char	*program;	/* path */
	char *const	*environment;	/* of spawn_environment() */
	int		 null;		/* /dev/null, read and write */
	int		 control, conf, lock;
	int		 listeners[SPAWN_LISTENERS];
	unsigned	 listener_count;
};

/* Forks and execs. A program that cannot be run ends with status 1 after one line on stderr. */
int spawn(const struct spawn *, pid_t *ret_pid, struct why *why);

/* The few variables that a child gets to see, from ours; made once. */
char **spawn_environment(char *const *environment);
void spawn_environment_free(char **);

/* A descriptor to read text from, which nobody can change any more. */
int spawn_sealed(const char *name, const void *text, size_t len, int *ret_fd, struct why *why);

#endif
