/* sim_post_parts.c - the parts that the generators share. */
#include "sim/sim_post_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const char *const words[] = {
	"new", "today", "our", "team", "the", "season", "launch", "together", "watch", "more",
	"people", "city", "best", "story", "first", "live", "from", "with", "summer", "winner",
};
static const char *const emoji[] = {
	"\xf0\x9f\x9a\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x8e\x89", "\xf0\x9f\x94\xa5"
};
static const char *const emoji_escaped[] = {
	"\\ud83d\\ude80", "\\ud83d\\ude00", "\\ud83c\\udf89", "\\ud83d\\udd25"
};

void
part_text(struct post *post, struct json_out *o, const char *key, unsigned count)
{
	char text[4096] = "\"";
	size_t n = 1;

	/* Padding of 0 to 3 bytes moves every emoji to another offset. */
	for (uint32_t pad = random_below(&post->random, 4); pad > 0; pad--)
		text[n++] = '-';
	for (unsigned i = 0; i < count && n + 40 < sizeof text; i++) {
		uint32_t pick = random_below(&post->random, 8);
		const char *piece = words[random_below(&post->random, countof(words))];

		if (pick == 0)
			piece = emoji[random_below(&post->random, countof(emoji))];
		else if (pick == 1)
			piece = emoji_escaped[random_below(&post->random, countof(emoji))];
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", piece,
		    pick == 2 ? "\\n" : " ");
	}
	text[n++] = '"';
	json_out_key(o, key);
	json_out_raw(o, text, n);
}

void
part_count(struct post *post, struct json_out *o, const char *key, uint32_t below)
{
	uint32_t value = random_below(&post->random, below);
	uint32_t form = random_below(&post->random, 20);
	char text[16];

	json_out_key(o, key);
	(void)snprintf(text, sizeof text, "%u", value);
	if (form == 0)
		json_out_null(o);
	else if (form == 1)
		json_out_string(o, text);
	else
		json_out_int(o, value);
}

static void
media_url_make(struct post *post, char *dst, size_t size, const char *suffix)
{
	(void)snprintf(dst, size,
	    "https://cdn.example.net/v/t39/%016llx_n%s?stp=dst&oh=%016llx&oe=%08X",
	    (unsigned long long)random_next(&post->random), suffix,
	    (unsigned long long)random_next(&post->random),
	    random_below(&post->random, UINT32_MAX));
}

void
part_media_url(struct post *post, struct json_out *o, const char *key, const char *suffix)
{
	char url[160];

	media_url_make(post, url, sizeof url, suffix);
	json_out_member(o, key, url);
}

void
part_media_urls(struct post *post, struct json_out *o, const char *key, unsigned count,
    const char *suffix)
{
	char url[160];

	json_out_key(o, key);
	if (count == 0) {
		json_out_null(o);
		return;
	}
	json_out_open_array(o);
	while (count-- > 0) {
		media_url_make(post, url, sizeof url, suffix);
		json_out_string(o, url);
	}
	json_out_close_array(o);
}

void
part_nulls(struct json_out *o, const char *const *keys)
{
	for (; *keys; keys++) {
		json_out_key(o, *keys);
		json_out_null(o);
	}
}

void
part_make_id(struct post *post, unsigned digits)
{
	unsigned n;

	post->id[0] = (char)('1' + random_below(&post->random, 9));
	for (n = 1; n < digits && n < sizeof post->id - 1; n++)
		post->id[n] = (char)('0' + random_below(&post->random, 10));
	post->id[n] = '\0';
}

void
part_handle(const struct post *post, char *dst, size_t size)
{
	const char *subject = mode_subject(post->mode, post->input);
	size_t len = strlen(subject), from, n = 0;

	while (len > 0 && subject[len - 1] == '/')
		len--;
	for (from = len; from > 0 && subject[from - 1] != '/'; from--)
		;
	for (; from < len && n + 1 < size && n < 40; from++)
		if (isalnum((unsigned char)subject[from]) || strchr("-_.@", subject[from]))
			dst[n++] = subject[from];
	if (n == 0)
		n = (size_t)snprintf(dst, size, "someone");
	dst[n] = '\0';
}

unsigned
part_pick(struct post *post, const unsigned *weights)
{
	uint32_t n = random_below(&post->random, 100);
	unsigned place = 0;

	while (n >= weights[place])
		n -= weights[place++];
	return place;
}
