/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of the kernel programs, each with the arithmetic of its size. */
#ifndef NW_MAPS_H
#define NW_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tap_types.h"

/*
 * Flows: 40 bytes of key, 112 of value and about 64 of the kernel's own are 216 bytes an entry: 64 Ki
 * entries take 13.5 MiB. A file server has one flow per client. LRU: a full table forgets the flow
 * that was idle longest. User space may set another size before loading.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct nw_key);
	__type(value, struct nw_flow);
} nw_flows SEC(".maps");

/* Half-open connections: short-lived, and open to floods, therefore not among the flows. 8 Ki * 120
 * bytes are 1 MiB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct nw_key);
	__type(value, struct nw_syn);
} nw_syns SEC(".maps");

/* Half headers: one in about twenty messages straddles two segments, for one round of the network. 4 Ki
 * * 184 bytes are 0.7 MiB. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct nw_key);
	__type(value, struct nw_carry);
} nw_carries SEC(".maps");

/* Events: 4 MiB hold 4,002 of the large ones (1040 + 8 bytes), more than a second of the heaviest
 * reconnect storm that was measured (48 connections a second and client, 5 events each) of 20 clients. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nw_scratch);
} nw_scratches SEC(".maps");

/* One bit per TCP port, set before loading: two loads decide for a packet. */
const volatile __u64 nw_ports[1024] = {};

#endif
