// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entries: XDP ingress, tc ingress, tc egress. All they do is find the headers and hand the packet
 * to the tap; every packet goes on as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "globals.h"

/* Reads the headers of the packet. Returns < 0, or the outcome of a packet that has nothing to read. */
nw_inline int nw_headers(const void *data, const void *end, __u32 vlan_tci, int vlan)
{
	struct nw_scratch *s = nw_scratch_get();
	struct nw_cursor c = { .data = data, .end = end, .off = 0 };
	struct nw_ethertype type;

	if (!s)
		return NW_C_MALFORMED;
	s->pkt.tcp.vlan[0] = vlan ? vlan_tci & 0x0fff : 0;
	s->pkt.tcp.vlan[1] = 0;
	s->pkt.tcp.n_vlan = !!vlan;
	type = nw_parse_eth(&c, &s->pkt.tcp);
	return nw_parse_l3(&c, type, &s->pkt).why;
}

__attribute__((noinline)) int nw_headers_xdp(struct xdp_md *ctx)
{
	return nw_headers((const void *)(long)ctx->data, (const void *)(long)ctx->data_end, 0, 0);
}

/* In an skb the tag may have been moved to the metadata. */
__attribute__((noinline)) int nw_headers_skb(struct __sk_buff *skb)
{
	return nw_headers((const void *)(long)skb->data, (const void *)(long)skb->data_end, skb->vlan_tci,
			  skb->vlan_present);
}

__attribute__((noinline)) int nw_segment_xdp(struct xdp_md *ctx)
{
	struct nw_scratch *s = nw_scratch_get();

	return s ? nw_segment(ctx, NW_KIND_XDP, s) : NW_C_MALFORMED;
}

__attribute__((noinline)) int nw_segment_skb(struct __sk_buff *skb)
{
	struct nw_scratch *s = nw_scratch_get();

	return s ? nw_segment(skb, NW_KIND_SKB, s) : NW_C_MALFORMED;
}

nw_inline int nw_begin(__u32 hook, __u32 ifindex, __u32 pkt_len)
{
	struct nw_scratch *s = nw_scratch_get();

	if (!s)
		return -1;
	s->hook = hook;
	s->ifindex = ifindex;
	s->cpu = bpf_get_smp_processor_id();
	s->pkt.pkt_len = pkt_len;
	return 0;
}

nw_inline void nw_done(int outcome)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	if (!st)
		return;
	st->count[NW_C_PACKETS]++;
	if ((__u32)outcome < NW_C_OUTCOMES)
		st->count[outcome]++;
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	int why;

	if (nw_begin(NW_HOOK_XDP, ctx->ingress_ifindex, bpf_xdp_get_buff_len(ctx)) < 0)
		return XDP_PASS;
	why = nw_headers_xdp(ctx);
	nw_done(why < 0 ? nw_segment_xdp(ctx) : why);
	return XDP_PASS;
}

/* The first bytes of an skb need not be linear. Pulling them in changes the skb, not the packet. */
nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook)
{
	int why;

	if (nw_begin(hook, skb->ifindex, skb->len) < 0)
		return TC_ACT_UNSPEC;
	why = nw_headers_skb(skb);
	if (why == NW_C_MALFORMED && bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) == 0)
		why = nw_headers_skb(skb);
	nw_done(why < 0 ? nw_segment_skb(skb) : why);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int nw_tc_in(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_INGRESS);
}

SEC("tc")
int nw_tc_out(struct __sk_buff *skb)
{
	return nw_tc(skb, NW_HOOK_TC_EGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
