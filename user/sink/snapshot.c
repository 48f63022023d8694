// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that events kept: what is taken of them, and how they become frames again. */
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"
#include "../../bpf/wire/l4.h"
#include "../../bpf/wire/smb.h"
#include "../../bpf/wire/stream.h"
#include "pcapng.h"

/* Of an encrypted or compressed message: NetBIOS header and the protocol's name. */
#define NAME_DATA 8
#define TAG 4
#define MACS 12
#define TPID_HI 0x81 /* 802.1Q: of a tag that was taken off only the number is known */

static bool is_exchange(const struct nw_event *ev)
{
	if (ev->flags & NW_EF_GUESS && ev->smb.status)
		return false;
	return ev->type >= NW_EV_NEGOTIATE_REQ && ev->type <= NW_EV_VALIDATE_RSP;
}

static uint16_t data_of(const struct nw_event *ev)
{
	uint32_t n = ev->data_len;

	if (is_exchange(ev))
		return (uint16_t)n;
	if (n > NW_NBSS_HEADER && (ev->data[4] == 0xfd || ev->data[4] == 0xfc))
		return (uint16_t)nw_min(n, NAME_DATA);
	return (uint16_t)nw_min(n, NW_HEAD_DATA);
}

/* Does an IP header of the event's sender lie there? Returns where the TCP header lies, 0: no. */
static uint32_t tcp_at(const struct nw_event *ev, struct nw_cursor c, struct nw_ethertype type)
{
	const union nw_addr *from = &ev->key.addr[ev->dir == NW_C2S ? ev->client : !ev->client];
	const uint8_t *ip = (const uint8_t *)c.data + c.off;
	struct nw_headers h = { 0 };
	struct nw_ipproto proto = { -1 };

	if (type.v == 0x0800)
		proto = nw_parse_ip4(&c, &h);
	else if (type.v == 0x86dd)
		proto = nw_parse_ip6(&c, &h, 1);
	if (proto.v != 6)
		return 0;
	if (type.v == 0x0800 ? memcmp(ip + 12, from->b + 12, 4) : memcmp(ip + 8, from->b, 16))
		return 0;
	return c.off + sizeof(struct nw_tcp_wire) <= ev->hdr_len ? c.off : 0;
}

/* Finds the headers in the event: Ethernet, or none before the network's. False: they can't be told. */
static bool locate(const struct nw_event *ev, uint8_t *l3_off, uint8_t *tcp_off)
{
	struct nw_cursor c = { .data = ev->hdr, .end = ev->hdr + ev->hdr_len };
	struct nw_headers tags = { 0 };
	struct nw_ethertype type = nw_parse_eth(&c, &tags);
	uint32_t at = tcp_at(ev, c, type);

	if (!at) {
		c.off = 0;
		at = tcp_at(ev, c, nw_parse_raw(&c));
	}
	*l3_off = (uint8_t)c.off;
	*tcp_off = (uint8_t)at;
	return at;
}

struct nw_snapshot *nw_snapshot_new(const struct nw_event *ev, const struct nw_snapshot *like)
{
	uint16_t data = data_of(ev), hdr = ev->hdr_len;
	uint8_t l3_off, tcp_off;
	struct nw_snapshot *s;

	if (!hdr && like) {
		hdr = like->hdr_len;
		l3_off = like->l3_off;
		tcp_off = like->tcp_off;
	} else if (!hdr || !locate(ev, &l3_off, &tcp_off)) {
		return NULL;
	}
	s = malloc(sizeof(*s) + hdr + data);
	if (!s)
		return NULL;
	*s = (struct nw_snapshot){
		.ts = ev->ts,
		.ifindex = ev->hdr_len ? ev->ifindex : like->ifindex,
		.pkt_len = ev->hdr_len ? ev->pkt_len : like->pkt_len,
		.msg_seq = ev->msg_seq,
		.msg_len = ev->msg_len,
		.tcp = ev->hdr_len ? ev->tcp : like->tcp,
		.flags = ev->flags,
		.type = ev->type,
		.hook = ev->hdr_len ? ev->hook : like->hook,
		.dir = ev->dir,
		.l3_off = l3_off,
		.tcp_off = tcp_off,
		.hdr_len = hdr,
		.data_len = data,
	};
	memcpy(s->bytes, ev->hdr_len ? ev->hdr : like->bytes, hdr);
	memcpy(s->bytes + hdr, ev->data, data);
	return s;
}

size_t nw_snapshot_size(const struct nw_snapshot *s)
{
	return sizeof(*s) + s->hdr_len + s->data_len;
}

/* Are its headers those of the packet that it is written as? */
static bool is_part(const struct nw_snapshot *s)
{
	if (!s->msg_len)
		return false;
	return s->flags & (NW_EF_JOINED | NW_EF_COMPOUND) || s->msg_seq != s->tcp.seq ||
	       s->msg_len < s->tcp.pay_len;
}

bool nw_snapshot_is_of(const struct nw_snapshot *s, const struct nw_event *ev)
{
	return s->dir == ev->dir && !is_part(s) && s->ifindex == ev->ifindex && s->hook == ev->hook &&
	       memcmp(&s->tcp, &ev->tcp, sizeof(s->tcp)) == 0;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

/*
 * Where the message begins and how long it is, instead of the segment's; a FIN or RST in it is told by a
 * packet of its own. h: the frame from the network header on.
 */
static void adapt(struct nw_frame *f, const struct nw_snapshot *s, uint8_t *h)
{
	uint8_t *tcp = h + s->tcp_off - s->l3_off, *nbss = h + s->hdr_len - s->l3_off;
	uint32_t headers = (uint32_t)(s->hdr_len - s->l3_off);
	uint32_t nb = s->flags & NW_EF_COMPOUND ? NW_NBSS_HEADER : 0; /* the frame's is not this message's */
	uint32_t len = nw_min(s->msg_len + nb, 0xffff - headers);

	put32(tcp + 4, s->msg_seq - nb);
	tcp[13] &= (uint8_t) ~(NW_TH_FIN | NW_TH_RST);
	if (s->tcp.ip_version == 4)
		put16(h + 2, headers + len);
	else
		put16(h + 4, headers - (uint32_t)sizeof(struct nw_ip6_wire) + len);
	if (nb && s->data_len)
		put32(nbss, len - nb);
	f->part = true;
	f->pieced = s->flags & NW_EF_JOINED || nw_seq_diff(s->msg_seq, s->tcp.seq) < 0;
	f->len = (uint32_t)(nbss - f->bytes) + len;
}

/* The outer tags that hardware or kernel took off, in front of those that were left. Returns their bytes. */
static uint32_t put_tags(uint8_t *at, const struct nw_snapshot *s)
{
	uint32_t there = ((uint32_t)s->l3_off - sizeof(struct nw_eth_wire)) / TAG, n = 0;

	for (; s->l3_off && n + there < s->tcp.n_vlan; n++) {
		put16(at + n * TAG, TPID_HI << 8);
		put16(at + n * TAG + 2, s->tcp.vlan[n]);
	}
	return n * TAG;
}

void nw_snapshot_frame(struct nw_frame *f, const struct nw_snapshot *s)
{
	uint32_t macs = s->l3_off ? MACS : 0, tags, n = s->hdr_len;

	*f = (struct nw_frame){ .link_type = s->l3_off ? NW_LINK_ETHERNET : NW_LINK_RAW };
	memcpy(f->bytes, s->bytes, macs);
	tags = put_tags(f->bytes + macs, s);
	f->retagged = tags;
	f->len = s->pkt_len + tags;
	/* A message does not follow on headers of which the end is missing. */
	if (s->tcp_off + (uint32_t)(s->bytes[s->tcp_off + 12] >> 4) * 4 == s->hdr_len)
		n += s->data_len;
	memcpy(f->bytes + macs + tags, s->bytes + macs, n - macs);
	f->captured = n + tags;
	if (is_part(s))
		adapt(f, s, f->bytes + tags + s->l3_off);
	if (f->len < f->captured)
		f->len = f->captured;
}
