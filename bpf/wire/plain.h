/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The plain segment, which nearly all are: TCP right behind an IPv4 or IPv6 header without options. Says what
 * l4.h says of any packet, for half of the instructions: all bounds are one, no offset is read, and the two
 * ends of IPv4 are put in order without a branch. What is not plain is for l4.h.
 */
#ifndef NW_WIRE_PLAIN_H
#define NW_WIRE_PLAIN_H

#include "l4.h"
#include "stream.h"

/* Not plain. An outcome is >= 0; -1: a segment of one of the ports. */
#define NW_NOT_PLAIN (-2)

/* Of the TCP header that lies at th, within bounds. */
nw_inline int nw_plain_tcp(const struct nw_tcp_wire *th, const volatile __u64 *ports)
{
	if (th->doff < sizeof(*th) / 4 << 4)
		return NW_NOT_PLAIN;
	return nw_port_in(ports, th->sport) | nw_port_in(ports, th->dport) ? -1 : NW_C_OTHER_PORT;
}

nw_inline int nw_plain_ip4(const struct nw_ip4_wire *ip, const void *end, const volatile __u64 *ports)
{
	const struct nw_tcp_wire *th = (const void *)(ip + 1);

	if ((const void *)(th + 1) > end || ip->ver_ihl != 0x45)
		return NW_NOT_PLAIN;
	if (ip->proto != 6)
		return NW_C_NOT_TCP;
	return ip->frag & nw_from_be16(0x3fff) ? NW_NOT_PLAIN : nw_plain_tcp(th, ports);
}

nw_inline int nw_plain_ip6(const struct nw_ip6_wire *ip, const void *end, const volatile __u64 *ports)
{
	const struct nw_tcp_wire *th = (const void *)(ip + 1);

	if ((const void *)(th + 1) > end || ip->ver_tc[0] >> 4 != 6)
		return NW_NOT_PLAIN;
	if (ip->next != 6)
		return nw_ip6_is_ext(ip->next) ? NW_NOT_PLAIN : NW_C_NOT_TCP;
	return nw_plain_tcp(th, ports);
}

/* Whose flow is it? Returns which endpoint the sender is. Of IPv4 `rest` is left out. */
nw_inline __u8 nw_plain_ident_ip4(const struct nw_ip4_wire *ip, struct nw_ident *id)
{
	const struct nw_tcp_wire *th = (const void *)(ip + 1);
	__u64 from = nw_ident_end(ip->src, th->sport), to = nw_ident_end(ip->dst, th->dport);
	__u64 swap = (__s64)(to - from) >> 63, both = (from ^ to) & swap; /* 48 bits: the sign is the order */

	id->end[0] = (from ^ both) | NW_IDENT_IP4;
	id->end[1] = to ^ both;
	return swap & 1;
}

nw_inline __u8 nw_plain_ident_ip6(const struct nw_ip6_wire *ip, struct nw_ident *id)
{
	const struct nw_tcp_wire *th = (const void *)(ip + 1);
	__u32 src[4] = { ip->src[0], ip->src[1], ip->src[2], ip->src[3] };
	__u32 dst[4] = { ip->dst[0], ip->dst[1], ip->dst[2], ip->dst[3] };
	struct nw_key key;
	__u8 sender = nw_key_make(&key, src, th->sport, dst, th->dport);

	*id = nw_ident_of(&key);
	return sender;
}

/* len: by the network header, behind it; 0 or -1, as the two below. */
nw_inline int nw_plain_read_tcp(const struct nw_tcp_wire *th, __u32 len, struct nw_pkt *p)
{
	__u32 doff = (th->doff >> 4) * 4;

	if (len < doff)
		return -1;
	p->fragment = 0;
	p->opt_len = doff - sizeof(*th);
	p->tcp.pay_len = len - doff;
	p->tcp.seq = nw_from_be32(th->seq);
	p->tcp.ack = nw_from_be32(th->ack);
	p->tcp.window = nw_from_be16(th->window);
	p->tcp.flags = th->flags;
	return 0;
}

/*
 * What decides about a segment inside a message: fragment, opt_len, and of tcp all but ip_version and tags.
 * -1 if lengths contradict each other or say nothing; else 0.
 */
nw_inline int nw_plain_read_ip4(const struct nw_ip4_wire *ip, struct nw_pkt *p)
{
	__u32 len = nw_from_be16(ip->tot_len);

	p->tcp.ttl = ip->ttl;
	p->tcp.ip_id = nw_from_be16(ip->id);
	return len < sizeof(*ip) ? -1 : nw_plain_read_tcp((const void *)(ip + 1), len - sizeof(*ip), p);
}

nw_inline int nw_plain_read_ip6(const struct nw_ip6_wire *ip, struct nw_pkt *p)
{
	p->tcp.ttl = ip->hop;
	p->tcp.ip_id = 0;
	return nw_plain_read_tcp((const void *)(ip + 1), nw_from_be16(ip->pay_len), p);
}

#endif
