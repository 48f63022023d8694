// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Order and time for `negwatch read`: a heap of texts by flow, a clock that steps are taken out of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "read_order.h"

/* What may be held back. A flow's text is a few KiB. */
#define HELD_BYTES (64u << 20)
#define HELD_FLOWS (1u << 20)

/* How late a packet may be without the engine taking harm (engine.h: nw_engine_event). */
#define LATE 1000000000ULL
/* Fits int64_t, and twice it uint64_t: year 2261. */
#define CLOCK_MAX 9200000000000000000ULL

static void swap(struct nw_held *a, struct nw_held *b)
{
	struct nw_held t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct nw_held *h, size_t i)
{
	for (; i && h[i].id < h[(i - 1) / 2].id; i = (i - 1) / 2)
		swap(&h[i], &h[(i - 1) / 2]);
}

static void sift_down(struct nw_held *h, size_t n)
{
	size_t i = 0, least;

	for (;; i = least) {
		least = 2 * i + 1;
		if (least >= n)
			return;
		if (least + 1 < n && h[least + 1].id < h[least].id)
			least++;
		if (h[i].id <= h[least].id)
			return;
		swap(&h[i], &h[least]);
	}
}

static void write_out(struct nw_order *o, uint64_t id, char *text, size_t len)
{
	if (text)
		fwrite(text, 1, len, o->out);
	free(text);
	if (id > o->written)
		o->written = id;
}

static void write_first(struct nw_order *o)
{
	struct nw_held first = o->heap[0];

	o->bytes -= first.len;
	o->heap[0] = o->heap[--o->n];
	sift_down(o->heap, o->n);
	write_out(o, first.id, first.text, first.len);
}

int nw_order_put(struct nw_order *o, uint64_t id, char *text)
{
	size_t len = text ? strlen(text) : 0, room = o->room ? 2 * o->room : 64;
	struct nw_held *grown;

	if (id <= o->written + 1) {
		write_out(o, id, text, len);
	} else {
		if (o->n == o->room) {
			grown = realloc(o->heap, room * sizeof(*grown));
			if (!grown) {
				free(text);
				return -ENOMEM;
			}
			o->heap = grown;
			o->room = room;
		}
		o->heap[o->n] = (struct nw_held){ .id = id, .text = text, .len = len };
		sift_up(o->heap, o->n++);
		o->bytes += len;
	}
	while (o->n && (o->heap[0].id <= o->written + 1 || o->bytes > HELD_BYTES || o->n > HELD_FLOWS))
		write_first(o);
	return 0;
}

void nw_order_end(struct nw_order *o)
{
	while (o->n)
		write_first(o);
	free(o->heap);
	*o = (struct nw_order){ .out = o->out };
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t nw_clock_of(struct nw_clock *c, uint64_t packet_ts)
{
	uint64_t ts = least_of(packet_ts, CLOCK_MAX);
	uint64_t skew = c->n ? c->step[c->n - 1].skew : 0;
	uint64_t t = least_of(ts + skew, CLOCK_MAX);

	if (t + LATE < c->now && c->now > ts) {
		/* With no place left for another step, the last one stretches. */
		if (c->n < NW_CLOCK_STEPS)
			c->step[c->n++].from = c->now;
		c->step[c->n - 1].skew = c->now - ts;
		t = c->now;
	}
	if (t > c->now)
		c->now = t;
	return t;
}

int64_t nw_clock_offset(const struct nw_clock *c, uint64_t ts)
{
	unsigned int i = c->n;

	while (i && c->step[i - 1].from > ts)
		i--;
	return i ? -(int64_t)c->step[i - 1].skew : 0;
}
