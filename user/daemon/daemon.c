// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The daemon's parts: start, stop, reload; findings become alerts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon.h"
#include "ifaces.h"
#include "own_socket.h"
#include "peers.h"
#include "../sink/alert.h"
#include "../sink/exchange.h"
#include "../sink/flow_json.h"
#include "../sink/syslog_text.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

/* Header of a syslog message: priority, time, name and number of the process. */
#define SYSLOG_HEADER 48
#define LOST_PAUSE (60 * NW_NS_PER_S)

static const char *iface_name(const struct nw_daemon *d, uint32_t ifindex)
{
	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if (d->iface[i].ifindex == ifindex)
			return d->iface[i].name;
	return NULL;
}

static void journal_line(struct nw_daemon *d, const struct nw_alert *a)
{
	json_t *o = nw_alert_json(a);
	_cleanup_free_ char *line = o ? json_dumps(o, NW_JSON_LINE) : NULL;

	json_decref(o);
	if (!line) {
		nw_err("No memory for the journal's line of alert %llu", (unsigned long long)a->id);
		return;
	}
	nw_journal_append(d->journal, line, strlen(line));
	nw_store_add(&d->store, a->id, a->conn && a->conn->end.how == NW_END_NONE ? a->conn->id : 0, line,
		     strlen(line));
	nw_control_publish(d->control, nw_monotonic(), line, strlen(line));
}

/* To all sinks, the quickest first. */
static void send_alert(struct nw_daemon *d, struct nw_alert *a)
{
	char text[NW_SYSLOG_MAX - SYSLOG_HEADER], line[NW_SYSLOG_MAX];

	a->id = nw_journal_take_id(d->journal);
	a->host = d->host;
	d->alerts++;
	d->last_alert = a->wall;
	nw_syslog_text(text, sizeof(text), a);
	nw_syslog_send(d->syslog, nw_monotonic(), nw_levels_of(&d->cfg.syslog_levels, a->rule, a->severity),
		       text);
	journal_line(d, a);
	if (d->print) {
		nw_alert_line(line, sizeof(line), a);
		printf("%s\n", line);
		fflush(stdout);
	}
}

static void on_finding(void *arg, const struct nw_conn *conn, const struct nw_finding *f)
{
	struct nw_daemon *d = arg;
	int64_t offset = nw_wall_offset();
	struct nw_alert a = {
		.wall = (int64_t)f->ts + offset,
		.rule = f->rule,
		.severity = f->severity,
		.count = 1,
		.text = f->text,
		.finding = f,
		.conn = conn,
		.iface = iface_name(d, conn->ifindex),
		.wall_offset = offset,
	};

	send_alert(d, &a);
}

void nw_daemon_lost(struct nw_daemon *d, uint64_t now, uint64_t count)
{
	struct nw_alert a = { .rule = 190, .severity = NW_SEV_ERROR };
	char text[NW_TEXT_MAX];

	d->lost += count;
	d->lost_untold += count;
	nw_engine_lost(d->engine, now, count);
	if (!d->lost_untold || (d->lost_told && now - d->lost_told < LOST_PAUSE))
		return;
	snprintf(text, sizeof(text),
		 "%llu event%s lost between the kernel and negwatchd: alerts may be missing (%llu since "
		 "the "
		 "start); if it goes on, raise ring_buffer_kib",
		 (unsigned long long)d->lost_untold, d->lost_untold == 1 ? " was" : "s were",
		 (unsigned long long)d->lost);
	a.text = text;
	a.count = d->lost_untold;
	a.wall = nw_wall();
	d->lost_untold = 0;
	d->lost_told = now;
	send_alert(d, &a);
}

static bool is_own(void *arg, const union nw_addr *addr)
{
	const struct nw_daemon *d = arg;

	return nw_own_has(&d->own, addr);
}

static bool is_socket(void *arg, const struct nw_key *key, unsigned int local)
{
	return nw_own_socket(key, local);
}

static const char *reset_reason(void *arg, unsigned int reason)
{
	const struct nw_daemon *d = arg;

	return d->resets ? nw_resets_reason(d->resets, reason) : NULL;
}

/* An event that finds no memory is lost like one that found no room. */
static int on_event(void *arg, const struct nw_event *ev)
{
	struct nw_daemon *d = arg;

	if (nw_engine_event(d->engine, ev) == -ENOMEM)
		nw_daemon_lost(d, nw_monotonic(), 1);
	return 0;
}

/* What was good is worth a record, where one asks which part of a path is to blame. */
static void on_settled(void *arg, const struct nw_conn *conn)
{
	struct nw_daemon *d = arg;
	struct nw_journal_state st;
	_cleanup_free_ char *line = NULL;
	json_t *o;

	if (!d->cfg.record_exchanges || conn->n_findings)
		return;
	nw_journal_get_state(d->journal, &st);
	o = nw_exchange_json(conn, d->host, iface_name(d, conn->ifindex), nw_wall_offset(), st.last_id);
	line = o ? json_dumps(o, NW_JSON_LINE) : NULL;
	json_decref(o);
	if (line)
		nw_journal_append(d->journal, line, strlen(line));
}

static void keep_alert(void *arg, char *line, size_t len)
{
	struct nw_daemon *d = arg;
	json_t *o = json_loadb(line, len, 0, NULL);
	json_int_t id = json_integer_value(json_object_get(json_object_get(o, "negwatch"), "alert_id"));

	if (id > 0)
		nw_store_add(&d->store, (uint64_t)id, 0, line, len);
	json_decref(o);
}

static int start_engine(struct nw_daemon *d)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .settled = on_settled };
	struct nw_engine_config cfg;
	int err;

	nw_engine_defaults(&cfg);
	cfg.max_conns = d->cfg.max_flows;
	cfg.max_peers = d->cfg.max_peers;
	cfg.answer_timeout = d->cfg.answer_timeout;
	cfg.outcome_wait = d->cfg.outcome_wait;
	cfg.abort_window = d->cfg.abort_window;
	cfg.idle_timeout = d->cfg.idle_timeout;
	cfg.is_own = is_own;
	cfg.is_socket = is_socket;
	cfg.reset_reason = reset_reason;
	if (getrandom(&cfg.hash_seed, sizeof(cfg.hash_seed), 0) < 0)
		return nw_err_r(-errno, "No random numbers: %m");
	err = nw_engine_new(&d->engine, &cfg, &ops, d);
	return err ? nw_err_r(err, "The engine can't be started: %m") : 0;
}

/* Without it only the kernel's word on resets is missing. Before the hooks, so that no connection begins
 * deaf. */
static void start_resets(struct nw_daemon *d)
{
	int err = nw_resets_new(&d->resets, d->live, d->resets_why, sizeof(d->resets_why));

	if (!err)
		err = nw_resets_attach(d->resets, d->resets_why, sizeof(d->resets_why));
	if (err) {
		nw_resets_free(&d->resets);
		nw_info("The kernel's word on resets is not to be had: %s. All else works without it",
			d->resets_why);
		return;
	}
	nw_engine_kernel_speaks(d->engine, nw_resets_complete(d->resets));
}

static int start_syslog(struct nw_syslog **out, const struct nw_daemon *d, const struct nw_config *cfg)
{
	int err = nw_syslog_new(out, *cfg->syslog_socket ? cfg->syslog_socket : NULL, cfg->syslog_facility,
				cfg->syslog_queue);

	if (!err)
		nw_syslog_set_format(*out, cfg->syslog_format, d->host);
	return err;
}

int nw_daemon_start(struct nw_daemon *d)
{
	struct nw_live_config live = {
		.ports = d->cfg.ports.port,
		.n_ports = d->cfg.ports.n,
		.max_flows = d->cfg.max_flows,
		.ring_bytes = d->cfg.ring_bytes,
	};
	int err;

	if (gethostname(d->host, sizeof(d->host) - 1) < 0 || !*d->host)
		strcpy(d->host, "localhost");
	d->started = nw_wall();
	d->started_mono = nw_monotonic();
	err = nw_control_new(&d->control, d->cfg.run_dir, nw_query, d);
	if (!err)
		err = nw_journal_open(&d->journal, d->cfg.state_dir, NW_STORE_MAX, keep_alert, d);
	if (!err)
		err = start_syslog(&d->syslog, d, &d->cfg);
	if (!err)
		err = nw_own_refresh(&d->own);
	if (!err)
		err = start_engine(d);
	if (!err)
		nw_daemon_peers_load(d);
	if (!err)
		err = nw_ifaces_check(d); /* before the second that loading takes */
	if (!err)
		err = nw_live_new(&d->live, &live, on_event, d);
	if (!err)
		start_resets(d);
	if (!err)
		err = nw_ifaces_sync(d, NW_IFACES_START);
	return err;
}

void nw_daemon_stop(struct nw_daemon *d)
{
	nw_ifaces_detach_all(d);
	/* What is still in the ring was seen before the hooks went. */
	while (d->live && d->engine && nw_live_consume(d->live, 1024) > 0)
		;
	if (d->engine) {
		nw_engine_flush(d->engine);
		nw_daemon_peers_tick(d, UINT64_MAX);
	}
	nw_engine_free(&d->engine);
	nw_resets_free(&d->resets);
	nw_live_free(&d->live);
	nw_control_free(&d->control);
	nw_journal_free(&d->journal);
	nw_syslog_free(&d->syslog);
	nw_store_clear(&d->store);
	nw_own_free(&d->own);
}

static void log_line(void *arg, int level, const char *text)
{
	struct nw_daemon *d = arg;

	if (d->syslog)
		nw_syslog_send(d->syslog, nw_monotonic(), LOG_DAEMON | level, text);
}

void nw_daemon_log_to_syslog(struct nw_daemon *d)
{
	nw_log_to(log_line, d);
}

int nw_settings_read(const struct nw_settings *s, struct nw_config *out)
{
	const char *path = s->file ? s->file : NW_CONFIG_FILE;
	struct nw_config cfg;
	int err;

	nw_config_defaults(&cfg);
	err = nw_config_read(&cfg, path);
	if (err == -ENOENT && !s->file)
		err = 0;
	if (err && err != -EINVAL)
		return nw_err_r(err, "The configuration file %s can't be read: %m", path);
	for (unsigned int i = 0; i < s->n_options; i++)
		if (nw_config_option(&cfg, s->option[i]) < 0)
			err = -EINVAL;
	if (err)
		return err;
	if (s->interfaces.n)
		cfg.interfaces = s->interfaces;
	*out = cfg;
	return 0;
}

int nw_daemon_reload(struct nw_daemon *d)
{
	struct nw_syslog *fresh = NULL;
	struct nw_config cfg;
	const char *late;
	int err = nw_settings_read(d->settings, &cfg);

	if (err)
		return nw_err_r(err, "The configuration stays as it was");
	late = nw_config_needs_restart(&d->cfg, &cfg);
	if (late)
		nw_warn("A change of %s takes effect at the next start (systemctl restart negwatchd)", late);
	if (strcmp(cfg.syslog_socket, d->cfg.syslog_socket) != 0 ||
	    cfg.syslog_facility != d->cfg.syslog_facility || cfg.syslog_queue != d->cfg.syslog_queue ||
	    cfg.syslog_format != d->cfg.syslog_format) {
		err = start_syslog(&fresh, d, &cfg);
		if (err)
			return nw_err_r(err, "Out of memory; the configuration stays as it was");
		nw_syslog_retry(d->syslog, UINT64_MAX);
		nw_syslog_free(&d->syslog);
		d->syslog = fresh;
	}
	nw_config_swap(&d->cfg, &cfg);
	nw_ifaces_sync(d, NW_IFACES_RELOAD);
	nw_info("Configuration read again");
	return 0;
}

bool nw_daemon_links_changed(struct nw_daemon *d)
{
	if (nw_own_refresh(&d->own) < 0)
		nw_warn("The addresses of this host can't be read: %m");
	return nw_ifaces_sync(d, NW_IFACES_NEWS) == 0 && !nw_ifaces_troubled(d);
}

void nw_daemon_log_stats(struct nw_daemon *d)
{
	struct nw_syslog_state sys;
	struct nw_engine_stats st;

	nw_engine_get_stats(d->engine, &st);
	nw_syslog_get_state(d->syslog, &sys);
	nw_info("%u connections now, %llu seen; %llu NEGOTIATE, %llu VALIDATE; %llu alerts; %llu events, "
		"%llu lost; "
		"syslog backlog %u",
		st.conns_now, (unsigned long long)st.conns, (unsigned long long)st.negotiates,
		(unsigned long long)st.validates, (unsigned long long)d->alerts,
		(unsigned long long)st.events, (unsigned long long)d->lost, sys.backlog);
}
