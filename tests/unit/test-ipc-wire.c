/*
 * test-ipc-wire.c - typed put and get, and what a get refuses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/wire.h"

static struct wire_in
body_of(const struct wire_out *out)
{
	return (struct wire_in){ out->p + WIRE_HEADER_SIZE, out->len - WIRE_HEADER_SIZE, false };
}

static void
test_numbers_come_back(void **state)
{
	struct wire_out out;
	struct wire_in in;

	(void)state;
	wire_init(&out);
	wire_begin(&out, 7);
	wire_put_u8(&out, 0xfe);
	wire_put_u32(&out, 0xfedcba98);
	wire_put_u64(&out, UINT64_MAX - 1);
	wire_put_i64(&out, INT64_MIN);
	wire_put_bool(&out, true);
	wire_finish(&out);
	in = body_of(&out);
	assert_int_equal(wire_get_u8(&in), 0xfe);
	assert_true(wire_get_u32(&in) == 0xfedcba98);
	assert_true(wire_get_u64(&in) == UINT64_MAX - 1);
	assert_true(wire_get_i64(&in) == INT64_MIN);
	assert_true(wire_get_bool(&in));
	assert_int_equal(wire_end(&in), 0);
	wire_done(&out);
}

static void
test_header_is_little_endian_length_type_zero(void **state)
{
	static const uint8_t wanted[] = { 4, 0, 0, 0, 0x34, 0x12, 0, 0, 0xcd, 0xab, 0x76, 0x98 };
	struct wire_out out;

	(void)state;
	wire_init(&out);
	wire_begin(&out, 0x1234);
	wire_put_u32(&out, 0x9876abcd);
	wire_finish(&out);
	assert_int_equal(out.len, sizeof(wanted));
	assert_memory_equal(out.p, wanted, sizeof(wanted));
	wire_done(&out);
}

static void
test_begin_empties_a_used_frame(void **state)
{
	struct wire_out out;

	(void)state;
	wire_init(&out);
	wire_begin(&out, 1);
	wire_put_text(&out, "something");
	wire_begin(&out, 2);
	wire_finish(&out);
	assert_int_equal(out.len, WIRE_HEADER_SIZE);
	assert_int_equal(out.p[0], 0);
	wire_done(&out);
}

static void
test_text_too_long_for_its_field_is_refused(void **state)
{
	char dst[4] = "old";
	struct wire_out out;
	struct wire_in in;

	(void)state;
	wire_init(&out);
	wire_begin(&out, 1);
	wire_put_text(&out, "four");
	in = body_of(&out);
	wire_get_text(&in, dst, sizeof(dst));
	assert_string_equal(dst, "");
	assert_int_equal(wire_end(&in), -EBADMSG);
	wire_begin(&out, 1);
	wire_put_text(&out, "3th");
	in = body_of(&out);
	wire_get_text(&in, dst, sizeof(dst));
	assert_string_equal(dst, "3th");
	assert_int_equal(wire_end(&in), 0);
	wire_done(&out);
}

static void
test_text_with_a_nul_is_refused(void **state)
{
	struct wire_out out;
	struct wire_in in;
	char dst[8];

	(void)state;
	wire_init(&out);
	wire_begin(&out, 1);
	wire_put_blob(&out, "a\0b", 3);
	in = body_of(&out);
	wire_get_text(&in, dst, sizeof(dst));
	assert_string_equal(dst, "");
	assert_int_equal(wire_end(&in), -EBADMSG);
	wire_done(&out);
}

static void
test_length_beyond_the_body_is_refused(void **state)
{
	static const uint8_t bytes[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
	struct wire_in in = { bytes, sizeof(bytes), false };
	const char *p;
	size_t len;

	(void)state;
	wire_get_blob(&in, &p, &len, SIZE_MAX);
	assert_int_equal(len, 0);
	assert_int_equal(wire_end(&in), -EBADMSG);
}

static void
test_bool_and_enum_outside_their_range_are_refused(void **state)
{
	static const uint8_t bytes[] = { 2, 5 };
	struct wire_in in = { bytes, 1, false };

	(void)state;
	assert_false(wire_get_bool(&in));
	assert_int_equal(wire_end(&in), -EBADMSG);
	in = (struct wire_in){ bytes + 1, 1, false };
	assert_int_equal(wire_get_enum(&in, 5), 0);
	assert_int_equal(wire_end(&in), -EBADMSG);
	in = (struct wire_in){ bytes + 1, 1, false };
	assert_int_equal(wire_get_enum(&in, 6), 5);
	assert_int_equal(wire_end(&in), 0);
}

static void
test_a_failure_stays(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct wire_in in = { bytes, sizeof(bytes), false };

	(void)state;
	assert_int_equal(wire_get_u32(&in), 0);
	assert_int_equal(wire_get_u8(&in), 0);
	assert_int_equal(wire_end(&in), -EBADMSG);
}

static void
test_bytes_left_over_are_refused(void **state)
{
	static const uint8_t bytes[] = { 1, 2 };
	struct wire_in in = { bytes, sizeof(bytes), false };

	(void)state;
	(void)wire_get_u8(&in);
	assert_int_equal(wire_end(&in), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_come_back),
		cmocka_unit_test(test_header_is_little_endian_length_type_zero),
		cmocka_unit_test(test_begin_empties_a_used_frame),
		cmocka_unit_test(test_text_too_long_for_its_field_is_refused),
		cmocka_unit_test(test_text_with_a_nul_is_refused),
		cmocka_unit_test(test_length_beyond_the_body_is_refused),
		cmocka_unit_test(test_bool_and_enum_outside_their_range_are_refused),
		cmocka_unit_test(test_a_failure_stays),
		cmocka_unit_test(test_bytes_left_over_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
