/*
 * sim_fault.h - faults that tests set on calls, and their counting. Pure: what a
 * fault does to an answer is in sim_wire.c and sim_route.c.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"

struct why;

#define FAULTS_MAX 1000

/* The calls that are told apart in faults and statistics. */
enum sim_call_kind {
	CALL_TRIGGER,
	CALL_PROGRESS,
	CALL_SNAPSHOT,
	CALL_LIST,
	CALL_INPUT,
	CALL_CANCEL,
	CALL_LOG,
	CALL_OTHER,
	CALL_ANY,		/* in faults only */
};
#define CALL_KINDS CALL_ANY

extern const char *const call_names[CALL_KINDS + 1];

enum fault_kind {
	FAULT_NONE,
	FAULT_DELAY,		/* ms, then as usual */
	FAULT_RESET,		/* connection reset before anything is done */
	FAULT_LOST,		/* done, then reset without an answer */
	FAULT_RESET_BODY,	/* bytes of the body, then reset */
	FAULT_TRUNCATE,		/* bytes of the body, then a clean end */
	FAULT_STATUS,		/* status, body */
	FAULT_HTML,		/* 502 with a page */
	FAULT_GARBAGE,		/* the right status, but no JSON */
	FAULT_DRIP,		/* bytes each ms */
	FAULT_NOT_FOUND,
	FAULT_RATE_LIMIT,	/* 429, retry_after */
	FAULT_BUILDING,		/* 202 building, on snapshot calls */
	FAULT_HANG,		/* no answer */
};

struct fault {
	struct fault	*next;
	enum fault_kind	 kind;
	enum sim_call_kind call;
	int64_t		 count;		/* left; -1: for ever */
	int64_t		 skip;		/* calls left alone before it starts */
	int64_t		 every;		/* of those after them it strikes each n-th */
	int64_t		 passed;	/* calls left alone since it struck */
	int64_t		 hits;		/* how often it has struck */
	int64_t		 ms, bytes, status;
	bool		 effect;	/* the call is carried out all the same */
	bool		 chunked;	/* truncate: chunked instead of Content-Length */
	bool		 until_close;	/* truncate: neither of them */
	char		*body, *retry_after;	/* may be NULL */
};

struct faults {
	struct fault	*first;
	unsigned	 set;
};

/* Adds one from its JSON form; -EINVAL with a reason for the person who set it. */
int fault_add(struct faults *, const json_t *spec, struct why *why);
/* The fault that strikes this call, counted down; NULL for none. Valid until
 * faults_clear(). */
const struct fault *fault_take(struct faults *, enum sim_call_kind call);
void faults_clear(struct faults *);
void faults_write(const struct faults *, struct json_out *);

#endif
