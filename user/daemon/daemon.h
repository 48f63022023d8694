/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's parts in one place: what starts, stops and reloads them, and how a finding becomes an alert.
 */
#ifndef NW_DAEMON_H
#define NW_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "alerts.h"
#include "attach.h"
#include "config.h"
#include "control.h"
#include "metrics.h"
#include "own.h"
#include "store.h"
#include "../engine/engine.h"
#include "../engine/peers.h"
#include "../sink/sync.h"
#include "../sink/evidence.h"
#include "../source/resets.h"
#include "../util/options.h"

/* Of the command line (main.c). */
extern const struct nw_option nw_daemon_options[];
extern const size_t nw_n_daemon_options;

/* The command line, which a reload reads again together with the file. Pointers into argv. */
struct nw_settings {
	const char *file;    /* NULL: the default one, which may be absent */
	const char **option; /* KEY=VALUE */
	unsigned int n_options;
	struct nw_interfaces interfaces; /* n > 0: instead of the file's */
};

/* What the peers' file is behind. */
struct nw_daemon_peers {
	bool loaded;
	int error; /* -errno of the attempt to read, or the last to write; 0: it worked */
	struct nw_peers_stats saved, written; /* what the file has, and what it has when `sync` has ended */
	struct nw_sync sync;
	bool writing;
	uint64_t changed; /* monotonic time of the first change that is not in the file; 0: none */
	uint64_t tried;	  /* ... and of the last attempt to write */
	uint64_t broken;  /* lines that were left out at the start */
};

struct nw_daemon {
	const struct nw_settings *settings;
	struct nw_config cfg;
	bool print; /* tell people on stdout */
	char host[HOST_NAME_MAX + 1];
	int64_t started; /* wall, ns */
	uint64_t started_mono;

	struct nw_live *live;
	struct nw_resets *resets; /* NULL: the kernel's word on resets can't be had ... */
	char resets_why[160];	  /* ... because of this */
	struct nw_engine *engine;
	struct nw_control *control;
	struct nw_own own;
	struct nw_store store;
	struct nw_daemon_alerts alerts;
	struct nw_evidence *evidence;
	struct nw_daemon_peers peers;
	struct nw_iface iface[NW_INTERFACES_MAX];
	unsigned int n_ifaces;
	bool reloaded; /* the loop is to look at the interfaces again */
	struct nw_metrics_file metrics;

	uint64_t last_event;  /* monotonic, ns; 0: none */
	uint64_t last_lost;   /* monotonic, when the last loss was noticed; 0: none */
	uint64_t lost;	      /* events, since the start */
	uint64_t lost_untold; /* of these, not yet in an alert ... */
	bool lost_starved;    /* ... some for want of memory */
	uint64_t lost_told;   /* monotonic time of the last alert about it; 0: none */
};

/* The file and the command line together. 0 or -errno, after having logged every error. */
int nw_settings_read(const struct nw_settings *s, struct nw_config *out);

/*
 * Starts everything: journal, syslog, programs, hooks, control socket. d is zeroed but for settings, cfg and
 * print. 0, or -errno after having logged it; what was started stays for nw_daemon_stop(), which is called in
 * either case.
 */
int nw_daemon_start(struct nw_daemon *d);
void nw_daemon_stop(struct nw_daemon *d);

/* Messages about the daemon's own work go to syslog (facility daemon) from now on: there is no terminal. */
void nw_daemon_log_to_syslog(struct nw_daemon *d);

/*
 * Reads the settings anew; swaps what can be swapped, and tells the service manager. On an error everything
 * stays as it was. 0 or -errno after having logged it.
 */
int nw_daemon_reload(struct nw_daemon *d);

/*
 * Addresses, links or hooks changed: refreshes what is derived from them, attaches to interfaces that came
 * (back). False if an interface that is wanted can't be watched at present: it is to be called again.
 */
bool nw_daemon_links_changed(struct nw_daemon *d);

/* The kernel lost events: counts them, tells the engine, and raises rule 190 at most once a minute. */
void nw_daemon_lost(struct nw_daemon *d, uint64_t now, uint64_t count);
/* The same with what was lost since the last look; counters as in nw_live_take_lost(). */
void nw_daemon_look_for_losses(struct nw_daemon *d, uint64_t now, bool counters);

/* The name of an interface that is watched, NULL: unknown. */
const char *nw_daemon_if_name(const struct nw_daemon *d, uint32_t ifindex);

/* A line about the daemon's work for the log. */
void nw_daemon_log_stats(struct nw_daemon *d);

/* nw_answer_fn of the control socket; arg is the daemon. */
bool nw_query(void *arg, const json_t *request, uid_t uid, FILE *out);

/*
 * Runs until a signal says stop (returns 0) or the sources fail (-errno). One epoll loop: ring buffer,
 * signals, timers, control socket, link news, syslog.
 */
int nw_loop_run(struct nw_daemon *d);

#endif
