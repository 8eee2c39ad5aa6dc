/* Published check values, and that pieces and files give the sums of the whole. */
#include "base/checksum.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static uint32_t
crc_of(const void *p, size_t len)
{
	struct checksum *sum = checksum_new();
	uint8_t sha256[SHA256_SIZE];
	uint32_t crc;

	checksum_update(sum, p, len);
	checksum_end(sum, &crc, sha256);
	checksum_free(sum);
	return crc;
}

/* The definition, bit by bit. */
static uint32_t
slow_crc_of(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;
	int bit;

	for (; len > 0; len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return ~crc;
}

static void
crc32c_has_the_published_values(void **state)
{
	uint8_t bytes[32];
	int i;

	(void)state;
	assert_int_equal(crc_of("123456789", 9), 0xe3069283u);
	assert_int_equal(crc_of("", 0), 0);
	memset(bytes, 0, sizeof(bytes));		/* RFC 3720, B.4 */
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x62a8ab43u);
	for (i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x46dd794eu);
}

static void
crc32c_agrees_with_its_definition_at_each_length(void **state)
{
	uint8_t bytes[3000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 131 + (i >> 8));
	for (i = 0; i < sizeof(bytes); i += i < 300 ? 1 : 97)
		assert_int_equal(crc_of(bytes, i), slow_crc_of(bytes, i));
	assert_int_equal(crc_of(bytes + 1, 999), slow_crc_of(bytes + 1, 999));
}

static void
crc32c_is_written_big_endian_in_base64(void **state)
{
	char text[CRC32C_TEXT_SIZE];

	(void)state;
	assert_string_equal(crc32c_format(text, 0xe3069283u), "4waSgw==");
	assert_string_equal(crc32c_format(text, 0), "AAAAAA==");
	assert_string_equal(crc32c_format(text, 0xffffffffu), "/////w==");
	assert_string_equal(crc32c_format(text, 0x00108310u), "ABCDEA==");
}

static void
sha256_of(const void *p, size_t len, uint8_t ret[SHA256_SIZE])
{
	struct checksum *sum = checksum_new();
	uint32_t crc;

	checksum_update(sum, p, len);
	checksum_end(sum, &crc, ret);
	checksum_free(sum);
}

static void
sha256_has_the_published_values(void **state)
{
	char text[SHA256_TEXT_SIZE];
	uint8_t sum[SHA256_SIZE];

	(void)state;
	sha256_of("abc", 3, sum);
	assert_string_equal(sha256_format(text, sum),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_of("", 0, sum);
	assert_string_equal(sha256_format(text, sum),
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void
pieces_give_the_sums_of_the_whole(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog";
	uint8_t whole[SHA256_SIZE], pieces[SHA256_SIZE];
	struct checksum *sum;
	uint32_t crc;
	size_t cut;

	(void)state;
	sha256_of(text, strlen(text), whole);
	for (cut = 0; cut <= strlen(text); cut++) {
		sum = checksum_new();
		checksum_update(sum, text, cut);
		checksum_update(sum, text + cut, strlen(text) - cut);
		checksum_end(sum, &crc, pieces);
		checksum_free(sum);
		assert_int_equal(crc, crc_of(text, strlen(text)));
		assert_memory_equal(whole, pieces, sizeof(whole));
	}
	checksum_free(NULL);
}

static void
test_crc_alone_goes_on_from_where_it_was(void **state)
{
	(void)state;
	assert_int_equal(checksum_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(checksum_crc32c(checksum_crc32c(checksum_crc32c(0, "1234", 4), "", 0), "56789", 5), 0xe3069283);
	assert_int_equal(checksum_crc32c(0, "", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_has_the_published_values),
		cmocka_unit_test(crc32c_agrees_with_its_definition_at_each_length),
		cmocka_unit_test(crc32c_is_written_big_endian_in_base64),
		cmocka_unit_test(sha256_has_the_published_values),
		cmocka_unit_test(pieces_give_the_sums_of_the_whole),
		cmocka_unit_test(test_crc_alone_goes_on_from_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
