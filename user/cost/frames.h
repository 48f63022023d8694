/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets to measure with: an SMB2 conversation just as far as a program has to see it, and others. Pure. */
#ifndef NW_COST_FRAMES_H
#define NW_COST_FRAMES_H

#include <stdint.h>

#define NW_COST_FRAME_MAX 1514
#define NW_COST_PORT 445

struct nw_cost_frame {
	const char *name;
	unsigned int
		outcome; /* NW_C_*: what our programs have to make of it, or it is not what is measured */
	uint32_t len;
	uint8_t data[NW_COST_FRAME_MAX];
};

enum nw_cost_kind { NW_COST_UDP = 0, NW_COST_OTHER, NW_COST_BULK, NW_COST_KINDS };

/* A packet of that kind. Before NW_COST_BULK the two of nw_cost_opening() have to be seen. */
void nw_cost_frame(struct nw_cost_frame *out, enum nw_cost_kind kind);

/* 0: a NEGOTIATE request, 1: the begin of a large WRITE. */
void nw_cost_opening(struct nw_cost_frame *out, unsigned int which);

/* The same as bytes of a TCP stream; both return their length. out: at least 128 bytes. */
uint32_t nw_cost_negotiate(uint8_t *out);
/* The header of a WRITE whose whole message, with the four bytes of its length, has `total` bytes. */
uint32_t nw_cost_write(uint8_t *out, uint32_t total);

#endif
