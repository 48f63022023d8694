/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who gets a home in the table of flows, and for how long. Time is counted in flows that begin: a home that
 * was not used while as many began as the table holds (nw_age) goes to the next one that wants it, and
 * after twice that to nobody, so that no idle flow outlives by far those that the LRU hash would keep.
 */
#ifndef NW_HOMES_H
#define NW_HOMES_H

#include "flows.h"

/* Set before loading: how many flows the table holds. */
const volatile __u32 nw_age = 65536;

/* Flows begun so far; never a value that stands for something else. */
__u32 nw_begun = NW_HOME_BUSY + 1;

nw_inline void nw_home_used(struct nw_home *h)
{
	__u32 was = h->used;

	/* Not written for each packet; and never over the claim of another CPU. */
	if (was != nw_begun && was > NW_HOME_BUSY)
		__sync_val_compare_and_swap(&h->used, was, nw_begun);
}

/* The flow of a segment, at home and now used; NULL: it lives in the hash, or nowhere. */
nw_inline struct nw_flow *nw_at_home(struct nw_home *h)
{
	if (!h)
		return 0;
	nw_home_used(h);
	return &h->flow;
}

/* A home for a new flow, all zero; NULL: others live in its row. */
nw_inline struct nw_flow *nw_home_take(const struct nw_key *k)
{
	struct nw_row *row = nw_row_of_key(k);
	struct nw_home *h = 0;
	__u32 was, seen = 0, i;
	__u64 *z;

	for (i = 0; row && !h && i < NW_ROW; i++) {
		was = row->home[i].used;
		/* Perhaps for this very flow, by another CPU. */
		if (was == NW_HOME_BUSY)
			return 0;
		if (!was || nw_begun - was > nw_age) {
			h = &row->home[i];
			seen = was;
		}
	}
	if (!h || __sync_val_compare_and_swap(&h->used, seen, NW_HOME_BUSY) != seen)
		return 0;
	NW_BOUND(k);
	h->id = nw_ident_of(k);
	z = (__u64 *)&h->flow;
	for (i = 0; i < sizeof(h->flow) / 8; i++)
		z[i] = 0;
	__sync_lock_test_and_set(&h->used, nw_begun);
	return &h->flow;
}

/* One more flow begins: time goes on, and one home after the other is asked whether it is still used. */
nw_inline void nw_home_tick(void)
{
	__u32 now = __sync_fetch_and_add(&nw_begun, 1) + 1, at, was;
	struct nw_row *row;
	struct nw_home *h;

	if (now <= NW_HOME_BUSY) /* once in 2^32 flows */
		nw_begun = NW_HOME_BUSY + 1;
	if (!nw_n_rows)
		return;
	at = now / NW_ROW % nw_n_rows;
	row = bpf_map_lookup_elem(&nw_homes, &at);
	if (!row)
		return;
	h = &row->home[now % NW_ROW];
	was = h->used;
	if (was > NW_HOME_BUSY && now - was > 2 * nw_age)
		__sync_val_compare_and_swap(&h->used, was, NW_HOME_FREE);
}

/* Returns whether the flow lived at home. */
nw_inline int nw_home_leave(const struct nw_key *k)
{
	struct nw_home *h = nw_home_of_key(k);

	if (h)
		h->used = NW_HOME_FREE;
	return !!h;
}

#endif
