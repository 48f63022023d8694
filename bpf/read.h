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
#include "quick.h"

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
 * What the entries could not find at a glance: headers behind tags in the packet, which then go the quick
 * way, or behind IPv4 options or IPv6 extension headers. Leaves them in the scratch. < 0, or the outcome. Of
 * what comes out of a map, or anew out of the context, the verifier knows nothing: so it walks each step
 * once, not for each way through the one before.
 */
nw_inline int nw_find(void *ctx, const int kind, struct nw_scratch *s)
{
	struct nw_cursor c = nw_cursor_of(ctx, kind);
	struct nw_headers *h = &s->headers;
	int out;

	if (s->l3 && c.data + sizeof(struct nw_ip4_wire) > c.end)
		return NW_C_MALFORMED;
	s->type = s->l3 ? nw_parse_raw(&c) : nw_parse_eth(&c, h);
	h->l3 = c.off;
	NW_FORGET();
	c = nw_cursor_of(ctx, kind);
	c.off = h->l3 & 0x3f;
	out = nw_quick_l3(c, s->type, h);
	if (out != NW_NOT_PLAIN)
		return out;
	NW_FORGET();
	c = nw_cursor_of(ctx, kind);
	c.off = h->l3 & 0x3f;
	return nw_parse_l3(&c, s->type, h, nw_ports, 1).why;
}

__attribute__((noinline)) int nw_find_xdp(struct xdp_md *ctx)
{
	struct nw_scratch *s = nw_scratch_get();

	return s ? nw_find(ctx, NW_KIND_XDP, s) : NW_C_MALFORMED;
}

/* The first bytes of an skb need not be linear. Pulling them in changes the skb, not the packet. */
__attribute__((noinline)) int nw_find_skb(struct __sk_buff *skb)
{
	struct nw_scratch *s = nw_scratch_get();

	if (!s || bpf_skb_pull_data(skb, nw_min(skb->len, NW_HDR_MAX)) < 0)
		return NW_C_MALFORMED;
	return nw_find(skb, NW_KIND_SKB, s);
}

/* A TCP segment of one of the ports, whose headers were found. Returns the outcome. */
nw_inline int nw_read(void *ctx, const int kind, struct nw_scratch *s)
{
	const struct nw_cursor c = nw_cursor_of(ctx, kind);
	const struct __sk_buff *skb = ctx;
	struct xdp_md *xdp = ctx;
	int out;

	s->now = 0;
	s->ifindex = kind == NW_KIND_XDP ? xdp->ingress_ifindex : skb->ifindex;
	if (nw_read_headers(&c, &s->headers, &s->pkt) < 0 ||
	    nw_finish_len(&s->pkt, kind == NW_KIND_XDP ? bpf_xdp_get_buff_len(xdp) : skb->len) < 0)
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

/* All of a program but its verdict. */
nw_inline void nw_read_all(void *ctx, const int kind)
{
	struct nw_scratch *s = nw_scratch_get();
	int out = !s ? NW_C_MALFORMED : s->found ? -1 : NW_CALL(kind, nw_find, ctx);

	if (s && out < 0)
		out = nw_read(ctx, kind, s);
	nw_done(out);
}

SEC("xdp.frags")
int nw_read_xdp(struct xdp_md *ctx)
{
	nw_read_all(ctx, NW_KIND_XDP);
	return XDP_PASS;
}

SEC("tc")
int nw_read_skb(struct __sk_buff *skb)
{
	nw_read_all(skb, NW_KIND_SKB);
	return TC_ACT_UNSPEC;
}

#endif
