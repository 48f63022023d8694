// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last alerts, as the JSON lines of the journal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "store.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"

void nw_store_add(struct nw_store *s, uint64_t id, const struct nw_conn *conn, const char *line, size_t len)
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
	if (conn) {
		at->conn = conn->id;
		at->key = conn->key;
	}
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

/* The connection between the alert's ends now, which may be a later one. */
static int learn(void *arg, const struct nw_conn *c)
{
	struct nw_stored *at = arg;
	json_t *end;

	if (c->id != at->conn)
		return -ENOENT;
	if (c->end.how == NW_END_NONE)
		return 0;
	end = nw_end_json(c);
	if (end)
		enter_end(at, end);
	json_decref(end);
	return 0;
}

void nw_store_learn_ends(struct nw_store *s, struct nw_engine *e, uint64_t from, uint64_t until)
{
	for (unsigned int i = 0; i < s->count; i++) {
		struct nw_stored *at = &s->ring[(s->head + i) % NW_STORE_MAX];

		if (!at->conn || at->id < from || at->id >= until)
			continue;
		/* What is forgotten will not be known any more. */
		if (nw_engine_look(e, &at->key, learn, at) == -ENOENT)
			at->conn = 0;
	}
}
