// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Folding of repeated alerts: a bounded table in which the order of insertion is that of the windows' ends.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "fold.h"
#include "../engine/table.h"

_Static_assert(sizeof(struct nw_folded) == 80, "the arithmetic at NW_FOLD_MAX");

struct nw_fold {
	struct nw_table *table;
	uint64_t window, untold;
	nw_fold_fn fn;
	void *arg;
};

/* The table's keys are those of flows: two ends with a port each, and a word that is free. */
static struct nw_key table_key(const struct nw_fold_key *k)
{
	return (struct nw_key){
		.addr = { k->client, k->server },
		.port = { htobe16(k->rule), htobe16(k->port) },
		.zero = (uint32_t)k->fields | (uint32_t)k->severity << 8,
	};
}

static void tell(void *arg, void *value)
{
	struct nw_fold *f = arg;
	const struct nw_folded *e = value;

	if (!e->count)
		return;
	f->untold -= e->count;
	f->fn(f->arg, e);
}

int nw_fold_new(struct nw_fold **out, uint64_t window, uint64_t seed, nw_fold_fn fn, void *arg)
{
	struct nw_fold *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->window = window;
	f->fn = fn;
	f->arg = arg;
	err = nw_table_new(&f->table, NW_FOLD_MAX, sizeof(struct nw_folded), seed, tell, f);
	if (err) {
		free(f);
		return err;
	}
	*out = f;
	return 0;
}

void nw_fold_free(struct nw_fold **fp)
{
	struct nw_fold *f = *fp;

	if (!f)
		return;
	nw_table_free(&f->table);
	free(f);
	*fp = NULL;
}

bool nw_fold_repeat(struct nw_fold *f, const struct nw_fold_key *key, int64_t wall)
{
	struct nw_key k = table_key(key);
	struct nw_folded *e = nw_table_get(f->table, &k);

	if (!e)
		return false;
	if (!e->count++)
		e->first_seen = wall;
	e->last_seen = wall;
	f->untold++;
	return true;
}

/* Behind all others: its window ends last. */
static void put(struct nw_fold *f, const struct nw_folded *e)
{
	struct nw_key k = table_key(&e->key);
	struct nw_folded *at = nw_table_put(f->table, &k);

	if (at)
		*at = *e;
}

void nw_fold_told(struct nw_fold *f, const struct nw_fold_key *key, uint64_t id, uint64_t now)
{
	if (f->window)
		put(f, &(struct nw_folded){ .key = *key, .first_id = id, .due = now + f->window });
}

uint64_t nw_fold_due(const struct nw_fold *f)
{
	const struct nw_folded *first = nw_table_first(f->table);

	return first ? first->due : 0;
}

void nw_fold_tick(struct nw_fold *f, uint64_t now)
{
	struct nw_folded *e;

	while ((e = nw_table_first(f->table)) && now >= e->due) {
		struct nw_folded old = *e;

		nw_table_del(f->table, e);
		tell(f, &old);
		if (old.count)
			nw_fold_told(f, &old.key, old.first_id, now);
	}
}

void nw_fold_flush(struct nw_fold *f, uint64_t window)
{
	f->window = 0;
	nw_fold_tick(f, UINT64_MAX);
	f->window = window;
}

uint64_t nw_fold_untold(const struct nw_fold *f)
{
	return f->untold;
}
