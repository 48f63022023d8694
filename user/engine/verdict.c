// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The verdict: which rules a connection meets, and when enough is known to say so. What can't be decided
 * by the packet at hand waits for a deadline.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Findings per connection that are kept; every one is told. */
#define FINDINGS_MAX 64

/* What is lost within this time of a finding may have to do with it. */
#define NEAR (10 * NW_NS_PER_S)

struct where {
	uint64_t ts;
	uint64_t frame;
};

static struct nw_finding *add(struct nw_conn *c)
{
	struct nw_finding *grown;

	if (c->n_findings >= FINDINGS_MAX)
		return NULL;
	grown = realloc(c->findings, (c->n_findings + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	c->findings = grown;
	return &c->findings[c->n_findings];
}

/* Was something lost close to this moment? Clocks of kernel and daemon may disagree by a little. */
static bool near(uint64_t lost_ts, uint64_t ts)
{
	return lost_ts && (lost_ts > ts ? lost_ts - ts : ts - lost_ts) < NEAR;
}

/* On a host's own packets there is no path between it and itself. */
static uint8_t leg_from(uint8_t leg, enum nw_vantage v)
{
	if ((leg == NW_LEG_CLIENT_HERE && v == NW_VANTAGE_CLIENT) ||
	    (leg == NW_LEG_HERE_SERVER && v == NW_VANTAGE_SERVER))
		return NW_LEG_NONE;
	return leg;
}

/* Clients validate once per share: the same finding again on the same connection is no news. */
static bool told_before(const struct nw_conn *c, const struct nw_finding *f)
{
	unsigned int i;

	for (i = 0; i < c->n_findings; i++)
		if (c->findings[i].rule == f->rule && c->findings[i].fields == f->fields &&
		    c->findings[i].severity == f->severity)
			return true;
	return false;
}

static void tell(struct nw_engine *e, struct nw_conn *c, struct nw_finding f)
{
	int row = nw_rule_index(f.rule);
	const struct nw_exchange *x = f.validate >= 0 ? &c->validate[f.validate] : NULL;
	struct nw_finding *kept;

	if (f.rule != 107 && told_before(c, &f))
		return;
	kept = add(c);

	if ((x && x->near_gap) || near(c->state->gap_ts, f.ts) || near(e->lost_ts, f.ts))
		f.near_gap = true;
	if (x && x->request.ts && f.ts > x->request.ts)
		f.delay_ns = f.ts - x->request.ts;
	f.leg = leg_from(f.leg, nw_conn_vantage(e, c));
	nw_finding_text(e, c, &f);
	if (kept) {
		*kept = f;
		c->n_findings++;
	}
	if (!nw_peers_finding(e->peers, c, &f))
		return;
	e->stats.findings++;
	e->stats.rule[row]++;
	if (e->ops.finding)
		e->ops.finding(e->arg, c, &f);
}

static struct nw_finding finding(uint16_t rule, const struct nw_conn *c, const struct nw_exchange *x,
				 struct where at)
{
	return (struct nw_finding){
		.rule = rule,
		.severity = nw_rule_by_number(rule)->severity,
		.ts = at.ts,
		.frame = at.frame,
		.validate = x ? (int16_t)(x - c->validate) : -1,
	};
}

/*
 * 109 beside 101 or 102: the signed VALIDATE proves a higher dialect than what was negotiated here. A
 * server that is merely old is no downgrade: the NEGOTIATE request then offered the same highest one.
 */
static void downgrade(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x, bool request,
		      struct where at)
{
	const struct nw_params *neg = request ? nw_conn_negotiate_request(c) : nw_conn_negotiate_response(c);
	struct nw_finding f = finding(109, c, x, at);
	uint16_t told, proven;

	if (!neg)
		return;
	told = request ? nw_highest_dialect(neg) : neg->dialect;
	proven = request ? nw_highest_dialect(&x->request) : x->response.dialect;
	if (proven <= told || (request && c->dialect && proven <= c->dialect))
		return;
	f.leg = request ? NW_LEG_CLIENT_HERE : NW_LEG_HERE_SERVER;
	f.fields = request ? NW_FIELD_DIALECTS : NW_FIELD_DIALECT;
	tell(e, c, f);
}

static void conclude_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x, uint8_t outcome,
			     struct where at)
{
	struct nw_finding f = finding(101, c, x, at);

	if (x->concluded || !x->request_differs)
		return;
	x->concluded = true;
	f.fields = x->request_differs;
	f.leg = NW_LEG_CLIENT_HERE;
	f.outcome = outcome;
	tell(e, c, f);
	downgrade(e, c, x, true, at);
}

static uint8_t outcome_of_answer(const struct nw_params *r)
{
	return r->status == NW_STATUS_SUCCESS ? NW_OUT_TOLERATED : NW_OUT_ERROR;
}

/* A request that was put together late may come behind its answer. */
void nw_verdict_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	if (!x->response.ts)
		return;
	x->concluded = false;
	conclude_request(e, c, x, outcome_of_answer(&x->response),
			 (struct where){ x->request.ts, x->request.frame });
	x->concluded = true;
}

void nw_verdict_response(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	const struct nw_params *r = &x->response;
	struct where at = { r->ts, r->frame };
	bool success = r->status == NW_STATUS_SUCCESS;
	struct nw_finding f;

	conclude_request(e, c, x, outcome_of_answer(r), at);
	if (!r->is_signed) {
		f = finding(103, c, x, at);
		f.severity = success ? NW_SEV_CRITICAL : NW_SEV_WARNING;
		f.leg = NW_LEG_HERE_SERVER;
		tell(e, c, f);
	}
	if (x->response_differs) {
		f = finding(102, c, x, at);
		f.fields = x->response_differs;
		f.leg = NW_LEG_HERE_SERVER;
		tell(e, c, f);
		downgrade(e, c, x, false, at);
	}
	if (!success && r->is_signed && !x->request_differs) {
		f = finding(111, c, x, at);
		if (r->status == 0xc0000022u) /* STATUS_ACCESS_DENIED: clients have to terminate */
			f.severity = NW_SEV_WARNING;
		tell(e, c, f);
	}
	x->concluded = true;
	c->state->unused_validate = -1;
	if (success && r->is_signed && x->response_compared && !x->response_differs)
		c->state->unused_validate = (int16_t)(x - c->validate);
}

void nw_verdict_used(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_conn_state *s = c->state;

	s->unused_validate = -1;
	/* Not at once: a client may use the tree first and validate then. */
	if (!s->unvalidated && c->dialect && c->dialect < 0x0311 && c->authenticated && c->tree_connected &&
	    !c->n_validate && !c->unseen && ev->type == NW_EV_USE) {
		s->unvalidated = e->now;
		s->unvalidated_frame = ev->frame;
	}
}

/*
 * 109 from memory, where nothing proves the dialect: the same client has never run on one as low with this
 * very server. Once told, the lower one is what it is known for.
 */
static void fell_below(struct nw_engine *e, struct nw_conn *c, struct where at)
{
	const struct nw_instance *known = nw_peers_instance(e->peers, c);
	struct nw_finding f = finding(109, c, NULL, at);
	bool offered_less;

	if (!known || c->dialect >= known->dialect)
		return;
	offered_less = nw_highest_dialect(nw_conn_negotiate_request(c)) < known->dialect;
	/* What this host sent itself was not changed on its way here: a setting was. */
	if (nw_conn_vantage(e, c) == (offered_less ? NW_VANTAGE_CLIENT : NW_VANTAGE_SERVER))
		return;
	f.severity = NW_SEV_WARNING;
	f.fields = offered_less ? NW_FIELD_DIALECTS : NW_FIELD_DIALECT;
	f.leg = offered_less ? NW_LEG_CLIENT_HERE : NW_LEG_HERE_SERVER;
	tell(e, c, f);
}

/* Below 3.1.1, authenticated, a tree connected and used, and no VALIDATE since: all of it seen. */
static void conclude_unvalidated(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_conn_state *s = c->state;
	struct where at = { s->unvalidated, s->unvalidated_frame };

	if (s->unvalidated && !c->n_validate && !c->unseen) {
		tell(e, c, finding(110, c, NULL, at));
		fell_below(e, c, at);
		nw_peers_note(e->peers, c, false);
	}
	s->unvalidated = 0;
}

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
	f = finding(107, c, c->n_validate ? &c->validate[c->n_validate - 1] : NULL,
		    (struct where){ r->ts, r->frame });
	f.outcome = r->by == NW_S2C ? NW_OUT_SERVER_RST : NW_OUT_CLIENT_RST;
	r->told = r->forged;
	tell(e, c, f);
}

/* Is there a reason for a server to drop the connection that is not a visible difference? */
static bool may_abort(const struct nw_conn *c, const struct nw_exchange *x)
{
	return x->request_compared || c->dialect == 0x0311 || x->request.max_output < 24;
}

/* Did it happen before what is concluded now? Without times there is the order of events alone. */
static bool before(uint64_t ts, struct where at)
{
	return !at.ts || ts <= at.ts;
}

void nw_verdict_end(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev, uint8_t outcome)
{
	struct where at = { ev->ts, ev->frame };
	bool by_server = outcome == NW_OUT_SERVER_FIN || outcome == NW_OUT_SERVER_RST;
	bool client_first = c->end.how && c->end.by == NW_C2S;
	bool doubted = nw_reset_doubted(c); /* what follows a forged reset is that reset's doing */
	struct nw_conn_state *s = c->state;
	struct nw_exchange *x;
	struct nw_finding f;
	unsigned int i;

	conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++) {
		x = &c->validate[i];
		if (x->concluded || !x->request.ts || !before(x->request.ts, at))
			continue;
		conclude_request(e, c, x, outcome, at);
		if (x->concluded || !by_server || client_first || doubted || !may_abort(c, x))
			continue;
		x->concluded = true;
		f = finding(104, c, x, at);
		f.outcome = outcome;
		f.leg = NW_LEG_HERE_SERVER;
		tell(e, c, f);
	}
	if (by_server)
		s->unused_validate = -1; /* the server left first: not the client's doing */
	if (s->unused_validate < 0)
		return;
	x = &c->validate[s->unused_validate];
	if (outcome == NW_OUT_LOGOFF && ev->smb.session_id != x->response.session_id)
		return; /* another session of the same connection */
	if (!before(x->response.ts, at))
		return; /* a reset that the answer crossed */
	s->unused_validate = -1;
	if (doubted)
		return;
	f = finding(105, c, x, at);
	f.outcome = outcome;
	f.leg = NW_LEG_CLIENT_HERE;
	tell(e, c, f);
}

static uint64_t deadline(const struct nw_engine *e, const struct nw_conn *c, const struct nw_exchange *x)
{
	uint64_t by = x->asked + (x->request_differs ? e->cfg.outcome_wait : e->cfg.answer_timeout);

	if (x->concluded || !x->request.ts || x->response.ts)
		return 0;
	return by > nw_reset_due(c) ? by :
				      nw_reset_due(c); /* a reset that is settled then may be the outcome */
}

void nw_verdict_tick(struct nw_engine *e, struct nw_conn *c, uint64_t now)
{
	unsigned int i;

	nw_reset_settle(e, c, now);
	if (c->state->unvalidated && now >= c->state->unvalidated + e->cfg.answer_timeout)
		conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++) {
		struct nw_exchange *x = &c->validate[i];
		uint64_t by = deadline(e, c, x);
		struct nw_finding f;

		if (!by || now < by)
			continue;
		if (x->request_differs) {
			conclude_request(e, c, x, NW_OUT_UNKNOWN, (struct where){ by, x->request.frame });
			continue;
		}
		x->concluded = true;
		if (c->end.how && c->end.ts < by)
			continue; /* closed before an answer was due */
		f = finding(106, c, x, (struct where){ by, x->request.frame });
		f.leg = NW_LEG_HERE_SERVER;
		tell(e, c, f);
	}
}

void nw_verdict_due(struct nw_engine *e, struct nw_conn *c)
{
	uint64_t first = c->state->unvalidated ? c->state->unvalidated + e->cfg.answer_timeout : 0;
	uint64_t reset = nw_reset_due(c);
	unsigned int i;

	if (reset && (!first || reset < first))
		first = reset;
	for (i = 0; i < c->n_validate; i++) {
		uint64_t by = deadline(e, c, &c->validate[i]);

		if (by && (!first || by < first))
			first = by;
	}
	c->state->due = first;
	if (first && (!e->next_due || first < e->next_due))
		e->next_due = first;
}

void nw_verdict_forget(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	if (x->request.ts)
		conclude_request(e, c, x, NW_OUT_UNKNOWN, (struct where){ x->request.ts, x->request.frame });
}

void nw_verdict_final(struct nw_engine *e, struct nw_conn *c)
{
	unsigned int i;

	nw_reset_settle(e, c, UINT64_MAX);
	nw_verdict_tick(e, c, e->now);
	conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++)
		nw_verdict_forget(e, c, &c->validate[i]);
}
