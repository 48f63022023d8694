// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where a connection is: what belongs to it, what lies too far away to be its own, and what it takes to
 * believe that it is elsewhere. The same code runs in the kernel.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"
#include "../../bpf/wire/stream.h"

#define MIB 0x100000u
#define MS 1000000ull
#define SECOND (1000 * MS)

enum { FIN = 0x11, ACK = 0x10, PSH = 0x18 };

/* One tap, and the connection that speaks; seq: of the next byte. */
static struct {
	struct nw_tap *tap;
	struct talk t;
	uint64_t now, frame;
	uint32_t seq[2];
	uint16_t frag;
	unsigned int count[NW_EV_MAX];
} W;

#define N nw_tap_counters(W.tap)

static int on_event(void *arg, const struct nw_event *ev)
{
	W.count[ev->type]++;
	return 0;
}

static void be(uint8_t *p, uint32_t v, int n)
{
	while (n--)
		*p++ = (uint8_t)(v >> 8 * n);
}

/* Returns the outcome. */
static enum nw_counter segment(uint8_t dir, uint32_t seq, uint32_t ack, const void *data, uint32_t len,
			       uint8_t flags)
{
	static uint8_t f[66000] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 6, [46] = 0x50 };
	struct nw_tap_packet p = { .data = f, .len = 54 + len, .ts = W.now += MS, .frame = ++W.frame };
	uint64_t before[NW_C_OUTCOMES];
	enum nw_counter c;

	p.caplen = p.len;
	be(f + 16, 40 + len, 2);
	be(f + 20, W.frag, 2);
	f[29] = 1 + dir;
	f[33] = 2 - dir;
	be(f + 34, dir ? 445 : 50123, 2);
	be(f + 36, dir ? 50123 : 445, 2);
	be(f + 38, seq, 4);
	be(f + 42, ack, 4);
	f[47] = flags;
	memset(f + 54, '?', len);
	if (data)
		memcpy(f + 54, data, len);
	memcpy(before, N, sizeof(before));
	assert_int_equal(nw_tap_packet(W.tap, &p), 0);
	for (c = 0; c < NW_C_OUTCOMES && N[c] == before[c]; c++)
		;
	return c;
}

/* As the connection goes on, from where it is. */
static enum nw_counter next(uint8_t dir, const void *data, uint32_t len, uint8_t flags)
{
	enum nw_counter out = segment(dir, W.seq[dir], W.seq[!dir], data, len, flags);

	W.seq[dir] += len + (flags & 1);
	return out;
}

static enum nw_counter say(unsigned int which)
{
	return next(W.t.msg[which].dir, W.t.msg[which].bytes, W.t.msg[which].len, PSH);
}

/* Data of either side, so far away. */
static enum nw_counter away(uint8_t dir, uint32_t seq_off, uint32_t ack_off)
{
	return segment(dir, W.seq[dir] + seq_off, W.seq[!dir] + ack_off, W.t.msg[6 + dir].bytes,
		       W.t.msg[6 + dir].len, PSH);
}

/* A connection of which the client was heard. */
static int setup_client(void **state)
{
	static const uint16_t ports[] = { 445 };
	static const struct nw_tap_config tc = { .ports = ports, .n_ports = 1, .max_flows = 16 };

	memset(&W, 0, sizeof(W));
	W.now = 100 * SECOND;
	W.seq[0] = 0xffffff00; /* wraps */
	W.seq[1] = 5000;
	talk_usual(&W.t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	if (nw_tap_new(&W.tap, &tc, on_event, NULL))
		return -1;
	return say(0) == NW_C_WALKED ? 0 : -1;
}

/* The server, too. */
static int setup(void **state)
{
	if (setup_client(state))
		return -1;
	say(1);
	return next(NW_C2S, NULL, 0, ACK) == NW_C_EMPTY ? 0 : -1;
}

static int teardown(void **state)
{
	nw_tap_free(&W.tap);
	talk_free(&W.t);
	return 0;
}

static void about(void **state)
{
	static const struct {
		uint32_t seq, a, b, slack;
		int is;
	} table[] = {
		{ 100, 100, 100, 0, 1 },
		{ 101, 100, 100, 0, 0 },
		{ 99, 100, 100, 0, 0 },
		{ 110, 100, 100, 10, 1 },
		{ 111, 100, 100, 10, 0 },
		{ 90, 100, 100, 10, 1 },
		{ 89, 100, 100, 10, 0 },
		{ 150, 100, 200, 10, 1 },
		{ 150, 200, 100, 10, 1 },
		{ 210, 200, 100, 10, 1 },
		{ 211, 200, 100, 10, 0 },
		{ 89, 200, 100, 10, 0 },
		{ 5, 0xfffffff0, 0, 10, 1 },
		{ 11, 0xfffffff0, 0, 10, 0 },
		{ 0xffffffe6, 0xfffffff0, 0, 10, 1 },
		{ 0xffffffe5, 0, 0xfffffff0, 10, 0 },
		{ 0x80000000, 0, 0x7fffffff, 1, 1 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(nw_is_about(table[i].seq, table[i].a, table[i].b, table[i].slack),
				 table[i].is);
}

static void near(void **state)
{
	struct nw_look none = { 0 }, c = { .end = 1000, .ack = 90000, .ttl = 64 },
		       s = { .end = 0x80000000, .ack = 0xfffffff0, .ttl = 128 };

	/* The other end was heard alone: where it is told to be. */
	assert_true(nw_is_near(&none, &c, 90000 + NW_BACK_MAX, 1000 - NW_BACK_MAX));
	assert_false(nw_is_near(&none, &c, 90001 + NW_BACK_MAX, 1000));
	assert_false(nw_is_near(&none, &c, 90000, 999 - NW_BACK_MAX));
	/* This end alone */
	assert_true(nw_is_near(&c, &none, 1000 + NW_BACK_MAX, 90000 + NW_ACK_MAX));
	assert_false(nw_is_near(&c, &none, 1001 + NW_BACK_MAX, 90000));
	assert_false(nw_is_near(&c, &none, 1000, 90001 + NW_ACK_MAX));
	/* Both: from what is acknowledged to what was sent, however much that is. */
	assert_true(nw_is_near(&c, &s, 0xfffffff0 - NW_BACK_MAX, 90000 - NW_ACK_MAX));
	assert_true(nw_is_near(&c, &s, 1000, 0x80000000 + NW_ACK_MAX));
	assert_true(nw_is_near(&c, &s, 1000, 0x40000000));
	assert_false(nw_is_near(&c, &s, 0xffffffef - NW_BACK_MAX, 90000));
	assert_false(nw_is_near(&c, &s, 1000, 0x80000001 + NW_ACK_MAX));
	assert_false(nw_is_near(&c, &s, 1000, 89999 - NW_ACK_MAX));
}

/* Whatever is made up outside of the windows tells nothing, and leaves all as it was. */
static void far_segments_do_nothing(void **state)
{
	static const uint32_t off[] = { 33 * MIB, 0x7fffffff, 0x80000001, 0u - 33 * MIB };
	uint64_t events = N[NW_C_EVENTS];

	for (unsigned int i = 0; i < 8; i++)
		for (uint8_t dir = 0; dir < 2; dir++) {
			assert_int_equal(away(dir, off[i / 2], 0), NW_C_FAR);
			assert_int_equal(away(dir, 0, off[i / 2]), NW_C_FAR);
			assert_int_equal(segment(dir, W.seq[dir] + off[i / 2], W.seq[!dir], NULL, 0, FIN),
					 NW_C_FAR);
			assert_int_equal(segment(dir, W.seq[dir], W.seq[!dir] + off[i / 2], NULL, 0, ACK),
					 NW_C_FAR);
			W.frag = 0x2000;
			assert_int_equal(away(dir, off[i / 2], 0), NW_C_FAR);
			W.frag = 0;
			/* RFC 9293 3.10.7.4: dropped without ACK */
			assert_int_equal(
				segment(dir, W.seq[dir], 0, W.t.msg[6 + dir].bytes, W.t.msg[6 + dir].len, 0),
				NW_C_FAR);
		}
	assert_int_equal(N[NW_C_EVENTS], events);
	assert_int_equal(say(6), NW_C_WALKED);
	assert_int_equal(say(7), NW_C_WALKED);
	assert_int_equal(W.count[NW_EV_VALIDATE_REQ] + W.count[NW_EV_VALIDATE_RSP], 2);
	assert_int_equal(W.count[NW_EV_GAP] + W.count[NW_EV_PIECE], 0);
}

/* Ends far apart: much in flight, all of it acknowledged at once, and its first byte sent again. */
static void windows_may_be_large(void **state)
{
	uint32_t first = W.seq[1], client = W.seq[0];

	for (unsigned int i = 0; i < 30; i++) {
		W.seq[1] += 20 * MIB;
		assert_int_not_equal(next(NW_S2C, NULL, 1448, PSH), NW_C_FAR);
	}
	assert_int_equal(segment(NW_C2S, client, first, NULL, 0, ACK), NW_C_EMPTY);
	assert_int_not_equal(segment(NW_S2C, first, client, NULL, 1448, PSH), NW_C_FAR);
	assert_int_equal(segment(NW_C2S, client, W.seq[1], NULL, 0, ACK), NW_C_EMPTY);
	assert_int_equal(segment(NW_C2S, client - 1, W.seq[1], NULL, 1, ACK), NW_C_BODY); /* keep-alive */
	/* More than the slack was lost: of what the tap saw the sender's next segment makes up for it. */
	W.seq[1] += 30 * MIB;
	assert_int_equal(segment(NW_C2S, client, W.seq[1], NULL, 0, ACK), NW_C_FAR);
	assert_int_not_equal(next(NW_S2C, NULL, 1448, PSH), NW_C_FAR);
	assert_int_equal(segment(NW_C2S, client, W.seq[1], NULL, 0, ACK), NW_C_EMPTY);
}

/* Both are heard far away, and nobody where the connection was: it is picked up there, as one not seen
 * before. */
static void lost_connection_is_found_again(void **state)
{
	uint64_t begun;

	W.seq[0] += 1000 * MIB;
	W.seq[1] += 40 * MIB;
	begun = W.now;
	while (W.now < begun + SECOND) {
		assert_int_equal(next(NW_C2S, NULL, 100, PSH), NW_C_FAR);
		assert_int_equal(next(NW_S2C, NULL, 100, PSH), NW_C_FAR);
		assert_int_equal(next(NW_S2C, NULL, 0, ACK), NW_C_FAR);
	}
	while (say(6) == NW_C_FAR) {
		assert_int_equal(say(7), NW_C_FAR);
		W.now += 50 * MS;
		assert_true(W.now < begun + 3 * SECOND);
	}
	assert_int_equal(W.count[NW_EV_GAP], 1);
	assert_int_equal(W.count[NW_EV_FLOW], 2);
	assert_int_equal(W.count[NW_EV_VALIDATE_REQ], 1);
	assert_int_equal(say(7), NW_C_WALKED);
	assert_int_equal(W.count[NW_EV_VALIDATE_RSP], 1);
}

/* Who is alive answers what is made up in the other's name. */
static void answered_connection_is_where_it_was(void **state)
{
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(away(NW_C2S, 100 * MIB, 100 * MIB), NW_C_FAR);
		assert_int_equal(away(NW_S2C, 100 * MIB, 100 * MIB), NW_C_FAR);
		if (i % 8 == 0)
			assert_int_equal(next(NW_S2C, NULL, 0, ACK), NW_C_EMPTY);
		W.now += 100 * MS;
	}
	assert_int_equal(say(6), NW_C_WALKED);
	assert_int_equal(W.count[NW_EV_VALIDATE_REQ], 1);
	assert_int_equal(W.count[NW_EV_GAP], 0);
}

/* In the name of one end alone, for ever: its other end was seen, and has not moved. */
static void one_end_does_not_move_alone(void **state)
{
	for (unsigned int i = 0; i < 200; i++, W.now += 100 * MS)
		assert_int_equal(away(NW_S2C, 100 * MIB, 0), NW_C_FAR);
	assert_int_equal(say(6), NW_C_WALKED);
	assert_int_equal(W.count[NW_EV_GAP], 0);
}

/* But where one direction is all there is to see, that has to do. */
static void lone_direction_is_found_again(void **state)
{
	W.seq[0] += 1000 * MIB;
	W.seq[1] += 1000 * MIB;
	for (unsigned int i = 0; i < 30; i++, W.now += 100 * MS)
		say(6);
	assert_in_range(W.count[NW_EV_VALIDATE_REQ], 5, 25);
	assert_int_equal(W.count[NW_EV_GAP], 1);
}

/* The ports are used again, and the SYN was not seen: behind both FINs nobody is left to be told from. */
static void next_connection_begins_behind_the_last(void **state)
{
	next(NW_C2S, NULL, 0, FIN);
	next(NW_S2C, NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 2);
	W.seq[0] += 1000 * MIB;
	W.seq[1] -= 1000 * MIB;
	assert_int_equal(say(0), NW_C_WALKED);
	assert_int_equal(say(1), NW_C_WALKED);
	assert_int_equal(W.count[NW_EV_NEGOTIATE_REQ], 2);
	assert_int_equal(W.count[NW_EV_NEGOTIATE_RSP], 2);
	assert_int_equal(W.count[NW_EV_GAP], 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(about), cmocka_unit_test(near),
		T(far_segments_do_nothing), T(windows_may_be_large), T(lost_connection_is_found_again),
		T(answered_connection_is_where_it_was), T(one_end_does_not_move_alone),
		cmocka_unit_test_setup_teardown(lone_direction_is_found_again, setup_client, teardown),
		T(next_connection_begins_behind_the_last),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
