// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last alerts, as the JSON lines of the journal. */
#include <stdlib.h>
#include <string.h>

#include "store.h"

void nw_store_add(struct nw_store *s, uint64_t id, const char *line, size_t len)
{
	char *copy = strndup(line, len);
	struct nw_stored *at;

	if (!copy)
		return;
	if (s->count == NW_STORE_MAX) {
		free(s->ring[s->head].line);
		s->head = (s->head + 1) % NW_STORE_MAX;
		s->count--;
	}
	at = &s->ring[(s->head + s->count++) % NW_STORE_MAX];
	*at = (struct nw_stored){ .id = id, .line = copy, .len = strlen(copy) };
}

const struct nw_stored *nw_store_at(const struct nw_store *s, unsigned int i)
{
	return i < s->count ? &s->ring[(s->head + i) % NW_STORE_MAX] : NULL;
}

const struct nw_stored *nw_store_find(const struct nw_store *s, uint64_t id)
{
	const struct nw_stored *at;

	for (unsigned int i = 0; (at = nw_store_at(s, i)); i++)
		if (at->id == id)
			return at;
	return NULL;
}

void nw_store_clear(struct nw_store *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		free(s->ring[(s->head + i) % NW_STORE_MAX].line);
	s->head = s->count = 0;
}
