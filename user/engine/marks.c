// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * By what a message is known again at another place of the path, where addresses, ports and MessageIds may be
 * others: the signature of a signed one, the salt of a NEGOTIATE 3.1.1 (found with its contexts: impl.c), and
 * a hash of what a NEGOTIATE holds beyond the fields that VALIDATE repeats.
 */
#include <string.h>

#include "internal.h"

#define H_SIGNATURE 48

/* FNV-1a; never 0, which says "unknown". */
static uint64_t hash(const uint8_t *p, uint32_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	while (n--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h | 1;
}

void nw_marks_set(struct nw_params *p, const struct nw_event *ev)
{
	bool request = ev->type == NW_EV_NEGOTIATE_REQ;
	const uint8_t *h = ev->data + 4;
	uint32_t n = ev->data_len;

	if (n < 4 + NW_H_BODY || h[0] != 0xfe)
		return;
	n -= 4;
	if (p->is_signed)
		memcpy(p->signature, h + H_SIGNATURE, sizeof(p->signature));
	if (!p->fingerprint || (!request && ev->type != NW_EV_NEGOTIATE_RSP))
		return;
	if (ev->msg_len == ev->data_len && !(ev->flags & NW_EF_COMPOUND))
		p->body = hash(h + NW_H_BODY, n - NW_H_BODY);
}
