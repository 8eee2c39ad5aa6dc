/*
 * test-conf-conf.c - reading options from file, environment and secret files, what
 * is refused with what words, and which role gets what.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "conf/conf.h"

#define KEY "7f3b9c1e-secret-KEY"

static char dir[64];
static char path[96];
static struct conf conf;
static struct why why;

static int
set_up(void **state)
{
	(void)state;
	(void)strcpy(dir, "/tmp/test-conf-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/trawld.env", dir);
	conf_init(&conf);
	why.text[0] = '\0';
	return 0;
}

static int
tear_down(void **state)
{
	char key[128];

	(void)state;
	conf_done(&conf);
	(void)unlink(path);
	(void)snprintf(key, sizeof(key), "%s/brightdata_api_key", dir);
	(void)unlink(key);
	return rmdir(dir);
}

static void
write_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int
load(const char *text)
{
	write_file(path, text, strlen(text));
	return conf_load_file(&conf, path, &why);
}

static void
check_says(const char *text)
{
	if (strstr(why.text, text) == NULL)
		fail_msg("said: %s\nwanted: %s", why.text, text);
}

static void
check_refused(const char *text, const char *says)
{
	conf_init(&conf);
	if (load(text) != -EINVAL)
		fail_msg("taken: %s", text);
	check_says(says);
	check_says(path);
}

static char *
printed(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	conf_print(&conf, f);
	(void)fclose(f);
	return text;
}

static void
defaults_are_the_documented_ones(void **state)
{
	(void)state;
	assert_string_equal(conf.brightdata_base_url, "https://api.brightdata.com");
	assert_string_equal(conf.google_cloud_project, "social-analytics-prod");
	assert_string_equal(conf.gcs_bucket_raw_data, "social-analytics-raw-data");
	assert_string_equal(conf.bigquery_dataset, "social_analytics");
	assert_string_equal(conf.pubsub_topic_prefix, "social-analytics");
	assert_true(conf.background_polling_enabled);
	assert_int_equal(conf.background_max_workers, 10);
	assert_int_equal(conf.background_poll_interval_ms, 30000);
	assert_int_equal(conf.background_max_polls, 120);
	assert_int_equal(conf.background_download_timeout_ms, 300000);
	assert_int_equal(conf.reconcile_delay_ms, 60000);
	assert_int_equal(conf.port, 8080);
	assert_string_equal(conf.bind_address, "127.0.0.1");
	assert_int_equal(conf.front_workers, 0);
	assert_int_equal(conf.trigger_wait_ms, 30000);
	assert_int_equal(conf.crawls_keep_ms, INT64_C(90) * 24 * 3600 * 1000);
	assert_int_equal(conf.quarantine_keep_ms, conf.crawls_keep_ms);
	assert_int_equal(conf.objects_keep_ms, 0);
	assert_int_equal(conf.connection_idle_timeout_ms, 620000);
	assert_int_equal(conf.storage_backend, STORAGE_LOCAL);
	assert_string_equal(conf.data_dir, "/var/lib/trawld");
	assert_string_equal(conf.raw_path_template,
	    "raw_snapshots/{year}/{month}/{day}/snapshot_{snapshot_id}.json");
	assert_true(conf.event_publishing_enabled);
	assert_int_equal(conf.retry_max_attempts, 3);
	assert_int_equal(conf.log_level, LOG_LEVEL_INFO);
	assert_int_equal(conf.log_format, LOG_FORMAT_AUTO);
	assert_string_equal(conf.brightdata_api_key, "");
}

static void
each_kind_takes_its_good_values(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		int64_t value;
	} rows[] = {
		{ "PORT=0", offsetof(struct conf, port), 0 },
		{ "PORT=65535", offsetof(struct conf, port), 65535 },
		{ "BACKGROUND_MAX_WORKERS=64", offsetof(struct conf, background_max_workers), 64 },
		{ "FRONT_WORKERS=auto", offsetof(struct conf, front_workers), 0 },
		{ "FRONT_WORKERS=AUTO", offsetof(struct conf, front_workers), 0 },
		{ "FRONT_WORKERS=3", offsetof(struct conf, front_workers), 3 },
		{ "BACKGROUND_POLL_INTERVAL=5", offsetof(struct conf, background_poll_interval_ms), 5000 },
		{ "BACKGROUND_POLL_INTERVAL=0.3", offsetof(struct conf, background_poll_interval_ms), 300 },
		{ "BACKGROUND_POLL_INTERVAL=1.25s", offsetof(struct conf, background_poll_interval_ms), 1250 },
		{ "BACKGROUND_POLL_INTERVAL=250ms", offsetof(struct conf, background_poll_interval_ms), 250 },
		{ "BACKGROUND_POLL_INTERVAL=2 m", offsetof(struct conf, background_poll_interval_ms), 120000 },
		{ "BACKGROUND_POLL_INTERVAL=1h", offsetof(struct conf, background_poll_interval_ms), 3600000 },
		{ "BACKGROUND_DOWNLOAD_TIMEOUT=0.5h", offsetof(struct conf, background_download_timeout_ms), 1800000 },
		{ "EVENTS_FILE_SIZE=64K", offsetof(struct conf, events_file_size), 65536 },
		{ "EVENTS_FILE_SIZE=1048577", offsetof(struct conf, events_file_size), 1048577 },
		{ "EVENTS_FILE_SIZE=1g", offsetof(struct conf, events_file_size), 1 << 30 },
		{ "EVENTS_FILE_SIZE=1T", offsetof(struct conf, events_file_size), INT64_C(1) << 40 },
		{ "EVENTS_FILE_SIZE=Off", offsetof(struct conf, events_file_size), 0 },
		{ "TRIGGER_WAIT_SECONDS=0", offsetof(struct conf, trigger_wait_ms), 0 },
		{ "RECONCILE_DELAY=0", offsetof(struct conf, reconcile_delay_ms), 0 },
		{ "CRAWLS_KEEP=1", offsetof(struct conf, crawls_keep_ms), 1000 },
		{ "CRAWLS_KEEP=366d", offsetof(struct conf, crawls_keep_ms), INT64_C(366) * 86400000 },
		{ "CRAWLS_KEEP=Forever", offsetof(struct conf, crawls_keep_ms), 0 },
		{ "EVENTS_KEEP=36h", offsetof(struct conf, events_keep_ms), INT64_C(36) * 3600000 },
		{ "EVENTS_KEEP=forever", offsetof(struct conf, events_keep_ms), 0 },
		{ "OBJECTS_KEEP=7d", offsetof(struct conf, objects_keep_ms), INT64_C(7) * 86400000 },
		{ "STORAGE_BACKEND=gcp", offsetof(struct conf, storage_backend), STORAGE_GCP },
		{ "LOG_LEVEL=DEBUG", offsetof(struct conf, log_level), LOG_LEVEL_DEBUG },
		{ "LOG_FORMAT=json", offsetof(struct conf, log_format), LOG_FORMAT_JSON },
		{ "LOG_FORMAT=Journal", offsetof(struct conf, log_format), LOG_FORMAT_JOURNAL },
		{ "LOG_LEVEL=error", offsetof(struct conf, log_level), LOG_LEVEL_ERROR },
	};
	static const char *const yes[] = { "true", "TRUE", "True", "yes", "on", "1" };
	static const char *const no[] = { "false", "False", "no", "OFF", "0" };
	char line[128];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t value;

		if (load(rows[i].text) != 0)
			fail_msg("%s", why.text);
		memcpy(&value, (const char *)&conf + rows[i].offset, sizeof(value));
		assert_int_equal(value, rows[i].value);
	}
	for (size_t i = 0; i < countof(yes); i++) {
		conf.event_publishing_enabled = false;
		(void)snprintf(line, sizeof(line), "EVENT_PUBLISHING_ENABLED=%s\n", yes[i]);
		assert_int_equal(load(line), 0);
		assert_true(conf.event_publishing_enabled);
	}
	for (size_t i = 0; i < countof(no); i++) {
		conf.event_publishing_enabled = true;
		(void)snprintf(line, sizeof(line), "EVENT_PUBLISHING_ENABLED=%s\n", no[i]);
		assert_int_equal(load(line), 0);
		assert_false(conf.event_publishing_enabled);
	}
}

static void
each_kind_refuses_bad_values_and_says_what_is_allowed(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "PORT=65536", "trawld.env:1: PORT: \"65536\" is not allowed; a whole number from 0 to 65535" },
		{ "PORT=-1", "PORT: \"-1\" is not allowed" },
		{ "PORT=80a", "PORT: \"80a\"" },
		{ "PORT=8 0", "PORT: \"8 0\"" },
		{ "PORT=0x50", "PORT: " },
		{ "PORT=8080.0", "PORT: " },
		{ "PORT=99999999999999999999999999", "PORT: " },
		{ "PORT=8080 # the usual", "a comment needs a line of its own" },
		{ "BACKGROUND_MAX_WORKERS=0", "from 1 to 64" },
		{ "BACKGROUND_MAX_WORKERS=65", "from 1 to 64" },
		{ "FRONT_WORKERS=0", "auto, or a whole number from 1 to 64" },
		{ "RETRY_MAX_ATTEMPTS=101", "from 1 to 100" },
		{ "CRAWLS_KEEP=0", "forever, or 1 to 3153600000 seconds, or a number with ms, s, m, h or d" },
		{ "EVENTS_KEEP=0", "forever, or 1 to 3153600000 seconds" },
		{ "OBJECTS_KEEP=never", "forever, or 1 to" },
		{ "BACKGROUND_POLL_INTERVAL=0", "0.01 to 3600 seconds, or a number with ms, s, m, h or d" },
		{ "BACKGROUND_POLL_INTERVAL=9ms", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=61m", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=-5", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=5w", "ms, s, m, h or d" },
		{ "BACKGROUND_POLL_INTERVAL=.5", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=5.", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=1e2", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=inf", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=999999999999999h", "0.01 to 3600" },
		{ "BACKGROUND_POLL_INTERVAL=1.00000000000000000000", "0.01 to 3600" },
		{ "CONNECTION_IDLE_TIMEOUT=0", "1 to 86400 seconds" },
		{ "TRIGGER_WAIT_SECONDS=601", "0 to 600 seconds" },
		{ "EVENTS_FILE_SIZE=0", "off, or 64K to 1T: bytes, or a number with K, M, G or T" },
		{ "EVENTS_FILE_SIZE=63K", "64K to 1T" },
		{ "EVENTS_FILE_SIZE=1025G", "64K to 1T" },
		{ "EVENTS_FILE_SIZE=1.5M", "64K to 1T" },
		{ "EVENTS_FILE_SIZE=64KB", "64K to 1T" },
		{ "EVENTS_FILE_SIZE=-1M", "64K to 1T" },
		{ "EVENTS_FILE_COUNT=0", "from 1 to 100" },
		{ "BACKGROUND_POLLING_ENABLED=maybe", "\"maybe\" is not allowed; true or false" },
		{ "STORAGE_BACKEND=s3", "\"s3\" is not allowed; local or gcp" },
		{ "LOG_LEVEL=loud", "error, warning, info or debug" },
		{ "LOG_FORMAT=xml", "auto, text, json or journal" },
		{ "BIND_ADDRESS=localhost", "numeric address such as 127.0.0.1" },
		{ "BIND_ADDRESS=300.0.0.1", "numeric address" },
		{ "DATA_DIR=var/lib", "DATA_DIR: must be an absolute path" },
		{ "DATA_DIR=/", "directory of trawld's own" },
		{ "GCS_BUCKET_RAW_DATA=a/b", "letters, digits" },
		{ "RAW_PATH_TEMPLATE=x/{brand}", "must contain {snapshot_id} or {crawl_id}" },
		{ "RAW_PATH_TEMPLATE=/x/{crawl_id}", "RAW_PATH_TEMPLATE: must not begin" },
		{ "BRIGHTDATA_BASE_URL=http://api.brightdata.com", "must begin with https://" },
		{ "BRIGHTDATA_BASE_URL=http://127.0.0.1.evil.com", "must begin with https://" },
		{ "BRIGHTDATA_BASE_URL=http://localhost.evil.com", "must begin with https://" },
		{ "BRIGHTDATA_BASE_URL=http://192.168.0.1", "must begin with https://" },
		{ "BRIGHTDATA_BASE_URL=http://[::2]:80", "must begin with https://" },
		{ "BRIGHTDATA_BASE_URL=api.brightdata.com", "must begin with https:// or http://" },
		{ "BRIGHTDATA_BASE_URL=https://u:p@a.b", "must not contain a user name" },
		{ "BRIGHTDATA_BASE_URL=https://a.b/?x=1", "must not contain \"?\"" },
		{ "BRIGHTDATA_BASE_URL=https://a.b/#x", "must not contain \"?\" or \"#\"" },
		{ "PROVIDER_PROXY=proxy:3128", "PROVIDER_PROXY: must begin with http://, https://, socks5h:// or socks5://" },
		{ "PROVIDER_PROXY=ftp://proxy", "must begin with" },
		{ "PROVIDER_PROXY=http://", "must begin with" },
		{ "PROVIDER_PROXY=http://u:p@", "names no host" },
		{ "PROVIDER_PROXY=http://proxy:0", "has a port" },
		{ "PROVIDER_PROXY=http://proxy/path", "must end with the host and its port" },
		{ "PROVIDER_PROXY=http://proxy?x", "must end with the host and its port" },
		{ "PROVIDER_PROXY=http://u:p w@proxy", "must be visible ASCII" },
		{ "PROVIDER_CA_FILE=certs.pem", "must be an absolute path" },
		{ "BRIGHTDATA_API_KEY=two words", "must be visible ASCII characters without spaces (character 4" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		check_refused(rows[i].text, rows[i].says);
}

static void
a_proxy_is_taken_in_every_form_and_shown_without_its_password(void **state)
{
	static const struct {
		const char *text, *kept, *shown;
	} rows[] = {
		{ "http://proxy.example:3128", "http://proxy.example:3128", "http://proxy.example:3128" },
		{ "HTTPS://proxy/", "HTTPS://proxy", "HTTPS://proxy" },
		{ "socks5h://[::1]:1080", "socks5h://[::1]:1080", "socks5h://[::1]:1080" },
		{ "socks5://u@10.0.0.1", "socks5://u@10.0.0.1", "socks5://*@10.0.0.1" },
		{ "http://u:p@proxy", "http://u:p@proxy", "http://***@proxy" },
		{ "http://user:p@ss:wo/rd@proxy:1", "http://user:p@ss:wo/rd@proxy:1", "http://***@proxy:1" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char line[128], expected[160];
		scoped_free char *printed = NULL;
		size_t size;
		FILE *out;

		(void)snprintf(line, sizeof(line), "PROVIDER_PROXY=%s", rows[i].text);
		conf_init(&conf);
		if (conf_load_environment(&conf, (char *[]){ line, NULL }, &why) < 0)
			fail_msg("%s", why.text);
		assert_string_equal(conf.provider_proxy, rows[i].kept);
		out = open_memstream(&printed, &size);
		conf_print(&conf, out);
		(void)fclose(out);
		(void)snprintf(expected, sizeof(expected), "PROVIDER_PROXY=%s  # environment\n", rows[i].shown);
		assert_non_null(strstr(printed, expected));
		conf_done(&conf);
		assert_string_equal(conf.provider_proxy, "");
	}
}

static void
a_file_of_certificates_must_hold_some(void **state)
{
	static const struct {
		const char *content, *says;	/* NULL: no such file; fine */
	} rows[] = {
		{ NULL, "ca.pem: No such file" },
		{ "", "holds no certificate in PEM form" },
		{ "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", NULL },
	};

	char key[] = "BRIGHTDATA_API_KEY=key", file_option[128];
	const char *name = file_option + strlen("PROVIDER_CA_FILE=");

	(void)state;
	(void)snprintf(file_option, sizeof(file_option), "PROVIDER_CA_FILE=%s/ca.pem", dir);
	for (size_t i = 0; i < countof(rows); i++) {
		FILE *file;

		(void)unlink(name);
		if (rows[i].content != NULL) {
			file = fopen(name, "w");
			assert_non_null(file);
			(void)fputs(rows[i].content, file);
			(void)fclose(file);
		}
		conf_init(&conf);
		assert_int_equal(conf_load_environment(&conf, (char *[]){ key, file_option, NULL }, &why), 0);
		assert_int_equal(conf_check(&conf, &why), rows[i].says != NULL ? -EINVAL : 0);
		if (rows[i].says != NULL && strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s", why.text);
		conf_done(&conf);
	}
	(void)unlink(name);
}

static void
base_url_allows_http_on_the_loopback_and_drops_slashes(void **state)
{
	static const struct {
		const char *text, *kept;
	} rows[] = {
		{ "https://api.brightdata.com/", "https://api.brightdata.com" },
		{ "https://proxy.example/brightdata//", "https://proxy.example/brightdata" },
		{ "http://127.0.0.1:9000", "http://127.0.0.1:9000" },
		{ "http://127.9.8.7/", "http://127.9.8.7" },
		{ "http://localhost:9000/", "http://localhost:9000" },
		{ "http://[::1]:9000", "http://[::1]:9000" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char line[128];

		(void)snprintf(line, sizeof(line), "BRIGHTDATA_BASE_URL=%s\n", rows[i].text);
		if (load(line) != 0)
			fail_msg("%s", why.text);
		assert_string_equal(conf.brightdata_base_url, rows[i].kept);
	}
}

static void
a_file_is_read_as_systemd_would(void **state)
{
	(void)state;
	assert_int_equal(load("\xef\xbb\xbf# a comment\n"
	    "; another\n\n   \n"
	    "  PORT = 9001 \r\n"
	    "DATA_DIR=\"/srv/with space/trawl\\\"d\"\n"
	    "PUBSUB_TOPIC_PREFIX='quoted'\n"
	    "RAW_PATH_TEMPLATE=a#b/{crawl_id}\n"
	    "BRIGHTDATA_API_KEY=\"" KEY "\"\n"
	    "PORT=9002\n"
	    "LOG_LEVEL=debug"), 0);
	assert_int_equal(conf.port, 9002);
	assert_string_equal(conf.data_dir, "/srv/with space/trawl\"d");
	assert_string_equal(conf.pubsub_topic_prefix, "quoted");
	assert_string_equal(conf.raw_path_template, "a#b/{crawl_id}");
	assert_string_equal(conf.brightdata_api_key, KEY);
	assert_int_equal(conf.log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(conf.file, path);
}

static void
broken_lines_are_refused_with_their_number(void **state)
{
	(void)state;
	check_refused("# x\nPORT\n", "trawld.env:2: the line is not of the form NAME=value");
	check_refused("\n\nDATA_DIR=\"/x\n", "trawld.env:3: DATA_DIR: the value's closing \" is missing");
	check_refused("DATA_DIR='/x", "closing ' is missing");
	check_refused("DATA_DIR=\"/x\" # here", "something stands after the value's closing \"");
	check_refused("DATA_DIR=/x\"y\"", "must stand in quotes");
	check_refused("DATA_DIR=/x\\\n/y", "must stand in quotes");
	check_refused("=5", "unknown option");
	check_refused("export PORT=5", "unknown option");
}

static void
an_unknown_name_is_met_with_the_nearest_one(void **state)
{
	(void)state;
	check_refused("PROT=80", "trawld.env:1: unknown option PROT; did you mean PORT?");
	check_refused("BACKGROUND_POLL_INTERVALL=5", "did you mean BACKGROUND_POLL_INTERVAL?");
	check_refused("BRIGHTDATA_API_TOKEN=x", "did you mean BRIGHTDATA_API_KEY?");
	check_refused("port=80", "unknown option; did you mean PORT?");
	check_refused("DATADIR=/x", "did you mean DATA_DIR?");
	check_refused("SOMETHING_ELSE=1", "unknown option SOMETHING_ELSE; trawld --print-config shows every name");
}

static void
no_message_shows_a_misplaced_key(void **state)
{
	static const char *const files[] = {
		KEY "\n", KEY "=\n", "BRIGHTDATA_API_KEY_FILE=" KEY "\n", "BRIGHTDATA_API_KEY=\"" KEY "\n",
		"BRIGHTDATA_API_KEY=" KEY " x\n", "BRIGHTDATA_API_KEY=" KEY "\"\n", "BRIGHTDATA_BASE_URL=" KEY "\n",
		"BRIGHTDATA_BASE_URL=https://" KEY "@api.brightdata.com\n", "BRIGHTDATA_API_KEY: " KEY "\n",
		"BRIGHTDATA_API_KEY=" KEY "\xc3\xa4\n",
	};

	(void)state;
	for (size_t i = 0; i < countof(files); i++) {
		conf_init(&conf);
		assert_int_equal(load(files[i]), -EINVAL);
		assert_true(why.text[0] != '\0');
		if (strstr(why.text, "secret") != NULL || strstr(why.text, "7f3b") != NULL)
			fail_msg("%s", why.text);
	}
}

static void
a_file_that_is_none_is_refused(void **state)
{
	scoped_free char *big = xmalloc(70000);

	(void)state;
	assert_int_equal(conf_load_file(&conf, path, &why), -ENOENT);
	check_says("cannot read /tmp/test-conf-");
	write_file(path, "PORT=80\0\nx", 10);
	assert_int_equal(conf_load_file(&conf, path, &why), -EINVAL);
	check_says("NUL byte");
	memset(big, '\n', 70000);
	write_file(path, big, 70000);
	assert_int_equal(conf_load_file(&conf, path, &why), -EFBIG);
	check_says("larger than 64 KiB");
}

static void
environment_wins_over_file_over_default(void **state)
{
	static char port[] = "PORT=9100", other[] = "HOME=/root", odd[] = "NOEQUALS",
	    space[] = " LOG_LEVEL=debug", trailing[] = "BRIGHTDATA_API_KEY=" KEY "\n", empty[] = "DATA_DIR=";
	static char *environment[] = { other, port, odd, space, trailing, empty, NULL };
	scoped_free char *text = NULL;
	char expected[160];

	(void)state;
	assert_int_equal(load("# x\nPORT=9000\nDATA_DIR=/srv/t/\n"), 0);
	assert_int_equal(conf_load_environment(&conf, environment, &why), 0);
	assert_int_equal(conf.port, 9100);
	assert_string_equal(conf.data_dir, "/srv/t");
	assert_int_equal(conf.log_level, LOG_LEVEL_INFO);
	assert_string_equal(conf.brightdata_api_key, KEY);
	text = printed();
	assert_non_null(strstr(text, "\nPORT=9100  # environment\n"));
	(void)snprintf(expected, sizeof(expected), "\nDATA_DIR=/srv/t  # %s:3\n", path);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, "\nRETRY_MAX_ATTEMPTS=3  # default\n"));
}

static void
a_bad_environment_says_so(void **state)
{
	static char port[] = "PORT=eighty";
	static char *environment[] = { port, NULL };

	(void)state;
	assert_int_equal(conf_load_environment(&conf, environment, &why), -EINVAL);
	check_says("environment: PORT: \"eighty\" is not allowed");
}

static void
printing_hides_the_key_and_shows_durations_in_seconds_or_days(void **state)
{
	scoped_free char *text = NULL;

	(void)state;
	text = printed();
	assert_non_null(strstr(text, "BRIGHTDATA_API_KEY=(not set)  # default\n"));
	assert_non_null(strstr(text, "\nFRONT_WORKERS=auto  # default\n"));
	assert_non_null(strstr(text, "\nIDEMPOTENCY_KEEP=86400  # default\n"));
	assert_non_null(strstr(text, "\nCRAWLS_KEEP=90d  # default\n"));
	assert_non_null(strstr(text, "\nEVENTS_KEEP=7d  # default\n"));
	assert_non_null(strstr(text, "\nOBJECTS_KEEP=forever  # default\n"));
	free(take_ptr(text));
	assert_int_equal(load("BRIGHTDATA_API_KEY=" KEY "\nBACKGROUND_POLL_INTERVAL=1500ms\n"), 0);
	text = printed();
	assert_non_null(strstr(text, "BRIGHTDATA_API_KEY=(set, hidden)  # "));
	assert_non_null(strstr(text, "\nBACKGROUND_POLL_INTERVAL=1.5  # "));
	assert_null(strstr(text, KEY));
}

static void
the_key_comes_from_its_file(void **state)
{
	char key_path[128], line[256];
	scoped_free char *text = NULL;

	(void)state;
	(void)snprintf(key_path, sizeof(key_path), "%s/brightdata_api_key", dir);
	(void)snprintf(line, sizeof(line), "BRIGHTDATA_API_KEY_FILE=%s\n", key_path);
	assert_int_equal(load(line), 0);
	assert_int_equal(conf_load_secrets(&conf, NULL, &why), -ENOENT);
	check_says("trawld.env:1: BRIGHTDATA_API_KEY_FILE: cannot read the API key from ");
	write_file(key_path, " \n", 2);
	assert_int_equal(conf_load_secrets(&conf, NULL, &why), -ENODATA);
	check_says("is empty");
	write_file(key_path, KEY "\n" KEY "\n", 2 * sizeof(KEY));
	assert_int_equal(conf_load_secrets(&conf, NULL, &why), -EINVAL);
	check_says("visible ASCII");
	assert_null(strstr(why.text, "secret-KEY"));
	write_file(key_path, "  " KEY "\r\n", sizeof(KEY) + 3);
	assert_int_equal(conf_load_secrets(&conf, NULL, &why), 0);
	assert_string_equal(conf.brightdata_api_key, KEY);
	text = printed();
	assert_non_null(strstr(text, "BRIGHTDATA_API_KEY=(set, hidden)  # secret file\n"));
}

static void
the_key_comes_from_a_systemd_credential(void **state)
{
	char key_path[128];

	(void)state;
	assert_int_equal(conf_load_secrets(&conf, dir, &why), 0);	/* none there */
	assert_string_equal(conf.brightdata_api_key, "");
	(void)snprintf(key_path, sizeof(key_path), "%s/brightdata_api_key", dir);
	write_file(key_path, "\n", 1);		/* what the packaged unit gives when there is no key */
	assert_int_equal(conf_load_secrets(&conf, dir, &why), 0);
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says("there is no Bright Data API key");
	write_file(key_path, KEY "\n", sizeof(KEY));
	assert_int_equal(conf_load_secrets(&conf, dir, &why), 0);
	assert_string_equal(conf.brightdata_api_key, KEY);
}

static void
a_key_that_is_set_wins_over_files(void **state)
{
	(void)state;
	assert_int_equal(load("BRIGHTDATA_API_KEY=own\nBRIGHTDATA_API_KEY_FILE=/nonexistent\n"), 0);
	assert_int_equal(conf_load_secrets(&conf, "/nonexistent", &why), 0);
	assert_string_equal(conf.brightdata_api_key, "own");
}

static void
check_wants_a_key_and_says_where_to_put_it(void **state)
{
	(void)state;
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says("BRIGHTDATA_API_KEY=...");
	check_says("BRIGHTDATA_API_KEY_FILE=");
	check_says(CONF_FILE_DEFAULT);
	check_says("systemd credential brightdata_api_key");
	check_says("/etc/trawld/brightdata_api_key");
	assert_int_equal(load("PORT=1\n"), 0);
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says(path);
	assert_int_equal(load("BRIGHTDATA_API_KEY=k\n"), 0);
	assert_int_equal(conf_check(&conf, &why), 0);
}

static void
check_refuses_what_this_version_cannot_do(void **state)
{
	(void)state;
	assert_int_equal(load("BRIGHTDATA_API_KEY=k\nSTORAGE_BACKEND=gcp\n"), 0);
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says("trawld.env:2: STORAGE_BACKEND: this version of trawld stores locally only; "
	    "set STORAGE_BACKEND=local");
}

static void
check_judges_a_struct_filled_by_hand(void **state)
{
	(void)state;
	assert_int_equal(load("BRIGHTDATA_API_KEY=k\n"), 0);
	(void)strcpy(conf.data_dir, "relative");
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says("DATA_DIR (default): must be an absolute path");
	(void)strcpy(conf.data_dir, "/ok");
	(void)strcpy(conf.raw_path_template, "{nope}");
	assert_int_equal(conf_check(&conf, &why), -EINVAL);
	check_says("RAW_PATH_TEMPLATE");
}

static void
the_predecessors_environment_loads(void **state)
{
	(void)state;
	assert_int_equal(load("GOOGLE_CLOUD_PROJECT=competitor-destroyer\nPUBSUB_TOPIC_PREFIX=social-analytics\n"
	    "GCS_BUCKET_RAW_DATA=social-analytics-raw-data\nBIGQUERY_DATASET=social_analytics\n"
	    "BRIGHTDATA_API_KEY=k\nBACKGROUND_POLLING_ENABLED=true\nBACKGROUND_MAX_WORKERS=10\n"
	    "BACKGROUND_POLL_INTERVAL=30\nBACKGROUND_MAX_POLLS=120\nPORT=8080\n"), 0);
	assert_string_equal(conf.google_cloud_project, "competitor-destroyer");
	assert_int_equal(conf_check(&conf, &why), 0);
}

static const enum conf_reader readers[] = {
	CONF_SUPERVISOR, CONF_KEEPER, CONF_PUBLISHER, CONF_POLLER, CONF_FRONT,
};

/* Every option away from its default. */
static const char full[] =
    "BRIGHTDATA_API_KEY='" KEY "$`\\\"'\nBRIGHTDATA_API_KEY_FILE=/etc/key\n"
    "BRIGHTDATA_BASE_URL=http://127.0.0.1:9\nGOOGLE_CLOUD_PROJECT=p\nGCS_BUCKET_RAW_DATA=b\n"
    "BIGQUERY_DATASET=d\nPUBSUB_TOPIC_PREFIX=t\nBACKGROUND_POLLING_ENABLED=false\nBACKGROUND_MAX_WORKERS=2\n"
    "BACKGROUND_POLL_INTERVAL=50ms\nBACKGROUND_MAX_POLLS=7\nBACKGROUND_DOWNLOAD_TIMEOUT=1.001\n"
    "RECONCILE_DELAY=0\nPORT=0\nBIND_ADDRESS=::\nFRONT_WORKERS=2\nTRIGGER_WAIT_SECONDS=0\nCONNECTION_IDLE_TIMEOUT=60\n"
    "STORAGE_BACKEND=gcp\nDATA_DIR=\"/srv/a b$'\\\"c\"\nRAW_PATH_TEMPLATE=x/{crawl_id}\n"
    "EVENT_PUBLISHING_ENABLED=false\nEVENTS_FILE_SIZE=1025K\nEVENTS_FILE_COUNT=3\nRETRY_MAX_ATTEMPTS=9\nJAIL=false\nLOG_LEVEL=debug\nLOG_FORMAT=json\n";

static void
packed_text_reads_back_the_same_for_every_role(void **state)
{
	struct conf other;

	(void)state;
	assert_int_equal(load(full), 0);
	for (size_t i = 0; i < countof(readers); i++) {
		scoped_free char *text = NULL, *again = NULL;
		size_t len, again_len;

		text = conf_pack(&conf, readers[i], &len);
		if (conf_unpack(&other, text, len, &why) != 0)
			fail_msg("%s", why.text);
		assert_true(conf_same_for(&conf, &other, readers[i]));
		again = conf_pack(&other, readers[i], &again_len);
		assert_int_equal(len, again_len);
		assert_memory_equal(text, again, len);
		assert_int_equal(other.log_level, LOG_LEVEL_DEBUG);
		assert_int_equal(other.log_format, LOG_FORMAT_JSON);
		conf_done(&other);
	}
}

static void
the_key_goes_to_pollers_only(void **state)
{
	struct conf other;

	(void)state;
	assert_int_equal(load(full), 0);
	for (size_t i = 0; i < countof(readers); i++) {
		scoped_free char *text = NULL;
		size_t len;

		text = conf_pack(&conf, readers[i], &len);
		assert_int_equal(conf_unpack(&other, text, len, &why), 0);
		if (readers[i] == CONF_POLLER) {
			assert_string_equal(other.brightdata_api_key, KEY "$`\\\"");
			assert_string_equal(other.brightdata_base_url, "http://127.0.0.1:9");
		} else {
			assert_null(strstr(text, "secret"));
			assert_null(strstr(text, "BRIGHTDATA_API_KEY="));
			assert_string_equal(other.brightdata_api_key, "");
		}
	}
}

static void
each_role_gets_what_it_works_with(void **state)
{
	struct conf other;
	scoped_free char *keeper = NULL, *front = NULL, *poller = NULL;
	size_t len;

	(void)state;
	assert_int_equal(load(full), 0);
	keeper = conf_pack(&conf, CONF_KEEPER, &len);
	assert_int_equal(conf_unpack(&other, keeper, len, &why), 0);
	assert_int_equal(other.background_poll_interval_ms, 50);
	assert_int_equal(other.background_max_polls, 7);
	assert_int_equal(other.retry_max_attempts, 9);
	assert_int_equal(other.reconcile_delay_ms, 0);
	assert_string_equal(other.raw_path_template, "x/{crawl_id}");
	assert_string_equal(other.data_dir, "/srv/a b$'\"c");
	front = conf_pack(&conf, CONF_FRONT, &len);
	assert_int_equal(conf_unpack(&other, front, len, &why), 0);
	assert_int_equal(other.trigger_wait_ms, 0);
	assert_int_equal(other.connection_idle_timeout_ms, 60000);
	assert_false(other.background_polling_enabled);
	assert_int_equal(other.background_poll_interval_ms, 50);
	assert_int_equal(other.background_max_polls, 7);
	assert_int_equal(other.background_max_workers, 2);
	poller = conf_pack(&conf, CONF_POLLER, &len);
	assert_int_equal(conf_unpack(&other, poller, len, &why), 0);
	assert_int_equal(other.background_download_timeout_ms, 1001);
	assert_string_equal(other.data_dir, "/srv/a b$'\"c");
}

static void
a_role_sees_only_its_own_differences(void **state)
{
	struct conf other;

	(void)state;
	assert_int_equal(load(full), 0);
	other = conf;
	for (size_t i = 0; i < countof(readers); i++)
		assert_true(conf_same_for(&conf, &other, readers[i]));
	(void)strcpy(other.brightdata_api_key, "new");
	for (size_t i = 0; i < countof(readers); i++)
		assert_int_equal(conf_same_for(&conf, &other, readers[i]), readers[i] != CONF_POLLER);
	other = conf;
	other.background_max_workers++;
	for (size_t i = 0; i < countof(readers); i++)
		assert_int_equal(conf_same_for(&conf, &other, readers[i]),
		    readers[i] != CONF_SUPERVISOR && readers[i] != CONF_FRONT);
	other = conf;
	other.log_level = LOG_LEVEL_ERROR;
	for (size_t i = 0; i < countof(readers); i++)
		assert_false(conf_same_for(&conf, &other, readers[i]));
}

static void
unpacking_refuses_what_packing_never_wrote(void **state)
{
	static const char *const texts[] = { "PORT=\"x\"", "NOPE=\"1\"", "PORT", "PORT=\"1" };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		assert_int_equal(conf_unpack(&conf, texts[i], strlen(texts[i]), &why), -EINVAL);
		check_says("inherited configuration");
	}
	assert_int_equal(conf_unpack(&conf, "PORT=\"1\"\0\n", 10, &why), -EINVAL);
	assert_int_equal(conf_unpack(&conf, "", 0, &why), 0);
	assert_int_equal(conf.port, 8080);
}

static void
done_wipes_the_key(void **state)
{
	(void)state;
	assert_int_equal(load("BRIGHTDATA_API_KEY=" KEY "\n"), 0);
	conf_done(&conf);
	assert_int_equal(conf.brightdata_api_key[0], 0);
	assert_int_equal(conf.brightdata_api_key[5], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_the_documented_ones),
		TEST(each_kind_takes_its_good_values),
		TEST(each_kind_refuses_bad_values_and_says_what_is_allowed),
		TEST(a_proxy_is_taken_in_every_form_and_shown_without_its_password),
		TEST(a_file_of_certificates_must_hold_some),
		TEST(base_url_allows_http_on_the_loopback_and_drops_slashes),
		TEST(a_file_is_read_as_systemd_would),
		TEST(broken_lines_are_refused_with_their_number),
		TEST(an_unknown_name_is_met_with_the_nearest_one),
		TEST(no_message_shows_a_misplaced_key),
		TEST(a_file_that_is_none_is_refused),
		TEST(environment_wins_over_file_over_default),
		TEST(a_bad_environment_says_so),
		TEST(printing_hides_the_key_and_shows_durations_in_seconds_or_days),
		TEST(the_key_comes_from_its_file),
		TEST(the_key_comes_from_a_systemd_credential),
		TEST(a_key_that_is_set_wins_over_files),
		TEST(check_wants_a_key_and_says_where_to_put_it),
		TEST(check_refuses_what_this_version_cannot_do),
		TEST(check_judges_a_struct_filled_by_hand),
		TEST(the_predecessors_environment_loads),
		TEST(packed_text_reads_back_the_same_for_every_role),
		TEST(the_key_goes_to_pollers_only),
		TEST(each_role_gets_what_it_works_with),
		TEST(a_role_sees_only_its_own_differences),
		TEST(unpacking_refuses_what_packing_never_wrote),
		TEST(done_wipes_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
