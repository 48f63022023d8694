// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A rate that is shared: one bucket for all, and one for each client. */
#include <errno.h>
#include <stdlib.h>

#include "share.h"
#include "../engine/table.h"
#include "../../bpf/wire/group.h"

struct nw_share {
	struct nw_bucket all, one; /* one: as each client's begins */
	struct nw_table *clients;  /* of struct nw_bucket */
	uint64_t seed;
};

static int begin(struct nw_share *s)
{
	return nw_table_new(&s->clients, NW_SHARES_MAX, sizeof(struct nw_bucket), s->seed, NULL, NULL);
}

int nw_share_new(struct nw_share **out, uint32_t per_second, uint32_t burst, uint64_t seed)
{
	struct nw_share *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->seed = seed;
	err = begin(s);
	if (err) {
		free(s);
		return err;
	}
	nw_share_set(s, per_second, burst);
	*out = s;
	return 0;
}

void nw_share_free(struct nw_share **sp)
{
	if (!*sp)
		return;
	nw_table_free(&(*sp)->clients);
	free(*sp);
	*sp = NULL;
}

void nw_share_set(struct nw_share *s, uint32_t per_second, uint32_t burst)
{
	void *value;

	s->all = s->one = nw_bucket(per_second, burst);
	s->one.interval *= 4;
	while ((value = nw_table_first(s->clients)))
		nw_table_del(s->clients, value);
}

/* NULL without memory: then the client is not held back. */
static struct nw_bucket *bucket_of(struct nw_share *s, const union nw_addr *client)
{
	struct nw_key key = nw_group_key(client);
	struct nw_bucket *b = nw_table_get(s->clients, &key);

	if (b)
		return b;
	b = nw_table_put(s->clients, &key);
	if (b)
		*b = s->one;
	return b;
}

bool nw_share_take(struct nw_share *s, const union nw_addr *client, uint64_t now)
{
	struct nw_bucket *own;

	if (!s->all.interval)
		return true;
	if (now < nw_bucket_next(&s->all))
		return false;
	if (client && s->all.full_at > now + s->all.burst / 2) {
		own = bucket_of(s, client);
		if (own && !nw_bucket_take(own, now))
			return false;
	}
	return nw_bucket_take(&s->all, now);
}
