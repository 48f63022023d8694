// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What people type: times in the past, and words that are almost right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../user/util/closest.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define S 1000000000LL
/* 2026-11-22T12:00:00Z, 13:00 in Berlin */
#define NOW (1795348800 * S)

static const struct {
	const char *text;
	bool utc;
	int64_t ago; /* seconds before NOW; -1: refused */
} times[] = {
	{ "0s", true, 0 },
	{ "90s", true, 90 },
	{ "30min", true, 1800 },
	{ "30m", true, 1800 },
	{ "2h", true, 7200 },
	{ "7d", true, 7 * 86400 },
	{ "1w", true, 7 * 86400 },
	{ "3650d", true, 3650LL * 86400 },
	{ "3651d", true, -1 },
	{ "99999999999999999999h", true, -1 },
	{ "17", true, -1 },
	{ "h", true, -1 },
	{ "-2h", true, -1 },
	{ "2 h", true, -1 },
	{ "2hours", true, -1 },
	{ "", true, -1 },
	{ "yesterday", true, -1 },
	{ "11:30", true, 1800 },
	{ "11:30", false, 5400 },
	{ "11:59:59", true, 1 },
	{ "2026-11-22", true, 43200 },
	{ "2026-11-22", false, 46800 },
	{ "2026-11-22 11:00", true, 3600 },
	{ "2026-11-22 11:00:30", true, 3570 },
	{ "2026-11-22T11:00", true, 3600 },
	{ "2026-11-22T11:00:00", false, 7200 },
	{ "2026-11-22T11:00:00Z", false, 3600 },
	{ "2026-11-22T12:00:00+01:00", true, 3600 },
	{ "2026-11-22T11:00:00.000000+0000", true, 3600 },
	/* before the change of the clocks */
	{ "2026-10-01", false, 52 * 86400 + 12 * 3600 + 7200 },
	{ "2026-13-01", true, -1 },
	{ "2026-11-22x", true, -1 },
	{ "25:00", true, -1 },
};

static void times_are_read(void **state)
{
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (size_t i = 0; i < NW_ARRAY_SIZE(times); i++) {
		int64_t wall = -7;
		int err = nw_time_since(times[i].text, NOW, times[i].utc, &wall);

		if (times[i].ago < 0 ? err != -22 || wall != -7 : err || wall != NOW - times[i].ago * S)
			fail_msg("\"%s\": %d, %lld s ago", times[i].text, err, (long long)((NOW - wall) / S));
	}
}

static const char *closest(const char *word)
{
	static const char *const known[] = { "status", "alerts", "show",  "flows", "peers",
					     "watch",  "stats",	 "check", "read",  "interfaces" };
	struct nw_closest c = { .word = word };

	for (size_t i = 0; i < NW_ARRAY_SIZE(known); i++)
		nw_closest_try(&c, known[i]);
	return c.best ? c.best : "";
}

static void words_are_guessed(void **state)
{
	char text[64];

	assert_string_equal(closest("stauts"), "status");
	assert_string_equal(closest("stat"), "status");
	assert_string_equal(closest("alert"), "alerts");
	assert_string_equal(closest("raed"), "read");
	assert_string_equal(closest("interf"), "interfaces");
	assert_string_equal(closest("status"), "status");
	assert_string_equal(closest(""), "");
	assert_string_equal(closest("xyz"), "");
	assert_string_equal(closest("evidence"), "");
	assert_string_equal(closest("a word that is longer than any of them is or will be"), "");
	assert_string_equal(nw_closest_text(text, sizeof(text), &(struct nw_closest){ .word = "x" }), "");
	assert_string_equal(
		nw_closest_text(text, sizeof(text), &(struct nw_closest){ .word = "x", .best = "y" }),
		"; did you mean \"y\"?");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(times_are_read),
					    cmocka_unit_test(words_are_guessed) };

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
