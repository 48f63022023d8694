// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What changed on which leg: each place against the next, and the outermost against what client and server
 * signed. Without a visible difference, how the connection ended may point beyond the outermost places.
 */
#include <string.h>

#include "locate.h"

#define RULE(number) (1u << ((number)-100))

uint32_t nw_said_differ(const struct nw_said *a, const struct nw_said *b, bool request)
{
	uint32_t d = 0;

	if (!a->known || !b->known)
		return 0;
	d |= (uint32_t)(a->capabilities != b->capabilities) << NW_CHANGED_CAPABILITIES;
	d |= (uint32_t)(memcmp(a->guid, b->guid, sizeof(a->guid)) != 0) << NW_CHANGED_GUID;
	d |= (uint32_t)(a->security_mode != b->security_mode) << NW_CHANGED_SECURITY_MODE;
	if (a->n_dialects != b->n_dialects || a->more != b->more ||
	    memcmp(a->dialects, b->dialects, sizeof(a->dialects)))
		d |= 1u << (request ? NW_CHANGED_DIALECTS : NW_CHANGED_DIALECT);
	if (!d && a->body && b->body && a->body != b->body)
		d |= 1u << NW_CHANGED_REST;
	return d;
}

static void add(struct nw_located *l, struct nw_change c)
{
	if (l->n_changes < NW_CHANGES_MAX)
		l->change[l->n_changes++] = c;
	if (c.what != NW_CHANGED_PERHAPS)
		l->changed = true;
}

static void add_fields(struct nw_located *l, unsigned int leg, enum nw_message m, uint32_t differ)
{
	for (uint8_t what = 0; differ >> what; what++)
		if (differ >> what & 1)
			add(l,
			    (struct nw_change){ .leg = (uint8_t)leg, .message = (uint8_t)m, .what = what });
}

/* What the sender really sent: the signed VALIDATE, as the place nearest to the sender saw it. */
static const struct nw_said *truth(const struct nw_located *l, enum nw_message validate)
{
	const struct nw_sight *s = l->at[validate == NW_VALIDATE_REQ ? 0 : l->n - 1];
	const struct nw_said *d = &s->said[validate];

	return d->is_signed && d->known ? d : NULL;
}

static void compare_negotiate(struct nw_located *l)
{
	const struct nw_said *client = truth(l, NW_VALIDATE_REQ), *server = truth(l, NW_VALIDATE_RSP);
	unsigned int i;

	if (client)
		add_fields(l, 0, NW_NEGOTIATE_REQ,
			   nw_said_differ(client, &l->at[0]->said[NW_NEGOTIATE_REQ], true));
	for (i = 1; i < l->n; i++) {
		const struct nw_said *a = l->at[i - 1]->said, *b = l->at[i]->said;

		add_fields(l, i, NW_NEGOTIATE_REQ,
			   nw_said_differ(&a[NW_NEGOTIATE_REQ], &b[NW_NEGOTIATE_REQ], true));
		add_fields(l, i, NW_NEGOTIATE_RSP,
			   nw_said_differ(&a[NW_NEGOTIATE_RSP], &b[NW_NEGOTIATE_RSP], false));
	}
	if (server)
		add_fields(l, l->n, NW_NEGOTIATE_RSP,
			   nw_said_differ(server, &l->at[l->n - 1]->said[NW_NEGOTIATE_RSP], false));
}

/* No answer came, and not only because the record was written too early. */
static bool unanswered(const struct nw_sight *s)
{
	return !s->said[NW_VALIDATE_RSP].seen && (s->complete || s->rules & RULE(106));
}

/* The answer to VALIDATE between a and the place b behind it, nearer to the server. */
static void compare_answer(struct nw_located *l, unsigned int leg, const struct nw_sight *a,
			   const struct nw_sight *b)
{
	const struct nw_said *x = &a->said[NW_VALIDATE_RSP], *y = &b->said[NW_VALIDATE_RSP];
	struct nw_change c = { .leg = (uint8_t)leg, .message = NW_VALIDATE_RSP };

	if (!x->seen || !y->seen) {
		c.what = y->seen ? NW_CHANGED_LOST : NW_CHANGED_MADE_UP;
		if ((y->seen && unanswered(a)) || (x->seen && unanswered(b)))
			add(l, c);
		return;
	}
	add_fields(l, leg, NW_VALIDATE_RSP, nw_said_differ(x, y, false));
	c.what = NW_CHANGED_STATUS;
	if (x->status != y->status)
		add(l, c);
	c.what = NW_CHANGED_SIGNATURE;
	if (x->is_signed != y->is_signed || memcmp(x->signature, y->signature, sizeof(x->signature)))
		add(l, c);
}

/*
 * A RST that came by at `near` in the name of `side`, but not at `far`, which lies nearer to that side. Where
 * `far` was not watched to the end, it has to have another sign: the first end there is the other side's, or
 * near's own grading.
 */
static bool made_up(const struct nw_sight *near, const struct nw_sight *far, enum nw_dir_id side)
{
	if (!near->reset[side] || far->reset[side] || (far->end_how == NW_END_RST && far->end_by == side))
		return false;
	if (far->complete)
		return far->end_how != NW_END_NONE;
	return far->end_how != NW_END_NONE &&
	       (near->reset[side] > 1 + NW_FORGED_NO ||
		(near->end_how == NW_END_RST && near->end_by == side && far->end_by != side));
}

static void compare_resets(struct nw_located *l, unsigned int leg, const struct nw_sight *a,
			   const struct nw_sight *b)
{
	struct nw_change c = { .leg = (uint8_t)leg, .message = NW_MSG_RESET, .what = NW_CHANGED_MADE_UP };

	for (c.side = NW_C2S; c.side <= NW_S2C; c.side++)
		if (c.side == NW_S2C ? made_up(a, b, NW_S2C) : made_up(b, a, NW_C2S))
			add(l, c);
}

/* Nothing visible: 104 points from here to the server, 105 to the client, 108 to either (explain N). */
static void infer(struct nw_located *l)
{
	struct nw_change to_client = { .message = NW_NEGOTIATE_RSP, .what = NW_CHANGED_PERHAPS };
	struct nw_change to_server = { .leg = (uint8_t)l->n,
				       .message = NW_NEGOTIATE_REQ,
				       .what = NW_CHANGED_PERHAPS };
	uint32_t rules = 0;

	for (unsigned int i = 0; i < l->n; i++)
		rules |= l->at[i]->rules;
	if (rules & (RULE(105) | RULE(108)) && l->at[0]->vantage != NW_VANTAGE_CLIENT)
		add(l, to_client);
	if (rules & (RULE(104) | RULE(108)) && l->at[l->n - 1]->vantage != NW_VANTAGE_SERVER)
		add(l, to_server);
}

void nw_located_compare(struct nw_located *l)
{
	compare_negotiate(l);
	for (unsigned int i = 1; i < l->n; i++) {
		const struct nw_sight *a = l->at[i - 1], *b = l->at[i];

		add_fields(l, i, NW_VALIDATE_REQ,
			   nw_said_differ(&a->said[NW_VALIDATE_REQ], &b->said[NW_VALIDATE_REQ], true));
		compare_answer(l, i, a, b);
		compare_resets(l, i, a, b);
	}
	if (!l->changed)
		infer(l);
}
