// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The join: sights are sorted by what they are known by; those of one exchange, and then the exchanges of one
 * connection, come to lie together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "locate.h"

struct joiner {
	struct nw_located *list;
	size_t n, room;
	struct nw_locate_stats *stats;
};

static int by_key(const void *a, const void *b)
{
	const struct nw_sight *x = *(const struct nw_sight *const *)a,
			      *y = *(const struct nw_sight *const *)b;
	int r = memcmp(&x->key, &y->key, sizeof(x->key));

	return r ? r : (int)x->place - (int)y->place;
}

static int by_time(const void *a, const void *b)
{
	const struct nw_located *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

static bool same_ends(const struct nw_sight *a, const struct nw_sight *b)
{
	return !memcmp(a->addr, b->addr, sizeof(a->addr)) && !memcmp(a->port, b->port, sizeof(a->port));
}

static int knows(const struct nw_sight *s)
{
	return ((s->complete * 2 + (s->end_how != NW_END_NONE)) * 2 + s->said[NW_VALIDATE_RSP].seen) * 64 +
	       __builtin_popcount(s->rules);
}

/* A connection with several alerts has a record for each of them: the one that knows most stands for it. */
static const struct nw_sight *fuller(const struct nw_sight *a, const struct nw_sight *b)
{
	return knows(b) > knows(a) ? b : a;
}

/* One exchange: its n sights, sorted by place. Returns false if that gives nothing to compare. */
static bool gather(struct joiner *j, struct nw_located *l, const struct nw_sight *const *s, size_t n)
{
	*l = (struct nw_located){ .exchanges = 1, .time = s[0]->time };
	for (size_t i = 0; i < n; i++) {
		const struct nw_sight **last = l->n ? &l->at[l->n - 1] : NULL;

		if (last && (*last)->place == s[i]->place) {
			if (!same_ends(*last, s[i])) {
				j->stats->ambiguous++;
				return false;
			}
			*last = fuller(*last, s[i]);
		} else if (l->n == NW_LOCATED_PLACES) {
			j->stats->crowded++;
		} else {
			l->at[l->n++] = s[i];
		}
		if (s[i]->time < l->time)
			l->time = s[i]->time;
	}
	if (l->n < 2)
		j->stats->alone++;
	return l->n >= 2;
}

/* Are both exchanges of one connection, seen at the same places? Records of one connection give its start
 * to the microsecond; its ports come again much later. */
static bool same_connection(const struct nw_located *a, const struct nw_located *b)
{
	if (a->n != b->n || a->order != b->order || a->time - b->time > (int64_t)NW_NS_PER_S ||
	    b->time - a->time > (int64_t)NW_NS_PER_S)
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (a->at[i]->place != b->at[i]->place || !same_ends(a->at[i], b->at[i]))
			return false;
	return !memcmp(a->at[0]->key.id, b->at[0]->key.id, sizeof(a->at[0]->key.id));
}

static bool has(const struct nw_located *l, const struct nw_change *c)
{
	for (unsigned int i = 0; i < l->n_changes; i++)
		if (!memcmp(&l->change[i], c, sizeof(*c)))
			return true;
	return false;
}

/* The exchange that shows a change stands for all of them. */
static void merge(struct nw_located *into, const struct nw_located *more)
{
	struct nw_located old = *into;

	if (more->changed && !into->changed) {
		*into = *more;
		more = &old;
	}
	into->exchanges = old.exchanges + 1;
	for (unsigned int i = 0; i < more->n_changes; i++)
		if (!has(into, &more->change[i]) && into->n_changes < NW_CHANGES_MAX &&
		    (more->change[i].what != NW_CHANGED_PERHAPS || !into->changed))
			into->change[into->n_changes++] = more->change[i];
}

static int put(struct joiner *j, const struct nw_located *l)
{
	struct nw_located *last = j->n ? &j->list[j->n - 1] : NULL;

	if (last && same_connection(last, l)) {
		merge(last, l);
		return 0;
	}
	if (j->n == j->room) {
		size_t room = j->room ? 2 * j->room : 64;
		struct nw_located *grown = realloc(j->list, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		j->list = grown;
		j->room = room;
	}
	j->list[j->n++] = *l;
	return 0;
}

static int join(struct joiner *j, const struct nw_sight *const *s, size_t n)
{
	struct nw_located l;
	size_t first, end;
	int err = 0;

	for (first = 0; first < n && !err; first = end) {
		for (end = first + 1; end < n && !memcmp(&s[first]->key, &s[end]->key, sizeof(s[0]->key));)
			end++;
		if (!gather(j, &l, s + first, end - first))
			continue;
		nw_located_order(&l);
		nw_located_compare(&l);
		err = put(j, &l);
	}
	return err;
}

int nw_locate(const struct nw_sight *sights, size_t n, int (*fn)(void *arg, const struct nw_located *l),
	      void *arg, struct nw_locate_stats *stats)
{
	const struct nw_sight **sorted = calloc(n ? n : 1, sizeof(*sorted));
	struct joiner j = { .stats = stats };
	int err = sorted ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++)
		sorted[i] = &sights[i];
	if (!err) {
		qsort(sorted, n, sizeof(*sorted), by_key);
		err = join(&j, sorted, n);
	}
	if (!err && j.n)
		qsort(j.list, j.n, sizeof(*j.list), by_time);
	for (size_t i = 0; !err && i < j.n; i++) {
		const struct nw_located *l = &j.list[i];
		bool copy = true;

		for (unsigned int k = 1; k < l->n; k++)
			copy &= l->at[k]->time == l->at[0]->time && same_ends(l->at[k], l->at[0]);
		stats->copies += copy;
		stats->joined++;
		err = fn(arg, l);
	}
	free(sorted);
	free(j.list);
	return err;
}
