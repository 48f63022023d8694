// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Thousands of connections to which the same happened are one thing to tell: with their number, and the first
 * of them as the example. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locate_print.h"
#include "wrap.h"
#include "../util/time.h"

/* Kept with an example of at most 8 places of 400 bytes each: 4 MiB. What is of no kind then, is counted. */
#define KINDS_MAX 1000u

struct kind {
	struct nw_located example;
	struct nw_sight sight[NW_LOCATED_PLACES];
	uint64_t count;
	int64_t first, last;
};

struct nw_kinds {
	struct kind *list[KINDS_MAX];
	unsigned int n;
	uint64_t others, same;
};

struct nw_kinds *nw_kinds_new(void)
{
	return calloc(1, sizeof(struct nw_kinds));
}

void nw_kinds_free(struct nw_kinds *k)
{
	for (unsigned int i = 0; k && i < k->n; i++)
		free(k->list[i]);
	free(k);
}

static bool alike(const struct nw_located *a, const struct nw_located *b)
{
	if (a->n != b->n || a->n_changes != b->n_changes ||
	    (a->order == NW_ORDER_UNKNOWN) != (b->order == NW_ORDER_UNKNOWN) ||
	    memcmp(a->change, b->change, a->n_changes * sizeof(a->change[0])))
		return false;
	for (unsigned int i = 0; i < a->n; i++)
		if (a->at[i]->place != b->at[i]->place)
			return false;
	return true;
}

int nw_kinds_add(struct nw_kinds *k, const struct nw_located *l)
{
	struct kind *kind = NULL;

	if (!l->n_changes) {
		k->same++;
		return 0;
	}
	for (unsigned int i = 0; i < k->n && !kind; i++)
		if (alike(&k->list[i]->example, l))
			kind = k->list[i];
	if (!kind && k->n == KINDS_MAX) {
		k->others++;
		return 0;
	}
	if (!kind) {
		kind = calloc(1, sizeof(*kind));
		if (!kind)
			return -ENOMEM;
		kind->example = *l;
		for (unsigned int i = 0; i < l->n; i++) {
			kind->sight[i] = *l->at[i];
			kind->example.at[i] = &kind->sight[i];
		}
		kind->first = kind->last = l->time;
		k->list[k->n++] = kind;
	}
	kind->count++;
	if (l->time < kind->first)
		kind->first = l->time;
	if (l->time > kind->last)
		kind->last = l->time;
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const struct kind *x = *(const struct kind *const *)a, *y = *(const struct kind *const *)b;

	if (x->example.changed != y->example.changed)
		return x->example.changed ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int print_kind(const struct kind *kind, const struct nw_cli *cli, const struct nw_place *places)
{
	const struct nw_located *l = &kind->example;
	char first[NW_TIME_TEXT], last[NW_TIME_TEXT], line[1024];
	struct nw_text t;
	int err;

	nw_text_init(&t, line, sizeof(line));
	nw_time_short(first, kind->first, cli->utc);
	nw_time_short(last, kind->last, cli->utc);
	nw_text_add(&t, "%" PRIu64 " connection%s, %s", kind->count, kind->count == 1 ? "" : "s", first);
	if (strcmp(first, last))
		nw_text_add(&t, " to %s", last);
	nw_wrap(stdout, "", 0, NW_CLI_WIDTH, line);
	for (unsigned int i = 0; i < l->n_changes; i++) {
		if (!nw_change_is_first(l, &l->change[i]))
			continue;
		nw_text_init(&t, line, sizeof(line));
		nw_change_text(&t, l, &l->change[i], places);
		nw_wrap(stdout, "  ", 2, NW_CLI_WIDTH, line);
	}
	err = nw_located_print(l, cli, places);
	printf("\n");
	return err;
}

int nw_kinds_print(struct nw_kinds *k, const struct nw_cli *cli, const struct nw_place *places)
{
	int err = 0;

	qsort(k->list, k->n, sizeof(k->list[0]), by_count);
	for (unsigned int i = 0; i < k->n && !err; i++)
		err = print_kind(k->list[i], cli, places);
	if (k->others)
		printf("%" PRIu64 " more connections were changed in yet other ways; --json lists all\n",
		       k->others);
	if (k->same)
		printf("%" PRIu64 " connection%s: same at all places that saw %s\n", k->same,
		       k->same == 1 ? "" : "s", k->same == 1 ? "it" : "them");
	return err;
}
