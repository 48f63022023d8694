// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * This host's own word on resets (bpf/resets.bpf.c), matched to the resets on the wire. A reset that answers
 * a packet is told before it leaves, one that the host sends of its own accord after; one that came is told
 * when TCP has taken it. The packet may also never be seen. So a word is kept a moment for its reset, as a
 * reset is held for its word (reset.c).
 *
 * Silence means something only where a word would have come: the end concerned is a socket of this host (an
 * address alone is not enough, think of NAT into a container), the kernel tells of all its resets, and no
 * event was lost.
 */
#include "internal.h"

/* How long a word may come before or after its reset; a reset that TCP puts by because the socket is in use
 * is looked at within milliseconds. */
#define MOMENT (500 * NW_NS_PER_MS)
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

static void hear(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r, const struct nw_word *w)
{
	bool sent = w->type == NW_EV_RST_SENT;

	r->silence &= sent ? ~NW_KERNEL_NOT_SENT : ~NW_KERNEL_NOT_ACCEPTED;
	if (sent && w->reason && e->cfg.reset_reason)
		r->reason = e->cfg.reset_reason(e->arg, w->reason);
	nw_reset_word(e, c, r, sent ? NW_KERNEL_SENT : NW_KERNEL_ACCEPTED);
}

/* The newest word of that type for this reset that waits, one with its sequence number before others. */
static struct nw_word *waiting(struct nw_kernel_state *k, const struct nw_reset *r, uint8_t type)
{
	struct nw_word *best = NULL;

	for (unsigned int i = 0; i < sizeof(k->word) / sizeof(*k->word); i++) {
		struct nw_word *w = &k->word[i];

		if (!w->ts || w->type != type || w->by != r->by || !within(w->ts, r->ts))
			continue;
		if (!best || (w->seq == r->seq) > (best->seq == r->seq) ||
		    ((w->seq == r->seq) == (best->seq == r->seq) && w->ts > best->ts))
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

void nw_kernel_reset(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r)
{
	struct nw_kernel_state *k = &c->state->kernel;

	if (!e->kernel_speaks)
		return;
	if (k->words[r->by] < NW_RST_MAX) {
		if (e->kernel_complete && k->sockets & 1 << r->by)
			r->silence |= NW_KERNEL_NOT_SENT;
		if (k->sockets & 1 << !r->by && would_accept(c, r->by))
			r->silence |= NW_KERNEL_NOT_ACCEPTED;
	}
	if (r->silence && r->due < e->now + MOMENT)
		r->due = e->now + MOMENT;
	for (uint8_t type = NW_EV_RST_SENT; type <= NW_EV_RST_ACCEPTED; type++) {
		struct nw_word *w = waiting(k, r, type);

		if (!w)
			continue;
		hear(e, c, r, w);
		w->ts = 0;
	}
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
		bool same = r->seq == ev->tcp.seq;

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

uint8_t nw_kernel_silence(const struct nw_engine *e, const struct nw_reset *r)
{
	/* The word may be among what was lost. */
	return e->lost_ts && e->lost_ts + NW_NEAR >= r->ts ? 0 : r->silence;
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
