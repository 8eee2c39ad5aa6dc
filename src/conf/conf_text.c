/*
 * conf_text.c - the configuration as text, read and written: gathers the options from the file, the environment and the secret files,
 * judges the whole, prints it and hands each role its share. The options themselves
 * (names, kinds, ranges) are option.c's. Reads files only; sets nothing but the
 * struct it is given.
 *
 * Text from outside may hold the API key in the wrong place, so messages name
 * places and options, never lines, and values only where they are no free text.
 */
#include "conf/conf.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "conf/option.h"

#define FILE_MAX	(64u << 10)
#define KEY_FILE_MAX	4096
#define CA_FILE_MAX	(4u << 20)
#define CREDENTIAL_NAME "brightdata_api_key"
#define SHOWN_NAME_MAX	40

/* Where lines of NAME=value come from. */
struct source {
	const char *name;	/* "/etc/trawld/trawld.env", for messages */
	int	    from;
};

void
conf_init(struct conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	for (unsigned i = 0; i < option_count; i++)
		if (options[i].fallback[0] != '\0')
			(void)option_read(conf, &options[i], options[i].fallback, NULL);
}

void
conf_done(struct conf *conf)
{
	mem_wipe(conf->brightdata_api_key, sizeof(conf->brightdata_api_key));
	mem_wipe(conf->provider_proxy, sizeof(conf->provider_proxy));
}

static void
set_origin(struct conf *conf, const struct option *o, int from, int line)
{
	struct conf_origin *origin = &conf->origin[o - options];

	origin->from = from;
	origin->line = line;
}

/* "/etc/trawld/trawld.env:12: PORT", for messages about a value that is there already. */
static void
prefix_origin(const struct conf *conf, const struct option *o, struct why *why)
{
	const struct conf_origin *origin = &conf->origin[o - options];

	switch (origin->from) {
	case CONF_FROM_FILE:
		why_prefix(why, "%s:%d: %s", conf->file, origin->line, o->name);
		break;
	case CONF_FROM_ENVIRONMENT:
		why_prefix(why, "environment: %s", o->name);
		break;
	case CONF_FROM_SECRET_FILE:
		why_prefix(why, "%s from its file", o->name);
		break;
	case CONF_FROM_DEFAULT:
		why_prefix(why, "%s (default)", o->name);
		break;
	}
}

/* Drops white space at both ends, in place; the first byte that stays. */
static char *
trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* ---- lines of NAME=value ---- */

/* The value after its opening quote, in place; in double quotes a backslash stands
 * before ", \, $ and ` as in a shell. */
static int
unquote(char *text, struct why *why)
{
	char quote = text[0], *dst = text, *p = text + 1;

	for (; *p != '\0' && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p[1] != '\0' && strchr("\"\\$`", p[1]) != NULL)
			p++;
		*dst++ = *p;
	}
	if (*p != quote)
		return why_set(why, EINVAL, "the value's closing %c is missing", quote);
	if (p[1] != '\0')
		return why_set(why, EINVAL, "something stands after the value's closing %c; "
		    "a comment needs a line of its own", quote);
	*dst = '\0';
	return 0;
}

/* systemd would read quotes and backslashes inside a bare value in its own way: refused,
 * so that a file never means one thing here and another there. */
static int
read_value(char *text, struct why *why)
{
	if (text[0] == '"' || text[0] == '\'')
		return unquote(text, why);
	if (strpbrk(text, "\"'\\") != NULL)
		return why_set(why, EINVAL, "a value with quotes or backslashes in it must stand in quotes");
	return 0;
}

static bool
is_comment(const char *line)
{
	return line[0] == '\0' || line[0] == '#' || line[0] == ';';
}

/* An unknown name is repeated only when it looks like one: it might be a pasted key. */
static int
unknown_name(const char *name, struct why *why)
{
	const char *nearest = option_nearest(name);
	bool plain = strlen(name) <= SHOWN_NAME_MAX &&
	    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] == '\0';

	if (nearest != NULL)
		return why_set(why, EINVAL, "unknown option%s%s; did you mean %s?", plain ? " " : "",
		    plain ? name : "", nearest);
	return why_set(why, EINVAL, "unknown option%s%s; trawld --print-config shows every name",
	    plain ? " " : "", plain ? name : "");
}

/* One option from outside. No value at all counts as not given. */
static int
set_option(struct conf *conf, const struct option *o, char *value, int from, int line,
    struct why *why)
{
	int rc;

	if (value[0] == '\0')
		return 0;
	rc = option_read(conf, o, value, why);
	if (rc < 0) {
		if (from == CONF_FROM_FILE && strstr(value, " #") != NULL)
			why_prefix(why, "(a comment needs a line of its own)");
		why_prefix(why, "%s", o->name);
		return rc;
	}
	set_origin(conf, o, from, line);
	return 0;
}

static int
read_line(struct conf *conf, char *line, int from, int number, struct why *why)
{
	const struct option *o;
	char *equals, *name, *value;
	int rc;

	line = trim(line);
	if (is_comment(line))
		return 0;
	equals = strchr(line, '=');
	if (equals == NULL)
		return why_set(why, EINVAL, "the line is not of the form NAME=value");
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (option_find(name, &o) < 0)
		return unknown_name(name, why);
	rc = read_value(value, why);
	if (rc < 0) {
		why_prefix(why, "%s", o->name);
		return rc;
	}
	return set_option(conf, o, value, from, number, why);
}

/* text is changed on the way. */
static int
read_lines(struct conf *conf, char *text, const struct source *source, struct why *why)
{
	char *rest = text, *line;

	if (strncmp(rest, "\xef\xbb\xbf", 3) == 0)
		rest += 3;
	for (int number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
		int rc = read_line(conf, line, source->from, number, why);

		if (rc < 0) {
			why_prefix(why, "%s:%d", source->name, number);
			return rc;
		}
	}
	return 0;
}

int
conf_load_file(struct conf *conf, const char *path, struct why *why)
{
	struct source source = { path, CONF_FROM_FILE };
	char *text;
	size_t len;
	int rc;

	rc = fs_read_small(path, FILE_MAX, &text, &len);
	if (rc == -EFBIG)
		return why_set(why, EFBIG, "cannot read %s: it is larger than %u KiB", path, FILE_MAX >> 10);
	if (rc < 0)
		return why_set(why, -rc, "cannot read %s: %s", path, strerror(-rc));
	rc = str_copy(conf->file, sizeof(conf->file), path);
	if (rc < 0)
		rc = why_set(why, -rc, "cannot read %s: the path is too long", path);
	else if (strlen(text) != len)
		rc = why_set(why, EINVAL, "%s: holds a NUL byte, so it is no text file", path);
	else
		rc = read_lines(conf, text, &source, why);
	mem_wipe(text, len);
	free(text);
	return rc;
}

int
conf_load_environment(struct conf *conf, char *const *environment, struct why *why)
{
	for (; *environment != NULL; environment++) {
		scoped_free char *line = NULL;
		const struct option *o;
		char *equals;
		size_t len;
		int rc = 0;

		line = xstrdup(*environment);
		len = strlen(line);
		equals = strchr(line, '=');
		if (equals != NULL) {
			*equals = '\0';
			if (option_find(line, &o) == 0)
				rc = set_option(conf, o, trim(equals + 1), CONF_FROM_ENVIRONMENT, 0, why);
		}
		mem_wipe(line, len);
		if (rc < 0) {
			why_prefix(why, "environment");
			return rc;
		}
	}
	return 0;
}

/* ---- the secret ---- */

static const struct option *
key_option(void)
{
	const struct option *o = NULL;

	(void)option_find("BRIGHTDATA_API_KEY", &o);
	return o;
}

static const char *
read_error(int rc)
{
	return rc == -EFBIG ? "it is too large to be a key" : strerror(-rc);
}

static int
load_key(struct conf *conf, const char *path, struct why *why)
{
	const struct option *o = key_option();
	char *text, *key;
	size_t len;
	int rc;

	rc = fs_read_small(path, KEY_FILE_MAX, &text, &len);
	if (rc < 0)
		return why_set(why, -rc, "cannot read the API key from %s: %s", path, read_error(rc));
	if (strlen(text) != len)
		rc = why_set(why, EINVAL, "holds a NUL byte, so it is no text file");
	else if ((key = trim(text))[0] == '\0')
		rc = why_set(why, ENODATA, "is empty; it should hold the API key and nothing else");
	else
		rc = option_read(conf, o, key, why);
	if (rc == 0)
		set_origin(conf, o, CONF_FROM_SECRET_FILE, 0);
	else
		why_prefix(why, "the API key's file %s", path);
	mem_wipe(text, len);
	free(text);
	return rc;
}

int
conf_load_secrets(struct conf *conf, const char *credentials_directory, struct why *why)
{
	char path[1024];
	int len, rc;

	if (conf->brightdata_api_key[0] != '\0')
		return 0;
	if (conf->brightdata_api_key_file[0] != '\0') {
		const struct option *o;

		rc = load_key(conf, conf->brightdata_api_key_file, why);
		if (rc < 0 && option_find("BRIGHTDATA_API_KEY_FILE", &o) == 0)
			prefix_origin(conf, o, why);
		return rc;
	}
	if (credentials_directory == NULL || credentials_directory[0] == '\0')
		return 0;
	len = snprintf(path, sizeof(path), "%s/%s", credentials_directory, CREDENTIAL_NAME);
	if (len < 0 || (size_t)len >= sizeof(path))
		return why_set(why, ENAMETOOLONG, "the path of systemd's credentials directory is too long");
	rc = load_key(conf, path, why);
	/* The unit may pass other credentials, none, or an empty one for want of a key:
	 * conf_check() asks for it. */
	return rc == -ENOENT || rc == -ENODATA ? 0 : rc;
}

/* ---- the whole ---- */

const char *
conf_text(const struct conf *conf, const char *name)
{
	const struct option *o;
	int rc = option_find(name, &o);

	assert(rc == 0 && o->kind == OPTION_TEXT);
	(void)rc;
	return (const char *)conf + o->offset;
}

static int
check_key(const struct conf *conf, struct why *why)
{
	if (conf->brightdata_api_key[0] != '\0')
		return 0;
	return why_set(why, EINVAL, "there is no Bright Data API key: put BRIGHTDATA_API_KEY=... or "
	    "BRIGHTDATA_API_KEY_FILE=/path/of/file into %s or the environment, or give the service the systemd "
	    "credential " CREDENTIAL_NAME " (the packaged service takes /etc/trawld/" CREDENTIAL_NAME ")",
	    conf->file[0] != '\0' ? conf->file : CONF_FILE_DEFAULT);
}

static int
check_backend(const struct conf *conf, struct why *why)
{
	const struct option *o;

	if (conf->storage_backend == STORAGE_LOCAL)
		return 0;
	(void)why_set(why, EINVAL, "this version of trawld stores locally only; set STORAGE_BACKEND=local");
	if (option_find("STORAGE_BACKEND", &o) == 0)
		prefix_origin(conf, o, why);
	return -EINVAL;
}

/* Every text once more: a struct may have been filled by other means than the loaders. */
static int
check_texts(const struct conf *conf, struct why *why)
{
	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &options[i];
		const char *text = (const char *)conf + o->offset;

		if (o->kind != OPTION_TEXT || o->check == NULL || (text[0] == '\0' && o->fallback[0] == '\0'))
			continue;
		if (o->check(text, why) < 0) {
			prefix_origin(conf, o, why);
			return -EINVAL;
		}
	}
	return 0;
}

/* Without it each call would fail, and say so in libcurl's words. */
static int
check_ca_file(const struct conf *conf, struct why *why)
{
	const char *path = conf->provider_ca_file;
	const struct option *o;
	char *text;
	size_t len;
	int rc;

	if (path[0] == '\0')
		return 0;
	rc = fs_read_small(path, CA_FILE_MAX, &text, &len);
	if (rc < 0) {
		rc = why_set(why, -rc, "cannot read %s: %s", path, strerror(-rc));
	} else {
		if (strstr(text, "CERTIFICATE-----") == NULL)
			rc = why_set(why, EINVAL, "%s holds no certificate in PEM form", path);
		free(text);
	}
	if (rc < 0 && option_find("PROVIDER_CA_FILE", &o) == 0)
		prefix_origin(conf, o, why);
	return rc < 0 ? -EINVAL : 0;
}

int
conf_check(const struct conf *conf, struct why *why)
{
	int rc = check_texts(conf, why);

	if (rc == 0)
		rc = check_ca_file(conf, why);
	if (rc == 0)
		rc = check_backend(conf, why);
	if (rc == 0)
		rc = check_key(conf, why);
	return rc;
}

/* ---- for people ---- */

static void
print_origin(const struct conf *conf, const struct conf_origin *origin, FILE *out)
{
	switch (origin->from) {
	case CONF_FROM_FILE:
		(void)fprintf(out, "%s:%d", conf->file, origin->line);
		break;
	case CONF_FROM_ENVIRONMENT:
		(void)fputs("environment", out);
		break;
	case CONF_FROM_SECRET_FILE:
		(void)fputs("secret file", out);
		break;
	case CONF_FROM_DEFAULT:
		(void)fputs("default", out);
		break;
	}
}

void
conf_print(const struct conf *conf, FILE *out)
{
	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &options[i];
		char value[OPTION_TEXT_SIZE];

		if (o->secret)
			(void)snprintf(value, sizeof(value), "%s",
			    *((const char *)conf + o->offset) != '\0' ? "(set, hidden)" : "(not set)");
		else
			option_write(conf, o, value);
		if (o->hide != NULL)
			o->hide(value);
		(void)fprintf(out, "%s=%s  # ", o->name, value);
		print_origin(conf, &conf->origin[i], out);
		(void)fputc('\n', out);
	}
}

/* ---- handing on ---- */

/* A value in double quotes, as unquote() reads it; returns the bytes written. */
static size_t
quote_value(char *dst, const char *value)
{
	char *p = dst;

	*p++ = '"';
	for (; *value != '\0'; value++) {
		if (strchr("\"\\$`", *value) != NULL)
			*p++ = '\\';
		*p++ = *value;
	}
	*p++ = '"';
	return (size_t)(p - dst);
}

char *
conf_pack(const struct conf *conf, enum conf_reader reader, size_t *ret_len)
{
	char *text = xmalloc(option_count * (2 * OPTION_TEXT_SIZE + 64)), *p = text;

	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &options[i];
		char value[OPTION_TEXT_SIZE];

		if ((o->readers & reader) == 0)
			continue;
		option_write(conf, o, value);
		p += sprintf(p, "%s=", o->name);
		p += quote_value(p, value);
		*p++ = '\n';
		mem_wipe(value, sizeof(value));
	}
	*p = '\0';
	*ret_len = (size_t)(p - text);
	return text;
}

int
conf_unpack(struct conf *conf, const char *text, size_t len, struct why *why)
{
	struct source source = { "inherited configuration", CONF_FROM_FILE };
	char *copy;
	int rc;

	conf_init(conf);
	if (memchr(text, '\0', len) != NULL)
		return why_set(why, EINVAL, "inherited configuration: holds a NUL byte");
	copy = xmalloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	rc = read_lines(conf, copy, &source, why);
	mem_wipe(copy, len);
	free(copy);
	return rc;
}

bool
conf_same_for(const struct conf *a, const struct conf *b, enum conf_reader reader)
{
	size_t a_len, b_len;
	char *a_text = conf_pack(a, reader, &a_len), *b_text = conf_pack(b, reader, &b_len);
	bool same = a_len == b_len && memcmp(a_text, b_text, a_len) == 0;

	mem_wipe(a_text, a_len);
	mem_wipe(b_text, b_len);
	free(a_text);
	free(b_text);
	return same;
}
