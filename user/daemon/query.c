// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs of the control socket: one row each, and the JSON that answers it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ifaces.h"
#include "query.h"
#include "../engine/peers.h"
#include "../sink/flow_json.h"
#include "../sink/peer_json.h"
#include "../util/time.h"
#include "../util/util.h"

#define FLOWS_DEFAULT 1000u
#define FLOWS_MAX 10000u

static void set(json_t *o, const char *key, json_t *value)
{
	/* Takes the value over even on failure; what could not be set for want of memory is left out. */
	json_object_set_new(o, key, value);
}

static json_t *num(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *when(int64_t wall, int digits)
{
	char text[NW_TIME_TEXT];

	return json_string(nw_time_utc(text, wall, digits));
}

static void put(FILE *out, json_t *o)
{
	json_dumpf(o, out, NW_JSON_LINE);
	json_decref(o);
}

static json_t *hook(const struct nw_attached *a)
{
	json_t *o = json_object();

	set(o, "hook", json_string(nw_how_name(a->how)));
	if (*a->why)
		set(o, "why", json_string(a->why));
	return o;
}

static void add_absent(void *list, const char *name)
{
	json_t *o = json_object();

	set(o, "name", json_string(name));
	set(o, "state", json_string("absent"));
	json_array_append_new(list, o);
}

/* "watched" with both hooks; "failed" with the trouble; "absent": configured by name, and not there. */
static json_t *interfaces(const struct nw_daemon *d)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < d->n_ifaces; i++) {
		const struct nw_iface *iface = &d->iface[i];
		json_t *o = json_object();

		set(o, "name", json_string(iface->name));
		set(o, "ifindex", num(iface->ifindex));
		set(o, "state", json_string(*iface->trouble ? "failed" : "watched"));
		if (*iface->trouble) {
			set(o, "why", json_string(iface->trouble));
		} else {
			set(o, "ingress", hook(&iface->ingress));
			set(o, "egress", hook(&iface->egress));
		}
		json_array_append_new(list, o);
	}
	nw_ifaces_absent(d, add_absent, list);
	return list;
}

static json_t *resets(const struct nw_daemon *d)
{
	json_t *o = json_object();

	set(o, "available", json_boolean(d->resets));
	if (d->resets)
		set(o, "reasons", json_boolean(nw_resets_complete(d->resets)));
	else
		set(o, "why", json_string(d->resets_why));
	return o;
}

static json_t *engine_stats(const struct nw_engine_stats *st)
{
	json_t *o = json_object();

	set(o, "events", num(st->events));
	set(o, "connections", num(st->conns));
	set(o, "connections_now", num(st->conns_now));
	set(o, "evicted", num(st->evicted));
	set(o, "expired", num(st->expired));
	set(o, "negotiate", num(st->negotiates));
	set(o, "validate", num(st->validates));
	set(o, "smb311", num(st->smb311));
	set(o, "not_observed", num(st->not_observed));
	set(o, "joined", num(st->joined));
	set(o, "join_dropped", num(st->join_dropped));
	set(o, "findings", num(st->findings));
	return o;
}

static json_t *alert_counts(const struct nw_daemon *d, const struct nw_engine_stats *st)
{
	json_t *o = json_object(), *rules = json_object();
	struct nw_journal_state j;
	char key[8];

	nw_journal_get_state(d->alerts.journal, &j);
	for (size_t i = 0; i < nw_n_rules && i < NW_RULES_MAX; i++) {
		snprintf(key, sizeof(key), "%u", nw_rules[i].number);
		if (st->rule[i])
			set(rules, key, num(st->rule[i]));
	}
	set(o, "since_start", num(d->alerts.told));
	set(o, "folded", num(d->alerts.folded));
	set(o, "folded_untold", num(nw_fold_untold(d->alerts.fold)));
	set(o, "total", num(j.last_id));
	set(o, "by_rule", rules);
	if (d->alerts.last)
		set(o, "last", when(d->alerts.last, 6));
	return o;
}

static json_t *losses(const struct nw_daemon *d, const uint64_t count[NW_C_MAX])
{
	json_t *o = json_object();
	uint64_t flows, evicted;

	set(o, "events", num(d->lost));
	set(o, "flows", num(count[NW_C_LOST_FLOWS]));
	if (nw_live_flows(d->live, &flows, &evicted) == 0)
		set(o, "flows_evicted", num(evicted));
	set(o, "holes", num(count[NW_C_HOLES]));
	set(o, "not_smb", num(count[NW_C_NOT_SMB]));
	set(o, "fragments", num(count[NW_C_FRAGMENT]));
	set(o, "malformed", num(count[NW_C_MALFORMED]));
	return o;
}

static json_t *peers_state(const struct nw_daemon *d)
{
	struct nw_peers_stats st;
	json_t *o = json_object();

	nw_peers_get_stats(nw_engine_peers(d->engine), &st);
	set(o, "now", num(st.peers));
	set(o, "capacity", num(d->cfg.max_peers));
	set(o, "instances", num(st.instances));
	set(o, "evicted", num(st.evicted));
	set(o, "repaired", num(d->peers.broken));
	if (d->peers.error)
		set(o, "error", json_string(strerror(-d->peers.error)));
	return o;
}

static json_t *syslog_state(const struct nw_daemon *d)
{
	struct nw_syslog_state s;
	json_t *o = json_object();

	nw_syslog_get_state(d->alerts.syslog, &s);
	if (s.path) {
		set(o, "socket", json_string(s.path));
		set(o, "connected", json_boolean(s.connected));
		set(o, "backlog", num(nw_feed_backlog(d->alerts.feed) + s.backlog));
		set(o, "sent", num(s.sent));
		set(o, "dropped", num(s.dropped));
		set(o, "replayed", num(nw_feed_replayed(d->alerts.feed)));
		set(o, "refused", num(nw_feed_refused(d->alerts.feed)));
		set(o, "rate_limited", num(d->alerts.limited));
		if (s.error)
			set(o, "error", json_string(strerror(-s.error)));
	}
	return o;
}

static json_t *journal_state(const struct nw_daemon *d)
{
	struct nw_journal_state j;
	json_t *o = json_object();

	nw_journal_get_state(d->alerts.journal, &j);
	set(o, "path", json_string(j.path));
	set(o, "repaired", num(j.repaired));
	set(o, "unwritten", num(j.unwritten));
	set(o, "files", num(j.files + 1));
	set(o, "bytes", num(j.bytes));
	set(o, "removed_files", num(j.removed));
	set(o, "removed_unsent", num(j.unsent));
	if (j.error)
		set(o, "error", json_string(strerror(-j.error)));
	return o;
}

static bool v_status(struct nw_daemon *d, const json_t *request, FILE *out)
{
	uint64_t count[NW_C_MAX] = { 0 };
	struct nw_engine_stats st;
	struct utsname un = { 0 };
	json_t *o = json_object(), *reply = json_object();

	nw_engine_get_stats(d->engine, &st);
	nw_live_counters(d->live, count);
	uname(&un);
	set(o, "version", json_string(NW_VERSION));
	set(o, "pid", num((uint64_t)getpid()));
	set(o, "host", json_string(d->host));
	set(o, "kernel", json_string(un.release));
	set(o, "started", when(d->started, 0));
	set(o, "uptime_s", num((nw_monotonic() - d->started_mono) / NW_NS_PER_S));
	set(o, "interfaces", interfaces(d));
	set(o, "kernel_resets", resets(d));
	set(o, "flows_capacity", num(d->cfg.max_flows));
	set(o, "packets", num(count[NW_C_PACKETS]));
	set(o, "engine", engine_stats(&st));
	set(o, "alerts", alert_counts(d, &st));
	set(o, "peers", peers_state(d));
	set(o, "losses", losses(d, count));
	set(o, "syslog", syslog_state(d));
	set(o, "journal", journal_state(d));
	set(reply, "ok", json_true());
	set(reply, "status", o);
	put(out, reply);
	return false;
}

static bool v_stats(struct nw_daemon *d, const json_t *request, FILE *out)
{
	static const struct {
		const char *name, *text;
	} names[] = {
#define X(name, text) { #name, text },
		NW_COUNTERS(X)
#undef X
	};
	json_t *reply = json_object(), *list = json_array();
	uint64_t count[NW_C_MAX] = { 0 };
	struct nw_engine_stats st;

	nw_live_counters(d->live, count);
	nw_engine_get_stats(d->engine, &st);
	for (int i = 0; i < NW_C_MAX; i++) {
		char name[32];
		size_t n = 0;

		if (i == NW_C_OUTCOMES)
			continue;
		for (const char *p = names[i].name; *p && n < sizeof(name) - 1; p++)
			name[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
		name[n] = '\0';
		json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:b}", "name", name, "value",
						      (json_int_t)count[i], "text", names[i].text, "outcome",
						      i < NW_C_OUTCOMES));
	}
	set(reply, "ok", json_true());
	set(reply, "counters", list);
	set(reply, "engine", engine_stats(&st));
	put(out, reply);
	return false;
}

uint64_t nw_query_number(const json_t *request, const char *key, uint64_t otherwise)
{
	const json_t *v = json_object_get(request, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v) : otherwise;
}

void nw_query_fail(FILE *out, const char *message)
{
	put(out, json_pack("{s:b,s:s}", "ok", 0, "error", message));
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
	put(w->out, nw_flow_json(conn, NULL, w->offset));
	w->sep = ",";
	return 0;
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
	nw_engine_each(d->engine, put_flow, &w);
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
	put(w->out, nw_peer_json(peer, w->offset));
	w->sep = ",";
	return 0;
}

/* {"cmd":"peers"}, with "not_validated":true only the audit list of rule 110. */
static bool v_peers(struct nw_daemon *d, const json_t *request, FILE *out)
{
	struct peer_walk w = { .out = out, .sep = "", .offset = nw_wall_offset() };
	struct nw_peers_stats st;

	w.listed = json_is_true(json_object_get(request, "not_validated"));
	nw_peers_get_stats(nw_engine_peers(d->engine), &st);
	fprintf(out, "{\"ok\":true,\"total\":%u,\"peers\":[", st.peers);
	nw_peers_each(nw_engine_peers(d->engine), put_peer, &w);
	fputs("]}", out);
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

static const struct {
	const char *name;
	bool (*answer)(struct nw_daemon *d, const json_t *request, FILE *out);
	bool changes; /* for root alone */
} verbs[] = {
	{ "status", v_status, false },	     { "alerts", nw_query_alerts, false },
	{ "show", nw_query_show, false },    { "flows", v_flows, false },
	{ "stats", v_stats, false },	     { "watch", v_watch, false },
	{ "ping", v_ping, false },	     { "peers", v_peers, false },
	{ "replay", nw_query_replay, true }, { "test-alert", nw_query_test_alert, true },
};

bool nw_query(void *arg, bool root, const json_t *request, FILE *out)
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
	if (!cmd || i == NW_ARRAY_SIZE(verbs))
		nw_query_fail(out,
			      cmd ? "unknown command" : "expected one JSON object with \"cmd\" per line");
	else if (verbs[i].changes && !root)
		nw_query_fail(out, "this is for root alone");
	else
		return verbs[i].answer(d, request, out);
	return false;
}
