/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that the packet programs have for themselves, each with the arithmetic of its size. */
#ifndef NW_MAPS_H
#define NW_MAPS_H

#include "homes.h"
#include "shared.h"
#include "tap_types.h"

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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nw_scratch);
} nw_scratches SEC(".maps");

/* One bit per TCP port, set before loading: two loads decide for a packet. */
const volatile __u64 nw_ports[NW_PORT_WORDS] = {};

#endif
