/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The quick way, for nearly all packets: what is not SMB's leaves here, without a look at any map but the
 * port bits; and so does, of flows at home, what lies inside a message or has no payload, where nothing is
 * waited for. Each instruction here is paid for by each packet. So there is no call, as a return costs 8 ns
 * where the kernel guards it (SRSO), nothing goes over the stack, and a header is read when it is asked for,
 * behind the look-up.
 */
#ifndef NW_QUICK_H
#define NW_QUICK_H

#include "emit.h"
#include "tap.h"
#include "wire/plain.h"

/* Does what nw_segment() would do, and returns the outcome; -1: the segment has to be read. */
nw_inline int nw_quick(const struct nw_pkt *p, struct nw_flow *f)
{
	__u32 dir = p->sender ^ f->client, len = p->tcp.pay_len, ahead;
	struct nw_dir *d;

	/* Masked last: of an exclusive or kernel 6.1 knows no bounds (clang 14 and 16: "math between
	 * map_value pointer and register with unbounded min value"). */
	NW_BOUND(dir);
	d = &f->dir[dir & 1];
	NW_BOUND(d);
	/* A hole in either direction: so both lines are asked for at once, and not one to find the other. */
	if ((p->tcp.flags & (NW_TH_SYN | NW_TH_FIN | NW_TH_RST | NW_TH_ACK)) != NW_TH_ACK || p->fragment ||
	    f->flags & (NW_FF_NEW_SYN | NW_FF_RST_C2S | NW_FF_RST_S2C | NW_FF_FAR) ||
	    (f->dir[0].flags | f->dir[1].flags) & NW_DF_HOLE)
		return -1;
	ahead = nw_dir_wants(d) - p->tcp.seq;
	if (!(d->flags & NW_DF_SYNCED) || !d->look.ttl || ahead > NW_BACK_MAX ||
	    p->tcp.ack - d->look.ack > NW_ACK_MAX || (len && (d->flags & NW_DF_PASS || len > ahead)))
		return -1;
	nw_look_at(p, &d->look, p->tcp.seq + len, len > 0);
	return len ? NW_C_BODY : NW_C_EMPTY;
}

nw_inline struct nw_flow *nw_quick_flow(const struct nw_ident *id)
{
	struct nw_home *h = nw_home_in(nw_row_of(id), id);

	if (!h)
		return 0;
	NW_BOUND(h); /* a pointer, and no number of a home that is added again and again */
	nw_home_used(h);
	return &h->flow;
}

/* An IPv4 or IPv6 header. The outcome, -1 or NW_NOT_PLAIN, as nw_quick_l3(). */
nw_inline int nw_quick_ip(const void *ip, const void *end, const int v6)
{
	int out = v6 ? nw_plain_ip6(ip, end, nw_ports) : nw_plain_ip4(ip, end, nw_ports);
	struct nw_ident id;
	struct nw_flow *f;
	struct nw_pkt p;

	if (out != -1)
		return out;
	p.sender = v6 ? nw_plain_ident_ip6(ip, &id) : nw_plain_ident_ip4(ip, &id);
	f = nw_quick_flow(&id);
	if (!f)
		return -1;
	out = v6 ? nw_plain_read_ip6(ip, &p) : nw_plain_read_ip4(ip, &p);
	return out < 0 ? NW_NOT_PLAIN : nw_quick(&p, f);
}

/*
 * From the network header on, where the cursor is. The outcome; -1: a segment to be read, *h says where its
 * headers lie; NW_NOT_PLAIN: headers to be looked for.
 */
nw_inline int nw_quick_l3(struct nw_cursor c, struct nw_ethertype type, struct nw_headers *h)
{
	h->l3 = c.off;
	if (type.v == 0x0800) {
		h->l4 = c.off + sizeof(struct nw_ip4_wire);
		return nw_quick_ip(c.data + c.off, c.end, 0);
	}
	h->l4 = c.off + sizeof(struct nw_ip6_wire);
	return type.v == 0x86dd ? nw_quick_ip(c.data + c.off, c.end, 1) : NW_C_NOT_IP;
}

/*
 * The same from an Ethernet header on. Tags in the packet are left to the reading program: an offset that is
 * a constant spares all others some instructions.
 */
nw_inline int nw_quick_eth(struct nw_cursor c, struct nw_headers *h)
{
	const struct nw_eth_wire *eth = c.data;
	struct nw_ethertype type;

	if ((const void *)(eth + 1) > c.end)
		return NW_C_NOT_IP;
	type.v = nw_from_be16(eth->type);
	if (type.v != 0x0800 && nw_is_tag(type.v))
		return NW_NOT_PLAIN;
	c.off = sizeof(*eth);
	return nw_quick_l3(c, type, h);
}

#endif
