/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a connection is, and whether a packet comes from there: who knows its addresses and ports, but does
 * not see it, makes up packets that lie anywhere else.
 */
#ifndef NW_PLACE_H
#define NW_PLACE_H

#include "tap_types.h"

/*
 * What a packet shows of its sender, see struct nw_look; end: behind the bytes that it sent, if any. Resets
 * are left out: they are what is judged.
 */
nw_inline void nw_look_at(const struct nw_pkt *p, struct nw_look *l, __u32 end, int used)
{
	const struct nw_tcp *t = &p->tcp;
	__u8 traits = l->traits;

	/* A bare ACK has the next sequence number, too; but behind it bytes may be missing. */
	if (!l->ttl || (used && nw_seq_diff(end, l->end) > 0))
		l->end = end;
	l->ack = t->ack;
	l->window = t->window;
	if (!t->ip_id)
		traits |= NW_LOOK_ID_ZERO;
	else if (l->ip_id && l->ip_id != t->ip_id)
		traits |= nw_id_counts_on(l->ip_id, t->ip_id) ? NW_LOOK_ID_NEXT : NW_LOOK_ID_FAR;
	if (t->ip_id)
		l->ip_id = t->ip_id;
	if (p->opt_len)
		traits |= NW_LOOK_OPTIONS;
	if (traits != l->traits)
		l->traits = traits;
	if (t->ttl != l->ttl) {
		l->ttl_before = l->ttl;
		l->ttl = t->ttl;
	}
}

/*
 * Is this segment where the connection is? What belongs to the flow keeps it there: see nw_is_elsewhere(). Of
 * an end that was not heard yet the handshake may say where it begins, of both (TCP Fast Open) nothing else
 * does.
 */
nw_inline int nw_is_in_place(const struct nw_scratch *s, struct nw_flow *f)
{
	const struct nw_dir *d = nw_dir_of(s, f), *o = &f->dir[!(s->dir & 1)];
	const struct nw_tcp *t = &s->pkt.tcp;

	if (!(t->flags & NW_TH_ACK))
		return 0;
	if (!d->look.ttl && d->flags & NW_DF_SYNCED && !nw_is_about(s->seq, d->next, d->next, NW_BACK_MAX))
		return 0;
	if ((d->look.ttl || o->look.ttl) && !nw_is_near(&d->look, &o->look, s->seq, t->ack))
		return 0;
	if (f->flags & NW_FF_FAR)
		f->flags &= ~NW_FF_FAR;
	return 1;
}

/*
 * A segment from far away. Has the connection moved, by a loss of more than nw_is_near() allows for, or made
 * way for another one whose SYN was not seen? It has when both ends were heard to send data far away for a
 * second, and nothing came from where it was: an end that lives there answers what is made up in the other's
 * name by an ACK (RFC 9293 3.10.7.4), within a round trip. Of a side that was never seen nothing is waited
 * for. Behind both FINs nothing comes from there.
 */
nw_inline int nw_is_elsewhere(void *ctx, struct nw_scratch *s, struct nw_flow *f)
{
	const struct nw_dir *d = nw_dir_of(s, f), *o = &f->dir[!(s->dir & 1)];
	__u32 when = nw_io_now(ctx, s) >> NW_FAR_BITS;

	if (!s->len || !(s->pkt.tcp.flags & NW_TH_ACK))
		return 0;
	if (d->flags & o->flags & NW_DF_FIN)
		return 1;
	if (!(f->flags & NW_FF_FAR))
		f->far_when = when;
	f->flags |= s->dir ? NW_FF_FAR_S2C : NW_FF_FAR_C2S;
	if (o->look.ttl && (f->flags & NW_FF_FAR) != NW_FF_FAR)
		return 0;
	return ((when - f->far_when) & NW_FAR_MASK) > 1;
}

#endif
