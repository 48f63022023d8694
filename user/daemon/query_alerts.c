// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs about alerts: the last ones from memory, older ones from the journal's files; replay, test. */
#include <errno.h>
#include <string.h>

#include "query.h"
#include "../sink/exchange.h"
#include "../sink/flow_json.h"
#include "../util/file.h"
#include "../util/time.h"
#include "../util/util.h"

/* Read from files in one answer: 20 MiB of 4 KiB each, a quarter of a second. */
#define ALERTS_MAX 5000u

/* Prints the journal's alerts with numbers from `from` up to below `until`; returns how many. */
static unsigned int put_journal(struct nw_daemon *d, FILE *out, uint64_t from, uint64_t until)
{
	struct nw_journal *j = d->alerts.journal;
	struct nw_journal_reader r = { .pos = nw_journal_find(j, from) };
	unsigned int n = 0;
	uint64_t id = 0;
	char *line;
	size_t len;

	while (id < until && nw_journal_next(j, &r, &line, &len) > 0) {
		/* Of those there may be many. */
		json_t *o = nw_is_exchange(line, len) ? NULL : json_loadb(line, len, 0, NULL);

		id = nw_journal_alert_id(o);
		json_decref(o);
		if (id >= from && id < until)
			fprintf(out, "%s%.*s", n++ ? "," : "", (int)len, line);
	}
	nw_journal_reader_close(&r);
	return n;
}

/* Which number to begin with. Those at hand are counted: where a power was lost, numbers were skipped. */
static uint64_t newest(const struct nw_store *s, uint64_t limit, uint64_t before)
{
	const struct nw_stored *at;
	unsigned int n = 0;

	while ((at = nw_store_at(s, n)) && at->id < before)
		n++;
	if (!limit)
		return before;
	if (n > limit)
		return nw_store_at(s, n - (unsigned int)limit)->id;
	limit -= n;
	if (n)
		before = nw_store_at(s, 0)->id;
	return before > limit ? before - limit : 1;
}

/*
 * The newest `limit` numbers above `since` and below `before`, oldest first. "before" in the answer is what
 * to ask for older ones with; without it there are none.
 */
bool nw_query_alerts(struct nw_daemon *d, const json_t *request, FILE *out)
{
	uint64_t limit = nw_query_number(request, "limit", NW_STORE_MAX);
	uint64_t since = nw_query_number(request, "since", 0), from, stored, oldest;
	uint64_t before = nw_query_number(request, "before", UINT64_MAX);
	const struct nw_stored *at = nw_store_at(&d->store, 0);
	struct nw_journal_state j;
	unsigned int n = 0;

	nw_journal_get_state(d->alerts.journal, &j);
	limit = limit > ALERTS_MAX ? ALERTS_MAX : limit;
	before = before > j.last_id + 1 ? j.last_id + 1 : before;
	from = newest(&d->store, limit, before);
	from = from > since ? from : since + 1;
	stored = at ? at->id : j.last_id + 1;
	oldest = j.first_id && j.first_id < stored ? j.first_id : stored;
	nw_store_learn_ends(&d->store, d->engine, from, before);
	fputs("{\"ok\":true,\"alerts\":[", out);
	if (from < stored && from < before)
		n = put_journal(d, out, from, before < stored ? before : stored);
	for (unsigned int i = 0; (at = nw_store_at(&d->store, i)); i++)
		if (at->id >= from && at->id < before)
			fprintf(out, "%s%s", n++ ? "," : "", at->line);
	fputs("]", out);
	if (from > since + 1 && from > oldest)
		fprintf(out, ",\"before\":%llu", (unsigned long long)from);
	fputs("}", out);
	return false;
}

bool nw_query_show(struct nw_daemon *d, const json_t *request, FILE *out)
{
	uint64_t id = nw_query_number(request, "id", 0);
	_cleanup_free_ char *text = NULL;
	const struct nw_stored *at;
	struct nw_journal_state j;
	char message[PATH_MAX + 200];
	unsigned int n = 0;
	size_t len = 0;
	FILE *found;

	nw_store_learn_ends(&d->store, d->engine, id, id + 1);
	at = nw_store_find(&d->store, id);
	if (at) {
		fprintf(out, "{\"ok\":true,\"alert\":%s}", at->line);
		return false;
	}
	nw_journal_get_state(d->alerts.journal, &j);
	found = id && id <= j.last_id ? open_memstream(&text, &len) : NULL;
	if (found) {
		n = put_journal(d, found, id, id + 1);
		if (nw_file_memory_end(found, &text) < 0)
			n = 0;
	}
	if (n) {
		fprintf(out, "{\"ok\":true,\"alert\":%s}", text);
		return false;
	}
	snprintf(message, sizeof(message),
		 id && id <= j.last_id ?
			 "Alert %llu is not in the alert journal (%s) any more" :
			 "There is no alert %llu; `negwatch alerts` lists them (all are in %s)",
		 (unsigned long long)id, j.path);
	nw_query_fail(out, message);
	return false;
}

/* The path alone: who may read the file is the file system's to say. */
bool nw_query_evidence(struct nw_daemon *d, const json_t *request, FILE *out)
{
	uint64_t id = nw_query_number(request, "id", 0);
	char path[PATH_MAX], message[PATH_MAX + 300];
	struct nw_journal_state j;
	struct nw_evidence_state s;

	if (nw_evidence_path(d->evidence, path, sizeof(path), id)) {
		nw_query_put(out, json_pack("{s:b,s:s}", "ok", 1, "path", path));
		return false;
	}
	nw_journal_get_state(d->alerts.journal, &j);
	nw_evidence_get_state(d->evidence, &s);
	if (!id || id > j.last_id)
		snprintf(message, sizeof(message), "There is no alert %llu; `negwatch alerts` lists them",
			 (unsigned long long)id);
	else
		snprintf(message, sizeof(message),
			 "Alert %llu has no evidence: it is about no connection, its packets or its file had "
			 "to "
			 "make room (evidence_memory_kib, evidence_files, evidence_kib), or %s can't be "
			 "written "
			 "(negwatch status)",
			 (unsigned long long)id, s.path);
	nw_query_fail(out, message);
	return false;
}

/* {"cmd":"replay","since":"2026-11-22T12:00:00Z"} */
bool nw_query_replay(struct nw_daemon *d, const json_t *request, FILE *out)
{
	const char *since = json_string_value(json_object_get(request, "since"));
	int64_t wall;
	int err;

	if (!since || nw_time_parse(since, &wall) < 0) {
		nw_query_fail(out, "replay needs \"since\", a time such as 2026-11-22T12:00:00Z");
		return false;
	}
	err = nw_alerts_replay(d, wall);
	if (err)
		nw_query_fail(out, err == -EBUSY ? "4 replays are on their way already; try again later" :
						   "no memory");
	else
		fputs("{\"ok\":true}", out);
	return false;
}

bool nw_query_test_alert(struct nw_daemon *d, const json_t *request, FILE *out)
{
	fprintf(out, "{\"ok\":true,\"id\":%llu}", (unsigned long long)nw_alerts_test(d));
	return false;
}
