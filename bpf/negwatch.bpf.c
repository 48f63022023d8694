// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entries: XDP ingress, tc ingress, tc egress, and the latter two for devices without Ethernet header.
 * All they do is find the headers and hand the packet to the tap; every packet goes on as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "globals.h"

/*
 * What is not SMB's leaves here, without a look at any map but the port bits. Returns < 0, or the outcome.
 * In an skb the tag may have been moved to the metadata.
 */
nw_inline int nw_headers(const void *data, const void *end, struct nw_pkt *p, int vlan, __u32 tci)
{
	struct nw_cursor c = { .data = data, .end = end, .off = 0 };
	struct nw_ethertype type;

	p->tcp.vlan[0] = vlan ? tci & 0x0fff : 0;
	p->tcp.vlan[1] = 0;
	p->tcp.n_vlan = !!vlan;
	type = nw_parse_eth(&c, &p->tcp);
	return nw_parse_l3(&c, type, p, nw_ports).why;
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

/* 0, or the outcome of a packet that contradicts itself */
nw_inline int nw_begin(const struct nw_pkt *p, __u32 hook, __u32 ifindex, __u32 pkt_len)
{
	struct nw_scratch *s = nw_scratch_get();

	if (!s)
		return NW_C_MALFORMED;
	s->pkt = *p;
	s->hook = hook;
	s->ifindex = ifindex;
	s->cpu = bpf_get_smp_processor_id();
	return nw_finish_len(&s->pkt, pkt_len) < 0 ? NW_C_MALFORMED : -1;
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

/* A function of its own, so that its stack does not add to that of nw_segment_*. */
__attribute__((noinline)) int nw_headers_xdp(struct xdp_md *ctx)
{
	struct nw_pkt p;
	int why = nw_headers((const void *)(long)ctx->data, (const void *)(long)ctx->data_end, &p, 0, 0);

	return why < 0 ? nw_begin(&p, NW_HOOK_XDP, ctx->ingress_ifindex, bpf_xdp_get_buff_len(ctx)) : why;
}

__attribute__((noinline)) int nw_headers_skb(struct __sk_buff *skb, __u32 hook)
{
	struct nw_pkt p;
	int why = nw_headers((const void *)(long)skb->data, (const void *)(long)skb->data_end, &p,
			     skb->vlan_present, skb->vlan_tci);

	return why < 0 ? nw_begin(&p, hook, skb->ifindex, skb->len) : why;
}

/* Without link header, and thus without tags. */
__attribute__((noinline)) int nw_headers_l3(struct __sk_buff *skb, __u32 hook)
{
	struct nw_cursor c = { .data = (const void *)(long)skb->data,
			       .end = (const void *)(long)skb->data_end };
	struct nw_pkt p;
	int why;

	if (c.data + sizeof(struct nw_ip4_wire) > c.end)
		return NW_C_MALFORMED;
	p.tcp.vlan[0] = 0;
	p.tcp.vlan[1] = 0;
	p.tcp.n_vlan = 0;
	why = nw_parse_l3(&c, nw_parse_raw(&c), &p, nw_ports).why;
	return why < 0 ? nw_begin(&p, hook, skb->ifindex, skb->len) : why;
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	int why = nw_headers_xdp(ctx);

	nw_done(why < 0 ? nw_segment_xdp(ctx) : why);
	return XDP_PASS;
}

/* The first bytes of an skb need not be linear. Pulling them in changes the skb, not the packet. */
nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook, const int l3)
{
	int why = l3 ? nw_headers_l3(skb, hook) : nw_headers_skb(skb, hook);

	if (why == NW_C_MALFORMED && bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) == 0)
		why = l3 ? nw_headers_l3(skb, hook) : nw_headers_skb(skb, hook);
	nw_done(why < 0 ? nw_segment_skb(skb) : why);
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
