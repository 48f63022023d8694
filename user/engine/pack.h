/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection as few bytes: all of it, bit by bit. */
#ifndef NW_PACK_H
#define NW_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "pack_parts.h"

struct nw_conn;
struct nw_record;

/* Connections look alike: each is packed as its difference to one that went before to the same server. */
#define NW_PACK_MODELS 128
/* Places where the model of one kind may be. */
#define NW_PACK_NEAR 4

struct nw_pack_model {
	uint32_t like; /* of which connections; 0: the place is free */
	uint32_t len[NW_PARTS];
	uint8_t *part[NW_PARTS]; /* in one allocation, the first's */
};

/*
 * 128 models of 1.5 KiB, or of 4 KiB at most, and a work space that the largest connection makes 100 KiB: 612
 * KiB at most.
 */
struct nw_packer {
	struct nw_pack_model model[NW_PACK_MODELS];
	uint8_t *work;
	size_t room;
	uint64_t unpacked; /* how often a connection was */
};

/* The connection packed (to be freed with free()), or NULL: no memory. The connection is left as it was. */
uint8_t *nw_pack(struct nw_packer *p, const struct nw_conn *c);
/* The connection as it was, with an allocation of its own for each part; NULL: no memory. */
struct nw_conn *nw_unpack(struct nw_packer *p, const uint8_t *packed, struct nw_record *r);
/* Its nw_conn.id, for a hundredth of what unpacking costs. */
uint64_t nw_packed_id(const struct nw_packer *p, const uint8_t *packed);
void nw_packer_clear(struct nw_packer *p);

#endif
