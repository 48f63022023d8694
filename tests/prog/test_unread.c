// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * When the daemon is gone and an entry is still attached, as a filter of clsact is, the kernel has emptied
 * the program arrays: a segment that had to be read passes unchanged, is told to nobody and counted as
 * unread; what needs no reading is counted as ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "packets.h"
#include "progs.h"

static int told(void *arg, const struct nw_event *ev)
{
	++*(unsigned int *)arg;
	return 0;
}

static void send_packet(struct progs *p, enum progs_which which, const struct packet *packet)
{
	static uint8_t frame[PACKETS_MAX];
	uint32_t len = packet_build(packet, frame, NULL);

	assert_int_equal(progs_run(p, which, frame, len, NULL, 0), 0);
}

static void left_alone(void **state)
{
	static const struct packet syn = { .ip = 4, .flags = 0x02 }, web = { .ip = 4, .dport = 80 };
	static const struct packet odd = { .ip = 6, .n_ext = 1, .ext = { 60 }, .dport = 80 };

	for (enum progs_which which = PROGS_XDP; which < PROGS_N; which++) {
		struct progs *p = NULL;
		unsigned int events = 0;

		assert_int_equal(progs_open(&p), 0);
		send_packet(p, which, &syn);
		send_packet(p, which, &odd);
		assert_int_equal(progs_count(p, NW_C_SYN), 1);
		assert_int_equal(progs_count(p, NW_C_OTHER_PORT), 1);
		assert_int_equal(progs_count(p, NW_C_UNREAD), 0);
		assert_int_equal(progs_forsake(p), 0);
		send_packet(p, which, &syn);
		send_packet(p, which, &odd);
		send_packet(p, which, &web);
		assert_int_equal(progs_count(p, NW_C_SYN), 1);
		assert_int_equal(progs_count(p, NW_C_OTHER_PORT), 2);
		assert_int_equal(progs_count(p, NW_C_UNREAD), 2);
		assert_int_equal(progs_count(p, NW_C_PACKETS), 5);
		assert_int_equal(progs_drain(p, 1, 1, told, &events), 0);
		assert_int_equal(events, 0);
		progs_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(left_alone) };

	if (progs_try() < 0)
		return 1;
	return cmocka_run_group_tests_name("prog-unread", tests, NULL, NULL);
}
