/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a packet's first byte to its TCP payload. One cursor; each step checks the bounds, returns the
 * protocol that follows in a type of its own layer, and leaves the cursor where it was on failure.
 * The cursor is an offset, never a difference of packet pointers: that needs no CAP_PERFMON.
 */
#ifndef NW_WIRE_L4_H
#define NW_WIRE_L4_H

#include "base.h"

#define NW_VLAN_DEPTH 2
#define NW_IP6_EXT_MAX 6

/* A program says how it repeats a step; elsewhere a loop will do. */
#ifndef NW_LOOP_IP6
#define NW_LOOP_IP6(walk)                                                                                    \
	do {                                                                                                 \
		int __n = 0;                                                                                 \
		while (__n++ < NW_IP6_EXT_MAX && nw_ip6_step(walk) == 0)                                     \
			;                                                                                    \
	} while (0)
#endif

#define NW_TH_FIN 0x01
#define NW_TH_SYN 0x02
#define NW_TH_RST 0x04
#define NW_TH_ACK 0x10

/* Outcome of reading the headers: 0 or the counter that says why there is nothing to read. */
struct nw_outcome {
	__s32 why; /* < 0: ok, else enum nw_counter */
};
#define NW_HEADERS_OK ((struct nw_outcome){ -1 })
#define NW_HEADERS_BAD(c) ((struct nw_outcome){ NW_C_##c })

struct nw_ethertype {
	__u16 v; /* host byte order; 0: none */
};

struct nw_ipproto {
	__s32 v; /* -1: none */
};

struct nw_cursor {
	const void *data;
	const void *end;
	__u32 off;
};

/*
 * Where the headers of one packet lie, checked against its end: all that has to be known of it to leave it
 * alone, and little enough for a program's registers. Begin with all zero, but for what lies outside of the
 * packet.
 */
struct nw_headers {
	__u32 l3, l4; /* offsets */
	__u16 tag;    /* of an skb's outer VLAN tag, which is kept apart, with NW_TAG_PRESENT; 0: none */
	__u8 frag;    /* 2: a fragment but the first; 1: IPv6, the first */
	__u8 tags;    /* those in the packet */
};
#define NW_TAG_PRESENT 0x1000

/* What the headers of one TCP segment said. Key addresses in network byte order, the rest in host's. */
struct nw_pkt {
	struct nw_key key;
	struct nw_tcp tcp;
	__u32 pay_off; /* from the packet's first byte */
	__u32 pkt_len;
	__u32 opt_off; /* TCP options */
	__u32 opt_len;
	__u8 sender;   /* which endpoint of the key */
	__u8 fragment; /* first fragment: the payload is not whole */
};

/*
 * A program reads a field by one load, as if headers lay on multiples of four: so they do behind Ethernet
 * (NET_IP_ALIGN), and where they don't the CPU takes it. A capture promises nothing.
 */
#ifdef __bpf__
#define NW_PACKED __attribute__((packed, aligned(4)))
#define NW_PACKED_2 __attribute__((packed, aligned(2)))
#else
#define NW_PACKED_2 __attribute__((packed))
#define NW_PACKED __attribute__((packed))
#endif

struct nw_eth_wire {
	__u8 mac[12];
	__be16 type;
} NW_PACKED_2;

struct nw_vlan_wire {
	__be16 tci;
	__be16 type;
} NW_PACKED;

struct nw_ip4_wire {
	__u8 ver_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 proto;
	__be16 check;
	__be32 src;
	__be32 dst;
} NW_PACKED;

struct nw_ip6_wire {
	__u8 ver_tc[4];
	__be16 pay_len;
	__u8 next;
	__u8 hop;
	__u32 src[4];
	__u32 dst[4];
} NW_PACKED;

struct nw_tcp_wire {
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
	__u8 doff;
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urg;
} NW_PACKED;

nw_inline int nw_is_tag(__u16 type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/*
 * Ethernet and 802.1Q / 802.1ad tags, two with h->tag. The verifier follows the offset because each step adds
 * a constant.
 */
nw_inline struct nw_ethertype nw_parse_eth(struct nw_cursor *c, struct nw_headers *h)
{
	const struct nw_eth_wire *eth = c->data + c->off;
	struct nw_ethertype type;
	__u32 off = c->off + sizeof(*eth), i;

	if ((const void *)(eth + 1) > c->end)
		return (struct nw_ethertype){ 0 };
	type.v = nw_from_be16(eth->type);
	for (i = 0; i < NW_VLAN_DEPTH; i++) {
		const struct nw_vlan_wire *tag = c->data + off;

		if (type.v == 0x0800 || !nw_is_tag(type.v) || (i && h->tag))
			break;
		if ((const void *)(tag + 1) > c->end)
			return (struct nw_ethertype){ 0 };
		type.v = nw_from_be16(tag->type);
		off += sizeof(*tag);
	}
	h->tags = i;
	c->off = off;
	return type;
}

/* The tags that nw_parse_eth() went over. */
nw_inline void nw_read_tags(const struct nw_cursor *c, const struct nw_headers *h, struct nw_tcp *t)
{
	const struct nw_vlan_wire *tag = c->data + sizeof(struct nw_eth_wire);

	t->vlan[0] = h->tag & 0x0fff;
	t->vlan[1] = 0;
	t->n_vlan = !!h->tag;
	if (!h->tags || (const void *)(tag + 2) > c->end)
		return;
	if (h->tags == 2) {
		t->vlan[0] = nw_from_be16(tag[0].tci) & 0x0fff;
		t->vlan[1] = nw_from_be16(tag[1].tci) & 0x0fff;
		t->n_vlan = 2;
	} else if (h->tag) {
		t->vlan[1] = nw_from_be16(tag->tci) & 0x0fff;
		t->n_vlan = 2;
	} else {
		t->vlan[0] = nw_from_be16(tag->tci) & 0x0fff;
		t->n_vlan = 1;
	}
}

/* A device without link header (tun, wireguard, PPP): the first nibble says what follows. */
nw_inline struct nw_ethertype nw_parse_raw(const struct nw_cursor *c)
{
	const __u8 *ip = c->data + c->off;
	__u8 v = (const void *)(ip + 1) > c->end ? 0 : *ip >> 4;

	return (struct nw_ethertype){ v == 4 ? 0x0800 : v == 6 ? 0x86dd : 0 };
}

/* IPv4: rejects ihl < 5. Returns the protocol. */
nw_inline struct nw_ipproto nw_parse_ip4(struct nw_cursor *c, struct nw_headers *h)
{
	const struct nw_ip4_wire *ip = c->data + c->off;

	if ((const void *)(ip + 1) > c->end || ip->ver_ihl - 0x45u > 10)
		return (struct nw_ipproto){ -1 };
	if (ip->frag & nw_from_be16(0x1fff))
		h->frag = 2;
	c->off += (ip->ver_ihl & 0x0f) * 4;
	return (struct nw_ipproto){ ip->proto };
}

/* Where a walk through IPv6 extension headers stands. */
struct nw_ip6_walk {
	const void *data;
	const void *end;
	__u32 off;
	__u32 next; /* protocol of what lies at off */
	__u32 frag; /* of all fragment headers: offset and flags, RFC 8200 4.5 */
	__u32 bad;
};

/* Hop-by-hop, routing, fragment, authentication, destination options, mobility */
nw_inline int nw_ip6_is_ext(__u32 next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 || next == 135;
}

/* One extension header (RFC 8200 4). Returns 1 at the end of the chain. */
nw_inline long nw_ip6_step(struct nw_ip6_walk *w)
{
	__u32 next = w->next, off = w->off;
	const __u8 *ext;

	if (!nw_ip6_is_ext(next))
		return 1;
	/* A chain can't be longer than the headers that it may consist of: 6 * (255 + 1) * 8. */
	if (off > 0x3fff) {
		w->bad = 1;
		return 1;
	}
	ext = w->data + off;
	if ((const void *)(ext + 8) > w->end) {
		w->bad = 1;
		return 1;
	}
	if (next == 44) {
		w->off = off + 8;
		w->frag |= ext[2] << 8 | ext[3];
	} else if (next == 51) {
		w->off = off + (ext[1] + 2) * 4;
	} else {
		w->off = off + (ext[1] + 1) * 8;
	}
	w->next = ext[0];
	return (w->frag & 0xfff8) != 0;
}

/*
 * IPv6 with at most NW_IP6_EXT_MAX extension headers. The walk through them is the includer's loop
 * (NW_LOOP_IP6): unrolled, it is nine tenths of what the verifier has to do (clang 14, kernel 6.18).
 */
nw_inline struct nw_ipproto nw_parse_ip6(struct nw_cursor *c, struct nw_headers *h, const int deep)
{
	const struct nw_ip6_wire *ip = c->data + c->off;
	struct nw_ip6_walk w;

	if ((const void *)(ip + 1) > c->end || ip->ver_tc[0] >> 4 != 6)
		return (struct nw_ipproto){ -1 };
	c->off += sizeof(*ip);
	if (!nw_ip6_is_ext(ip->next))
		return (struct nw_ipproto){ ip->next };
	if (!deep)
		return (struct nw_ipproto){ -1 };
	w = (struct nw_ip6_walk){ .data = c->data, .end = c->end, .off = c->off, .next = ip->next };
	NW_LOOP_IP6(&w);
	if (w.bad || w.off > 0x7fff)
		return (struct nw_ipproto){ -1 };
	h->frag = w.frag & 0xfff8 ? 2 : w.frag & 1;
	c->off = w.off;
	return (struct nw_ipproto){ (__s32)(w.next & 0xff) };
}

/* The canonical key: the smaller endpoint first. Returns which of the two the sender is. */
nw_inline __u8 nw_key_make(struct nw_key *k, const __u32 src[4], __be16 sport, const __u32 dst[4],
			   __be16 dport)
{
	__u64 s0 = src[0] | (__u64)src[1] << 32, s1 = src[2] | (__u64)src[3] << 32;
	__u64 d0 = dst[0] | (__u64)dst[1] << 32, d1 = dst[2] | (__u64)dst[3] << 32;
	int swap = s1 != d1 ? s1 > d1 : s0 != d0 ? s0 > d0 : sport > dport;

	k->addr[0].d[0] = swap ? d0 : s0;
	k->addr[0].d[1] = swap ? d1 : s1;
	k->addr[1].d[0] = swap ? s0 : d0;
	k->addr[1].d[1] = swap ? s1 : d1;
	/* As one word: it is read as one right after. */
	*(nw_u64a *)k->port = swap ? nw_two_u16(dport, sport) : nw_two_u16(sport, dport);
	return swap;
}

/* One bit for each TCP port, so placed that a port is looked up as it lies in the packet. */
#define NW_PORT_WORDS 1024

nw_inline int nw_port_in(const volatile __u64 *ports, __be16 port)
{
	return ports[port % NW_PORT_WORDS] >> port / NW_PORT_WORDS & 1;
}

/* port: in host byte order */
nw_inline void nw_port_add(__u64 *ports, __u16 port)
{
	__be16 p = nw_from_be16(port);

	ports[p % NW_PORT_WORDS] |= 1ull << p / NW_PORT_WORDS;
}

/* The headers say nothing of the length (BIG TCP): nw_finish_len() takes the packet's. */
#define NW_PAY_LEN_OPEN 0xffffffffu

/*
 * From the network header on, as far as the port of another service: most packets end here, so nothing else
 * is asked before. Not `deep`: IPv6 extension headers are left for another time, as MALFORMED.
 */
nw_inline struct nw_outcome nw_parse_l3(struct nw_cursor *c, struct nw_ethertype type, struct nw_headers *h,
					const volatile __u64 *ports, const int deep)
{
	const struct nw_tcp_wire *th;
	struct nw_ipproto proto;

	h->l3 = c->off;
	if (type.v == 0x0800)
		proto = nw_parse_ip4(c, h);
	else if (type.v == 0x86dd)
		proto = nw_parse_ip6(c, h, deep);
	else
		return NW_HEADERS_BAD(NOT_IP);
	if (proto.v < 0)
		return NW_HEADERS_BAD(MALFORMED);
	if (proto.v != 6)
		return NW_HEADERS_BAD(NOT_TCP);
	if (h->frag == 2)
		return NW_HEADERS_BAD(FRAGMENT);
	/*
	 * Both readers keep the offset below this. The mask puts the bound where the verifier keeps it:
	 * tested instead, it is lost in a spill (kernel 6.1, clang 16: "R9 offset is outside of the packet").
	 */
	h->l4 = c->off;
	NW_BOUND(h->l4);
	h->l4 &= 0x7fff;
	th = c->data + h->l4;
	if ((const void *)(th + 1) > c->end || th->doff < sizeof(*th) / 4 << 4)
		return NW_HEADERS_BAD(MALFORMED);
	if (!(nw_port_in(ports, th->sport) | nw_port_in(ports, th->dport)))
		return NW_HEADERS_BAD(OTHER_PORT);
	return NW_HEADERS_OK;
}

/*
 * What the network header says, and the key. Returns the packet's length by its word, 0: not said. Each makes
 * the key itself, so that what they have in common does not wait in memory.
 */
nw_inline __u32 nw_read_ip4(const struct nw_ip4_wire *ip, const struct nw_tcp_wire *th, struct nw_pkt *p)
{
	__u32 src[4] = { 0, 0, nw_from_be32(0x0000ffffu), ip->src };
	__u32 dst[4] = { 0, 0, nw_from_be32(0x0000ffffu), ip->dst };

	p->fragment = !!(ip->frag & nw_from_be16(0x2000));
	p->tcp.ip_version = 4;
	p->tcp.ttl = ip->ttl;
	p->tcp.ip_id = nw_from_be16(ip->id);
	p->sender = nw_key_make(&p->key, src, th->sport, dst, th->dport);
	return nw_from_be16(ip->tot_len);
}

nw_inline __u32 nw_read_ip6(const struct nw_ip6_wire *ip, const struct nw_tcp_wire *th, struct nw_pkt *p)
{
	__u32 src[4] = { ip->src[0], ip->src[1], ip->src[2], ip->src[3] };
	__u32 dst[4] = { ip->dst[0], ip->dst[1], ip->dst[2], ip->dst[3] };
	__u32 len = nw_from_be16(ip->pay_len);

	p->tcp.ip_version = 6;
	p->tcp.ttl = ip->hop;
	p->tcp.ip_id = 0;
	p->sender = nw_key_make(&p->key, src, th->sport, dst, th->dport);
	return len ? len + sizeof(*ip) : 0;
}

/*
 * What the headers that nw_parse_l3() found OK say: all of *p but pkt_len, and tcp.pay_len perhaps open.
 * 0, or -1 if their lengths contradict each other. Bounds are tested again: h may come from memory that the
 * verifier knows nothing about.
 */
nw_inline int nw_read_headers(const struct nw_cursor *c, const struct nw_headers *h, struct nw_pkt *p)
{
	__u32 total, len, doff, l3 = h->l3 & 0x7fff, l4 = h->l4 & 0x7fff;
	const struct nw_tcp_wire *th = c->data + l4;
	const void *ip = c->data + l3;

	if ((const void *)(th + 1) > c->end)
		return -1;
	p->fragment = h->frag;
	if (ip + sizeof(struct nw_ip4_wire) <= c->end && *(const __u8 *)ip >> 4 == 4)
		total = nw_read_ip4(ip, th, p);
	else if (ip + sizeof(struct nw_ip6_wire) <= c->end)
		total = nw_read_ip6(ip, th, p);
	else
		return -1;
	doff = (th->doff >> 4) * 4;
	len = l4 - l3 + doff;
	if (total && total < len)
		return -1;
	nw_read_tags(c, h, &p->tcp);
	p->tcp.seq = nw_from_be32(th->seq);
	p->tcp.ack = nw_from_be32(th->ack);
	p->tcp.window = nw_from_be16(th->window);
	p->tcp.flags = th->flags;
	/* The header's own length counts: short Ethernet frames are padded. A total of 0 says nothing. */
	p->tcp.pay_len = total ? total - len : NW_PAY_LEN_OPEN;
	p->pay_off = l4 + doff;
	p->opt_off = l4 + sizeof(*th);
	p->opt_len = doff - sizeof(*th);
	return 0;
}

/* The packet's own length, all of it; 0, or -1 if the headers claim to be longer. */
nw_inline int nw_finish_len(struct nw_pkt *p, __u32 pkt_len)
{
	p->pkt_len = pkt_len;
	if (p->tcp.pay_len != NW_PAY_LEN_OPEN)
		return 0;
	if (pkt_len < p->pay_off)
		return -1;
	p->tcp.pay_len = pkt_len - p->pay_off;
	return 0;
}

#endif
