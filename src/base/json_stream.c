/*
 * json_stream.c - a scanner of RFC 8259 that keeps nothing of what it has passed but the
 * members that are watched. Owns one bit for each open array or object.
 *
 * A library's parser would hold every string and number whole, and bound how deep records
 * may be nested: a snapshot is not ours to refuse for that. So bytes are taken one slice
 * at a time: its UTF-8 is checked first, then the scanner runs over it. What it is in the
 * middle of (token) has a reader; between tokens a table says for each byte what it is, and
 * another what may come.
 */
#include "base/json_stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/why.h"

#define SLICE	    (64u << 10)	/* bytes checked and scanned at a time, while they are in cache */
#define NAME_MAX    64		/* names are shorter */
#define NESTING_MIN 64		/* bytes */

#define REPLACEMENT 0xFFFD

/* What the scanner is in the middle of. */
enum token { TOKEN_NONE, TOKEN_STRING, TOKEN_ESCAPE, TOKEN_HEX, TOKEN_NUMBER, TOKEN_WORD, TOKEN_COUNT };

/* What may come when it is in the middle of none. */
enum expect {
	EXPECT_TOP,		/* a value, or the end of the text */
	EXPECT_VALUE,		/* after a comma in an array, or a colon */
	EXPECT_ITEM,		/* after [ */
	EXPECT_MEMBER,		/* after { */
	EXPECT_NAME,		/* after a comma in an object */
	EXPECT_COLON,
	EXPECT_MORE,		/* after a value in an array or object */
	EXPECT_COUNT
};

/* A place where records stand, and what is known of the one being read. */
struct level {
	enum json_place	 place;
	uint64_t	 depth;		/* arrays and objects around a record */
	enum json_kind	 kind;
	unsigned	 arrays;
	struct json_member members[JSON_STREAM_MEMBERS];
	struct json_member *next;	/* watched member whose name was read last */
	struct json_member *open;	/* watched array or object whose items are counted */
};

struct json_stream {
	json_record_fn	*on_record;
	void		*arg;

	const char *const *names;
	size_t		 name_lengths[JSON_STREAM_MEMBERS];
	unsigned	 count;
	uint64_t	 lengths;	/* bit n: a watched name has n bytes */

	enum expect	 expect;
	uint8_t		*nesting;	/* a bit for each that is open: 1 is an object */
	size_t		 nesting_size;
	uint64_t	 depth;		/* open arrays and objects */

	enum token	 token;
	bool		 is_name;	/* a string that is a member's name */
	bool		 is_wanted;	/* its text is to be kept */
	struct json_member *member;	/* that a scalar is the value of; NULL: of none that is watched */
	char		 head[NAME_MAX];	/* of its text */
	uint64_t	 length;
	unsigned	 digits;	/* of \u that were read */
	uint32_t	 code;		/* what they make */
	uint32_t	 half;		/* the half of a surrogate pair that came before; 0: none */
	uint8_t		 number;	/* enum number */
	const char	*word;		/* what is left of true, false, null or the byte order mark */

	struct level	 levels[2];	/* the second: items of an array in an object by itself */
	unsigned	 level_count;
	enum json_shape	 shape;
	uint64_t	 records;

	const char	*refusal;
	bool		 failed;
	uint64_t	 checked;	/* bytes of former slices */
	uint8_t		 cut[4];	/* start of a character that the last slice cut */
	size_t		 cut_len;
};

/* Something is wrong at p. */
static const uint8_t *
refuse(struct json_stream *s, const uint8_t *p, const char *reason)
{
	s->refusal = reason;
	return p;
}

/* ---- records and their members ---- */

static void
member_set(struct json_member *m, enum json_kind kind, const char *text, uint64_t len)
{
	size_t head = len < JSON_STREAM_HEAD ? (size_t)len : JSON_STREAM_HEAD - 1;

	m->kind = kind;
	m->is_true = false;
	m->length = len;
	memcpy(m->head, text, head);
	m->head[head] = '\0';
}

static void
record_begins(struct json_stream *s, struct level *l, enum json_kind kind)
{
	for (unsigned i = 0; i < s->count; i++)
		member_set(&l->members[i], JSON_ABSENT, "", 0);
	l->kind = kind;
	l->arrays = 0;
	l->next = l->open = NULL;
}

static void
record_ends(struct json_stream *s, const struct level *l)
{
	const struct json_record record = { l->place, l->kind, l->arrays, l->members };

	s->records += l->place != JSON_IN_ENVELOPE;
	if (s->on_record != NULL)
		s->on_record(&record, s->arg);
}

static bool
is_container(enum json_kind kind)
{
	return kind == JSON_ARRAY_VALUE || kind == JSON_OBJECT_VALUE;
}

static void
member_begins(struct json_stream *s, struct level *l, enum json_kind kind)
{
	l->arrays += kind == JSON_ARRAY_VALUE;
	if (l->next == NULL)
		return;
	s->member = l->next;
	member_set(s->member, kind, "", 0);
	if (is_container(kind))
		l->open = s->member;
	l->next = NULL;
}

/* A value at the top decides where records stand from here on. */
static void
top_begins(struct json_stream *s, enum json_kind kind)
{
	struct level *l = &s->levels[0];

	if (s->shape == JSON_SHAPE_EMPTY || s->shape == JSON_SHAPE_OTHER)
		s->shape = kind == JSON_ARRAY_VALUE ? JSON_SHAPE_ARRAY :
		    kind == JSON_OBJECT_VALUE ? JSON_SHAPE_RECORDS : JSON_SHAPE_OTHER;
	l->place = kind == JSON_ARRAY_VALUE ? JSON_IN_ARRAY : JSON_BY_ITSELF;
	l->depth = kind == JSON_ARRAY_VALUE;
}

/* It is a record, a member that is watched, an item to be counted, or nothing to us. */
static void
value_begins(struct json_stream *s, enum json_kind kind)
{
	uint64_t depth = s->depth;

	s->member = NULL;
	if (depth == 0)
		top_begins(s, kind);
	for (unsigned i = 0; i < s->level_count; i++) {
		struct level *l = &s->levels[i];

		if (depth == l->depth) {
			record_begins(s, l, kind);
			if (!is_container(kind))
				record_ends(s, l);
		} else if (depth == l->depth + 1) {
			member_begins(s, l, kind);
		} else if (depth == l->depth + 2 && l->open != NULL) {
			l->open->length++;
		}
	}
}

/* An array or object has ended, and depth are left. */
static void
container_ends(struct json_stream *s, uint64_t depth)
{
	if (s->level_count > 1 && depth == 1)
		s->level_count = 1;
	for (unsigned i = 0; i < s->level_count; i++) {
		struct level *l = &s->levels[i];

		if (depth == l->depth)
			record_ends(s, l);
		else if (depth == l->depth + 1)
			l->open = NULL;
	}
}

static void
name_ends(struct json_stream *s, struct level *l)
{
	size_t len = (size_t)s->length;

	l->next = NULL;
	if (s->length >= NAME_MAX || (s->lengths >> len & 1) == 0)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		if (s->name_lengths[i] == len && memcmp(s->names[i], s->head, len) == 0) {
			l->next = &l->members[i];
			return;
		}
	}
}

/* The level whose records' members stand at this depth; or NULL. */
static struct level *
level_of_members(struct json_stream *s)
{
	for (unsigned i = 0; i < s->level_count; i++)
		if (s->depth == s->levels[i].depth + 1)
			return &s->levels[i];
	return NULL;
}

/* ---- arrays and objects ---- */

static bool
in_object(const struct json_stream *s)
{
	return (s->nesting[(s->depth - 1) / 8] >> (s->depth - 1) % 8 & 1) != 0;
}

static void
nest(struct json_stream *s, bool object)
{
	size_t at = (size_t)(s->depth / 8);
	uint8_t bit = (uint8_t)(1u << s->depth % 8);

	if (at == s->nesting_size) {
		s->nesting_size *= 2;
		s->nesting = xrealloc(s->nesting, s->nesting_size);
	}
	s->nesting[at] = object ? s->nesting[at] | bit : s->nesting[at] & (uint8_t)~bit;
	s->depth++;
}

static const uint8_t *
on_open(struct json_stream *s, const uint8_t *p)
{
	bool object = *p == '{';

	if (s->depth == JSON_STREAM_DEPTH)
		return refuse(s, p, "arrays and objects are nested deeper than 16 million levels");
	value_begins(s, object ? JSON_OBJECT_VALUE : JSON_ARRAY_VALUE);
	if (!object && s->depth == 1 && s->levels[0].place == JSON_BY_ITSELF &&
	    s->levels[0].kind == JSON_OBJECT_VALUE)
		s->level_count = 2;
	nest(s, object);
	s->expect = object ? EXPECT_MEMBER : EXPECT_ITEM;
	return p + 1;
}

static void
value_ended(struct json_stream *s)
{
	s->expect = s->depth == 0 ? EXPECT_TOP : EXPECT_MORE;
}

static const uint8_t *
on_close(struct json_stream *s, const uint8_t *p)
{
	if (s->depth == 0 || in_object(s) != (*p == '}'))
		return refuse(s, p, "a bracket closes what was not opened");
	s->depth--;
	container_ends(s, s->depth);
	value_ended(s);
	return p + 1;
}

static const uint8_t *
on_comma(struct json_stream *s, const uint8_t *p)
{
	s->expect = in_object(s) ? EXPECT_NAME : EXPECT_VALUE;
	return p + 1;
}

static const uint8_t *
on_colon(struct json_stream *s, const uint8_t *p)
{
	s->expect = EXPECT_VALUE;
	return p + 1;
}

/* ---- text of tokens ---- */

static void
text_begins(struct json_stream *s, bool wanted)
{
	s->is_wanted = wanted;
	s->length = 0;
	s->half = 0;
}

static void
text_add(struct json_stream *s, const void *p, size_t len)
{
	if (s->length < sizeof(s->head)) {
		size_t room = sizeof(s->head) - (size_t)s->length;

		memcpy(s->head + s->length, p, len < room ? len : room);
	}
	s->length += len;
}

static void
text_add_code(struct json_stream *s, uint32_t code)
{
	uint8_t bytes[4];
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	for (size_t i = len; i-- > 1; code >>= 6)
		bytes[i] = (uint8_t)(0x80 | (code & 0x3F));
	bytes[0] = (uint8_t)(leads[len] | code);
	text_add(s, bytes, len);
}

/* Half of a pair that stays alone is text for the grammar, but no character. */
static void
text_ends_half(struct json_stream *s)
{
	if (s->half != 0)
		text_add_code(s, REPLACEMENT);
	s->half = 0;
}

static void
text_add_unit(struct json_stream *s, uint32_t unit)
{
	bool second = (unit & 0xFC00) == 0xDC00;

	if (s->half != 0 && second) {
		text_add_code(s, 0x10000 + ((s->half & 0x3FF) << 10) + (unit & 0x3FF));
		s->half = 0;
		return;
	}
	text_ends_half(s);
	if ((unit & 0xFC00) == 0xD800)
		s->half = unit;
	else
		text_add_code(s, second ? REPLACEMENT : unit);
}

/* ---- strings ---- */

static const uint8_t *
on_quote(struct json_stream *s, const uint8_t *p)
{
	s->is_name = s->expect == EXPECT_MEMBER || s->expect == EXPECT_NAME;
	if (!s->is_name)
		value_begins(s, JSON_STRING_VALUE);
	text_begins(s, s->is_name ? level_of_members(s) != NULL : s->member != NULL);
	s->token = TOKEN_STRING;
	return p + 1;
}

static void
string_ends(struct json_stream *s)
{
	s->token = TOKEN_NONE;
	if (s->is_wanted)
		text_ends_half(s);
	if (s->is_name) {
		if (s->is_wanted)
			name_ends(s, level_of_members(s));
		s->expect = EXPECT_COLON;
		return;
	}
	if (s->is_wanted)
		member_set(s->member, JSON_STRING_VALUE, s->head, s->length);
	value_ended(s);
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* True when one of the eight is a quote, a backslash or a control character. */
static bool
has_special(uint64_t word)
{
	uint64_t quote = word ^ EACH('"'), escape = word ^ EACH('\\');

	return (((quote - EACH(1)) & ~quote) | ((escape - EACH(1)) & ~escape) |
	    ((word - EACH(0x20)) & ~word)) >> 7 & EACH(1);
}

static const uint8_t *
skip_plain(const uint8_t *p, const uint8_t *end)
{
	uint64_t word;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, 8);
		if (has_special(word))
			break;
	}
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
		p++;
	return p;
}

static const uint8_t *
read_string(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *plain = skip_plain(p, end);

	if (s->is_wanted && plain > p) {
		text_ends_half(s);
		text_add(s, p, (size_t)(plain - p));
	}
	if (plain == end)
		return end;
	if (*plain == '"')
		string_ends(s);
	else if (*plain == '\\')
		s->token = TOKEN_ESCAPE;
	else
		return refuse(s, plain, "a control character stands in a string");
	return plain + 1;
}

static const uint8_t *
read_escape(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found = *p != '\0' ? strchr(escapes, *p) : NULL;

	(void)end;
	if (*p == 'u') {
		s->token = TOKEN_HEX;
		s->digits = s->code = 0;
		return p + 1;
	}
	if (found == NULL)
		return refuse(s, p, "a string has an escape that JSON does not know");
	if (s->is_wanted) {
		text_ends_half(s);
		text_add(s, &meant[found - escapes], 1);
	}
	s->token = TOKEN_STRING;
	return p + 1;
}

static int
hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static const uint8_t *
read_hex(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	int value = hex_value(*p);

	(void)end;
	if (value < 0)
		return refuse(s, p, "\\u is not followed by four hexadecimal digits");
	s->code = s->code << 4 | (uint32_t)value;
	if (++s->digits < 4)
		return p + 1;
	if (s->is_wanted)
		text_add_unit(s, s->code);
	s->token = TOKEN_STRING;
	return p + 1;
}

/* ---- numbers ---- */

enum number {
	NUMBER_ENDS, NUMBER_MINUS, NUMBER_ZERO, NUMBER_LED, NUMBER_WHOLE, NUMBER_POINT, NUMBER_FRACTION, NUMBER_E,
	NUMBER_SIGN, NUMBER_EXPONENT, NUMBER_COUNT
};

enum figure { FIGURE_NONE, FIGURE_MINUS, FIGURE_PLUS, FIGURE_ZERO, FIGURE_DIGIT, FIGURE_POINT, FIGURE_E, FIGURE_COUNT };

static const uint8_t figures[256] = {
	['-'] = FIGURE_MINUS, ['+'] = FIGURE_PLUS, ['0'] = FIGURE_ZERO, ['1' ... '9'] = FIGURE_DIGIT,
	['.'] = FIGURE_POINT, ['e'] = FIGURE_E, ['E'] = FIGURE_E,
};

static const uint8_t number_after[NUMBER_COUNT][FIGURE_COUNT] = {
	[NUMBER_ENDS]	  = { [FIGURE_MINUS] = NUMBER_MINUS, [FIGURE_ZERO] = NUMBER_ZERO, [FIGURE_DIGIT] = NUMBER_WHOLE },
	[NUMBER_MINUS]	  = { [FIGURE_ZERO] = NUMBER_ZERO, [FIGURE_DIGIT] = NUMBER_WHOLE },
	/* None is led by a zero: at the top it would be two. */
	[NUMBER_ZERO]	  = { [FIGURE_ZERO] = NUMBER_LED, [FIGURE_DIGIT] = NUMBER_LED, [FIGURE_POINT] = NUMBER_POINT, [FIGURE_E] = NUMBER_E },
	[NUMBER_WHOLE]	  = { [FIGURE_ZERO] = NUMBER_WHOLE, [FIGURE_DIGIT] = NUMBER_WHOLE,
			      [FIGURE_POINT] = NUMBER_POINT, [FIGURE_E] = NUMBER_E },
	[NUMBER_POINT]	  = { [FIGURE_ZERO] = NUMBER_FRACTION, [FIGURE_DIGIT] = NUMBER_FRACTION },
	[NUMBER_FRACTION] = { [FIGURE_ZERO] = NUMBER_FRACTION, [FIGURE_DIGIT] = NUMBER_FRACTION, [FIGURE_E] = NUMBER_E },
	[NUMBER_E]	  = { [FIGURE_MINUS] = NUMBER_SIGN, [FIGURE_PLUS] = NUMBER_SIGN,
			      [FIGURE_ZERO] = NUMBER_EXPONENT, [FIGURE_DIGIT] = NUMBER_EXPONENT },
	[NUMBER_SIGN]	  = { [FIGURE_ZERO] = NUMBER_EXPONENT, [FIGURE_DIGIT] = NUMBER_EXPONENT },
	[NUMBER_EXPONENT] = { [FIGURE_ZERO] = NUMBER_EXPONENT, [FIGURE_DIGIT] = NUMBER_EXPONENT },
};

static const bool number_is_whole[NUMBER_COUNT] = {
	[NUMBER_ZERO] = true, [NUMBER_WHOLE] = true, [NUMBER_FRACTION] = true, [NUMBER_EXPONENT] = true,
};

static const uint8_t *
on_figure(struct json_stream *s, const uint8_t *p)
{
	value_begins(s, JSON_NUMBER_VALUE);
	text_begins(s, s->member != NULL);
	s->token = TOKEN_NUMBER;
	s->number = NUMBER_ENDS;
	return p;		/* its reader takes it */
}

static bool
number_ends(struct json_stream *s)
{
	if (!number_is_whole[s->number])
		return false;
	if (s->is_wanted)
		member_set(s->member, JSON_NUMBER_VALUE, s->head, s->length);
	s->token = TOKEN_NONE;
	value_ended(s);
	return true;
}

static const uint8_t *
read_number(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *from = p;
	uint8_t after = NUMBER_MINUS;

	while (p < end && (after = number_after[s->number][figures[*p]]) != NUMBER_ENDS) {
		s->number = after;
		p++;
	}
	if (s->is_wanted)
		text_add(s, from, (size_t)(p - from));
	if (after == NUMBER_ENDS && !number_ends(s))
		return refuse(s, p, "a number breaks off");
	return p;
}

/* ---- words ---- */

static const uint8_t *
on_letter(struct json_stream *s, const uint8_t *p)
{
	static const char *const words[] = { ['t'] = "true", ['f'] = "false", ['n'] = "null" };

	value_begins(s, *p == 'n' ? JSON_NULL_VALUE : JSON_BOOL_VALUE);
	if (s->member != NULL)
		s->member->is_true = *p == 't';
	s->word = &words[*p][1];
	s->token = TOKEN_WORD;
	return p + 1;
}

/* Files that were put one behind the other may each begin with one. */
static const uint8_t *
on_mark(struct json_stream *s, const uint8_t *p)
{
	static const char mark[] = "\xEF\xBB\xBF";

	s->word = &mark[1];
	s->token = TOKEN_WORD;
	return p + 1;
}

static void
word_ends(struct json_stream *s)
{
	s->token = TOKEN_NONE;
	value_ended(s);
}

static bool
is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* What follows its last letter must not be one: "truefalse" is no two words. */
static const uint8_t *
read_word(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	(void)end;
	if (*s->word == '\0' && !(is_letter(*p) && is_letter((uint8_t)s->word[-1]))) {
		word_ends(s);
		return p;
	}
	if (*p != (uint8_t)*s->word)
		return refuse(s, p, "it is neither true, false nor null");
	s->word++;
	return p + 1;
}

/* ---- between tokens ---- */

enum class { CLASS_NONE, CLASS_SPACE, CLASS_QUOTE, CLASS_FIGURE, CLASS_LETTER, CLASS_OPEN, CLASS_CLOSE_ARRAY,
	CLASS_CLOSE_OBJECT, CLASS_COMMA, CLASS_COLON, CLASS_MARK, CLASS_COUNT };

static const uint8_t classes[256] = {
	[' '] = CLASS_SPACE, ['\t'] = CLASS_SPACE, ['\r'] = CLASS_SPACE, ['\n'] = CLASS_SPACE,
	['"'] = CLASS_QUOTE, ['-'] = CLASS_FIGURE, ['0' ... '9'] = CLASS_FIGURE,
	['t'] = CLASS_LETTER, ['f'] = CLASS_LETTER, ['n'] = CLASS_LETTER,
	['['] = CLASS_OPEN, ['{'] = CLASS_OPEN, [']'] = CLASS_CLOSE_ARRAY, ['}'] = CLASS_CLOSE_OBJECT,
	[','] = CLASS_COMMA, [':'] = CLASS_COLON, [0xEF] = CLASS_MARK,
};

static const uint8_t *(*const on_class[CLASS_COUNT])(struct json_stream *, const uint8_t *) = {
	[CLASS_QUOTE] = on_quote, [CLASS_FIGURE] = on_figure, [CLASS_LETTER] = on_letter, [CLASS_OPEN] = on_open,
	[CLASS_CLOSE_ARRAY] = on_close, [CLASS_CLOSE_OBJECT] = on_close, [CLASS_COMMA] = on_comma,
	[CLASS_COLON] = on_colon, [CLASS_MARK] = on_mark,
};

#define A(class) (1u << CLASS_##class)
#define VALUE	 (A(QUOTE) | A(FIGURE) | A(LETTER) | A(OPEN))

static const struct {
	unsigned    allowed;	/* classes */
	const char *refusal;
} expected[EXPECT_COUNT] = {
	[EXPECT_TOP]	= { VALUE | A(MARK), "no JSON value begins like this" },
	[EXPECT_VALUE]	= { VALUE, "a value is missing" },
	[EXPECT_ITEM]	= { VALUE | A(CLOSE_ARRAY), "neither a value nor the end of the array" },
	[EXPECT_MEMBER] = { A(QUOTE) | A(CLOSE_OBJECT), "neither a name in quotes nor the end of the object" },
	[EXPECT_NAME]	= { A(QUOTE), "a name in quotes is missing" },
	[EXPECT_COLON]	= { A(COLON), "a colon is missing" },
	[EXPECT_MORE]	= { A(COMMA) | A(CLOSE_ARRAY) | A(CLOSE_OBJECT), "neither a comma nor the end of an array or object" },
};

static const uint8_t *
read_between(struct json_stream *s, const uint8_t *p, const uint8_t *end)
{
	while (p < end && s->token == TOKEN_NONE) {
		uint8_t class = classes[*p];

		if (class == CLASS_SPACE) {
			p++;
			continue;
		}
		if ((expected[s->expect].allowed >> class & 1) == 0)
			return refuse(s, p, expected[s->expect].refusal);
		p = on_class[class](s, p);
		if (s->refusal != NULL)
			break;
	}
	return p;
}

/* ---- slices ---- */

static int
fail_at(struct json_stream *s, struct why *why, uint64_t offset, const char *reason)
{
	s->failed = true;
	return why_set(why, EINVAL, "not JSON near byte %llu: %s", (unsigned long long)offset, reason);
}

static int
check_utf8(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	static const char broken[] = "broken UTF-8";
	size_t i = 0;
	int step;

	while (s->cut_len > 0 && i < len) {
		s->cut[s->cut_len++] = p[i++];
		step = utf8_sequence(s->cut, s->cut_len);
		if (step == 0)
			return fail_at(s, why, s->checked + i - 1, broken);
		if (step > 0)
			s->cut_len = 0;
	}
	i += utf8_prefix(p + i, len - i);
	if (i == len)
		return 0;
	if (utf8_sequence(p + i, len - i) != UTF8_CUT)
		return fail_at(s, why, s->checked + i, broken);
	s->cut_len = len - i;
	memcpy(s->cut, p + i, s->cut_len);
	return 0;
}

static int
scan(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	static const uint8_t *(*const readers[TOKEN_COUNT])(struct json_stream *, const uint8_t *, const uint8_t *) = {
		[TOKEN_NONE] = read_between, [TOKEN_STRING] = read_string, [TOKEN_ESCAPE] = read_escape,
		[TOKEN_HEX] = read_hex, [TOKEN_NUMBER] = read_number, [TOKEN_WORD] = read_word,
	};
	const uint8_t *from = p, *end = p + len;

	while (p < end && s->refusal == NULL)
		p = readers[s->token](s, p, end);
	return s->refusal == NULL ? 0 : fail_at(s, why, s->checked + (uint64_t)(p - from), s->refusal);
}

int
json_stream_feed(struct json_stream *s, const void *p, size_t len, struct why *why)
{
	const uint8_t *from = p;
	size_t n;
	int r;

	assert(!s->failed);
	for (; len > 0; from += n, len -= n) {
		n = len < SLICE ? len : SLICE;
		if ((r = check_utf8(s, from, n, why)) < 0 || (r = scan(s, from, n, why)) < 0)
			return r;
		s->checked += n;
	}
	return 0;
}

int
json_stream_end(struct json_stream *s, struct why *why)
{
	assert(!s->failed);
	if (s->token == TOKEN_NUMBER && !number_ends(s))
		return fail_at(s, why, s->checked, "it ends within a number");
	if (s->token == TOKEN_WORD && *s->word == '\0')
		word_ends(s);
	if (s->token != TOKEN_NONE || s->depth > 0)
		return fail_at(s, why, s->checked, s->depth > 0 ? "it ends within an array or object" :
		    "it ends within a value");
	return 0;
}

enum json_shape
json_stream_shape(const struct json_stream *s)
{
	return s->shape;
}

uint64_t
json_stream_records(const struct json_stream *s)
{
	return s->records;
}

/* ---- making and ending ---- */

static void
watch_names(struct json_stream *s, const char *const *names, unsigned count)
{
	assert(count <= JSON_STREAM_MEMBERS);
	s->names = names;
	s->count = count;
	for (unsigned i = 0; i < count; i++) {
		s->name_lengths[i] = strlen(names[i]);
		assert(s->name_lengths[i] < NAME_MAX);
		s->lengths |= UINT64_C(1) << s->name_lengths[i];
	}
}

struct json_stream *
json_stream_new(const char *const *names, unsigned count, json_record_fn *on_record, void *arg)
{
	struct json_stream *s = xcalloc(1, sizeof(*s));

	s->on_record = on_record;
	s->arg = arg;
	watch_names(s, names, count);
	s->nesting_size = NESTING_MIN;
	s->nesting = xcalloc(1, s->nesting_size);
	s->levels[1].place = JSON_IN_ENVELOPE;
	s->levels[1].depth = 2;
	s->level_count = 1;
	return s;
}

void
json_stream_free(struct json_stream *s)
{
	if (s == NULL)
		return;
	free(s->nesting);
	free(s);
}
