// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of values by flow key: chained hash, a list in order of use, a list in order of insertion. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

struct node {
	struct node *chain;
	struct node *use_prev, *use_next; /* idlest first */
	struct node *ins_prev, *ins_next; /* oldest first */
	uint32_t hash;
	struct nw_key key;
	/* Values hold 64-bit members. */
	_Alignas(8) unsigned char value[];
};

struct nw_table {
	struct node **bucket;
	uint32_t mask;
	uint32_t max;
	uint32_t count;
	size_t value_size;
	uint64_t seed;
	nw_table_evict_fn evict;
	void *arg;
	struct node *idlest, *latest;
	struct node *oldest, *newest;
};

static struct node *node_of(const void *value)
{
	return (struct node *)((unsigned char *)(uintptr_t)value - offsetof(struct node, value));
}

static uint32_t hash_key(const struct nw_table *t, const struct nw_key *key)
{
	uint64_t w[5], h = t->seed;
	int i;

	memcpy(w, key, sizeof(w));
	for (i = 0; i < 5; i++) {
		h = (h ^ w[i]) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return (uint32_t)(h ^ h >> 17);
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
	t->bucket = calloc(buckets, sizeof(*t->bucket));
	if (!t->bucket) {
		free(t);
		return -ENOMEM;
	}
	t->mask = buckets - 1;
	t->max = max;
	t->value_size = value_size;
	t->seed = seed;
	t->evict = evict;
	t->arg = arg;
	*out = t;
	return 0;
}

void nw_table_free(struct nw_table **tp)
{
	struct nw_table *t = *tp;
	struct node *n, *next;

	if (!t)
		return;
	for (n = t->oldest; n; n = next) {
		next = n->ins_next;
		free(n);
	}
	free(t->bucket);
	free(t);
	*tp = NULL;
}

static void use_unlink(struct nw_table *t, struct node *n)
{
	*(n->use_prev ? &n->use_prev->use_next : &t->idlest) = n->use_next;
	*(n->use_next ? &n->use_next->use_prev : &t->latest) = n->use_prev;
}

static void use_append(struct nw_table *t, struct node *n)
{
	n->use_prev = t->latest;
	n->use_next = NULL;
	*(t->latest ? &t->latest->use_next : &t->idlest) = n;
	t->latest = n;
}

void *nw_table_get(struct nw_table *t, const struct nw_key *key)
{
	uint32_t h = hash_key(t, key);
	struct node *n;

	for (n = t->bucket[h & t->mask]; n; n = n->chain) {
		if (n->hash != h || memcmp(&n->key, key, sizeof(*key)))
			continue;
		if (n != t->latest) {
			use_unlink(t, n);
			use_append(t, n);
		}
		return n->value;
	}
	return NULL;
}

void nw_table_del(struct nw_table *t, void *value)
{
	struct node *n = node_of(value), **at = &t->bucket[n->hash & t->mask];

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	use_unlink(t, n);
	*(n->ins_prev ? &n->ins_prev->ins_next : &t->oldest) = n->ins_next;
	*(n->ins_next ? &n->ins_next->ins_prev : &t->newest) = n->ins_prev;
	t->count--;
	free(n);
}

void *nw_table_put(struct nw_table *t, const struct nw_key *key)
{
	struct node *n, **at;

	if (t->count >= t->max) {
		struct node *old = t->idlest;

		if (t->evict)
			t->evict(t->arg, old->value);
		nw_table_del(t, old->value);
	}
	n = calloc(1, sizeof(*n) + t->value_size);
	if (!n)
		return NULL;
	n->key = *key;
	n->hash = hash_key(t, key);
	at = &t->bucket[n->hash & t->mask];
	n->chain = *at;
	*at = n;
	use_append(t, n);
	n->ins_prev = t->newest;
	*(t->newest ? &t->newest->ins_next : &t->oldest) = n;
	t->newest = n;
	t->count++;
	return n->value;
}

void *nw_table_first(const struct nw_table *t)
{
	return t->oldest ? t->oldest->value : NULL;
}

void *nw_table_next(const struct nw_table *t, const void *value)
{
	struct node *n = node_of(value)->ins_next;

	(void)t;
	return n ? n->value : NULL;
}

void *nw_table_idlest(const struct nw_table *t)
{
	return t->idlest ? t->idlest->value : NULL;
}

uint32_t nw_table_count(const struct nw_table *t)
{
	return t->count;
}
