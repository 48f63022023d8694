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
 * What the quick way leaves: segments to be read, whose headers it found, and headers to be looked for. The
 * program that does that takes the packet over and counts it; it does not come back.
 */
nw_inline void nw_leave(void *ctx, void *next, int out, const struct nw_headers *h, __u32 hook, const int l3)
{
	struct nw_scratch *s = nw_scratch_get();

	if (s) {
		s->headers = *h;
		s->hook = hook;
		s->l3 = l3;
		s->found = out == -1;
		bpf_tail_call(ctx, next, 0);
	}
	nw_done(NW_C_UNREAD);
}

SEC("xdp.frags")
int nw_xdp(struct xdp_md *ctx)
{
	struct nw_headers h = {};
	int out = nw_quick_eth(nw_cursor_of(ctx, NW_KIND_XDP), &h);

	if (out < 0)
		nw_leave(ctx, &nw_next_xdp, out, &h, NW_HOOK_XDP, 0);
	else
		nw_done(out);
	return XDP_PASS;
}

/* An skb's outer VLAN tag, which is kept apart: struct nw_headers.tag. */
nw_inline __u16 nw_tag_of(const struct __sk_buff *skb)
{
	return skb->vlan_present ? NW_TAG_PRESENT | (skb->vlan_tci & 0x0fff) : 0;
}

nw_inline int nw_tc(struct __sk_buff *skb, __u32 hook, const int l3)
{
	const struct nw_cursor c = nw_cursor_of(skb, NW_KIND_SKB);
	struct nw_headers h = {};
	int out = NW_NOT_PLAIN;

	if (!l3)
		out = nw_quick_eth(c, &h);
	else if (c.data + sizeof(struct nw_ip4_wire) <= c.end)
		out = nw_quick_l3(c, nw_parse_raw(&c), &h);
	if (out >= 0) {
		nw_done(out);
		return TC_ACT_UNSPEC;
	}
	if (!l3)
		h.tag = nw_tag_of(skb);
	nw_leave(skb, &nw_next_skb, out, &h, hook, l3);
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
