/* UUIDs of version 7: form, order under every behaviour of the clock, parsing. */
#include "base/uuid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

/* A clock that says what the test sets. */
struct fake_clock {
	struct clock clock;
	int64_t now_ms;
};

static int64_t
fake_now(const struct clock *c)
{
	return containerof(c, const struct fake_clock, clock)->now_ms;
}

static struct fake_clock
fake_at(int64_t now_ms)
{
	return (struct fake_clock){ { fake_now, fake_now, fake_now }, now_ms };
}

static int64_t
time_in(const struct uuid *id)
{
	int64_t ms = 0;
	int i;

	for (i = 0; i < 6; i++)
		ms = ms << 8 | id->bytes[i];
	return ms;
}

static void
id_holds_time_version_and_variant(void **state)
{
	struct fake_clock clock = fake_at(INT64_C(0x0123456789ab));
	struct uuid_maker maker = { 0 };
	struct uuid id = uuid_make(&maker, &clock.clock);
	char text[UUID_TEXT_SIZE];

	(void)state;
	uuid_format(text, &id);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(strncmp(text, "01234567-89ab-7", 15), 0);
	assert_true(strchr("89ab", text[19]) != NULL);
	assert_false(uuid_is_nil(&id));
}

static void
assert_grows(struct uuid *last, struct uuid_maker *maker, struct fake_clock *clock)
{
	struct uuid id = uuid_make(maker, &clock->clock);
	char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE];

	assert_true(memcmp(last->bytes, id.bytes, 16) < 0);
	assert_true(strcmp(uuid_format(a, last), uuid_format(b, &id)) < 0);
	*last = id;
}

static void
ids_grow_when_the_clock_stands_runs_or_goes_back(void **state)
{
	struct fake_clock clock = fake_at(INT64_C(1795458011123));
	struct uuid_maker maker = { 0 };
	struct uuid last = { { 0 } };
	int i;

	(void)state;
	for (i = 0; i < 20000; i++)	/* more than the counter has room for */
		assert_grows(&last, &maker, &clock);
	assert_true(time_in(&last) - clock.now_ms < 20);
	for (i = 0; i < 1000; i++, clock.now_ms -= 7)
		assert_grows(&last, &maker, &clock);
	clock.now_ms = INT64_C(1895458011123);
	for (i = 0; i < 1000; i++, clock.now_ms++)
		assert_grows(&last, &maker, &clock);
	assert_int_equal(time_in(&last), clock.now_ms - 1);
}

static void
makers_at_one_moment_do_not_collide(void **state)
{
	struct fake_clock clock = fake_at(INT64_C(1795458011123));
	struct uuid_maker a = { 0 }, b = { 0 };
	struct uuid from_a = uuid_make(&a, &clock.clock), from_b = uuid_make(&b, &clock.clock);

	(void)state;
	assert_false(uuid_equal(&from_a, &from_b));
}

static void
text_reads_back_in_either_case(void **state)
{
	static const char lower[] = "01934f2e-7c1a-7abc-9def-0123456789ab";
	static const char upper[] = "01934F2E-7C1A-7ABC-9DEF-0123456789AB";
	char text[UUID_TEXT_SIZE];
	struct uuid a, b;

	(void)state;
	assert_int_equal(uuid_parse(lower, &a), 0);
	assert_string_equal(uuid_format(text, &a), lower);
	assert_int_equal(uuid_parse(upper, &b), 0);
	assert_true(uuid_equal(&a, &b));
	assert_int_equal(uuid_parse("00000000-0000-0000-0000-000000000000", &a), 0);
	assert_true(uuid_is_nil(&a));
}

static void
other_forms_are_refused(void **state)
{
	static const char good[] = "01934f2e-7c1a-7abc-9def-0123456789ab";
	char text[UUID_TEXT_SIZE + 1];
	struct uuid id;
	size_t i;

	(void)state;
	for (i = 0; i < strlen(good); i++) {
		(void)str_copy_n(text, sizeof(text), good, i);	/* cut at each place */
		assert_int_equal(uuid_parse(text, &id), -EINVAL);
		(void)str_copy(text, sizeof(text), good);
		text[i] = text[i] == '-' ? '0' : 'g';
		assert_int_equal(uuid_parse(text, &id), -EINVAL);
	}
	assert_int_equal(uuid_parse("01934f2e-7c1a-7abc-9def-0123456789ab0", &id), -EINVAL);
	assert_int_equal(uuid_parse("{01934f2e-7c1a-7abc-9def-0123456789ab}", &id), -EINVAL);
	assert_int_equal(uuid_parse("01934f2e7c1a7abc9def0123456789ab", &id), -EINVAL);
}

static void
random_bytes_differ(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	(void)state;
	random_fill(a, sizeof(a));
	random_fill(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(random_u64() != random_u64());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_holds_time_version_and_variant),
		cmocka_unit_test(ids_grow_when_the_clock_stands_runs_or_goes_back),
		cmocka_unit_test(makers_at_one_moment_do_not_collide),
		cmocka_unit_test(text_reads_back_in_either_case),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
