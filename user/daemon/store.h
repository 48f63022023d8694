/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last alerts, as the JSON lines of the journal, for `alerts` and `show`. */
#ifndef NW_STORE_H
#define NW_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "../engine/engine.h"

#define NW_STORE_MAX 1000u

struct nw_store {
	struct nw_stored {
		uint64_t id;
		uint64_t conn; /* connection whose end is still to come, 0: none; and its ends */
		struct nw_key key;
		char *line; /* owned; no newline */
		size_t len;
	} ring[NW_STORE_MAX];
	unsigned int head, count;
};

/*
 * Copies the line; the oldest makes room. Without memory the alert is not kept here. conn: whose end is still
 * to come, NULL: none.
 */
void nw_store_add(struct nw_store *s, uint64_t id, const struct nw_conn *conn, const char *line, size_t len);

/*
 * Looks up how connections ended after their alerts (ids from `from` up to below `until`) were raised, and
 * enters it there: "ended by" is what people ask next. The journal keeps what was known at the time. Costs
 * nothing for alerts whose end is known, and one look at the connection for each of the others.
 */
void nw_store_learn_ends(struct nw_store *s, struct nw_engine *e, uint64_t from, uint64_t until);

/* The i-th, oldest first; NULL behind the last. */
const struct nw_stored *nw_store_at(const struct nw_store *s, unsigned int i);

/* NULL if it is not among them. */
const struct nw_stored *nw_store_find(const struct nw_store *s, uint64_t id);

void nw_store_clear(struct nw_store *s);

#endif
