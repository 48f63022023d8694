// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What `negwatch locate` reads: journals, logs with their lines in them, captures; joined, put in order,
 * compared and printed. And the scanner alone: it takes whatever jansson takes.
 *
 * Input: a byte, then the text. The byte says whether the same text is also read as another place's.
 */
#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "../../user/cli/cli.h"
#include "../../user/cli/locate_print.h"
#include "../../user/util/util.h"

static const struct nw_cli cli;
static struct nw_scan scan;

struct printer {
	struct nw_kinds *kinds;
	const struct nw_place *places;
};

static int on_located(void *arg, const struct nw_located *l)
{
	struct printer *p = arg;
	struct nw_located copy = *l;

	HOLDS(l->n >= 2 && l->n <= NW_LOCATED_PLACES);
	nw_located_order(&copy);
	nw_located_compare(&copy);
	HOLDS(copy.n_changes <= NW_CHANGES_MAX);
	nw_located_print(&copy, &cli, p->places);
	HOLDS(nw_located_print_json(&copy, p->places) == 0);
	HOLDS(nw_kinds_add(p->kinds, &copy) == 0);
	return 0;
}

static int on_portion(void *arg, const struct nw_sight *s, size_t n)
{
	struct nw_locate_stats stats = { 0 };

	return nw_locate(s, n, on_located, arg, &stats);
}

/* Each line alone, in memory of its own length. */
static void lines(const uint8_t *at, size_t n)
{
	while (n) {
		const uint8_t *end = memchr(at, '\n', n);
		size_t len = end ? (size_t)(end - at) : n;
		char *copy = malloc(len ? len : 1);
		json_t *j;
		int err;

		memcpy(copy, at, len);
		err = nw_scan(&scan, copy, len);
		HOLDS(err || (scan.n > 0 && scan.list[0].size == scan.n));
		j = len < 4096 ? json_loadb(copy, len, 0, NULL) : NULL;
		/* Deeper than ours goes, it does not have to be the same. */
		HOLDS(!j || !err || err == -E2BIG || memchr(copy, '[', len) || strspn(copy, "{") > 1);
		json_decref(j);
		free(copy);
		n -= len + !!end;
		at += len + !!end;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_quiet();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nw_pile pile;
	struct nw_locate_files in = { .pile = &pile };
	struct bytes b = { data, data + size };
	uint8_t how = take8(&b);
	struct printer p;
	char name[64], again[80], *args[] = { name, again };

	lines(b.at, left(&b));
	strcpy(name, fuzz_file(b.at, left(&b)));
	snprintf(again, sizeof(again), "%s:/proc/self/fd/./%s", nw_vantage_name(1 + how % 3), name + 14);
	HOLDS(nw_pile_init(&pile, 64 * sizeof(struct nw_sight)) == 0);
	p.kinds = nw_kinds_new();
	HOLDS(p.kinds);
	for (int i = 0; i < 1 + (how & 1); i++)
		HOLDS(nw_locate_read(&in, args[i], args, 2) == 0);
	p.places = in.place;
	HOLDS(nw_pile_each(&pile, on_portion, &p) == 0);
	nw_kinds_print(p.kinds, &cli, in.place);
	nw_kinds_free(p.kinds);
	nw_locate_files_release(&in);
	nw_pile_release(&pile);
	return 0;
}
