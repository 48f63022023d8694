// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Looks at connections from outside: what is not asked for is not unpacked. */
#include <errno.h>

#include "internal.h"

int nw_engine_each(struct nw_engine *e, uint64_t *before, int (*fn)(void *arg, const struct nw_conn *conn),
		   void *arg)
{
	struct nw_record *r = nw_table_last(e->table);
	int err = 0;

	while (r && nw_record_id(e, r) >= *before)
		r = nw_table_prev(e->table, r);
	for (; r && !err; r = nw_table_prev(e->table, r)) {
		*before = nw_record_id(e, r);
		err = nw_record_look(e, r, fn, arg);
	}
	if (!r)
		*before = 0;
	return err;
}

int nw_engine_look(struct nw_engine *e, const struct nw_key *key,
		   int (*fn)(void *arg, const struct nw_conn *conn), void *arg)
{
	struct nw_record *r = nw_table_peek(e->table, key);

	return r ? nw_record_look(e, r, fn, arg) : -ENOENT;
}
