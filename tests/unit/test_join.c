// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The joiner: messages out of pieces that come in any order, more than once, beyond every limit, or never.
 * And noise: what no tap sends must neither crash the engine nor make it find anything.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "talk.h"
#include "../../bpf/wire/stream.h"

#define WINDOW (NW_RAW_MAX + NW_PASS_MAX)
#define JOINS_MAX 256

/* One engine and a stream of messages of the client's; positions count from its first byte. */
static struct {
	struct nw_engine *engine;
	struct nw_event ev;
	struct talk t;
	uint8_t stream[65536];
	uint32_t len, start[TALK_MSGS_MAX + 1];
	uint16_t port;
	uint32_t client;
	uint64_t now;
	uint32_t seed;
	struct talk_digest d;
	uint8_t unseen;
	unsigned int n_done;
} J;

static uint32_t dice(uint32_t n)
{
	J.seed = J.seed * 1664525 + 1013904223;
	return (J.seed >> 8) % n;
}

static void on_done(void *arg, const struct nw_conn *c)
{
	J.unseen |= c->unseen;
	J.n_done++;
	talk_digest_conn(&J.d, c);
}

/* What is told has to be fit for every reader. */
static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	assert_non_null(nw_rule_by_number(f->rule));
	assert_in_range(f->validate + 1, 0, c->n_validate);
	assert_in_range(strlen(f->text), 20, NW_TEXT_MAX - 1);
	assert_in_range(c->n_validate, 0, NW_VALIDATES_MAX);
	for (const char *p = f->text; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
}

static int setup(void **state)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct nw_engine_config cfg;

	memset(&J, 0, sizeof(J));
	J.now = 1000000000;
	J.seed = 77;
	talk_init(&J.t);
	nw_engine_defaults(&cfg);
	cfg.max_conns = 400;
	return nw_engine_new(&J.engine, &cfg, &ops, NULL);
}

static int teardown(void **state)
{
	nw_engine_free(&J.engine);
	talk_free(&J.t);
	return 0;
}

/* All messages of the talk, one behind the other; `gap` bytes of something else behind each. */
static void lay_out(uint32_t gap)
{
	J.len = 0;
	for (unsigned int i = 0; i < J.t.n; i++) {
		J.start[i] = J.len;
		memcpy(J.stream + J.len, J.t.msg[i].bytes, J.t.msg[i].len);
		J.len += J.t.msg[i].len + gap;
	}
	J.start[J.t.n] = J.len;
}

static struct nw_event *event(uint8_t type, uint8_t dir)
{
	memset(&J.ev, 0, sizeof(J.ev));
	J.ev.ts = J.now += 1000;
	J.ev.key.addr[0].w[3] = J.client;
	J.ev.key.addr[1].b[15] = 2;
	J.ev.key.port[0] = nw_from_be16(J.port);
	J.ev.key.port[1] = nw_from_be16(445);
	J.ev.type = type;
	J.ev.dir = dir;
	J.ev.flags = NW_EF_SYN_SEEN;
	return &J.ev;
}

/* Bytes [from, to) of the stream, whose next boundary the tap knows to be at `boundary`. */
static void pieces(uint32_t from, uint32_t to, uint32_t boundary)
{
	while (from < to) {
		uint32_t n = to - from < 512 ? to - from : 512;

		event(NW_EV_PIECE, NW_C2S)->boundary = 0xffffff00 + boundary; /* wraps */
		J.ev.msg_seq = 0xffffff00 + from;
		J.ev.data_len = n + 4;
		memcpy(J.ev.data + 4, J.stream + from, n);
		assert_int_equal(nw_engine_event(J.engine, &J.ev), 0);
		from += n;
	}
}

/* The server's answer to the NEGOTIATE request, as the tap tells it whole. */
static void negotiate_answered(void)
{
	event(NW_EV_NEGOTIATE_RSP, NW_S2C)->smb.dialect = 0x0302;
	J.ev.smb.fingerprint = 1;
	assert_int_equal(nw_engine_event(J.engine, &J.ev), 0);
}

static uint64_t joined(void)
{
	struct nw_engine_stats st;

	nw_engine_get_stats(J.engine, &st);
	return st.joined;
}

/* NEGOTIATE and VALIDATE requests, the latter's buffer `pad` bytes behind its usual place. */
static void requests(unsigned int n_validate, uint32_t pad)
{
	talk_negotiate_req(&J.t, &talk_client, 0);
	for (unsigned int i = 0; i < n_validate; i++)
		talk_validate_req(&J.t, &talk_client, 1 + i, pad);
	lay_out(0);
}

static void pieces_may_come_in_any_order_and_twice(void **state)
{
	struct {
		uint32_t from, to;
	} cut[2000], swap;
	unsigned int round, i, n, other;

	requests(9, 64);
	for (round = 0; round < 60; round++) {
		uint64_t before = joined();

		J.port++;
		for (n = 0, i = 0; i < J.len; n++) { /* neighbours overlap */
			cut[n].from = i > 20 ? i - dice(20) : i;
			i += 1 + dice(round % 3 ? 300 : 40);
			cut[n].to = i < J.len ? i : J.len;
		}
		for (i = 0; i < n; i++) {
			other = i + dice(n - i);
			swap = cut[other];
			cut[other] = cut[i];
			cut[i] = swap;
			pieces(swap.from, swap.to, 0);
		}
		assert_int_equal(joined(), before + 10);
		pieces(0, J.len, 0);
		assert_int_equal(joined(), before + 10);
		negotiate_answered(); /* where a VALIDATE is, it had to be */
	}
	nw_engine_flush(J.engine);
	assert_int_equal(J.unseen, 0);
	assert_null(strstr(J.d.text, "[101"));
}

/* What the tap judged by itself is not passed; its boundaries say where to go on. */
static void boundaries_lead_over_what_is_not_passed(void **state)
{
	requests(3, 0);
	pieces(0, J.start[1], 0);
	pieces(J.start[2], J.start[2] + 50, J.start[2]);
	pieces(J.start[2] + 50, J.start[3], J.start[3]);
	assert_int_equal(joined(), 2);
	pieces(J.start[3], J.len, J.start[3]);
	assert_int_equal(joined(), 3);
}

static void half_a_message_hides_no_other(void **state)
{
	requests(3, 0);
	pieces(J.start[1], J.start[1] + 100, J.start[1]); /* the rest was lost, seen by nobody */
	pieces(J.start[2], J.start[2] + 100, J.start[2]);
	pieces(J.start[2] + 100, J.start[3], J.start[3]);
	nw_engine_flush(J.engine);
	assert_non_null(strstr(J.d.text, "VQ mid=2"));
	assert_int_equal(J.unseen, NW_UNSEEN_GAP);
}

/* A complete message behind one of which pieces are late does not give that one up: neighbours change places.
 */
static void late_pieces_are_waited_for(void **state)
{
	requests(3, 0);
	pieces(0, J.start[1], 0);
	negotiate_answered();
	pieces(J.start[1], J.start[1] + 100, J.start[1]);
	pieces(J.start[2], J.start[2] + 100, J.start[2]);
	pieces(J.start[2] + 100, J.start[3], J.start[3]);
	assert_int_equal(joined(), 1);
	pieces(J.start[1] + 100, J.start[2], J.start[3]);
	assert_int_equal(joined(), 3);
	nw_engine_flush(J.engine);
	assert_non_null(strstr(J.d.text, "VQ mid=1"));
	assert_non_null(strstr(J.d.text, "VQ mid=2"));
	assert_int_equal(J.unseen & NW_UNSEEN_GAP, 0);
}

/* But not for ever: as long as the tap waits. */
static void late_pieces_are_given_up_in_the_end(void **state)
{
	uint32_t at;

	requests(3, 0);
	pieces(J.start[1], J.start[1] + 100, J.start[1]);
	pieces(J.start[2], J.start[3], J.start[2]);
	for (at = J.start[3]; at < J.start[3] + NW_AHEAD_MAX - 1; at++)
		pieces(at, at + 1, J.start[2]);
	assert_int_equal(joined(), 0);
	pieces(at, at + 1, J.start[2]);
	assert_int_equal(joined(), 1);
	nw_engine_flush(J.engine);
	assert_int_equal(J.unseen, NW_UNSEEN_GAP);
}

static void compounds_are_followed(void **state)
{
	requests(0, 0);
	talk_command(&J.t, NW_C2S, 13, 1, 4);
	talk_validate_req(&J.t, &talk_client, 2, 640);
	talk_compound(&J.t);
	talk_validate_req(&J.t, &talk_client, 3, 0);
	lay_out(0);
	for (uint32_t i = 0; i < J.len; i += 7)
		pieces(i, i + 7 < J.len ? i + 7 : J.len, 0);
	nw_engine_flush(J.engine);
	assert_non_null(strstr(J.d.text, "VQ mid=2"));
	assert_non_null(strstr(J.d.text, "VQ mid=3"));
}

static void window_and_message_limits_hold(void **state)
{
	uint32_t size;

	for (size = NW_PASS_MAX - 8; size <= NW_PASS_MAX + 8; size += 8) {
		uint64_t before = joined();

		J.port++;
		J.t.n = 0;
		requests(1, 0);
		J.t.n = 0;
		requests(1, size - J.t.msg[1].len); /* the buffer ends where the message does */
		pieces(0, J.start[1], 0);
		assert_int_equal(J.t.msg[1].len, size);
		pieces(J.start[1], J.start[1] + (size < NW_PASS_MAX ? size : NW_PASS_MAX), J.start[1]);
		assert_int_equal(joined(), before + 1 + (size <= NW_PASS_MAX));
		pieces(J.start[1] + WINDOW, J.start[1] + WINDOW + 512, J.start[1]);
		pieces(J.start[1] + WINDOW - 1, J.start[1] + WINDOW + 2000, J.start[1]);
	}
	nw_engine_flush(J.engine);
	/* The last could not be read, and that is not the same as if there had been none. */
	assert_true(J.unseen & NW_UNSEEN_GAP);
}

static void joiners_are_limited(void **state)
{
	struct nw_engine_stats st;
	unsigned int i;

	requests(1, 0);
	for (i = 0; i < JOINS_MAX + 20; i++) {
		J.port = 1000 + i;
		pieces(0, 50, 0);
	}
	nw_engine_get_stats(J.engine, &st);
	assert_int_equal(st.join_dropped, 20);
	J.port = 9999; /* there is one for a newcomer */
	pieces(0, 50, 0);
	pieces(50, J.start[1], 0);
	assert_int_equal(joined(), 1);
	nw_engine_flush(J.engine);
	assert_int_equal(J.unseen & NW_UNSEEN_GAP, NW_UNSEEN_GAP);
}

/* One client holds them all, and wants more; another's message in pieces is read all the same. */
static void greedy_client_robs_itself(void **state)
{
	struct nw_engine_stats st;
	unsigned int i;

	requests(1, 0);
	J.client = 7;
	for (i = 0; i < JOINS_MAX; i++) {
		J.port = 1000 + i;
		pieces(0, 50, 0);
	}
	J.client = 8;
	J.port = 9999;
	pieces(0, 50, 0);
	J.client = 7;
	for (i = 0; i < 2 * JOINS_MAX; i++) {
		J.port = 1000 + i % 380;
		pieces(0, 50, 0);
	}
	J.client = 8;
	J.port = 9999;
	pieces(50, J.start[1], 0);
	nw_engine_get_stats(J.engine, &st);
	assert_true(st.join_dropped > 100);
	assert_int_equal(joined(), 1);
	J.client = 0;
	nw_engine_flush(J.engine);
}

static void random_event(void)
{
	static const uint64_t ids[] = { 0, 1, 2, 3, 4, 0xffffffffffffffff, 1ULL << 32 };
	struct nw_event *ev = event(dice(NW_EV_MAX + 2), dice(2));
	unsigned int i;

	ev->key.port[0] = nw_from_be16(1 + dice(500));
	ev->client = ev->key.port[0] & 1;
	ev->flags = dice(8) ? dice(2) * NW_EF_SYN_SEEN | dice(0x200) << 1 : 0xffff;
	ev->flags &= dice(30) ? (uint16_t)~NW_EF_NEW : 0xffff;
	ev->cause = dice(6);
	ev->tcp = (struct nw_tcp){ .seq = dice(5) * 0x3fffffff, .window = dice(3), .ip_id = dice(65536) };
	ev->tcp.ttl = 60 + dice(3);
	ev->tcp.ip_version = dice(2) ? 4 : 6;
	ev->tcp.pay_len = dice(3) * 700;
	ev->smb.message_id = ids[dice(7)];
	ev->smb.session_id = dice(2);
	ev->smb.fingerprint = dice(4);
	ev->smb.status = dice(3) ? 0 : 0xc0000000 + dice(200);
	ev->smb.flags = dice(16);
	ev->smb.session_flags = dice(4);
	ev->smb.capabilities = dice(3);
	ev->smb.dialect = (const uint16_t[]){ 0, 0x0202, 0x02ff, 0x0302, 0x0311, 0xffff }[dice(6)];
	ev->smb.n_dialects = dice(4) ? dice(9) : 65535;
	ev->smb.dialects_off = dice(2) ? 104 : 148;
	ev->smb.max_output = dice(40);
	ev->data_len = dice(4) ? dice(NW_DATA_MAX + 1) : NW_DATA_MAX;
	ev->msg_seq = dice(50) ? dice(WINDOW + 5000) : J.seed;
	ev->boundary = dice(50) ? dice(WINDOW) : J.seed;
	ev->msg_end = ev->boundary + dice(9000);
	i = dice(J.len - NW_DATA_MAX);
	memcpy(ev->data + 4, J.stream + (dice(3) ? J.start[dice(J.t.n)] : i), NW_DATA_MAX - 4);
	assert_int_equal(nw_engine_event(J.engine, ev), 0);
}

static void noise_is_survived(void **state)
{
	struct nw_engine_stats st;

	requests(30, 8);
	for (unsigned int i = 0; i < 200000; i++) {
		random_event();
		if (!dice(1000))
			J.now += dice(12) * NW_NS_PER_S;
		if (!dice(500))
			nw_engine_tick(J.engine, J.now - dice(2) * NW_NS_PER_S); /* also backwards */
		if (!dice(5000))
			nw_engine_lost(J.engine, J.now, dice(3));
		J.d.n = 0;
	}
	nw_engine_get_stats(J.engine, &st);
	assert_int_equal(st.conns_now, 400);
	nw_engine_flush(J.engine);
	assert_int_equal(J.n_done, st.conns);
}

static void dialects_off_odd(struct nw_event *ev)
{
	ev->smb.dialects_off = 105;
}

static void dialects_behind_data(struct nw_event *ev)
{
	ev->smb.n_dialects = 65535;
	ev->smb.dialects_off = 65534;
	ev->data_len = NW_DATA_MAX;
}

static void strange_side(struct nw_event *ev)
{
	ev->dir = 255;
	ev->client = 255;
}

static void strange_type(struct nw_event *ev)
{
	ev->type = ev->cause = ev->hook = 255;
}

/* Each in a process of its own: a crash of one is no crash of the others. */
static void values_out_of_range_are_survived(void **state)
{
	static void (*const spoil[])(struct nw_event *) = { dialects_off_odd, dialects_behind_data,
							    strange_side, strange_type };
	unsigned int i, type;
	int bad = 0, status;

	requests(30, 8);
	for (i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (type = 0; type < NW_EV_MAX; type++) {
				event(type, type & 1)->data_len = 300;
				J.ev.smb.n_dialects = 4;
				spoil[i](&J.ev);
				nw_engine_event(J.engine, &J.ev);
			}
			nw_engine_flush(J.engine);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			print_message("# %u: status %x\n", i, status);
		bad += status != 0;
	}
	assert_int_equal(bad, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pieces_may_come_in_any_order_and_twice),
		T(boundaries_lead_over_what_is_not_passed),
		T(half_a_message_hides_no_other),
		T(late_pieces_are_waited_for),
		T(late_pieces_are_given_up_in_the_end),
		T(compounds_are_followed),
		T(window_and_message_limits_hold),
		T(joiners_are_limited),
		T(greedy_client_robs_itself),
		T(noise_is_survived),
		T(values_out_of_range_are_survived),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
