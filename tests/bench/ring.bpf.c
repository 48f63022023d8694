// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fills a ring buffer and wakes its reader by one of several policies. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "ring.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring SEC(".maps");

__u32 policy;
__u64 sent, lost;

static __always_inline __u64 wakeup(void)
{
	switch (policy) {
	case RING_FORCE:
		return BPF_RB_FORCE_WAKEUP;
	case RING_NONE:
		return BPF_RB_NO_WAKEUP;
	case RING_PENDING:
		return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= RING_PENDING_BYTES ?
			       BPF_RB_FORCE_WAKEUP :
			       BPF_RB_NO_WAKEUP;
	default:
		return 0;
	}
}

SEC("tc")
int ring_fill(struct __sk_buff *skb)
{
	__u64 *ev = bpf_ringbuf_reserve(&ring, RING_EVENT, 0);

	if (!ev) {
		lost++;
		return TC_ACT_UNSPEC;
	}
	*ev = sent++;
	bpf_ringbuf_submit(ev, wakeup());
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
