// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The comparison: VALIDATE against NEGOTIATE, field by field (MS-SMB2 3.3.5.15.12 and 3.2.5.14.12). */
#include <string.h>

#include "internal.h"

/* Dialects are compared as sent; unknown values count as any other. */
static bool same_dialects(const struct nw_params *a, const struct nw_params *b)
{
	unsigned int n = nw_min(a->n_dialects, NW_DIALECTS_MAX);

	if (a->n_dialects != b->n_dialects)
		return false;
	if (!n)
		return true;
	return a->dialects && b->dialects && !memcmp(a->dialects, b->dialects, n * sizeof(*a->dialects));
}

/* The highest SMB2 dialect of a request. 0x02FF stands in responses only and is no dialect. */
uint16_t nw_highest_dialect(const struct nw_params *p)
{
	unsigned int n = p->dialects ? nw_min(p->n_dialects, NW_DIALECTS_MAX) : 0, i;
	uint16_t highest = 0;

	for (i = 0; i < n; i++)
		if (p->dialects[i] > highest && p->dialects[i] <= 0x0311 && p->dialects[i] != 0x02ff)
			highest = p->dialects[i];
	return highest;
}

static uint8_t common(const struct nw_params *a, const struct nw_params *b)
{
	return (a->capabilities != b->capabilities ? NW_FIELD_CAPABILITIES : 0) |
	       (memcmp(a->guid, b->guid, sizeof(a->guid)) ? NW_FIELD_GUID : 0) |
	       (a->security_mode != b->security_mode ? NW_FIELD_SECURITY_MODE : 0);
}

void nw_compare_request(struct nw_exchange *x, const struct nw_params *negotiate)
{
	if (!negotiate || !negotiate->fingerprint || !x->request.fingerprint)
		return;
	x->request_compared = true;
	x->request_differs = common(negotiate, &x->request);
	if (!same_dialects(negotiate, &x->request))
		x->request_differs |= NW_FIELD_DIALECTS;
	x->highest_same = nw_highest_dialect(negotiate) == nw_highest_dialect(&x->request);
}

void nw_compare_response(struct nw_exchange *x, const struct nw_params *negotiate)
{
	if (!negotiate || !negotiate->fingerprint || !x->response.fingerprint)
		return;
	x->response_compared = true;
	x->response_differs = common(negotiate, &x->response);
	if (negotiate->dialect != x->response.dialect)
		x->response_differs |= NW_FIELD_DIALECT;
}
