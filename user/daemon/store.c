// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last alerts, as the JSON lines of the journal. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "store.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"

void nw_store_add(struct nw_store *s, uint64_t id, uint64_t conn, const char *line, size_t len)
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
	*at = (struct nw_stored){ .id = id, .conn = conn, .line = copy, .len = strlen(copy) };
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

/* Replaces the flow's part of the alert that tells its end. */
static void enter_end(struct nw_stored *at, json_t *end)
{
	json_t *alert = json_loadb(at->line, at->len, 0, NULL);
	json_t *flow = json_object_get(json_object_get(alert, "negwatch"), "flow");
	char *line = flow && json_object_set(flow, "end", end) == 0 ? nw_json_text(alert) : NULL;

	json_decref(alert);
	if (!line)
		return;
	free(at->line);
	at->line = line;
	at->len = strlen(line);
	at->conn = 0;
}

static int learn(void *arg, const struct nw_conn *c)
{
	struct nw_store *s = arg;
	json_t *flow = NULL;

	if (c->end.how == NW_END_NONE)
		return 0;
	for (unsigned int i = 0; i < s->count; i++) {
		struct nw_stored *at = &s->ring[(s->head + i) % NW_STORE_MAX];

		if (at->conn != c->id)
			continue;
		if (!flow)
			flow = nw_flow_json(c, NULL, 0);
		if (flow)
			enter_end(at, json_object_get(flow, "end"));
	}
	json_decref(flow);
	return 0;
}

void nw_store_learn_ends(struct nw_store *s, const struct nw_engine *e)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->ring[(s->head + i) % NW_STORE_MAX].conn) {
			nw_engine_each(e, learn, s);
			return;
		}
}
