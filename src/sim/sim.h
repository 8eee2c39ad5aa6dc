/*
 * sim.h - what the files of trawl-sim share: the whole simulator in one struct,
 * one call of a client, and the answer to it.
 *
 *   sim_on_request (sim_route.c)    finds the route, the fault, checks the key
 *     -> handler (sim_trigger.c, ...)  carries the call out, fills struct answer
 *     -> wire_send (sim_wire.c)        sends it, well or as the fault wants it
 *
 * Nothing here comes from src/model: the simulator checks trawld from outside.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/loop.h"
#include "sim/sim_clock.h"
#include "sim/sim_fault.h"
#include "sim/sim_file.h"
#include "sim/sim_job.h"
#include "sim/sim_refusals.h"
#include "sim/sim_settings.h"

#define SIM_BODY_MAX (8u << 20)		/* of a request */

struct sim_stats {
	uint64_t calls[CALL_KINDS];
	uint64_t answers[600];		/* by status */
	uint64_t capped[DATASETS_MAX];	/* answers 429 for the cap, by place in datasets[] */
	uint64_t most_open;		/* calls open at one time */
};

struct held;				/* an answer that is put off, sim_route.c */

struct sim {
	struct event_base	*base;
	struct evhttp		*http;
	struct sim_clock	 clock;
	struct sim_settings	 set;
	struct sim_jobs		 jobs;
	struct faults		 faults;
	struct sim_stats	 stats;
	struct sim_file		*file;		/* NULL: records are generated */
	struct held		*held;
	uint64_t		 seed;
	const char		*key;		/* the only one that is accepted; NULL: any */
	char			 url[80];	/* of ourselves */
	uint64_t		 open;		/* calls that came and have no whole answer yet */
	struct refusals		 refusals;
};

struct answer {
	int		 status;
	const char	*type;			/* Content-Type */
	const char	*encoding;		/* Content-Encoding, or NULL */
	const char	*retry_after;		/* or NULL; borrowed */
	bool		 chunked;
	struct evbuffer	*body;
	const struct dataset *capped;		/* whose cap it tells of, or NULL */
	char		 started[JOB_ID_SIZE];	/* job that this answer tells of, or "" */
	char		 download[JOB_ID_SIZE];	/* job whose full download this is, or "" */
};

struct call {
	struct sim		*sim;
	struct evhttp_request	*req;
	enum sim_call_kind	 kind;
	const char		*query_text;	/* undecoded; "" for none */
	struct evkeyvalq	 query;
	char			 id[72];	/* the * of the path, or "" */
	struct answer		 answer;
};

typedef void call_fn(struct call *);

/* Handlers: they fill call->answer. */
call_fn sim_on_trigger, sim_on_progress, sim_on_cancel, sim_on_snapshot, sim_on_parts,
    sim_on_list, sim_on_input, sim_on_log, sim_on_datasets;

/* For evhttp_set_gencb; arg is the sim. */
void sim_on_request(struct evhttp_request *, void *arg);
/* Answers that are put off and not given yet; before evhttp_free(). */
void sim_drop_held(struct sim *);
/* /_sim/...: answers by itself. */
void sim_on_control(struct sim *, struct evhttp_request *, const char *path,
    const struct evkeyvalq *query);

/* The job that call->id names, settled; NULL after answering that there is none. */
struct job *call_job(struct call *);

/* sim_answer.c: the shapes an answer can have. Each replaces what was there. */
void answer_text(struct answer *, int status, const char *text);
void answer_json(struct answer *, int status, struct json_out *);	/* ends the json_out */
/* {"status","message"}: there is no data yet. */
void answer_wait(struct answer *, int status, const char *word, const char *message);
void answer_building(struct answer *, const struct sim_settings *);
void answer_done(struct answer *);
/* False after answering {"validation_errors":[...]}. */
struct query_rule;
bool call_check_query(struct call *, const struct query_rule *);

/* sim_wire.c. From here on the call counts as open, until its answer is out or its client
 * is seen to have left; before any of the others. */
void wire_open(struct sim *, struct evhttp_request *);
/* The client has left, but the answer is not due yet; wire_open() before it is given. */
void wire_left(struct sim *, struct evhttp_request *);
/* The request is finished and must not be used afterwards; fault may be NULL. */
void wire_send(struct sim *, struct evhttp_request *, struct answer *, const struct fault *);
/* The same for /_sim/, which is in no statistics. */
void wire_send_control(struct sim *, struct evhttp_request *, struct answer *);
/* Resets the connection, or keeps it open without a word until the client leaves. */
void wire_reset(struct sim *, struct evhttp_request *);
void wire_hang(struct sim *, struct evhttp_request *);

#endif
