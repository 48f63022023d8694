// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entries: XDP ingress, tc ingress, tc egress, and the latter two for devices without Ethernet header.
 * All they do is find the headers; what has to be read is left to the programs in read.h. Every packet goes
 * on as it came.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "read.h"

/*
 * The two quick ways: what is not SMB's leaves here, without a look at any map but the port bits; and so does
 * what nw_quick() is for, in flows at home. Without a call, as a return costs 8 ns where the kernel guards it
 * (SRSO). Returns the outcome; or -1, with the place of the headers in the scratch.
 */
nw_inline int nw_enter(struct nw_cursor *c, struct nw_ethertype type, struct nw_headers *h)
{
	struct nw_scratch *s;
	struct nw_flow *f;
	struct nw_pkt p;
	int out = nw_parse_l3(c, type, h, nw_ports, 0).why;

	if (out >= 0)
		return out;
	s = nw_scratch_get();
	if (!s)
		return NW_C_MALFORMED;
	s->headers = *h;
	NW_FORGET();
	/* Of p the compiler keeps what is asked for here, in registers. */
	if (nw_read_headers(c, &s->headers, &p) < 0)
		return NW_C_MALFORMED;
	f = nw_at_home(&p.key);
	return f ? nw_quick(&p, f) : -1;
}

nw_inline int nw_enter_xdp(struct xdp_md *ctx)
{
	struct nw_cursor c = { .data = (const void *)(long)ctx->data,
			       .end = (const void *)(long)ctx->data_end };
	struct nw_headers h = {};

	return nw_enter(&c, nw_parse_eth(&c, &h), &h);
}

/* l3: without link header, and thus without tags. */
nw_inline int nw_enter_skb(struct __sk_buff *skb, const int l3)
{
	struct nw_cursor c = { .data = (const void *)(long)skb->data,
			       .end = (const void *)(long)skb->data_end };
	struct nw_headers h = {};

	if (l3 && c.data + sizeof(struct nw_ip4_wire) > c.end)
		return NW_C_MALFORMED;
	if (l3)
		return nw_enter(&c, nw_parse_raw(&c), &h);
	if (skb->vlan_present)
		h.tag = NW_TAG_PRESENT | (skb->vlan_tci & 0x0fff);
	return nw_enter(&c, nw_parse_eth(&c, &h), &h);
}

/*
 * What the quick ways leave: segments to be read, and headers that they could not read. The program that does
 * that takes the packet over and counts it; it does not come back.
 */
nw_inline void nw_leave(void *ctx, void *next, int out, __u32 hook, const int l3)
{
	struct nw_scratch *s = nw_scratch_get();

	if (s) {
		s->hook = hook;
		s->l3 = l3;
		s->found = out < 0;
		bpf_tail_call(ctx, next, 0);
	}
	nw_done(NW_C_UNREAD);
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	int out = nw_enter_xdp(ctx);

	if (out < 0 || out == NW_C_MALFORMED)
		nw_leave(ctx, &nw_next_xdp, out, NW_HOOK_XDP, 0);
	else
		nw_done(out);
	return XDP_PASS;
}

nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook, const int l3)
{
	int out = nw_enter_skb(skb, l3);

	if (out < 0 || out == NW_C_MALFORMED)
		nw_leave(skb, &nw_next_skb, out, hook, l3);
	else
		nw_done(out);
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
