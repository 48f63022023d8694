/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Folding: of alerts that say the same of the same client and server only the first is told; the repeats of
 * a window are counted, and told as one summary (rule 191) when the window ends. Nothing is dropped
 * uncounted.
 */
#ifndef NW_FOLD_H
#define NW_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/abi.h"

/*
 * Alerts that can be told apart at once. A place takes sizeof(struct nw_folded) + 88 = 184 bytes, so all
 * of them 736 KiB; when they are taken, the one that was idle longest gets its summary early.
 */
#define NW_FOLD_MAX 4096u

/*
 * Places of one client (wire/group.h: of IPv6 a /64). What it raises beyond them is of its crowd: told and
 * counted together by rule and severity, so that it can't push out others, nor fill the journal. 4096 groups
 * at most take 96 bytes each, 384 KiB.
 */
#define NW_FOLD_SHARE (NW_FOLD_MAX / 8)

/* What makes two alerts the same. Not the client's port, which is another on every reconnect. */
struct nw_fold_key {
	union nw_addr client, server;
	uint16_t port; /* of the server, host byte order */
	uint16_t rule;
	uint8_t fields;	  /* NW_FIELD_* */
	uint8_t severity; /* what gets worse is told at once */
};

/* Are these repeats of several kinds, of all of that client? Then server, port and fields are 0. */
bool nw_fold_is_crowd(const struct nw_fold_key *key);

struct nw_folded {
	struct nw_fold_key key;
	uint64_t first_id;	 /* of the alert that was told */
	uint64_t count;		 /* repeats in this window */
	int64_t last_seen;	 /* of these repeats; wall, ns */
	uint64_t first_ts, took; /* the first of them, and from there to the last; monotonic, ns */
	uint64_t due;		 /* end of the window, monotonic */
	uint32_t slot;		 /* in the file */
	uint32_t check;		 /* CRC-32 of all before, there */
};

struct nw_fold;

/* Is handed each summary that is due; count is not 0. */
typedef void (*nw_fold_fn)(void *arg, const struct nw_folded *f);

/* window: ns, 0: nothing is folded. seed: random, as the keys come from strangers. 0 or -ENOMEM. */
int nw_fold_new(struct nw_fold **out, uint64_t window, uint64_t seed, nw_fold_fn fn, void *arg);
/*
 * Keeps each count in that file (384 KiB at most) from now on, so that a killed daemon forgets none; what one
 * has left there is handed out first. 0, or -errno: then counts are in memory alone.
 */
int nw_fold_keep(struct nw_fold *f, const char *path);
/* What was not told by nw_fold_flush() is gone, or in the file. */
void nw_fold_free(struct nw_fold **f);

/*
 * True: a repeat; it was counted. False: it is to be told, and nw_fold_told() then called. When it was: wall
 * and ts (monotonic), ns; the wall clock may be set between two of them.
 */
bool nw_fold_repeat(struct nw_fold *f, const struct nw_fold_key *key, int64_t wall, uint64_t ts);
/* When the first of these repeats was, by the wall clock of the last one. */
int64_t nw_folded_first_seen(const struct nw_folded *f);
/* now: monotonic. Without memory the next one is told, too. */
void nw_fold_told(struct nw_fold *f, const struct nw_fold_key *key, uint64_t id, uint64_t now);

/* When to call nw_fold_tick(); 0: no need. */
uint64_t nw_fold_due(const struct nw_fold *f);
/* Hands out the summaries of windows that have ended. Who had none in a whole window is forgotten. */
void nw_fold_tick(struct nw_fold *f, uint64_t now);
/* Hands out all summaries and forgets everything; from now on the windows are so long. */
void nw_fold_flush(struct nw_fold *f, uint64_t window);

/* Repeats that no summary has told yet. */
uint64_t nw_fold_untold(const struct nw_fold *f);

#endif
