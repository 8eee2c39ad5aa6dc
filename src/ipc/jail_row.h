/*
 * jail_row.h - what a row of jail.h says: what its role may do, in the words of the walls.
 */
#ifndef IPC_JAIL_ROW_H
#define IPC_JAIL_ROW_H

#include <stdbool.h>

enum jail_use {
	JAIL_NONE,
	JAIL_LIST,	/* the names in it and below */
	JAIL_FILES,	/* read, write, make, rename and remove files */
	JAIL_TREE,	/* folders, too, and files between such folders */
};

/* Groups of system calls. Every role has what works on descriptors, memory, time, and what
 * opens files for reading. */
enum jail_calls {
	JAIL_WRITE   = 1 << 0,	/* open files for writing, change folders */
	JAIL_ACCEPT  = 1 << 1,	/* take connections from sockets that it inherited */
	JAIL_CONNECT = 1 << 2,	/* make sockets (Unix, IPv4, IPv6) and connect them */
	JAIL_THREADS = 1 << 3,
};

#define JAIL_PLACES 4

struct jail_row {
	unsigned calls;		/* enum jail_calls, or-ed */
	bool	 looks_up;	/* reads what names of hosts and certificates are looked up by: /etc and the like */
	struct jail_place {
		const char	*name;	/* below DATA_DIR; "" is DATA_DIR itself */
		enum jail_use	 use;
	} places[JAIL_PLACES];
};

#endif
