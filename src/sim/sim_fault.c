/*
 * sim_fault.c - the list of faults: read, counted, shown.
 */
#include "sim/sim_fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

const char *const call_names[CALL_KINDS + 1] = {
	[CALL_TRIGGER] = "trigger", [CALL_PROGRESS] = "progress", [CALL_SNAPSHOT] = "snapshot",
	[CALL_LIST] = "list", [CALL_INPUT] = "input", [CALL_CANCEL] = "cancel",
	[CALL_LOG] = "log", [CALL_OTHER] = "other", [CALL_ANY] = "any",
};

enum param { PARAM_MS = 1, PARAM_BYTES = 2, PARAM_STATUS = 4, PARAM_BODY = 8, PARAM_EFFECT = 16,
	PARAM_RETRY = 32, PARAM_CHUNKED = 64 };

static const struct kind_row {
	const char	*name;
	enum fault_kind	 kind;
	unsigned	 params;	/* that it may have ... */
	unsigned	 needs;		/* ... and must have */
	bool		 effect;	/* when not given */
} kinds[] = {
	{ "delay", FAULT_DELAY, PARAM_MS, PARAM_MS, true },
	{ "reset", FAULT_RESET, 0, 0, false },
	{ "lost", FAULT_LOST, 0, 0, true },
	{ "reset_body", FAULT_RESET_BODY, PARAM_BYTES, PARAM_BYTES, true },
	{ "truncate", FAULT_TRUNCATE, PARAM_BYTES | PARAM_CHUNKED, PARAM_BYTES, true },
	{ "status", FAULT_STATUS, PARAM_STATUS | PARAM_BODY | PARAM_EFFECT | PARAM_RETRY,
	    PARAM_STATUS, false },
	{ "html", FAULT_HTML, PARAM_EFFECT, 0, false },
	{ "garbage", FAULT_GARBAGE, PARAM_EFFECT, 0, true },
	{ "drip", FAULT_DRIP, PARAM_BYTES | PARAM_MS, PARAM_BYTES | PARAM_MS, true },
	{ "not_found", FAULT_NOT_FOUND, PARAM_EFFECT, 0, false },
	{ "rate_limit", FAULT_RATE_LIMIT, PARAM_RETRY, 0, false },
	{ "building", FAULT_BUILDING, 0, 0, false },
	{ "hang", FAULT_HANG, PARAM_EFFECT, 0, false },
};

enum value_kind { VALUE_INT, VALUE_BOOL, VALUE_TEXT };

#define AT(member) offsetof(struct fault, member)

static const struct member_row {
	const char	*name;
	enum value_kind	 value;
	size_t		 at;
	unsigned	 param;		/* 0: any kind has it */
	int64_t		 min, max;
} members[] = {
	{ "count", VALUE_INT, AT(count), 0, -1, INT32_MAX },
	{ "skip", VALUE_INT, AT(skip), 0, 0, INT32_MAX },
	{ "every", VALUE_INT, AT(every), 0, 1, INT32_MAX },
	{ "ms", VALUE_INT, AT(ms), PARAM_MS, 0, 86400000 },
	{ "bytes", VALUE_INT, AT(bytes), PARAM_BYTES, 0, INT64_MAX },
	{ "status", VALUE_INT, AT(status), PARAM_STATUS, 200, 599 },
	{ "effect", VALUE_BOOL, AT(effect), PARAM_EFFECT, 0, 0 },
	{ "chunked", VALUE_BOOL, AT(chunked), PARAM_CHUNKED, 0, 0 },
	{ "until_close", VALUE_BOOL, AT(until_close), PARAM_CHUNKED, 0, 0 },
	{ "body", VALUE_TEXT, AT(body), PARAM_BODY, 0, 0 },
	{ "retry_after", VALUE_TEXT, AT(retry_after), PARAM_RETRY, 0, 0 },
};

static const struct kind_row *
kind_find(const char *name)
{
	for (size_t i = 0; name && i < countof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const struct kind_row *
kind_row_of(enum fault_kind kind)
{
	for (size_t i = 0; i < countof(kinds); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

static int
call_find(const char *name)
{
	for (int i = 0; name && i <= CALL_ANY; i++)
		if (strcmp(call_names[i], name) == 0)
			return i;
	return -1;
}

static void
fault_free(struct fault *fault)
{
	if (!fault)
		return;
	free(fault->body);
	free(fault->retry_after);
	free(fault);
}

static int
member_set(struct fault *fault, const struct member_row *m, const json_t *value, struct why *why)
{
	void *at = (char *)fault + m->at;

	switch (m->value) {
	case VALUE_INT:
		if (!json_is_integer(value) || json_integer_value(value) < m->min ||
		    json_integer_value(value) > m->max)
			return why_set(why, EINVAL, "\"%s\" must be a whole number from %lld to %lld",
			    m->name, (long long)m->min, (long long)m->max);
		*(int64_t *)at = json_integer_value(value);
		return 0;
	case VALUE_BOOL:
		if (!json_is_boolean(value))
			return why_set(why, EINVAL, "\"%s\" must be true or false", m->name);
		*(bool *)at = json_is_true(value);
		return 0;
	case VALUE_TEXT:
		if (!json_is_string(value) || strpbrk(json_string_value(value), "\r\n"))
			return why_set(why, EINVAL, "\"%s\" must be text on one line", m->name);
		*(char **)at = xstrdup(json_string_value(value));
		return 0;
	}
	return -EINVAL;
}

static const struct member_row *
member_find(const char *name)
{
	for (size_t i = 0; i < countof(members); i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static int
fault_read(struct fault *fault, const struct kind_row *kind, const json_t *spec, struct why *why)
{
	const char *name;
	json_t *value;
	unsigned given = 0;
	int r;

	json_object_foreach((json_t *)(uintptr_t)spec, name, value) {
		const struct member_row *m = member_find(name);

		if (strcmp(name, "kind") == 0 || strcmp(name, "call") == 0)
			continue;
		if (!m || (m->param && !(m->param & kind->params)))
			return why_set(why, EINVAL, "a fault of kind \"%s\" has no \"%.100s\"",
			    kind->name, name);
		if ((r = member_set(fault, m, value, why)) < 0)
			return r;
		given |= m->param;
	}
	for (size_t i = 0; i < countof(members); i++)
		if (members[i].param & kind->needs & ~given)
			return why_set(why, EINVAL, "a fault of kind \"%s\" needs \"%s\"",
			    kind->name, members[i].name);
	return 0;
}

/* Appends a word to a list for people. */
static void
list_add(char *list, size_t size, const char *word)
{
	size_t len = strlen(list);

	(void)snprintf(list + len, size - len, "%s%s", len > 0 ? ", " : "", word);
}

static int
refuse_kind(struct why *why)
{
	char all[200] = "";

	for (size_t i = 0; i < countof(kinds); i++)
		list_add(all, sizeof all, kinds[i].name);
	return why_set(why, EINVAL, "\"kind\" must be one of %s", all);
}

static int
refuse_call(struct why *why)
{
	char all[200] = "";

	for (int i = 0; i <= CALL_ANY; i++)
		list_add(all, sizeof all, call_names[i]);
	return why_set(why, EINVAL, "\"call\" must be one of %s", all);
}

int
fault_add(struct faults *faults, const json_t *spec, struct why *why)
{
	const struct kind_row *kind = kind_find(json_text(spec, "kind"));
	int call = call_find(json_text(spec, "call"));
	struct fault *fault, **end = &faults->first;
	int r;

	if (!kind)
		return refuse_kind(why);
	if (call < 0)
		return refuse_call(why);
	if (faults->set >= FAULTS_MAX)
		return why_set(why, EINVAL, "%d faults are set already; DELETE /_sim/faults "
		    "clears them", FAULTS_MAX);
	fault = xcalloc(1, sizeof *fault);
	fault->kind = kind->kind;
	fault->call = (enum sim_call_kind)call;
	fault->count = 1;
	fault->every = 1;
	fault->effect = kind->effect;
	if ((r = fault_read(fault, kind, spec, why)) < 0) {
		fault_free(fault);
		return r;
	}
	while (*end)
		end = &(*end)->next;
	*end = fault;
	faults->set++;
	return 0;
}

static bool
fault_fits(const struct fault *fault, enum sim_call_kind call)
{
	if (fault->kind == FAULT_BUILDING && call != CALL_SNAPSHOT)
		return false;
	return fault->count != 0 && (fault->call == call || fault->call == CALL_ANY);
}

const struct fault *
fault_take(struct faults *faults, enum sim_call_kind call)
{
	for (struct fault *f = faults->first; f; f = f->next) {
		if (!fault_fits(f, call))
			continue;
		if (f->skip > 0) {
			f->skip--;
			continue;
		}
		if (++f->passed < f->every)
			continue;
		f->passed = 0;
		if (f->count > 0)
			f->count--;
		f->hits++;
		return f;
	}
	return NULL;
}

void
faults_clear(struct faults *faults)
{
	struct fault *next;

	for (struct fault *f = faults->first; f; f = next) {
		next = f->next;
		fault_free(f);
	}
	faults->first = NULL;
	faults->set = 0;
}

static void
fault_write_member(const struct fault *f, const struct member_row *m, struct json_out *o)
{
	const void *at = (const char *)f + m->at;

	json_out_key(o, m->name);
	switch (m->value) {
	case VALUE_INT:
		json_out_int(o, *(const int64_t *)at);
		break;
	case VALUE_BOOL:
		json_out_bool(o, *(const bool *)at);
		break;
	case VALUE_TEXT:
		json_out_string(o, *(char *const *)at);
		break;
	}
}

void
faults_write(const struct faults *faults, struct json_out *o)
{
	json_out_open_array(o);
	for (const struct fault *f = faults->first; f; f = f->next) {
		const struct kind_row *kind = kind_row_of(f->kind);

		json_out_open(o);
		json_out_member(o, "call", call_names[f->call]);
		json_out_member(o, "kind", kind->name);
		for (size_t i = 0; i < countof(members); i++)
			if (!members[i].param || (members[i].param & kind->params))
				fault_write_member(f, &members[i], o);
		json_out_member_int(o, "hits", f->hits);
		json_out_close(o);
	}
	json_out_close_array(o);
}
