/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events from the kernel: loads the programs, drains the ring buffer, proves losses, reads the counters. */
#ifndef NW_LIVE_H
#define NW_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "source.h"
#include "../../bpf/wire/stream.h"

struct nw_live;

/* The entries, to be attached, and the programs behind them. */
enum nw_live_prog {
	NW_PROG_XDP = 0,
	NW_PROG_TC_IN,
	NW_PROG_TC_OUT,
	NW_PROG_L3_IN,
	NW_PROG_L3_OUT,
	NW_PROG_READ_XDP,
	NW_PROG_READ_SKB,
	NW_PROGS,
};

struct nw_live_config {
	const uint16_t *ports; /* host byte order */
	unsigned int n_ports;
	uint32_t max_flows;  /* 0: as the programs were built */
	uint32_t ring_bytes; /* a power of two, at least a page; 0: as the programs were built */
};

/*
 * Loads the programs into the kernel; attaches nothing. fn is called by nw_live_consume() only. Returns 0 or
 * -errno, after having logged what is missing and what to do: -EPERM (capability), -EOPNOTSUPP (kernel too
 * old), -ENOMEM, or what the kernel said. *out is untouched on failure.
 */
int nw_live_new(struct nw_live **out, const struct nw_live_config *cfg, nw_event_fn fn, void *arg);

/* The programs leave the kernel when the last hook lets go of them. */
void nw_live_free(struct nw_live **live);

/* Readable when events wait. Owned by live. */
int nw_live_fd(const struct nw_live *live);

/* Owned by live. */
int nw_live_prog_fd(const struct nw_live *live, enum nw_live_prog which);
const char *nw_live_prog_name(enum nw_live_prog which);

/* What finds a flow in the programs' table, see bpf/flows.h, for another object that shares it. */
void nw_live_homes(const struct nw_live *live, uint32_t *rows, __u64 by[NW_HOME_WORDS]);

/* A map by its name, for another object that shares it. Owned by live; -ENOENT: there is none. */
int nw_live_map_fd(const struct nw_live *live, const char *name);

/*
 * Handles at most `budget` events, so that the caller's timers and sockets get their turn. Returns how many
 * were handled (== budget: more may wait), or -errno; an error of fn ends the call and is returned.
 */
int nw_live_consume(struct nw_live *live, unsigned int budget);

/*
 * Events lost since the last call, proven by gaps in the numbers of a CPU's events, or counted by the
 * programs; whichever says more. With `counters` the counters are read as well: a ring that fell silent
 * shows no gap.
 */
uint64_t nw_live_take_lost(struct nw_live *live, bool counters);

/* Sums over all CPUs. 0 or -errno. */
int nw_live_counters(const struct nw_live *live, uint64_t out[NW_C_MAX]);

/*
 * Entries of the kernel's table of flows, and how many of them it evicted since the start because it was
 * full, ended connections among them: begun - made way - present, as the table itself doesn't tell. Flows
 * that begin while it is read make the answer wrong by as many. 0 or -errno.
 */
int nw_live_flows(const struct nw_live *live, uint64_t *now, uint64_t *evicted);

#endif
