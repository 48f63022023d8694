/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fairness between clients: nobody gets all of the ring, or of the table of flows, by being fast. It costs
 * nothing while the ring is not half full, and one lookup for each flow that begins.
 */
#ifndef NW_SHARE_H
#define NW_SHARE_H

#include "shared.h"
#include "wire/group.h"

struct nw_share {
	__u64 flows_full;  /* when all of its burst of new flows is to be had again, ns */
	__u64 ring_from;   /* the ring's producer position when its events began to be counted */
	__u64 ring_events; /* since */
};

/* By client (wire/group.h), 0: all flows of which no handshake was seen. Who was idle longest is forgotten,
 * and gets a whole share again. 4 Ki * (8 + 24 + about 64 of the kernel's own) bytes are 0.4 MiB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct nw_share);
} nw_shares SEC(".maps");

/* What a new flow costs its client of NW_SHARE_SPAN, ns; 0: nothing. Set before loading. */
const volatile __u64 nw_flow_cost = 0;

/* Of the ring. Set before loading. */
const volatile __u32 nw_ring_bytes = NW_RING_BYTES;

nw_inline struct nw_share *nw_share_of(__u64 client)
{
	static const struct nw_share none;
	struct nw_share *sh = bpf_map_lookup_elem(&nw_shares, &client);

	if (sh)
		return sh;
	bpf_map_update_elem(&nw_shares, &client, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&nw_shares, &client);
}

/* May this client begin a flow? A bucket as the generic cell rate algorithm has it; CPUs may race, and then
 * forget a flow or two of the count. */
__attribute__((noinline)) int nw_flow_share(__u64 client)
{
	/* What comes without a handshake costs nothing to forge, and shares one bucket four times as large.
	 */
	__u64 now, cost = client ? nw_flow_cost : nw_flow_cost >> 2;
	struct nw_share *sh;

	if (!cost)
		return 1;
	sh = nw_share_of(client);
	if (!sh)
		return 1;
	now = bpf_ktime_get_ns();
	if (sh->flows_full > now + NW_SHARE_SPAN)
		return 0;
	sh->flows_full = (sh->flows_full > now ? sh->flows_full : now) + cost;
	return 1;
}

/*
 * The ring is half full: may this client have a place in it? It gets a sixteenth of the ring, counted in
 * events of at most 1 KiB, until the first of them was read.
 */
__attribute__((noinline)) int nw_ring_share(__u64 client)
{
	struct nw_share *sh;

	if (bpf_ringbuf_query(&nw_ring, BPF_RB_AVAIL_DATA) < nw_ring_bytes / 2)
		return 1;
	sh = nw_share_of(client);
	if (!sh)
		return 1;
	if (bpf_ringbuf_query(&nw_ring, BPF_RB_CONS_POS) > sh->ring_from) {
		sh->ring_from = bpf_ringbuf_query(&nw_ring, BPF_RB_PROD_POS);
		sh->ring_events = 0;
	}
	if (sh->ring_events >= nw_ring_bytes / (16 * 1024))
		return 0;
	sh->ring_events++;
	return 1;
}

#endif
