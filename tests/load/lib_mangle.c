// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets by the dice: a conversation is cut into segments, which are then repeated, sent again with other
 * borders, put in another order, and lost. As in life, nobody answers what has not been there: without `wild`
 * the order is kept between one direction's burst and the other's.
 */
#include <string.h>

#include "flows.h"
#include "../../bpf/wire/base.h"

#define STREAM_MAX 65536
/* Each byte of both streams in a segment of its own, and once more; and ACKs */
#define PACKETS_MAX (4 * STREAM_MAX + 256)

struct packet {
	uint8_t dir, flags;
	uint32_t off, len; /* in its stream */
	uint32_t ack;	   /* in the other's */
};

static struct {
	uint8_t bytes[2][STREAM_MAX];
	uint32_t len[2];
	struct packet p[PACKETS_MAX];
	unsigned int n;
} W;

static struct packet *add(uint8_t dir, uint32_t off, uint32_t len, uint8_t flags)
{
	struct packet *p = &W.p[W.n < PACKETS_MAX - 1 ? W.n++ : W.n];

	*p = (struct packet){ .dir = dir, .flags = flags, .off = off, .len = len, .ack = W.len[!dir] };
	return p;
}

/* Neighbours of [from, n) change places, as far as `reach` apart. */
static void shuffle(struct dice *d, unsigned int from, unsigned int reach)
{
	for (unsigned int i = from; i + 1 < W.n; i++) {
		unsigned int other = i + roll(d, reach);
		struct packet p = W.p[i];

		if (roll(d, 3) || other >= W.n)
			continue;
		W.p[i] = W.p[other];
		W.p[other] = p;
	}
}

/* One direction's burst: bytes [from, to) of its stream, with what goes wrong with them. */
static void burst(struct dice *d, const struct mangle *m, uint8_t dir, uint32_t from, uint32_t to,
		  uint32_t mss)
{
	unsigned int first = W.n;

	for (uint32_t at = from; at < to;) {
		uint32_t len = mss > 2 && !roll(d, 4) ? 1 + roll(d, mss) : mss;

		len = len < to - at ? len : to - at;
		add(dir, at, len, 0x18);
		if (m->repeat && !roll(d, 8)) { /* a copy, or sent again with other borders */
			uint32_t off = roll(d, 2) ? at : at - roll(d, nw_min(at, 700u) + 1);

			add(dir, off, nw_min(to - off, at - off + 1 + roll(d, len + 700)), 0x18);
		}
		at += len;
	}
	if (m->reorder)
		shuffle(d, first, 2 + roll(d, 8));
}

/* The streams, burst by burst. */
static void lay_out(struct dice *d, const struct talk *t, const struct mangle *m)
{
	uint32_t mss = roll(d, 400) ? roll(d, 20) ? roll(d, 3) ? 1460 : 60 + roll(d, 1400) : 4 + roll(d, 60) :
				      1 + roll(d, 3);
	bool join = !roll(d, 8);
	unsigned int i = 0;

	W.len[0] = W.len[1] = W.n = 0;
	while (i < t->n) {
		uint8_t dir = t->msg[i].dir;
		uint32_t from = W.len[dir], at = from;

		do {
			memcpy(W.bytes[dir] + at, t->msg[i].bytes, t->msg[i].len);
			at += t->msg[i].len;
			i++;
		} while (i < t->n && t->msg[i].dir == dir && join);
		burst(d, m, dir, from, at, mss);
		W.len[dir] = at;
		if (roll(d, 2))
			add(!dir, W.len[!dir], 0, 0x10);
	}
}

static void close_down(const struct talk *t)
{
	uint8_t first = t->end == TALK_END_CLIENT_FIN ? NW_C2S : NW_S2C;

	if (t->end == TALK_END_NONE)
		return;
	add(first, W.len[first], 0, t->end == TALK_END_SERVER_RST ? 0x14 : 0x11);
	if (t->end == TALK_END_SERVER_RST)
		return;
	W.len[first]++;
	add(!first, W.len[!first], 0, 0x11);
}

/* --- frames ---------------------------------------------------------------------------------------- */

struct framer {
	bool six;
	uint32_t isn[2];
	uint16_t port, id[2];
	uint8_t ttl[2];
	uint8_t f[STREAM_MAX + 128];
};

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v);
}

static uint32_t frame(struct framer *r, const struct packet *p)
{
	uint8_t *f = r->f, *ip = f + 14, *th = ip + (r->six ? 40 : 20);

	memset(f, 0, 74);
	be16(f + 12, r->six ? 0x86dd : 0x0800);
	if (r->six) {
		ip[0] = 0x60;
		be16(ip + 4, 20 + p->len);
		ip[6] = 6;
		ip[7] = r->ttl[p->dir];
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1 + p->dir;
		ip[39] = 2 - p->dir;
	} else {
		ip[0] = 0x45;
		be16(ip + 2, 40 + p->len);
		be16(ip + 4, r->id[p->dir]++);
		ip[8] = r->ttl[p->dir];
		ip[9] = 6;
		ip[12] = ip[16] = 10;
		ip[15] = 1 + p->dir;
		ip[19] = 2 - p->dir;
	}
	be16(th, p->dir ? 445 : r->port);
	be16(th + 2, p->dir ? r->port : 445);
	be32(th + 4, r->isn[p->dir] + p->off);
	be32(th + 8, p->flags == 0x02 ? 0 : r->isn[!p->dir] + p->ack);
	th[12] = 0x50;
	th[13] = p->flags;
	be16(th + 14, 502);
	memcpy(th + 20, W.bytes[p->dir] + p->off, p->flags & 0x07 ? 0 : p->len);
	return (uint32_t)(th + 20 - f) + p->len;
}

static int put(struct nw_tap *tap, struct framer *r, const struct packet *p, uint32_t cut, uint64_t *clock)
{
	uint32_t len = frame(r, p);
	struct nw_tap_packet pkt = { .data = r->f, .len = len };

	pkt.caplen = cut && cut < len ? cut : len;
	pkt.ts = *clock += 20000;
	pkt.frame = *clock / 20000;
	return nw_tap_packet(tap, &pkt);
}

int flows_frames(struct dice *d, const struct talk *t, const struct mangle *m, uint16_t port,
		 struct nw_tap *tap, uint64_t *clock)
{
	static struct framer r;
	unsigned int i = 0;
	int err = 0;

	r.six = !roll(d, 3);
	r.port = port;
	for (int k = 0; k < 2; k++) {
		r.isn[k] = roll(d, 4) ? (uint32_t)(d->state >> 16) : 0u - roll(d, 3000);
		r.id[k] = (uint16_t)d->state;
		r.ttl[k] = 40 + roll(d, 80);
	}
	lay_out(d, t, m);
	close_down(t);
	if (m->wild && roll(d, 2))
		shuffle(d, 0, 2 + roll(d, 20));
	if (m->wild && !roll(d, 4))
		i = roll(d, W.n / 2 + 1);
	if (!i) {
		r.isn[0]--;
		r.isn[1]--;
		put(tap, &r, &(struct packet){ .flags = 0x02 }, 0, clock);
		put(tap, &r, &(struct packet){ .dir = NW_S2C, .flags = 0x12, .ack = 1 }, 0, clock);
		r.isn[0]++;
		r.isn[1]++;
	}
	for (; i < W.n && !err; i++)
		if (!m->drop || W.p[i].flags & 0x05 || roll(d, 15))
			err = put(tap, &r, &W.p[i], m->wild && !roll(d, 50) ? 54 + roll(d, 400) : 0, clock);
	return err;
}
