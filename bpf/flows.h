/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of flows, for both BPF objects. A flow lives in one place: at its home, which the hash of its key
 * names, or, where another flow has that, in an LRU hash. The home is found without a call and has the whole
 * key, so that a collision leads to the hash and never to another flow.
 *
 * A program that still works on a flow while another CPU gives its place away writes into the newcomer, as
 * with the kernel's LRU hash, whose entries are used again at once.
 */
#ifndef NW_FLOWS_H
#define NW_FLOWS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "wire/stream.h"

/* Set before loading, alike in both objects: how many homes there are, 0 for none, and what finds them. */
const volatile __u32 nw_n_homes = NW_HOMES(65536);
const volatile __u64 nw_home_by[NW_HOME_WORDS] = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
						   0xd6e8feb86659fd93, 0xa0761d6478bd642f };

/*
 * A file server has one flow per client. Homes: 32 Ki * 192 bytes are 6 MiB, on a page boundary because of
 * BPF_F_MMAPABLE, so that a direction is within one cache line. With a thousand flows one in sixty lives in
 * the hash.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NW_HOMES(65536));
	__type(key, __u32);
	__type(value, struct nw_home);
} nw_homes SEC(".maps");

/*
 * 40 bytes of key, 144 of value and 64 of the kernel's own are 248 bytes an entry: 32 Ki entries take 7.8
 * MiB. LRU: a full table forgets the flow that was idle longest.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536 - NW_HOMES(65536));
	__type(key, struct nw_key);
	__type(value, struct nw_flow);
} nw_flows SEC(".maps");

nw_inline struct nw_home *nw_home_of(const struct nw_key *k)
{
	__u32 at = nw_home_at(nw_home_by, nw_n_homes, k);

	return nw_n_homes ? bpf_map_lookup_elem(&nw_homes, &at) : 0;
}

nw_inline struct nw_flow *nw_flow_find(const struct nw_key *k)
{
	struct nw_home *h = nw_home_of(k);

	if (h && nw_is_home(h, k))
		return &h->flow;
	return bpf_map_lookup_elem(&nw_flows, k);
}

#endif
