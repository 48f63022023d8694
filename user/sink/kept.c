// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets by connection, in a bounded room that no client can take alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "../engine/table.h"
#include "../../bpf/wire/group.h"

/* Which of a connection's links */
enum among { ALL, CLIENT };

struct list {
	struct nw_kept *first, *last;
};

struct nw_kept_client {
	uint64_t bytes;
	struct list list[2]; /* oldest first; by `concluded` */
};

/* A place in each of the two tables. */
#define FLOW_COST                                                                                            \
	(uint32_t)(NW_TABLE_COST(sizeof(struct nw_kept)) + NW_TABLE_COST(sizeof(struct nw_kept_client)))

struct nw_kept_store {
	struct nw_table *flows, *clients;
	struct list list[2]; /* oldest first; by `concluded` */
	uint64_t max;
	struct nw_kept_stats stats;
	void (*leave)(void *arg, struct nw_kept *k);
	void *arg;
};

static void list_add(struct list *l, enum among a, struct nw_kept *k)
{
	k->link[a].prev = l->last;
	k->link[a].next = NULL;
	*(l->last ? &l->last->link[a].next : &l->first) = k;
	l->last = k;
}

static void list_del(struct list *l, enum among a, struct nw_kept *k)
{
	struct nw_kept *prev = k->link[a].prev, *next = k->link[a].next;

	*(prev ? &prev->link[a].next : &l->first) = next;
	*(next ? &next->link[a].prev : &l->last) = prev;
}

static void lists_add(struct nw_kept_store *s, struct nw_kept *k)
{
	list_add(&s->list[k->concluded], ALL, k);
	list_add(&k->client->list[k->concluded], CLIENT, k);
}

static void lists_del(struct nw_kept_store *s, struct nw_kept *k)
{
	list_del(&s->list[k->concluded], ALL, k);
	list_del(&k->client->list[k->concluded], CLIENT, k);
}

/* NULL: no memory. */
static struct nw_kept_client *client_of(struct nw_kept_store *s, const union nw_addr *addr)
{
	struct nw_key key = nw_group_key(addr);
	struct nw_kept_client *client = nw_table_get(s->clients, &key);

	return client ? client : nw_table_put(s->clients, &key);
}

void nw_kept_charge(struct nw_kept_store *s, struct nw_kept *k, uint32_t bytes)
{
	k->bytes += bytes;
	k->client->bytes += bytes;
	s->stats.bytes += bytes;
}

static void discharge(struct nw_kept_store *s, struct nw_kept *k, uint32_t bytes)
{
	k->bytes -= bytes;
	k->client->bytes -= bytes;
	s->stats.bytes -= bytes;
}

void nw_kept_drop(struct nw_kept_store *s, struct nw_kept *k)
{
	struct nw_snapshot *next;

	for (struct nw_snapshot *p = k->first; p; p = next) {
		next = p->next;
		free(p);
	}
	lists_del(s, k);
	discharge(s, k, k->bytes);
	if (!k->client->list[0].first && !k->client->list[1].first)
		nw_table_del(s->clients, k->client);
	s->stats.conns--;
	nw_table_del(s->flows, k);
}

static void make_room(struct nw_kept_store *s, struct nw_kept *k)
{
	s->stats.made_room += !k->concluded;
	s->leave(s->arg, k);
	nw_kept_drop(s, k);
}

/* The one that goes first; never `but`. NULL: there is no other. */
static struct nw_kept *oldest(const struct list list[2], enum among a, const struct nw_kept *but)
{
	for (int i = 1; i >= 0; i--) {
		struct nw_kept *k = list[i].first;

		if (k && k == but)
			k = k->link[a].next;
		if (k)
			return k;
	}
	return NULL;
}

/* Within the bounds again, without what was just added to. */
static void keep_bounds(struct nw_kept_store *s, const struct nw_kept *but)
{
	struct nw_kept *k;

	while (but && but->client->bytes > s->max / NW_KEPT_CLIENT_SHARE &&
	       (k = oldest(but->client->list, CLIENT, but)))
		make_room(s, k);
	while (s->stats.bytes > s->max && (k = oldest(s->list, ALL, but)))
		make_room(s, k);
}

int nw_kept_new(struct nw_kept_store **out, uint64_t max_bytes, uint64_t seed,
		void (*leave)(void *arg, struct nw_kept *k), void *arg)
{
	struct nw_kept_store *s = calloc(1, sizeof(*s));
	/* Bytes run out before places do. */
	uint32_t places = (uint32_t)(max_bytes / FLOW_COST + 2);
	int err;

	if (!s)
		return -ENOMEM;
	s->max = max_bytes;
	s->leave = leave;
	s->arg = arg;
	err = nw_table_new(&s->flows, places, sizeof(struct nw_kept), seed, NULL, NULL);
	if (!err)
		err = nw_table_new(&s->clients, places, sizeof(struct nw_kept_client), seed, NULL, NULL);
	if (err) {
		nw_table_free(&s->flows);
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void nw_kept_free(struct nw_kept_store **sp)
{
	struct nw_kept_store *s = *sp;
	struct nw_kept *k;

	if (!s)
		return;
	while ((k = oldest(s->list, ALL, NULL)))
		make_room(s, k);
	nw_table_free(&s->flows);
	nw_table_free(&s->clients);
	free(s);
	*sp = NULL;
}

struct nw_kept *nw_kept_get(struct nw_kept_store *s, const struct nw_conn *c)
{
	struct nw_kept *k = nw_table_get(s->flows, &c->key);

	return k && k->conn == c->id ? k : NULL;
}

static struct nw_kept *begin(struct nw_kept_store *s, const struct nw_conn *c)
{
	struct nw_kept *k = nw_table_get(s->flows, &c->key);

	/* A connection of the same ports that was never done */
	if (k)
		make_room(s, k);
	k = nw_table_put(s->flows, &c->key);
	if (!k)
		return NULL;
	k->client = client_of(s, nw_conn_addr(c, NW_C2S));
	if (!k->client) {
		nw_table_del(s->flows, k);
		return NULL;
	}
	k->conn = c->id;
	k->followed = c->syn_seen;
	lists_add(s, k);
	s->stats.conns++;
	nw_kept_charge(s, k, FLOW_COST);
	return k;
}

static bool is_negotiate(const struct nw_snapshot *p)
{
	return p->type == NW_EV_NEGOTIATE_REQ || p->type == NW_EV_NEGOTIATE_RSP;
}

/* The oldest that is no NEGOTIATE makes room; of NEGOTIATEs alone, the oldest. */
static void shorten(struct nw_kept_store *s, struct nw_kept *k)
{
	struct nw_snapshot **at = &k->first, *gone;

	while (*at && is_negotiate(*at))
		at = &(*at)->next;
	if (!*at)
		at = &k->first;
	gone = *at;
	*at = gone->next;
	discharge(s, k, (uint32_t)nw_snapshot_size(gone));
	free(gone);
	k->partial = true;
}

/* Told before: by the tap and by the joiner, or one of the many uses that the joiner reads. */
static bool is_known(const struct nw_kept *k, const struct nw_event *ev)
{
	const struct nw_snapshot *p;

	for (p = k->first; p; p = p->next) {
		bool same = p->type == ev->type && p->dir == ev->dir;

		if (same && ev->type == NW_EV_ENCRYPTED)
			return true;
		if (same && ev->msg_len && p->msg_seq == ev->msg_seq)
			return true;
		if (same && ev->type == NW_EV_USE && !p->next)
			return true;
	}
	return false;
}

/* Another event about a packet that is there. */
static bool is_there(struct nw_kept *k, const struct nw_event *ev)
{
	struct nw_snapshot *p;

	if (ev->type != NW_EV_FIN && ev->type != NW_EV_RST && ev->type != NW_EV_ALIVE)
		return false;
	for (p = k->first; p; p = p->next)
		if (!p->also && p->type != ev->type && nw_snapshot_is_of(p, ev)) {
			p->also = ev->type;
			return true;
		}
	return false;
}

struct nw_kept *nw_kept_add(struct nw_kept_store *s, const struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_kept *k = nw_kept_get(s, c);
	struct nw_snapshot *p, *like = NULL, **end;

	if (k && is_known(k, ev))
		return NULL;
	if (k && is_there(k, ev))
		return k;
	for (p = k ? k->first : NULL; p; p = p->next)
		like = p->dir == ev->dir ? p : like;
	p = nw_snapshot_new(ev, like);
	if (p && !k)
		k = begin(s, c);
	if (!p || !k) {
		free(p);
		if (k)
			k->partial = true;
		return NULL;
	}
	for (end = &k->first; *end; end = &(*end)->next)
		;
	*end = p;
	nw_kept_charge(s, k, (uint32_t)nw_snapshot_size(p));
	while (k->bytes > NW_KEPT_FLOW_MAX && k->first != p)
		shorten(s, k);
	keep_bounds(s, k);
	return k;
}

void nw_kept_conclude(struct nw_kept_store *s, struct nw_kept *k)
{
	if (k->concluded)
		return;
	lists_del(s, k);
	k->concluded = true;
	lists_add(s, k);
}

struct nw_kept_stats nw_kept_get_stats(const struct nw_kept_store *s)
{
	return s->stats;
}
