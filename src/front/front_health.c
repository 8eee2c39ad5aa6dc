/*
 * front_health.c - GET /health: 200 when crawls can be taken and worked on, 503 and
 * the check that failed when not. A publisher or a provider that is away is told but
 * does not make trawld unhealthy: events wait in the outbox, crawls in the store.
 */
#include "front/front.h"

static const char none_connected[] = "none connected";

static const struct {
	const char *name;
	const char *check;
} providers[PROVIDER_STATE_COUNT] = {
	[PROVIDER_OK] = { "ok", "ok" },
	[PROVIDER_LIMITED] = { "limited", "wants fewer calls; crawls wait" },
	[PROVIDER_AWAY] = { "away", "cannot be reached; crawls are taken and wait" },
	[PROVIDER_KEY_REFUSED] = { "key_refused", "refuses the API key or the account, or is not the API (see last_error); crawls are taken and wait" },
};

static void
write_head(struct call *call, bool healthy, int64_t active)
{
	struct json_out *json = front_begin(call);
	const struct conf *conf = call->front->conf;

	json_out_member(json, "status", healthy ? "healthy" : "unhealthy");
	json_out_member(json, "service", "data-ingestion");
	front_member_now(call, "timestamp");
	json_out_key(json, "background_tasks");
	json_out_open(json);
	json_out_member_int(json, "active_count", active);
	json_out_member_int(json, "max_workers", conf->background_max_workers);
	json_out_member_bool(json, "enabled", conf->background_polling_enabled);
	json_out_close(json);
}

static void
send_health(struct call *call, bool healthy)
{
	if (!healthy)
		front_header(call, "Retry-After", "2");
	front_send(call, healthy ? 200 : 503);
}

static void
write_checks(struct json_out *json, const struct msg_health_answer *health)
{
	json_out_key(json, "checks");
	json_out_open(json);
	json_out_member(json, "keeper", "ok");
	json_out_member(json, "store", health->store_ok ? "ok" : "cannot be written; what is in it is told");
	json_out_member(json, "disk", health->disk_read_only ? "read-only: nothing is begun until it can be written" :
	    health->disk_low ? "full: no crawl is begun until there is room" : "ok");
	json_out_member(json, "pollers", health->pollers > 0 ? "ok" : none_connected);
	json_out_member(json, "publisher", health->publishers > 0 ? "ok" : none_connected);
	json_out_member(json, "provider", providers[health->provider].check);
	json_out_close(json);
}

static void
write_provider(struct json_out *json, const struct msg_health_answer *health)
{
	json_out_member_bool(json, "provider_paused", health->provider != PROVIDER_OK);
	json_out_key(json, "provider");
	json_out_open(json);
	json_out_member(json, "state", providers[health->provider].name);
	json_out_member_time(json, "until", health->provider_until_ms);
	json_out_member_int(json, "calls_in_flight", health->provider_calls);
	json_out_member_int(json, "calls_max", health->provider_calls_max);
	json_out_member_int(json, "refusals_in_5_minutes", health->provider_refusals);
	json_out_close(json);
}

static void
write_counts(struct json_out *json, const struct msg_health_answer *health)
{
	json_out_key(json, "crawls");
	json_out_open(json);
	for (unsigned i = 0; i < CRAWL_STATE_COUNT; i++)
		json_out_member_int(json, crawl_state_name(i), health->counts[i]);
	json_out_close(json);
	json_out_member_int(json, "pollers", health->pollers);
	json_out_key(json, "outbox");
	json_out_open(json);
	json_out_member_int(json, "events", (int64_t)health->outbox);
	front_member_seconds(json, "oldest_seconds", health->outbox_age_ms);
	json_out_close(json);
	front_member_seconds(json, "overdue_seconds", health->oldest_due_ms);
	write_provider(json, health);
	json_out_member(json, "last_error", health->last_error[0] != '\0' ? health->last_error : NULL);
}

static void
health_on_health(struct call *call, const struct msg_health_answer *health)
{
	bool healthy = health->store_ok && !health->disk_low && health->pollers > 0;
	int64_t active = 0;

	for (unsigned i = 0; i < CRAWL_STATE_COUNT; i++) {
		if (!crawl_is_terminal(i))
			active += health->counts[i];
	}
	write_head(call, healthy, active);
	write_checks(&call->front->json, health);
	write_counts(&call->front->json, health);
	send_health(call, healthy);
}

static void
health_on_late(struct call *call, bool away)
{
	struct json_out *json = &call->front->json;

	write_head(call, false, 0);
	json_out_key(json, "checks");
	json_out_open(json);
	json_out_member(json, "keeper", away ? "restarting" : "does not answer");
	json_out_close(json);
	send_health(call, false);
}

static void
health_put(struct call *call, struct wire_out *out)
{
	struct msg_health_read read = { .request = call->token };

	msg_health_read_put(out, &read);
}

static const struct question health_question = {
	.put = health_put,
	.on_health = health_on_health,
	.on_late = health_on_late,
};

void
front_on_health(struct call *call)
{
	front_ask(call, &health_question, FRONT_HEALTH_MS);
}
