// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of values by flow key: chained hash, a list in order of use, a list in order of insertion. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "../../bpf/wire/stream.h"

/* Links are places: half of a pointer's size. */
struct node {
	uint32_t chain; /* also of the free ones */
	uint32_t hash;
	uint32_t use_prev, use_next; /* idlest first */
	uint32_t ins_prev, ins_next; /* oldest first */
	struct nw_key key;
	/* Values hold 64-bit members. */
	_Alignas(8) unsigned char value[];
};

#define LINE 64u

_Static_assert(sizeof(struct node) == NW_TABLE_NODE, "what a place costs beside its value");
_Static_assert(sizeof(struct node) >= LINE, "a place more is room to align");

struct nw_table {
	unsigned char *nodes; /* max of them, and one in front that stands for "none"; from a cache line's
				 beginning */
	void *memory;	      /* where they are */
	size_t node_size;
	uint32_t *bucket;
	uint32_t buckets;
	uint32_t max;
	uint32_t count;
	uint32_t used; /* places that were ever taken */
	uint32_t unused;
	__u64 by[NW_HOME_WORDS]; /* for nw_row_at() */
	nw_table_evict_fn evict;
	void *arg;
	uint32_t idlest, latest;
	uint32_t oldest, newest;
};

static struct node *at(const struct nw_table *t, uint32_t place)
{
	return (struct node *)(t->nodes + place * t->node_size);
}

static struct node *node_of(const void *value)
{
	return (struct node *)((unsigned char *)(uintptr_t)value - offsetof(struct node, value));
}

static uint32_t place_of(const struct nw_table *t, const struct node *n)
{
	return (uint32_t)((size_t)((const unsigned char *)n - t->nodes) / t->node_size);
}

/* Numbers that only who has the seed knows (splitmix64). They are odd: no bit of a key is lost by
 * multiplying. */
static void spread(__u64 by[NW_HOME_WORDS], uint64_t seed)
{
	for (int i = 0; i < NW_HOME_WORDS; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
		by[i] = (z ^ z >> 31) | 1;
	}
}

/* The bucket follows from it: see bucket_of(). */
static uint32_t hash_key(const struct nw_table *t, const struct nw_key *key)
{
	const struct nw_ident id = nw_ident_of(key);

	return nw_row_at(t->by, UINT32_MAX, &id);
}

static uint32_t *bucket_of(const struct nw_table *t, uint32_t hash)
{
	return &t->bucket[(uint64_t)hash * t->buckets >> 32];
}

int nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
		 nw_table_evict_fn evict, void *arg)
{
	struct nw_table *t;
	uint32_t buckets = 64;

	if (!max || max > 1u << 28)
		return -EINVAL;
	while (buckets < max)
		buckets <<= 1;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->buckets = buckets;
	t->max = max;
	t->node_size = NW_TABLE_COST(value_size) - NW_TABLE_BUCKETS;
	spread(t->by, seed);
	t->evict = evict;
	t->arg = arg;
	t->bucket = calloc(buckets, sizeof(*t->bucket));
	t->memory = calloc((size_t)max + 2, t->node_size);
	t->nodes = (unsigned char *)(((uintptr_t)t->memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
	if (!t->bucket || !t->memory) {
		nw_table_free(&t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void nw_table_free(struct nw_table **tp)
{
	struct nw_table *t = *tp;

	if (!t)
		return;
	free(t->memory);
	free(t->bucket);
	free(t);
	*tp = NULL;
}

static void use_unlink(struct nw_table *t, const struct node *n)
{
	*(n->use_prev ? &at(t, n->use_prev)->use_next : &t->idlest) = n->use_next;
	*(n->use_next ? &at(t, n->use_next)->use_prev : &t->latest) = n->use_prev;
}

static void use_append(struct nw_table *t, struct node *n, uint32_t place)
{
	n->use_prev = t->latest;
	n->use_next = 0;
	*(t->latest ? &at(t, t->latest)->use_next : &t->idlest) = place;
	t->latest = place;
}

static uint32_t find(const struct nw_table *t, const struct nw_key *key)
{
	uint32_t h = hash_key(t, key), place = *bucket_of(t, h);

	while (place && (at(t, place)->hash != h || memcmp(&at(t, place)->key, key, sizeof(*key))))
		place = at(t, place)->chain;
	return place;
}

static void use(struct nw_table *t, uint32_t place)
{
	if (place == t->latest)
		return;
	use_unlink(t, at(t, place));
	use_append(t, at(t, place), place);
}

void nw_table_use(struct nw_table *t, void *value)
{
	use(t, place_of(t, node_of(value)));
}

void *nw_table_get(struct nw_table *t, const struct nw_key *key)
{
	uint32_t place = find(t, key);

	if (place)
		use(t, place);
	return nw_table_at(t, place);
}

void *nw_table_peek(const struct nw_table *t, const struct nw_key *key)
{
	return nw_table_at(t, find(t, key));
}

void nw_table_del(struct nw_table *t, void *value)
{
	struct node *n = node_of(value);
	uint32_t place = place_of(t, n), *link = bucket_of(t, n->hash);

	while (*link != place)
		link = &at(t, *link)->chain;
	*link = n->chain;
	use_unlink(t, n);
	*(n->ins_prev ? &at(t, n->ins_prev)->ins_next : &t->oldest) = n->ins_next;
	*(n->ins_next ? &at(t, n->ins_next)->ins_prev : &t->newest) = n->ins_prev;
	t->count--;
	n->chain = t->unused;
	t->unused = place;
}

static uint32_t take_place(struct nw_table *t)
{
	uint32_t place = t->unused;

	if (!place)
		return ++t->used; /* calloc's zeros */
	t->unused = at(t, place)->chain;
	memset(at(t, place), 0, t->node_size);
	return place;
}

void *nw_table_put(struct nw_table *t, const struct nw_key *key)
{
	struct node *n;
	uint32_t place, *bucket;

	if (t->count >= t->max) {
		struct node *old = at(t, t->idlest);

		if (t->evict)
			t->evict(t->arg, old->value);
		nw_table_del(t, old->value);
	}
	place = take_place(t);
	n = at(t, place);
	n->key = *key;
	n->hash = hash_key(t, key);
	bucket = bucket_of(t, n->hash);
	n->chain = *bucket;
	*bucket = place;
	use_append(t, n, place);
	n->ins_prev = t->newest;
	*(t->newest ? &at(t, t->newest)->ins_next : &t->oldest) = place;
	t->newest = place;
	t->count++;
	return n->value;
}

void *nw_table_at(const struct nw_table *t, uint32_t place)
{
	return place ? at(t, place)->value : NULL;
}

uint32_t nw_table_place(const struct nw_table *t, const void *value)
{
	return value ? place_of(t, node_of(value)) : 0;
}

const struct nw_key *nw_table_key(const void *value)
{
	return &node_of(value)->key;
}

void *nw_table_first(const struct nw_table *t)
{
	return nw_table_at(t, t->oldest);
}

void *nw_table_next(const struct nw_table *t, const void *value)
{
	return nw_table_at(t, node_of(value)->ins_next);
}

void *nw_table_last(const struct nw_table *t)
{
	return nw_table_at(t, t->newest);
}

void *nw_table_prev(const struct nw_table *t, const void *value)
{
	return nw_table_at(t, node_of(value)->ins_prev);
}

void *nw_table_idlest(const struct nw_table *t)
{
	return nw_table_at(t, t->idlest);
}

uint32_t nw_table_count(const struct nw_table *t)
{
	return t->count;
}
