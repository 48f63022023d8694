// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Segments made up by who knows addresses and ports of a connection, but not its sequence numbers: beside
 * conversations of which half were tampered with, alone, in runs, with an ACK of the other side, as ends and
 * as bare ACKs. Where they miss, each conversation gives what it gives without them; where they are wholly
 * blind, they hit as seldom as is said in the README.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "packets.h"
#include "progs.h"
#include "../unit/talk.h"

#define FLOWS 64
#define RUN 40 /* more than NW_AHEAD_MAX */
#define MSS 1448
#define AWAY 0x08000000u /* 128 MiB: outside of any window */

enum { FIN = 0x11, ACK = 0x10, PSH = 0x18, SERVER = 1 };

/* Where seq, ack or both are not, or anywhere. */
enum aim { NONE, BESIDE, BLIND, AIMS };
static const struct {
	const char *name;
	unsigned int guesses; /* before each frame */
} aims[AIMS] = { { "none", 0 }, { "beside", 60 }, { "blind", 300 } };

static struct {
	struct progs *progs;
	struct nw_engine *engine;
	enum aim aim;
	struct talk forged; /* NEGOTIATE and VALIDATE with other fields */
	uint32_t pos[2];    /* of the real connection, by who sends it */
	uint32_t flow;
	uint64_t packets, guesses;
	unsigned int conns, differ, with_finding;
	struct talk_digest want[2][2]; /* by what was tampered with, and how it ends */
} F;

static uint64_t rnd(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 8;
}

/* The address of the flow's client, 10.F.F.1, in place of the one in a frame. */
static void address(uint8_t *f, bool back)
{
	uint8_t *at = f + (back ? 30 : 26);

	at[0] = 10;
	at[1] = (uint8_t)(F.flow >> 8);
	at[2] = (uint8_t)F.flow;
	at[3] = 1;
}

static void send_frame(const uint8_t *f, uint32_t len, bool back)
{
	F.packets++;
	assert_int_equal(progs_run(F.progs, back ? PROGS_TC_OUT : PROGS_XDP, f, len, NULL, 0), 0);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 4; i--; v >>= 8)
		p[i] = (uint8_t)v;
}

/* The frame that all are made of: the last one of each side. */
static uint8_t headers[2][54];

static void forge(bool back, uint32_t seq, uint32_t ack, uint8_t flags, const void *body, uint32_t len)
{
	static uint8_t f[54 + TALK_MSG_MAX];

	memcpy(f, headers[back], 54);
	f[16] = (uint8_t)((40 + len) >> 8);
	f[17] = (uint8_t)(40 + len);
	f[22] = 33; /* TTL */
	f[46] = 0x50;
	f[47] = flags;
	put32(f + 38, seq);
	put32(f + 42, ack);
	if (len)
		memcpy(f + 54, body, len);
	send_frame(f, 54 + len, back);
}

/* One guess of where the connection is. */
static void guess(unsigned int kind, bool back)
{
	static const uint8_t junk[MSS];
	uint32_t seq = (uint32_t)rnd(), ack = (uint32_t)rnd(), n;
	const struct talk_msg *m = &F.forged.msg[2 * (kind & 1) + back];

	if (F.aim == BESIDE) {
		uint32_t off = AWAY + (uint32_t)rnd() % (0u - 2 * AWAY), which = (uint32_t)rnd() % 3;

		seq = F.pos[back] + (which == 0 ? 0 : off);
		ack = F.pos[!back] + (which == 1 ? 0 : off);
	}
	F.guesses++;
	switch (kind) {
	case 0:
	case 1:
		break;
	case 2:
	case 3: /* a run, as if much was lost */
		for (n = 0; n < RUN; n++, seq += MSS)
			forge(back, seq, ack, PSH, junk, MSS);
		break;
	case 4:
	case 5: /* as if the other side had got it */
		forge(back, seq, ack, PSH, junk, MSS);
		seq += MSS;
		forge(!back, ack, seq, ACK, NULL, 0);
		break;
	case 6:
		forge(back, seq, ack, FIN, NULL, 0);
		return;
	default:
		forge(back, seq, ack, ACK, NULL, 0);
		return;
	}
	forge(back, seq, ack, PSH, m->bytes, m->len);
}

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(F.engine, ev);
}

/* The next frame of the conversation at hand, behind forged ones. */
static int next_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t number)
{
	static uint8_t f[PACKETS_MAX];
	bool back = data[34] == 0x01 && data[35] == 0xbd;
	uint32_t seq, used = len - 54 + (data[47] & 3 ? 1 : 0);

	if (number > 2)
		for (unsigned int i = 0; i < aims[F.aim].guesses; i++)
			guess((unsigned int)(rnd() % 8), rnd() & 1);
	memcpy(f, data, len);
	address(f, back);
	memcpy(headers[back], f, 54);
	if (!back) { /* until the server speaks */
		memcpy(headers[SERVER], f, 54);
		memcpy(headers[SERVER] + 26, f + 30, 4);
		memcpy(headers[SERVER] + 30, f + 26, 4);
		memcpy(headers[SERVER] + 34, f + 36, 2);
		memcpy(headers[SERVER] + 36, f + 34, 2);
	}
	send_frame(f, len, back);
	seq = (uint32_t)data[38] << 24 | (uint32_t)data[39] << 16 | (uint32_t)data[40] << 8 | data[41];
	F.pos[back] = seq + used;
	return progs_drain(F.progs, ts, number, to_engine, NULL);
}

/* Flow number i: of each two one was tampered with, and of each two pairs one ends by a reset. */
static bool tampered(uint32_t i)
{
	return i & 1;
}

static bool is_reset(uint32_t i)
{
	return i & 2;
}

static void done(void *arg, const struct nw_conn *c)
{
	struct talk_digest got = { .n = 0 }, *want = &F.want[tampered(F.flow)][is_reset(F.flow) ? 1 : 0];

	talk_digest_conn(&got, c);
	F.conns++;
	if (F.aim == NONE)
		*want = got;
	F.with_finding += strstr(got.text, "[101 1") != NULL;
	if (strcmp(got.text, want->text) == 0)
		return;
	if (!F.differ++)
		print_message("# flow %u: %s# instead of: %s", F.flow, got.text, want->text);
}

static void converse(void)
{
	struct talk_params seen = talk_client;
	struct talk_how how = { .isn = { (uint32_t)rnd(), (uint32_t)rnd() } };
	struct nw_engine_ops ops = { .done = done };
	struct nw_engine_config ec;
	struct talk t;

	nw_engine_defaults(&ec);
	assert_int_equal(nw_engine_new(&F.engine, &ec, &ops, NULL), 0);
	if (tampered(F.flow))
		seen.capabilities ^= 0x40;
	talk_usual(&t, &seen, &talk_client, &talk_server, &talk_server,
		   is_reset(F.flow) ? TALK_END_SERVER_RST : TALK_END_CLIENT_FIN);
	assert_int_equal(talk_frames(&t, &how, next_frame, NULL), 0);
	talk_free(&t);
	nw_engine_flush(F.engine);
	nw_engine_free(&F.engine);
}

static void all(enum aim aim)
{
	uint64_t before[NW_C_MAX], after[NW_C_MAX];

	F.aim = aim;
	F.packets = F.guesses = F.conns = F.differ = F.with_finding = 0;
	progs_reset(F.progs);
	progs_counters(F.progs, before);
	for (F.flow = 0; F.flow < FLOWS; F.flow++)
		converse();
	progs_counters(F.progs, after);
	print_message("# %s: %llu packets, %llu guesses; %u of %u conversations are told otherwise, %u of %u "
		      "that were tampered with are found\n",
		      aims[aim].name, (unsigned long long)F.packets, (unsigned long long)F.guesses, F.differ,
		      FLOWS, F.with_finding, FLOWS / 2);
	assert_int_equal(after[NW_C_PACKETS] - before[NW_C_PACKETS], F.packets);
	assert_int_equal(after[NW_C_LOST_EVENTS], before[NW_C_LOST_EVENTS]);
}

static void forged(void **state)
{
	all(NONE);
	assert_int_equal(F.with_finding, FLOWS / 2);
	assert_int_equal(F.differ, 0);
	all(BESIDE);
	assert_int_equal(F.conns, FLOWS);
	assert_int_equal(F.with_finding, FLOWS / 2);
	assert_int_equal(F.differ, 0);
	all(BLIND);
	/* One guess of 131,072 hits. */
	assert_in_range(F.differ, 0, F.guesses / 32768 + 1);
}

/* Where most flows are found at a glance, and where none are. */
static void with(const char *rows)
{
	if (rows)
		setenv("NW_ROWS", rows, 1);
	assert_int_equal(progs_open_sized(&F.progs, 8192), 0);
	unsetenv("NW_ROWS");
	forged(NULL);
	progs_close(&F.progs);
}

static void at_home(void **state)
{
	with(NULL);
}

static void in_the_hash(void **state)
{
	with("0");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(at_home), cmocka_unit_test(in_the_hash) };
	struct talk_params other = talk_client, server = talk_server;
	struct progs *p;
	int err = progs_open(&p);

	if (err) {
		printf("Bail out! the programs do not load: %s (root and kernel 6.1 are needed)\n",
		       strerror(-err));
		return 1;
	}
	progs_close(&p);
	other.guid0 ^= 0xff;
	server.guid0 ^= 0xff;
	talk_init(&F.forged);
	talk_negotiate_req(&F.forged, &other, 0);
	talk_negotiate_rsp(&F.forged, &server, 0);
	talk_validate_req(&F.forged, &other, 3, 0);
	talk_validate_rsp(&F.forged, &server, 3, 0, true);
	err = cmocka_run_group_tests_name("prog-forged", tests, NULL, NULL);
	talk_free(&F.forged);
	return err;
}
