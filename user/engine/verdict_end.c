// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The verdict on how a connection ended: a server that leaves unanswered (104), a client that leaves before
 * it used what it asked for (105, 108), a reset that its supposed sender did not send (107).
 *
 * Who leaves in order is told apart by what was measured (smbclient and smbd 4.17 over veth; cifs.ko 6.12):
 *   done, denied a share, no such share   TREE_DISCONNECT, then FIN (smbclient), LOGOFF and FIN (cifs.ko)
 *   VALIDATE response altered             FIN 0.26-3.7 ms behind it (smbclient), LOGOFF at 1 ms (cifs.ko)
 *   3.1.1, NEGOTIATE altered              FIN 0.2-9 ms behind the final SESSION_SETUP (smbclient), or every
 *                                         TREE_CONNECT gets ACCESS_DENIED, twice, IPC$ too (cifs.ko)
 *   stopped by Ctrl-C at its prompt       FIN, whenever that is: within abort_window like an altered response
 */
#include "verdict.h"

/* Signed refusals from which on TREE_CONNECT is refused for its signature, not for the share. */
#define REFUSED_MIN 2

/* How somebody left. */
struct left {
	struct nw_where at;
	uint64_t session_id; /* LOGOFF */
	uint8_t outcome;     /* enum nw_outcome_id */
	bool doubted;	     /* a forged reset is about: what follows it is its doing, and nobody's will */
};

/* Is there an earlier one in the same name that was told so sure? */
static bool told_as_sure(const struct nw_conn *c, const struct nw_reset *r)
{
	unsigned int i;

	for (i = 0; i < c->n_resets; i++)
		if (c->resets[i].by == r->by && c->resets[i].told >= r->forged)
			return true;
	return false;
}

void nw_verdict_reset(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r)
{
	struct nw_finding f;

	if (r->forged == NW_FORGED_NO || told_as_sure(c, r))
		return;
	f = nw_finding_at(107, c, c->n_validate ? &c->validate[c->n_validate - 1] : NULL,
			  (struct nw_where){ r->ts, r->frame });
	f.outcome = r->by == NW_S2C ? NW_OUT_SERVER_RST : NW_OUT_CLIENT_RST;
	r->told = r->forged;
	nw_tell(e, c, f);
}

/* Is there a reason for a server to drop the connection that is not a visible difference? */
static bool may_abort(const struct nw_conn *c, const struct nw_exchange *x)
{
	return x->request_compared || c->dialect == 0x0311 || x->request.max_output < 24;
}

/* Did it happen before somebody left? Without times there is the order of events alone. */
static bool before(uint64_t ts, struct nw_where at)
{
	return !at.ts || ts <= at.ts;
}

/* A capture's packets come in order, while the clocks of its interfaces may differ by a little. */
static bool came_before(const struct nw_params *p, struct nw_where at)
{
	return p->frame && at.frame ? p->frame <= at.frame : before(p->ts, at);
}

static bool within(uint64_t from, uint64_t to, uint64_t window)
{
	return to <= from || to - from <= window;
}

void nw_verdict_session(struct nw_conn *c, const struct nw_event *ev)
{
	/* Once a tree was connected, NEGOTIATE has been proven: a later session says nothing about it. */
	if (c->dialect == 0x0311 && !c->tree_connected)
		c->state->unused_session = ev->ts ? ev->ts : 1;
}

void nw_verdict_tree(struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_conn_state *s = c->state;

	s->unused_session = 0;
	if (ev->smb.status == NW_STATUS_SUCCESS)
		c->tree_connected = true;
	if (ev->smb.status != NW_STATUS_ACCESS_DENIED) {
		s->refused = 0;
		return;
	}
	if (s->refused < REFUSED_MIN)
		s->refused++;
	s->refused_ts = ev->ts ? ev->ts : 1;
}

/*
 * 108. On 3.1.1 the keys depend on every byte of NEGOTIATE: if the two ends saw different ones, the signature
 * of the final SESSION_SETUP response is wrong for the client, and that of every TREE_CONNECT for the server.
 * A user without permission gets the same ACCESS_DENIED, but for the share and not for IPC$.
 */
static void client_left_311(struct nw_engine *e, struct nw_conn *c, const struct left *l)
{
	struct nw_conn_state *s = c->state;
	bool refused =
		s->refused >= REFUSED_MIN && c->dialect == 0x0311 && c->authenticated && !c->tree_connected;
	uint64_t from = refused ? s->refused_ts : s->unused_session;
	struct nw_finding f;
	enum nw_vantage v = nw_conn_vantage(e, c);

	/* A reset alone is concluded later than it came. */
	if (!from || (l->outcome == NW_OUT_CLIENT_RST && !before(from, l->at)))
		return;
	s->unused_session = 0;
	if (refused)
		s->refused = 0;
	/* A LOGOFF without more is a login that was tried; nobody logs off a session that did not come about.
	 */
	if (l->doubted || c->unseen || (l->outcome == NW_OUT_LOGOFF && !refused) ||
	    !within(from, l->at.ts, e->cfg.abort_window))
		return;
	f = nw_finding_at(108, c, NULL, l->at);
	f.outcome = l->outcome;
	f.refused = refused;
	/* Either message may be the altered one: only at an end of the path there is but one leg for both. */
	f.leg = v == NW_VANTAGE_SERVER ? NW_LEG_CLIENT_HERE :
		v == NW_VANTAGE_CLIENT ? NW_LEG_HERE_SERVER :
					 NW_LEG_NONE;
	f.delay_ns = l->at.ts > from ? l->at.ts - from : 0;
	nw_tell(e, c, f);
}

/* 105 */
static void client_left(struct nw_engine *e, struct nw_conn *c, const struct left *l)
{
	struct nw_conn_state *s = c->state;
	struct nw_exchange *x = &c->validate[s->unused_validate];
	struct nw_finding f;

	if (l->outcome == NW_OUT_LOGOFF && l->session_id != x->response.session_id)
		return; /* another session of the same connection */
	if (!came_before(&x->response, l->at))
		return; /* a reset that the answer crossed */
	s->unused_validate = -1;
	if (l->doubted)
		return;
	if (!within(x->response.ts, l->at.ts, e->cfg.abort_window))
		return; /* long idle, and then stopped: no reaction to the answer */
	f = nw_finding_at(105, c, x, l->at);
	f.outcome = l->outcome;
	f.delay_ns = l->at.ts > x->response.ts ? l->at.ts - x->response.ts : 0;
	f.leg = NW_LEG_CLIENT_HERE;
	nw_tell(e, c, f);
}

void nw_verdict_end(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev, uint8_t outcome)
{
	const struct left l = { .at = { ev->ts, ev->frame },
				.session_id = ev->smb.session_id,
				.outcome = outcome,
				.doubted = nw_reset_doubted(c) };
	bool by_server = outcome == NW_OUT_SERVER_FIN || outcome == NW_OUT_SERVER_RST;
	bool client_first = c->end.how && c->end.by == NW_C2S;
	struct nw_conn_state *s = c->state;
	struct nw_exchange *x;
	struct nw_finding f;
	unsigned int i;

	nw_conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++) {
		x = &c->validate[i];
		if (x->concluded || !x->request.ts || !came_before(&x->request, l.at))
			continue;
		nw_conclude_request(e, c, x, outcome, l.at);
		if (x->concluded || !by_server || client_first || l.doubted || !may_abort(c, x))
			continue;
		x->concluded = true;
		f = nw_finding_at(104, c, x, l.at);
		f.outcome = outcome;
		f.leg = x->contradicts ? NW_LEG_NONE : NW_LEG_HERE_SERVER;
		nw_tell(e, c, f);
	}
	if (by_server) { /* the server left first: not the client's doing */
		s->unused_validate = -1;
		s->unused_session = 0;
		s->refused = 0;
		return;
	}
	if (s->unused_validate >= 0)
		client_left(e, c, &l);
	client_left_311(e, c, &l);
}
