// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which of two places lies nearer to the client: by vantage; by addresses, as a proxy is the server of one
 * leg and the client of the next; or by the values, as a request that was changed stays changed further on.
 */
#include <string.h>

#include "locate.h"

/* < 0: a is nearer to the client, > 0: b, 0: this does not tell. */
static int by_vantage(const struct nw_sight *a, const struct nw_sight *b)
{
	static const int rank[] = { [NW_VANTAGE_UNKNOWN] = 1,
				    [NW_VANTAGE_BETWEEN] = 1,
				    [NW_VANTAGE_CLIENT] = 0,
				    [NW_VANTAGE_SERVER] = 2 };

	return rank[a->vantage] - rank[b->vantage];
}

static bool leads_to(const struct nw_sight *a, const struct nw_sight *b)
{
	return memcmp(&a->addr[NW_S2C], &b->addr[NW_C2S], sizeof(a->addr[0])) == 0;
}

static int by_addresses(const struct nw_sight *a, const struct nw_sight *b)
{
	return (int)leads_to(b, a) - (int)leads_to(a, b);
}

/* < 0: a's differences from the truth are some of b's. */
static int fewer(uint32_t a, uint32_t b)
{
	if (a == b || (a & b) != (a < b ? a : b))
		return 0;
	return (a & b) == a ? -1 : 1;
}

static uint32_t off(const struct nw_sight *s, enum nw_message negotiate, enum nw_message truth)
{
	if (!s->said[truth].is_signed)
		return 0;
	return nw_said_differ(&s->said[truth], &s->said[negotiate], negotiate == NW_NEGOTIATE_REQ);
}

/* The place that has the answer is nearer to the server than the one that saw all, and not this; unsigned it
 * comes from somebody in between. */
static int by_answer(const struct nw_sight *a, const struct nw_sight *b)
{
	const struct nw_said *x = &a->said[NW_VALIDATE_RSP], *y = &b->said[NW_VALIDATE_RSP];

	if (x->seen && y->seen)
		return x->is_signed - y->is_signed;
	return a->complete && b->complete ? x->seen - y->seen : 0;
}

/* A forged RST goes away from its supposed sender. */
static int by_reset(const struct nw_sight *a, const struct nw_sight *b, enum nw_dir_id side)
{
	bool x = a->reset[side] > 1 + NW_FORGED_NO && !b->reset[side] && b->complete;
	bool y = b->reset[side] > 1 + NW_FORGED_NO && !a->reset[side] && a->complete;

	return side == NW_S2C ? y - x : x - y;
}

static int by_values(const struct nw_sight *a, const struct nw_sight *b)
{
	const int signs[] = {
		fewer(off(a, NW_NEGOTIATE_REQ, NW_VALIDATE_REQ), off(b, NW_NEGOTIATE_REQ, NW_VALIDATE_REQ)),
		/* Responses come the other way. */
		-fewer(off(a, NW_NEGOTIATE_RSP, NW_VALIDATE_RSP), off(b, NW_NEGOTIATE_RSP, NW_VALIDATE_RSP)),
		by_answer(a, b),
		by_reset(a, b, NW_C2S),
		by_reset(a, b, NW_S2C),
	};
	bool less = false, more = false;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		less |= signs[i] < 0;
		more |= signs[i] > 0;
	}
	return more - less; /* 0 also where they contradict each other */
}

static int nearer(const struct nw_sight *a, const struct nw_sight *b, enum nw_order_by *reason)
{
	static int (*const tell[])(const struct nw_sight *, const struct nw_sight *) = {
		[NW_ORDER_VANTAGE] = by_vantage,
		[NW_ORDER_ADDRESSES] = by_addresses,
		[NW_ORDER_VALUES] = by_values,
	};
	int r = 0;

	for (*reason = NW_ORDER_VANTAGE; *reason < NW_ORDER_UNKNOWN; (*reason)++) {
		r = tell[*reason](a, b);
		if (r)
			break;
	}
	return r;
}

void nw_located_order(struct nw_located *l)
{
	enum nw_order_by reason;
	unsigned int i, j;

	for (i = 1; i < l->n; i++) {
		const struct nw_sight *s = l->at[i];

		for (j = i; j > 0 && nearer(s, l->at[j - 1], &reason) < 0; j--)
			l->at[j] = l->at[j - 1];
		l->at[j] = s;
	}
	l->order = NW_ORDER_VANTAGE;
	for (i = 1; i < l->n; i++) {
		nearer(l->at[i - 1], l->at[i], &reason);
		if (reason > l->order)
			l->order = reason;
	}
}
