// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entries: XDP ingress, tc ingress, tc egress, and the latter two for devices without Ethernet header.
 * All they do is find the headers and hand the packet to the tap; every packet goes on as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "globals.h"
#include "quick.h"

/*
 * The slow way, for a TCP segment of one of the ports: what its headers say, to the scratch; < 0, or the
 * outcome. A function of its own, so that its stack does not add to that of nw_segment_*.
 */
nw_inline int nw_begin(void *ctx, const int kind, const void *data, const void *end, __u32 hook,
		       __u32 ifindex, __u32 pkt_len)
{
	struct nw_cursor c = { .data = data, .end = end };
	struct nw_scratch *s = nw_scratch_get();

	if (!s)
		return NW_C_MALFORMED;
	s->hook = hook;
	s->ifindex = ifindex;
	s->cpu = bpf_get_smp_processor_id();
	if (nw_read_headers(&c, &s->headers, &s->pkt) < 0 || nw_finish_len(&s->pkt, pkt_len) < 0)
		return NW_C_MALFORMED;
	return nw_opens(ctx, kind, s);
}

__attribute__((noinline)) int nw_begin_xdp(struct xdp_md *ctx)
{
	return nw_begin(ctx, NW_KIND_XDP, (const void *)(long)ctx->data, (const void *)(long)ctx->data_end,
			NW_HOOK_XDP, ctx->ingress_ifindex, bpf_xdp_get_buff_len(ctx));
}

__attribute__((noinline)) int nw_begin_skb(struct __sk_buff *skb, __u32 hook)
{
	return nw_begin(skb, NW_KIND_SKB, (const void *)(long)skb->data, (const void *)(long)skb->data_end,
			hook, skb->ifindex, skb->len);
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

nw_inline void nw_done(int outcome)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	if (st && (__u32)outcome < NW_C_OUTCOMES)
		st->count[outcome]++;
}

/* To the slow way, with the headers that were found. */
nw_inline int nw_leave(int out, const struct nw_headers *h)
{
	struct nw_scratch *s;

	if (out != -1)
		return out;
	s = nw_scratch_get();
	if (!s)
		return NW_C_MALFORMED;
	s->headers = *h;
	return -1;
}

/*
 * What the quick way could not read, once more: with IPv6 extension headers; and the first bytes of an skb
 * need not be linear. Pulling them in changes the skb, not the packet.
 */
nw_inline int nw_again(const void *data, const void *end, const int l3, __u16 tag)
{
	struct nw_cursor c = { .data = data, .end = end };
	struct nw_headers h = { .tag = tag };
	struct nw_ethertype type;

	if (l3 && data + sizeof(struct nw_ip4_wire) > end)
		return NW_C_MALFORMED;
	type = l3 ? nw_parse_raw(&c) : nw_parse_eth(&c, &h);
	return nw_leave(nw_parse_l3(&c, type, &h, nw_ports, 1).why, &h);
}

__attribute__((noinline)) int nw_again_xdp(struct xdp_md *ctx)
{
	return nw_again((const void *)(long)ctx->data, (const void *)(long)ctx->data_end, 0, 0);
}

__attribute__((noinline)) int nw_again_skb(struct __sk_buff *skb)
{
	if (bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) < 0)
		return NW_C_MALFORMED;
	return nw_again((const void *)(long)skb->data, (const void *)(long)skb->data_end, 0, nw_tag_of(skb));
}

__attribute__((noinline)) int nw_again_l3(struct __sk_buff *skb)
{
	if (bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) < 0)
		return NW_C_MALFORMED;
	return nw_again((const void *)(long)skb->data, (const void *)(long)skb->data_end, 1, 0);
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	struct nw_headers h = {};
	int out = nw_quick_eth(ctx, NW_KIND_XDP, (const void *)(long)ctx->data,
			       (const void *)(long)ctx->data_end, &h);

	out = nw_leave(out, &h);
	if (out == NW_NOT_PLAIN)
		out = nw_again_xdp(ctx);
	if (out < 0)
		out = nw_begin_xdp(ctx);
	nw_done(out < 0 ? nw_segment_xdp(ctx) : out);
	return XDP_PASS;
}

nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook, const int l3)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct nw_cursor c = { .data = data, .end = end };
	struct nw_headers h = {};
	int out = NW_NOT_PLAIN;

	if (!l3)
		out = nw_quick_eth(skb, NW_KIND_SKB, data, end, &h);
	else if (data + sizeof(struct nw_ip4_wire) <= end)
		out = nw_quick_l3(data, end, nw_parse_raw(&c), 0, &h);
	if (out == -1 && !l3)
		h.tag = nw_tag_of(skb);
	out = nw_leave(out, &h);
	if (out == NW_NOT_PLAIN)
		out = l3 ? nw_again_l3(skb) : nw_again_skb(skb);
	if (out < 0)
		out = nw_begin_skb(skb, hook);
	nw_done(out < 0 ? nw_segment_skb(skb) : out);
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
