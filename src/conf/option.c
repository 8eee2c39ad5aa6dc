/*
 * option.c - the table of options, and the kinds of values. Names and defaults are
 * promises to users (the predecessor's environment must load); everything that
 * checks, prints or documents an option reads its row here.
 */
#include "conf/option.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/number.h"
#include "base/why.h"
#include "model/event_file.h"
#include "model/path.h"
#include "model/url.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define KIB (INT64_C(1) << 10)
#define TIB (INT64_C(1) << 40)

/* ---- checks of texts; none repeats the text ---- */

static int
check_visible(const char *text, struct why *why)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p <= 0x20 || *p >= 0x7f)
			return why_set(why, EINVAL, "must be visible ASCII characters without spaces "
			    "(character %zu is not)", (size_t)(p - (const unsigned char *)text) + 1);
	return 0;
}

static int
check_path(const char *text, struct why *why)
{
	if (text[0] != '/')
		return why_set(why, EINVAL, "must be an absolute path, beginning with \"/\"");
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return why_set(why, EINVAL, "must not contain control characters");
	return 0;
}

static int
check_data_dir(const char *text, struct why *why)
{
	if (strcmp(text, "/") == 0)
		return why_set(why, EINVAL, "must be a directory of trawld's own, not \"/\"");
	return check_path(text, why);
}

static int
check_base_url(const char *text, struct why *why)
{
	struct url url;
	int rc = url_split(text, &url, why);

	if (rc < 0)
		return rc;
	if (url.has_query)
		return why_set(why, EINVAL, "must not contain \"?\" or \"#\"");
	if (!url.https && !url_host_is_loopback(&url))
		return why_set(why, EINVAL, "must begin with https://, because the API key is sent there; "
		    "http:// is for a simulator on this machine only (127.0.0.1, ::1, localhost)");
	return 0;
}

/* One that names no more than a place: what stands behind its "@" is the host. */
static const char *
proxy_place(const char *text)
{
	static const char *const schemes[] = { "http://", "https://", "socks5h://", "socks5://" };
	const char *at;

	for (size_t i = 0; i < countof(schemes); i++) {
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) != 0)
			continue;
		at = strrchr(text, '@');
		return at != NULL ? at + 1 : text + strlen(schemes[i]);
	}
	return NULL;
}

static int
check_proxy(const char *text, struct why *why)
{
	const char *place = proxy_place(text);
	char plain[OPTION_TEXT_SIZE];
	struct url url;
	int rc = check_visible(text, why);

	if (rc < 0)
		return rc;
	if (place == NULL)
		return why_set(why, EINVAL, "must begin with http://, https://, socks5h:// or socks5://");
	if (snprintf(plain, sizeof(plain), "http://%s", place) >= (int)sizeof(plain))
		return why_set(why, EINVAL, "is too long");
	rc = url_split(plain, &url, why);
	if (rc == 0 && (url.path_len > 1 || url.has_query))
		rc = why_set(why, EINVAL, "must end with the host and its port");
	return rc;
}

/* User and password give way to stars. */
static void
hide_password(char *value)
{
	char *from = strstr(value, "://"), *at = strrchr(value, '@');

	if (from == NULL || at == NULL)
		return;
	from += 3;
	if (at - from > 3)
		memmove(from + 3, at, strlen(at) + 1);
	memset(from, '*', at - from > 3 ? 3 : (size_t)(at - from));
}

static int
check_address(const char *text, struct why *why)
{
	struct in6_addr address;

	if (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1)
		return 0;
	return why_set(why, EINVAL, "must be a numeric address such as 127.0.0.1, 0.0.0.0, ::1 or ::");
}

/* What Google allows in names of projects, buckets, data sets and topics, taken together. */
static int
check_google_name(const char *text, struct why *why)
{
	for (const char *p = text; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.:~%+", *p) == NULL)
			return why_set(why, EINVAL, "may contain letters, digits and - _ . : ~ %% + only");
	return 0;
}

/* ---- the table ---- */

static const char *const storage_words[] = {
	[STORAGE_LOCAL] = "local", [STORAGE_GCP] = "gcp", NULL
};
static const char *const level_words[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug", NULL
};
static const char *const format_words[] = {
	[LOG_FORMAT_AUTO] = "auto", [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json",
	[LOG_FORMAT_JOURNAL] = "journal", NULL
};
static const char *const auto_word[] = { "auto", NULL };
static const char *const forever_word[] = { "forever", NULL };
static const char *const jail_words[] = { "auto", "true", "false", NULL };	/* enum conf_jail */
static const char *const off_word[] = { "off", NULL };

#define FIELD(member) \
	.offset = offsetof(struct conf, member), .size = sizeof(((struct conf *)NULL)->member)
#define EVERYONE (CONF_SUPERVISOR | CONF_KEEPER | CONF_PUBLISHER | CONF_POLLER | CONF_FRONT)

const struct option options[] = {
	{ .name = "BRIGHTDATA_API_KEY", .kind = OPTION_TEXT, FIELD(brightdata_api_key),
	  .fallback = "", .check = check_visible, .secret = true, .readers = CONF_POLLER,
	  .range = "visible ASCII characters",
	  .help = "Key of the Bright Data account. Needed, here or in a file." },
	{ .name = "BRIGHTDATA_API_KEY_FILE", .kind = OPTION_TEXT, FIELD(brightdata_api_key_file),
	  .fallback = "", .check = check_path, .readers = CONF_SUPERVISOR,
	  .range = "an absolute path",
	  .help = "File that holds the key, when BRIGHTDATA_API_KEY is not set." },
	{ .name = "BRIGHTDATA_BASE_URL", .kind = OPTION_TEXT, FIELD(brightdata_base_url),
	  .fallback = "https://api.brightdata.com", .check = check_base_url, .is_path = true,
	  .readers = CONF_POLLER, .range = "an https:// URL; http:// on the loopback only",
	  .help = "Where Bright Data's API, or a simulator of it, is reached." },
	{ .name = "GOOGLE_CLOUD_PROJECT", .kind = OPTION_TEXT, FIELD(google_cloud_project),
	  .fallback = "social-analytics-prod", .check = check_google_name,
	  .readers = CONF_PUBLISHER | CONF_POLLER, .range = "a project id",
	  .help = "Google Cloud project of topics and tables. Used with STORAGE_BACKEND=gcp." },
	{ .name = "GCS_BUCKET_RAW_DATA", .kind = OPTION_TEXT, FIELD(gcs_bucket_raw_data),
	  .fallback = "social-analytics-raw-data", .check = check_google_name,
	  .readers = CONF_KEEPER | CONF_POLLER | CONF_PUBLISHER, .range = "a bucket name",
	  .help = "Cloud Storage bucket of the snapshots. Used with STORAGE_BACKEND=gcp." },
	{ .name = "BIGQUERY_DATASET", .kind = OPTION_TEXT, FIELD(bigquery_dataset),
	  .fallback = "social_analytics", .check = check_google_name,
	  .readers = CONF_PUBLISHER, .range = "a dataset id",
	  .help = "BigQuery dataset of the metadata tables. Used with STORAGE_BACKEND=gcp." },
	{ .name = "PUBSUB_TOPIC_PREFIX", .kind = OPTION_TEXT, FIELD(pubsub_topic_prefix),
	  .fallback = "social-analytics", .check = check_google_name,
	  .readers = CONF_PUBLISHER, .range = "letters, digits and - _ . ~ % +",
	  .help = "What event topics begin with: PREFIX-crawl-triggered and so on." },
	{ .name = "BACKGROUND_POLLING_ENABLED", .kind = OPTION_BOOL, FIELD(background_polling_enabled),
	  .fallback = "true", .readers = CONF_KEEPER | CONF_FRONT,
	  .help = "Poll and download by itself. Without it, status and download calls do so on demand." },
	{ .name = "BACKGROUND_MAX_WORKERS", .kind = OPTION_NUMBER, FIELD(background_max_workers),
	  .fallback = "10", .min = 1, .max = 64, .readers = CONF_SUPERVISOR | CONF_FRONT,
	  .help = "Number of poller processes; each downloads one snapshot at a time." },
	{ .name = "BACKGROUND_POLL_INTERVAL", .kind = OPTION_DURATION, FIELD(background_poll_interval_ms),
	  .fallback = "30", .min = 10, .max = HOUR, .readers = CONF_KEEPER | CONF_FRONT,
	  .help = "Pause between two questions about one crawl." },
	{ .name = "BACKGROUND_MAX_POLLS", .kind = OPTION_NUMBER, FIELD(background_max_polls),
	  .fallback = "120", .min = 1, .max = 1000000, .readers = CONF_KEEPER | CONF_FRONT,
	  .help = "Answered polls after which a crawl that is not ready fails with POLLING_TIMEOUT; time in which the "
	  "provider could not be asked does not count." },
	{ .name = "BACKGROUND_DOWNLOAD_TIMEOUT", .kind = OPTION_DURATION,
	  FIELD(background_download_timeout_ms),
	  .fallback = "300", .min = 100, .max = 24 * HOUR,
	  .readers = CONF_KEEPER | CONF_POLLER | CONF_FRONT,
	  .help = "A download that receives next to nothing for so long is given up and tried again." },
	{ .name = "PROVIDER_CALLS_MAX", .kind = OPTION_NUMBER, FIELD(provider_calls_max),
	  .fallback = "16", .min = 1, .max = 10000, .readers = CONF_KEEPER,
	  .help = "Calls in flight at the provider at a time, of all processes together. Bright Data blocks an "
	  "address after 25 answers 429 in 5 minutes; above 20 a first burst alone can draw more than that." },
	{ .name = "PROVIDER_PROXY", .kind = OPTION_TEXT, FIELD(provider_proxy),
	  .fallback = "", .check = check_proxy, .is_path = true, .hide = hide_password, .readers = CONF_POLLER,
	  .range = "http://, https://, socks5h:// or socks5:// [USER:PASSWORD@]HOST[:PORT]",
	  .help = "Proxy that the provider is asked through. The proxy variables of the environment are not used." },
	{ .name = "PROVIDER_CA_FILE", .kind = OPTION_TEXT, FIELD(provider_ca_file),
	  .fallback = "", .check = check_path, .readers = CONF_POLLER,
	  .range = "an absolute path",
	  .help = "Certificates (PEM) that the provider's, and an https:// proxy's, are checked against instead of the "
	  "machine's." },
	{ .name = "RECONCILE_DELAY", .kind = OPTION_DURATION, FIELD(reconcile_delay_ms),
	  .fallback = "60", .min = 0, .max = HOUR, .readers = CONF_KEEPER,
	  .help = "Wait before the provider's list is searched for a trigger whose outcome is unknown." },
	{ .name = "PORT", .kind = OPTION_NUMBER, FIELD(port),
	  .fallback = "8080", .min = 0, .max = 65535, .readers = CONF_SUPERVISOR,
	  .help = "TCP port of the HTTP API; 0 takes any free port, which the log then tells." },
	{ .name = "BIND_ADDRESS", .kind = OPTION_TEXT, FIELD(bind_address),
	  .fallback = "127.0.0.1", .check = check_address, .readers = CONF_SUPERVISOR | CONF_FRONT,
	  .range = "a numeric IPv4 or IPv6 address",
	  .help = "Address that the HTTP API listens on." },
	{ .name = "FRONT_WORKERS", .kind = OPTION_NUMBER, FIELD(front_workers),
	  .fallback = "auto", .min = 1, .max = 64, .words = auto_word, .readers = CONF_SUPERVISOR,
	  .help = "Number of processes that serve HTTP; auto is one per core." },
	{ .name = "TRIGGER_WAIT_SECONDS", .kind = OPTION_DURATION, FIELD(trigger_wait_ms),
	  .fallback = "30", .min = 0, .max = 10 * MINUTE, .readers = CONF_KEEPER | CONF_FRONT,
	  .help = "How long a trigger call waits for the provider before it answers 202; 0 does not wait." },
	{ .name = "CONNECTION_IDLE_TIMEOUT", .kind = OPTION_DURATION, FIELD(connection_idle_timeout_ms),
	  .fallback = "620", .min = SECOND, .max = 24 * HOUR, .readers = CONF_FRONT,
	  .help = "A connection to the API on which nothing is asked for so long is closed; it should be longer than "
	  "a proxy in front keeps its own, which is 60 to 600 seconds." },
	{ .name = "IDEMPOTENCY_KEEP", .kind = OPTION_DURATION, FIELD(idempotency_keep_ms),
	  .fallback = "86400", .min = 0, .max = 366 * 24 * HOUR, .readers = CONF_KEEPER,
	  .help = "How long an Idempotency-Key is remembered after its crawl has ended." },
	{ .name = "CRAWLS_KEEP", .kind = OPTION_DURATION, FIELD(crawls_keep_ms),
	  .fallback = "90d", .min = SECOND, .max = 36500 * DAY, .words = forever_word, .readers = CONF_KEEPER,
	  .help = "How long a crawl is known after its end: then its status is 404. Not less than IDEMPOTENCY_KEEP "
	  "where it has a key, nor than OBJECTS_KEEP." },
	{ .name = "EVENTS_KEEP", .kind = OPTION_DURATION, FIELD(events_keep_ms),
	  .fallback = "7d", .min = SECOND, .max = 36500 * DAY, .words = forever_word, .readers = CONF_KEEPER,
	  .help = "How long an event stays in the job store; not less than until it is delivered." },
	{ .name = "QUARANTINE_KEEP", .kind = OPTION_DURATION, FIELD(quarantine_keep_ms),
	  .fallback = "90d", .min = SECOND, .max = 36500 * DAY, .words = forever_word, .readers = CONF_KEEPER,
	  .help = "How long a snapshot that was no valid data is kept below quarantine/." },
	{ .name = "OBJECTS_KEEP", .kind = OPTION_DURATION, FIELD(objects_keep_ms),
	  .fallback = "forever", .min = SECOND, .max = 36500 * DAY, .words = forever_word, .readers = CONF_KEEPER,
	  .help = "How long a snapshot stored locally is kept after the end of its crawl: then trawld deletes it." },
	{ .name = "STORAGE_BACKEND", .kind = OPTION_WORD, FIELD(storage_backend),
	  .fallback = "local", .words = storage_words,
	  .readers = CONF_KEEPER | CONF_PUBLISHER | CONF_POLLER,
	  .help = "Where objects, events and metadata go: DATA_DIR or Google Cloud." },
	{ .name = "DATA_DIR", .kind = OPTION_TEXT, FIELD(data_dir),
	  .fallback = "/var/lib/trawld", .check = check_data_dir, .is_path = true,
	  .readers = CONF_SUPERVISOR | CONF_KEEPER | CONF_PUBLISHER | CONF_POLLER,
	  .range = "an absolute path",
	  .help = "Directory of the job store, the spool and, stored locally, of objects and events." },
	{ .name = "RAW_PATH_TEMPLATE", .kind = OPTION_TEXT, FIELD(raw_path_template),
	  .fallback = PATH_TEMPLATE_DEFAULT, .check = path_template_check, .readers = CONF_KEEPER,
	  .range = "a relative path with {snapshot_id} or {crawl_id}; also {year} {month} {day} {platform} "
	  "{competitor} {brand} {category}",
	  .help = "Path of a stored snapshot." },
	{ .name = "EVENT_PUBLISHING_ENABLED", .kind = OPTION_BOOL, FIELD(event_publishing_enabled),
	  .fallback = "true", .readers = CONF_KEEPER | CONF_PUBLISHER,
	  .help = "Announce what happens to crawls as events." },
	{ .name = "EVENTS_FILE_SIZE", .kind = OPTION_SIZE, FIELD(events_file_size),
	  .fallback = "256M", .min = 64 * KIB, .max = TIB, .words = off_word, .readers = CONF_PUBLISHER,
	  .help = "Length at which events.ndjson becomes events.ndjson.1 and a new one is begun; off lets it grow, "
	  "or another program rotate it." },
	{ .name = "EVENTS_FILE_COUNT", .kind = OPTION_NUMBER, FIELD(events_file_count),
	  .fallback = "8", .min = 1, .max = EVENT_FILES_MAX, .readers = CONF_PUBLISHER,
	  .help = "Number of old event files that are kept; the oldest is removed when one more comes." },
	{ .name = "RETRY_MAX_ATTEMPTS", .kind = OPTION_NUMBER, FIELD(retry_max_attempts),
	  .fallback = "3", .min = 1, .max = 100, .readers = CONF_KEEPER | CONF_POLLER,
	  .help = "Attempts at a download whose body is not valid data, over several minutes, before the crawl fails." },
	{ .name = "JAIL", .kind = OPTION_WORD, FIELD(jail),
	  .fallback = "auto", .words = jail_words, .readers = CONF_KEEPER | CONF_PUBLISHER | CONF_POLLER | CONF_FRONT,
	  .help = "Each process gives up the files, sockets and system calls that its role has no use for; auto does so "
	  "under systemd; false where a library of the system needs more." },
	{ .name = "LOG_LEVEL", .kind = OPTION_WORD, FIELD(log_level),
	  .fallback = "info", .words = level_words, .readers = EVERYONE,
	  .help = "How much is logged." },
	{ .name = "LOG_FORMAT", .kind = OPTION_WORD, FIELD(log_format),
	  .fallback = "auto", .words = format_words, .readers = EVERYONE,
	  .help = "Text lines or JSON lines on stderr, or the journal's own fields; auto is journal where stderr "
	  "leads to it, else text." },
};

const unsigned option_count = countof(options);

_Static_assert(countof(options) <= countof(((struct conf *)NULL)->origin),
    "struct conf has an origin for each option");

int
option_find(const char *name, const struct option **ret)
{
	for (unsigned i = 0; i < option_count; i++) {
		if (strcmp(options[i].name, name) == 0) {
			*ret = &options[i];
			return 0;
		}
	}
	return -ENOENT;
}

const char *
option_nearest(const char *name)
{
	struct nearest nearest = { .typed = name };

	for (unsigned i = 0; i < option_count; i++)
		nearest_try(&nearest, options[i].name);
	return nearest.best;
}

/* ---- values from text ---- */

static void *
field(struct conf *conf, const struct option *o)
{
	return (char *)conf + o->offset;
}

static const void *
field_const(const struct conf *conf, const struct option *o)
{
	return (const char *)conf + o->offset;
}

static int
refuse(const struct option *o, const char *text, struct why *why)
{
	char range[256], shown[44];

	return why_set(why, EINVAL, "\"%s\" is not allowed; %s",
	    str_printable(shown, sizeof(shown), text, strlen(text)),
	    option_range(o, range, sizeof(range)));
}

static bool
is_word_for_0(const struct option *o, const char *text)
{
	return o->words != NULL && strcasecmp(text, o->words[0]) == 0;
}

static int
read_number(int64_t *ret, const struct option *o, const char *text, struct why *why)
{
	if (is_word_for_0(o, text)) {
		*ret = 0;
		return 0;
	}
	return number_parse(text, o->min, o->max, ret) < 0 ? refuse(o, text, why) : 0;
}

static int
read_duration(int64_t *ret, const struct option *o, const char *text, struct why *why)
{
	int64_t value;

	if (is_word_for_0(o, text)) {
		*ret = 0;
		return 0;
	}
	if (duration_parse(text, &value) < 0 || value < o->min || value > o->max)
		return refuse(o, text, why);
	*ret = value;
	return 0;
}

static int
read_size(int64_t *ret, const struct option *o, const char *text, struct why *why)
{
	int64_t value;

	if (o->words != NULL && strcasecmp(text, o->words[0]) == 0)
		value = 0;
	else if (size_parse(text, &value) < 0 || value < o->min || value > o->max)
		return refuse(o, text, why);
	*ret = value;
	return 0;
}

static int
read_bool(bool *ret, const struct option *o, const char *text, struct why *why)
{
	static const char *const words[] = {
		"false", "true", "no", "yes", "off", "on", "0", "1",
	};

	for (size_t i = 0; i < countof(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2 == 1;
			return 0;
		}
	}
	return refuse(o, text, why);
}

static int
read_word(int64_t *ret, const struct option *o, const char *text, struct why *why)
{
	for (int64_t i = 0; o->words[i] != NULL; i++) {
		if (strcasecmp(text, o->words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return refuse(o, text, why);
}

static int
read_text(char *dst, const struct option *o, const char *text, struct why *why)
{
	size_t len = strlen(text);
	char value[OPTION_TEXT_SIZE];
	int rc;

	while (o->is_path && len > 1 && text[len - 1] == '/')
		len--;
	if (len >= o->size || str_copy_n(value, sizeof(value), text, len) < 0)
		return why_set(why, EINVAL, "is %zu bytes long, at most %zu are allowed", len, o->size - 1);
	rc = o->check != NULL ? o->check(value, why) : 0;
	if (rc == 0)
		memcpy(dst, value, len + 1);
	if (o->secret)
		mem_wipe(value, sizeof(value));
	return rc;
}

int
option_read(struct conf *conf, const struct option *o, const char *text, struct why *why)
{
	switch (o->kind) {
	case OPTION_TEXT:
		return read_text(field(conf, o), o, text, why);
	case OPTION_BOOL:
		return read_bool(field(conf, o), o, text, why);
	case OPTION_NUMBER:
		return read_number(field(conf, o), o, text, why);
	case OPTION_DURATION:
		return read_duration(field(conf, o), o, text, why);
	case OPTION_SIZE:
		return read_size(field(conf, o), o, text, why);
	case OPTION_WORD:
		return read_word(field(conf, o), o, text, why);
	}
	return -EINVAL;
}

/* ---- values as text ---- */

/* Seconds, with as many decimals as the milliseconds need. */
static void
write_seconds(char *dst, size_t size, int64_t ms)
{
	int len = snprintf(dst, size, "%" PRId64 ".%03" PRId64, ms / SECOND, ms % SECOND);

	while (dst[len - 1] == '0')
		dst[--len] = '\0';
	if (dst[len - 1] == '.')
		dst[len - 1] = '\0';
}

/* Days are told as days: 7776000 says nothing to anybody. */
static void
write_duration(char *dst, size_t size, int64_t ms)
{
	if (ms > DAY && ms % DAY == 0)
		(void)snprintf(dst, size, "%" PRId64 "d", ms / DAY);
	else
		write_seconds(dst, size, ms);
}

/* In the largest unit that needs no decimals. */
static void
write_size(char *dst, size_t size, int64_t bytes)
{
	const char *unit = SIZE_UNITS;
	char suffix[2] = "";

	for (; *unit != '\0' && bytes > 0 && bytes % KIB == 0; unit++) {
		bytes /= KIB;
		suffix[0] = *unit;
	}
	(void)snprintf(dst, size, "%" PRId64 "%s", bytes, suffix);
}

char *
option_write(const struct conf *conf, const struct option *o, char *dst)
{
	const void *value = field_const(conf, o);
	int64_t number = 0;

	if (o->kind != OPTION_TEXT && o->kind != OPTION_BOOL)
		memcpy(&number, value, sizeof(number));
	switch (o->kind) {
	case OPTION_TEXT:
		(void)snprintf(dst, OPTION_TEXT_SIZE, "%s", (const char *)value);
		break;
	case OPTION_BOOL:
		(void)snprintf(dst, OPTION_TEXT_SIZE, "%s", *(const bool *)value ? "true" : "false");
		break;
	case OPTION_DURATION:
		if (number == 0 && o->words != NULL)
			(void)snprintf(dst, OPTION_TEXT_SIZE, "%s", o->words[0]);
		else
			write_duration(dst, OPTION_TEXT_SIZE, number);
		break;
	case OPTION_WORD:
		(void)snprintf(dst, OPTION_TEXT_SIZE, "%s", o->words[number]);
		break;
	case OPTION_NUMBER:
	case OPTION_SIZE:
		if (number == 0 && o->words != NULL)
			(void)snprintf(dst, OPTION_TEXT_SIZE, "%s", o->words[0]);
		else if (o->kind == OPTION_SIZE)
			write_size(dst, OPTION_TEXT_SIZE, number);
		else
			(void)snprintf(dst, OPTION_TEXT_SIZE, "%" PRId64, number);
		break;
	}
	return dst;
}

static void
words_range(const struct option *o, char *dst, size_t size)
{
	size_t used = 0;

	for (int i = 0; o->words[i] != NULL && used < size; i++)
		used += (size_t)snprintf(dst + used, size - used, "%s%s",
		    i == 0 ? "" : o->words[i + 1] != NULL ? ", " : " or ", o->words[i]);
}

char *
option_range(const struct option *o, char *dst, size_t size)
{
	char from[32], to[32];

	switch (o->kind) {
	case OPTION_TEXT:
		(void)snprintf(dst, size, "%s", o->range);
		break;
	case OPTION_BOOL:
		(void)snprintf(dst, size, "true or false");
		break;
	case OPTION_NUMBER:
		(void)snprintf(dst, size, "%s%sa whole number from %" PRId64 " to %" PRId64,
		    o->words != NULL ? o->words[0] : "", o->words != NULL ? ", or " : "", o->min, o->max);
		break;
	case OPTION_DURATION:
		write_seconds(from, sizeof(from), o->min);
		write_seconds(to, sizeof(to), o->max);
		(void)snprintf(dst, size, "%s%s%s to %s seconds, or a number with " DURATION_UNITS,
		    o->words != NULL ? o->words[0] : "", o->words != NULL ? ", or " : "", from, to);
		break;
	case OPTION_SIZE:
		write_size(from, sizeof(from), o->min);
		write_size(to, sizeof(to), o->max);
		(void)snprintf(dst, size, "%s%s%s to %s: bytes, or a number with K, M, G or T",
		    o->words != NULL ? o->words[0] : "", o->words != NULL ? ", or " : "", from, to);
		break;
	case OPTION_WORD:
		words_range(o, dst, size);
		break;
	}
	return dst;
}
