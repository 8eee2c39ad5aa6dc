/*
 * error.h - every way a request or a crawl can end badly: one table that holds
 * the code people see, its HTTP status, whether the same request may simply be sent
 * again, whether a crawl that ended so may go on, and what to do next. Numbers
 * travel in messages and lie in the store, so rows are only ever added at the end.
 */
#ifndef MODEL_ERROR_H
#define MODEL_ERROR_H

#include <stdbool.h>

enum error_code {
	ERROR_NONE,
	ERROR_INVALID_REQUEST,
	ERROR_UNAUTHORIZED,
	ERROR_FORBIDDEN,
	ERROR_NOT_FOUND,
	ERROR_METHOD_NOT_ALLOWED,
	ERROR_NOT_READY,
	ERROR_CONFLICT,
	ERROR_PAYLOAD_TOO_LARGE,
	ERROR_UNSUPPORTED_MEDIA_TYPE,
	ERROR_IDEMPOTENCY_MISMATCH,
	ERROR_RATE_LIMITED,
	ERROR_INTERNAL,
	ERROR_BRIGHTDATA_AUTH,
	ERROR_BRIGHTDATA_REJECTED,
	ERROR_BRIGHTDATA_UNAVAILABLE,
	ERROR_BRIGHTDATA_TIMEOUT,
	ERROR_POLLING_TIMEOUT,
	ERROR_SNAPSHOT_FAILED,
	ERROR_SNAPSHOT_EXPIRED,
	ERROR_INVALID_DATA,
	ERROR_STORAGE_ERROR,
	ERROR_STORAGE_PERMISSION,
	ERROR_WORKER_CRASHED,
	ERROR_CANCELED,
	ERROR_UNAVAILABLE,		/* trawld itself is restarting or full: 503 */
	ERROR_HEADERS_TOO_LARGE,	/* 431 */
	ERROR_TRIGGER_UNKNOWN,		/* a paid job may exist and was not found */
	ERROR_DISK_FULL,		/* no room for what would be fetched: 503 */
	ERROR_DISK_READ_ONLY,		/* nothing can be written at all: 503 */
	ERROR_CODE_COUNT
};

struct error_info {
	const char	*name;		/* "NOT_READY" */
	int		 http_status;	/* also for codes that only crawls carry */
	bool		 retryable;	/* sending the same again can help, and never pays twice: no code that
					 * means "there may be a job" */
	bool		 reopens;	/* a crawl that failed so may go on with the same job, or with none when it
					 * had none: download by hand, retry */
	const char	*suggestion;	/* recovery_suggestion: a sentence for a person */
};

/* Never NULL: an unknown code answers as ERROR_INTERNAL. */
const struct error_info *error_info(enum error_code code);

#endif
