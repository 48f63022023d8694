// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Connections by the dice, packed and unpacked: all of each is there again, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/engine/internal.h"

#define CONNS 3000u

static uint64_t dice = 88172325463325252ULL;

static uint64_t roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

/* Mostly shortly after `from`, also before it, and none. */
static uint64_t some_time(uint64_t from)
{
	return !roll(4) ? 0 : roll(9) ? from + roll(1000000) : from - roll(1000);
}

static void bytes(void *to, size_t n)
{
	for (uint8_t *p = to; n--;)
		*p++ = (uint8_t)roll(256);
}

static void message(struct nw_params *p, uint64_t ts, bool request)
{
	if (!roll(5))
		return;
	p->ts = ts + roll(1000000);
	p->fingerprint = roll(3) ? 77 : roll(UINT64_MAX);
	p->message_id = roll(9);
	p->session_id = roll(3) ? 5 : roll(UINT64_MAX);
	p->capabilities = (uint32_t)roll(4);
	p->security_mode = (uint16_t)roll(4);
	bytes(p->guid, roll(2) ? 16 : 1);
	bytes(p->signature, roll(2) * 16);
	p->body = roll(2) * roll(UINT64_MAX);
	p->n_dialects = (uint16_t)(request ? roll(NW_DIALECTS_MAX + 2u) : 0);
	if (!p->n_dialects || !roll(4))
		return; /* it said how many, and they were not there */
	p->dialects = calloc(nw_min(p->n_dialects, NW_DIALECTS_MAX), sizeof(*p->dialects));
	assert_non_null(p->dialects);
	bytes(p->dialects, sizeof(*p->dialects) * nw_min(p->n_dialects, NW_DIALECTS_MAX));
}

static void exchange(struct nw_exchange *x, uint64_t ts)
{
	message(&x->request, ts, true);
	message(&x->response, ts, false);
	x->asked = some_time(ts);
	x->concluded = roll(2);
}

static struct nw_conn *some_conn(struct nw_record *r)
{
	uint64_t ts = 1000 * NW_NS_PER_S + roll(NW_NS_PER_S);
	const struct nw_event ev = { .ts = ts, .key = *nw_table_key(r), .type = NW_EV_FLOW };
	struct nw_conn *c = nw_conn_new(&ev, 1 + roll(UINT32_MAX), r);

	assert_non_null(c);
	for (uint64_t n = roll(3); n; n--)
		exchange(nw_conn_add_negotiate(c), ts);
	for (uint64_t n = roll(4); n; n--)
		exchange(nw_conn_add_validate(c), ts);
	for (uint32_t n = (uint32_t)roll(5); n; n--) {
		const struct nw_event step = { .ts = ts + roll(9000), .type = NW_EV_TREE_RSP, .msg_seq = n };

		assert_int_equal(nw_conn_step(c, &step), 0);
	}
	c->last_ts = some_time(ts);
	c->end.ts = some_time(ts);
	c->dialect = (uint16_t)roll(2);
	c->authenticated = roll(2);
	c->state->fin.ts = some_time(ts);
	c->state->closed_ts = some_time(ts);
	c->state->gap_ts = some_time(ts);
	c->state->unvalidated = some_time(ts);
	c->state->settle_due = some_time(ts + 10 * NW_NS_PER_S);
	message(&c->state->guess, ts, false);
	return c;
}

static void same_messages(struct nw_params *a, struct nw_params *b)
{
	assert_int_equal(!a->dialects, !b->dialects);
	if (a->dialects)
		assert_memory_equal(a->dialects, b->dialects,
				    nw_min(a->n_dialects, NW_DIALECTS_MAX) * sizeof(*a->dialects));
	free(a->dialects);
	free(b->dialects);
	a->dialects = b->dialects = NULL;
	assert_memory_equal(a, b, sizeof(*a));
}

static void same_exchanges(struct nw_exchange **a, struct nw_exchange **b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		same_messages(&(*a)[i].request, &(*b)[i].request);
		same_messages(&(*a)[i].response, &(*b)[i].response);
		assert_memory_equal(&(*a)[i], &(*b)[i], sizeof(**a));
	}
}

/* Takes both apart. */
static void same(struct nw_conn *a, struct nw_conn *b)
{
	same_exchanges(&a->negotiate, &b->negotiate, a->n_negotiate);
	same_exchanges(&a->validate, &b->validate, a->n_validate);
	same_messages(&a->state->guess, &b->state->guess);
	if (a->n_steps)
		assert_memory_equal(a->steps, b->steps, a->n_steps * sizeof(*a->steps));
	assert_memory_equal(a->state, b->state, sizeof(*a->state));
	/* Up to the pointers, and from there on what is no pointer */
	assert_memory_equal(a, b, offsetof(struct nw_conn, negotiate));
	assert_int_equal(a->n_steps, b->n_steps);
	assert_memory_equal(&a->end, &b->end, sizeof(a->end));
}

static void all_of_it(void **state)
{
	struct nw_table *table = NULL;
	struct nw_packer pk = { 0 };
	size_t models = 0;

	assert_int_equal(nw_table_new(&table, CONNS, sizeof(struct nw_record), 1, NULL, NULL), 0);
	for (uint32_t n = 0; n < CONNS; n++) {
		struct nw_key key = { .addr[0].w = { 0, 0, 0, n }, .addr[1].w = { 0, 0, 0, n % 90 } };
		struct nw_record *r = nw_table_put(table, &key);
		struct nw_conn *c = some_conn(r), *again;
		uint8_t *packed = nw_pack(&pk, c);

		assert_non_null(packed);
		assert_int_equal(nw_packed_id(&pk, packed), c->id);
		again = nw_unpack(&pk, packed, r);
		assert_non_null(again);
		same(c, again);
		nw_conn_free(c);
		nw_conn_free(again);
		free(packed);
	}
	for (unsigned int i = 0; i < NW_PACK_MODELS; i++)
		models += pk.model[i].like != 0;
	assert_int_equal(models, NW_PACK_MODELS); /* some had to do with another's */
	nw_packer_clear(&pk);
	nw_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_of_it) };

	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
