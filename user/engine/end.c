// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a connection ends: by a FIN or a reset, unless it turns out that the reset ended nothing. */
#include "internal.h"

void nw_end_open(struct nw_engine *e, struct nw_conn *c)
{
	nw_list_del(e, NW_LIST_CLOSED, c->state->record);
	c->state->closed_ts = 0;
}

static void set_closed(struct nw_engine *e, struct nw_conn *c)
{
	if (c->state->closed_ts)
		return;
	c->state->closed_ts = e->now ? e->now : 1;
	nw_list_add(e, NW_LIST_CLOSED, c->state->record);
}

/* Not when its sender goes on, or this host's TCP, to which it came, did not take it. */
static bool stands(const struct nw_reset *r)
{
	return !(r->lives & 1 << r->by) && !(r->kernel & NW_KERNEL_NOT_ACCEPTED);
}

/* The first that stands; of several resets, the one that this host's TCP accepted. */
void nw_end_find(struct nw_engine *e, struct nw_conn *c)
{
	const struct nw_conn_state *s = c->state;
	unsigned int n = s->fins ? s->resets_before : c->n_resets;
	const struct nw_reset *r = NULL;
	bool closed = s->fins == 3;

	for (unsigned int i = 0; i < c->n_resets; i++) {
		const struct nw_reset *o = &c->resets[i];

		if (!stands(o))
			continue;
		closed = true;
		if (i < n && (!r || (o->kernel & NW_KERNEL_ACCEPTED &&
				     !(r->kernel & (NW_KERNEL_SENT | NW_KERNEL_ACCEPTED)))))
			r = o;
	}
	c->end = r ? (struct nw_end){ .ts = r->ts, .frame = r->frame, .by = r->by, .how = NW_END_RST } :
		     s->fin;
	if (closed)
		set_closed(e, c);
	else
		nw_end_open(e, c);
}

/*
 * Was the other end ever seen? It may only be about to answer who sends a request and its end at once; its
 * own end, which then comes, is of another view.
 */
static void see_alone(struct nw_conn *c, const struct nw_event *ev)
{
	c->state->alone = ev->ends.sender.ttl && !ev->ends.other.ttl;
}

/* What a reset says of its sender is concluded when it is settled. */
void nw_end_rst(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_reset *r = nw_reset_add(e, c, ev);

	see_alone(c, ev);
	if (!r)
		return;
	nw_end_find(e, c);
	nw_kernel_reset(e, c, r);
}

void nw_end_alive(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	if (nw_reset_alive(e, c, ev))
		nw_end_find(e, c);
}

void nw_end_fin(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_conn_state *s = c->state;

	nw_end_alive(e, c, ev);
	see_alone(c, ev);
	if ((s->fins | 1 << ev->dir) == 3)
		nw_join_finish(e, c);
	nw_reset_settle(e, c, UINT64_MAX);
	if (nw_ends_with_loss(c, ev))
		nw_conn_gap(c, ev->ts, NW_UNSEEN_GAP);
	if (!s->fins) {
		s->fin =
			(struct nw_end){ .ts = ev->ts, .frame = ev->frame, .by = ev->dir, .how = NW_END_FIN };
		s->resets_before = c->n_resets;
	}
	s->fins |= 1 << ev->dir;
	nw_end_find(e, c);
	nw_verdict_end(e, c, ev, ev->dir == NW_S2C ? NW_OUT_SERVER_FIN : NW_OUT_CLIENT_FIN);
	if (s->closed_ts)
		nw_settle_now(e, c);
}
