// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Conversations by the dice: dialects, identities, SMB1 starts, sessions, trees, VALIDATEs, errors,
 * encryption. */
#include <string.h>

#include "flows.h"

static const uint16_t dialects[] = { 0x0202, 0x0210, 0x0300, 0x0302, 0x0311 };

void flows_clear(struct talk *t)
{
	for (unsigned int i = 0; i < t->n; i++)
		memset(t->msg[i].bytes, 0, t->msg[i].len);
	t->n = 0;
}

static struct talk_msg *last(struct talk *t)
{
	return &t->msg[t->n - 1];
}

/* n more bytes of anything behind the message: contexts, file data */
static void longer(struct dice *d, struct talk_msg *m, uint32_t n)
{
	uint32_t len = m->len - 4 + n;

	for (uint32_t i = m->len; i < m->len + n; i++)
		m->bytes[i] = (uint8_t)roll_blind(d, 256);
	m->len += n;
	m->bytes[1] = len >> 16;
	m->bytes[2] = len >> 8;
	m->bytes[3] = (uint8_t)len;
}

static void client(struct dice *d, struct talk_params *p)
{
	memset(p, 0, sizeof(*p));
	p->capabilities = roll(d, 4) ? 0x7f : roll(d, 1 << 16);
	p->mode = roll(d, 4) ? 1 + roll(d, 3) : roll(d, 65536);
	p->guid0 = roll(d, 256);
	while (!p->n_dialects)
		for (unsigned int i = 0; i < 5; i++)
			if (roll(d, 4) && (i < 4 || !roll(d, 3)))
				p->dialects[p->n_dialects++] = dialects[i];
	if (!roll(d, 10)) { /* in another order */
		uint16_t first = p->dialects[0];

		p->dialects[0] = p->dialects[p->n_dialects - 1];
		p->dialects[p->n_dialects - 1] = first;
	}
	while (!roll(d, 40) && p->n_dialects < 70)
		for (unsigned int i = roll(d, 70 - p->n_dialects) + 1; i; i--)
			p->dialects[p->n_dialects++] = 0x0220 + roll(d, 64);
}

static void server(struct dice *d, struct talk_params *p, const struct talk_params *c)
{
	memset(p, 0, sizeof(*p));
	p->capabilities = roll(d, 4) ? 0x4f : roll(d, 1 << 16);
	p->mode = 1 + roll(d, 3);
	p->guid0 = roll(d, 256);
	for (unsigned int i = 0; i < c->n_dialects; i++)
		for (unsigned int k = 0; k < 5; k++)
			if (c->dialects[i] == dialects[k] && dialects[k] > p->dialect)
				p->dialect = dialects[k];
	if (!p->dialect)
		p->dialect = 0x0202;
}

/* One change of the kind that boxes make; the two are never equal afterwards. */
static void tamper(struct dice *d, struct talk_params *p, bool request)
{
	switch (roll(d, 4)) {
	case 0:
		p->capabilities ^= 1u << roll(d, 16);
		break;
	case 1:
		p->guid0 ^= 1u << roll(d, 8);
		break;
	case 2:
		p->mode ^= 1u << roll(d, 16);
		break;
	default:
		if (!request)
			p->dialect = p->dialect == 0x0202 ? 0x0210 : 0x0202;
		else if (p->n_dialects > 1)
			p->n_dialects--;
		else
			p->dialects[0] ^= 0x0010;
	}
}

static void traffic(struct dice *d, struct talk *t, uint64_t *mid)
{
	static const uint16_t commands[] = { 5, 8, 9, 14, 16, 6, 13 };

	for (unsigned int i = roll(d, 3); i && t->n < TALK_MSGS_MAX - 14; i--) {
		uint16_t command = commands[roll(d, 7)];

		talk_command(t, NW_C2S, command, ++*mid, 4 + roll(d, 90));
		if (!roll(d, 6))
			longer(d, last(t), roll(d, 5000));
		talk_command(t, NW_S2C, command, *mid, 4 + roll(d, 90));
		if (!roll(d, 6))
			longer(d, last(t), roll(d, 5000));
	}
}

static void encrypted(struct dice *d, struct talk *t, enum nw_dir_id dir)
{
	struct talk_msg *m = talk_add(t, dir);

	memcpy(m->bytes + 4, "\xfdSMB", 4);
	m->len = 8;
	longer(d, m, 100 + roll(d, 200));
}

/* One VALIDATE. Tampered flows have an answer that shows it. */
static void validate(struct dice *d, struct talk *t, const struct talk_params *q, const struct talk_params *r,
		     uint64_t mid, enum tampered tampered)
{
	static const uint32_t errors[] = { 0xc0000128, 0xc0000010, 0xc00000bb, 0xc000000d, 0xc0000022 };
	bool success = tampered == RESPONSE_TAMPERED || roll(d, 6);

	bool compound = !roll(d, 12);

	if (compound)
		talk_command(t, NW_C2S, 13, mid + 1000, 4);
	talk_validate_req(t, q, mid, roll(d, 8) ? 0 : 8 * roll(d, 100));
	if (compound)
		talk_compound(t);
	if (tampered != REQUEST_TAMPERED || roll(d, 2))
		talk_validate_rsp(t, r, mid, success ? 0 : errors[roll(d, 5)], tampered != ANSWER_UNSIGNED);
}

static uint64_t start(struct dice *d, struct talk *t, const struct talk_params *q,
		      const struct talk_params *r)
{
	struct talk_params wildcard = *r;
	uint64_t mid = 0;

	if (!roll(d, 20))
		talk_netbios(t);
	if (!roll(d, 6)) {
		talk_smb1(t);
		wildcard.dialect = 0x02ff;
		talk_negotiate_rsp(t, &wildcard, mid++);
	}
	talk_negotiate_req(t, q, mid);
	if (r->dialect == 0x0311 || !roll(d, 10))
		longer(d, last(t), 8 * roll(d, 16));
	talk_negotiate_rsp(t, r, mid);
	if (r->dialect == 0x0311)
		longer(d, last(t), 8 * roll(d, 16));
	return mid;
}

void flows_talk(struct dice *d, struct talk *t, enum tampered tampered)
{
	struct talk_params q, r, seen_q, seen_r;
	unsigned int trees = 1 + roll(d, 3);
	uint64_t mid;

	client(d, &q);
	server(d, &r, &q);
	if (tampered && r.dialect == 0x0311)
		r.dialect = 0x0302;
	seen_q = q;
	seen_r = r;
	if (tampered == REQUEST_TAMPERED)
		tamper(d, &seen_q, true);
	if (tampered == RESPONSE_TAMPERED)
		tamper(d, &seen_r, false);
	if (!tampered && !roll(d, 20)) { /* an SMB1 start that ends at 2.0.2: there is no request */
		talk_smb1(t);
		r.dialect = 0x0202;
		talk_negotiate_rsp(t, &r, 0);
		q = (struct talk_params){ .dialects = { 0x0202 }, .n_dialects = 1 };
		mid = 0;
	} else {
		mid = start(d, t, &seen_q, &seen_r);
	}
	for (unsigned int sessions = 1 + !roll(d, 8); sessions; sessions--) {
		talk_session(t, ++mid, roll(d, 10) ? 0 : 1, roll(d, 10));
		if (!tampered && !roll(d, 10))
			encrypted(d, t, roll(d, 2));
	}
	for (unsigned int i = 0; i < trees; i++) {
		talk_tree(t, ++mid);
		if (!i || roll(d, 4))
			validate(d, t, &q, &r, ++mid, tampered);
		traffic(d, t, &mid);
	}
	if (!roll(d, 3))
		talk_command(t, NW_C2S, 2, ++mid, 4);
	t->end = roll(d, 4);
}
