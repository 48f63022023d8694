/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Evidence: the packets behind an alert, as a pcapng file that says in its comments what negwatch read in
 * them. Packets are kept from events on (kept.h), as what they show is only known at the end. The file is
 * written soon after the alert, and again when more of the connection came, its end above all. An error is
 * logged once, and what waits is tried again; alerts don't wait for it.
 */
#ifndef NW_EVIDENCE_H
#define NW_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "alert.h"
#include "evidence_dir.h"
#include "kept.h"

struct nw_evidence;

struct nw_evidence_config {
	const char *state_dir;
	uint64_t memory;				     /* bytes for packets that are kept */
	uint64_t seed;					     /* for tables whose keys strangers choose */
	uint64_t waits[3];				     /* as the engine has them, see evidence_mark.h */
	const char *(*if_name)(void *arg, uint32_t ifindex); /* NULL: unknown */
	void *arg;
};

struct nw_evidence_state {
	const char *path; /* of the directory */
	uint64_t files, bytes;
	uint64_t written; /* files, since the start; more than alerts, as they are written again */
	uint64_t removed; /* files that made room since the start */
	uint64_t
		absent; /* alerts about a connection without packets to show: they had made room, or failed */
	int error;	/* -errno of the last attempt to write, 0: it worked */
	struct nw_kept_stats kept;
};

/* 0, or -errno after having logged it. *out is untouched on failure. limits->files 0: off. */
int nw_evidence_new(struct nw_evidence **out, const struct nw_evidence_config *cfg,
		    const struct nw_evidence_limits *limits);
/* Writes what waits. */
void nw_evidence_free(struct nw_evidence **e);
void nw_evidence_set_limits(struct nw_evidence *e, const struct nw_evidence_limits *limits);

/* The engine's packet, settled and done (engine.h). */
void nw_evidence_packet(struct nw_evidence *e, const struct nw_conn *c, const struct nw_event *ev);
void nw_evidence_settled(struct nw_evidence *e, const struct nw_conn *c);
void nw_evidence_done(struct nw_evidence *e, const struct nw_conn *c);

/*
 * An alert about a connection was given its number: returns the name of the file that it will have, which is
 * written by the next tick. NULL: it will have none. In out.
 */
const char *nw_evidence_alert(struct nw_evidence *e, char out[NW_EVIDENCE_NAME], const struct nw_alert *a);

/* Writes what is due at `now` (monotonic). Returns when to be called again; 0: no need. */
uint64_t nw_evidence_tick(struct nw_evidence *e, uint64_t now, int64_t wall_offset);

/* The alert's file, with its directory, in out; false: it has none. */
bool nw_evidence_path(const struct nw_evidence *e, char *out, size_t size, uint64_t id);

void nw_evidence_get_state(const struct nw_evidence *e, struct nw_evidence_state *out);

#endif
