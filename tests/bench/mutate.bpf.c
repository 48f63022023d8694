// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes each repetition of BPF_PROG_TEST_RUN another packet (flow, sequence number) before it calls the
 * program that is measured, so that what is timed isn't a retransmission to one flow. Measured with an empty
 * program behind it, it is what has to be taken off.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "mutate.h"

/* Ethernet, IPv4, TCP, all without options */
#define HEADERS 54

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, MUTATE_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} next_xdp SEC(".maps"), next_tc SEC(".maps");

/* Of one CPU at a time: whoever runs it stays on one. */
struct mutate_how how;
__u32 dice = 0x2545f491;

static __always_inline void put32(__u8 *p, __u32 v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static __always_inline __u32 next_number(void)
{
	if (!how.random)
		return how.count++;
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice;
}

static __always_inline void mutate(__u8 *p, const void *end)
{
	if (p + HEADERS > (const __u8 *)end)
		return;
	if (how.flows) {
		__u32 port = how.port + (next_number() & (how.flows - 1));

		if (how.to_client) {
			p[36] = port >> 8;
			p[37] = port;
			put32(p + 30, how.addr);
		} else {
			p[34] = port >> 8;
			p[35] = port;
			put32(p + 26, how.addr);
		}
	}
	if (how.seq_step) {
		put32(p + 38, how.seq);
		how.seq += how.seq_step;
	}
}

SEC("xdp.frags")
int mutate_xdp(struct xdp_md *ctx)
{
	mutate((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	bpf_tail_call(ctx, &next_xdp, how.slot);
	return XDP_ABORTED;
}

SEC("tc")
int mutate_tc(struct __sk_buff *skb)
{
	mutate((void *)(long)skb->data, (void *)(long)skb->data_end);
	bpf_tail_call(skb, &next_tc, how.slot);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
