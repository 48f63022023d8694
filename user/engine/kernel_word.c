// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * This host's own word on resets (bpf/resets.bpf.c), matched to the resets on the wire. A reset that answers
 * a packet is told before it leaves, one that the host sends of its own accord after; one that came is told
 * when TCP has taken it. The packet may also never be seen. So a verdict on an end waits a moment for the
 * word.
 *
 * Silence means something only where a word would have come: the end concerned is a socket of this host (an
 * address alone is not enough, think of NAT into a container), the kernel tells of all its resets, and no
 * event was lost.
 */
#include "internal.h"

/* How long a word may come before or after its reset; a reset that TCP puts by because the socket is in use
 * is looked at within milliseconds. */
#define MOMENT (500 * NW_NS_PER_MS)
#define NEAR (10 * NW_NS_PER_S)

bool nw_is_word(uint8_t type)
{
	return type == NW_EV_RST_SENT || type == NW_EV_RST_ACCEPTED;
}

const char *nw_kernel_name(uint8_t kernel)
{
	return kernel & NW_KERNEL_SENT	       ? "sent" :
	       kernel & NW_KERNEL_NOT_SENT     ? "not-sent" :
	       kernel & NW_KERNEL_ACCEPTED     ? "accepted" :
	       kernel & NW_KERNEL_NOT_ACCEPTED ? "not-accepted" :
						 NULL;
}

void nw_kernel_begin(struct nw_engine *e, struct nw_conn *c)
{
	if (!e->kernel_speaks || !e->cfg.is_socket)
		return;
	for (unsigned int dir = NW_C2S; dir <= NW_S2C; dir++) {
		unsigned int end = dir == NW_C2S ? c->client : !c->client;

		if ((!e->cfg.is_own || e->cfg.is_own(e->arg, &c->key.addr[end])) &&
		    e->cfg.is_socket(e->arg, &c->key, end))
			c->state->kernel.sockets |= 1 << dir;
	}
}

static bool within(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) < MOMENT;
}

/* Of several resets, the one that the host took is the end. */
static void ended_by(struct nw_conn *c, const struct nw_reset *r)
{
	const struct nw_reset *was =
		c->end.how == NW_END_RST ? nw_conn_reset_at(c, c->end.ts, c->end.frame) : NULL;

	if (was && !(was->kernel & (NW_KERNEL_SENT | NW_KERNEL_ACCEPTED)))
		c->end = (struct nw_end){ .ts = r->ts, .frame = r->frame, .by = r->by, .how = NW_END_RST };
}

static void hear(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r, const struct nw_word *w)
{
	struct nw_kernel_state *k = &c->state->kernel;
	struct nw_awaited *a = &k->awaited[r - c->resets];
	uint8_t word = w->type == NW_EV_RST_SENT ? NW_KERNEL_SENT : NW_KERNEL_ACCEPTED;

	if (word == NW_KERNEL_ACCEPTED)
		ended_by(c, r);
	r->kernel |= word;
	a->missed &= ~word;
	if (!a->missed)
		a->due = 0;
	if (word == NW_KERNEL_SENT && w->reason && e->cfg.reset_reason)
		r->reason = e->cfg.reset_reason(e->arg, w->reason);
	nw_kernel_grade(c);
	if (k->held_ts && k->held_ts == r->ts && k->held_by == r->by)
		nw_kernel_conclude(e, c);
}

/* The newest word of that type for this reset that waits, one with its sequence number before others. */
static struct nw_word *waiting(struct nw_kernel_state *k, const struct nw_event *ev, uint8_t type)
{
	struct nw_word *best = NULL;

	for (unsigned int i = 0; i < sizeof(k->word) / sizeof(*k->word); i++) {
		struct nw_word *w = &k->word[i];

		if (!w->ts || w->type != type || w->by != ev->dir || !within(w->ts, ev->ts))
			continue;
		if (!best || (w->seq == ev->tcp.seq) > (best->seq == ev->tcp.seq) ||
		    ((w->seq == ev->tcp.seq) == (best->seq == ev->tcp.seq) && w->ts > best->ts))
			best = w;
	}
	return best;
}

/* Would this host's TCP take a reset from that side? Not when its end of the connection is closed, or may be.
 */
static bool would_accept(const struct nw_conn *c, uint8_t by)
{
	if (c->state->fins & 1 << !by || c->unseen & NW_UNSEEN_GAP)
		return false;
	for (unsigned int i = 0; i + 1 < c->n_resets; i++)
		if (c->resets[i].kernel & NW_KERNEL_ACCEPTED ||
		    (c->resets[i].by != by && c->resets[i].forged != NW_FORGED_CERTAIN))
			return false;
	return true;
}

bool nw_kernel_reset(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev, uint8_t outcome)
{
	struct nw_kernel_state *k = &c->state->kernel;
	struct nw_reset *r = &c->resets[c->n_resets - 1];
	struct nw_awaited *a = &k->awaited[c->n_resets - 1];
	bool sender = k->sockets & 1 << ev->dir, receiver = k->sockets & 1 << !ev->dir;

	if (!e->kernel_speaks)
		return false;
	*a = (struct nw_awaited){ .seq = ev->tcp.seq };
	if (sender && e->kernel_complete && k->words[ev->dir] < NW_RST_MAX)
		a->missed |= NW_KERNEL_SENT;
	if (receiver && would_accept(c, ev->dir) && k->words[ev->dir] < NW_RST_MAX)
		a->missed |= NW_KERNEL_ACCEPTED;
	if (a->missed)
		a->due = e->now + MOMENT;
	for (uint8_t type = NW_EV_RST_SENT; type <= NW_EV_RST_ACCEPTED; type++) {
		struct nw_word *w = waiting(k, ev, type);

		if (!w)
			continue;
		hear(e, c, r, w);
		w->ts = 0;
	}
	if (r->kernel || !(sender || a->missed))
		return false;
	k->held_ts = ev->ts;
	k->held_frame = ev->frame;
	k->held_due = e->now + MOMENT;
	k->held_outcome = outcome;
	k->held_by = ev->dir;
	return k->held_ts;
}

void nw_kernel_word(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_kernel_state *k = &c->state->kernel;
	uint8_t word = ev->type == NW_EV_RST_SENT ? NW_KERNEL_SENT : NW_KERNEL_ACCEPTED;
	struct nw_word w = { ev->ts ? ev->ts : 1, ev->tcp.seq, ev->reason, ev->type, ev->dir };
	struct nw_reset *best = NULL;
	bool exact = false;

	if (k->words[ev->dir] < UINT8_MAX)
		k->words[ev->dir]++;
	for (unsigned int i = 0; i < c->n_resets; i++) {
		struct nw_reset *r = &c->resets[i];
		bool same = k->awaited[i].seq == ev->tcp.seq;

		if (r->by != ev->dir || r->kernel & word || !within(r->ts, ev->ts) || (exact && !same))
			continue;
		best = r;
		exact = same;
	}
	if (best) {
		hear(e, c, best, &w);
		return;
	}
	k->word[k->next] = w;
	k->next = (k->next + 1) % (sizeof(k->word) / sizeof(*k->word));
}

/* What silence means. Returns whether the end of the connection was none. */
static bool missed(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r, uint8_t words)
{
	/* The word may be among what was lost. */
	if (e->lost_ts && e->lost_ts + NEAR >= r->ts)
		return false;
	if (words & NW_KERNEL_SENT)
		r->kernel |= NW_KERNEL_NOT_SENT;
	if (words & NW_KERNEL_ACCEPTED)
		r->kernel |= NW_KERNEL_NOT_ACCEPTED;
	return words & NW_KERNEL_ACCEPTED && c->end.how == NW_END_RST && c->end.ts == r->ts;
}

bool nw_kernel_tick(struct nw_engine *e, struct nw_conn *c, uint64_t now)
{
	struct nw_kernel_state *k = &c->state->kernel;
	bool no_end = false;

	for (unsigned int i = 0; i < c->n_resets; i++) {
		struct nw_awaited *a = &k->awaited[i];

		if (!a->due || now < a->due)
			continue;
		no_end |= missed(e, c, &c->resets[i], a->missed);
		a->due = 0;
	}
	nw_kernel_grade(c);
	if (!no_end && k->held_ts && now >= k->held_due)
		nw_kernel_conclude(e, c);
	return no_end;
}

uint64_t nw_kernel_due(const struct nw_conn *c)
{
	const struct nw_kernel_state *k = &c->state->kernel;
	uint64_t first = k->held_ts ? k->held_due : 0;

	for (unsigned int i = 0; i < c->n_resets; i++)
		if (k->awaited[i].due && (!first || k->awaited[i].due < first))
			first = k->awaited[i].due;
	return first;
}

void nw_kernel_conclude(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_kernel_state *k = &c->state->kernel;
	const struct nw_event ev = {
		.type = NW_EV_RST, .ts = k->held_ts, .frame = k->held_frame, .dir = k->held_by
	};

	if (!k->held_ts)
		return;
	k->held_ts = 0;
	nw_verdict_end(e, c, &ev, k->held_outcome);
}

void nw_kernel_drop(struct nw_conn *c, uint8_t by)
{
	if (c->state->kernel.held_by == by)
		c->state->kernel.held_ts = 0;
}

/* The kernel knows: what it sent is not forged, whatever it looks like, and what it did not send is. */
void nw_kernel_grade(struct nw_conn *c)
{
	for (unsigned int i = 0; i < c->n_resets; i++) {
		struct nw_reset *r = &c->resets[i];

		if (r->kernel & NW_KERNEL_SENT)
			r->forged = NW_FORGED_NO;
		if (r->kernel & NW_KERNEL_NOT_SENT) {
			r->signs |= NW_SIGN_NOT_SENT;
			r->forged = NW_FORGED_CERTAIN;
		}
	}
}

void nw_kernel_text(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f)
{
	const struct nw_reset *r = nw_conn_reset_at(c, f->ts, f->frame);

	if (!r || (f->outcome != NW_OUT_SERVER_RST && f->outcome != NW_OUT_CLIENT_RST))
		return;
	if (r->kernel & NW_KERNEL_SENT)
		nw_text_add(s, "; this host's kernel sent the reset%s%s", r->reason ? ": " : "",
			    r->reason ? r->reason : "");
	if (r->kernel & NW_KERNEL_NOT_SENT)
		nw_text_add(s, "; this host's TCP did not send the reset, look for a firewall or intrusion "
			       "prevention that did");
	if (r->kernel & NW_KERNEL_ACCEPTED)
		nw_text_add(s, "; this host's TCP accepted the reset");
	if (r->kernel & NW_KERNEL_NOT_ACCEPTED)
		nw_text_add(s, "; this host's TCP did not accept the reset");
}
