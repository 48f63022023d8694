// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Loss that no gap tells of: a flow is never called seen in full when its end or its halves show otherwise.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"
#include "../../bpf/wire/stream.h"

static struct {
	struct nw_engine *engine;
	uint64_t now;
	uint32_t seq[2];
	bool fresh;
	bool alone;    /* nothing of the other end was seen */
	char was[128]; /* how the flow was observed, and its findings */
} U;

static void on_done(void *arg, const struct nw_conn *c)
{
	size_t n = (size_t)snprintf(U.was, sizeof(U.was), "%s", nw_observed_name(nw_conn_observed(c)));

	for (unsigned int i = 0; i < c->n_findings; i++)
		n += (size_t)snprintf(U.was + n, sizeof(U.was) - n, " %u", c->findings[i].rule);
}

static void begin(void)
{
	static const struct nw_engine_ops ops = { .done = on_done };
	struct nw_engine_config cfg;

	memset(&U, 0, sizeof(U));
	nw_engine_defaults(&cfg);
	cfg.max_awake = 0;
	assert_int_equal(nw_engine_new(&U.engine, &cfg, &ops, NULL), 0);
	U.now = 100 * NW_NS_PER_S;
	U.fresh = true;
}

static const char *end(void)
{
	nw_engine_flush(U.engine);
	nw_engine_free(&U.engine);
	return U.was;
}

static struct nw_event event(uint8_t type, uint8_t dir)
{
	struct nw_event ev = { .type = type,
			       .dir = dir,
			       .flags = NW_EF_SYN_SEEN | (U.fresh ? NW_EF_NEW : 0) };

	ev.ts = U.now += NW_NS_PER_MS;
	ev.key.addr[1].b[15] = 2;
	ev.key.port[0] = 50000;
	ev.key.port[1] = nw_from_be16(445);
	ev.tcp = (struct nw_tcp){ .seq = U.seq[dir], .ack = U.seq[!dir], .flags = 0x10, .ttl = 64 };
	U.fresh = false;
	return ev;
}

static void feed(const struct nw_event *ev)
{
	assert_int_equal(nw_engine_event(U.engine, ev), 0);
}

static void message(uint8_t type, uint8_t dir)
{
	struct nw_event ev = event(type, dir);

	ev.smb.flags = NW_SMB2_F_SIGNED;
	ev.smb.max_output = 24;
	ev.smb.dialect = dir == NW_S2C ? 0x0302 : 0;
	if (type != NW_EV_SESSION_RSP)
		ev.smb.fingerprint = 1;
	ev.tcp.pay_len = 100;
	U.seq[dir] += 100;
	feed(&ev);
}

/* `ahead` bytes of its sender, and `behind` of the other end that it acknowledges, were never seen. */
static void leave(uint8_t type, uint8_t dir, uint8_t ttl, uint32_t ahead, uint32_t behind)
{
	struct nw_event ev = event(type, dir);

	ev.ends.sender = (struct nw_look){ .end = U.seq[dir], .ack = U.seq[!dir], .ttl = 64 };
	if (!U.alone)
		ev.ends.other = (struct nw_look){ .end = U.seq[!dir], .ack = U.seq[dir], .ttl = 64 };
	ev.tcp.flags |= type == NW_EV_RST ? 0x04 : 0x01;
	ev.tcp.ttl = ttl;
	ev.tcp.seq += ahead;
	ev.tcp.ack += behind;
	feed(&ev);
}

/*
 * 1 a start with SMB1; q p NEGOTIATE request and response, v a VALIDATE's, s SESSION_SETUP succeeds; f: the
 * client's FIN; g: one behind lost bytes; h: one that acknowledges lost bytes; o x: the client's FIN or RST,
 * no packet of the server was seen; F R: the server's FIN or RST; S: a RST behind lost bytes; T: that and
 * with another TTL; K: the server talks on, knowing what the client sent since.
 */
static void play(const char *script)
{
	for (; *script; script++) {
		switch (*script) {
		case '1':
			message(NW_EV_SMB1_REQ, NW_C2S);
			break;
		case 'q':
			message(NW_EV_NEGOTIATE_REQ, NW_C2S);
			break;
		case 'p':
			message(NW_EV_NEGOTIATE_RSP, NW_S2C);
			break;
		case 's':
			message(NW_EV_SESSION_RSP, NW_S2C);
			break;
		case 'v':
			message(NW_EV_VALIDATE_REQ, NW_C2S);
			break;
		case 'a':
			message(NW_EV_VALIDATE_RSP, NW_S2C);
			break;
		case 'f':
		case 'g':
		case 'h':
			leave(NW_EV_FIN, NW_C2S, 64, *script == 'g' ? 10 : 0, *script == 'h' ? 10 : 0);
			break;
		case 'o':
		case 'x':
			U.alone = true;
			leave(*script == 'o' ? NW_EV_FIN : NW_EV_RST, NW_C2S, 64, 0, 0);
			U.alone = false;
			break;
		case 'F':
			leave(NW_EV_FIN, NW_S2C, 64, 0, 0);
			break;
		case 'R':
		case 'S':
		case 'T':
			leave(NW_EV_RST, NW_S2C, *script == 'T' ? 33 : 64, *script == 'R' ? 0 : 10, 0);
			break;
		case 'K':
			U.seq[NW_C2S] += 10;
			message(NW_EV_ALIVE, NW_S2C);
		}
	}
}

static void what_the_end_and_the_halves_show(void **state)
{
	static const struct {
		const char *script, *want;
	} table[] = {
		{ "qpsvaf", "full 105" },
		{ "qpsvag", "partial 105" },
		{ "qpsvah", "partial 105" },
		{ "qpsvaR", "full" },
		{ "qpsvaS", "partial" },
		{ "qpsvaT", "partial 107" }, /* its sender's last packets may just not have been seen */
		{ "qpsvaTK", "full 107" },
		{ "qf", "full" }, /* not answered */
		{ "qsvaf", "partial" },
		{ "qvf", "partial" }, /* the client alone was seen */
		{ "qo", "partial" },
		{ "qx", "partial" },
		{ "qoF", "full" }, /* the server came to speak behind the client's end */
		{ "qoR", "full" },
		{ "qR", "full" },
		{ "psvaf", "partial 105" },
		{ "qpsaf", "partial 105" },
		{ "svaf", "partial" }, /* NEGOTIATE was lost: nothing was compared */
		{ "vaf", "partial" },
	};
	int bad = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		begin();
		play(table[i].script);
		if (strcmp(end(), table[i].want) == 0)
			continue;
		print_message("# %s: want '%s', got '%s'\n", table[i].script, table[i].want, U.was);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* Bytes [from, to) of a message that begins where the direction stands. */
static void piece(const struct talk_msg *m, uint32_t from, uint32_t to)
{
	struct nw_event ev = event(NW_EV_PIECE, m->dir);

	ev.boundary = U.seq[m->dir];
	ev.msg_seq = ev.boundary + from;
	ev.data_len = 4 + to - from;
	memcpy(ev.data + 4, m->bytes + from, to - from);
	feed(&ev);
}

/* An error response does not say what it answers; a request that is whole only later takes it. */
static void an_answer_before_its_request_is_whole(void **state)
{
	static const struct {
		bool joined; /* by the engine; else the tap guessed what it is */
		uint32_t seen;
		const char *want;
	} table[] = {
		{ true, 40, "full 103" }, { false, 40, "full 103" }, { true, 0, "full" }, { false, 0, "full" }
	};
	struct talk t;

	talk_init(&t);
	talk_validate_req(&t, &talk_client, 3, 0);
	talk_validate_rsp(&t, &talk_server, 3, 0xc000000d, false);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		begin();
		play("1s");
		if (table[i].seen)
			piece(&t.msg[0], 0, table[i].seen);
		if (table[i].joined) {
			piece(&t.msg[1], 0, 60);
			piece(&t.msg[1], 60, t.msg[1].len);
		} else {
			struct nw_event ev = event(NW_EV_VALIDATE_RSP, NW_S2C);

			ev.flags |= NW_EF_GUESS;
			ev.smb.message_id = 3;
			memcpy(&ev.smb.session_id, t.msg[1].bytes + 4 + NW_H_SESSION_ID, 8);
			ev.smb.status = 0xc000000d;
			feed(&ev);
		}
		if (table[i].seen)
			piece(&t.msg[0], table[i].seen, t.msg[0].len);
		assert_string_equal(end(), table[i].want);
	}
	talk_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_end_and_the_halves_show),
		cmocka_unit_test(an_answer_before_its_request_is_whole),
	};

	return cmocka_run_group_tests_name("unseen", tests, NULL, NULL);
}
