// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The daemon's state and counters as JSON, for `negwatch status` and `negwatch stats`. */
#include <string.h>
#include <sys/utsname.h>

#include "caps.h"
#include "daemon.h"
#include "ifaces.h"
#include "status.h"
#include "../engine/peers.h"
#include "../sink/json.h"
#include "../util/time.h"
#include "../util/util.h"

static json_t *num(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *when(int64_t wall, int digits)
{
	char text[NW_TIME_TEXT];

	return json_string(nw_time_utc(text, wall, digits));
}

static json_t *hook(const struct nw_attached *a)
{
	json_t *o = json_object();

	nw_json_set(o, "hook", json_string(nw_how_name(a->how)));
	if (*a->why)
		nw_json_set(o, "why", json_string(a->why));
	return o;
}

static void add_absent(void *list, const char *name)
{
	json_t *o;
	size_t i;

	/* One that went a moment ago is still being watched, as far as the daemon knows: told once. */
	json_array_foreach((json_t *)list, i, o)
	{
		if (strcmp(json_string_value(json_object_get(o, "name")), name) == 0)
			return;
	}
	o = json_object();
	nw_json_set(o, "name", json_string(name));
	nw_json_set(o, "state", json_string("absent"));
	json_array_append_new(list, o);
}

/* "watched" with both hooks; "failed" with the trouble; "absent": configured by name, and not there. */
static json_t *interfaces(const struct nw_daemon *d)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < d->n_ifaces; i++) {
		const struct nw_iface *iface = &d->iface[i];
		json_t *o = json_object();

		nw_json_set(o, "name", json_string(iface->name));
		nw_json_set(o, "ifindex", num(iface->ifindex));
		nw_json_set(o, "state", json_string(*iface->trouble ? "failed" : "watched"));
		if (*iface->trouble) {
			nw_json_set(o, "why", json_string(iface->trouble));
		} else {
			nw_json_set(o, "ingress", hook(&iface->ingress));
			nw_json_set(o, "egress", hook(&iface->egress));
		}
		json_array_append_new(list, o);
	}
	nw_ifaces_absent(d, add_absent, list);
	return list;
}

static json_t *resets(const struct nw_daemon *d)
{
	json_t *o = json_object();

	nw_json_set(o, "available", json_boolean(d->resets));
	if (d->resets)
		nw_json_set(o, "reasons", json_boolean(nw_resets_complete(d->resets)));
	else
		nw_json_set(o, "why", json_string(d->resets_why));
	return o;
}

static json_t *engine_stats(const struct nw_engine_stats *st)
{
	json_t *o = json_object();

	nw_json_set(o, "events", num(st->events));
	nw_json_set(o, "connections", num(st->conns));
	nw_json_set(o, "connections_now", num(st->conns_now));
	nw_json_set(o, "evicted", num(st->evicted));
	nw_json_set(o, "expired", num(st->expired));
	nw_json_set(o, "negotiate", num(st->negotiates));
	nw_json_set(o, "validate", num(st->validates));
	nw_json_set(o, "smb311", num(st->smb311));
	nw_json_set(o, "not_observed", num(st->not_observed));
	nw_json_set(o, "joined", num(st->joined));
	nw_json_set(o, "join_dropped", num(st->join_dropped));
	nw_json_set(o, "findings", num(st->findings));
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
			nw_json_set(rules, key, num(st->rule[i]));
	}
	nw_json_set(o, "since_start", num(d->alerts.told));
	nw_json_set(o, "folded", num(d->alerts.folded));
	nw_json_set(o, "folded_untold", num(nw_fold_untold(d->alerts.fold)));
	nw_json_set(o, "total", num(j.last_id));
	nw_json_set(o, "by_rule", rules);
	if (d->alerts.last)
		nw_json_set(o, "last", when(d->alerts.last, 6));
	return o;
}

static json_t *losses(const struct nw_daemon *d, const uint64_t count[NW_C_MAX])
{
	json_t *o = json_object();
	uint64_t flows, evicted;

	nw_json_set(o, "events", num(d->lost));
	if (d->last_lost)
		nw_json_set(o, "last", when((int64_t)d->last_lost + nw_wall_offset(), 3));
	nw_json_set(o, "flows", num(count[NW_C_LOST_FLOWS]));
	if (nw_live_flows(d->live, &flows, &evicted) == 0)
		nw_json_set(o, "flows_evicted", num(evicted));
	nw_json_set(o, "holes", num(count[NW_C_HOLES]));
	nw_json_set(o, "not_smb", num(count[NW_C_NOT_SMB]));
	nw_json_set(o, "fragments", num(count[NW_C_FRAGMENT]));
	nw_json_set(o, "malformed", num(count[NW_C_MALFORMED]));
	return o;
}

static json_t *peers_state(const struct nw_daemon *d)
{
	struct nw_peers_stats st;
	json_t *o = json_object();

	nw_peers_get_stats(nw_engine_peers(d->engine), &st);
	nw_json_set(o, "now", num(st.peers));
	nw_json_set(o, "capacity", num(d->cfg.max_peers));
	nw_json_set(o, "instances", num(st.instances));
	nw_json_set(o, "evicted", num(st.evicted));
	nw_json_set(o, "repaired", num(d->peers.broken));
	if (d->peers.error)
		nw_json_set(o, "error", json_string(strerror(-d->peers.error)));
	return o;
}

static json_t *syslog_state(const struct nw_daemon *d)
{
	struct nw_syslog_state s;
	json_t *o = json_object();

	nw_syslog_get_state(d->alerts.syslog, &s);
	if (s.path) {
		nw_json_set(o, "socket", json_string(s.path));
		nw_json_set(o, "connected", json_boolean(s.connected));
		nw_json_set(o, "backlog", num(nw_feed_backlog(d->alerts.feed) + s.backlog));
		nw_json_set(o, "sent", num(s.sent));
		nw_json_set(o, "dropped", num(s.dropped));
		nw_json_set(o, "replayed", num(nw_feed_replayed(d->alerts.feed)));
		nw_json_set(o, "refused", num(nw_feed_refused(d->alerts.feed)));
		nw_json_set(o, "rate_limited", num(d->alerts.limited));
		if (s.error)
			nw_json_set(o, "error", json_string(strerror(-s.error)));
	}
	return o;
}

static json_t *journal_state(const struct nw_daemon *d)
{
	struct nw_journal_state j;
	json_t *o = json_object();

	nw_journal_get_state(d->alerts.journal, &j);
	nw_json_set(o, "path", json_string(j.path));
	nw_json_set(o, "repaired", num(j.repaired));
	nw_json_set(o, "unwritten", num(j.unwritten));
	nw_json_set(o, "files", num(j.files + 1));
	nw_json_set(o, "bytes", num(j.bytes));
	nw_json_set(o, "removed_files", num(j.removed));
	nw_json_set(o, "removed_unsent", num(j.unsent));
	if (j.error)
		nw_json_set(o, "error", json_string(strerror(-j.error)));
	return o;
}

static json_t *evidence_state(const struct nw_daemon *d)
{
	struct nw_evidence_state s;
	json_t *o = json_object();

	nw_evidence_get_state(d->evidence, &s);
	nw_json_set(o, "path", json_string(s.path));
	nw_json_set(o, "enabled", json_boolean(d->cfg.evidence_files));
	nw_json_set(o, "files", num(s.files));
	nw_json_set(o, "bytes", num(s.bytes));
	nw_json_set(o, "written", num(s.written));
	nw_json_set(o, "removed_files", num(s.removed));
	nw_json_set(o, "absent", num(s.absent));
	nw_json_set(o, "connections_now", num(s.kept.conns));
	nw_json_set(o, "memory_bytes", num(s.kept.bytes));
	nw_json_set(o, "made_room", num(s.kept.made_room));
	if (s.error)
		nw_json_set(o, "error", json_string(strerror(-s.error)));
	return o;
}

json_t *nw_status_json(const struct nw_daemon *d)
{
	uint64_t count[NW_C_MAX] = { 0 };
	struct nw_engine_stats st;
	struct utsname un = { 0 };
	json_t *o = json_object();

	nw_engine_get_stats(d->engine, &st);
	nw_live_counters(d->live, count);
	uname(&un);
	nw_json_set(o, "version", json_string(NW_VERSION));
	nw_json_set(o, "pid", num((uint64_t)getpid()));
	nw_json_set(o, "host", json_string(d->host));
	nw_json_set(o, "kernel", json_string(un.release));
	nw_json_set(o, "started", when(d->started, 0));
	nw_json_set(o, "uptime_s", num((nw_monotonic() - d->started_mono) / NW_NS_PER_S));
	nw_json_set(o, "privileges", nw_caps_json());
	nw_json_set(o, "interfaces", interfaces(d));
	nw_json_set(o, "kernel_resets", resets(d));
	nw_json_set(o, "flows_capacity", num(d->cfg.max_flows));
	nw_json_set(o, "packets", num(count[NW_C_PACKETS]));
	nw_json_set(o, "messages", num(count[NW_C_MESSAGES]));
	if (d->last_event)
		nw_json_set(o, "last_event", when((int64_t)d->last_event + nw_wall_offset(), 3));
	nw_json_set(o, "engine", engine_stats(&st));
	nw_json_set(o, "alerts", alert_counts(d, &st));
	nw_json_set(o, "peers", peers_state(d));
	nw_json_set(o, "losses", losses(d, count));
	nw_json_set(o, "syslog", syslog_state(d));
	nw_json_set(o, "journal", journal_state(d));
	nw_json_set(o, "evidence", evidence_state(d));
	return o;
}

json_t *nw_stats_json(const struct nw_daemon *d)
{
	static const struct {
		const char *name, *text;
	} names[] = {
#define X(name, text) { #name, text },
		NW_COUNTERS(X)
#undef X
	};
	json_t *o = json_object(), *list = json_array();
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
	nw_json_set(o, "counters", list);
	nw_json_set(o, "engine", engine_stats(&st));
	return o;
}
