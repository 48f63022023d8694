// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The verbs that list connections and clients, in pages: who asks for 65,536 connections gets them in so many
 * answers that events, timers and others who ask have their turn in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "../engine/peers.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../sink/peer_json.h"
#include "../util/time.h"
#include "../util/util.h"

/* Of one answer. 1 MiB, some 600 connections, takes 25 ms. */
#define PAGE_BYTES (1u << 20)
#define PAGE_ROWS 1000u

/* Rows from the newest on, which are printed the other way round. */
struct page {
	char *row[PAGE_ROWS]; /* owned */
	unsigned int n, limit;
	size_t bytes;
	int64_t offset;
};

static void page_free(struct page *p)
{
	while (p->n)
		free(p->row[--p->n]);
}

/* Takes the row over. 0, 1: the page is full, or -ENOMEM. */
static int page_add(struct page *p, json_t *row)
{
	char *text = row ? nw_json_text(row) : NULL;

	json_decref(row);
	if (!text)
		return -ENOMEM;
	p->row[p->n++] = text;
	p->bytes += strlen(text);
	return p->n == p->limit || p->bytes >= PAGE_BYTES;
}

/* before: where older ones begin, 0: there are none. */
static void page_put(const struct page *p, FILE *out, const char *name, uint32_t total, uint64_t before)
{
	fprintf(out, "{\"ok\":true,\"total\":%u,\"%s\":[", total, name);
	for (unsigned int i = p->n; i-- > 0;)
		fprintf(out, "%s%s", p->row[i], i ? "," : "");
	fputs("]", out);
	if (before)
		fprintf(out, ",\"before\":%llu", (unsigned long long)before);
	fputs("}", out);
}

static unsigned int limit_of(const json_t *request)
{
	uint64_t limit = nw_query_number(request, "limit", PAGE_ROWS);

	return limit < PAGE_ROWS ? (unsigned int)limit : PAGE_ROWS;
}

static int add_flow(void *arg, const struct nw_conn *conn)
{
	struct page *p = arg;

	return page_add(p, nw_flow_json(conn, NULL, p->offset));
}

/* {"cmd":"flows"}, with "before": the number that a page ended with. */
bool nw_query_flows(struct nw_daemon *d, const json_t *request, FILE *out)
{
	_cleanup_(page_free) struct page p = { .limit = limit_of(request), .offset = nw_wall_offset() };
	uint64_t before = nw_query_number(request, "before", UINT64_MAX);
	struct nw_engine_stats st;

	nw_engine_get_stats(d->engine, &st);
	if (p.limit && nw_engine_each(d->engine, &before, add_flow, &p) < 0)
		nw_query_fail(out, "out of memory");
	else
		page_put(&p, out, "flows", st.conns_now, p.limit ? before : 0);
	return false;
}

/* {"cmd":"peers"}, with "not_validated":true only the audit list of rule 110. */
bool nw_query_peers(struct nw_daemon *d, const json_t *request, FILE *out)
{
	_cleanup_(page_free) struct page p = { .limit = limit_of(request), .offset = nw_wall_offset() };
	const struct nw_peers *peers = nw_engine_peers(d->engine);
	bool listed = json_is_true(json_object_get(request, "not_validated"));
	struct nw_peers_stats st;
	const struct nw_peer *at;
	uint64_t before;
	int err = !p.limit;

	nw_peers_get_stats(peers, &st);
	before = nw_query_number(request, "before", UINT64_MAX);
	before = before > st.peers ? st.peers + 1ULL : before;
	while (!err && before > 1) {
		at = nw_peers_at(peers, (uint32_t)--before);
		if (!listed || nw_peer_is_listed(at))
			err = page_add(&p, nw_peer_json(at, p.offset));
	}
	if (err < 0)
		nw_query_fail(out, "out of memory");
	else
		page_put(&p, out, "peers", st.peers, p.limit && before > 1 ? before : 0);
	return false;
}
