// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table's records: which lists they are on, and when a connection is packed or woken up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static struct nw_record *at(const struct nw_engine *e, uint32_t place)
{
	return nw_table_at(e->table, place);
}

bool nw_list_has(const struct nw_record *r, enum nw_list_id list)
{
	return r->lists & 1 << list;
}

void nw_list_add(struct nw_engine *e, enum nw_list_id list, struct nw_record *r)
{
	struct nw_list *l = &e->list[list];
	uint32_t place = nw_table_place(e->table, r);

	if (nw_list_has(r, list))
		return;
	r->lists |= 1 << list;
	r->link[list].prev = l->last;
	r->link[list].next = 0;
	*(l->last ? &at(e, l->last)->link[list].next : &l->first) = place;
	l->last = place;
	l->n++;
}

void nw_list_del(struct nw_engine *e, enum nw_list_id list, struct nw_record *r)
{
	struct nw_list *l = &e->list[list];
	uint32_t prev = r->link[list].prev, next = r->link[list].next;

	if (!nw_list_has(r, list))
		return;
	r->lists &= ~(1 << list);
	*(prev ? &at(e, prev)->link[list].next : &l->first) = next;
	*(next ? &at(e, next)->link[list].prev : &l->last) = prev;
	l->n--;
}

struct nw_record *nw_list_first(const struct nw_engine *e, enum nw_list_id list)
{
	return at(e, e->list[list].first);
}

struct nw_record *nw_list_next(const struct nw_engine *e, enum nw_list_id list, const struct nw_record *r)
{
	return at(e, r->link[list].next);
}

/* What waits for an answer may have had it among the lost. */
static void tell_losses(const struct nw_engine *e, struct nw_conn *c, uint32_t known)
{
	if (known == e->losses)
		return;
	c->unseen |= NW_UNSEEN_GAP;
	for (unsigned int i = 0; i < c->n_validate; i++)
		if (!c->validate[i].concluded)
			c->validate[i].near_gap = true;
}

void nw_record_hold(struct nw_engine *e, struct nw_record *r, struct nw_conn *c)
{
	r->conn = c;
	r->awake = true;
	nw_list_add(e, NW_LIST_AWAKE, r);
	e->awake++;
}

struct nw_conn *nw_record_wake(struct nw_engine *e, struct nw_record *r)
{
	if (!r->awake) {
		struct nw_conn *c = nw_unpack(&e->packer, r->packed, r);

		if (!c)
			return NULL;
		free(r->packed);
		nw_record_hold(e, r, c);
	}
	tell_losses(e, r->conn, r->losses);
	if (r->losses != e->losses)
		r->full = false;
	r->losses = e->losses;
	return r->conn;
}

void nw_record_note(struct nw_engine *e, struct nw_conn *c)
{
	struct nw_record *r = c->state->record;

	e->full -= r->full;
	r->full = nw_conn_observed(c) == NW_OBSERVED_FULL;
	e->full += r->full;
}

void nw_record_clear(struct nw_engine *e, struct nw_record *r)
{
	for (unsigned int list = 0; list < NW_LISTS; list++)
		nw_list_del(e, list, r);
	e->full -= r->full && r->losses == e->losses;
	r->full = false;
	if (r->awake) {
		e->awake--;
		nw_conn_release(e, r->conn);
	} else {
		free(r->packed);
	}
	r->packed = NULL;
	r->awake = false;
}

static void sleep(struct nw_engine *e, struct nw_record *r)
{
	uint8_t *packed;

	nw_list_del(e, NW_LIST_AWAKE, r);
	/* Bytes that a joiner holds have a bound of their own; without memory it is tried again. */
	packed = nw_conn_holds_bytes(r->conn) ? NULL : nw_pack(&e->packer, r->conn);
	if (!packed) {
		nw_list_add(e, NW_LIST_AWAKE, r);
		return;
	}
	nw_conn_free(r->conn);
	r->packed = packed;
	r->awake = false;
	e->awake--;
}

void nw_records_sleep(struct nw_engine *e)
{
	/* Those that can't sleep are passed by. */
	for (uint32_t tries = e->awake; tries && e->awake > e->cfg.max_awake; tries--)
		sleep(e, nw_list_first(e, NW_LIST_AWAKE));
}

uint64_t nw_record_id(const struct nw_engine *e, const struct nw_record *r)
{
	return r->awake ? r->conn->id : nw_packed_id(&e->packer, r->packed);
}

int nw_record_look(struct nw_engine *e, struct nw_record *r, int (*fn)(void *arg, const struct nw_conn *conn),
		   void *arg)
{
	struct nw_conn *c = r->awake ? r->conn : nw_unpack(&e->packer, r->packed, r);
	int err;

	if (!c)
		return -ENOMEM;
	tell_losses(e, c, r->losses);
	err = fn(arg, c);
	if (!r->awake)
		nw_conn_free(c);
	return err;
}
