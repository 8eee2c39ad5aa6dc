/*
 * verdict.h - what a call at the provider, or work on a disk, came to. Those who ask make it of
 * the answer; what follows from it is the keeper's decision.
 */
#ifndef MODEL_VERDICT_H
#define MODEL_VERDICT_H

#include <stdint.h>

#include "model/crawl.h"
#include "model/error.h"

enum outcome {
	OUTCOME_OK,		/* done as asked; the message's own members tell */
	OUTCOME_WAIT,		/* not yet (running, building): ask again later; not a failure */
	OUTCOME_RETRY,		/* failed for now, nothing was changed there: try again with backoff */
	OUTCOME_LIMITED,	/* 429: as RETRY, and the provider wants calls held */
	OUTCOME_BUSY,		/* 429 of one data set's running cap: as RETRY, only triggers of that data set wait */
	OUTCOME_UNKNOWN,	/* trigger only: it may have taken effect */
	OUTCOME_AUTH,		/* key or account refused, or it is not the API that answers: nothing was done, all triggers stop,
				 * crawls wait for a person */
	OUTCOME_FAILED,		/* definite and final: error and text tell */
	OUTCOME_CANCELED,	/* the provider says canceled */
	OUTCOME_COUNT
};

struct verdict {
	enum outcome	outcome;
	enum error_code	error;		/* of RETRY..FAILED */
	int64_t		retry_after_ms;	/* 0: the provider did not say */
	uint32_t	http_status;	/* of the provider's answer; 0: no whole answer came, or none was asked for */
	int64_t		date_ms;	/* its Date header; 0: none */
	char		text[ERROR_TEXT_SIZE];	/* printable; what the provider or the disk said */
};

#endif
