/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A table of values by flow key with a fixed number of places: the value that was idle longest yields. */
#ifndef NW_TABLE_H
#define NW_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"

struct nw_table;

/* Called before a value is given up for a new one; may free what it owns. */
typedef void (*nw_table_evict_fn)(void *arg, void *value);

/*
 * 0 or -ENOMEM, -EINVAL; *out is untouched on failure. seed should be random where keys come from
 * strangers. Memory: max places of value_size (rounded up to 8) + 64 bytes, and 4 to 8 bytes per place for
 * the buckets; it is reserved at once, and taken by the pages that are used. Values don't move.
 */
int nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
		 nw_table_evict_fn evict, void *arg);
/* Values are not evicted, just freed. */
void nw_table_free(struct nw_table **t);

/* NULL if there is none. Counts as use of the value. */
void *nw_table_get(struct nw_table *t, const struct nw_key *key);
/* A zeroed value under a key that is not in the table. */
void *nw_table_put(struct nw_table *t, const struct nw_key *key);
/* Without calling evict. */
void nw_table_del(struct nw_table *t, void *value);

/* In order of insertion. */
void *nw_table_first(const struct nw_table *t);
void *nw_table_next(const struct nw_table *t, const void *value);
/* The value that was idle longest. */
void *nw_table_idlest(const struct nw_table *t);

const struct nw_key *nw_table_key(const void *value);
/* The value's place, from 1 on: a reference of half the size; 0 stands for none (NULL). */
uint32_t nw_table_place(const struct nw_table *t, const void *value);
void *nw_table_at(const struct nw_table *t, uint32_t place);

uint32_t nw_table_count(const struct nw_table *t);

#endif
