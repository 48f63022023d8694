// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Floods beside flows that negotiate and validate meanwhile: SYN, RST, FIN and blind data from random senders
 * cost no exchange, no flow and no event; a FIN into these flows, by who does not see them, ends one in
 * thousands of times; a storm of flows that do negotiate evicts those idle longest, and how many is known.
 */
#include <stdarg.h>
#include <sched.h>
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
#define TALK_FRAMES_MAX 32
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

/* Of client number i, in wire order. */
static uint32_t client_addr(uint32_t i)
{
	return 0x0100000au + (i << 8 & 0xffff00) + (i >> 16 << 24);
}

/* Client number i negotiates, or goes on. */
static void real_flow(const struct frame *f, uint32_t i)
{
	static struct frame copy;

	copy.len = f->len;
	memcpy(copy.data, f->data, f->len);
	address(&copy, client_addr(i), 0x1111, false);
	send_one(&copy, PROGS_XDP);
}

static bool tracked(uint32_t i)
{
	struct nw_key k = { 0 };
	uint32_t client = client_addr(i), server;
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

/* One conversation's frames, which all REAL flows play in turn: each frame of all before the next. */
static struct choir {
	struct frame frame[TALK_FRAMES_MAX];
	bool back[TALK_FRAMES_MAX]; /* from the server */
	uint32_t n;
} choir;

static int take_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t number)
{
	struct frame *f = &choir.frame[choir.n];

	if (choir.n == TALK_FRAMES_MAX || len > sizeof(f->data))
		return -1;
	memcpy(f->data, data, len);
	f->len = len;
	choir.back[choir.n++] = data[34] == 0x01 && data[35] == 0xbd;
	return 0;
}

/* What the programs told of the flows that are to be seen, and of others. */
struct told {
	uint32_t of[NW_EV_MAX], differ, others;
};

static int count_event(void *arg, const struct nw_event *ev)
{
	struct told *t = arg;

	if (ev->key.port[0] != 0x1111 && ev->key.port[1] != 0x1111) {
		t->others++;
		return 0;
	}
	t->of[ev->type]++;
	if (ev->type == NW_EV_VALIDATE_REQ || ev->type == NW_EV_VALIDATE_RSP)
		t->differ += !(ev->flags & NW_EF_MATCH);
	return 0;
}

/* Step number `step` of REAL * choir.n, of the flows from `first` on. */
static void sing(uint32_t step, uint32_t first)
{
	uint32_t which = step / REAL;
	struct frame *f = &choir.frame[which];

	address(f, client_addr(first + step % REAL), 0x1111, choir.back[which]);
	send_one(f, choir.back[which] ? PROGS_TC_OUT : PROGS_XDP);
}

enum kind { SYN, RST, FIN, BLIND_FIN, DATA, SYN_DATA, KINDS };
static const struct {
	const char *name;
	uint32_t packets;
} kinds[KINDS] = { { "SYN", 5000000 },	{ "RST", 5000000 },
		   { "FIN", 500000 },	{ "FIN into the connections", 500000 },
		   { "data", 1000000 }, { "SYN, SYN-ACK, blind data", 1000000 } };

/*
 * Into connection i from either side, wherever. One in 131,072 hits (nw_is_near()); before both sides spoke,
 * less has to be guessed.
 */
static void blind_fin(struct frame *f, uint32_t i)
{
	bool back = rnd() & 1;
	uint32_t seq = rnd() ^ rnd() << 16, ack = rnd() ^ rnd() << 16;
	static const uint8_t server[] = "\x0a\x4d\0\2\x01\xbd";

	address(f, client_addr(i), 0x1111, back);
	memcpy(f->data + (back ? 26 : 30), server, 4);
	memcpy(f->data + (back ? 34 : 36), server + 4, 2);
	memcpy(f->data + 38, &seq, 4);
	memcpy(f->data + 42, &ack, 4);
	send_one(f, back ? PROGS_TC_OUT : PROGS_XDP);
}

static void check_told(const struct told *t, enum kind kind)
{
	static const uint8_t exchange[] = { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP, NW_EV_VALIDATE_REQ,
					    NW_EV_VALIDATE_RSP };

	for (size_t i = 0; i < sizeof(exchange); i++)
		assert_int_equal(t->of[exchange[i]], REAL);
	assert_int_equal(t->differ, 0);
	assert_int_equal(t->of[NW_EV_PIECE] + t->of[NW_EV_GAP], 0);
	/* Each direction tells one FIN: without a look at the numbers all of them would. */
	assert_in_range(t->of[NW_EV_FIN], 0, kind == BLIND_FIN ? kinds[kind].packets / 32768 : 0);
	/* A right guess of 32 bits, give or take a megabyte: one in four thousand. */
	assert_in_range(t->others, 0, kind == SYN_DATA ? 2 * kinds[kind].packets / 3 / 2048 : 0);
}

static void one_flood(enum kind kind)
{
	static struct frame f[3];
	uint64_t before[NW_C_MAX], after[NW_C_MAX], begun;
	uint32_t present = progs_flows(progs), i, k, n = kind == SYN_DATA ? 3 : 1, step = 0;
	uint32_t packets = kinds[kind].packets, every = packets / (REAL * choir.n) + 1;
	struct told told = { 0 };
	uint8_t junk[100];

	for (i = 0; i < sizeof(junk); i++)
		junk[i] = rnd() & 0xff;
	build(&f[0],
	      kind == RST		       ? 0x04 :
	      kind == FIN || kind == BLIND_FIN ? 0x11 :
	      kind == DATA		       ? 0x18 :
						 0x02,
	      junk, kind == DATA ? sizeof(junk) : 0);
	build(&f[1], 0x12, junk, 0);
	memcpy(f[1].data + 26, "\x0a\x4d\0\2\0\0\0\0\x01\xbd", 10);
	build(&f[2], 0x18, nego, nego_len);
	f[2].data[41] = 2; /* the byte behind the SYN */
	progs_counters(progs, before);
	begun = now();
	for (i = 0; i < packets || step < REAL * choir.n; i += n) {
		uint32_t addr = rnd() | 0x01, port = rnd();

		if (i / every >= step && step < REAL * choir.n) {
			sing(step++, kind * REAL);
			if (step % 512 == 0)
				progs_drain(progs, 1, 1, count_event, &told);
		}
		if (kind == BLIND_FIN) {
			blind_fin(&f[0], kind * REAL + rnd() % REAL);
			continue;
		}
		/* No port of theirs is a singer's. */
		port += (port & 0xffff) == 0x1111;
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
	progs_drain(progs, 1, 1, count_event, &told);
	progs_counters(progs, after);
	print_message(
		"# %s: %u packets, %.2f million/s with the system call, beside %u frames of %u connections; "
		"exchanges seen %u + %u of %u each; FINs told %u; events of the flood %u; flows before %u, "
		"after %u\n",
		kinds[kind].name, i, (double)i * 1e3 / (double)begun, step, REAL,
		told.of[NW_EV_NEGOTIATE_RSP], told.of[NW_EV_VALIDATE_RSP], REAL, told.of[NW_EV_FIN],
		told.others, present, progs_flows(progs));
	assert_int_equal(after[NW_C_PACKETS] - before[NW_C_PACKETS], i + step);
	assert_int_equal(after[NW_C_LOST_EVENTS], before[NW_C_LOST_EVENTS]);
	check_told(&told, kind);
	assert_int_equal(count_tracked(kind * REAL, (kind + 1) * REAL), REAL);
}

static void floods(void **state)
{
	struct talk_how how = { .isn = { 1000, 2000 } };
	struct talk t;
	enum kind kind;

	talk_usual(&t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	assert_int_equal(talk_frames(&t, &how, take_frame, NULL), 0);
	talk_free(&t);
	for (kind = 0; kind < KINDS; kind++)
		one_flood(kind);
}

/*
 * The kernel's LRU hash has lists for each CPU (bpf_lru_list.c), from which an element comes to the common
 * ones when that CPU needs room: what this process left on another, idle, would stay.
 */
static void stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* Flows 0 to 999 stay active, 1,000 to 1,999 are idle, and then come four times as many as there is room for.
 */
static void storm(void **state)
{
	static struct frame first, more;
	uint64_t before[NW_C_MAX], count[NW_C_MAX], evicted;
	uint32_t i, present, idle, active, newest;

	stay_on_one_cpu();
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

	if (err < 0)
		return progs_bail_out(err);
	talk_init(&t);
	talk_negotiate_req(&t, &talk_client, 0);
	nego_len = t.msg[0].len;
	memcpy(nego, t.msg[0].bytes, nego_len);
	talk_free(&t);
	err = cmocka_run_group_tests_name("prog-flood", tests, NULL, NULL);
	progs_close(&progs);
	return err;
}
