// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The shared rate: one client alone gets all of it, and never what is another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../user/engine/engine.h"
#include "../../user/sink/share.h"

#define S NW_NS_PER_S

static union nw_addr address(uint32_t net, uint32_t host)
{
	return (union nw_addr){ .w = { net, net, host, host } };
}

static void alone_it_gets_the_rate(void **state)
{
	union nw_addr one = address(1, 1);
	struct nw_share *s = NULL;
	unsigned int n = 0;
	uint64_t now = 1000 * S;

	assert_int_equal(nw_share_new(&s, 20, 100, 1), 0);
	for (int i = 0; i < 1000; i++)
		n += nw_share_take(s, &one, now);
	assert_in_range(n, 50, 76);
	for (n = 0; now < 1100 * S; now += S / 1000)
		n += nw_share_take(s, &one, now);
	assert_in_range(n, 1970, 2030);
	nw_share_set(s, 0, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(nw_share_take(s, &one, now));
	nw_share_free(&s);
}

/* A storm from all of a /64, for minutes; each second another client has something to say, once. */
static void storm_holds_up_nobody_else(void **state)
{
	struct nw_share *s = NULL;
	unsigned int storm = 0, others = 0;
	uint64_t now = 1000 * S;

	assert_int_equal(nw_share_new(&s, 20, 100, 1), 0);
	for (uint32_t ms = 0; ms < 300000; ms++, now += S / 1000) {
		union nw_addr greedy = address(7, ms), other = address(100 + ms, 1);

		storm += nw_share_take(s, &greedy, now);
		if (ms % 1000 == 999)
			others += nw_share_take(s, &other, now);
	}
	print_message("# of a storm of 300000 %u passed; of 300 others' %u\n", storm, others);
	assert_int_equal(others, 300);
	assert_in_range(storm, 300 * 19 - 100, 300 * 20);
	nw_share_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_it_gets_the_rate),
		cmocka_unit_test(storm_holds_up_nobody_else),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
