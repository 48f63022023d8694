/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where events come from: the tap over packets in memory (tap.c, the very code of bpf/ built for the
 * host), capture files (capture.c, through that tap) and the kernel's ring buffer (live.c).
 */
#ifndef NW_SOURCE_H
#define NW_SOURCE_H

#include <stdint.h>

#include "../../bpf/abi.h"

/* Takes one event, valid during the call. Non-zero stops the source, which returns it. */
typedef int (*nw_event_fn)(void *arg, const struct nw_event *ev);

struct nw_tap;

struct nw_tap_config {
	const uint16_t *ports; /* host byte order */
	unsigned int n_ports;
	uint32_t max_flows; /* 0: 65536, as in the kernel */
};

/* One packet of a capture. */
struct nw_tap_packet {
	const uint8_t *data;
	uint32_t caplen;    /* bytes in data */
	uint32_t len;	    /* bytes on the wire */
	uint64_t ts;	    /* ns */
	uint64_t frame;	    /* from 1 */
	uint32_t l3_off;    /* where the network header begins; 0: Ethernet, found by the tap */
	uint16_t ethertype; /* with l3_off > 0 or raw: 0x0800, 0x86dd; host byte order */
	uint8_t raw;	    /* no link header at all */
	/* Of a file of evidence: packets before it, and the end of it, were left out, and are not missing. */
	uint8_t sparse;
	uint8_t followed; /* with sparse: the connection was seen from its first byte on */
};

/* 0 or -ENOMEM, -EINVAL; *out untouched on failure. */
int nw_tap_new(struct nw_tap **out, const struct nw_tap_config *cfg, nw_event_fn fn, void *arg);
void nw_tap_free(struct nw_tap **tap);

/* Events come by fn before this returns. 0, or what fn returned. */
int nw_tap_packet(struct nw_tap *tap, const struct nw_tap_packet *pkt);

/* NW_C_MAX counters. */
const uint64_t *nw_tap_counters(const struct nw_tap *tap);

#endif
