// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs of the control socket: one row each, and the JSON that answers it. */
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "query.h"
#include "status.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

void nw_query_put(FILE *out, json_t *o)
{
	/* Half an object may be written when memory runs out: the answer is put in the place of all of it. */
	if (json_dumpf(o, out, NW_JSON_LINE) < 0) {
		rewind(out);
		fputs("{\"ok\":false,\"error\":\"out of memory\"}", out);
	}
	json_decref(o);
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
	{ "flows", false, "limit, before",
	  "flows: the newest `limit` connections before `before`, oldest first, fewer where the answer would "
	  "be long; total; before: what to ask for older ones with, if there are any",
	  nw_query_flows },
	{ "peers", false, "not_validated, limit, before",
	  "peers: of all, or only of the audit list, in pages as with flows; total; before", nw_query_peers },
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
