// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reset forensics: is a RST its supposed sender's own? It is held against what the sender's other packets
 * looked like, against both ends' sequence numbers, and for a moment against what both ends do next. A RST
 * is believed, doubted or disproved only when that moment is over, so that nobody is blamed for a forgery.
 *
 * Genuine resets come in two forms: an abort looks like any other segment of its sender (Linux: RST/ACK, its
 * window, its count of IP ids); the answer to a segment for a socket that is gone (RFC 9293 3.5.2) has its
 * sequence number from that segment's acknowledgement, window 0, and an IP id of 0 or of another count. A
 * path may change at any time, and the TTL with it. So no sign of looks proves a forgery, however many agree;
 * what a dead endpoint can't do, does.
 */
#include <stdlib.h>

#include "internal.h"
#include "../../bpf/wire/l4.h"

#define SIGNS_WEAK                                                                                           \
	(NW_SIGN_WINDOW | NW_SIGN_IP_ID | NW_SIGN_SEQUENCE | NW_SIGN_ACKNOWLEDGEMENT | NW_SIGN_OPTIONS)

/* IP ids further apart than this were not counted by one host between two packets of a flow. */
#define IP_ID_FAR 4096

static uint8_t grade(const struct nw_reset *r)
{
	unsigned int weak = (unsigned int)__builtin_popcount(r->signs & SIGNS_WEAK);

	/* The kernel knows: what it sent is not forged, whatever it looks like, and what it did not send is.
	 */
	if (r->kernel & NW_KERNEL_SENT)
		return NW_FORGED_NO;
	if (r->kernel & NW_KERNEL_NOT_SENT || r->proven)
		return NW_FORGED_CERTAIN;
	/* Too late to be an old packet on a slower path, and too unlike: a copy of an old one may be late. */
	if (r->late && r->signs & (NW_SIGN_TTL | SIGNS_WEAK))
		return NW_FORGED_CERTAIN;
	return r->signs & (NW_SIGN_TTL | NW_SIGN_TALKS_ON) || weak > 1 ? NW_FORGED_LIKELY : NW_FORGED_NO;
}

static bool ip_id_is_odd(const struct nw_look *l, uint16_t id)
{
	uint16_t ahead = id - l->ip_id;

	if (!id || l->traits & NW_LOOK_ID_FAR)
		return false; /* the kernel's form of a reset; a host that draws its ids at random */
	if (l->traits & NW_LOOK_ID_NEXT)
		return ahead > IP_ID_FAR && (uint16_t)-ahead > IP_ID_FAR;
	return l->traits == NW_LOOK_ID_ZERO || l->traits == (NW_LOOK_ID_ZERO | NW_LOOK_OPTIONS);
}

/* An abort has about the window of the packets before, a reset out of the blue has none. */
static bool window_is_odd(const struct nw_look *l, const struct nw_tcp *t)
{
	if (!t->window || t->window == l->window)
		return false;
	return !(t->flags & NW_TH_ACK) || t->window > 2 * l->window + 64 || l->window > 2 * t->window + 64;
}

bool nw_ends_with_loss(const struct nw_conn *c, const struct nw_event *ev)
{
	const struct nw_look *l = &ev->ends.sender, *o = &ev->ends.other;
	unsigned int i;

	/* The tap waits for bytes, and so does the joiner. */
	for (i = 0; i < 2; i++)
		if (ev->ends.holes & 1u << i && c->state->join[i].furthest)
			return true;
	return (l->ttl && nw_is_news(ev->tcp.seq, l->end)) ||
	       (o->ttl && ev->tcp.flags & NW_TH_ACK && nw_is_news(ev->tcp.ack, o->end));
}

static uint16_t signs_of(const struct nw_conn *c, const struct nw_event *ev)
{
	const struct nw_look *l = &ev->ends.sender, *o = &ev->ends.other;
	const struct nw_tcp *t = &ev->tcp;
	/*
	 * Behind its own FIN, the answer to what was sent before that arrived: the acknowledgement there is
	 * of all but the FIN, and the IP ids of such answers may be counted apart (measured: a public capture
	 * of smbd).
	 */
	bool gone = c->state->fins & 1u << ev->dir && !(t->flags & NW_TH_ACK) && !t->window;
	uint16_t signs = 0;

	if (!l->ttl)
		return 0; /* nothing is known of the sender */
	if (t->ttl != l->ttl && t->ttl != l->ttl_before)
		signs |= NW_SIGN_TTL;
	if (t->ip_version == 4 && !gone && ip_id_is_odd(l, t->ip_id))
		signs |= NW_SIGN_IP_ID;
	if (window_is_odd(l, t))
		signs |= NW_SIGN_WINDOW;
	if (ev->ends.options && !(l->traits & NW_LOOK_OPTIONS))
		signs |= NW_SIGN_OPTIONS;
	/* The next of its own, or the one that the other end's last segment asked for */
	if (t->seq != l->end && o->ttl && t->seq != o->ack && !(gone && t->seq == l->end - 1))
		signs |= NW_SIGN_SEQUENCE;
	/* Nobody acknowledges what was not sent, nor takes an acknowledgement back. */
	if (t->flags & NW_TH_ACK && o->ttl &&
	    (nw_seq_diff(t->ack, o->end) > 0 || nw_seq_diff(t->ack, l->ack) < 0))
		signs |= NW_SIGN_ACKNOWLEDGEMENT;
	return signs;
}

struct nw_reset *nw_reset_add(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	const struct nw_ends *look = &ev->ends;
	struct nw_reset *r;
	unsigned int i;

	if (!c->resets)
		c->resets = calloc(NW_RESETS_MAX, sizeof(*c->resets));
	e->stats.starved += !c->resets;
	if (!c->resets || c->n_resets >= NW_RESETS_MAX)
		return NULL;
	r = &c->resets[c->n_resets++];
	*r = (struct nw_reset){
		.ts = ev->ts,
		.frame = ev->frame,
		.seq = ev->tcp.seq,
		.by = ev->dir,
		.ttl = ev->tcp.ttl,
		.usual_ttl = look->sender.ttl,
		.due = e->now + e->cfg.outcome_wait,
		.signs = signs_of(c, ev),
		.loss = nw_ends_with_loss(c, ev),
	};
	r->beyond[ev->dir] = nw_alive_from(&look->sender, ev->tcp.seq);
	r->beyond[!ev->dir] = look->other.end;
	r->ip_id[ev->dir] = look->sender.ip_id;
	r->ip_id[!ev->dir] = look->other.ip_id;
	r->forged = grade(r);
	/* A reset with the sender's own looks, behind one without them */
	for (i = 0; i + 1 < c->n_resets; i++) {
		struct nw_reset *o = &c->resets[i];

		if (o->by == r->by && o->signs & NW_SIGN_TTL && !r->signs)
			o->signs |= NW_SIGN_SECOND_RST;
	}
	return r;
}

/*
 * A reset that answers a segment may overtake what its sender had just sent: then the sequence number shows
 * new payload, though the endpoint is dead. Time tells, or an acknowledgement of what the other end sent
 * since.
 */
static void goes_on(struct nw_reset *r, const struct nw_event *ev, bool news, bool late)
{
	const struct nw_tcp *t = &ev->tcp;

	r->signs |= NW_SIGN_TALKS_ON;
	r->late |= late;
	r->proven |= news && (late || (t->flags & NW_TH_ACK && nw_is_news(t->ack, r->beyond[!ev->dir])));
	if (t->ttl == r->ttl)
		r->signs &= ~NW_SIGN_TTL; /* the path has changed, and the reset came on the new one */
	r->forged = grade(r);
}

bool nw_reset_alive(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	bool fin = ev->tcp.flags & NW_TH_FIN, disproved = false;
	uint32_t end = ev->tcp.seq + ev->tcp.pay_len + fin;
	unsigned int i;

	for (i = 0; i < c->n_resets; i++) {
		struct nw_reset *r = &c->resets[i];
		/* A FIN alone is just what a genuine reset overtakes. */
		bool news = (ev->tcp.pay_len || (fin && r->forged)) && nw_is_news(end, r->beyond[ev->dir]);
		bool again = ev->tcp.pay_len && nw_id_counts_on(r->ip_id[ev->dir], ev->tcp.ip_id);
		bool late = ev->ts > r->ts && (ev->ts - r->ts) >> NW_LATE_BITS;

		if (!news && !again && !late)
			continue;
		r->lives |= 1 << ev->dir;
		if (r->by != ev->dir)
			continue;
		disproved = true;
		goes_on(r, ev, news, late);
		if (r->settled)
			nw_verdict_reset(e, c, r);
	}
	return disproved;
}

/* It was held for long enough, or nothing more needs to be known. */
static void conclude(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r)
{
	struct nw_event ev = { .type = NW_EV_RST, .ts = r->ts, .frame = r->frame, .dir = r->by };

	r->settled = true;
	if (r->kernel & NW_KERNEL_NOT_ACCEPTED && r->forged == NW_FORGED_NO)
		return; /* it ended nothing */
	/* What makes it odd may be just that its sender's last packets were not seen. */
	if (r->loss && r->forged != NW_FORGED_CERTAIN)
		nw_conn_gap(c, r->ts, NW_UNSEEN_GAP);
	if (r->forged != NW_FORGED_NO) {
		nw_verdict_reset(e, c, r);
		return;
	}
	nw_verdict_end(e, c, &ev, r->by == NW_S2C ? NW_OUT_SERVER_RST : NW_OUT_CLIENT_RST);
	if (c->state->closed_ts)
		nw_settle_now(e, c);
}

void nw_reset_word(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r, uint8_t word)
{
	r->kernel |= word;
	if (word & NW_KERNEL_NOT_SENT)
		r->signs |= NW_SIGN_NOT_SENT;
	if (word & NW_KERNEL_NOT_ACCEPTED)
		r->lives |= 1 << !r->by;
	r->forged = grade(r);
	nw_end_find(e, c);
	/* That it was accepted does not say who sent it: what both ends do next still counts. */
	if (r->settled)
		nw_verdict_reset(e, c, r);
	else if (word & NW_KERNEL_SENT)
		conclude(e, c, r);
}

void nw_reset_settle(struct nw_engine *e, struct nw_conn *c, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < c->n_resets; i++) {
		struct nw_reset *r = &c->resets[i];

		if (r->due && e->now >= r->due) {
			r->due = 0;
			nw_reset_word(e, c, r, nw_kernel_silence(e, r));
		}
		if (!r->settled && (!r->due || now == UINT64_MAX))
			conclude(e, c, r);
	}
}

uint64_t nw_reset_due(const struct nw_conn *c)
{
	uint64_t first = 0;
	unsigned int i;

	for (i = 0; i < c->n_resets; i++)
		if (c->resets[i].due && (!first || c->resets[i].due < first))
			first = c->resets[i].due;
	return first;
}

bool nw_reset_doubted(const struct nw_conn *c)
{
	unsigned int i;

	for (i = 0; i < c->n_resets; i++)
		if (c->resets[i].forged != NW_FORGED_NO)
			return true;
	return false;
}

bool nw_reset_survived(const struct nw_reset *r)
{
	return r->lives == (1 << NW_C2S | 1 << NW_S2C);
}
