// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * By what a message is known again at another place of the path, where addresses, ports and MessageIds may be
 * others: the signature of a signed one, the salts of a NEGOTIATE 3.1.1 (MS-SMB2 2.2.3.1.1), and a hash of
 * what a NEGOTIATE holds beyond the fields that VALIDATE repeats.
 */
#include <string.h>

#include "contexts.h"
#include "internal.h"

#define H_SIGNATURE 48
/* The salt of a pre-authentication context's n bytes of data: after two counts and the algorithms. */
static void read_salt(uint8_t salt[16], const uint8_t *data, uint32_t n)
{
	uint32_t at, len;

	if (n < 4)
		return;
	at = 4 + 2u * nw_get16(data);
	len = nw_get16(data + 2);
	if (len >= 16 && at <= n && len <= n - at)
		memcpy(salt, data + at, 16);
}

static void find_salt(uint8_t salt[16], struct nw_bytes msg, bool request)
{
	struct nw_contexts list;
	struct nw_bytes data;
	uint32_t type;

	if (msg.n < (request ? NW_NEGQ_DIALECTS : NW_NEGR_END))
		return;
	list = nw_contexts_of(msg, request);
	while (nw_context_next(&list, &type, &data))
		if (type == NW_CTX_PREAUTH)
			read_salt(salt, data.p, data.n);
}

static bool offers_311(const struct nw_params *p)
{
	for (unsigned int i = 0; p->dialects && i < p->n_dialects && i < NW_DIALECTS_MAX; i++)
		if (p->dialects[i] == 0x0311)
			return true;
	return p->dialect == 0x0311;
}

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
	if (offers_311(p))
		find_salt(p->salt, (struct nw_bytes){ h, n }, request);
	if (ev->msg_len == ev->data_len && !(ev->flags & NW_EF_COMPOUND))
		p->body = hash(h + NW_H_BODY, n - NW_H_BODY);
}
