/*
 * error.c - the table of errors. Holds words only; who answers with which code is
 * the roles' business.
 */
#include "model/error.h"

#include "base/mem.h"

#define ROW(code, status, retry, text) \
	[ERROR_##code] = { #code, status, retry, text }

static const struct error_info errors[ERROR_CODE_COUNT] = {
	ROW(NONE, 200, false, "Nothing went wrong; there is nothing to do."),
	ROW(INVALID_REQUEST, 400, false,
	    "Correct what the message names and send the request again; nothing was started."),
	ROW(UNAUTHORIZED, 401, false,
	    "Send the credentials that this server expects in the Authorization header."),
	ROW(FORBIDDEN, 403, false,
	    "Use credentials or a host name that may do this, or ask the operator to allow it."),
	ROW(NOT_FOUND, 404, false,
	    "Check the address and the crawl_id; a crawl_id is what the trigger call answered."),
	ROW(METHOD_NOT_ALLOWED, 405, false,
	    "Use a method that the Allow header of this answer lists."),
	ROW(NOT_READY, 409, true,
	    "Wait until the crawl's status says ready or completed, then ask again."),
	ROW(CONFLICT, 409, false,
	    "Look at the crawl's status: what was asked does not fit the state it is in."),
	ROW(PAYLOAD_TOO_LARGE, 413, false,
	    "Send a smaller body; one trigger request holds one URL and a few words."),
	ROW(UNSUPPORTED_MEDIA_TYPE, 415, false,
	    "Send the body as JSON with the header Content-Type: application/json."),
	ROW(IDEMPOTENCY_MISMATCH, 422, false,
	    "This Idempotency-Key was used for another request; use a new key for a new crawl."),
	ROW(RATE_LIMITED, 429, true,
	    "Wait as long as the Retry-After header says, then send the request again."),
	ROW(INTERNAL, 500, false,
	    "Look at the crawl's status before trying again, and report the request_id to the operator."),
	ROW(BRIGHTDATA_AUTH, 502, false,
	    "The operator must check BRIGHTDATA_API_KEY and the account at Bright Data; waiting crawls then go on."),
	ROW(BRIGHTDATA_REJECTED, 502, false,
	    "Bright Data refused the input: correct what the message names and trigger a new crawl."),
	ROW(BRIGHTDATA_UNAVAILABLE, 503, true,
	    "Bright Data cannot be reached at the moment; try again in a few minutes."),
	ROW(BRIGHTDATA_TIMEOUT, 504, true,
	    "Bright Data did not answer in time; look at the crawl's status before trying again."),
	ROW(POLLING_TIMEOUT, 504, true,
	    "The snapshot was not ready in time; it may still come: ask for its download later, or raise "
	    "BACKGROUND_MAX_POLLS."),
	ROW(SNAPSHOT_FAILED, 502, true,
	    "Bright Data could not collect this; check that the URL shows public posts, then trigger a new crawl."),
	ROW(SNAPSHOT_EXPIRED, 410, false,
	    "Bright Data no longer keeps this snapshot; trigger a new crawl if the data is still wanted."),
	ROW(INVALID_DATA, 502, false,
	    "The snapshot is not valid JSON; it is kept in quarantine under the data directory for inspection."),
	ROW(STORAGE_ERROR, 500, true,
	    "The operator should check free space and health of the storage; the log names what failed."),
	ROW(STORAGE_PERMISSION, 500, false,
	    "The operator must give the service account the right to write where the message says."),
	ROW(WORKER_CRASHED, 500, true,
	    "This crawl ended its worker several times; report the crawl_id to the operator before trying again."),
	ROW(CANCELED, 409, false,
	    "The crawl was canceled; trigger a new one if the data is still wanted."),
	ROW(UNAVAILABLE, 503, true,
	    "trawld is starting, stopping or full; send the same request again in a few seconds."),
	ROW(HEADERS_TOO_LARGE, 431, false,
	    "Send fewer or shorter headers."),
	ROW(TRIGGER_UNKNOWN, 502, false,
	    "Whether Bright Data has a job for this is unknown: look at its console before you ask again, or POST "
	    "/api/v1/crawl/{crawl_id}/retry, which searches for the job first."),
};

const struct error_info *
error_info(enum error_code code)
{
	if ((unsigned)code >= countof(errors))
		code = ERROR_INTERNAL;
	return &errors[code];
}
