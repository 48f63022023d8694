/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a connection consists of, laid out to be packed: pack.c, and pack_members.c for what is within. */
#ifndef NW_PACK_PARTS_H
#define NW_PACK_PARTS_H

#include <stdbool.h>

#include "engine.h"

enum nw_part {
	NW_PART_CONN,
	NW_PART_STATE,
	NW_PART_NEGOTIATE,
	NW_PART_VALIDATE,
	NW_PART_STEPS,
	NW_PART_RESETS,
	NW_PART_FINDINGS,
	NW_PART_DIALECTS,
	NW_PARTS
};

struct nw_parts {
	uint32_t len[NW_PARTS];
	uint8_t *part[NW_PARTS];
};

static inline struct nw_conn *nw_part_conn(const struct nw_parts *p)
{
	return (struct nw_conn *)p->part[NW_PART_CONN];
}

/* Exchange k: the NEGOTIATE pairs first. */
static inline struct nw_exchange *nw_part_exchange(const struct nw_parts *p, unsigned int k)
{
	unsigned int n = nw_part_conn(p)->n_negotiate;

	return k < n ? (struct nw_exchange *)p->part[NW_PART_NEGOTIATE] + k :
		       (struct nw_exchange *)p->part[NW_PART_VALIDATE] + (k - n);
}

/* pack_members.c: members that others tell, taken out, or put in again the other way round. */
void nw_parts_members(const struct nw_parts *p, bool out);

#endif
