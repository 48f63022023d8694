/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Puts what is written about flows into the order in which the flows began, although they end in another;
 * and gives a capture a clock that never goes back, although the capture's own may.
 */
#ifndef NW_READ_ORDER_H
#define NW_READ_ORDER_H

#include <stdint.h>
#include <stdio.h>

struct nw_held {
	uint64_t id;
	char *text; /* owned; NULL: nothing is to be written */
	size_t len;
};

/* Zeroed and with `out` set it is ready for use. */
struct nw_order {
	FILE *out;
	uint64_t written; /* highest id that had its turn; ids count from 1 */
	struct nw_held *heap;
	size_t n, room;
	size_t bytes;
};

/*
 * Takes text (from malloc, or NULL) over, and writes it as soon as all lower ids had their turn. What is
 * held back is bounded: beyond that, the lowest id that is held is written before those that still miss.
 * 0 or -ENOMEM.
 */
int nw_order_put(struct nw_order *o, uint64_t id, char *text);

/* Writes all that is held, and begins again with id 1. */
void nw_order_end(struct nw_order *o);

#define NW_CLOCK_STEPS 32

struct nw_clock_step {
	uint64_t from; /* on this clock */
	uint64_t skew; /* ahead of the capture's by so much from there on */
};

struct nw_clock {
	uint64_t now;
	struct nw_clock_step step[NW_CLOCK_STEPS];
	unsigned int n;
};

/* This clock's time for a packet's time. Packets may be a second late; what goes back further is a step. */
uint64_t nw_clock_of(struct nw_clock *c, uint64_t packet_ts);
/* What has to be added to this clock's time `ts` to get the capture's. */
int64_t nw_clock_offset(const struct nw_clock *c, uint64_t ts);

#endif
