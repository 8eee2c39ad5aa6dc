/*
 * Every reader of the provider's answers: any status, any body. The first two
 * bytes choose how the call ended and the status, the rest is the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "provider/answer.h"
#include "provider/brightdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What goes out into messages and logs. */
static void
check(const struct verdict *verdict)
{
	if (verdict->outcome >= OUTCOME_COUNT || verdict->error >= ERROR_CODE_COUNT ||
	    verdict->retry_after_ms < 0 || memchr(verdict->text, '\0', sizeof(verdict->text)) == NULL)
		abort();
	for (const unsigned char *p = (const unsigned char *)verdict->text; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f)
			abort();
}

static void
read_all(const struct http_answer *answer)
{
	struct provider_page page = { "gd_1", 0, INT64_MAX, 0, 1000 };
	char snapshot_id[SNAPSHOT_ID_SIZE];
	struct provider_progress progress;
	struct provider_list list;
	struct verdict verdict;
	uint8_t digest[SHA256_SIZE];
	bool empty;

	brightdata_read_trigger(answer, &verdict, snapshot_id);
	check(&verdict);
	if (verdict.outcome == OUTCOME_OK && snapshot_id_check(snapshot_id) < 0)
		abort();
	brightdata_read_progress(answer, &verdict, &progress);
	check(&verdict);
	if (memchr(progress.word, '\0', sizeof(progress.word)) == NULL)
		abort();
	brightdata_read_data(answer, &verdict, &empty);
	check(&verdict);
	(void)brightdata_read_message(answer->body, answer->body_len, answer->body_len % 3, &verdict, &empty);
	(void)answer_is_whole(answer->body, answer->body_len);
	check(&verdict);
	brightdata_read_cancel(answer, &verdict);
	check(&verdict);
	if (brightdata_read_list(answer, &page, &list, &verdict) && list.count > list.rows)
		abort();
	for (unsigned i = 0; i < list.count; i++)
		if (snapshot_id_check(list.jobs[i].snapshot_id) < 0)
			abort();
	free(list.jobs);
	check(&verdict);
	(void)brightdata_read_input(answer, digest, &verdict);
	check(&verdict);
	if (brightdata_text_wait_ms(answer->body, answer->body_len) > ANSWER_WAIT_MAX_MS)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const int statuses[] = { 200, 200, 200, 202, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 0 };
	struct http_answer answer = { .content_length = -1 };
	char *body;

	if (len < 2 || len > 2 + PROVIDER_ANSWER_MAX)
		return 0;
	answer.verdict = (p[0] & 0xc0) == 0xc0 ? (enum net_verdict)(p[0] % 5) : NET_ANSWERED;
	answer.status = statuses[p[1] % countof(statuses)];
	answer.retry_after_ms = p[0] * 1000;
	body = malloc(len - 1);
	if (body == NULL)
		return 0;
	memcpy(body, p + 2, len - 2);
	body[len - 2] = '\0';
	answer.body = body;
	answer.body_len = len - 2;
	read_all(&answer);
	free(body);
	return 0;
}
