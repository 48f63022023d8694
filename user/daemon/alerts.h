/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From findings to alerts: folding, numbers, the journal, syslog's share of it, those who watch. */
#ifndef NW_ALERTS_H
#define NW_ALERTS_H

#include <stdint.h>

#include "../engine/engine.h"
#include "../sink/feed.h"
#include "../sink/fold.h"
#include "../sink/journal.h"
#include "../sink/share.h"

struct nw_config;
struct nw_daemon;

/* Replays that `negwatch replay` has asked for, at once. */
#define NW_REPLAYS_MAX 4

struct nw_daemon_alerts {
	struct nw_journal *journal;
	struct nw_syslog *syslog;
	struct nw_fold *fold;
	struct nw_feed *feed;		       /* of the journal's cursor */
	struct nw_feed *again[NW_REPLAYS_MAX]; /* NULL: free */
	struct nw_share *rate;		       /* of alerts that syslog is told one by one */
	/* Alerts beyond that rate that no summary has told yet. */
	struct {
		uint64_t count, first_id, last_id, due; /* due: monotonic */
		int64_t first_seen, last_seen;
	} excess;
	uint64_t told;	  /* since the start */
	uint64_t folded;  /* repeats that were counted instead */
	uint64_t limited; /* of those told: beyond syslog's rate */
	uint64_t
		unfed_sent; /* alerts that went to syslog past the journal, because it could not be written */
	int64_t last;	    /* wall, ns; 0: none */
};

/* Opens journal and syslog; hands the last lines to the store. 0, or -errno after having logged it. */
int nw_alerts_start(struct nw_daemon *d);
/* Tells what was folded, and sends what can be sent. */
void nw_alerts_stop(struct nw_daemon *d);
/* The configuration has changed. 0 or -ENOMEM: then all is as it was. */
int nw_alerts_reload(struct nw_daemon *d, const struct nw_config *fresh);

void nw_alerts_finding(struct nw_daemon *d, const struct nw_conn *conn, const struct nw_finding *f);
/* A connection whose negotiation came to an end, good or not: recorded if that is configured. */
void nw_alerts_settled(struct nw_daemon *d, const struct nw_conn *conn);
/* Rule 190; text: one sentence. */
void nw_alerts_lost(struct nw_daemon *d, uint64_t count, const char *text);
/* Rule 199; returns its number. */
uint64_t nw_alerts_test(struct nw_daemon *d);
/* Sends again what is not older than `since` (wall, ns). 0, -EBUSY: too many at once, or -ENOMEM. */
int nw_alerts_replay(struct nw_daemon *d, int64_t since);

/*
 * What goes by the clock. With sync syslog is fed from the journal, which is begun to be put on the disk; a
 * slow one holds nobody up (nw_journal_may_tell()). Returns when to be called again (monotonic); 0:
 * no need before the next alert.
 */
uint64_t nw_alerts_tick(struct nw_daemon *d, uint64_t now, bool sync);

#endif
