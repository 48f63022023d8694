/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A table of values by flow key with a fixed number of places: the value that was idle longest yields. */
#ifndef NW_TABLE_H
#define NW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"

struct nw_table;

/*
 * Bytes that a place takes beside its value, which is rounded up to 8, and at most of the buckets: they are
 * the power of two that max is not above, 4 bytes each.
 */
#define NW_TABLE_NODE 64u
#define NW_TABLE_BUCKETS 8u
#define NW_TABLE_COST(value_size) ((((value_size) + 7) & ~(size_t)7) + NW_TABLE_NODE + NW_TABLE_BUCKETS)

/* Called before a value is given up for a new one; may free what it owns. */
typedef void (*nw_table_evict_fn)(void *arg, void *value);

/*
 * 0 or -ENOMEM, -EINVAL; *out is untouched on failure. seed should be random where keys come from
 * strangers. Memory: NW_TABLE_COST() for each of max places at most; it is reserved at once, and taken by the
 * pages that are used. Values don't move.
 */
int nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
		 nw_table_evict_fn evict, void *arg);
/* Values are not evicted, just freed. */
void nw_table_free(struct nw_table **t);

/* NULL if there is none. Counts as use of the value. */
void *nw_table_get(struct nw_table *t, const struct nw_key *key);
/* A use of the value. */
void nw_table_use(struct nw_table *t, void *value);
/* NULL if there is none; is no use of it. */
void *nw_table_peek(const struct nw_table *t, const struct nw_key *key);
/* A zeroed value under a key that is not in the table. */
void *nw_table_put(struct nw_table *t, const struct nw_key *key);
/* Without calling evict. */
void nw_table_del(struct nw_table *t, void *value);

/* In order of insertion. */
void *nw_table_first(const struct nw_table *t);
void *nw_table_next(const struct nw_table *t, const void *value);
/* And the other way round. */
void *nw_table_last(const struct nw_table *t);
void *nw_table_prev(const struct nw_table *t, const void *value);
/* The value that was idle longest. */
void *nw_table_idlest(const struct nw_table *t);

const struct nw_key *nw_table_key(const void *value);
/* The value's place, from 1 on: a reference of half the size; 0 stands for none (NULL). */
uint32_t nw_table_place(const struct nw_table *t, const void *value);
void *nw_table_at(const struct nw_table *t, uint32_t place);

uint32_t nw_table_count(const struct nw_table *t);

#endif
