// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * When a connection's negotiation is over, and can be recorded as a whole: some time after it was validated,
 * so that its end is usually known, or at its end. All wait equally long, so that a queue will do.
 */
#include "internal.h"

static void unlink_conn(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_conn_state *s = c->state;

	*(s->settle_prev ? &s->settle_prev->state->settle_next : &e->settle_first) = s->settle_next;
	*(s->settle_next ? &s->settle_next->state->settle_prev : &e->settle_last) = s->settle_prev;
}

void nw_settle_begin(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_conn_state *s = c->state;

	if (s->settled != NW_UNSETTLED || !e->ops.settled)
		return;
	s->settled = NW_SETTLING;
	s->settle_due = e->now + e->cfg.answer_timeout;
	s->settle_prev = e->settle_last;
	s->settle_next = NULL;
	*(e->settle_last ? &e->settle_last->state->settle_next : &e->settle_first) = c;
	e->settle_last = c;
	/* What came too late for a closed connection's end */
	if (s->closed_ts)
		nw_settle_now(e, c);
}

void nw_settle_now(struct nw_engine *e, struct nw_conn *c)
{
	if (c->state->settled != NW_SETTLING)
		return;
	unlink_conn(e, c);
	c->state->settled = NW_SETTLED;
	e->ops.settled(e->arg, c);
}

uint64_t nw_settle_tick(struct nw_engine *e)
{
	while (e->settle_first && e->now >= e->settle_first->state->settle_due)
		nw_settle_now(e, e->settle_first);
	return e->settle_first ? e->settle_first->state->settle_due : 0;
}
