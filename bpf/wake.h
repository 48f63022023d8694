/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When an event wakes the daemon: at once for what may raise an alert, else when a sixteenth of the ring
 * waits. All others are read on the way: the daemon reads the ring in each round of its loop, at least once a
 * second, and before it answers anybody. The kernel's own policy wakes it for each event that it has caught
 * up with.
 */
#ifndef NW_WAKE_H
#define NW_WAKE_H

#include "shared.h"

/*
 * VALIDATE shows alterations, unless both halves equal their NEGOTIATE and the answer is signed; FIN, RST and
 * LOGOFF are how they end; what shows a reset to be forged, and pieces, of which the engine may make any of
 * them.
 */
#define NW_WAKE_TYPES                                                                                        \
	(1u << NW_EV_VALIDATE_REQ | 1u << NW_EV_VALIDATE_RSP | 1u << NW_EV_LOGOFF | 1u << NW_EV_FIN |        \
	 1u << NW_EV_RST | 1u << NW_EV_ALIVE | 1u << NW_EV_PIECE | 1u << NW_EV_RST_SENT |                    \
	 1u << NW_EV_RST_ACCEPTED)
/* Of them those that are good if they equal the NEGOTIATE */
#define NW_WAKE_UNEQUAL (1u << NW_EV_VALIDATE_REQ | 1u << NW_EV_VALIDATE_RSP)

_Static_assert(NW_EV_MAX <= 32, "one bit for each type");

/* Where the ring ended when the daemon was last woken: until it has read that far it is on its way. 8 bytes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} nw_woken SEC(".maps");

/*
 * Flags for bpf_ringbuf_submit(), of an event that has its place in the ring. The daemon sleeps only after it
 * has seen the ring empty. Its position is read behind a full barrier, so that either it saw our place, or we
 * see that it had read all that it was woken for. flags: NW_EF_*; smb: the message's own (MS-SMB2 2.2.1.2).
 */
__attribute__((noinline)) int nw_wake(__u32 type, __u32 flags, __u32 smb)
{
	/* Only successful answers have a fingerprint that could match; what then befalls the connection is
	 * told by its end. */
	int good = NW_WAKE_UNEQUAL >> (type & 31) & 1 && flags & NW_EF_MATCH &&
		   (type == NW_EV_VALIDATE_REQ || smb & NW_SMB2_F_SIGNED);
	int soon = NW_WAKE_TYPES >> (type & 31) & 1 && !good;
	__u32 zero = 0;
	__u64 *woken = bpf_map_lookup_elem(&nw_woken, &zero);

	if (!soon && bpf_ringbuf_query(&nw_ring, BPF_RB_AVAIL_DATA) <
			     bpf_ringbuf_query(&nw_ring, BPF_RB_RING_SIZE) / 16)
		return BPF_RB_NO_WAKEUP;
	if (!woken)
		return BPF_RB_FORCE_WAKEUP;
	if (__sync_fetch_and_add(woken, 0) > bpf_ringbuf_query(&nw_ring, BPF_RB_CONS_POS))
		return BPF_RB_NO_WAKEUP;
	*woken = bpf_ringbuf_query(&nw_ring, BPF_RB_PROD_POS);
	return BPF_RB_FORCE_WAKEUP;
}

#endif
