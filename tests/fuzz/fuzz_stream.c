// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The stream tracker: the host's build of the tap, and the engine behind it, over segments of one connection
 * whose content, borders, order and loss the input chooses. Held to: every packet has one outcome, every
 * event is well-formed, every finding can be shown.
 *
 * Input: steps of a byte each and what they need, see step(). Streams are filled from messages of the usual
 * conversation, so that a few bytes of input get far.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "../unit/talk.h"
#include "../../bpf/wire/base.h"

#define STREAM_MAX 32768u
#define STEPS_MAX 400

static struct {
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct talk usual;
	uint64_t clock, frame;
	uint32_t connection;
	/* of the connection at hand */
	uint8_t stream[2][STREAM_MAX];
	uint32_t len[2], sent[2], isn[2], ack_off;
	bool six;
} S;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	fuzz_check_finding(c, f);
}

static int on_event(void *arg, const struct nw_event *ev)
{
	fuzz_check_event(ev);
	return nw_engine_event(S.engine, ev);
}

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8 & 0xff;
	p[1] = v & 0xff;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v);
}

/* A packet with `len` bytes of a stream, of which the capture holds all but `cut`. */
static void packet(unsigned int dir, uint32_t off, uint32_t len, uint8_t flags, uint32_t seq_off,
		   uint32_t cut)
{
	uint32_t ip_len = S.six ? 40 : 20, all = 14 + ip_len + 20 + len, cap = cut < all ? all - cut : 0;
	uint8_t head[14 + 40 + 20] = { 0 }, *ip = head + 14, *th = ip + ip_len, *copy;
	struct nw_tap_packet p = { .caplen = cap, .len = all, .ts = S.clock += 10000, .frame = ++S.frame };

	be16(head + 12, S.six ? 0x86dd : 0x0800);
	if (S.six) {
		ip[0] = 0x60;
		be16(ip + 4, 20 + len);
		ip[6] = 6;
		ip[7] = 64 - dir;
		be32(ip + 8 + (dir ? 16 : 0), 0xfd000000);
		be32(ip + 20 + (dir ? 16 : 0), S.connection);
		ip[8 + (dir ? 0 : 16)] = 0xfd;
	} else {
		ip[0] = 0x45;
		be16(ip + 2, 40 + len);
		be16(ip + 4, (uint32_t)S.frame);
		ip[8] = 64 - dir;
		ip[9] = 6;
		be32(ip + (dir ? 16 : 12), S.connection);
		be32(ip + (dir ? 12 : 16), 0x7f000001);
	}
	be16(th, dir ? 445 : 50000);
	be16(th + 2, dir ? 50000 : 445);
	be32(th + 4, S.isn[dir] + seq_off + off);
	be32(th + 8, flags & 0x10 ? S.isn[!dir] + S.sent[!dir] + S.ack_off : 0);
	th[12] = 0x50;
	th[13] = flags;
	be16(th + 14, 502);
	copy = malloc(cap ? cap : 1);
	memcpy(copy, head, cap < all - len ? cap : all - len);
	if (cap > all - len)
		memcpy(copy + (all - len), S.stream[dir] + off, cap - (all - len));
	p.data = copy;
	nw_tap_packet(S.tap, &p);
	free(copy);
}

/* The next bytes of a stream, as many as there are. */
static void send_next(unsigned int dir, uint32_t len, uint32_t cut)
{
	uint32_t n = S.len[dir] - S.sent[dir] < len ? S.len[dir] - S.sent[dir] : len;

	packet(dir, S.sent[dir], n, 0x18, 0, cut);
	S.sent[dir] += n;
}

static void append(unsigned int dir, const uint8_t *data, size_t n)
{
	n = n < STREAM_MAX - S.len[dir] ? n : STREAM_MAX - S.len[dir];
	memcpy(S.stream[dir] + S.len[dir], data, n);
	S.len[dir] += (uint32_t)n;
}

/* A message of the usual conversation with up to three bytes of it changed. */
static void append_message(struct bytes *b)
{
	uint8_t which = take8(b), i;
	const struct talk_msg *m = &S.usual.msg[which % S.usual.n];
	uint32_t at = S.len[m->dir];

	append(m->dir, m->bytes, m->len);
	for (i = 0; i < which >> 6; i++) {
		uint32_t off = take16(b) % m->len;

		if (at + off < S.len[m->dir])
			S.stream[m->dir][at + off] = take8(b);
	}
	if (!(which & 0x20))
		send_next(m->dir, m->len, 0);
}

static void step(struct bytes *b)
{
	static const uint8_t flags[] = { 0x10, 0x11, 0x04, 0x14, 0x02, 0x12, 0x18, 0x31 };
	uint8_t op = take8(b);
	unsigned int dir = op >> 3 & 1;
	const uint8_t *p;
	uint32_t off;
	size_t n;

	switch (op & 7) {
	case 0:
	case 1:
		append_message(b);
		break;
	case 2: /* bytes of the input */
		n = take8(b);
		p = take_some(b, &n);
		append(dir, p, n);
		break;
	case 3:
		send_next(dir, op & 0x80 ? take16(b) : 1 + (op >> 4), 0);
		break;
	case 4: /* again, ahead, or never */
		off = S.len[dir] ? take16(b) % S.len[dir] : 0;
		n = take16(b) % (S.len[dir] - off + 1);
		if (op & 0x10)
			S.sent[dir] = off;
		else
			packet(dir, off, (uint32_t)n, 0x18, 0, 0);
		break;
	case 5: /* somewhere: without payload, or, as of who does not see the connection, with some and any
		   ACK */
		off = op & 0x80 ? take32(b) : op & 0x40 ? (uint32_t)(int8_t)take8(b) : 0;
		n = op & 0x80 ? take8(b) & 0x3f : 0;
		S.ack_off = n & 0x20 ? take32(b) : 0;
		n = nw_min(n & 0x1f, S.len[dir] - S.sent[dir]);
		packet(dir, S.sent[dir], (uint32_t)n, flags[(op >> 4 & 3) + (off ? 4 : 0)], off, 0);
		S.ack_off = 0;
		break;
	case 6: /* cut by the capture */
		send_next(dir, 20 + 16 * take8(b), 1 + take8(b));
		break;
	case 7:
		S.clock += (uint64_t)take16(b) << (op >> 3);
		nw_engine_tick(S.engine, S.clock);
		break;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint16_t ports[] = { 445, 139 };
	static const struct nw_engine_ops ops = { .finding = on_finding };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 64 };
	struct talk_params p311 = talk_server;
	struct nw_engine_config ec;
	struct talk *t = &S.usual;

	nw_engine_defaults(&ec);
	ec.max_conns = 16;
	ec.max_peers = 16;
	HOLDS(nw_engine_new(&S.engine, &ec, &ops, NULL) == 0);
	HOLDS(nw_tap_new(&S.tap, &tc, on_event, NULL) == 0);
	talk_usual(t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	talk_netbios(t);
	talk_smb1(t);
	p311.dialect = 0x0311;
	talk_negotiate_rsp(t, &p311, 0);
	p311.dialect = 0x02ff;
	talk_negotiate_rsp(t, &p311, 0);
	talk_validate_rsp(t, &talk_server, 4, 0xc00000bb, true);
	talk_validate_req(t, &talk_client, 5, 8);
	talk_command(t, NW_C2S, 9, 7, 60);
	talk_command(t, NW_C2S, 2, 8, 4);
	talk_command(t, NW_C2S, 13, 9, 4);
	talk_validate_req(t, &talk_client, 10, 0);
	talk_compound(t);
	memcpy(talk_add(t, NW_C2S)->bytes, "\0\0\0\x50\xfdSMB", 8);
	t->msg[t->n - 1].len = 0x54;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	uint8_t how = take8(&b);
	unsigned int i;

	/* Another address than the last input's: nothing of that counts. */
	S.connection = S.connection > 0xfffffff0 ? 1 : S.connection + 1;
	S.six = how & 1;
	S.len[0] = S.len[1] = S.sent[0] = S.sent[1] = 0;
	S.isn[0] = how & 2 ? 0xffffff00 : 0x1000;
	S.isn[1] = how & 4 ? 0xffffffff : 0x2000;
	if (!(how & 8)) {
		packet(0, 0, 0, 0x02, 0u - 1, 0);
		packet(1, 0, 0, 0x12, 0u - 1, 0);
	}
	for (i = 0; i < STEPS_MAX && left(&b); i++)
		step(&b);
	nw_engine_flush(S.engine);
	fuzz_check_counters(nw_tap_counters(S.tap));
	return 0;
}
