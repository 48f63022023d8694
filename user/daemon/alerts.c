// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From findings to alerts: what is told, what is counted, and to whom it goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon.h"
#include "../sink/alert.h"
#include "../sink/exchange.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../sink/sync.h"
#include "../sink/syslog_text.h"
#include "../util/log.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

/* Header of a syslog message: priority, time, name and number of the process. */
#define SYSLOG_HEADER 48
/* What exceeds syslog's rate is told together, at most so often. */
#define EXCESS_EVERY (10 * NW_NS_PER_S)

static void count_excess(struct nw_daemon_alerts *s, const struct nw_alert *a)
{
	if (!s->excess.count++) {
		s->excess.first_id = a->id;
		s->excess.first_seen = a->wall;
		s->excess.due = nw_monotonic() + EXCESS_EVERY;
	}
	s->excess.last_id = a->id;
	s->excess.last_seen = a->wall;
	s->limited++;
}

/* Into the journal, or past it to syslog if that is not possible; then to those who watch. */
static void hand_out(struct nw_daemon *d, const struct nw_alert *a, const char *syslog)
{
	struct nw_daemon_alerts *s = &d->alerts;
	int priority = nw_levels_of(&d->cfg.syslog_levels, a->rule, a->severity);
	json_t *o = nw_alert_json(a);
	_cleanup_free_ char *line = NULL;
	int err = -ENOMEM;

	if (o && syslog && nw_feed_put(o, priority, syslog) < 0) {
		json_decref(o);
		o = NULL;
	}
	line = o ? nw_json_text(o) : NULL;
	json_decref(o);
	if (line) {
		err = nw_journal_append(s->journal, line, strlen(line), a->id);
	} else {
		nw_err("No memory for the journal's line of alert %llu", (unsigned long long)a->id);
		nw_journal_miss(s->journal);
	}
	if (syslog && err)
		nw_syslog_send(s->syslog, nw_monotonic(), priority, syslog);
	else if (syslog)
		nw_feed_added(s->feed);
	if (!line)
		return;
	nw_store_add(&d->store, a->id, a->conn && a->conn->end.how == NW_END_NONE ? a->conn : NULL, line,
		     strlen(line));
	nw_control_publish(d->control, nw_monotonic(), line, strlen(line));
}

/* limited: syslog's rate counts for it. */
static void tell(struct nw_daemon *d, struct nw_alert *a, bool limited)
{
	char text[NW_SYSLOG_MAX - SYSLOG_HEADER - sizeof(NW_FEED_MARK)], line[NW_SYSLOG_MAX];
	struct nw_daemon_alerts *s = &d->alerts;
	const union nw_addr *client = NULL, *server;
	char evidence[NW_EVIDENCE_NAME];
	bool one_by_one;

	if (!nw_alert_ends(a, &client, &server))
		client = NULL;
	one_by_one = !limited || nw_share_take(s->rate, client, nw_monotonic());
	a->id = nw_journal_take_id(s->journal);
	a->host = d->host;
	a->evidence = nw_evidence_alert(d->evidence, evidence, a);
	s->told++;
	s->last = a->wall;
	if (!one_by_one)
		count_excess(s, a);
	nw_syslog_text(text, sizeof(text), a);
	hand_out(d, a, one_by_one ? text : NULL);
	if (d->print) {
		nw_alert_line(line, sizeof(line), a);
		printf("%s\n", line);
		fflush(stdout);
	}
}

static struct nw_fold_key fold_key(const struct nw_conn *conn, const struct nw_finding *f)
{
	return (struct nw_fold_key){
		.client = *nw_conn_addr(conn, NW_C2S),
		.server = *nw_conn_addr(conn, NW_S2C),
		.port = nw_conn_port(conn, NW_S2C),
		.rule = f->rule,
		.fields = f->fields,
		.severity = f->severity,
	};
}

void nw_alerts_finding(struct nw_daemon *d, const struct nw_conn *conn, const struct nw_finding *f)
{
	struct nw_fold_key key = fold_key(conn, f);
	int64_t offset = nw_wall_offset();
	struct nw_alert a = {
		.wall = (int64_t)f->ts + offset,
		.rule = f->rule,
		.severity = f->severity,
		.count = 1,
		.text = f->text,
		.finding = f,
		.conn = conn,
		.iface = nw_daemon_if_name(d, conn->ifindex),
		.wall_offset = offset,
	};

	if (nw_fold_repeat(d->alerts.fold, &key, a.wall, f->ts)) {
		d->alerts.folded++;
		return;
	}
	tell(d, &a, true);
	nw_fold_told(d->alerts.fold, &key, a.id, nw_monotonic());
}

/* What was good is worth a record, where one asks which part of a path is to blame. */
void nw_alerts_settled(struct nw_daemon *d, const struct nw_conn *conn)
{
	struct nw_journal_state st;
	_cleanup_free_ char *line = NULL;
	json_t *o;

	if (!d->cfg.record_exchanges || conn->n_findings)
		return;
	nw_journal_get_state(d->alerts.journal, &st);
	o = nw_exchange_json(conn, d->host, nw_daemon_if_name(d, conn->ifindex), nw_wall_offset(),
			     st.last_id);
	line = o ? nw_json_text(o) : NULL;
	json_decref(o);
	if (line)
		nw_journal_append(d->alerts.journal, line, strlen(line), 0);
}

void nw_alerts_lost(struct nw_daemon *d, uint64_t count, const char *text)
{
	struct nw_alert a = {
		.rule = 190, .severity = NW_SEV_ERROR, .wall = nw_wall(), .count = count, .text = text
	};

	tell(d, &a, true);
}

uint64_t nw_alerts_test(struct nw_daemon *d)
{
	struct nw_alert a = {
		.rule = 199,
		.severity = NW_SEV_INFO,
		.wall = nw_wall(),
		.count = 1,
		.text = "This is a test alert, asked for with negwatch test-alert: nothing was seen on the "
			"network",
	};

	tell(d, &a, false);
	return a.id;
}

static void repeats_text(char out[NW_TEXT_MAX], const struct nw_folded *f)
{
	const char *name = nw_rule_name(f->key.rule), *s = f->count == 1 ? "" : "s";
	char client[NW_ADDR_TEXT], server[NW_ADDR_TEXT], took[NW_TIME_TEXT];

	nw_addr_text(client, &f->key.client);
	/* One repeat has no duration. */
	took[0] = '\0';
	if (f->count > 1)
		nw_duration_text(took, f->took);
	if (nw_fold_is_crowd(&f->key))
		snprintf(out, NW_TEXT_MAX,
			 "%llu more alert%s of rule %u (%s)%s%s by client %s%s: it raises too many "
			 "different "
			 "ones, of which alert %llu was the last to be told",
			 (unsigned long long)f->count, s, f->key.rule, name, *took ? " in " : "", took,
			 client, f->key.client.d[0] ? "/64" : "", (unsigned long long)f->first_id);
	else
		snprintf(out, NW_TEXT_MAX,
			 "Alert %llu (rule %u, %s) was met again %llu time%s%s%s by client %s with server "
			 "%s",
			 (unsigned long long)f->first_id, f->key.rule, name, (unsigned long long)f->count, s,
			 *took ? " in " : "", took, client, nw_addr_text(server, &f->key.server));
}

/* A summary of folded repeats. */
static void tell_repeats(void *arg, const struct nw_folded *f)
{
	struct nw_daemon *d = arg;
	char text[NW_TEXT_MAX];
	struct nw_suppressed s = {
		.key = &f->key,
		.first_id = f->first_id,
		.last_id = f->first_id,
		.first_seen = nw_folded_first_seen(f),
		.last_seen = f->last_seen,
	};
	struct nw_alert a = {
		.rule = 191,
		.severity = NW_SEV_NOTICE,
		.wall = nw_wall(),
		.count = f->count,
		.text = text,
		.suppressed = &s,
	};

	repeats_text(text, f);
	tell(d, &a, true);
}

static void tell_excess(struct nw_daemon *d)
{
	struct nw_daemon_alerts *all = &d->alerts;
	char text[NW_TEXT_MAX];
	struct nw_suppressed s = {
		.first_id = all->excess.first_id,
		.last_id = all->excess.last_id,
		.first_seen = all->excess.first_seen,
		.last_seen = all->excess.last_seen,
	};
	struct nw_alert a = {
		.rule = 191,
		.severity = NW_SEV_NOTICE,
		.wall = nw_wall(),
		.count = all->excess.count,
		.text = text,
		.suppressed = &s,
	};

	snprintf(text, sizeof(text),
		 "%llu alerts between %llu and %llu were beyond syslog_rate and are in the alert journal "
		 "only; "
		 "negwatch alerts lists them",
		 (unsigned long long)a.count, (unsigned long long)s.first_id, (unsigned long long)s.last_id);
	all->excess.count = all->excess.due = 0;
	tell(d, &a, false);
}

static void keep_alert(void *arg, char *line, size_t len)
{
	struct nw_daemon *d = arg;
	json_t *o = json_loadb(line, len, 0, NULL);
	uint64_t id = nw_journal_alert_id(o);

	if (id)
		nw_store_add(&d->store, id, NULL, line, len);
	json_decref(o);
}

static int start_syslog(struct nw_syslog **out, const struct nw_daemon *d, const struct nw_config *cfg)
{
	int err = nw_syslog_new(out, *cfg->syslog_socket ? cfg->syslog_socket : NULL, cfg->syslog_facility,
				cfg->syslog_queue);

	if (!err)
		nw_syslog_set_format(*out, cfg->syslog_format, d->host);
	return err;
}

static struct nw_journal_limits limits(const struct nw_config *cfg)
{
	return (struct nw_journal_limits){ .file = cfg->journal_file, .total = cfg->journal_total };
}

int nw_alerts_start(struct nw_daemon *d)
{
	struct nw_journal_limits max = limits(&d->cfg);
	struct nw_daemon_alerts *s = &d->alerts;
	char path[PATH_MAX];
	uint64_t seed = 0;
	int err = nw_journal_open(&s->journal, d->cfg.state_dir, &max, NW_STORE_MAX, keep_alert, d);

	if (err)
		return err;
	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return nw_err_r(-errno, "No random numbers: %m");
	err = start_syslog(&s->syslog, d, &d->cfg);
	if (!err)
		err = nw_share_new(&s->rate, d->cfg.syslog_rate, d->cfg.syslog_burst, seed);
	if (!err)
		err = nw_fold_new(&s->fold, d->cfg.fold_window, seed, tell_repeats, d);
	if (!err)
		err = nw_feed_new(&s->feed, s->journal, s->syslog);
	if (err)
		return nw_err_r(err, "Out of memory");
	snprintf(path, sizeof(path), "%s/alerts.folds", d->cfg.state_dir);
	err = nw_fold_keep(s->fold, path);
	if (err)
		nw_log_r(LOG_WARNING, err,
			 "Counts of repeats can't be kept in %s (%m): a killed negwatchd forgets them", path);
	return 0;
}

void nw_alerts_stop(struct nw_daemon *d)
{
	struct nw_daemon_alerts *s = &d->alerts;

	if (s->feed) {
		nw_fold_flush(s->fold, 0);
		if (s->excess.count)
			tell_excess(d);
		nw_alerts_tick(d, nw_monotonic(), true);
	}
	for (int i = 0; i < NW_REPLAYS_MAX; i++)
		nw_feed_free(&s->again[i]);
	nw_feed_free(&s->feed);
	nw_fold_free(&s->fold);
	nw_share_free(&s->rate);
	nw_journal_free(&s->journal);
	nw_syslog_free(&s->syslog);
}

static void set_syslog(struct nw_daemon_alerts *s, struct nw_syslog *fresh)
{
	nw_syslog_retry(s->syslog, UINT64_MAX);
	nw_syslog_free(&s->syslog);
	s->syslog = fresh;
	nw_feed_set_syslog(s->feed, fresh);
	for (int i = 0; i < NW_REPLAYS_MAX; i++)
		if (s->again[i])
			nw_feed_set_syslog(s->again[i], fresh);
}

int nw_alerts_reload(struct nw_daemon *d, const struct nw_config *fresh)
{
	struct nw_journal_limits max = limits(fresh);
	struct nw_daemon_alerts *s = &d->alerts;
	struct nw_syslog *syslog = NULL;

	if (strcmp(fresh->syslog_socket, d->cfg.syslog_socket) != 0 ||
	    fresh->syslog_facility != d->cfg.syslog_facility || fresh->syslog_queue != d->cfg.syslog_queue ||
	    fresh->syslog_format != d->cfg.syslog_format) {
		int err = start_syslog(&syslog, d, fresh);

		if (err)
			return err;
		set_syslog(s, syslog);
	}
	if (fresh->fold_window != d->cfg.fold_window)
		nw_fold_flush(s->fold, fresh->fold_window);
	if (fresh->syslog_rate != d->cfg.syslog_rate || fresh->syslog_burst != d->cfg.syslog_burst)
		nw_share_set(s->rate, fresh->syslog_rate, fresh->syslog_burst);
	nw_journal_set_limits(s->journal, &max);
	return 0;
}

int nw_alerts_replay(struct nw_daemon *d, int64_t since)
{
	struct nw_daemon_alerts *s = &d->alerts;

	for (int i = 0; i < NW_REPLAYS_MAX; i++)
		if (!s->again[i])
			return nw_feed_again(&s->again[i], s->journal, s->syslog, since);
	return -EBUSY;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* Syslog's share, and what was asked for once more. */
static uint64_t feed(struct nw_daemon_alerts *s, uint64_t now)
{
	uint64_t due = nw_feed_run(s->feed, now);

	for (int i = 0; i < NW_REPLAYS_MAX; i++) {
		uint64_t next = s->again[i] ? nw_feed_run(s->again[i], now) : 0;

		if (s->again[i] && !next)
			nw_feed_free(&s->again[i]);
		due = sooner(due, next);
	}
	return due;
}

uint64_t nw_alerts_tick(struct nw_daemon *d, uint64_t now, bool sync)
{
	struct nw_daemon_alerts *s = &d->alerts;
	uint64_t due = 0;

	nw_fold_tick(s->fold, now);
	if (s->excess.count && now >= s->excess.due)
		tell_excess(d);
	if (nw_syslog_retry_at(s->syslog) && now >= nw_syslog_retry_at(s->syslog))
		nw_syslog_retry(s->syslog, now);
	if (sync) {
		due = feed(s, now);
		if (nw_journal_work(s->journal) && !nw_journal_is_busy(s->journal))
			due = now;
		if (nw_journal_is_busy(s->journal))
			due = sooner(due, now + NW_SYNC_LOOK);
	}
	due = sooner(due, nw_fold_due(s->fold));
	due = sooner(due, s->excess.count ? s->excess.due : 0);
	return sooner(due, nw_syslog_retry_at(s->syslog));
}
