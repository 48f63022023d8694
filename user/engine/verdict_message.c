// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verdict on what VALIDATE shows: 101, 102, 103, 109, 111. */
#include "verdict.h"

bool nw_is_altered(const struct nw_exchange *x)
{
	return x->request_differs && !x->contradicts;
}

/*
 * 109 beside 101 or 102: the signed VALIDATE proves a higher dialect than what was negotiated here. A
 * server that is merely old is no downgrade: the NEGOTIATE request then offered the same highest one.
 */
static void downgrade(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x, bool request,
		      struct nw_where at)
{
	const struct nw_params *neg = request ? nw_conn_negotiate_request(c) : nw_conn_negotiate_response(c);
	struct nw_finding f = nw_finding_at(109, c, x, at);
	uint16_t told, proven;

	if (!neg)
		return;
	told = request ? nw_highest_dialect(neg) : neg->dialect;
	proven = request ? nw_highest_dialect(&x->request) : x->response.dialect;
	if (proven <= told || (request && c->dialect && proven <= c->dialect))
		return;
	f.leg = request ? NW_LEG_CLIENT_HERE : NW_LEG_HERE_SERVER;
	f.fields = request ? NW_FIELD_DIALECTS : NW_FIELD_DIALECT;
	nw_tell(e, c, f);
}

void nw_conclude_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x, uint8_t outcome,
			 struct nw_where at)
{
	struct nw_finding f;

	if (x->concluded || !nw_is_altered(x))
		return;
	x->concluded = true;
	/* A server that never answered may never have been asked: anybody can send one side of a connection.
	 */
	if (!nw_conn_negotiate_response(c) && !x->response.ts)
		return;
	f = nw_finding_at(101, c, x, at);
	f.fields = x->request_differs;
	f.leg = NW_LEG_CLIENT_HERE;
	f.outcome = outcome;
	nw_tell(e, c, f);
	downgrade(e, c, x, true, at);
}

static uint8_t outcome_of_answer(const struct nw_params *r)
{
	return r->status == NW_STATUS_SUCCESS ? NW_OUT_TOLERATED : NW_OUT_ERROR;
}

/* A request that was put together late may come behind its answer. */
void nw_verdict_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	c->state->used = false;
	if (!x->response.ts)
		return;
	x->concluded = false;
	nw_conclude_request(e, c, x, outcome_of_answer(&x->response),
			    (struct nw_where){ x->request.ts, x->request.frame });
	x->concluded = true;
}

void nw_verdict_response(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x)
{
	const struct nw_params *r = &x->response;
	struct nw_where at = { r->ts, r->frame };
	bool success = r->status == NW_STATUS_SUCCESS;
	struct nw_finding f;

	nw_conclude_request(e, c, x, outcome_of_answer(r), at);
	if (!r->is_signed) {
		f = nw_finding_at(103, c, x, at);
		f.severity = success ? NW_SEV_CRITICAL : NW_SEV_WARNING;
		/* A request that came without a signature is answered without one. */
		f.leg = x->request.ts && !x->request.is_signed ? NW_LEG_CLIENT_HERE : NW_LEG_HERE_SERVER;
		nw_tell(e, c, f);
	}
	if (x->response_differs) {
		f = nw_finding_at(102, c, x, at);
		f.fields = x->response_differs;
		f.leg = NW_LEG_HERE_SERVER;
		nw_tell(e, c, f);
		downgrade(e, c, x, false, at);
	}
	if (!success && r->is_signed && !nw_is_altered(x)) {
		f = nw_finding_at(111, c, x, at);
		if (r->status == NW_STATUS_ACCESS_DENIED) /* clients have to terminate */
			f.severity = NW_SEV_WARNING;
		nw_tell(e, c, f);
	}
	x->concluded = true;
	c->state->unused_validate = -1;
	/* Who uses the tree while the answer is on its way will not be seen to refrain from it. */
	if (success && r->is_signed && x->response_compared && !x->response_differs && !c->state->used)
		c->state->unused_validate = (int16_t)(x - c->validate);
}
