// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of metrics, and the file that holds them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "daemon.h"
#include "metrics.h"
#include "../engine/peers.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

#define EVERY (15 * NW_NS_PER_S)

/* Everything that the rows read, taken once. */
struct view {
	const struct nw_daemon *d;
	struct nw_engine_stats engine;
	struct nw_peers_stats peers;
	struct nw_syslog_state syslog;
	struct nw_journal_state journal;
	struct nw_evidence_state evidence;
	uint64_t count[NW_C_MAX];
	uint64_t evicted; /* by the kernel's flow table */
};

struct metric {
	const char *name; /* behind "negwatch_" */
	const char *type, *help;
	double (*value)(const struct view *v); /* of the one sample ... */
	void (*samples)(const struct view *v, const char *name,
			FILE *out); /* ... or all samples with labels */
};

static const struct {
	const char *label;
	enum nw_counter counter;
} outcomes[] = {
	{ "not-ip", NW_C_NOT_IP },	 { "not-tcp", NW_C_NOT_TCP },	    { "fragment", NW_C_FRAGMENT },
	{ "malformed", NW_C_MALFORMED }, { "other-port", NW_C_OTHER_PORT }, { "syn", NW_C_SYN },
	{ "untracked", NW_C_UNTRACKED }, { "empty", NW_C_EMPTY },	    { "body", NW_C_BODY },
	{ "walked", NW_C_WALKED },	 { "ahead", NW_C_AHEAD },	    { "far", NW_C_FAR },
	{ "unread", NW_C_UNREAD },
};

_Static_assert(NW_ARRAY_SIZE(outcomes) == NW_C_OUTCOMES, "every outcome has a label");

static const struct {
	const char *label;
	enum nw_counter counter;
} unread[] = {
	{ "hole", NW_C_HOLES },
	{ "not-smb", NW_C_NOT_SMB },
	{ "fragment", NW_C_FRAGMENT },
	{ "truncated", NW_C_TRUNCATED },
	{ "malformed", NW_C_MALFORMED },
	{ "raw-limit", NW_C_RAW_LIMIT },
	{ "untracked-flow", NW_C_LOST_FLOWS },
	{ "carry-lost", NW_C_CARRY_LOST },
};

/* A label's value: backslash, quote and newline are escaped. */
static void put_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
}

static void s_build(const struct view *v, const char *name, FILE *out)
{
	struct utsname un = { 0 };

	uname(&un);
	fprintf(out, "negwatch_%s{version=\"" NW_VERSION "\",kernel=\"", name);
	put_value(out, un.release);
	fputs("\"} 1\n", out);
}

static void s_alerts(const struct view *v, const char *name, FILE *out)
{
	for (size_t i = 0; i < nw_n_rules && i < NW_RULES_MAX; i++)
		fprintf(out, "negwatch_%s{rule=\"%u\",name=\"%s\"} %llu\n", name, nw_rules[i].number,
			nw_rules[i].name, (unsigned long long)v->engine.rule[i]);
}

static void s_packets(const struct view *v, const char *name, FILE *out)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(outcomes); i++)
		fprintf(out, "negwatch_%s{outcome=\"%s\"} %llu\n", name, outcomes[i].label,
			(unsigned long long)v->count[outcomes[i].counter]);
}

static void s_unread(const struct view *v, const char *name, FILE *out)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(unread); i++)
		fprintf(out, "negwatch_%s{reason=\"%s\"} %llu\n", name, unread[i].label,
			(unsigned long long)v->count[unread[i].counter]);
}

static void s_evicted(const struct view *v, const char *name, FILE *out)
{
	fprintf(out, "negwatch_%s{table=\"kernel\"} %llu\nnegwatch_%s{table=\"daemon\"} %llu\n", name,
		(unsigned long long)v->evicted, name, (unsigned long long)v->engine.evicted);
}

static void put_hook(const char *name, const struct nw_iface *iface, const char *direction,
		     const struct nw_attached *a, FILE *out)
{
	fprintf(out, "negwatch_%s{interface=\"", name);
	put_value(out, iface->name);
	fprintf(out, "\",direction=\"%s\",hook=\"%s\"} %d\n", direction,
		*iface->trouble ? "none" : nw_how_name(a->how), !*iface->trouble && a->how != NW_HOW_NONE);
}

static void s_attached(const struct view *v, const char *name, FILE *out)
{
	for (unsigned int i = 0; i < v->d->n_ifaces; i++) {
		put_hook(name, &v->d->iface[i], "ingress", &v->d->iface[i].ingress, out);
		put_hook(name, &v->d->iface[i], "egress", &v->d->iface[i].egress, out);
	}
}

/* One function for each single value. */
#define VALUE(fn, expression)                                                                                \
	static double fn(const struct view *v)                                                               \
	{                                                                                                    \
		return (double)(expression);                                                                 \
	}

VALUE(v_start, (double)v->d->started / 1e9)
VALUE(v_last_event, v->d->last_event ? ((double)v->d->last_event + (double)nw_wall_offset()) / 1e9 : 0)
VALUE(v_last_alert, (double)v->d->alerts.last / 1e9)
VALUE(v_conns_now, v->engine.conns_now)
VALUE(v_conns, v->engine.conns)
VALUE(v_conns_capacity, v->d->cfg.max_flows)
VALUE(v_conns_311, v->engine.smb311)
VALUE(v_conns_unseen, v->engine.not_observed)
VALUE(v_negotiates, v->engine.negotiates)
VALUE(v_validates, v->engine.validates)
VALUE(v_messages, v->count[NW_C_MESSAGES])
VALUE(v_events, v->engine.events)
VALUE(v_lost, v->d->lost)
VALUE(v_peers_now, v->peers.peers)
VALUE(v_peers_capacity, v->d->cfg.max_peers)
VALUE(v_peers_evicted, v->peers.evicted)
VALUE(v_syslog_up, v->syslog.path && !v->syslog.error)
VALUE(v_folded, v->d->alerts.folded)
VALUE(v_syslog_backlog, nw_feed_backlog(v->d->alerts.feed) + v->syslog.backlog)
VALUE(v_syslog_sent, v->syslog.sent)
VALUE(v_syslog_dropped, v->syslog.dropped)
VALUE(v_syslog_refused, nw_feed_refused(v->d->alerts.feed))
VALUE(v_syslog_limited, v->d->alerts.limited)
VALUE(v_journal_up, !v->journal.error)
VALUE(v_journal_unwritten, v->journal.unwritten)
VALUE(v_journal_bytes, v->journal.bytes)
VALUE(v_journal_unsent, v->journal.unsent)
VALUE(v_evidence_up, v->d->cfg.evidence_files && !v->evidence.error)
VALUE(v_evidence_files, v->evidence.files)
VALUE(v_evidence_bytes, v->evidence.bytes)
VALUE(v_evidence_absent, v->evidence.absent)

/* Counters begin anew with the daemon. */
static const struct metric metrics[] = {
	{ "build_info", "gauge", "Version of negwatchd and of the kernel.", NULL, s_build },
	{ "start_time_seconds", "gauge", "When negwatchd started, since 1970.", v_start, NULL },
	{ "interface_attached", "gauge", "Whether the hook of that direction is in place.", NULL,
	  s_attached },
	{ "packets_total", "counter", "Packets seen, by what became of them.", NULL, s_packets },
	{ "messages_total", "counter", "SMB messages whose header was read.", v_messages, NULL },
	{ "unread_total", "counter", "What could not be read, by reason.", NULL, s_unread },
	{ "events_total", "counter", "Events that came from the kernel.", v_events, NULL },
	{ "events_lost_total", "counter", "Events lost on the way; alerts may be missing.", v_lost, NULL },
	{ "last_event_time_seconds", "gauge", "When the last event came, since 1970; 0: none yet.",
	  v_last_event, NULL },
	{ "connections", "gauge", "SMB connections that are known now.", v_conns_now, NULL },
	{ "connections_capacity", "gauge", "SMB connections that can be followed at once.", v_conns_capacity,
	  NULL },
	{ "connections_seen_total", "counter", "SMB connections seen.", v_conns, NULL },
	{ "connections_evicted_total", "counter", "Connections that made room for others, by table.", NULL,
	  s_evicted },
	{ "connections_smb311_total", "counter", "Connections of SMB 3.1.1, which needs no VALIDATE.",
	  v_conns_311, NULL },
	{ "connections_not_observed_total", "counter", "Connections that could not be followed in full.",
	  v_conns_unseen, NULL },
	{ "negotiate_exchanges_total", "counter", "NEGOTIATE exchanges.", v_negotiates, NULL },
	{ "validate_exchanges_total", "counter", "VALIDATE_NEGOTIATE_INFO exchanges.", v_validates, NULL },
	{ "alerts_total", "counter", "Findings, by rule.", NULL, s_alerts },
	{ "alerts_folded_total", "counter", "Repeats of alerts that were counted, not told.", v_folded,
	  NULL },
	{ "last_alert_time_seconds", "gauge", "When the last alert was raised, since 1970; 0: none yet.",
	  v_last_alert, NULL },
	{ "peers", "gauge", "Clients that are remembered.", v_peers_now, NULL },
	{ "peers_capacity", "gauge", "Clients that can be remembered.", v_peers_capacity, NULL },
	{ "peers_evicted_total", "counter", "Clients that were forgotten to make room.", v_peers_evicted,
	  NULL },
	{ "syslog_up", "gauge", "Whether the last message to syslog was taken; 0 also if it is off.",
	  v_syslog_up, NULL },
	{ "syslog_backlog", "gauge", "Messages that wait for syslog.", v_syslog_backlog, NULL },
	{ "syslog_sent_total", "counter", "Messages that syslog took.", v_syslog_sent, NULL },
	{ "syslog_dropped_total", "counter", "Messages that syslog never got.", v_syslog_dropped, NULL },
	{ "syslog_refused_total", "counter", "Alerts that were too large for syslog.", v_syslog_refused,
	  NULL },
	{ "syslog_rate_limited_total", "counter", "Alerts beyond syslog's rate, told to it as a count.",
	  v_syslog_limited, NULL },
	{ "journal_up", "gauge", "Whether the alert journal could be written.", v_journal_up, NULL },
	{ "journal_unwritten_total", "counter", "Alerts that are not in the journal.", v_journal_unwritten,
	  NULL },
	{ "journal_bytes", "gauge", "Size of the alert journal, with its closed files.", v_journal_bytes,
	  NULL },
	{ "journal_removed_unsent_total", "counter",
	  "Alerts that made room in the journal before syslog had got them.", v_journal_unsent, NULL },
	{ "evidence_up", "gauge", "Whether evidence could be written; 0 also if it is off.", v_evidence_up,
	  NULL },
	{ "evidence_files", "gauge", "Files of evidence.", v_evidence_files, NULL },
	{ "evidence_bytes", "gauge", "Size of all evidence.", v_evidence_bytes, NULL },
	{ "evidence_absent_total", "counter", "Alerts about connections whose packets were not kept.",
	  v_evidence_absent, NULL },
};

void nw_metrics_write(const struct nw_daemon *d, FILE *out)
{
	struct view v = { .d = d };
	uint64_t flows;

	nw_engine_get_stats(d->engine, &v.engine);
	nw_peers_get_stats(nw_engine_peers(d->engine), &v.peers);
	nw_syslog_get_state(d->alerts.syslog, &v.syslog);
	nw_journal_get_state(d->alerts.journal, &v.journal);
	nw_evidence_get_state(d->evidence, &v.evidence);
	nw_live_counters(d->live, v.count);
	nw_live_flows(d->live, &flows, &v.evicted);
	for (size_t i = 0; i < NW_ARRAY_SIZE(metrics); i++) {
		const struct metric *m = &metrics[i];

		fprintf(out, "# HELP negwatch_%s %s\n# TYPE negwatch_%s %s\n", m->name, m->help, m->name,
			m->type);
		if (m->samples)
			m->samples(&v, m->name, out);
		else
			fprintf(out, "negwatch_%s %.17g\n", m->name, m->value(&v));
	}
}

static int write_file(const struct nw_daemon *d, const char *path)
{
	/* Always the same name, so that a killed daemon leaves one at most; not ".prom", or it would be read.
	 */
	char fresh[sizeof(d->cfg.metrics_file) + 8];
	FILE *out;
	int fd, bad;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	/* Another user's process reads it. */
	fd = nw_file_create(AT_FDCWD, fresh, 0644);
	if (fd < 0)
		return fd;
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		return -ENOMEM;
	}
	nw_metrics_write(d, out);
	bad = fflush(out) != 0 ? -errno : 0;
	fclose(out);
	if (!bad && rename(fresh, path) < 0)
		bad = -errno;
	if (bad)
		unlink(fresh);
	return bad;
}

uint64_t nw_metrics_tick(struct nw_daemon *d, uint64_t now)
{
	const char *path = d->cfg.metrics_file;
	struct nw_metrics_file *f = &d->metrics;
	int err;

	if (!*path) {
		f->due = 0;
		f->error = 0;
		return 0;
	}
	if (now < f->due)
		return f->due;
	f->due = now + EVERY;
	err = write_file(d, path);
	if (err && !f->error)
		nw_err("The metrics file %s can't be written: %s. Its directory has to exist and be writable "
		       "for "
		       "negwatchd (systemd: ReadWritePaths=)",
		       path, strerror(-err));
	if (!err && f->error)
		nw_info("The metrics file %s can be written again", path);
	f->error = err;
	return f->due;
}
