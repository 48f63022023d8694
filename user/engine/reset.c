// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reset forensics: is a RST its supposed sender's own? It is held against what the same endpoint's other
 * packets looked like. A genuine RST of a dead socket has IP id 0 and window 0; one of an abort with
 * unread data looks like any other segment of its sender.
 */
#include <string.h>

#include "internal.h"

/* IP ids of one flow that lie further apart were not counted by one host within a handshake. */
#define IP_ID_FAR 4096

void nw_endpoint_saw(struct nw_conn_state *s, const struct nw_event *ev)
{
	struct nw_endpoint *p = &s->endpoint[ev->dir & 1];
	uint32_t end = ev->tcp.seq + ev->tcp.pay_len;

	if (!p->seen || nw_seq_diff(end, p->seq_end) > 0)
		p->seq_end = end;
	p->seen = true;
	p->ttl = ev->tcp.ttl;
	p->window = ev->tcp.window;
	p->ip_id = ev->tcp.ip_id;
}

static void grade(struct nw_reset *r)
{
	unsigned int strong = !!(r->signs & NW_SIGN_TTL) + !!(r->signs & NW_SIGN_TALKS_ON) +
			      !!(r->signs & NW_SIGN_SECOND_RST);
	unsigned int weak = !!(r->signs & NW_SIGN_WINDOW) + !!(r->signs & NW_SIGN_IP_ID) +
			    !!(r->signs & NW_SIGN_SEQUENCE);

	if (strong >= 2 || (strong && weak))
		r->forged = NW_FORGED_CERTAIN;
	else if (strong)
		r->forged = NW_FORGED_LIKELY;
	else
		r->forged = NW_FORGED_NO;
}

struct nw_reset *nw_reset_add(struct nw_conn *c, const struct nw_event *ev)
{
	const struct nw_endpoint *p = &c->state->endpoint[ev->dir & 1];
	struct nw_reset *r;
	unsigned int i;

	if (c->n_resets >= NW_RESETS_MAX)
		return NULL;
	r = &c->resets[c->n_resets++];
	*r = (struct nw_reset){ .ts = ev->ts, .frame = ev->frame, .by = ev->dir, .ttl = ev->tcp.ttl };
	if (!p->seen)
		return r;
	if (ev->tcp.ttl != p->ttl)
		r->signs |= NW_SIGN_TTL;
	/* Weak signs count beside a strong one only: windows and ids of honest hosts vary, too. */
	if (ev->tcp.ip_version == 4 && ev->tcp.ip_id && p->ip_id) {
		uint16_t ahead = ev->tcp.ip_id - p->ip_id;

		if (ahead > IP_ID_FAR && (uint16_t)-ahead > IP_ID_FAR)
			r->signs |= NW_SIGN_IP_ID;
	}
	if (ev->tcp.window && ev->tcp.window != p->window && !(ev->tcp.flags & 0x10))
		r->signs |= NW_SIGN_WINDOW;
	if (nw_seq_diff(ev->tcp.seq, p->seq_end) < 0)
		r->signs |= NW_SIGN_SEQUENCE;
	/* A genuine reset behind one with a foreign TTL shows the first to be foreign. */
	for (i = 0; i + 1 < c->n_resets; i++) {
		struct nw_reset *o = &c->resets[i];

		if (o->by == r->by && o->signs & NW_SIGN_TTL && r->ttl == p->ttl) {
			o->signs |= NW_SIGN_SECOND_RST;
			grade(o);
		}
	}
	grade(r);
	return r;
}

void nw_reset_alive(struct nw_conn *c, uint8_t by)
{
	unsigned int i;

	for (i = 0; i < c->n_resets; i++) {
		if (c->resets[i].by != by)
			continue;
		c->resets[i].signs |= NW_SIGN_TALKS_ON;
		grade(&c->resets[i]);
	}
}
