// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * However TCP cuts, repeats, swaps and joins a conversation, the findings are those of the uncut one. The
 * same table runs through the kernel's programs in tests/prog/test_stream.c.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "streams.h"

static int host(const struct talk *t, const struct talk_how *how, struct talk_digest *d, void *arg)
{
	(void)arg;
	return talk_digest_host(t, how, d);
}

static void each_stream(void **state)
{
	unsigned int runs = 0, bad = 0;

	(void)state;
	streams_all(host, NULL, &runs, &bad);
	print_message("# %u conversations through the host's tap, %u differ\n", runs, bad);
	assert_true(runs > 10000);
	assert_int_equal(bad, 0);
}

static void each_has_its_finding(void **state)
{
	(void)state;
	assert_int_equal(streams_findings(host, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_finding),
		cmocka_unit_test(each_stream),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
