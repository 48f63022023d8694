// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entries: XDP ingress, tc ingress, tc egress, and the latter two for devices without Ethernet header.
 * All they do is find the headers and hand the packet to the tap; every packet goes on as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "globals.h"

/* The slow way. From here on the packet is a TCP segment of one of the ports, its headers are in the scratch.
 */
__attribute__((noinline)) int nw_segment_xdp(struct xdp_md *ctx)
{
	struct nw_scratch *s = nw_scratch_get();

	if (!s || nw_finish_len(&s->pkt, bpf_xdp_get_buff_len(ctx)) < 0)
		return NW_C_MALFORMED;
	s->hook = NW_HOOK_XDP;
	s->ifindex = ctx->ingress_ifindex;
	s->cpu = bpf_get_smp_processor_id();
	return nw_segment(ctx, NW_KIND_XDP, s);
}

__attribute__((noinline)) int nw_segment_skb(struct __sk_buff *skb, __u32 hook)
{
	struct nw_scratch *s = nw_scratch_get();

	if (!s || nw_finish_len(&s->pkt, skb->len) < 0)
		return NW_C_MALFORMED;
	s->hook = hook;
	s->ifindex = skb->ifindex;
	s->cpu = bpf_get_smp_processor_id();
	return nw_segment(skb, NW_KIND_SKB, s);
}

nw_inline void nw_done(int outcome)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	if (st && (__u32)outcome < NW_C_OUTCOMES)
		st->count[outcome]++;
}

/*
 * Where the headers are, to the scratch. What is not SMB's leaves here, without a look at any map but the
 * port bits, and without a call: a return costs 8 ns where the kernel guards it (SRSO). Returns < 0, or the
 * outcome.
 */
nw_inline int nw_find(struct nw_cursor *c, struct nw_ethertype type, struct nw_headers *h)
{
	struct nw_scratch *s;
	int why = nw_parse_l3(c, type, h, nw_ports).why;

	if (why >= 0)
		return why;
	s = nw_scratch_get();
	if (!s)
		return NW_C_MALFORMED;
	s->headers = *h;
	return -1;
}

/* What they say, to the scratch too. < 0, or the outcome. */
nw_inline int nw_read(const void *data, const void *end)
{
	struct nw_cursor c = { .data = data, .end = end };
	struct nw_scratch *s = nw_scratch_get();

	return s && nw_read_headers(&c, &s->headers, &s->pkt) == 0 ? -1 : NW_C_MALFORMED;
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	struct nw_cursor c = { .data = (const void *)(long)ctx->data,
			       .end = (const void *)(long)ctx->data_end };
	struct nw_headers h = {};
	int why = nw_find(&c, nw_parse_eth(&c, &h), &h);

	if (why < 0)
		why = nw_read((const void *)(long)ctx->data, (const void *)(long)ctx->data_end);
	nw_done(why < 0 ? nw_segment_xdp(ctx) : why);
	return XDP_PASS;
}

/* l3: without link header, and thus without tags. */
nw_inline int nw_find_skb(struct __sk_buff *skb, const int l3)
{
	struct nw_cursor c = { .data = (const void *)(long)skb->data,
			       .end = (const void *)(long)skb->data_end };
	struct nw_headers h = {};

	if (l3 && c.data + sizeof(struct nw_ip4_wire) > c.end)
		return NW_C_MALFORMED;
	if (l3)
		return nw_find(&c, nw_parse_raw(&c), &h);
	if (skb->vlan_present)
		h.tag = NW_TAG_PRESENT | (skb->vlan_tci & 0x0fff);
	return nw_find(&c, nw_parse_eth(&c, &h), &h);
}

/* The first bytes of an skb need not be linear. Pulling them in changes the skb, not the packet. */
nw_inline int nw_pull(struct __sk_buff *skb, const int l3)
{
	if (bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) < 0)
		return NW_C_MALFORMED;
	return nw_find_skb(skb, l3);
}

__attribute__((noinline)) int nw_pull_l2(struct __sk_buff *skb)
{
	return nw_pull(skb, 0);
}

__attribute__((noinline)) int nw_pull_l3(struct __sk_buff *skb)
{
	return nw_pull(skb, 1);
}

nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook, const int l3)
{
	int why = nw_find_skb(skb, l3);

	if (why == NW_C_MALFORMED)
		why = l3 ? nw_pull_l3(skb) : nw_pull_l2(skb);
	if (why < 0)
		why = nw_read((const void *)(long)skb->data, (const void *)(long)skb->data_end);
	nw_done(why < 0 ? nw_segment_skb(skb, hook) : why);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int nw_tc_in(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_INGRESS, 0);
}

SEC("tc")
int nw_tc_out(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_EGRESS, 0);
}

SEC("tc")
int nw_l3_in(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_INGRESS, 1);
}

SEC("tc")
int nw_l3_out(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_EGRESS, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
