// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The verdict's common part: how a finding is told, and what a deadline settles (106, 110). What a message
 * shows is in verdict_message.c, what an end may mean in verdict_end.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

/* Findings per connection that are kept; every one is told. */
#define FINDINGS_MAX 64

static struct nw_finding *add(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_finding *grown;

	if (c->n_findings >= FINDINGS_MAX)
		return NULL;
	grown = realloc(c->findings, (c->n_findings + 1) * sizeof(*grown));
	if (!grown) {
		e->stats.starved++;
		return NULL;
	}
	c->findings = grown;
	return &c->findings[c->n_findings];
}

/* Was something lost close to this moment? Clocks of kernel and daemon may disagree by a little. */
static bool near(uint64_t lost_ts, uint64_t ts)
{
	return lost_ts && (lost_ts > ts ? lost_ts - ts : ts - lost_ts) < NW_NEAR;
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

/* 107: the one about a reset in the same name. What is surer now takes its place, and is no second alert. */
static struct nw_finding *less_sure(struct nw_conn *c, const struct nw_finding *f)
{
	for (unsigned int i = 0; i < c->n_findings; i++)
		if (f->rule == 107 && c->findings[i].rule == 107 && c->findings[i].outcome == f->outcome)
			return &c->findings[i];
	return NULL;
}

void nw_tell(struct nw_engine *e, struct nw_conn *c, struct nw_finding f)
{
	int row = nw_rule_index(f.rule);
	const struct nw_exchange *x = f.validate >= 0 ? &c->validate[f.validate] : NULL;
	struct nw_finding *kept = less_sure(c, &f), *before = kept;

	if (f.rule != 107 && told_before(c, &f))
		return;
	if (!kept)
		kept = add(e, c);

	if ((x && x->near_gap) || near(c->state->gap_ts, f.ts) || near(e->lost_ts, f.ts))
		f.near_gap = true;
	if (!f.delay_ns && x && x->request.ts && f.ts > x->request.ts)
		f.delay_ns = f.ts - x->request.ts;
	f.leg = leg_from(f.leg, nw_conn_vantage(e, c));
	nw_finding_text(e, c, &f);
	if (kept) {
		*kept = f;
		c->n_findings += !before;
	}
	if (before)
		return;
	if (!nw_peers_finding(e->peers, c, &f))
		return;
	e->stats.findings++;
	e->stats.rule[row]++;
	if (e->ops.finding)
		e->ops.finding(e->arg, c, &f);
}

struct nw_finding nw_finding_at(uint16_t rule, const struct nw_conn *c, const struct nw_exchange *x,
				struct nw_where at)
{
	return (struct nw_finding){
		.rule = rule,
		.severity = nw_rule_by_number(rule)->severity,
		.ts = at.ts,
		.frame = at.frame,
		.validate = x ? (int16_t)(x - c->validate) : -1,
	};
}

void nw_verdict_used(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_conn_state *s = c->state;

	s->unused_validate = -1;
	s->unused_session = 0;
	s->used = true;
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
static void fell_below(struct nw_engine *e, struct nw_conn *c, struct nw_where at)
{
	const struct nw_instance *known = nw_peers_instance(e->peers, c);
	struct nw_finding f = nw_finding_at(109, c, NULL, at);
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
	nw_tell(e, c, f);
}

/* Below 3.1.1, authenticated, a tree connected and used, and no VALIDATE since: all of it seen. */
void nw_conclude_unvalidated(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_conn_state *s = c->state;
	struct nw_where at = { s->unvalidated, s->unvalidated_frame };

	if (s->unvalidated && !c->n_validate && !c->unseen) {
		nw_tell(e, c, nw_finding_at(110, c, NULL, at));
		fell_below(e, c, at);
		nw_peers_note(e->peers, c, false);
	}
	s->unvalidated = 0;
}

static uint64_t deadline(const struct nw_engine *e, const struct nw_conn *c, const struct nw_exchange *x)
{
	uint64_t by = x->asked + (nw_is_altered(x) ? e->cfg.outcome_wait : e->cfg.answer_timeout);

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
		nw_conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++) {
		struct nw_exchange *x = &c->validate[i];
		uint64_t by = deadline(e, c, x);
		struct nw_finding f;

		if (!by || now < by)
			continue;
		if (nw_is_altered(x)) {
			nw_conclude_request(e, c, x, NW_OUT_UNKNOWN,
					    (struct nw_where){ by, x->request.frame });
			continue;
		}
		x->concluded = true;
		if (c->end.how && c->end.ts < by)
			continue; /* closed before an answer was due */
		/* Of whom nothing is seen the answer isn't either; and who goes on has got it. */
		if (!nw_conn_server_seen(c) || c->state->used || i + 1 < c->n_validate)
			continue;
		f = nw_finding_at(106, c, x, (struct nw_where){ by, x->request.frame });
		f.leg = NW_LEG_HERE_SERVER;
		nw_tell(e, c, f);
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
	c->state->record->due = first;
	if (!first) {
		nw_list_del(e, NW_LIST_WAITING, c->state->record);
		return;
	}
	nw_list_add(e, NW_LIST_WAITING, c->state->record);
	nw_due_by(e, first);
}

void nw_verdict_forget(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	if (x->request.ts)
		nw_conclude_request(e, c, x, NW_OUT_UNKNOWN,
				    (struct nw_where){ x->request.ts, x->request.frame });
}

void nw_verdict_final(struct nw_engine *e, struct nw_conn *c)
{
	unsigned int i;

	nw_reset_settle(e, c, UINT64_MAX);
	nw_verdict_tick(e, c, e->now);
	nw_conclude_unvalidated(e, c);
	for (i = 0; i < c->n_validate; i++)
		nw_verdict_forget(e, c, &c->validate[i]);
}
