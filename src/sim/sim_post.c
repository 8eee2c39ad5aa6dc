/* sim_post.c - the dispatch to the generators, and what their records end with. */
#include "sim/sim_post.h"

#include <string.h>

#include "sim/sim_post_shapes.h"

struct shape {
	post_write_fn		*write;
	const char *const	*keys;
};

static const struct platform_row {
	struct shape		 posts;
	bool			 echo_omitted;	/* inputs left out come back as "" */
	bool			 null_discovery;	/* "discovery_input":null in jobs by URL */
} platforms[] = {
	[SIM_FACEBOOK] = { { post_facebook, facebook_keys }, true, false },
	[SIM_INSTAGRAM] = { { post_instagram, instagram_keys }, false, false },
	[SIM_TIKTOK] = { { post_tiktok, tiktok_keys }, false, false },
	[SIM_YOUTUBE] = { { post_youtube, youtube_keys }, true, false },
	[SIM_LINKEDIN] = { { post_linkedin, linkedin_keys }, true, true },
	[SIM_X] = { { post_x, x_keys }, true, true },
	[SIM_REDDIT] = { { post_reddit, reddit_keys }, false, false },
};

/* What is no post looks alike on every platform: nobody reads it yet. */
static const struct shape others[] = {
	[SIM_COMMENTS] = { post_comment, comment_keys },
	[SIM_PROFILES] = { post_profile, profile_keys },
	[SIM_VACANCIES] = { post_vacancy, vacancy_keys },
};

static const struct shape *
shape_of(const struct dataset *d)
{
	return d->subject == SIM_POSTS ? &platforms[d->platform].posts : &others[d->subject];
}

void
post_write(struct post *post, struct json_out *o)
{
	json_out_open(o);
	shape_of(post->dataset)->write(post, o);
	post_write_echo(post, o);
	if (post->null_error) {
		json_out_key(o, "error");
		json_out_null(o);
	}
	json_out_close(o);
}

void
post_write_nulls(const struct post *post, struct json_out *o)
{
	part_nulls(o, shape_of(post->dataset)->keys);
}

static void
write_row(const struct post *post, bool omitted, struct json_out *o)
{
	json_out_open(o);
	for (const struct field *f = post->mode->fields; f->name; f++) {
		const json_t *value = json_object_get(post->input, f->name);
		char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

		if (text) {
			json_out_key(o, f->name);
			json_out_raw(o, text, strlen(text));
		} else if (omitted) {
			json_out_member(o, f->name, "");
		}
		free(text);
	}
	json_out_close(o);
}

void
post_write_echo(const struct post *post, struct json_out *o)
{
	const struct platform_row *row = &platforms[post->dataset->platform];
	bool child = post->mode->discover_by && post->url[0];

	json_out_member_time(o, "timestamp", post->collected_ms);
	json_out_key(o, "input");
	if (child) {
		json_out_open(o);
		json_out_member(o, "url", post->url);
		json_out_close(o);
		json_out_key(o, "discovery_input");
	}
	write_row(post, row->echo_omitted, o);
	if (!child && row->null_discovery) {
		json_out_key(o, "discovery_input");
		json_out_null(o);
	}
}
