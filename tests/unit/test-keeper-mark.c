/*
 * test-keeper-mark.c - a store that this trawld left here is told from copies of it, made with
 * the tools that people use for that.
 */
#include "keeper/store_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#define SET   "100.200.0000000000000abc"
#define OTHER "101.300.0000000000000abc"
#define BOOTED "100.200.0000000000000abd"

struct place {
	char dir[64], store[96], mark[96];
};

static int
place_make(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	(void)str_copy(place->dir, sizeof(place->dir), "/tmp/trawld-mark-XXXXXX");
	if (mkdtemp(place->dir) == NULL)
		return -1;
	(void)snprintf(place->store, sizeof(place->store), "%s/trawld.db", place->dir);
	(void)snprintf(place->mark, sizeof(place->mark), "%s/trawld.mark", place->dir);
	*state = place;
	return 0;
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int
place_remove(void **state)
{
	struct place *place = *state;
	int r = nftw(place->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);

	free(place);
	return r;
}

static void
write_file(const char *path, const void *p, size_t len)
{
	scoped_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
}

static void
write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static void
read_mark(const struct place *place, char *dst, size_t size)
{
	scoped_fd fd = open(place->mark, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, dst, size - 1);
	assert_true(n > 0);
	dst[n] = '\0';
}

/* In the directory of the place. */
static void
sh(const struct place *place, const char *command)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "cd %s && %s", place->dir, command);
	assert_int_equal(system(line), 0);
}

/* Times of files count ticks of the kernel: what happens from here on has another one. */
static void
a_moment_later(void)
{
	(void)usleep(30000);
}

static void
stopped(const struct place *place)
{
	write_text(place->store, "jobs");
	assert_int_equal(store_mark_running(place->store, SET), 0);
	assert_int_equal(store_mark_stopped(place->store), 0);
	a_moment_later();
	assert_true(store_mark_trusts(place->store, OTHER));
}

/* ---- trusted ---- */

static void
a_place_without_a_store_is_trusted(void **state)
{
	struct place *place = *state;
	char store[128];

	assert_true(store_mark_trusts(place->store, SET));
	(void)snprintf(store, sizeof(store), "%s/none/trawld.db", place->dir);
	assert_true(store_mark_trusts(store, SET));
	write_text(place->mark, "running " OTHER "\n");		/* left over */
	assert_true(store_mark_trusts(place->store, SET));
}

static void
an_orderly_stop_is_trusted_by_whoever_comes(void **state)
{
	struct place *place = *state;

	stopped(*state);
	assert_true(store_mark_trusts(place->store, SET));
	assert_true(store_mark_trusts(place->store, OTHER));
	assert_true(store_mark_trusts(place->store, BOOTED));
	/* Read, and backed up: it is the same file. */
	sh(place, "cat trawld.db >/dev/null && cp -p trawld.db trawld.bak && cp trawld.mark mark.bak");
	assert_true(store_mark_trusts(place->store, OTHER));
}

static void
a_keeper_that_dies_alone_is_trusted_by_the_next_of_its_set(void **state)
{
	struct place *place = *state;

	write_text(place->store, "jobs");
	assert_int_equal(store_mark_running(place->store, SET), 0);
	assert_true(store_mark_trusts(place->store, SET));
	a_moment_later();
	write_text(place->store, "more jobs");
	assert_true(store_mark_trusts(place->store, SET));
	assert_false(store_mark_trusts(place->store, OTHER));
	assert_false(store_mark_trusts(place->store, BOOTED));
	assert_false(store_mark_trusts(place->store, ""));
}

static void
one_life_follows_another(void **state)
{
	struct place *place = *state;

	for (int life = 0; life < 5; life++) {
		char set[STORE_SET_SIZE], text[32];

		(void)snprintf(set, sizeof(set), "%d.1.2", life);
		(void)snprintf(text, sizeof(text), "%0*d", life + 1, life);
		assert_true(store_mark_trusts(place->store, set));
		write_text(place->store, text);
		assert_int_equal(store_mark_running(place->store, set), 0);
		write_text(place->store, text + 1);
		assert_int_equal(store_mark_stopped(place->store), 0);
		a_moment_later();
	}
	assert_true(store_mark_trusts(place->store, SET));
}

/* ---- doubted ---- */

static void
a_store_without_a_mark_is_doubted(void **state)
{
	struct place *place = *state;

	write_text(place->store, "jobs");
	assert_false(store_mark_trusts(place->store, SET));
	stopped(place);
	assert_int_equal(unlink(place->mark), 0);
	assert_false(store_mark_trusts(place->store, SET));
}

static void
a_crash_of_all_is_doubted(void **state)
{
	struct place *place = *state;

	stopped(place);
	assert_int_equal(store_mark_running(place->store, SET), 0);
	assert_false(store_mark_trusts(place->store, OTHER));
}

/* It has begun, and not said so yet. */
static void
a_store_that_was_written_since_the_stop_is_doubted(void **state)
{
	struct place *place = *state;

	stopped(place);
	write_text(place->store, "sobs");
	assert_false(store_mark_trusts(place->store, SET));
}

static void
whatever_was_done_to_the_file_is_doubted(void **state)
{
	static const char *const commands[] = {
		/* put in its place */
		"cp trawld.db copy && mv copy trawld.db",
		"cp -a trawld.db copy && mv copy trawld.db",
		"cp -a trawld.db copy && rm trawld.db && cp -a copy trawld.db",
		/* written over, the inode being the same */
		"cp trawld.db copy && cp copy trawld.db",
		"cp -p trawld.db copy && cp -p copy trawld.db",
		"cp trawld.db copy && cat copy >trawld.db",
		"cp trawld.db copy && dd if=copy of=trawld.db conv=notrunc 2>/dev/null",
		/* with the time of its last modification put back */
		"cp -p trawld.db copy && cp copy trawld.db && touch -r copy trawld.db",
		/* with another size */
		"echo >>trawld.db",
		"truncate -s 0 trawld.db",
		"truncate -s +4096 trawld.db",
		/* archived and unpacked, the mark with it */
		"tar -cf all.tar trawld.db trawld.mark && rm trawld.db trawld.mark && tar -xpf all.tar",
		"mkdir old && cp -a trawld.db trawld.mark old && cp -a old/trawld.db old/trawld.mark .",
	};
	struct place *place = *state;

	for (size_t i = 0; i < countof(commands); i++) {
		stopped(place);
		sh(place, commands[i]);
		if (store_mark_trusts(place->store, SET) || store_mark_trusts(place->store, OTHER))
			fail_msg("trusted after: %s", commands[i]);
		sh(place, "rm -rf copy old all.tar");
	}
}

static void
a_copy_elsewhere_is_doubted_with_its_mark(void **state)
{
	struct place *place = *state;
	char store[160];

	stopped(place);
	sh(place, "mkdir copy && cp -a trawld.db trawld.mark copy");
	(void)snprintf(store, sizeof(store), "%s/copy/trawld.db", place->dir);
	assert_false(store_mark_trusts(store, SET));
	assert_true(store_mark_trusts(place->store, SET));
}

/* Backed up while it ran or when it had stopped, brought back after more work, mark and all. */
static void
an_older_copy_is_doubted_with_its_mark(void **state)
{
	struct place *place = *state;

	for (int ran = 0; ran < 2; ran++) {
		stopped(place);
		if (ran)
			assert_int_equal(store_mark_running(place->store, SET), 0);
		sh(place, "rm -rf old && mkdir old && cp -a trawld.db trawld.mark old");
		assert_int_equal(store_mark_running(place->store, SET), 0);
		write_text(place->store, "paid");
		assert_int_equal(store_mark_stopped(place->store), 0);
		a_moment_later();
		assert_true(store_mark_trusts(place->store, OTHER));
		sh(place, "cp -a old/trawld.db old/trawld.mark .");
		assert_false(store_mark_trusts(place->store, OTHER));
		/* The store alone, beside the mark of now. */
		write_text(place->store, "paid");
		assert_int_equal(store_mark_stopped(place->store), 0);
		a_moment_later();
		sh(place, "cp -a old/trawld.db .");
		assert_false(store_mark_trusts(place->store, OTHER));
	}
}

static void
garbage_in_the_mark_is_doubted(void **state)
{
	static const char *const texts[] = {
		"", "\n", " ", "stopped", "stopped\n", "stopped 0 0 0 0.000000000\n", "running", "running \n",
		"running " SET, "running " SET " \n", " running " SET "\n", "RUNNING " SET "\n", "running " SET "\n\n",
		"running " SET "\nrunning " OTHER "\n", "trusted\n", "%s%s%s%n\n",
	};
	struct place *place = *state;
	char good[256], bad[256], big[5000];

	stopped(place);
	for (size_t i = 0; i < countof(texts); i++) {
		write_text(place->mark, texts[i]);
		if (store_mark_trusts(place->store, SET))
			fail_msg("trusted: '%s'", texts[i]);
	}
	memset(big, 'x', sizeof(big));
	write_file(place->mark, big, sizeof(big));
	assert_false(store_mark_trusts(place->store, SET));
	memset(big, 0, sizeof(big));		/* what a crash of the machine may leave */
	write_file(place->mark, big, sizeof(big));
	assert_false(store_mark_trusts(place->store, SET));

	stopped(place);
	read_mark(place, good, sizeof(good));
	for (size_t len = 0; len < strlen(good); len++) {
		write_file(place->mark, good, len);
		assert_false(store_mark_trusts(place->store, SET));
		(void)str_copy(bad, sizeof(bad), good);
		bad[len] ^= 1;
		write_text(place->mark, bad);
		assert_false(store_mark_trusts(place->store, SET));
	}
	(void)snprintf(big, sizeof(big), "%s%s", good, good);
	write_text(place->mark, big);
	assert_false(store_mark_trusts(place->store, SET));
	write_text(place->mark, good);
	assert_true(store_mark_trusts(place->store, SET));
}

static void
a_mark_that_is_no_file_is_doubted_and_told(void **state)
{
	struct place *place = *state;

	stopped(place);
	sh(place, "rm trawld.mark && mkdir trawld.mark");
	assert_false(store_mark_trusts(place->store, SET));
	assert_true(store_mark_running(place->store, SET) < 0);
	assert_true(store_mark_stopped(place->store) < 0);
	sh(place, "rmdir trawld.mark && ln -s nowhere trawld.mark");
	assert_false(store_mark_trusts(place->store, SET));
	assert_int_equal(store_mark_running(place->store, SET), 0);
	assert_true(store_mark_trusts(place->store, SET));
	sh(place, "test ! -e nowhere && test ! -L trawld.mark");
}

static void
a_store_that_cannot_be_looked_at_is_doubted(void **state)
{
	struct place *place = *state;

	sh(place, "ln -s trawld.db trawld.db");
	assert_false(store_mark_trusts(place->store, SET));
}

/* ---- writing ---- */

static void
what_cannot_be_written_is_told(void **state)
{
	struct place *place = *state;
	char store[128];

	assert_int_equal(store_mark_stopped(place->store), -ENOENT);
	(void)snprintf(store, sizeof(store), "%s/none/trawld.db", place->dir);
	assert_int_equal(store_mark_running(store, SET), -ENOENT);
	assert_int_equal(store_mark_stopped(store), -ENOENT);
}

static void
the_mark_is_one_line_beside_the_store_and_nothing_else_is_left(void **state)
{
	struct place *place = *state;
	char text[256];

	stopped(place);
	read_mark(place, text, sizeof(text));
	assert_int_equal(strncmp(text, "stopped ", 8), 0);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(store_mark_running(place->store, SET), 0);
	read_mark(place, text, sizeof(text));
	assert_string_equal(text, "running " SET "\n");
	sh(place, "test \"$(ls)\" = \"$(printf 'trawld.db\\ntrawld.mark')\"");
	sh(place, "test \"$(stat -c %a trawld.mark)\" = 600");
}

/* ---- names ---- */

/* What a child of this process calls its set. */
static void
child_set(char dst[STORE_SET_SIZE], uint64_t boot)
{
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		char set[STORE_SET_SIZE] = "";

		_exit(write(ends[1], store_mark_set(set, boot), sizeof(set)) != (ssize_t)sizeof(set));
	}
	assert_true(pid > 0);
	assert_int_equal(read(ends[0], dst, STORE_SET_SIZE), STORE_SET_SIZE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void
children_of_one_parent_are_one_set_and_no_others(void **state)
{
	char one[STORE_SET_SIZE], two[STORE_SET_SIZE], own[STORE_SET_SIZE], pid[32];

	(void)state;
	child_set(one, 7);
	child_set(two, 7);
	assert_string_equal(one, two);
	(void)snprintf(pid, sizeof(pid), "%ld.", (long)getpid());
	assert_int_equal(strncmp(one, pid, strlen(pid)), 0);
	assert_null(strstr(one, ".0."));			/* when that process began is part of it */
	assert_string_not_equal(one, store_mark_set(own, 7));
	child_set(two, 8);
	assert_string_not_equal(one, two);			/* another start of the machine */
	child_set(two, UINT64_MAX);
	assert_true(strlen(two) > 16);
}

static void
a_start_of_the_machine_has_one_number(void **state)
{
	(void)state;
	assert_true(store_mark_boot() != 0);
	assert_true(store_mark_boot() <= INT64_MAX);
	assert_true(store_mark_boot() == store_mark_boot());
}

int
main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
	static const struct CMUnitTest tests[] = {
		test(a_place_without_a_store_is_trusted),
		test(an_orderly_stop_is_trusted_by_whoever_comes),
		test(a_keeper_that_dies_alone_is_trusted_by_the_next_of_its_set),
		test(one_life_follows_another),
		test(a_store_without_a_mark_is_doubted),
		test(a_crash_of_all_is_doubted),
		test(a_store_that_was_written_since_the_stop_is_doubted),
		test(whatever_was_done_to_the_file_is_doubted),
		test(a_copy_elsewhere_is_doubted_with_its_mark),
		test(an_older_copy_is_doubted_with_its_mark),
		test(garbage_in_the_mark_is_doubted),
		test(a_mark_that_is_no_file_is_doubted_and_told),
		test(a_store_that_cannot_be_looked_at_is_doubted),
		test(what_cannot_be_written_is_told),
		test(the_mark_is_one_line_beside_the_store_and_nothing_else_is_left),
		test(children_of_one_parent_are_one_set_and_no_others),
		test(a_start_of_the_machine_has_one_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
