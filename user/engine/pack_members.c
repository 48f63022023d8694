// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What of a connection's parts can be told from other members: times count from what happened before, or else
 * from the connection's beginning, an answer's ids from its request's, an exchange repeats the one before it.
 */
#include "internal.h"
#include "squeeze.h"

/* Zero stays zero: it says that there is none. The others become small, whether before or behind the base. */
static void from_base(uint64_t *t, uint64_t base, bool out)
{
	uint64_t d = out ? *t - base : *t >> 1;

	if (!*t)
		return;
	*t = out ? (d << 1 ^ -(d >> 63)) << 1 | 1 : (d >> 1 ^ -(d & 1)) + base;
}

/* When the last message came, as far as the steps and exchanges say. */
static uint64_t last_message(const struct nw_parts *p)
{
	const struct nw_conn *c = nw_part_conn(p);
	const struct nw_step *step = (const struct nw_step *)p->part[NW_PART_STEPS];
	uint64_t last = c->n_steps ? step[c->n_steps - 1].ts : c->first_ts;

	for (unsigned int i = 0; i < c->n_negotiate + c->n_validate; i++) {
		const struct nw_exchange *x = nw_part_exchange(p, i);

		last = x->request.ts > last ? x->request.ts : last;
		last = x->response.ts > last ? x->response.ts : last;
	}
	return last;
}

/* Times that count from the last message. */
static void late_times(const struct nw_parts *p, bool out)
{
	struct nw_conn *c = nw_part_conn(p);
	struct nw_conn_state *s = (struct nw_conn_state *)p->part[NW_PART_STATE];
	uint64_t last = last_message(p);

	from_base(&c->last_ts, last, out);
	from_base(&c->end.ts, last, out);
	from_base(&s->fin.ts, last, out);
	from_base(&s->closed_ts, last, out);
	from_base(&s->unvalidated, last, out);
	from_base(&s->settle_due, last, out);
	from_base(&s->gap_ts, c->first_ts, out);
}

/* What VALIDATE repeats of NEGOTIATE, out and in alike; of a message that was not seen there is nothing. */
static void repeats(struct nw_params *p, const struct nw_params *before)
{
	if (!p->ts)
		return;
	p->fingerprint ^= before->fingerprint;
	p->capabilities ^= before->capabilities;
	p->security_mode ^= before->security_mode;
	p->dialect ^= before->dialect;
	p->n_dialects ^= before->n_dialects;
	nw_subtract(p->guid, before->guid, sizeof(p->guid));
}

/* The request's time is there while others count from it. */
static void exchange_times(struct nw_exchange *x, uint64_t first, bool out)
{
	if (!out)
		from_base(&x->request.ts, first, out);
	from_base(&x->response.ts, x->request.ts ? x->request.ts : first, out);
	from_base(&x->asked, x->request.ts ? x->request.ts : first, out);
	if (out)
		from_base(&x->request.ts, first, out);
}

static void exchanges(const struct nw_parts *p, bool out)
{
	const struct nw_conn *c = nw_part_conn(p);
	unsigned int n = c->n_negotiate + c->n_validate;

	for (unsigned int i = 0; i < n; i++) {
		/* The one before it has to be there while this one is held against it. */
		unsigned int k = out ? n - 1 - i : i;
		struct nw_exchange *x = nw_part_exchange(p, k),
				   *before = k ? nw_part_exchange(p, k - 1) : NULL;

		exchange_times(x, c->first_ts, out);
		if (x->response.ts) {
			x->response.message_id ^= x->request.message_id;
			x->response.session_id ^= x->request.session_id;
		}
		if (before) {
			repeats(&x->request, &before->request);
			repeats(&x->response, &before->response);
		}
	}
}

static void steps(const struct nw_parts *p, bool out)
{
	const struct nw_conn *c = nw_part_conn(p);
	struct nw_step *step = (struct nw_step *)p->part[NW_PART_STEPS];

	for (unsigned int i = 0; i < c->n_steps; i++) {
		unsigned int k = out ? c->n_steps - 1u - i : i;

		from_base(&step[k].ts, k ? step[k - 1].ts : c->first_ts, out);
		if (k)
			step[k].seq -= out ? step[k - 1].seq : -step[k - 1].seq;
	}
}

void nw_parts_members(const struct nw_parts *p, bool out)
{
	if (out)
		late_times(p, out);
	exchanges(p, out);
	steps(p, out);
	if (!out)
		late_times(p, out);
}
