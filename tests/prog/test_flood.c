// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Floods beside tracked flows: SYN, RST, FIN and blind data from random senders cost no flow and no event; a
 * storm of flows that do negotiate evicts those idle longest, and how many is known.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "packets.h"
#include "progs.h"
#include "../unit/talk.h"

#define FLOWS 8192
#define REAL 1000
#define PACKETS 1000000
#define STORM (4 * FLOWS)

static struct progs *progs;
static uint8_t nego[TALK_MSG_MAX];
static uint32_t nego_len;

static uint32_t rnd(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 16;
}

struct frame {
	uint8_t data[PACKETS_MAX];
	uint32_t len;
};

/* From, or with `back` to, address and port; IPv4 without options. */
static void address(struct frame *f, uint32_t addr, uint16_t port, bool back)
{
	memcpy(f->data + (back ? 30 : 26), &addr, 4);
	memcpy(f->data + (back ? 36 : 34), &port, 2);
}

static void build(struct frame *f, uint8_t flags, const void *body, uint32_t len)
{
	struct packet p = { .ip = 4, .flags = flags, .seq = 1, .body = body, .body_len = len };

	f->len = packet_build(&p, f->data, NULL);
}

static void send_one(const struct frame *f, enum progs_which which)
{
	assert_int_equal(progs_run(progs, which, f->data, f->len, NULL, 0), 0);
}

static int ignore(void *arg, const struct nw_event *ev)
{
	return 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Client number i negotiates, or goes on; no port of theirs is a flood's. */
static void real_flow(const struct frame *f, uint32_t i)
{
	static struct frame copy;

	copy.len = f->len;
	memcpy(copy.data, f->data, f->len);
	address(&copy, 0x0100000au + (i << 8 & 0xffff00) + (i >> 16 << 24), 0x1111, false);
	send_one(&copy, PROGS_XDP);
}

static bool tracked(uint32_t i)
{
	struct nw_key k = { 0 };
	uint32_t client = 0x0100000au + (i << 8 & 0xffff00) + (i >> 16 << 24), server;
	uint8_t swap;

	memcpy(&server, "\x0a\x4d\0\2", 4);
	k.addr[0].w[2] = k.addr[1].w[2] = 0xffff0000;
	swap = (uint64_t)client > (uint64_t)server;
	k.addr[swap].w[3] = client;
	k.addr[!swap].w[3] = server;
	k.port[swap] = 0x1111;
	k.port[!swap] = 0xbd01;
	return progs_has_flow(progs, &k);
}

static unsigned int count_tracked(uint32_t from, uint32_t to)
{
	unsigned int n = 0;

	for (; from < to; from++)
		n += tracked(from);
	return n;
}

enum kind { SYN, RST, FIN, DATA, SYN_DATA, KINDS };
static const char *const kind_name[KINDS] = { "SYN", "RST", "FIN", "data", "SYN, SYN-ACK, blind data" };

static void one_flood(enum kind kind)
{
	static struct frame f[3];
	uint64_t before[NW_C_MAX], after[NW_C_MAX], begun;
	uint32_t present = progs_flows(progs), i, k, n = kind == SYN_DATA ? 3 : 1;
	uint8_t junk[100];

	for (i = 0; i < sizeof(junk); i++)
		junk[i] = rnd() & 0xff;
	build(&f[0],
	      kind == RST  ? 0x04 :
	      kind == FIN  ? 0x11 :
	      kind == DATA ? 0x18 :
			     0x02,
	      junk, kind == DATA ? sizeof(junk) : 0);
	build(&f[1], 0x12, junk, 0);
	memcpy(f[1].data + 26, "\x0a\x4d\0\2\0\0\0\0\x01\xbd", 10);
	build(&f[2], 0x18, nego, nego_len);
	f[2].data[41] = 2; /* the byte behind the SYN */
	progs_counters(progs, before);
	begun = now();
	for (i = 0; i < PACKETS; i += n) {
		uint32_t addr = rnd() | 0x01, port = rnd();

		if (kind == DATA)
			memcpy(f[0].data + 54, &addr, 4);
		for (k = 0; k < n; k++) {
			address(&f[k], addr, (uint16_t)port, k == 1);
			/* What a blind forger acknowledges */
			if (k == 2)
				memcpy(f[2].data + 42, &port, 4);
			send_one(&f[k], k == 1 ? PROGS_TC_OUT : PROGS_XDP);
		}
	}
	begun = now() - begun;
	progs_counters(progs, after);
	print_message(
		"# %s: %u packets, %llu ns each with the system call; %llu events, %u flows before and %u "
		"after\n",
		kind_name[kind], i, (unsigned long long)(begun / i),
		(unsigned long long)(after[NW_C_EVENTS] - before[NW_C_EVENTS]), present, progs_flows(progs));
	assert_int_equal(after[NW_C_PACKETS] - before[NW_C_PACKETS], i);
	assert_int_equal(after[NW_C_LOST_EVENTS], before[NW_C_LOST_EVENTS]);
	/* A right guess of 32 bits, give or take a megabyte: one in four thousand. */
	assert_in_range(after[NW_C_EVENTS] - before[NW_C_EVENTS], 0,
			kind == SYN_DATA ? 2 * PACKETS / 3 / 2048 : 0);
	assert_int_equal(count_tracked(0, REAL), REAL);
}

static void floods(void **state)
{
	static struct frame f;
	enum kind kind;
	uint32_t i;

	build(&f, 0x18, nego, nego_len);
	for (i = 0; i < REAL; i++)
		real_flow(&f, i);
	progs_drain(progs, 1, 1, ignore, NULL);
	assert_int_equal(count_tracked(0, REAL), REAL);
	for (kind = 0; kind < KINDS; kind++)
		one_flood(kind);
}

/* Flows 0 to 999 stay active, 1,000 to 1,999 are idle, and then come four times as many as there is room for.
 */
static void storm(void **state)
{
	static struct frame first, more;
	uint64_t before[NW_C_MAX], count[NW_C_MAX], evicted;
	uint32_t i, present, idle, active, newest;

	progs_reset(progs);
	progs_counters(progs, before);
	build(&first, 0x18, nego, nego_len);
	build(&more, 0x10, NULL, 0);
	for (i = 0; i < 2 * REAL + STORM; i++) {
		real_flow(&first, i);
		if (i >= 2 * REAL)
			real_flow(&more, i % REAL);
		if (i % 512 == 0)
			progs_drain(progs, 1, 1, ignore, NULL);
	}
	progs_drain(progs, 1, 1, ignore, NULL);
	progs_counters(progs, count);
	present = progs_flows(progs);
	evicted = count[NW_C_FLOWS] - before[NW_C_FLOWS] -
		  (count[NW_C_FLOWS_ENDED] - before[NW_C_FLOWS_ENDED]) - present;
	active = count_tracked(0, REAL);
	idle = count_tracked(REAL, 2 * REAL);
	newest = count_tracked(2 * REAL + STORM - FLOWS / 2, 2 * REAL + STORM);
	print_message("# %u flows into room for %u: %u of %u active ones kept, %u of %u idle ones, %u of the "
		      "newest %u; %u present, %llu evicted\n",
		      2 * REAL + STORM, FLOWS, active, REAL, idle, REAL, newest, FLOWS / 2, present,
		      (unsigned long long)evicted);
	assert_int_equal(count[NW_C_LOST_EVENTS], 0);
	/* What user space computes is what is gone. */
	assert_int_equal(evicted, 2 * REAL + STORM - count_tracked(0, 2 * REAL + STORM));
	assert_int_equal(active, REAL);
	assert_int_equal(idle, 0);
	assert_int_equal(newest, FLOWS / 2);
	assert_in_range(present, FLOWS * 9 / 10, FLOWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(floods), cmocka_unit_test(storm) };
	struct talk t;
	int err = progs_open_sized(&progs, FLOWS);

	if (err) {
		printf("Bail out! the programs do not load: %s (root and kernel 6.1 are needed)\n",
		       strerror(-err));
		return 1;
	}
	talk_init(&t);
	talk_negotiate_req(&t, &talk_client, 0);
	nego_len = t.msg[0].len;
	memcpy(nego, t.msg[0].bytes, nego_len);
	talk_free(&t);
	err = cmocka_run_group_tests_name("prog-flood", tests, NULL, NULL);
	progs_close(&progs);
	return err;
}
