// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tap, packet by packet: where flows begin and end, what holes, lies and limits do to them, and that no
 * packet is left uncounted. The same code runs in the kernel.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"

enum { FIN = 0x11, SYN = 0x02, SYNACK = 0x12, RST = 0x04, ACK = 0x10, PSH = 0x18 };

/* One tap, one engine behind it, and the connection that speaks; seq: of the next byte. */
static struct {
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct talk t;
	uint64_t now, frame;
	uint32_t seq[2], caplen, ack_off;
	uint16_t port[2], frag;
	unsigned int count[256];
	struct nw_event last;
	struct talk_digest d;
	uint8_t unseen; /* of all connections */
} W;

#define N nw_tap_counters(W.tap)

static int on_event(void *arg, const struct nw_event *ev)
{
	W.count[ev->type]++;
	memcpy(&W.last, ev, NW_EVENT_SMALL);
	return nw_engine_event(W.engine, ev);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	W.unseen |= c->unseen;
	talk_digest_conn(&W.d, c);
}

static int setup(void **state)
{
	static const uint16_t ports[] = { 445, 139 };
	static const struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 16 };
	static const struct nw_engine_ops ops = { .done = on_done };
	struct nw_engine_config ec;

	memset(&W, 0, sizeof(W));
	nw_engine_defaults(&ec);
	W.port[NW_C2S] = 50123;
	W.port[NW_S2C] = 445;
	W.seq[0] = 0xfffffff0; /* wraps in the first message */
	W.seq[1] = 5000;
	return nw_engine_new(&W.engine, &ec, &ops, NULL) || nw_tap_new(&W.tap, &tc, on_event, NULL);
}

static int teardown(void **state)
{
	uint64_t left = N[NW_C_PACKETS];

	for (int i = 0; i < NW_C_OUTCOMES; i++)
		left -= N[i];
	left |= N[NW_C_PACKETS] ^ W.frame; /* each packet has one outcome, in every test */
	nw_tap_free(&W.tap);
	nw_engine_free(&W.engine);
	talk_free(&W.t);
	return left != 0;
}

static void be(uint8_t *p, uint32_t v, int n)
{
	while (n--)
		*p++ = v >> 8 * n;
}

static void segment(uint8_t dir, uint32_t seq, const void *data, uint32_t len, uint8_t flags)
{
	static uint8_t f[66000] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 6, [46] = 0x50 };
	struct nw_tap_packet p = { .data = f, .len = 54 + len, .ts = W.now += 50000, .frame = ++W.frame };

	be(f + 16, 40 + len, 2);
	be(f + 20, W.frag, 2);
	f[29] = 1 + dir;
	f[33] = 2 - dir;
	be(f + 34, W.port[dir], 2);
	be(f + 36, W.port[!dir], 2);
	be(f + 38, seq, 4);
	be(f + 42, flags & ACK ? W.seq[!dir] + W.ack_off : 0, 4);
	f[47] = flags;
	if (len)
		memcpy(f + 54, data, len);
	p.caplen = W.caplen && W.caplen < p.len ? W.caplen : p.len;
	assert_int_equal(nw_tap_packet(W.tap, &p), 0);
}

/* The next bytes of a direction, in segments of at most `size`. */
static void put(uint8_t dir, const void *data, uint32_t len, uint32_t size)
{
	for (uint32_t n; len; len -= n, data = (const uint8_t *)data + n) {
		n = len < size ? len : size;
		segment(dir, W.seq[dir], data, n, PSH);
		W.seq[dir] += n;
	}
}

static void handshake(void)
{
	segment(NW_C2S, W.seq[0]++, NULL, 0, SYN);
	segment(NW_S2C, W.seq[1]++, NULL, 0, SYNACK);
	segment(NW_C2S, W.seq[0], NULL, 0, ACK);
}

static void say(unsigned int from, unsigned int to, uint32_t size)
{
	for (; from < to; from++)
		put(W.t.msg[from].dir, W.t.msg[from].bytes, W.t.msg[from].len, size);
}

/*
 * NEGOTIATE 0 1, SESSION_SETUP 2 3, TREE_CONNECT 4 5, VALIDATE 6 7, CREATE 8 9, of which n; altered: the
 * request's capabilities. `upto` of them are said, behind a handshake.
 */
static void begin(bool altered, unsigned int n, unsigned int upto)
{
	struct talk_params seen = talk_client;

	seen.capabilities ^= altered ? 0x40 : 0;
	talk_usual(&W.t, &seen, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	memset(&W.t.msg[W.t.n = n], 0, (TALK_MSGS_MAX - n) * sizeof(*W.t.msg));
	if (upto)
		handshake();
	say(0, upto, 9000);
}

/* All that was found, and what was not seen. */
static void found(const char *want, uint8_t unseen)
{
	char got[512] = "";
	size_t n = 0;

	nw_engine_flush(W.engine);
	for (const char *p = W.d.text; (p = strchr(p, '[')) && n < 400; p++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s", (int)strcspn(p, "]") + 1, p);
	assert_string_equal(got, want);
	assert_int_equal(W.unseen, unseen);
}

static void fast_open_is_read_like_a_handshake(void **state)
{
	begin(true, 10, 0);
	segment(NW_C2S, W.seq[0]++, W.t.msg[0].bytes, W.t.msg[0].len, SYN);
	W.seq[0] += W.t.msg[0].len;
	segment(NW_S2C, W.seq[1]++, NULL, 0, SYNACK);
	say(1, 10, 7); /* the answer's first segment is no recognisable beginning */
	found("[101 1 tolerated]", 0);
}

static void running_flow_is_picked_up(void **state)
{
	begin(true, 10, 0);
	put(NW_C2S, "in the middle of something long", 31, 31);
	say(4, 10, 9000);
	found("", NW_UNSEEN_START); /* what NEGOTIATE said is not known */
	assert_non_null(strstr(W.d.text, "VQ mid=3"));
}

static void acknowledged_hole_is_told_and_left(void **state)
{
	begin(false, 10, 2);
	put(NW_C2S, W.t.msg[2].bytes, 10, 10); /* the beginning of a SESSION_SETUP */
	W.seq[0] += W.t.msg[2].len - 10;
	say(3, 4, 9000);
	say(4, 10, 50); /* in pieces, for the joiner */
	assert_int_equal(W.count[NW_EV_GAP], 1);
	found("", NW_UNSEEN_GAP);
	assert_non_null(strstr(W.d.text, "VQ mid=3"));
}

static void swapped_messages_lose_nothing(void **state)
{
	begin(false, 6, 6);
	talk_command(&W.t, NW_C2S, 13, 3, 4);
	talk_validate_req(&W.t, &talk_client, 4, 0);
	talk_command(&W.t, NW_S2C, 13, 3, 4);
	talk_validate_rsp(&W.t, NULL, 4, 0xc0000128, true); /* known by its MessageId alone */
	talk_command(&W.t, NW_C2S, 5, 5, 60);
	segment(NW_C2S, W.seq[0] + 72, W.t.msg[7].bytes, W.t.msg[7].len, PSH);
	segment(NW_C2S, W.seq[0], W.t.msg[6].bytes, 72, PSH);
	W.seq[0] += 72 + W.t.msg[7].len;
	say(8, 11, 9000);
	found("[111 0 unknown]", 0); /* and nothing was lost */
}

static void reborn_connection_is_a_new_one(void **state)
{
	begin(false, 10, 10);
	W.seq[0] += 100000;
	W.seq[1] -= 70000;
	handshake();
	W.t.msg[0].bytes[4 + 66] = 200; /* more dialects than there are: the tap can't read it */
	say(0, 10, 9000);
	nw_engine_flush(W.engine);
	assert_non_null(strstr(W.d.text + 4, "conn"));
}

static void forged_syn_does_not_hide_the_flow(void **state)
{
	begin(true, 7, 4);
	segment(NW_C2S, 77777, NULL, 0, SYN);
	segment(NW_S2C, 88888, NULL, 0, SYNACK);
	say(4, 7, 9000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	found("[101 1 server-fin]", 0);
}

static void blind_data_does_not_hide_the_flow(void **state)
{
	static const uint32_t off[] = { 0xf0000000, 0x2000, 0x10000000, 0x7fffff00, 0xfff00000 };

	begin(true, 7, 0);
	handshake();
	for (unsigned int i = 0; i < 5; i++) { /* a forger knows neither sequence number */
		W.ack_off = 0x10000000 * (i + 1);
		segment(NW_C2S, W.seq[0] + off[i], W.t.msg[2].bytes, W.t.msg[2].len, PSH);
	}
	W.ack_off = 0;
	assert_int_equal(N[NW_C_EVENTS], 0);
	say(0, 7, 9000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	found("[101 1 server-fin]", 0);
}

/* FINs of who knows addresses and ports: seq, or ack, or both are somewhere; and one without ACK. */
static void blind_fins(void)
{
	static const uint32_t off[] = {
		0x02000001, 0x04000000, 0x40000000, 0x80000000, 0xc0000000, 0xfd000000
	};

	for (unsigned int i = 0; i < 12; i++) {
		segment(i & 1, W.seq[i & 1] + off[i / 2], NULL, 0, FIN);
		segment(i & 1, W.seq[i & 1] + off[i / 2], "?", 1, FIN);
		W.ack_off = off[i / 2];
		segment(i & 1, W.seq[i & 1], NULL, 0, FIN);
		segment(i & 1, W.seq[i & 1] + off[5 - i / 2], NULL, 0, FIN);
		W.ack_off = 0;
		segment(i & 1, W.seq[i & 1], NULL, 0, FIN & ~ACK);
	}
}

static void blind_fin_ends_nothing(void **state)
{
	begin(true, 7, 0);
	handshake();
	say(0, 2, 9000);
	blind_fins();
	say(2, 7, 9000);
	blind_fins();
	assert_int_equal(W.count[NW_EV_FIN], 0);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 1);
	segment(NW_C2S, W.seq[0], NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 2);
	found("[101 1 server-fin]", 0);
}

/* A connection picked up in the middle: one direction is followed as yet, and says which FIN is blind. */
static void fin_of_a_running_flow(void **state)
{
	begin(true, 7, 0);
	say(2, 3, 9000);
	segment(NW_C2S, W.seq[0] + 0x40000000, NULL, 0, FIN);
	W.ack_off = 0x40000000;
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	W.ack_off = 0;
	assert_int_equal(W.count[NW_EV_FIN], 0);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	segment(NW_C2S, W.seq[0], NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 2);
}

/* What was lost before a FIN, or what it breaks off, does not make it another's. */
static void fin_behind_a_loss_is_told(void **state)
{
	static uint8_t part[1448];
	uint32_t i;

	begin(true, 7, 7);
	segment(NW_C2S, W.seq[0] + 0x1000000, NULL, 0, FIN); /* nothing of 16 MiB was seen */
	assert_int_equal(W.count[NW_EV_FIN], 1);
	be(part, 0xffffff, 4); /* the longest message, of which one segment comes */
	memcpy(part + 4, W.t.msg[1].bytes + 4, 68);
	segment(NW_S2C, W.seq[1], part, sizeof(part), PSH);
	segment(NW_S2C, W.seq[1] + sizeof(part), NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 2);
	W.seq[0] += 100000;
	W.seq[1] -= 70000;
	handshake();
	say(0, 7, 9000);
	memset(part, '?', sizeof(part));
	for (i = 1; i <= 40; i++) /* a hole that nothing tells the end of */
		segment(NW_C2S, W.seq[0] + i * 0x200000, part, sizeof(part), PSH);
	segment(NW_C2S, W.seq[0] + i * 0x200000, NULL, 0, FIN);
	assert_int_equal(W.count[NW_EV_FIN], 3);
}

static void ends_are_told_of_smb_flows_alone(void **state)
{
	static const uint8_t flags[] = { RST, FIN, SYN, ACK };
	unsigned int i;

	for (i = 0; i < 100; i++) {
		W.port[NW_C2S] = 1024 + i;
		segment(NW_C2S, i, "GET / HTTP/1.1\r\n\r\n", i & 2 ? 0 : 18, flags[i % 4]);
		segment(NW_C2S, i, "\0\0\0\x54\xfeSMQ\x40\0\0\0", 12, PSH | flags[i % 2]);
	}
	assert_int_equal(N[NW_C_EVENTS], 0);
	W.port[NW_C2S] = 50123;
	begin(false, 10, 10);
	for (i = 0; i < 100; i++)
		segment(i & 1, W.seq[i & 1], NULL, 0, i % 3 ? RST : FIN);
	assert_int_equal(W.count[NW_EV_RST], 8);
	assert_int_equal(W.count[NW_EV_FIN], 2);
}

static void client_is_who_called(void **state)
{
	W.port[NW_C2S] = 445;
	W.port[NW_S2C] = 139;
	begin(false, 10, 10);
	found("", 0);
	assert_non_null(strstr(W.d.text, "conn port=139"));
	W.port[NW_S2C] = 445;
	say(0, 10, 9000); /* nobody was seen to call: who speaks first */
	found("", NW_UNSEEN_START);
	assert_non_null(strstr(W.d.text, "NQ mid=0"));
}

static void keepalives_are_no_messages(void **state)
{
	begin(true, 7, 0);
	talk_netbios(&W.t);
	W.port[NW_S2C] = 139;
	handshake();
	say(7, 9, 3);
	say(0, 6, 9000);
	segment(NW_C2S, W.seq[0] - 1, "x", 1, ACK); /* RFC 9293 3.8.4: may carry a byte of garbage */
	segment(NW_C2S, W.seq[0] - 1, NULL, 0, ACK);
	put(NW_C2S, "\x85\0\0", 4, 1);
	put(NW_S2C, "\x85\0\0", 4, 4);
	say(6, 7, 9000);
	segment(NW_S2C, W.seq[1], NULL, 0, RST | ACK);
	found("[101 1 server-rst]", 0);
}

static void what_is_cut_is_never_clean(void **state)
{
	begin(false, 10, 4);
	W.t.msg[6].len = W.t.msg[7].len = 0; /* no VALIDATE: 110, were it all seen */
	for (W.frag = 0x2000; W.frag; W.frag = W.frag == 0x2000 ? 0x10 : 0) /* the first, a later one */
		segment(NW_C2S, W.seq[0], NULL, 0, ACK);
	assert_int_equal(N[NW_C_FRAGMENT], 2);
	W.caplen = 60;
	say(4, 6, 9000);
	W.caplen = 0;
	assert_int_equal(N[NW_C_TRUNCATED], 2);
	say(8, 10, 9000);
	found("", NW_UNSEEN_FRAGMENT | NW_UNSEEN_TRUNCATED);
}

/* 64 KiB WRITEs in segments, one lost inside the body, one that holds a boundary and comes late. */
static void bulk_data_hides_nothing(void **state)
{
	static uint8_t write[2 * 65652];
	uint32_t at, part = 1542;

	begin(true, 7, 4);
	talk_command(&W.t, NW_C2S, 9, 5, 112);
	memcpy(write, W.t.msg[7].bytes, 180);
	be(write, 65648, 4);
	memcpy(write + 65652, write, 180);
	for (at = 0; at + part <= sizeof(write); at += part)
		if (at != 10 * part && at != 42 * part) /* the latter holds the boundary */
			segment(NW_C2S, W.seq[0] + at, write + at, part, PSH);
	segment(NW_C2S, W.seq[0] + 42 * part, write + 42 * part, part, PSH);
	segment(NW_C2S, W.seq[0] + at, write + at, sizeof(write) - at, PSH);
	W.seq[0] += sizeof(write);
	assert_in_range(N[NW_C_EVENTS], 3, 64);
	say(6, 7, 9000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	found("[101 1 server-fin]", 0);
}

static void repetition_floods_nobody(void **state)
{
	uint32_t start = W.seq[0] + 1, i;

	begin(true, 10, 0);
	handshake();
	say(0, 10, 100);
	for (i = 0; i < 5000; i++)
		segment(NW_C2S, start + i % 400, "?", 1, PSH);
	assert_in_range(N[NW_C_EVENTS], 10, 500);
	found("[101 1 tolerated]", 0);
}

static void transforms_and_smb1_are_told_once(void **state)
{
	uint8_t m[64] = "\0\0\0\x3c\xffSMB\x72\0\0\0\0\x98";

	talk_init(&W.t);
	talk_smb1(&W.t);
	handshake();
	say(0, 1, 5);
	put(NW_S2C, m, 64, 9);
	for (unsigned int i = 0; i < 24; i++) {
		m[4] = 0xfc + i / 2 % 4;
		m[8] = 0x73;
		put(i & 1, m, m[4] == 0xfe ? 0 : 64, i % 3 ? 64 : 3);
	}
	assert_int_equal(W.count[NW_EV_SMB1_REQ] + W.count[NW_EV_SMB1_RSP], 2);
	assert_int_equal(W.count[NW_EV_ENCRYPTED] + W.count[NW_EV_COMPRESSED], 4);
	found("", NW_UNSEEN_ENCRYPTED);
}

static void messages_left_unread_are_a_gap(void **state)
{
	static uint8_t many[5000];

	begin(true, 7, 6);
	for (unsigned int n = 0; n < 4120; n += 4)
		many[n] = 0x85; /* keepalives */
	memcpy(many + 4120, W.t.msg[6].bytes, W.t.msg[6].len);
	put(NW_C2S, many, 4120 + W.t.msg[6].len, 5000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	nw_engine_flush(W.engine);
	assert_true(strstr(W.d.text, "[101") || W.unseen); /* not read is not the same as nothing there */
}

static void answers_belong_to_their_requests(void **state)
{
	begin(true, 7, 6);
	talk_command(&W.t, NW_S2C, 11, 1ULL << 32, 9); /* an IOCTL's error, no VALIDATE's */
	memcpy(W.t.msg[7].bytes + 4 + 8, "\x22\0\0\xc0", 4);
	say(7, 8, 9000);
	assert_int_equal(W.count[NW_EV_VALIDATE_RSP], 0);
	say(6, 7, 9000);
	assert_int_equal(W.last.flags & (NW_EF_MATCH | NW_EF_DIFFER), NW_EF_DIFFER);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		T(fast_open_is_read_like_a_handshake), T(running_flow_is_picked_up),
		T(acknowledged_hole_is_told_and_left), T(swapped_messages_lose_nothing),
		T(reborn_connection_is_a_new_one), T(forged_syn_does_not_hide_the_flow),
		T(blind_data_does_not_hide_the_flow), T(blind_fin_ends_nothing), T(fin_of_a_running_flow), T(fin_behind_a_loss_is_told), T(ends_are_told_of_smb_flows_alone),
		T(client_is_who_called), T(keepalives_are_no_messages), T(what_is_cut_is_never_clean),
		T(bulk_data_hides_nothing), T(repetition_floods_nobody), T(transforms_and_smb1_are_told_once),
		T(messages_left_unread_are_a_gap), T(answers_belong_to_their_requests),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
