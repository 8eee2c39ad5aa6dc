/*
 * The pipeline from bytes to spool file, fed in pieces of every size, cut at every
 * place, and with answers that are no data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "poller/download.h"
#include "provider/brightdata.h"

static const char two_posts[] =
    "[{\"post_id\":\"1\",\"content\":\"caf\xc3\xa9 \xf0\x9f\x9a\x80\",\"attachments\":[{\"type\":\"Photo\"},{\"type\":\"Video\"}]},\n"
    "{\"post_id\":\"2\",\"attachments\":[]},\n"
    "{\"timestamp\":\"t\",\"input\":{\"url\":\"u\"},\"error\":\"dead\",\"error_code\":\"dead_page\"}]";

struct fixture {
	char	dir[64];
	struct download_dirs dirs;
	struct crawl crawl;
	uint64_t lease;
	char	part[128], whole[128], quarantine[128];
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	static struct uuid_maker maker;
	char name[SPOOL_NAME_SIZE], path[128];

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-download-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(path, sizeof(path), "%s/spool", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	f->dirs.spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/quarantine", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	f->dirs.quarantine = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->crawl.id = uuid_make(&maker, &clock_system);
	f->crawl.provider_records = UINT64_MAX;
	f->lease = 7;
	(void)str_copy(f->crawl.snapshot_id, sizeof(f->crawl.snapshot_id), "sd_1");
	(void)snprintf(f->part, sizeof(f->part), "%s/spool/%s", f->dir, spool_name(name, &f->crawl.id, f->lease));
	(void)snprintf(f->whole, sizeof(f->whole), "%s/spool/%s", f->dir, spool_name(name, &f->crawl.id, 0));
	(void)snprintf(f->quarantine, sizeof(f->quarantine), "%s/quarantine/snapshot_sd_1.json", f->dir);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];

	(void)unlink(f->part);
	(void)unlink(f->whole);
	(void)unlink(f->quarantine);
	(void)snprintf(path, sizeof(path), "%s/spool", f->dir);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/quarantine", f->dir);
	(void)rmdir(path);
	assert_int_equal(rmdir(f->dir), 0);
	(void)close(f->dirs.spool);
	(void)close(f->dirs.quarantine);
	free(f);
	return 0;
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
assert_content(const char *path, const char *bytes, size_t len)
{
	scoped_free char *text = NULL;
	size_t got;

	assert_int_equal(fs_read_small(path, 1 << 20, &text, &got), 0);
	assert_int_equal(got, len);
	assert_memory_equal(text, bytes, len);
}

static struct download *
begin(struct fixture *f)
{
	struct download *d;
	enum download_start start;
	struct why why = { "" };

	if (download_open(&f->dirs, &provider_brightdata, &f->crawl, f->lease, PLATFORM_FACEBOOK, &d, &start, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(start, DOWNLOAD_NEW);
	return d;
}

static struct msg_download_done
run(struct fixture *f, const char *bytes, size_t len, size_t piece)
{
	struct msg_download_done done = { .verdict.lease = 7 };
	struct download *d = begin(f);
	struct why why = { "" };

	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(download_feed(d, bytes + at, len - at < piece ? len - at : piece, &why), 0);
	assert_int_equal(download_bytes(d), len);
	download_end(d, &done);
	download_free(d);
	assert_int_equal(done.verdict.lease, 7);
	assert_false(exists(f->part));
	return done;
}

static void
test_every_piece_size_gives_the_same_file_counts_and_sums(void **state)
{
	struct fixture *f = *state;
	size_t len = sizeof(two_posts) - 1;

	for (size_t piece = 1; piece <= len; piece++) {
		struct msg_download_done done = run(f, two_posts, len, piece);
		struct checksum *sum;
	uint32_t crc;
	uint8_t sha256[SHA256_SIZE];

		assert_int_equal(done.verdict.outcome, OUTCOME_OK);
		assert_int_equal(done.size_bytes, len);
		assert_int_equal(done.posts, 2);
		assert_int_equal(done.media, 2);
		assert_int_equal(done.errors, 1);
		sum = checksum_new();
		checksum_update(sum, two_posts, len);
		checksum_end(sum, &crc, sha256);
		checksum_free(sum);
		assert_memory_equal(done.sha256, sha256, SHA256_SIZE);
		assert_content(f->whole, two_posts, len);
		assert_int_equal(unlink(f->whole), 0);
	}
	assert_false(exists(f->quarantine));
}

static void
test_every_cut_is_noticed_and_kept_apart(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 1; len < sizeof(two_posts) - 1; len++) {
		struct msg_download_done done = run(f, two_posts, len, 7);

		assert_int_equal(done.verdict.outcome, OUTCOME_RETRY);
		assert_int_equal(done.verdict.error, ERROR_INVALID_DATA);
		assert_false(exists(f->whole));
		assert_content(f->quarantine, two_posts, len);
	}
}

static void
test_bad_json_is_stored_to_its_end_and_a_good_download_clears_it(void **state)
{
	struct fixture *f = *state;
	static char bad[200000];
	struct msg_download_done done;

	memset(bad, 'x', sizeof(bad));
	memcpy(bad, "[{\"a\":tru3}", 11);
	done = run(f, bad, sizeof(bad), 4096);
	assert_int_equal(done.verdict.error, ERROR_INVALID_DATA);
	assert_non_null(strstr(done.verdict.text, "quarantine/snapshot_sd_1.json"));
	assert_content(f->quarantine, bad, sizeof(bad));
	done = run(f, two_posts, sizeof(two_posts) - 1, 4096);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_false(exists(f->quarantine));
}

static void
test_bytes_that_are_no_snapshot_are_invalid(void **state)
{
	static const char *const rows[] = {
		"7", "\"text\"", "null", "[{}] junk", "[{\"a\":\"\xff\"}]", "\x1f\x8b\x08gzip", "<html>no</html>", "[1,]",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct msg_download_done done = run(f, rows[i], strlen(rows[i]), 3);

		if (done.verdict.outcome != OUTCOME_RETRY || done.verdict.error != ERROR_INVALID_DATA)
			fail_msg("%s: %d %s", rows[i], done.verdict.outcome, done.verdict.text);
	}
}

/* Each is stored byte for byte as it came. */
static void
test_data_in_every_form(void **state)
{
	static const struct {
		const char *text;
		uint64_t posts, errors, others;
	} rows[] = {
		{ "{\"post_id\":\"1\"}\n{\"post_id\":\"2\"}\n", 2, 0, 0 },
		{ "{\"post_id\":\"1\"}", 1, 0, 0 },
		{ "{\"post_id\":\"1\",\"status\":\"running\",\"message\":\"a post about running\"}", 1, 0, 0 },
		{ "  \n[{\"post_id\":\"1\"}]\n", 1, 0, 0 },
		{ "\xEF\xBB\xBF[{\"post_id\":\"1\",\"content\":\"the Snapshot is building\"}]", 1, 0, 0 },
		{ "\xEF\xBB\xBF{\"post_id\":\"1\"}\r\n{\"post_id\":\"2\"}\r\n", 2, 0, 0 },
		{ "[{\"post_id\":\"1\"}]\n[{\"post_id\":\"2\"},null]\n", 2, 0, 1 },
		{ "null\n{\"post_id\":\"1\"}\n[{\"post_id\":\"2\"}]\n", 2, 0, 1 },
		{ "{\"status\":\"ok\",\"message\":\"done\",\"data\":[{\"post_id\":\"1\"},{\"error\":\"e\"}]}", 1, 1, 0 },
		/* One error row is all there is. */
		{ "[{\"error\":\"Crawl failed\"}]", 0, 1, 0 },
		{ "{\"error\":\"Crawl failed\",\"error_code\":\"crawl_error\"}\n", 0, 1, 0 },
		{ "{\"error\":\"Crawl failed\"}", 0, 1, 0 },
		{ "[null,{},7,\"text\"]", 0, 0, 4 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t piece = 1; piece < 8; piece += 2) {
			struct msg_download_done done = run(f, rows[i].text, strlen(rows[i].text), piece);

			if (done.verdict.outcome != OUTCOME_OK || done.posts != rows[i].posts ||
			    done.errors != rows[i].errors || done.others != rows[i].others)
				fail_msg("%s: %d %s", rows[i].text, done.verdict.outcome, done.verdict.text);
			assert_content(f->whole, rows[i].text, strlen(rows[i].text));
			assert_int_equal(unlink(f->whole), 0);
		}
	}
}

/* A record that no parser would like to hold: deep, and with a string of 100 MB. */
static void
test_what_is_in_a_record_is_of_any_depth_and_length(void **state)
{
	static const char head[] = "[{\"post_id\":\"1\",\"replies\":", mid[] = ",\"video\":\"", tail[] = "\"},{\"post_id\":\"2\"}]";
	static char block[1 << 20];
	struct fixture *f = *state;
	struct msg_download_done done = { .verdict.lease = 1 };
	struct download *d = begin(f);
	struct why why = { "" };

	assert_int_equal(download_feed(d, head, sizeof(head) - 1, &why), 0);
	memset(block, '[', sizeof(block));
	assert_int_equal(download_feed(d, block, 1000, &why), 0);
	memset(block, ']', sizeof(block));
	assert_int_equal(download_feed(d, block, 1000, &why), 0);
	assert_int_equal(download_feed(d, mid, sizeof(mid) - 1, &why), 0);
	memset(block, 'A', sizeof(block));
	for (int i = 0; i < 100; i++)
		assert_int_equal(download_feed(d, block, sizeof(block), &why), 0);
	assert_int_equal(download_feed(d, tail, sizeof(tail) - 1, &why), 0);
	download_end(d, &done);
	download_free(d);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_int_equal(done.posts, 2);
}

/* More than a message can be long: decided to be data in the middle. */
static void
test_long_lines_are_data(void **state)
{
	struct fixture *f = *state;
	static char text[3 * PROVIDER_ANSWER_MAX];
	size_t len = 0;
	uint64_t posts = 0;

	while (len + 64 < sizeof(text)) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "{\"post_id\":\"%zu\",\"attachments\":[1]}\n", len);
		posts++;
	}
	for (size_t piece = 1000; piece < sizeof(text); piece *= 7) {
		struct msg_download_done done = run(f, text, len, piece);

		assert_int_equal(done.verdict.outcome, OUTCOME_OK);
		assert_int_equal(done.posts, posts);
		assert_int_equal(done.media, posts);
		assert_content(f->whole, text, len);
		assert_int_equal(unlink(f->whole), 0);
	}
}

static void
test_a_message_is_not_stored(void **state)
{
	static const struct {
		const char *text;
		enum outcome outcome;
		enum error_code error;
	} rows[] = {
		{ "{\"status\":\"building\",\"message\":\"Snapshot is building, try again in 30s\"}", OUTCOME_WAIT, 0 },
		{ "{\"status\":\"running\",\"message\":\"not yet\"}\n", OUTCOME_WAIT, 0 },
		{ "Snapshot is building. Try again in a few minutes", OUTCOME_WAIT, 0 },
		{ "{\"status\":\"failed\",\"message\":\"x\"}", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct msg_download_done done = run(f, rows[i].text, strlen(rows[i].text), 10);

		assert_int_equal(done.verdict.outcome, rows[i].outcome);
		assert_int_equal(done.verdict.error, rows[i].error);
		assert_false(exists(f->whole));
		assert_false(exists(f->quarantine));
	}
}

static void
test_no_rows_in_every_form(void **state)
{
	static const struct {
		const char *text, *stored;
	} rows[] = {
		{ "[]", "[]" }, { " [ ]\n", " [ ]\n" }, { "", "[]" }, { "\n", "[]" }, { "\xEF\xBB\xBF", "[]" },
		{ "{\"data\":[]}", "{\"data\":[]}" },
	};
	struct fixture *f = *state;
	struct msg_download_done done = { .verdict.lease = 1 };
	struct download *d;

	for (size_t i = 0; i < countof(rows); i++) {
		f->crawl.provider_records = i % 2 ? 0 : UINT64_MAX;
		done = run(f, rows[i].text, strlen(rows[i].text), 1);
		if (done.verdict.outcome != OUTCOME_OK || done.posts + done.errors + done.others != 0)
			fail_msg("\"%s\": %s", rows[i].text, done.verdict.text);
		assert_content(f->whole, rows[i].stored, strlen(rows[i].stored));
		assert_int_equal(unlink(f->whole), 0);
	}
	done = run(f, "Snapshot is empty", 17, 4);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_content(f->whole, "[]", 2);
	assert_int_equal(unlink(f->whole), 0);
	d = begin(f);
	download_empty(d, &done);
	download_free(d);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_int_equal(done.size_bytes, 2);
	assert_content(f->whole, "[]", 2);
}

static void
test_no_rows_are_not_believed_when_progress_counted_some(void **state)
{
	static const char *const rows[] = { "[]", "", "\n\n", "Snapshot is empty", "{\"data\":[]}" };
	struct fixture *f = *state;
	struct msg_download_done done;

	f->crawl.provider_records = 3;
	for (size_t i = 0; i < countof(rows); i++) {
		done = run(f, rows[i], strlen(rows[i]), 100);
		assert_int_equal(done.verdict.outcome, OUTCOME_RETRY);
		assert_int_equal(done.verdict.error, ERROR_INVALID_DATA);
		assert_false(exists(f->whole));
		assert_false(exists(f->quarantine));
	}
	/* A number that differs is no reason. */
	done = run(f, two_posts, sizeof(two_posts) - 1, 100);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
}

static void
test_an_old_part_is_overwritten(void **state)
{
	struct fixture *f = *state;
	static const char old[5000] = "[{\"post_id\":\"old\"}";
	int fd = open(f->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct msg_download_done done;

	assert_int_equal(fs_write_all(fd, old, sizeof(old)), 0);
	(void)close(fd);
	done = run(f, two_posts, sizeof(two_posts) - 1, 100);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_content(f->whole, two_posts, sizeof(two_posts) - 1);
}

/* The keeper takes the name of a file away with its lease. */
static void
test_a_download_whose_lease_is_over_harms_nothing(void **state)
{
	struct fixture *f = *state;
	static const char bad[] = "[{\"post_id\":\"stale\"";
	struct msg_download_done done = { .verdict.lease = 1 };
	struct why why;
	struct download *stale[3], *d;

	for (unsigned i = 0; i < countof(stale); i++) {
		stale[i] = begin(f);
		assert_int_equal(download_feed(stale[i], i == 1 ? bad : "[]", i == 1 ? sizeof(bad) - 1 : 2, &why), 0);
		assert_int_equal(unlink(f->part), 0);
	}
	d = begin(f);
	assert_int_equal(download_feed(d, two_posts, 20, &why), 0);
	download_end(stale[0], &done);
	assert_int_equal(done.verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(done.verdict.error, ERROR_STORAGE_ERROR);
	download_free(stale[0]);
	download_end(stale[1], &done);
	assert_int_equal(done.verdict.error, ERROR_INVALID_DATA);
	download_free(stale[1]);
	download_drop(stale[2]);
	assert_true(exists(f->part));
	assert_false(exists(f->whole));
	assert_false(exists(f->quarantine));
	assert_int_equal(download_feed(d, two_posts + 20, sizeof(two_posts) - 21, &why), 0);
	download_end(d, &done);
	download_free(d);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_content(f->whole, two_posts, sizeof(two_posts) - 1);
}

/* Two at work on one crawl, because a poller was taken for dead: each has a file of its own, and the
 * second finds that the work is done. */
static void
test_a_whole_file_is_never_replaced(void **state)
{
	struct fixture *f = *state;
	struct msg_download_done done = { .verdict.lease = 1 };
	struct download *first, *second;
	char first_part[sizeof(f->part)], name[SPOOL_NAME_SIZE];
	struct why why;

	first = begin(f);
	(void)strcpy(first_part, f->part);
	(void)snprintf(f->part, sizeof(f->part), "%s/spool/%s", f->dir, spool_name(name, &f->crawl.id, ++f->lease));
	second = begin(f);
	assert_true(exists(first_part) && exists(f->part));
	assert_int_equal(download_feed(first, two_posts, sizeof(two_posts) - 1, &why), 0);
	assert_int_equal(download_feed(second, "[{\"post_id\":\"1\"}]", 17, &why), 0);
	download_end(first, &done);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	download_end(second, &done);
	assert_int_equal(done.verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(done.verdict.error, ERROR_STORAGE_ERROR);
	download_free(first);
	download_free(second);
	assert_false(exists(first_part) || exists(f->part));
	assert_content(f->whole, two_posts, sizeof(two_posts) - 1);
}

static void
test_dropping_removes_the_part(void **state)
{
	struct fixture *f = *state;
	struct why why;
	struct download *d = begin(f);

	assert_int_equal(download_feed(d, "[{}", 3, &why), 0);
	assert_true(exists(f->part));
	download_drop(d);
	assert_false(exists(f->part));
}

/* Runs download_verify to its end on a file that lies there. */
static struct msg_download_done
verify(struct fixture *f)
{
	struct msg_download_done done = { .verdict.lease = 1 };
	enum download_start start;
	struct download *d;
	struct why why;

	assert_int_equal(download_open(&f->dirs, &provider_brightdata, &f->crawl, f->lease, PLATFORM_FACEBOOK,
	    &d, &start, &why), 0);
	assert_int_equal(start, DOWNLOAD_WHOLE);
	while (!download_verify(d, &done))
		;
	download_free(d);
	return done;
}

static void
test_a_whole_file_of_an_earlier_life_is_read_again(void **state)
{
	struct fixture *f = *state;
	struct msg_download_done first = run(f, two_posts, sizeof(two_posts) - 1, 100), again = verify(f);

	assert_int_equal(again.verdict.outcome, OUTCOME_OK);
	assert_int_equal(again.size_bytes, first.size_bytes);
	assert_int_equal(again.posts, first.posts);
	assert_int_equal(again.media, first.media);
	assert_int_equal(again.errors, first.errors);
	assert_int_equal(again.crc32c, first.crc32c);
	assert_memory_equal(again.sha256, first.sha256, SHA256_SIZE);
	assert_content(f->whole, two_posts, sizeof(two_posts) - 1);
}

static void
test_a_damaged_whole_file_is_removed(void **state)
{
	struct fixture *f = *state;
	struct msg_download_done done;

	(void)run(f, two_posts, sizeof(two_posts) - 1, 100);
	assert_int_equal(truncate(f->whole, 50), 0);
	done = verify(f);
	assert_int_equal(done.verdict.outcome, OUTCOME_WAIT);
	assert_false(exists(f->whole));
}

/* A limit on file sizes stands for a full disk. */
static void
test_a_full_disk_is_an_error_of_storage(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;
	static char block[65536];
	struct download *d = begin(f);
	struct why why = { "" };
	struct msg_verdict verdict = { .lease = 1 };
	int rc = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 300000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(block, ' ', sizeof(block));
	block[0] = '[';
	for (int i = 0; i < 20 && rc == 0; i++) {
		rc = download_feed(d, block, sizeof(block), &why);
		block[0] = ' ';
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -EFBIG);
	download_disk_verdict(&verdict, rc, &why);
	assert_int_equal(verdict.outcome, OUTCOME_RETRY);
	assert_int_equal(verdict.error, ERROR_STORAGE_ERROR);
	assert_non_null(strstr(verdict.text, "cannot write spool/"));
	download_disk_verdict(&verdict, -EROFS, &why);
	assert_int_equal(verdict.error, ERROR_STORAGE_PERMISSION);
	download_drop(d);
	assert_false(exists(f->part));
}

/* Asked before the first byte, of a size that no disk has; and of one that every disk has, which then is kept. */
static void
test_room_is_asked_for_and_what_is_not_used_goes_back(void **state)
{
	struct fixture *f = *state;
	struct msg_download_done done = { .verdict.lease = 7 };
	struct why why = { "" };
	struct download *d = begin(f);
	struct stat st;

	assert_int_equal(download_ask_room(d, INT64_C(1) << 60, &why), -ENOSPC);
	assert_non_null(strstr(why.text, "no room for the snapshot's 1099511627776 MiB in the spool"));
	download_drop(d);
	assert_false(exists(f->part));
	d = begin(f);
	assert_int_equal(download_ask_room(d, 8 << 20, &why), 0);
	assert_int_equal(download_feed(d, two_posts, strlen(two_posts), &why), 0);
	download_end(d, &done);
	download_free(d);
	assert_int_equal(done.verdict.outcome, OUTCOME_OK);
	assert_int_equal(stat(f->whole, &st), 0);
	assert_int_equal(st.st_size, strlen(two_posts));
	assert_in_range(st.st_blocks, 1, 64);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_piece_size_gives_the_same_file_counts_and_sums),
		TEST(test_every_cut_is_noticed_and_kept_apart),
		TEST(test_bad_json_is_stored_to_its_end_and_a_good_download_clears_it),
		TEST(test_bytes_that_are_no_snapshot_are_invalid),
		TEST(test_data_in_every_form),
		TEST(test_what_is_in_a_record_is_of_any_depth_and_length),
		TEST(test_long_lines_are_data),
		TEST(test_a_message_is_not_stored),
		TEST(test_no_rows_in_every_form),
		TEST(test_no_rows_are_not_believed_when_progress_counted_some),
		TEST(test_an_old_part_is_overwritten),
		TEST(test_a_download_whose_lease_is_over_harms_nothing),
		TEST(test_a_whole_file_is_never_replaced),
		TEST(test_dropping_removes_the_part),
		TEST(test_a_whole_file_of_an_earlier_life_is_read_again),
		TEST(test_a_damaged_whole_file_is_removed),
		TEST(test_a_full_disk_is_an_error_of_storage),
		TEST(test_room_is_asked_for_and_what_is_not_used_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
