// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A connection that nothing happens to, as few bytes. Its parts are laid out one behind the other; what can
 * be told from other members is taken out of them: times count from the connection's beginning, an answer's
 * ids from its request's, an exchange is held against the one before it. What is left is held against the
 * parts of a model, and of the result, which is zeros for the most, only the others are written. No member
 * has to be named for being kept; one that is not treated in members() costs bytes, not truth.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum part { CONN, STATE, NEGOTIATE, VALIDATE, STEPS, RESETS, FINDINGS, DIALECTS };

_Static_assert(DIALECTS + 1 == NW_PACK_PARTS, "parts");

#define MODEL_MAX 4096

struct parts {
	uint32_t len[NW_PACK_PARTS];
	uint8_t *part[NW_PACK_PARTS];
};

static struct nw_conn *conn_of(const struct parts *p)
{
	return (struct nw_conn *)p->part[CONN];
}

/* Lengths of all parts but the dialects, which the others have to be read for. */
static void measure(struct parts *p, const struct nw_conn *c)
{
	const uint32_t len[NW_PACK_PARTS] = {
		[CONN] = sizeof(*c),
		[STATE] = sizeof(struct nw_conn_state),
		[NEGOTIATE] = c->n_negotiate * (uint32_t)sizeof(*c->negotiate),
		[VALIDATE] = c->n_validate * (uint32_t)sizeof(*c->validate),
		[STEPS] = c->n_steps * (uint32_t)sizeof(*c->steps),
		[RESETS] = c->n_resets * (uint32_t)sizeof(*c->resets),
		[FINDINGS] = c->n_findings * (uint32_t)sizeof(*c->findings),
	};

	memcpy(p->len, len, sizeof(len));
}

static uint32_t dialects_of(const struct nw_params *p)
{
	return p->dialects ? 2u * nw_min(p->n_dialects, NW_DIALECTS_MAX) : 0;
}

/* Exchange k: the NEGOTIATE pairs first. */
static struct nw_exchange *exchange(const struct parts *p, unsigned int k)
{
	unsigned int n = conn_of(p)->n_negotiate;

	return k < n ? (struct nw_exchange *)p->part[NEGOTIATE] + k :
		       (struct nw_exchange *)p->part[VALIDATE] + (k - n);
}

/* The k-th message that may have dialects; NULL behind the last. */
static struct nw_params *message(const struct parts *p, unsigned int k)
{
	unsigned int n = conn_of(p)->n_negotiate + conn_of(p)->n_validate;

	if (k == 2 * n)
		return &((struct nw_conn_state *)p->part[STATE])->guess;
	return k > 2 * n ? NULL : k % 2 ? &exchange(p, k / 2)->response : &exchange(p, k / 2)->request;
}

/* Zero stays zero: it says that there is none. The others become small, whether before or behind the base. */
static void time_out(uint64_t *t, uint64_t base)
{
	uint64_t d = *t - base;

	if (*t)
		*t = (d << 1 ^ -(d >> 63)) << 1 | 1;
}

static void time_in(uint64_t *t, uint64_t base)
{
	uint64_t d = *t >> 1;

	if (*t)
		*t = (d >> 1 ^ -(d & 1)) + base;
}

/* Or adds again: it is the same. Eight bytes at a time, because most of the time goes here. */
static void subtract(void *to, const void *from, size_t len)
{
	uint8_t *a = to;
	const uint8_t *b = from;
	uint64_t x, y;

	for (; len >= 8; len -= 8, a += 8, b += 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		x ^= y;
		memcpy(a, &x, 8);
	}
	while (len--)
		*a++ ^= *b++;
}

/* Members that others tell, taken out (time_out) or put in again; what is held against the one before
 * it, from the other end. */
static void members(const struct parts *p, void (*time)(uint64_t *t, uint64_t base))
{
	struct nw_conn *c = conn_of(p);
	struct nw_conn_state *s = (struct nw_conn_state *)p->part[STATE];
	struct nw_step *step = (struct nw_step *)p->part[STEPS];
	unsigned int n = c->n_negotiate + c->n_validate;
	bool out = time == time_out;

	time(&c->last_ts, c->first_ts);
	time(&c->end.ts, c->first_ts);
	time(&s->fin.ts, c->first_ts);
	time(&s->closed_ts, c->first_ts);
	time(&s->gap_ts, c->first_ts);
	time(&s->unvalidated, c->first_ts);
	time(&s->settle_due, c->first_ts);
	for (unsigned int i = 1; i < n && !out; i++)
		subtract(exchange(p, i), exchange(p, i - 1), sizeof(struct nw_exchange));
	for (unsigned int i = 0; i < n; i++) {
		struct nw_exchange *x = exchange(p, i);

		time(&x->request.ts, c->first_ts);
		time(&x->response.ts, c->first_ts);
		time(&x->asked, c->first_ts);
		x->response.message_id ^= x->request.message_id;
		x->response.session_id ^= x->request.session_id;
	}
	for (unsigned int i = n; i-- > 1 && out;)
		subtract(exchange(p, i), exchange(p, i - 1), sizeof(struct nw_exchange));
	for (unsigned int i = 0; i < c->n_steps; i++) {
		unsigned int k = out ? c->n_steps - 1u - i : i;

		time(&step[k].ts, c->first_ts);
		if (k)
			step[k].seq -= out ? step[k - 1].seq : -step[k - 1].seq;
	}
}

static void subtract_model(const struct parts *p, const struct nw_pack_model *m, enum part from, enum part to)
{
	for (enum part i = from; i <= to; i++)
		subtract(p->part[i], m->part[i], nw_min(p->len[i], m->len[i]));
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
static unsigned int model_of(const struct nw_packer *pk, const struct nw_conn *c)
{
	uint32_t like = likeness(c);

	for (uint32_t i = 0; i < NW_PACK_NEAR; i++) {
		const struct nw_pack_model *m = &pk->model[(like + i) % NW_PACK_MODELS];

		if (!m->like || m->like == like)
			return (like + i) % NW_PACK_MODELS;
	}
	return like % NW_PACK_MODELS;
}

/* The first of its kind becomes the model. */
static void offer_model(struct nw_pack_model *m, const struct parts *p, uint32_t like, uint32_t total)
{
	uint8_t *all;

	if (m->like || total > MODEL_MAX)
		return;
	all = malloc(total);
	if (!all)
		return;
	m->like = like;
	memcpy(all, p->part[CONN], total);
	memcpy(m->len, p->len, sizeof(m->len));
	for (enum part i = CONN; i < NW_PACK_PARTS; i++)
		m->part[i] = all + (p->part[i] - p->part[CONN]);
}

/* How many bytes from at on are zero, or are to be written: a single zero is, which is no dearer. */
static uint32_t zeros(const uint8_t *b, uint32_t at, uint32_t len)
{
	uint32_t i = at;
	uint64_t x;

	for (; i + 8 <= len; i += 8) {
		memcpy(&x, b + i, 8);
		if (x)
			break;
	}
	while (i < len && !b[i])
		i++;
	return i - at;
}

static uint32_t others(const uint8_t *b, uint32_t at, uint32_t len)
{
	uint32_t i = at;

	while (i < len && (b[i] || (i + 1 < len && b[i + 1])))
		i++;
	return i - at;
}

/* Of a half byte: 15 says that the rest follows, seven bits at a time. */
static uint8_t *put_rest(uint8_t *to, uint32_t n)
{
	if (n < 15)
		return to;
	for (n -= 15; n > 0x7f; n >>= 7)
		*to++ = (uint8_t)(n | 0x80);
	*to++ = (uint8_t)n;
	return to;
}

static const uint8_t *get_rest(const uint8_t *from, uint32_t *n)
{
	unsigned int shift = 0;

	if (*n < 15)
		return from;
	do
		*n += (*from & 0x7fu) << shift;
	while (shift += 7, *from++ & 0x80);
	return from;
}

/* Rows of: how many zeros and others (half a byte each), the others. At
 * worst a token and two more bytes for 143 of others: less than len / 64 + 8 longer. */
static uint8_t *squeeze(uint8_t *to, const uint8_t *b, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		uint32_t z = zeros(b, at, len), n = others(b, at + z, len);

		*to++ = (uint8_t)(nw_min(z, 15u) << 4 | nw_min(n, 15u));
		to = put_rest(put_rest(to, z), n);
		memcpy(to, b + at + z, n);
		to += n;
		at += z + n;
	}
	return to;
}

struct squeezed {
	const uint8_t *p;
	uint32_t z, n; /* of the row at hand, still to come */
};

static void expand(struct squeezed *s, uint8_t *to, uint32_t len)
{
	for (uint32_t k; len; len -= k, to += k) {
		if (!s->z && !s->n) {
			s->z = *s->p >> 4;
			s->n = *s->p++ & 15;
			s->p = get_rest(get_rest(s->p, &s->z), &s->n);
		}
		k = nw_min(s->z ? s->z : s->n, len);
		if (s->z) {
			memset(to, 0, k);
			s->z -= k;
		} else {
			memcpy(to, s->p, k);
			s->p += k;
			s->n -= k;
		}
	}
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
static void lay_out(struct parts *p, const struct nw_conn *c, uint8_t *to)
{
	const void *from[NW_PACK_PARTS] = { c,	      c->state,	 c->negotiate, c->validate,
					    c->steps, c->resets, c->findings };
	struct nw_params *m;
	uint8_t *dialects;

	for (enum part i = CONN; i < NW_PACK_PARTS; i++) {
		p->part[i] = to;
		if (i != DIALECTS && p->len[i])
			memcpy(to, from[i], p->len[i]);
		to += (p->len[i] + 7) & ~7u;
	}
	dialects = p->part[DIALECTS];
	for (unsigned int k = 0; (m = message(p, k)); k++) {
		uint32_t n = dialects_of(m);

		if (n)
			memcpy(dialects, m->dialects, n);
		dialects += n;
		m->dialects = n ? (void *)1 : NULL;
	}
	memset(&conn_of(p)->key, 0, sizeof(c->key));
	conn_of(p)->state = NULL;
	conn_of(p)->negotiate = conn_of(p)->validate = NULL;
	conn_of(p)->steps = NULL;
	conn_of(p)->resets = NULL;
	conn_of(p)->findings = NULL;
	((struct nw_conn_state *)p->part[STATE])->record = NULL;
}

static uint32_t measure_all(struct parts *p, const struct nw_conn *c)
{
	uint32_t total = 0, i;

	measure(p, c);
	p->len[DIALECTS] = dialects_of(&c->state->guess);
	for (i = 0; i < c->n_negotiate; i++)
		p->len[DIALECTS] +=
			dialects_of(&c->negotiate[i].request) + dialects_of(&c->negotiate[i].response);
	for (i = 0; i < c->n_validate; i++)
		p->len[DIALECTS] +=
			dialects_of(&c->validate[i].request) + dialects_of(&c->validate[i].response);
	for (i = 0; i < NW_PACK_PARTS; i++)
		total += (p->len[i] + 7) & ~7u;
	return total;
}

uint8_t *nw_pack(struct nw_packer *pk, const struct nw_conn *c)
{
	struct parts p;
	uint32_t total = measure_all(&p, c);
	unsigned int which = model_of(pk, c);
	struct nw_pack_model *m = &pk->model[which];
	uint8_t *work = work_space(pk, total), *to, *end, *packed;

	if (!work)
		return NULL;
	memset(work, 0, total);
	lay_out(&p, c, work);
	members(&p, time_out);
	offer_model(m, &p, likeness(c), total);
	to = end = work + total;
	*end++ = m->part[CONN] ? (uint8_t)which : NW_PACK_MODELS;
	if (m->part[CONN])
		subtract_model(&p, m, CONN, DIALECTS);
	/* Without the padding between the parts */
	for (enum part i = CONN; i < NW_PACK_PARTS; i++) {
		memmove(work, p.part[i], p.len[i]);
		work += p.len[i];
	}
	end = squeeze(end, pk->work, (uint32_t)(work - pk->work));
	packed = malloc((size_t)(end - to));
	if (packed)
		memcpy(packed, to, (size_t)(end - to));
	return packed;
}

/* One allocation for each part but the state, as when they grew. */
static bool allocate(struct parts *p, struct nw_conn *c)
{
	measure(p, c);
	c->negotiate = p->len[NEGOTIATE] ? calloc(1, p->len[NEGOTIATE]) : NULL;
	c->validate = p->len[VALIDATE] ? calloc(1, p->len[VALIDATE]) : NULL;
	c->steps = p->len[STEPS] ? calloc(NW_STEPS_ROOM(c->n_steps), sizeof(*c->steps)) : NULL;
	c->resets = p->len[RESETS] ? calloc(NW_RESETS_MAX, sizeof(*c->resets)) : NULL;
	c->findings = p->len[FINDINGS] ? calloc(1, p->len[FINDINGS]) : NULL;
	p->part[NEGOTIATE] = (uint8_t *)c->negotiate;
	p->part[VALIDATE] = (uint8_t *)c->validate;
	p->part[STEPS] = (uint8_t *)c->steps;
	p->part[RESETS] = (uint8_t *)c->resets;
	p->part[FINDINGS] = (uint8_t *)c->findings;
	for (enum part i = STATE; i < DIALECTS; i++)
		if (p->len[i] && !p->part[i])
			return false;
	return true;
}

/* The messages know how many dialects they have, which come last. */
static bool take_dialects(struct parts *p, const struct nw_pack_model *model, struct squeezed *s)
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
		expand(s, (uint8_t *)all, n);
		if (model && at < model->len[DIALECTS])
			subtract(all, model->part[DIALECTS] + at, nw_min(n, model->len[DIALECTS] - at));
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
	struct squeezed s = { .p = packed + 1 };
	uint64_t id;

	expand(&s, head, sizeof(head));
	if (m)
		subtract(head, m->part[CONN], sizeof(head));
	memcpy(&id, head + offsetof(struct nw_conn, id), sizeof(id));
	return id;
}

struct nw_conn *nw_unpack(struct nw_packer *pk, const uint8_t *packed, struct nw_record *r)
{
	const struct nw_pack_model *m = packed_by(pk, packed);
	struct squeezed s = { .p = packed + 1 };
	struct nw_conn *c = nw_conn_alloc(r);
	struct nw_conn_state *state = c ? c->state : NULL;
	struct parts p = { .len[CONN] = sizeof(*c),
			   .part = { [CONN] = (uint8_t *)c, [STATE] = (uint8_t *)state } };

	pk->unpacked++;
	if (!c)
		return NULL;
	c->state = NULL; /* as it was packed */
	expand(&s, p.part[CONN], p.len[CONN]);
	if (m)
		subtract_model(&p, m, CONN, CONN);
	c->state = state;
	if (!allocate(&p, c)) {
		c->n_negotiate = c->n_validate = 0;
		nw_conn_free(c);
		return NULL;
	}
	for (enum part i = STATE; i < DIALECTS; i++)
		expand(&s, p.part[i], p.len[i]);
	if (m)
		subtract_model(&p, m, STATE, FINDINGS);
	members(&p, time_in);
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
		free(pk->model[i].part[CONN]);
	free(pk->work);
	*pk = (struct nw_packer){ 0 };
}
