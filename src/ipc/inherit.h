/*
 * inherit.h - the contract between the supervisor and its children: everything a
 * child inherits, and everything the two say to each other.
 *
 * A child is exec'd as "PROGRAM --child" in a session of its own, with an empty
 * environment but for PATH, TZ, LANG, LC_ALL, JOURNAL_STREAM (and the options of
 * sanitizers), and these descriptors:
 *
 *   0,1,2  /dev/null, /dev/null, the log
 *   3      control socket (SOCK_SEQPACKET): one struct inherit_message a packet
 *   4      configuration: a sealed memfd, text for conf_unpack(), the role's share only
 *   5      the data directory's lock: held by every process of the set, so that a
 *          second set starts only when the last process of the first is gone. A front that is
 *          started while the data directory has gone gets /dev/null
 *   6..    fronts only: listening sockets, as many as WELCOME says
 *
 * The first packet is WELCOME. A child that reads end-of-file on the control
 * socket has lost its supervisor and leaves at once.
 *
 * Connections between the roles are made by the supervisor: for each pair
 * (keeper, other child) it makes a socketpair and sends one end to each with PEER.
 * Nobody listens, no path exists, and the role at the far end is what the
 * supervisor says, not what the far end claims. When either side is replaced a
 * new pair comes; the old one reads end-of-file.
 */
#ifndef IPC_INHERIT_H
#define IPC_INHERIT_H

#include <stdint.h>

#define INHERIT_VERSION    3	/* raise with any change below */
#define INHERIT_CONTROL_FD 3
#define INHERIT_CONF_FD    4
#define INHERIT_LOCK_FD    5
#define INHERIT_LISTEN_FD  6

/* A child that has no stream to the keeper for so long leaves, to be started anew with
 * one: a new keeper brings new streams as soon as it runs, so then only the stream broke. */
#define INHERIT_ALONE_MS   30000

/* Same order as enum conf_reader. */
enum role { ROLE_SUPERVISOR, ROLE_KEEPER, ROLE_PUBLISHER, ROLE_POLLER, ROLE_FRONT, ROLE_COUNT };

/* How a process ends; sysexits(3) where it has a word. */
enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILURE = 1,	/* restarted, throttled */
	EXIT_STATUS_USAGE = 64,
	EXIT_STATUS_UNAVAILABLE = 69,	/* the port is taken */
	EXIT_STATUS_VERSION = 70,	/* the programs are not of one version: the whole set is replaced */
	EXIT_STATUS_CANTCREAT = 73,	/* the data directory cannot be written */
	EXIT_STATUS_TEMPFAIL = 75,	/* another trawld holds the data directory */
	EXIT_STATUS_CONFIG = 78,	/* not retried: the whole daemon ends with it */
};

enum inherit_type {
	/* supervisor -> child */
	INHERIT_WELCOME,	/* version, role, instance, generation, arg = number of listeners */
	INHERIT_PEER,		/* + one descriptor: a stream to role/instance/generation/pid; arg tells the
				 * receiver who it is itself, for its HELLO (inherit_self) */
	INHERIT_LEAVE,		/* before SIGTERM: leave within arg milliseconds, then it is killed. Again,
				 * without a signal: within fewer than it was told */
	INHERIT_RELOADED,	/* keeper: a reload is through; what waits for a person is tried again */
	/* child -> supervisor */
	INHERIT_READY,		/* the child serves */
	INHERIT_BEAT,		/* its working loop turned; at least every second, from the loop itself */
	INHERIT_STATUS,		/* before READY: where its start is, or why there will be none. Later, from the
				 * keeper: text for the STATUS= line */
	INHERIT_KILL,		/* keeper: SIGKILL the poller instance/generation, its lease is overrun */
	INHERIT_TYPE_COUNT
};

#define INHERIT_TEXT_SIZE 512

struct inherit_message {
	uint32_t version;	/* INHERIT_VERSION */
	uint32_t type;
	uint32_t role;
	uint32_t instance;	/* 0.. within its role */
	uint32_t generation;	/* grows with each start in that place; a stale one is ignored */
	int32_t  pid;
	int64_t  arg;
	char	 text[INHERIT_TEXT_SIZE];	/* NUL-terminated */
};

/* PEER's arg: the receiver's own place; generations count from 1, so 0 is "not told". */
static inline int64_t
inherit_self(uint32_t instance, uint32_t generation)
{
	return (int64_t)((uint64_t)instance << 32 | generation);
}

static inline uint32_t
inherit_own_instance(const struct inherit_message *m)
{
	return (uint32_t)((uint64_t)m->arg >> 32);
}

static inline uint32_t
inherit_own_generation(const struct inherit_message *m)
{
	return (uint32_t)m->arg;
}

static inline const char *
role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = {
		"supervisor", "keeper", "publisher", "poller", "front",
	};

	return (unsigned)role < ROLE_COUNT ? names[role] : "nobody";
}

#endif
