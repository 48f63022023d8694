// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs of the control socket: one row each, and the JSON that answers it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "query.h"
#include "status.h"
#include "../engine/peers.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../sink/peer_json.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define FLOWS_DEFAULT 1000u
#define FLOWS_MAX 10000u

/* In the place of all that the answer has so far. */
static void no_memory(FILE *out)
{
	rewind(out);
	fputs("{\"ok\":false,\"error\":\"out of memory\"}", out);
}

/* 0, or -ENOMEM; half an object may be written then. */
static int put_part(FILE *out, json_t *o)
{
	int err = json_dumpf(o, out, NW_JSON_LINE) < 0 ? -ENOMEM : 0;

	json_decref(o);
	return err;
}

void nw_query_put(FILE *out, json_t *o)
{
	if (put_part(out, o) < 0)
		no_memory(out);
}

uint64_t nw_query_number(const json_t *request, const char *key, uint64_t otherwise)
{
	const json_t *v = json_object_get(request, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v) : otherwise;
}

void nw_query_fail(FILE *out, const char *message)
{
	nw_query_put(out, json_pack("{s:b,s:s}", "ok", 0, "error", message));
}

struct flow_walk {
	FILE *out;
	const char *sep;
	uint64_t skip;
	int64_t offset;
};

static int put_flow(void *arg, const struct nw_conn *conn)
{
	struct flow_walk *w = arg;

	if (w->skip) {
		w->skip--;
		return 0;
	}
	fputs(w->sep, w->out);
	w->sep = ",";
	return put_part(w->out, nw_flow_json(conn, NULL, w->offset));
}

static bool v_flows(struct nw_daemon *d, const json_t *request, FILE *out)
{
	uint64_t limit = nw_query_number(request, "limit", FLOWS_DEFAULT);
	struct flow_walk w = { .out = out, .sep = "", .offset = nw_wall_offset() };
	struct nw_engine_stats st;

	if (limit > FLOWS_MAX)
		limit = FLOWS_MAX;
	nw_engine_get_stats(d->engine, &st);
	w.skip = st.conns_now > limit ? st.conns_now - limit : 0;
	fprintf(out, "{\"ok\":true,\"total\":%u,\"flows\":[", st.conns_now);
	if (nw_engine_each(d->engine, put_flow, &w) < 0)
		no_memory(out);
	else
		fputs("]}", out);
	return false;
}

struct peer_walk {
	FILE *out;
	const char *sep;
	bool listed; /* only those of the audit list */
	int64_t offset;
};

static int put_peer(void *arg, const struct nw_peer *peer)
{
	struct peer_walk *w = arg;

	if (w->listed && !nw_peer_is_listed(peer))
		return 0;
	fputs(w->sep, w->out);
	w->sep = ",";
	return put_part(w->out, nw_peer_json(peer, w->offset));
}

/* {"cmd":"peers"}, with "not_validated":true only the audit list of rule 110. */
static bool v_peers(struct nw_daemon *d, const json_t *request, FILE *out)
{
	struct peer_walk w = { .out = out, .sep = "", .offset = nw_wall_offset() };
	struct nw_peers_stats st;

	w.listed = json_is_true(json_object_get(request, "not_validated"));
	nw_peers_get_stats(nw_engine_peers(d->engine), &st);
	fprintf(out, "{\"ok\":true,\"total\":%u,\"peers\":[", st.peers);
	if (nw_peers_each(nw_engine_peers(d->engine), put_peer, &w) < 0)
		no_memory(out);
	else
		fputs("]}", out);
	return false;
}

static bool v_status(struct nw_daemon *d, const json_t *request, FILE *out)
{
	nw_query_put(out, json_pack("{s:b,s:o}", "ok", 1, "status", nw_status_json(d)));
	return false;
}

static bool v_stats(struct nw_daemon *d, const json_t *request, FILE *out)
{
	json_t *reply = nw_stats_json(d);

	nw_query_put(out, nw_json_whole(reply, json_object_set_new(reply, "ok", json_true())));
	return false;
}

static bool v_metrics(struct nw_daemon *d, const json_t *request, FILE *out)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f)
		nw_metrics_write(d, f);
	if (nw_file_memory_end(f, &text) == 0)
		nw_query_put(out, json_pack("{s:b,s:s}", "ok", 1, "metrics", text));
	else
		nw_query_fail(out, "out of memory");
	return false;
}

static bool v_watch(struct nw_daemon *d, const json_t *request, FILE *out)
{
	fputs("{\"ok\":true}", out);
	return true;
}

static bool v_ping(struct nw_daemon *d, const json_t *request, FILE *out)
{
	fputs("{\"ok\":true}", out);
	return false;
}

static void note_line(void *arg, int level, const char *text)
{
	struct nw_text *t = arg;

	if (level <= LOG_WARNING)
		nw_text_add(t, "%s%s", t->len ? "\n" : "", text);
}

/* What a reload complains of, line by line, goes to the log and to who asked for it. */
static bool v_reload(struct nw_daemon *d, const json_t *request, FILE *out)
{
	char said[4096];
	struct nw_text t;
	int err;

	nw_text_init(&t, said, sizeof(said));
	nw_log_tee(note_line, &t);
	err = nw_daemon_reload(d);
	nw_log_tee(NULL, NULL);
	if (err)
		nw_query_fail(out, said);
	else
		nw_query_put(out, json_pack("{s:b,s:s*}", "ok", 1, "remarks", t.len ? said : NULL));
	return false;
}

static bool v_verbs(struct nw_daemon *d, const json_t *request, FILE *out);

/*
 * The protocol: a request is one line, a JSON object whose "cmd" is one of these; the answer is one line with
 * "ok". Other members are optional; unknown ones are ignored.
 */
static const struct {
	const char *name;
	bool changes;	     /* for root and the daemon's own user only */
	const char *members; /* of the request */
	const char *help;    /* what the answer has besides "ok" */
	bool (*answer)(struct nw_daemon *d, const json_t *request, FILE *out);
} verbs[] = {
	{ "status", false, "", "status: the daemon at a glance", v_status },
	{ "alerts", false, "limit, since, before",
	  "alerts: the newest `limit` with a number above `since` and below `before`, oldest first; before: "
	  "what to ask for older ones with, if there are any",
	  nw_query_alerts },
	{ "show", false, "id", "alert: the one of that number", nw_query_show },
	{ "evidence", false, "id",
	  "path: the file with the packets of the alert of that number, which the group can read",
	  nw_query_evidence },
	{ "flows", false, "limit", "flows: the newest `limit` connections; total", v_flows },
	{ "peers", false, "not_validated", "peers: all, or only the audit list; total", v_peers },
	{ "stats", false, "", "counters of the programs; engine", v_stats },
	{ "metrics", false, "", "metrics: Prometheus text", v_metrics },
	{ "watch", false, "",
	  "from then on each alert as a line of its own; {\"lost\":N}: so many were not sent, "
	  "reading was too slow",
	  v_watch },
	{ "ping", false, "", "nothing", v_ping },
	{ "verbs", false, "", "verbs: this table", v_verbs },
	{ "reload", true, "", "remarks, if there are any: the configuration is read again", v_reload },
	{ "replay", true, "since", "nothing; stored alerts from the time `since` on go to syslog again",
	  nw_query_replay },
	{ "test-alert", true, "", "id: of the test alert that was made", nw_query_test_alert },
};

static bool v_verbs(struct nw_daemon *d, const json_t *request, FILE *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < NW_ARRAY_SIZE(verbs); i++)
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b}", "cmd", verbs[i].name, "members",
						      verbs[i].members, "answer", verbs[i].help, "changes",
						      verbs[i].changes));
	nw_query_put(out, json_pack("{s:b,s:o}", "ok", 1, "verbs", list));
	return false;
}

bool nw_query(void *arg, const json_t *request, uid_t uid, FILE *out)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct nw_daemon *d = arg;
	size_t i = 0;

	/* The socket is there a moment before the rest is. */
	if (!d->live || !d->engine) {
		nw_query_fail(out, "negwatchd is starting");
		return false;
	}
	while (cmd && i < NW_ARRAY_SIZE(verbs) && strcmp(verbs[i].name, cmd) != 0)
		i++;
	if (!cmd)
		nw_query_fail(out, "expected one JSON object with \"cmd\" per line");
	else if (i == NW_ARRAY_SIZE(verbs))
		nw_query_fail(out, "unknown command; {\"cmd\":\"verbs\"} lists all");
	else if (verbs[i].changes && uid != 0 && uid != geteuid())
		nw_query_fail(out, "only root may do that");
	else
		return verbs[i].answer(d, request, out);
	return false;
}
