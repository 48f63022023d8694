/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Any number of sights in bounded memory: those that may belong together come together. */
#ifndef NW_LOCATE_PILE_H
#define NW_LOCATE_PILE_H

#include <stdio.h>

#include "../locate/locate.h"

/*
 * 64 MiB of sights are held in memory; with more than that, all go to NW_PILE_PARTS temporary files
 * ($TMPDIR or /var/tmp, unlinked from the start), of which each again may hold as much: 8 GiB in all, some
 * 20 million sights. What exceeds that is dropped and counted.
 */
#define NW_PILE_BYTES (64u << 20)
#define NW_PILE_PARTS 128u

struct nw_pile {
	struct nw_sight *held; /* room for `max` */
	size_t n, max;
	FILE *part[NW_PILE_PARTS]; /* NULL while all is held */
	uint64_t in_part[NW_PILE_PARTS];
	uint64_t dropped;
};

/* bytes: of memory; NW_PILE_BYTES but for tests. 0 or -ENOMEM. */
int nw_pile_init(struct nw_pile *p, size_t bytes);
void nw_pile_release(struct nw_pile *p);

/* Copies the sight. 0, or -errno having said why. */
int nw_pile_add(struct nw_pile *p, const struct nw_sight *s);

/*
 * Hands out all sights in portions; those of one connection lie in one portion, and one portion is all there
 * is if it fits the memory. fn returns 0 to go on. 0, what fn returned, or -errno having said why.
 */
int nw_pile_each(struct nw_pile *p, int (*fn)(void *arg, const struct nw_sight *s, size_t n), void *arg);

#endif
