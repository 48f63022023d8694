// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A connection that nothing happens to, as few bytes. Its parts are laid out one behind the other; what can
 * be told from other members is taken out of them (pack_members.c). What is left is held against the parts of
 * a model, and of the result, which is zeros for the most, only the others are written (squeeze.c). No member
 * has to be named for being kept; one that is not taken out costs bytes, not truth.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "squeeze.h"

#define MODEL_MAX 4096

/* Lengths of all parts but the dialects, which the others have to be read for. */
static void measure(struct nw_parts *p, const struct nw_conn *c)
{
	const uint32_t len[NW_PARTS] = {
		[NW_PART_CONN] = sizeof(*c),
		[NW_PART_STATE] = sizeof(struct nw_conn_state),
		[NW_PART_NEGOTIATE] = c->n_negotiate * (uint32_t)sizeof(*c->negotiate),
		[NW_PART_VALIDATE] = c->n_validate * (uint32_t)sizeof(*c->validate),
		[NW_PART_STEPS] = c->n_steps * (uint32_t)sizeof(*c->steps),
		[NW_PART_RESETS] = c->n_resets * (uint32_t)sizeof(*c->resets),
		[NW_PART_FINDINGS] = c->n_findings * (uint32_t)sizeof(*c->findings),
	};

	memcpy(p->len, len, sizeof(len));
}

static uint32_t dialects_of(const struct nw_params *p)
{
	return p->dialects ? 2u * nw_min(p->n_dialects, NW_DIALECTS_MAX) : 0;
}

/* The k-th message that may have dialects; NULL behind the last. */
static struct nw_params *message(const struct nw_parts *p, unsigned int k)
{
	unsigned int n = nw_part_conn(p)->n_negotiate + nw_part_conn(p)->n_validate;

	if (k == 2 * n)
		return &((struct nw_conn_state *)p->part[NW_PART_STATE])->guess;
	return k > 2 * n ? NULL :
	       k % 2	 ? &nw_part_exchange(p, k / 2)->response :
			   &nw_part_exchange(p, k / 2)->request;
}

static void subtract_model(const struct nw_parts *p, const struct nw_pack_model *m, enum nw_part from,
			   enum nw_part to)
{
	for (enum nw_part i = from; i <= to; i++)
		nw_subtract(p->part[i], m->part[i], nw_min(p->len[i], m->len[i]));
}

/* What goes to the same server by the same dialect, and came as far, is alike. Never 0. */
static uint32_t likeness(const struct nw_conn *c)
{
	const union nw_addr *a = nw_conn_addr(c, NW_S2C);
	uint64_t far = (uint64_t)c->dialect << 8 | (uint64_t)c->authenticated << 7 |
		       (uint64_t)c->tree_connected << 6 | nw_min(c->n_validate, 3u) << 4 |
		       nw_min(c->n_negotiate, 3u) << 2 | !!c->end.how;

	return (uint32_t)((a->d[0] ^ a->d[1] ^ far << 32) * 0x9e3779b97f4a7c15ULL >> 32) | 1;
}

/* The model of its kind; or a place that is free for one; or, where all near are taken, another's. */
static unsigned int model_of(const struct nw_packer *pk, uint32_t like)
{
	for (uint32_t i = 0; i < NW_PACK_NEAR; i++) {
		const struct nw_pack_model *m = &pk->model[(like + i) % NW_PACK_MODELS];

		if (!m->like || m->like == like)
			return (like + i) % NW_PACK_MODELS;
	}
	return like % NW_PACK_MODELS;
}

/* The first of its kind becomes the model. */
static void offer_model(struct nw_pack_model *m, const struct nw_parts *p, uint32_t like, uint32_t total)
{
	uint8_t *all;

	if (m->like || total > MODEL_MAX)
		return;
	all = malloc(total);
	if (!all)
		return;
	m->like = like;
	memcpy(all, p->part[NW_PART_CONN], total);
	memcpy(m->len, p->len, sizeof(m->len));
	for (enum nw_part i = NW_PART_CONN; i < NW_PARTS; i++)
		m->part[i] = all + (p->part[i] - p->part[NW_PART_CONN]);
}

/* Room for the parts, and for what becomes of them. */
static uint8_t *work_space(struct nw_packer *pk, uint32_t total)
{
	size_t room = 2 * (size_t)total + total / 64 + 16;
	uint8_t *grown;

	if (room > pk->room) {
		grown = realloc(pk->work, room);
		if (!grown)
			return NULL;
		pk->work = grown;
		pk->room = room;
	}
	return pk->work;
}

/* Copies the parts to `to`; pointers are left out, but for whether a message has dialects. */
static void lay_out(struct nw_parts *p, const struct nw_conn *c, uint8_t *to)
{
	const void *from[NW_PARTS] = { c,	 c->state,  c->negotiate, c->validate,
				       c->steps, c->resets, c->findings };
	struct nw_params *m;
	uint8_t *dialects;

	for (enum nw_part i = NW_PART_CONN; i < NW_PARTS; i++) {
		p->part[i] = to;
		if (i != NW_PART_DIALECTS && p->len[i])
			memcpy(to, from[i], p->len[i]);
		to += (p->len[i] + 7) & ~7u;
	}
	dialects = p->part[NW_PART_DIALECTS];
	for (unsigned int k = 0; (m = message(p, k)); k++) {
		uint32_t n = dialects_of(m);

		if (n)
			memcpy(dialects, m->dialects, n);
		dialects += n;
		m->dialects = n ? (void *)1 : NULL;
	}
	memset(&nw_part_conn(p)->key, 0, sizeof(c->key));
	nw_part_conn(p)->state = NULL;
	nw_part_conn(p)->negotiate = nw_part_conn(p)->validate = NULL;
	nw_part_conn(p)->steps = NULL;
	nw_part_conn(p)->resets = NULL;
	nw_part_conn(p)->findings = NULL;
	((struct nw_conn_state *)p->part[NW_PART_STATE])->record = NULL;
	((struct nw_conn_state *)p->part[NW_PART_STATE])->awake = (struct nw_link){ 0 };
}

static uint32_t measure_all(struct nw_parts *p, const struct nw_conn *c)
{
	uint32_t total = 0, i;

	measure(p, c);
	p->len[NW_PART_DIALECTS] = dialects_of(&c->state->guess);
	for (i = 0; i < c->n_negotiate; i++)
		p->len[NW_PART_DIALECTS] +=
			dialects_of(&c->negotiate[i].request) + dialects_of(&c->negotiate[i].response);
	for (i = 0; i < c->n_validate; i++)
		p->len[NW_PART_DIALECTS] +=
			dialects_of(&c->validate[i].request) + dialects_of(&c->validate[i].response);
	for (i = 0; i < NW_PARTS; i++)
		total += (p->len[i] + 7) & ~7u;
	return total;
}

uint8_t *nw_pack(struct nw_packer *pk, const struct nw_conn *c)
{
	struct nw_parts p;
	uint32_t total = measure_all(&p, c), like = likeness(c);
	unsigned int which = model_of(pk, like);
	struct nw_pack_model *m = &pk->model[which];
	uint8_t *work = work_space(pk, total), *to, *end, *packed;

	if (!work)
		return NULL;
	memset(work, 0, total);
	lay_out(&p, c, work);
	nw_parts_members(&p, true);
	offer_model(m, &p, like, total);
	to = end = work + total;
	*end++ = m->part[NW_PART_CONN] ? (uint8_t)which : NW_PACK_MODELS;
	if (m->part[NW_PART_CONN])
		subtract_model(&p, m, NW_PART_CONN, NW_PART_DIALECTS);
	/* Without the padding between the parts */
	for (enum nw_part i = NW_PART_CONN; i < NW_PARTS; i++) {
		memmove(work, p.part[i], p.len[i]);
		work += p.len[i];
	}
	end = nw_squeeze(end, pk->work, (uint32_t)(work - pk->work));
	packed = malloc((size_t)(end - to));
	if (packed)
		memcpy(packed, to, (size_t)(end - to));
	return packed;
}

/* One allocation for each part but the state, as when they grew. */
static bool allocate(struct nw_parts *p, struct nw_conn *c)
{
	measure(p, c);
	c->negotiate = p->len[NW_PART_NEGOTIATE] ? calloc(1, p->len[NW_PART_NEGOTIATE]) : NULL;
	c->validate = p->len[NW_PART_VALIDATE] ? calloc(1, p->len[NW_PART_VALIDATE]) : NULL;
	c->steps = p->len[NW_PART_STEPS] ? calloc(NW_STEPS_ROOM(c->n_steps), sizeof(*c->steps)) : NULL;
	c->resets = p->len[NW_PART_RESETS] ? calloc(NW_RESETS_MAX, sizeof(*c->resets)) : NULL;
	c->findings = p->len[NW_PART_FINDINGS] ? calloc(1, p->len[NW_PART_FINDINGS]) : NULL;
	p->part[NW_PART_NEGOTIATE] = (uint8_t *)c->negotiate;
	p->part[NW_PART_VALIDATE] = (uint8_t *)c->validate;
	p->part[NW_PART_STEPS] = (uint8_t *)c->steps;
	p->part[NW_PART_RESETS] = (uint8_t *)c->resets;
	p->part[NW_PART_FINDINGS] = (uint8_t *)c->findings;
	for (enum nw_part i = NW_PART_STATE; i < NW_PART_DIALECTS; i++)
		if (p->len[i] && !p->part[i])
			return false;
	return true;
}

/* The messages know how many dialects they have, which come last. */
static bool take_dialects(struct nw_parts *p, const struct nw_pack_model *model, struct nw_squeezed *s)
{
	uint16_t all[NW_DIALECTS_MAX];
	struct nw_params *m;
	uint32_t at = 0;
	bool ok = true;

	for (unsigned int k = 0; (m = message(p, k)); k++) {
		uint32_t n = dialects_of(m);

		m->dialects = NULL;
		if (!n)
			continue;
		nw_expand(s, (uint8_t *)all, n);
		if (model && at < model->len[NW_PART_DIALECTS])
			nw_subtract(all, model->part[NW_PART_DIALECTS] + at,
				    nw_min(n, model->len[NW_PART_DIALECTS] - at));
		at += n;
		m->dialects = malloc(n);
		if (m->dialects)
			memcpy(m->dialects, all, n);
		ok &= m->dialects != NULL;
	}
	return ok;
}

static const struct nw_pack_model *packed_by(const struct nw_packer *pk, const uint8_t *packed)
{
	return *packed < NW_PACK_MODELS ? &pk->model[*packed] : NULL;
}

uint64_t nw_packed_id(const struct nw_packer *pk, const uint8_t *packed)
{
	const struct nw_pack_model *m = packed_by(pk, packed);
	uint8_t head[offsetof(struct nw_conn, id) + sizeof(uint64_t)];
	struct nw_squeezed s = { .p = packed + 1 };
	uint64_t id;

	nw_expand(&s, head, sizeof(head));
	if (m)
		nw_subtract(head, m->part[NW_PART_CONN], sizeof(head));
	memcpy(&id, head + offsetof(struct nw_conn, id), sizeof(id));
	return id;
}

struct nw_conn *nw_unpack(struct nw_packer *pk, const uint8_t *packed, struct nw_record *r)
{
	const struct nw_pack_model *m = packed_by(pk, packed);
	struct nw_squeezed s = { .p = packed + 1 };
	struct nw_conn *c = nw_conn_alloc(r);
	struct nw_conn_state *state = c ? c->state : NULL;
	struct nw_parts p = { .len[NW_PART_CONN] = sizeof(*c),
			      .part = { [NW_PART_CONN] = (uint8_t *)c, [NW_PART_STATE] = (uint8_t *)state } };

	pk->unpacked++;
	if (!c)
		return NULL;
	c->state = NULL; /* as it was packed */
	nw_expand(&s, p.part[NW_PART_CONN], p.len[NW_PART_CONN]);
	if (m)
		subtract_model(&p, m, NW_PART_CONN, NW_PART_CONN);
	c->state = state;
	if (!allocate(&p, c)) {
		c->n_negotiate = c->n_validate = 0;
		nw_conn_free(c);
		return NULL;
	}
	for (enum nw_part i = NW_PART_STATE; i < NW_PART_DIALECTS; i++)
		nw_expand(&s, p.part[i], p.len[i]);
	if (m)
		subtract_model(&p, m, NW_PART_STATE, NW_PART_FINDINGS);
	nw_parts_members(&p, false);
	c->key = *nw_table_key(r);
	c->state->record = r;
	if (take_dialects(&p, m, &s))
		return c;
	nw_conn_free(c);
	return NULL;
}

void nw_packer_clear(struct nw_packer *pk)
{
	for (unsigned int i = 0; i < NW_PACK_MODELS; i++)
		free(pk->model[i].part[NW_PART_CONN]);
	free(pk->work);
	*pk = (struct nw_packer){ 0 };
}
