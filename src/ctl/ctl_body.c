/*
 * ctl_body.c - the trigger request's body from the command line: the options by one
 * table, or a file as it is. Platform, dates and limits are the daemon's to judge.
 */
#include "ctl/ctl_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "base/number.h"
#include "ctl/ctl.h"

#define BODY_MAX JSON_DOC_MAX

enum body_kind { BODY_TEXT, BODY_NUMBER, BODY_BOOL };

static const struct {
	enum ctl_option_id	 option;
	const char		*member;
	enum body_kind		 kind;
} members[] = {
	{ OPT_DATASET_ID, "dataset_id", BODY_TEXT },
	{ OPT_PLATFORM, "platform", BODY_TEXT },
	{ OPT_COMPETITOR, "competitor", BODY_TEXT },
	{ OPT_BRAND, "brand", BODY_TEXT },
	{ OPT_CATEGORY, "category", BODY_TEXT },
	{ OPT_URL, "url", BODY_TEXT },
	{ OPT_START_DATE, "start_date", BODY_TEXT },
	{ OPT_END_DATE, "end_date", BODY_TEXT },
	{ OPT_INCLUDE_PROFILE_DATA, "include_profile_data", BODY_BOOL },
	{ OPT_NUM_OF_POSTS, "num_of_posts", BODY_NUMBER },
};

static int
put_member(struct json_out *out, const char *member, enum body_kind kind, const char *value, struct why *why)
{
	int64_t number;

	switch (kind) {
	case BODY_TEXT:
		json_out_member(out, member, value);
		return 0;
	case BODY_BOOL:
		if (value[0] != '\0' && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return why_set(why, EINVAL, "--include-profile-data: \"%.40s\" is neither true nor false", value);
		json_out_member_bool(out, member, strcmp(value, "false") != 0);
		return 0;
	case BODY_NUMBER:
		if (number_parse(value, 1, INT32_MAX, &number) < 0)
			return why_set(why, EINVAL, "--num-of-posts: \"%.40s\" is not a number from 1", value);
		json_out_member_int(out, member, number);
		return 0;
	}
	return 0;
}

static int
body_from_options(const struct ctl_args *args, char **ret, size_t *ret_len, struct why *why)
{
	struct json_out out;
	const char *text, *value;
	int error = 0;

	json_out_init(&out);
	json_out_open(&out);
	for (size_t i = 0; i < countof(members) && error == 0; i++) {
		value = args->value[members[i].option];
		if (members[i].option == OPT_URL && value == NULL)
			value = args->operand;
		if (value != NULL)
			error = put_member(&out, members[i].member, members[i].kind, value, why);
	}
	if (error == 0) {
		json_out_close(&out);
		text = json_out_text(&out, ret_len);
		*ret = xstrdup(text);
	}
	json_out_done(&out);
	return error;
}

/* Standard input, at most BODY_MAX bytes. */
static int
read_stdin(char **ret, size_t *ret_len)
{
	scoped_free char *text = xmalloc(BODY_MAX + 1);
	size_t len = fread(text, 1, BODY_MAX + 1, stdin);

	if (ferror(stdin))
		return -EIO;
	if (len > BODY_MAX)
		return -EFBIG;
	text[len] = '\0';
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}

static int
body_from_file(const char *path, char **ret, size_t *ret_len, struct why *why)
{
	bool from_stdin = strcmp(path, "-") == 0;
	const char *name = from_stdin ? "standard input" : path;
	scoped_free char *text = NULL;
	scoped_json *doc = NULL;
	size_t len;
	int error = from_stdin ? read_stdin(&text, &len) : fs_read_small(path, BODY_MAX, &text, &len);

	if (error < 0)
		return why_set(why, EINVAL, "cannot read the request from %.200s: %s", name,
		    error == -EFBIG ? "it is larger than 1 MiB" : strerror(-error));
	if (json_read(text, len, &doc, why) < 0) {
		why_prefix(why, "%.200s", name);
		return -EINVAL;
	}
	if (!json_is_object(doc))
		return why_set(why, EINVAL, "%.200s: the request must be a JSON object, as {\"url\":\"https://...\"}", name);
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}

int
ctl_body_make(const struct ctl_args *args, char **ret, size_t *ret_len, struct why *why)
{
	const char *file = args->value[OPT_FILE];
	bool any = args->operand != NULL;

	for (size_t i = 0; i < countof(members); i++)
		any = any || args->value[members[i].option] != NULL;
	if (file != NULL && any)
		return why_set(why, EINVAL, "--file holds the whole request; leave the other options out");
	if (file != NULL)
		return body_from_file(file, ret, ret_len, why);
	if (args->operand != NULL && args->value[OPT_URL] != NULL)
		return why_set(why, EINVAL, "two pages: \"%.100s\" and --url; one crawl takes one", args->operand);
	if (args->operand == NULL && args->value[OPT_URL] == NULL)
		return why_set(why, EINVAL, "no page to crawl: trawlctl trigger https://www.facebook.com/nike");
	return body_from_options(args, ret, ret_len, why);
}
