// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Texts: escapes, Community IDs, times. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/util/community_id.h"
#include "../../user/util/text.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"
/* 2026-11-22T12:05:01.120334Z */
#define WALL 1795349101120334000LL

static void escapes_keep_lines_whole(void **state)
{
	static const struct {
		const char *in, *value;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "a=b", "\"a=b\"" },
		{ "a,b", "\"a,b\"" },
		{ "q\"q", "\"q\\\"q\"" },
		{ "b\\b", "b\\\\b" },
		{ "n\nn", "n\\x0an" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "gr\xc3\xbcn", "gr\xc3\xbcn" },
		{ "\xc3", "\\xc3" },
		{ "\xc0\x80", "\\xc0\\x80" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xc2\x9b", "\\xc2\\x9b" },
		{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
	};
	char out[64];
	struct nw_text t;

	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		nw_text_init(&t, out, sizeof(out));
		nw_text_value(&t, rows[i].in);
		assert_string_equal(out, rows[i].value);
	}
	/* never half an escape */
	for (size_t size = 1; size < 12; size++) {
		nw_text_init(&t, out, size);
		nw_text_escape(&t, "\n\n\xc3\xbc", 4);
		assert_true(strlen(out) == 0 || strlen(out) == 4 || strlen(out) == 8 || strlen(out) == 10);
		assert_true(strlen(out) < size);
	}
}

static void community_ids_are_those_of_the_specification(void **state)
{
	static const uint8_t a6[16] = { 0x20, 0x01, 0x04, 0x70, 0xe5, 0xbf, 0xde, 0xad,
					0x49, 0x57, 0x21, 0x74, 0xe8, 0x2c, 0x48, 0x87 };
	static const uint8_t b6[16] = { 0x26, 0x07, 0xf8, 0xb0, 0x40, 0x0c, 0x0c, 0x03, [15] = 0x1a };
	static const struct {
		uint8_t a[4], b[4];
		uint16_t port_a, port_b;
		const char *id;
	} rows[] = {
		{ { 1, 2, 3, 4 }, { 43, 3, 132, 3 }, 4584, 3483, "1:koNcqhFRD5kb254ZrLsdv630jCM=" },
		{ { 128, 232, 110, 120 }, { 66, 35, 250, 204 }, 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ { 10, 1, 2, 3 }, { 10, 0, 0, 10 }, 50123, 445, "1:qG+HSMbUf/AnTAesljEt4afJoN8=" },
	};
	char id[40];

	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		nw_community_id(id, rows[i].a, rows[i].b, 4, rows[i].port_a, rows[i].port_b);
		assert_string_equal(id, rows[i].id);
		nw_community_id(id, rows[i].b, rows[i].a, 4, rows[i].port_b, rows[i].port_a);
		assert_string_equal(id, rows[i].id);
	}
	nw_community_id(id, a6, b6, 16, 63943, 25);
	assert_string_equal(id, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
}

static void times_read_back(void **state)
{
	char text[NW_TIME_TEXT];
	int64_t wall;

	assert_string_equal(nw_time_utc(text, WALL, 6), "2026-11-22T12:05:01.120334Z");
	assert_int_equal(nw_time_parse(text, &wall), 0);
	assert_int_equal(wall, WALL);
	assert_int_equal(nw_time_parse(nw_time_eve(text, WALL), &wall), 0);
	assert_int_equal(wall, WALL);
	assert_int_equal(nw_time_parse(nw_time_local(text, WALL, 9), &wall), 0);
	assert_int_equal(wall, WALL);
	assert_int_equal(nw_time_parse("2026-11-22T13:05:01.120334+01:00", &wall), 0);
	assert_int_equal(wall, WALL);
	assert_int_equal(nw_time_parse("yesterday", &wall), -EINVAL);
	assert_int_equal(nw_time_parse("2026-11-22T13:05:01", &wall), -EINVAL);
	/* What 64 bits of nanoseconds do not hold, as a damaged file or a request may say it (found by
	 * fuzzing). */
	assert_int_equal(nw_time_parse("1013-11-22T12:05:01Z", &wall), -EINVAL);
	assert_int_equal(nw_time_parse("1969-12-31T23:59:59Z", &wall), -EINVAL);
	assert_int_equal(nw_time_parse("2326-11-22T12:05:01Z", &wall), -EINVAL);
	assert_int_equal(nw_time_parse("9999-12-31T23:59:59Z", &wall), -EINVAL);
	assert_int_equal(nw_time_since("9999-12-31", WALL, true, &wall), -EINVAL);
	assert_int_equal(wall, WALL);
	assert_int_equal(nw_time_parse("1970-01-01T00:00:00Z", &wall), 0);
	assert_int_equal(wall, 0);
	assert_string_equal(nw_duration_text(text, 170000), "0.17 ms");
	assert_string_equal(nw_duration_text(text, 5ULL * 3600 * 1000000000 + 240ULL * 1000000000),
			    "5 h 4 min");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_keep_lines_whole),
		cmocka_unit_test(community_ids_are_those_of_the_specification),
		cmocka_unit_test(times_read_back),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
