// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * When a connection's negotiation is over, and can be recorded as a whole: some time after it was validated,
 * so that its end is usually known, or at its end. All wait equally long, so that a queue will do.
 */
#include "internal.h"

void nw_settle_begin(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_conn_state *s = c->state;

	if (s->settled != NW_UNSETTLED || !e->ops.settled)
		return;
	s->settled = NW_SETTLING;
	s->settle_due = e->now + e->cfg.answer_timeout;
	nw_list_add(e, NW_LIST_SETTLING, s->record);
	/* What came too late for a closed connection's end, which is no end yet while a reset is held */
	if (s->closed_ts && !nw_reset_due(c))
		nw_settle_now(e, c);
}

void nw_settle_now(struct nw_engine *e, struct nw_conn *c)
{
	if (c->state->settled != NW_SETTLING)
		return;
	nw_list_del(e, NW_LIST_SETTLING, c->state->record);
	c->state->settled = NW_SETTLED;
	e->ops.settled(e->arg, c);
}

uint64_t nw_settle_tick(struct nw_engine *e)
{
	struct nw_record *r;
	struct nw_conn *c;

	while ((r = nw_list_first(e, NW_LIST_SETTLING))) {
		c = nw_record_wake(e, r);
		if (!c)
			return e->now + NW_AGAIN;
		if (e->now < c->state->settle_due)
			return c->state->settle_due;
		nw_settle_now(e, c);
	}
	return 0;
}
