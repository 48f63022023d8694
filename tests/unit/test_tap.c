// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tap, packet by packet: where flows begin and end, what holes, lies and limits do to them, and that no
 * packet is left uncounted. The same code runs in the kernel.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"

enum { FIN = 0x11, SYN = 0x02, SYNACK = 0x12, RST = 0x04, ACK = 0x10, PSH = 0x18 };

/* One tap, one engine behind it, and the connection that speaks; seq: of the next byte. */
static struct {
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct talk t;
	uint32_t seq[2], caplen, ack_off;
	uint16_t port[2], frag;
	uint64_t now, frame;
	unsigned int count[256];
	struct nw_event last;
	struct talk_digest d;
	uint8_t unseen; /* of all connections */
	uint16_t flags; /* of all events */
} W;

#define N nw_tap_counters(W.tap)

static int on_event(void *arg, const struct nw_event *ev)
{
	W.count[ev->type]++;
	W.flags |= ev->flags;
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
	ec.max_conns = 1024;
	W.port[NW_C2S] = 50123;
	W.port[NW_S2C] = 445;
	W.seq[0] = 0xfffffff0; /* wraps in the first message */
	W.seq[1] = 5000;
	W.now = 1000000000;
	return nw_engine_new(&W.engine, &ec, &ops, NULL) || nw_tap_new(&W.tap, &tc, on_event, NULL);
}

static int teardown(void **state)
{
	uint64_t left = N[NW_C_PACKETS];
	int i;

	for (i = 0; i < NW_C_OUTCOMES; i++)
		left -= N[i];
	i = left || N[NW_C_PACKETS] != W.frame; /* each packet has one outcome, in every test */
	nw_tap_free(&W.tap);
	nw_engine_free(&W.engine);
	talk_free(&W.t);
	return i;
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

/* Messages [from, to) of the talk. */
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
	if (upto) {
		handshake();
		say(0, upto, 9000);
	}
}

/* All that was found, at the end, and what was not seen. */
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

static void fast_open_is_read_like_any_handshake(void **state)
{
	begin(true, 10, 0);
	segment(NW_C2S, W.seq[0]++, W.t.msg[0].bytes, W.t.msg[0].len, SYN);
	W.seq[0] += W.t.msg[0].len;
	segment(NW_S2C, W.seq[1]++, NULL, 0, SYNACK);
	say(1, 10, 7); /* the answer's first segment is no recognisable beginning */
	found("[101 1 tolerated]", 0);
}

static void running_flow_is_picked_up_at_a_message(void **state)
{
	begin(true, 10, 0);
	put(NW_C2S, "in the middle of something long", 31, 31);
	say(4, 10, 9000);
	assert_int_equal(W.count[NW_EV_FLOW], 1);
	found("", NW_UNSEEN_START); /* what NEGOTIATE said is not known */
	assert_non_null(strstr(W.d.text, "VQ mid=3"));
}

static void hole_that_was_acknowledged_is_told_and_left_behind(void **state)
{
	begin(false, 10, 2);
	put(NW_C2S, W.t.msg[2].bytes, 10, 10); /* the beginning of a SESSION_SETUP */
	W.seq[0] += W.t.msg[2].len - 10;
	say(3, 4, 9000);
	say(4, 6, 50);
	say(6, 10, 50); /* in pieces, for the joiner */
	assert_int_equal(W.count[NW_EV_GAP], 1);
	found("", NW_UNSEEN_GAP);
	assert_non_null(strstr(W.d.text, "VQ mid=3"));
}

/* ECHO, then VALIDATE, in one go; the latter comes first. */
static void messages_that_change_places_lose_nothing(void **state)
{
	const struct talk_msg *m;

	begin(false, 6, 6);
	m = W.t.msg;
	talk_command(&W.t, NW_C2S, 13, 3, 4);
	talk_validate_req(&W.t, &talk_client, 4, 0);
	talk_command(&W.t, NW_S2C, 13, 3, 4);
	talk_validate_rsp(&W.t, NULL, 4, 0xc0000128, true); /* known by its MessageId alone */
	talk_command(&W.t, NW_C2S, 5, 5, 60);
	segment(NW_C2S, W.seq[0] + m[6].len, m[7].bytes, m[7].len, PSH);
	segment(NW_C2S, W.seq[0], m[6].bytes, m[6].len, PSH);
	W.seq[0] += m[6].len + m[7].len;
	say(8, 11, 9000);
	found("[111 0 unknown]", 0); /* and nothing was lost */
}

static void connection_reborn_on_its_tuple_is_a_new_one(void **state)
{
	begin(false, 10, 10);
	W.seq[0] += 100000;
	W.seq[1] -= 70000;
	handshake();
	W.t.msg[0].bytes[4 + 66] = 200; /* more dialects than there are: the tap can't read it */
	W.flags = 0;
	say(0, 1, 9000);
	assert_true(W.flags & NW_EF_NEW);
	say(1, 10, 9000);
	nw_engine_flush(W.engine);
	assert_non_null(strstr(strstr(W.d.text, "conn") + 1, "conn"));
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
	static const uint32_t off[] = { 0, 0xf0000000, 0x10000000, 0x7fffff00, 0xfff00000 };

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

static void ends_are_told_of_flows_that_negotiated_alone(void **state)
{
	static const uint8_t flags[] = { RST, FIN, SYN, ACK };
	unsigned int i;

	for (i = 0; i < 100; i++) {
		W.port[NW_C2S] = 1024 + i;
		segment(NW_C2S, i, NULL, 0, flags[i % 4]);
		segment(NW_C2S, i, "GET / HTTP/1.1\r\n\r\n", 18, PSH | flags[i % 2]);
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

static void client_is_who_called_where_both_ports_are_smb(void **state)
{
	W.port[NW_C2S] = 445;
	W.port[NW_S2C] = 139;
	begin(false, 10, 10);
	found("", 0);
	assert_non_null(strstr(W.d.text, "conn port=139"));
	W.d.text[W.d.n = 0] = '\0';
	W.port[NW_S2C] = 445;
	say(0, 10, 9000); /* nobody was seen to call: who speaks first */
	found("", NW_UNSEEN_START);
	assert_non_null(strstr(W.d.text, "NQ mid=0"));
}

static void keepalives_and_session_service_are_no_messages(void **state)
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

static void what_is_not_whole_is_told_and_never_clean(void **state)
{
	begin(false, 10, 4);
	W.t.msg[6].len = W.t.msg[7].len = 0; /* no VALIDATE: 110, were it all seen */
	W.frag = 0x2000;
	segment(NW_C2S, W.seq[0], NULL, 0, ACK);
	W.frag = 0x0010;
	segment(NW_C2S, W.seq[0], NULL, 0, ACK);
	W.frag = 0;
	assert_int_equal(N[NW_C_FRAGMENT], 2);
	W.caplen = 60;
	say(4, 6, 9000);
	W.caplen = 0;
	assert_int_equal(N[NW_C_TRUNCATED], 2);
	say(8, 10, 9000);
	found("", NW_UNSEEN_FRAGMENT | NW_UNSEEN_TRUNCATED);
}

/* 64 KiB WRITEs in segments, one lost inside the body, one that holds a boundary and comes late. */
static void bulk_data_costs_nothing_and_hides_nothing(void **state)
{
	static uint8_t write[2 * 65652];
	struct talk_params other = talk_client;
	uint64_t events;
	uint32_t at;

	begin(false, 10, 10);
	other.capabilities ^= 0x40;
	talk_command(&W.t, NW_C2S, 9, 5, 112);
	talk_validate_req(&W.t, &other, 6, 0);
	memcpy(write, W.t.msg[10].bytes, 180);
	be(write, 65648, 4);
	memcpy(write + 65652, write, 180);
	events = N[NW_C_EVENTS];
	for (at = 0; at + 1542 <= sizeof(write); at += 1542)
		if (at != 15420 && at != 64764) /* the latter holds the boundary */
			segment(NW_C2S, W.seq[0] + at, write + at, 1542, PSH);
	segment(NW_C2S, W.seq[0] + 64764, write + 64764, 1542, PSH);
	segment(NW_C2S, W.seq[0] + at, write + at, sizeof(write) - at, PSH);
	W.seq[0] += sizeof(write);
	assert_in_range(N[NW_C_EVENTS] - events, 0, 64);
	say(11, 12, 9000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	found("[101 1 server-fin]", 0);
}

static void repetition_changes_nothing_and_floods_nobody(void **state)
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

static void transforms_are_told_once_a_direction(void **state)
{
	static const uint8_t transform[2][64] = { "\0\0\0\x3c\xfdSMB", "\0\0\0\x3c\xfcSMB" };

	begin(false, 6, 4);
	for (unsigned int i = 0; i < 20; i++)
		put(i & 1, transform[i / 2 & 1], 64, i % 3 ? 64 : 3);
	assert_int_equal(W.count[NW_EV_ENCRYPTED], 2);
	assert_int_equal(W.count[NW_EV_COMPRESSED], 2);
	found("", NW_UNSEEN_ENCRYPTED);
}

static void smb1_server_is_known_as_such(void **state)
{
	static const uint8_t m[64] = "\0\0\0\x3c\xffSMB\x72\0\0\0\0\x98",
			     next[64] = "\0\0\0\x3c\xffSMB\x73\0\0\0\0\x98";

	talk_init(&W.t);
	talk_smb1(&W.t);
	handshake();
	say(0, 1, 5);
	put(NW_S2C, m, 64, 9);
	put(NW_S2C, next, 64, 9);
	assert_int_equal(W.count[NW_EV_SMB1_REQ] + W.count[NW_EV_SMB1_RSP], 2);
	found("", 0);
}

/* What lies behind the last message that is read of a packet must not pass for seen. */
static void more_messages_than_are_read_are_a_gap(void **state)
{
	static uint8_t many[5000];

	begin(true, 7, 6);
	for (unsigned int n = 0; n < 4120; n += 4)
		many[n] = 0x85;
	memcpy(many + 4120, W.t.msg[6].bytes, W.t.msg[6].len);
	put(NW_C2S, many, 4120 + W.t.msg[6].len, 5000);
	segment(NW_S2C, W.seq[1], NULL, 0, FIN);
	nw_engine_flush(W.engine);
	assert_true(strstr(W.d.text, "[101") || W.unseen);
}

static void answers_and_marks_belong_to_their_requests(void **state)
{
	begin(true, 7, 6);
	talk_command(&W.t, NW_S2C, 11, 1ULL << 32, 9); /* an IOCTL's error, no VALIDATE's */
	memcpy(W.t.msg[7].bytes + 4 + 8, "\x22\0\0\xc0", 4);
	say(7, 8, 9000);
	assert_int_equal(W.count[NW_EV_VALIDATE_RSP], 0);
	say(6, 7, 9000);
	assert_int_equal(W.last.flags & (NW_EF_MATCH | NW_EF_DIFFER), NW_EF_DIFFER);
	talk_validate_rsp(&W.t, &talk_server, 3, 0, true);
	say(8, 9, 9000);
	assert_int_equal(W.last.flags & (NW_EF_MATCH | NW_EF_DIFFER), NW_EF_MATCH);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(fast_open_is_read_like_any_handshake),
					    T(running_flow_is_picked_up_at_a_message),
					    T(hole_that_was_acknowledged_is_told_and_left_behind),
					    T(messages_that_change_places_lose_nothing),
					    T(connection_reborn_on_its_tuple_is_a_new_one),
					    T(forged_syn_does_not_hide_the_flow),
					    T(blind_data_does_not_hide_the_flow),
					    T(ends_are_told_of_flows_that_negotiated_alone),
					    T(client_is_who_called_where_both_ports_are_smb),
					    T(keepalives_and_session_service_are_no_messages),
					    T(what_is_not_whole_is_told_and_never_clean),
					    T(bulk_data_costs_nothing_and_hides_nothing),
					    T(repetition_changes_nothing_and_floods_nobody),
					    T(transforms_are_told_once_a_direction),
					    T(smb1_server_is_known_as_such),
					    T(more_messages_than_are_read_are_a_gap),
					    T(answers_and_marks_belong_to_their_requests) };

	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
