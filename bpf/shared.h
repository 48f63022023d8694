/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that both BPF objects work on, the packet programs and the programs on resets, each with the
 * arithmetic of its size.
 */
#ifndef NW_SHARED_H
#define NW_SHARED_H

#include "flows.h"

/* Events: 4 MiB hold 4,002 of the large ones (1040 + 8 bytes), more than a second of the heaviest
 * reconnect storm that was measured (48 connections a second and client, 5 events each) of 20 clients. */
#define NW_RING_BYTES (4 * 1024 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NW_RING_BYTES);
} nw_ring SEC(".maps");

/* Counters by cause, and at the end the number of the CPU's last event. */
struct nw_cpu_stats {
	__u64 count[NW_C_MAX];
	__u64 seqno;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nw_cpu_stats);
} nw_stats SEC(".maps");

nw_inline struct nw_cpu_stats *nw_cpu_stats(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&nw_stats, &zero);
}

#endif
