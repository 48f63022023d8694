// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The daemon's parts: start, stop, reload; findings become alerts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon.h"
#include "ifaces.h"
#include "notify.h"
#include "own_socket.h"
#include "peers.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

#define LOST_PAUSE (60 * NW_NS_PER_S)

static void on_finding(void *arg, const struct nw_conn *conn, const struct nw_finding *f)
{
	nw_alerts_finding(arg, conn, f);
}

static void tell_lost(struct nw_daemon *d, uint64_t now)
{
	char text[NW_TEXT_MAX];

	snprintf(text, sizeof(text),
		 "%llu event%s lost between the kernel and negwatchd: alerts may be missing (%llu since the "
		 "start); %s",
		 (unsigned long long)d->lost_untold, d->lost_untold == 1 ? " was" : "s were",
		 (unsigned long long)d->lost,
		 d->lost_starved ? "it had no memory for them: make some free, or raise its limit" :
				   "if it goes on, raise ring_buffer_kib");
	nw_alerts_lost(d, d->lost_untold, text);
	d->lost_untold = 0;
	d->lost_starved = false;
	d->lost_told = now;
}

void nw_daemon_lost(struct nw_daemon *d, uint64_t now, uint64_t count)
{
	d->lost += count;
	d->lost_untold += count;
	if (count)
		d->last_lost = now;
	nw_engine_lost(d->engine, now, count);
	if (d->lost_untold && (!d->lost_told || now - d->lost_told >= LOST_PAUSE))
		tell_lost(d, now);
}

/* A gap is seen when the next event comes; how many more were lost meanwhile the counters say. */
void nw_daemon_look_for_losses(struct nw_daemon *d, uint64_t now, bool counters)
{
	uint64_t lost = nw_live_take_lost(d->live, counters);

	if (lost && !counters)
		lost += nw_live_take_lost(d->live, true);
	nw_daemon_lost(d, now, lost);
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

	/* Before it is taken for all that came. */
	nw_daemon_look_for_losses(d, nw_monotonic(), false);
	d->last_event = ev->ts;
	if (nw_engine_event(d->engine, ev) == -ENOMEM) {
		d->lost_starved = true;
		nw_daemon_lost(d, nw_monotonic(), 1);
	}
	return 0;
}

static void on_settled(void *arg, const struct nw_conn *conn)
{
	struct nw_daemon *d = arg;

	nw_alerts_settled(d, conn);
	nw_evidence_settled(d->evidence, conn);
}

static void on_done(void *arg, const struct nw_conn *conn)
{
	nw_evidence_done(((struct nw_daemon *)arg)->evidence, conn);
}

static void on_packet(void *arg, const struct nw_conn *conn, const struct nw_event *ev)
{
	nw_evidence_packet(((struct nw_daemon *)arg)->evidence, conn, ev);
}

const char *nw_daemon_if_name(const struct nw_daemon *d, uint32_t ifindex)
{
	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if (d->iface[i].ifindex == ifindex)
			return d->iface[i].name;
	return NULL;
}

static const char *if_name(void *arg, uint32_t ifindex)
{
	return nw_daemon_if_name(arg, ifindex);
}

static struct nw_evidence_limits evidence_limits(const struct nw_config *cfg)
{
	return (struct nw_evidence_limits){ .files = cfg->evidence_files, .bytes = cfg->evidence_total };
}

static int start_evidence(struct nw_daemon *d)
{
	struct nw_evidence_limits max = evidence_limits(&d->cfg);
	struct nw_evidence_config cfg = {
		.state_dir = d->cfg.state_dir,
		.memory = d->cfg.evidence_memory,
		.waits = { d->cfg.answer_timeout, d->cfg.outcome_wait, d->cfg.abort_window },
		.if_name = if_name,
		.arg = d,
	};

	if (getrandom(&cfg.seed, sizeof(cfg.seed), 0) < 0)
		return nw_err_r(-errno, "No random numbers: %m");
	return nw_evidence_new(&d->evidence, &cfg, &max);
}

static int start_engine(struct nw_daemon *d)
{
	static const struct nw_engine_ops ops = {
		.finding = on_finding, .settled = on_settled, .done = on_done, .packet = on_packet
	};
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
		err = nw_alerts_start(d);
	if (!err)
		err = start_evidence(d);
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
	if (d->live && d->engine) {
		uint64_t now = nw_monotonic();

		nw_daemon_look_for_losses(d, now, true);
		if (d->lost_untold)
			tell_lost(d, now);
	}
	if (d->engine) {
		nw_engine_flush(d->engine);
		nw_daemon_peers_tick(d, UINT64_MAX);
	}
	/* Those who watch get the last ones, too. */
	nw_alerts_stop(d);
	nw_evidence_free(&d->evidence);
	nw_engine_free(&d->engine);
	nw_resets_free(&d->resets);
	nw_live_free(&d->live);
	nw_control_free(&d->control);
	nw_store_clear(&d->store);
	nw_own_free(&d->own);
}

static void log_line(void *arg, int level, const char *text)
{
	struct nw_daemon *d = arg;

	if (d->alerts.syslog)
		nw_syslog_send(d->alerts.syslog, nw_monotonic(), LOG_DAEMON | level, text);
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

static int reload(struct nw_daemon *d)
{
	struct nw_evidence_limits max;
	struct nw_config cfg;
	const char *late;
	int err = nw_settings_read(d->settings, &cfg);

	if (err)
		return nw_err_r(err, "The configuration stays as it was");
	late = nw_config_needs_restart(&d->cfg, &cfg);
	if (late)
		nw_warn("A change of %s takes effect at the next start (systemctl restart negwatchd)", late);
	err = nw_alerts_reload(d, &cfg);
	if (err)
		return nw_err_r(err, "Out of memory; the configuration stays as it was");
	nw_config_swap(&d->cfg, &cfg);
	max = evidence_limits(&d->cfg);
	nw_evidence_set_limits(d->evidence, &max);
	nw_ifaces_sync(d, NW_IFACES_RELOAD);
	nw_info("Configuration read again");
	return 0;
}

int nw_daemon_reload(struct nw_daemon *d)
{
	int err;

	nw_notify("RELOADING=1");
	err = reload(d);
	d->reloaded = true;
	d->metrics.due = 0;
	nw_notify("READY=1");
	return err;
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
	nw_syslog_get_state(d->alerts.syslog, &sys);
	nw_info("%u connections now, %llu seen; %llu NEGOTIATE, %llu VALIDATE; %llu alerts, %llu repeats "
		"folded; %llu "
		"events, %llu lost; syslog backlog %llu",
		st.conns_now, (unsigned long long)st.conns, (unsigned long long)st.negotiates,
		(unsigned long long)st.validates, (unsigned long long)d->alerts.told,
		(unsigned long long)d->alerts.folded, (unsigned long long)st.events,
		(unsigned long long)d->lost,
		(unsigned long long)nw_feed_backlog(d->alerts.feed) + sys.backlog);
}
