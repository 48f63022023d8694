/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs behind the entries: they hand each packet to the tap that is not done with at a glance. The
 * entries come here by a tail call, so that the verifier walks the tap once for XDP and once for all hooks of
 * tc; and by an entry of a program array that is constant, which the kernel turns into a jump. libbpf fills
 * the arrays when it loads the object. When whoever loaded it is gone the kernel empties them: an entry that
 * is still attached then lets packets pass and counts them as unread.
 */
#ifndef NW_READ_H
#define NW_READ_H

#include "globals.h"

int nw_read_xdp(struct xdp_md *ctx);
int nw_read_skb(struct __sk_buff *skb);

/* One entry each. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} nw_next_xdp SEC(".maps") = { .values = { (void *)&nw_read_xdp } };

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} nw_next_skb SEC(".maps") = { .values = { (void *)&nw_read_skb } };

/*
 * What the entries' quick way could not find, once more: with IPv6 extension headers. Leaves the headers in
 * the scratch. < 0, or the outcome.
 */
nw_inline int nw_find(struct nw_scratch *s, struct nw_cursor *c, __u16 tag)
{
	struct nw_headers h = { .tag = tag };
	struct nw_ethertype type;
	int out;

	if (!s->l3)
		type = nw_parse_eth(c, &h);
	else if (c->data + sizeof(struct nw_ip4_wire) <= c->end)
		type = nw_parse_raw(c);
	else
		return NW_C_MALFORMED;
	out = nw_parse_l3(c, type, &h, nw_ports, 1).why;
	s->headers = h;
	return out;
}

__attribute__((noinline)) int nw_find_xdp(struct xdp_md *ctx)
{
	struct nw_cursor c = { .data = (const void *)(long)ctx->data,
			       .end = (const void *)(long)ctx->data_end };
	struct nw_scratch *s = nw_scratch_get();

	return s ? nw_find(s, &c, 0) : NW_C_MALFORMED;
}

/* The first bytes of an skb need not be linear. Pulling them in changes the skb, not the packet. */
__attribute__((noinline)) int nw_find_skb(struct __sk_buff *skb)
{
	struct nw_scratch *s = nw_scratch_get();
	struct nw_cursor c;

	if (!s || bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) < 0)
		return NW_C_MALFORMED;
	c = (struct nw_cursor){ .data = (const void *)(long)skb->data,
				.end = (const void *)(long)skb->data_end };
	return nw_find(s, &c, skb->vlan_present && !s->l3 ? NW_TAG_PRESENT | (skb->vlan_tci & 0x0fff) : 0);
}

/* A TCP segment of one of the ports, whose headers were found. Returns the outcome. */
nw_inline int nw_read(void *ctx, const int kind, struct nw_scratch *s, const void *data, const void *end,
		      __u32 pkt_len)
{
	const struct nw_cursor c = { .data = data, .end = end };
	int out;

	s->now = 0;
	if (nw_read_headers(&c, &s->headers, &s->pkt) < 0 || nw_finish_len(&s->pkt, pkt_len) < 0)
		return NW_C_MALFORMED;
	NW_FORGET();
	out = nw_opens(ctx, kind, s);
	if (out >= 0)
		return out;
	NW_FORGET();
	return nw_segment(ctx, kind, s);
}

nw_inline void nw_done(int outcome)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	if (st && (__u32)outcome < NW_C_OUTCOMES)
		st->count[outcome]++;
}

SEC("xdp.frags")
int nw_read_xdp(struct xdp_md *ctx)
{
	struct nw_scratch *s = nw_scratch_get();
	int out = !s ? NW_C_MALFORMED : s->found ? -1 : nw_find_xdp(ctx);

	if (s && out < 0) {
		s->ifindex = ctx->ingress_ifindex;
		out = nw_read(ctx, NW_KIND_XDP, s, (const void *)(long)ctx->data,
			      (const void *)(long)ctx->data_end, bpf_xdp_get_buff_len(ctx));
	}
	nw_done(out);
	return XDP_PASS;
}

SEC("tc")
int nw_read_skb(struct __sk_buff *skb)
{
	struct nw_scratch *s = nw_scratch_get();
	int out = !s ? NW_C_MALFORMED : s->found ? -1 : nw_find_skb(skb);

	if (s && out < 0) {
		s->ifindex = skb->ifindex;
		out = nw_read(skb, NW_KIND_SKB, s, (const void *)(long)skb->data,
			      (const void *)(long)skb->data_end, skb->len);
	}
	nw_done(out);
	return TC_ACT_UNSPEC;
}

#endif
