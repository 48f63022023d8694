/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tap: what happens to one packet, written once for the XDP and tc programs and for capture files.
 * Whoever includes this provides before:
 *   NW_LOAD(ctx, kind, off, dst, len)   copy bytes of the packet, 0 or < 0; 0 < len
 *   NW_LOAD_HEAD(ctx, kind, off, dst, len, whole)   the same where dst has room for `whole`, constant
 *   NW_LOAD_HEADERS(ctx, kind, dst, n)  the same of the first n bytes, where dst has NW_HDR_MAX
 *   NW_RESERVE(ctx, s, client, size), NW_SUBMIT(ctx, s, ev), NW_DISCARD(ctx, ev)   constant size; client:
 *                                       see nw_addr_group()
 *   NW_CALL(kind, fn, ctx, ...)         call one of nw_tell, nw_pass_head, nw_pass_all, nw_fill_message and
 *                                       nw_ends, or, which find s themselves, nw_handshake, nw_flow_begin
 *                                       and nw_payload: the verifier checks each once, alone
 *   NW_LOOP_WALK(ctx, kind, s, f), NW_LOOP_OPT(kind, opt_walk)   repeat the step until it returns 1
 *   nw_io_flow(ctx, key), nw_io_flow_new(ctx, key), nw_io_flow_del(ctx, key)
 *   nw_io_may_begin(ctx, client)        0: its share of new flows is used up
 *   nw_io_syn(ctx, key), nw_io_syn_put(ctx, key, value), nw_io_syn_del(ctx, key)
 *   nw_io_carry(ctx, key), nw_io_carry_put(ctx, key, value)
 *   nw_io_now(ctx, s), nw_io_place(s)   ns; a number for hook and interface
 *   nw_io_stamp(ctx, s, ev)             time, numbers, hook and interface of an event
 *   nw_io_count(ctx, counter), nw_io_lost(ctx), nw_io_is_port(ctx, be16)
 * `kind` is a constant that says which sort of ctx it is. Nothing here changes a packet.
 */
#ifndef NW_TAP_H
#define NW_TAP_H

#include "place.h"
#include "walk.h"

/* Which of two numbers belongs to the sender? The verifier wants no index into the stack. */
#define nw_of_sender(p, pair) ((p)->sender ? (pair)[1] : (pair)[0])
#define nw_of_other(p, pair) ((p)->sender ? (pair)[0] : (pair)[1])

/*
 * The rest of a wanted message, from a later segment: what is new, once; what comes out of order, as far as
 * raw_left goes, so that repeating a segment for ever costs no events.
 */
nw_inline void nw_pass_rest(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u32 from = s->seq, to = s->seq + s->len, next = d->pass_end - d->pass_left;

	if (nw_seq_diff(s->seq, d->pass_end) > 65536) {
		d->flags &= ~NW_DF_PASS;
		return;
	}
	if (nw_seq_diff(to, d->pass_end) > 0)
		to = d->pass_end;
	/* What lies behind next is passed with its own boundary. */
	if (d->flags & NW_DF_SYNCED && nw_seq_diff(to, d->next) > 0)
		to = d->next;
	if (nw_seq_diff(from, next) < 0)
		from = next;
	if (nw_seq_diff(to, from) <= 0)
		return;
	if (from == next)
		d->pass_left = d->pass_end - to;
	else if (d->raw_left < to - from)
		return;
	else
		d->raw_left -= to - from;
	nw_pass(ctx, kind, s, f, from, to, 0);
}

/*
 * Does this acknowledge bytes of the other side that were not seen here, and behind which nothing was? They
 * are lost, or come late: a VALIDATE among them is answered before it was asked.
 */
nw_inline int nw_is_unasked(const struct nw_scratch *s, const struct nw_flow *f)
{
	const struct nw_dir *o = &f->dir[!(s->dir & 1)];

	return s->pkt.tcp.flags & NW_TH_ACK && o->flags & NW_DF_SYNCED && !(o->flags & NW_DF_HOLE) &&
	       nw_seq_diff(s->pkt.tcp.ack, nw_dir_wants(o)) > 0;
}

/* The payload of a tracked flow. Returns the outcome. */
nw_inline int nw_payload(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u32 end = s->seq + s->len;
	__s32 gap;

	if (d->flags & NW_DF_PASS)
		nw_pass_rest(ctx, kind, s, f);
	if (!(d->flags & NW_DF_SYNCED)) {
		if (!nw_starts_message(ctx, kind, s))
			return NW_C_AHEAD;
		nw_io_count(ctx, NW_C_RESYNCS);
		nw_follow_from_here(s, f);
	}
	gap = nw_seq_diff(s->seq, nw_dir_wants(d));
	if (gap > 0) {
		if (!nw_ahead(ctx, kind, s, f))
			return NW_C_AHEAD;
	} else if (nw_seq_diff(end, nw_dir_wants(d)) <= 0) {
		return NW_C_BODY;
	}
	if (s->dir == NW_S2C && nw_is_unasked(s, f))
		f->suspect = NW_SUSPECT_MAX;
	NW_LOOP_WALK(ctx, kind, s, f);
	if (d->flags & NW_DF_SYNCED && nw_seq_diff(end, nw_dir_wants(d)) > 0)
		nw_give_up(ctx, kind, s, f, NW_GAP_LOST); /* more messages than are read of one packet */
	if (d->flags & NW_DF_HOLE)
		nw_hole_closed(ctx, kind, s, f);
	return NW_C_WALKED;
}

/* The other side acknowledged what is still missing here: it was there, and this tap never saw it. */
nw_inline void nw_acknowledged(struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *o = &f->dir[!(s->dir & 1)];

	if (o->flags & NW_DF_HOLE && s->pkt.tcp.flags & NW_TH_ACK &&
	    nw_seq_diff(s->pkt.tcp.ack, nw_dir_wants(o)) > 0)
		o->flags |= NW_DF_LOST;
}

/*
 * Was this RST told at another hook, 67 to 134 ms ago at most? On loopback, and where a bridge is watched
 * with its ports, a packet passes twice. At the same hook the like of it is another packet. The time to live
 * is left out: the host may route from one hook to the other.
 */
nw_inline int nw_rst_again(void *ctx, struct nw_scratch *s, struct nw_flow *f)
{
	const struct nw_tcp *t = &s->pkt.tcp;
	__u32 looks = t->seq * 0x9e3779b1u + t->ack * 0x85ebca6bu +
		      (((__u32)t->ip_id << 16 | t->window) ^ t->flags ^ (__u32)s->dir << 8) * 0xc2b2ae35u;
	__u8 when = nw_io_now(ctx, s) >> NW_LATE_BITS;
	__u32 place = nw_io_place(s) * 0x9e3779b1u >> 20;

	if (f->n_rst && f->rst_looks == looks && f->rst_place != place && (__u8)(when - f->rst_when) <= 1)
		return 1;
	f->rst_looks = looks;
	f->rst_place = place;
	f->rst_when = when;
	return 0;
}

/* A RST begins the watch for what shows that either end lives on. */
nw_inline void nw_watch(struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f), *o = &f->dir[!(s->dir & 1)];

	d->alive_from = nw_alive_from(&d->look, s->pkt.tcp.seq);
	o->alive_from = o->look.end;
	f->flags |= NW_FF_RST_C2S | NW_FF_RST_S2C;
	f->n_alive = 0;
}

/*
 * Does this show that its sender lives on after the last RST? 2, it does: it comes too late to have been
 * overtaken by the RST, or has new payload and acknowledges what the other end sent since. 1, it may: new
 * payload, or payload sent again. 0, it doesn't.
 */
nw_inline int nw_lives(void *ctx, struct nw_scratch *s, struct nw_flow *f)
{
	const struct nw_dir *d = nw_dir_of(s, f), *o = &f->dir[!(s->dir & 1)];
	const struct nw_tcp *t = &s->pkt.tcp;
	int late = (__u8)((nw_io_now(ctx, s) >> NW_LATE_BITS) - f->rst_when) > 1;
	int acks = t->flags & NW_TH_ACK;

	if (!s->len)
		return late && acks && nw_seq_diff(t->ack, d->look.ack) > 0 ? 2 : 0;
	if (late)
		return 2;
	if (nw_is_news(s->seq + s->len, d->alive_from))
		return acks && nw_is_news(t->ack, o->alive_from) ? 2 : 1;
	return nw_id_counts_on(d->look.ip_id, t->ip_id);
}

nw_inline void nw_ends(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u8 flags = s->pkt.tcp.flags;
	__u8 rst = s->dir ? NW_FF_RST_S2C : NW_FF_RST_C2S;
	__u32 type = 0;

	if (flags & NW_TH_RST) {
		if (f->n_rst >= NW_RST_MAX || nw_rst_again(ctx, s, f))
			return;
		f->n_rst++;
		nw_watch(s, f);
		type = NW_EV_RST;
	} else if (f->flags & rst) {
		int lives = nw_lives(ctx, s, f);
		__u32 end = s->seq + s->len;

		if (lives == 2)
			f->flags &= ~rst;
		else if (lives && f->n_alive < NW_ALIVE_MAX)
			f->n_alive++;
		else
			lives = 0;
		/* The same packet at another hook shows nothing more. */
		if (lives && s->len && nw_is_news(end, d->alive_from))
			d->alive_from = end;
		if (lives)
			NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_ALIVE, 0);
	}
	if (!type && flags & NW_TH_FIN && !(d->flags & NW_DF_FIN)) {
		d->flags |= NW_DF_FIN;
		type = NW_EV_FIN;
	}
	if (type)
		nw_tell(ctx, kind, s, f, type, 0);
}

/* SYN and SYN-ACK: where both directions begin, and whose options they carried. f may be NULL. */
nw_inline void nw_handshake(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	const struct nw_pkt *p = &s->pkt;
	__u32 who = p->sender & 1, n = nw_min(p->opt_len, 40);
	struct nw_syn fresh = {}, *syn = nw_io_syn(ctx, &p->key);
	int is_syn = !(p->tcp.flags & NW_TH_ACK);
	struct nw_dir *o;

	if (syn)
		fresh = *syn;
	if (is_syn && !(fresh.have && fresh.client == who && nw_of_sender(p, fresh.isn) == p->tcp.seq)) {
		__builtin_memset(&fresh, 0, sizeof(fresh));
		fresh.client = who;
	}
	if (!is_syn && !fresh.have)
		fresh.client = !who;
	if (!fresh.ts)
		fresh.ts = nw_io_now(ctx, s);
	if (who)
		fresh.isn[1] = p->tcp.seq;
	else
		fresh.isn[0] = p->tcp.seq;
	fresh.have |= 1 << who;
	if (nw_len_ok(&n, 40) && NW_LOAD(ctx, kind, p->opt_off, s->hb, n) == 0) {
		struct nw_opt_walk ow = { .opt = s->hb, .len = n };

		NW_LOOP_OPT(kind, &ow);
		fresh.opts |= ow.seen;
	}
	/* With TCP Fast Open the flow began before the answer. */
	if (f && !is_syn && f->flags & NW_FF_SYN && p->tcp.ack - 1 - f->isn <= NW_RAW_MAX) {
		o = &f->dir[(p->sender & 1) == f->client ? NW_C2S : NW_S2C];
		if (!(o->flags & NW_DF_SYNCED) && !o->look.ttl) {
			o->next = p->tcp.seq + 1;
			o->flags |= NW_DF_SYNCED;
		}
		return;
	}
	if (f && is_syn && f->flags & NW_FF_SYN && f->isn == p->tcp.seq)
		return; /* the SYN again */
	nw_io_syn_put(ctx, &p->key, &fresh);
	if (f && is_syn)
		f->flags |= NW_FF_NEW_SYN;
}

/*
 * The first payload of a connection that may be SMB: 1, a flow begins, or 0. Where the handshake was seen,
 * the sequence numbers of both directions are known; else the segment has to begin with a message.
 */
nw_inline int nw_flow_begin(void *ctx, const int kind, struct nw_scratch *s)
{
	struct nw_pkt *p = &s->pkt;
	__u32 who = p->sender & 1, n = nw_min(s->len, 12), client;
	struct nw_syn syn = {}, *known = nw_io_syn(ctx, &p->key);
	__u32 into = ~0u, ack;
	struct nw_flow *f;
	struct nw_dir *o;
	int first;

	if (known)
		syn = *known;
	/* How far into the stream? A blind forger does not know the other side's sequence number. */
	if (syn.have & (1 << who))
		into = s->seq - (nw_of_sender(p, syn.isn) + 1);
	ack = p->tcp.ack - (nw_of_other(p, syn.isn) + 1);
	if (syn.have == 3 && !(p->tcp.flags & NW_TH_SYN) && ack > NW_PICK_UP_MAX)
		return 0;
	if (syn.have & (1 << who) && into > NW_PICK_UP_MAX)
		return 0;
	first = into < NW_RAW_MAX; /* the segment before this one may only be late */
	if (!nw_len_ok(&n, 12))
		return 0;
	if (NW_LOAD(ctx, kind, p->pay_off, s->hb, n) < 0) {
		/* Cut by the capture: what can't be read may be SMB, and is told as not observed. */
		if (!first)
			return 0;
	} else if (first ? !into && !nw_may_be_start(s->hb, n) : !(n >= 12 && nw_looks_like_start(s->hb))) {
		return 0;
	}
	/* The server is who has the port; if both have one, who was called, else who did not speak first. */
	client = known ? syn.client & 1 : who;
	if (nw_io_is_port(ctx, p->key.port[0]) != nw_io_is_port(ctx, p->key.port[1]))
		client = nw_io_is_port(ctx, p->key.port[0]) ? 1 : 0;
	s->dir = who == client ? NW_C2S : NW_S2C;
	NW_FORGET();
	client = (p->sender ^ s->dir) & 1; /* as it was: read again, see NW_FORGET */
	f = 0;
	if (nw_io_may_begin(ctx, syn.have == 3 ? nw_addr_group(&p->key.addr[client]) : 0))
		f = nw_io_flow_new(ctx, &p->key);
	if (!f) {
		nw_io_count(ctx, NW_C_LOST_FLOWS);
		return 0;
	}
	f->client = client;
	f->syn_opts = syn.opts;
	f->start_ts = syn.ts ? syn.ts : nw_io_now(ctx, s);
	if (first) {
		f->flags |= NW_FF_SYN;
		f->isn = client ? syn.isn[1] : syn.isn[0];
		if (syn.have == 3) {
			o = &f->dir[!(s->dir & 1)];
			o->next = nw_of_other(p, syn.isn) + 1;
			o->flags = NW_DF_SYNCED;
		}
	}
	nw_follow_from_here(s, f);
	nw_io_syn_del(ctx, &p->key); /* a flow that is forgotten is to be picked up wherever it is then */
	if (first)
		nw_dir_of(s, f)->next -= into;
	else
		NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_FLOW, 0);
	return 1;
}

/*
 * A SYN came for a flow that is tracked. Does this packet belong to the connection that it opens? A
 * forged SYN must not hide the old one, so the sequence numbers decide.
 */
nw_inline int nw_is_of_new_syn(void *ctx, struct nw_scratch *s)
{
	const struct nw_pkt *p = &s->pkt;
	struct nw_syn *syn = nw_io_syn(ctx, &p->key);

	if (!syn)
		return 0;
	if (syn->have & (1 << (p->sender & 1)) && s->seq == nw_of_sender(p, syn->isn) + 1)
		return 1;
	/* Refused: RFC 9293 3.5.2, a RST of sequence number 0 that acknowledges the SYN. */
	return !s->len && !p->tcp.seq && p->tcp.ack == nw_of_other(p, syn->isn) + 1;
}

/* Before nw_segment(): a handshake. < 0, or the outcome of a packet that is nothing else. */
nw_inline int nw_opens(void *ctx, const int kind, struct nw_scratch *s)
{
	const struct nw_pkt *p = &s->pkt;

	s->len = p->tcp.pay_len;
	s->seq = p->tcp.seq;
	if (!(p->tcp.flags & NW_TH_SYN))
		return -1;
	NW_CALL(kind, nw_handshake, ctx, nw_io_flow(ctx, &p->key));
	s->seq++; /* TCP Fast Open: RFC 7413 */
	return s->len ? -1 : NW_C_SYN;
}

/* The flow that this segment belongs to, or begins; NULL: none, *out says why. Sets s->dir. */
nw_inline struct nw_flow *nw_flow_of(void *ctx, const int kind, struct nw_scratch *s, int *out)
{
	const struct nw_pkt *p = &s->pkt;
	struct nw_flow *f = nw_io_flow(ctx, &p->key);

	*out = NW_C_UNTRACKED;
	if (f) {
		s->dir = (p->sender & 1) == f->client ? NW_C2S : NW_S2C;
		if (f->flags & NW_FF_NEW_SYN && nw_is_of_new_syn(ctx, s)) {
			if (!s->len)
				return 0;
		} else if ((p->tcp.flags & NW_TH_RST && !p->fragment) || nw_is_in_place(s, f)) {
			return f;
		} else if (!nw_is_elsewhere(ctx, s, f)) {
			*out = NW_C_FAR;
			return 0;
		} else if (f->flags & NW_FF_FAR) {
			NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_GAP, NW_GAP_LOST);
		}
		nw_io_flow_del(ctx, &p->key);
	}
	/* Without ACK only a SYN is heeded (RFC 9293 3.10.7.4). */
	if (!s->len || !(p->tcp.flags & (NW_TH_SYN | NW_TH_ACK)))
		return 0;
	f = NW_CALL(kind, nw_flow_begin, ctx) ? nw_io_flow(ctx, &p->key) : 0;
	if (f)
		s->dir = (p->sender & 1) == f->client ? NW_C2S : NW_S2C;
	return f;
}

/* One TCP segment whose headers were read into s->pkt. Returns the packet's outcome. */
nw_inline int nw_segment(void *ctx, const int kind, struct nw_scratch *s)
{
	const struct nw_pkt *p = &s->pkt;
	struct nw_flow *f;
	int out;

	if (p->tcp.flags & NW_TH_RST)
		s->len = 0; /* RFC 9293 3.5.3 lets a reset carry text; it is no part of the stream */
	f = nw_flow_of(ctx, kind, s, &out);
	if (!f)
		return out;
	if (!(p->tcp.flags & NW_TH_RST))
		nw_acknowledged(s, f);
	if (p->fragment) {
		NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_GAP, NW_GAP_FRAGMENT);
		return NW_C_FRAGMENT;
	}
	out = s->len ? NW_CALL(kind, nw_payload, ctx, f) : NW_C_EMPTY;
	if (p->tcp.flags & (NW_TH_FIN | NW_TH_RST) || f->flags & (NW_FF_RST_C2S | NW_FF_RST_S2C))
		NW_CALL(kind, nw_ends, ctx, s, f);
	/* What acknowledges nothing, a SYN with data (TCP Fast Open), does not show where both are. */
	if ((p->tcp.flags & (NW_TH_RST | NW_TH_ACK)) == NW_TH_ACK) {
		__u32 used = s->len + !!(p->tcp.flags & NW_TH_FIN);

		nw_look_at(p, &nw_dir_of(s, f)->look, s->seq + used, used > 0);
	}
	return out;
}

#endif
