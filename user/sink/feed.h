/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Syslog's share of the alert journal: every alert that is meant for it, in order, at least once. The place
 * is kept over restarts; what may have been sent before, or was kept waiting by an outage of the receiver,
 * carries replayed=1.
 */
#ifndef NW_FEED_H
#define NW_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "journal.h"
#include "syslog.h"

/* Added to a text; room has to be left for it. */
#define NW_FEED_MARK " replayed=1"

/*
 * How fast alerts are sent that have waited: journald forwards to syslog no more than some hundreds per
 * second, and drops the rest.
 */
#define NW_FEED_PER_S 100u

struct nw_feed;

/* From the journal's cursor on, which it moves. 0 or -ENOMEM. journal and syslog have to outlive it. */
int nw_feed_new(struct nw_feed **out, struct nw_journal *j, struct nw_syslog *syslog);
/* Sends once more, marked as replayed, what is in the journal now and not older than `since` (wall, ns). */
int nw_feed_again(struct nw_feed **out, struct nw_journal *j, struct nw_syslog *syslog, int64_t since);
void nw_feed_free(struct nw_feed **f);

/* After a reload: the new one. */
void nw_feed_set_syslog(struct nw_feed *f, struct nw_syslog *syslog);

/* One more is in the journal. */
void nw_feed_added(struct nw_feed *f);

/*
 * Sends what can be sent, a bounded piece at a time. Returns when to be called again (monotonic); 0: there is
 * nothing to do until the journal has more (nw_feed_again()'s: it is done).
 */
uint64_t nw_feed_run(struct nw_feed *f, uint64_t now);

/* Alerts that wait, as far as known. */
uint64_t nw_feed_backlog(const struct nw_feed *f);
/* Messages sent with the mark, and alerts that were too large for the receiver, since the start. */
uint64_t nw_feed_replayed(const struct nw_feed *f);
uint64_t nw_feed_refused(const struct nw_feed *f);

/* Into the alert's JSON: what syslog is to be told. An alert without it is for the journal alone.
 * 0 or -ENOMEM. */
int nw_feed_put(json_t *alert, int priority, const char *text);

#endif
