/*
 * sim_post_other.c - rows that are no posts: comments, profiles, vacancies. Their keys
 * are a plain choice of what the provider's rows have.
 */
#include <stdio.h>

#include "sim/sim_post_shapes.h"

static const char *const sites[] = {
	[SIM_FACEBOOK] = "https://www.facebook.com", [SIM_INSTAGRAM] = "https://www.instagram.com",
	[SIM_TIKTOK] = "https://www.tiktok.com", [SIM_YOUTUBE] = "https://www.youtube.com",
	[SIM_LINKEDIN] = "https://www.linkedin.com", [SIM_X] = "https://x.com",
	[SIM_REDDIT] = "https://www.reddit.com",
};

const char *const comment_keys[] = { "comment_id", "url", "post_url", "user_name", "text", "date",
	"likes", "replies", NULL };

void
post_comment(struct post *post, struct json_out *o)
{
	const char *of = mode_subject(post->mode, post->input);
	char user[24];

	part_make_id(post, 17);
	(void)snprintf(post->url, sizeof post->url, "%.120s?comment_id=%s", of, post->id);
	(void)snprintf(user, sizeof user, "user_%u", random_below(&post->random, 1000000));
	json_out_member(o, "comment_id", post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "post_url", of);
	json_out_member(o, "user_name", user);
	part_text(post, o, "text", 2 + random_below(&post->random, 30));
	json_out_member_time(o, "date", post->posted_ms);
	part_count(post, o, "likes", 900);
	part_count(post, o, "replies", 20);
}

/* Who was named has the address that was given; who was found, one of the platform. */
static void
make_found_url(struct post *post, const char *handle)
{
	const char *site = sites[post->dataset->platform];

	if (post->mode->many)
		(void)snprintf(post->url, sizeof post->url, "%s/%s-%s", site, handle, post->id);
	else if (post->mode->discover_by)
		(void)snprintf(post->url, sizeof post->url, "%s/%s", site, handle);
	else
		(void)snprintf(post->url, sizeof post->url, "%.150s",
		    mode_subject(post->mode, post->input));
}

const char *const profile_keys[] = { "id", "url", "name", "biography", "followers", "following",
	"posts_count", "is_verified", "avatar", NULL };

void
post_profile(struct post *post, struct json_out *o)
{
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 12);
	make_found_url(post, handle);
	json_out_member(o, "id", post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "name", handle);
	part_text(post, o, "biography", 5 + random_below(&post->random, 20));
	part_count(post, o, "followers", 9000000);
	part_count(post, o, "following", 9000);
	part_count(post, o, "posts_count", 9000);
	json_out_member_bool(o, "is_verified", random_chance(&post->random, 20));
	part_media_url(post, o, "avatar", ".jpg");
}

const char *const vacancy_keys[] = { "job_posting_id", "url", "job_title", "company_name",
	"job_location", "job_posted_date", "job_num_applicants", "job_summary", NULL };

void
post_vacancy(struct post *post, struct json_out *o)
{
	const char *location = json_text(post->input, "location");
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 10);
	make_found_url(post, handle);
	json_out_member(o, "job_posting_id", post->id);
	json_out_member(o, "url", post->url);
	part_text(post, o, "job_title", 3);
	json_out_member(o, "company_name", handle);
	json_out_member(o, "job_location", location);
	json_out_member_time(o, "job_posted_date", post->posted_ms);
	part_count(post, o, "job_num_applicants", 500);
	part_text(post, o, "job_summary", 30 + random_below(&post->random, 60));
}
