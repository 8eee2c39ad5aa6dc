/*
 * error.c - the table of errors. Holds words only; who answers with which code is
 * the roles' business.
 */
#include "model/error.h"

#include "base/mem.h"

/* No row has both: what may go on with a job must not be asked for a second time. */
#define ROW(code, status, retry, reopen, text) \
	[ERROR_##code] = { #code, status, retry, reopen, text }

#define RETRY_PATH    "POST /api/v1/crawl/{crawl_id}/retry"
#define DOWNLOAD_PATH "POST /api/v1/crawl/{crawl_id}/download"

static const struct error_info errors[ERROR_CODE_COUNT] = {
	ROW(NONE, 200, false, false, "Nothing went wrong; there is nothing to do."),
	ROW(INVALID_REQUEST, 400, false, false,
	    "Correct what the message names and send the request again; nothing was started."),
	ROW(UNAUTHORIZED, 401, false, false,
	    "Send the credentials that this server expects in the Authorization header."),
	ROW(FORBIDDEN, 403, false, false,
	    "Use credentials or a host name that may do this, or ask the operator to allow it."),
	ROW(NOT_FOUND, 404, false, false,
	    "Check the address and the crawl_id; a crawl_id is what the trigger call answered."),
	ROW(METHOD_NOT_ALLOWED, 405, false, false,
	    "Use a method that the Allow header of this answer lists."),
	ROW(NOT_READY, 409, true, false,
	    "Wait until the crawl's status says ready or completed, then ask again."),
	ROW(CONFLICT, 409, false, false,
	    "Look at the crawl's status: what was asked does not fit the state it is in."),
	ROW(PAYLOAD_TOO_LARGE, 413, false, false,
	    "Send a smaller body; one trigger request holds one URL and a few words."),
	ROW(UNSUPPORTED_MEDIA_TYPE, 415, false, false,
	    "Send the body as JSON with the header Content-Type: application/json."),
	ROW(IDEMPOTENCY_MISMATCH, 422, false, false,
	    "This Idempotency-Key was used for another request; use a new key for a new crawl."),
	ROW(RATE_LIMITED, 429, false, true,
	    "The provider takes no more at the moment; a crawl that still waits goes on by itself, one that failed of "
	    "this with " RETRY_PATH "."),
	ROW(INTERNAL, 500, false, true,
	    "Look at the crawl's status before you ask again, and report the request_id to the operator; a crawl that "
	    "failed of this goes on with " RETRY_PATH "."),
	ROW(BRIGHTDATA_AUTH, 502, false, true,
	    "Triggers wait until the operator has given trawld a key that the provider takes, or seen to the account "
	    "there or to the address that the message names, and reloaded trawld (restarted it, where systemd hands it the key); a crawl that failed of this then "
	    "goes on with " RETRY_PATH "."),
	ROW(BRIGHTDATA_REJECTED, 502, false, false,
	    "The provider refused the input: correct what the message names and trigger a new crawl."),
	ROW(BRIGHTDATA_UNAVAILABLE, 503, false, true,
	    "The provider cannot be reached or fails: look at the crawl's status before you ask again; a crawl that "
	    "waits goes on by itself, one that failed of this with " RETRY_PATH "."),
	ROW(BRIGHTDATA_TIMEOUT, 504, false, true,
	    "The provider did not answer in time and may have a job for this: look at the crawl's status before you ask "
	    "again; one that failed of this goes on with " RETRY_PATH "."),
	ROW(POLLING_TIMEOUT, 504, false, true,
	    "The snapshot was not ready in time; it may still come: ask for its download (" DOWNLOAD_PATH ") or retry "
	    "it (" RETRY_PATH "): nothing is paid again."),
	ROW(SNAPSHOT_FAILED, 502, false, false,
	    "The provider could not collect this; check that the URL shows public posts, then trigger a new crawl."),
	ROW(SNAPSHOT_EXPIRED, 410, false, false,
	    "The provider no longer keeps this snapshot; trigger a new crawl if the data is still wanted."),
	ROW(INVALID_DATA, 502, false, true,
	    "The snapshot is not valid JSON and is kept in quarantine under the data directory; " RETRY_PATH " downloads "
	    "it again: nothing is paid again."),
	ROW(STORAGE_ERROR, 500, false, true,
	    "The operator should see to free space and health of the storage, the log names what failed; then "
	    RETRY_PATH " goes on with the crawl: nothing is paid again."),
	ROW(STORAGE_PERMISSION, 500, false, true,
	    "The operator must give the service account the right to write where the message says; then " RETRY_PATH
	    " goes on with the crawl: nothing is paid again."),
	ROW(WORKER_CRASHED, 500, false, true,
	    "This crawl ended its worker several times: report the crawl_id to the operator, then " RETRY_PATH
	    " goes on with it."),
	ROW(CANCELED, 409, false, false,
	    "The crawl was canceled; trigger a new one if the data is still wanted."),
	ROW(UNAVAILABLE, 503, true, false,
	    "trawld is starting, stopping or full; send the same request again in a few seconds."),
	ROW(HEADERS_TOO_LARGE, 431, false, false,
	    "Send fewer or shorter headers."),
	ROW(TRIGGER_UNKNOWN, 502, false, true,
	    "Whether the provider has a job for this is unknown: look at its console before you ask again, or "
	    RETRY_PATH ", which searches for the job first."),
	ROW(DISK_FULL, 503, true, false,
	    "The disk of DATA_DIR has too little room: nothing was started. Send the same request again when the "
	    "operator has made room; nothing needs to be restarted."),
	ROW(DISK_READ_ONLY, 503, true, false,
	    "The file system of DATA_DIR takes no writes: nothing was started. Send the same request again when the "
	    "operator has mended it."),
};

const struct error_info *
error_info(enum error_code code)
{
	if ((unsigned)code >= countof(errors))
		code = ERROR_INTERNAL;
	return &errors[code];
}
