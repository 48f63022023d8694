/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Metrics in Prometheus' text format (0.0.4), by the control socket and in a file for node_exporter's
 * textfile collector. Labels come from closed sets and the host's interfaces, never from the traffic.
 */
#ifndef NW_METRICS_H
#define NW_METRICS_H

#include <stdint.h>
#include <stdio.h>

struct nw_daemon;

/* What the writing of metrics_file is at. */
struct nw_metrics_file {
	uint64_t due; /* monotonic; 0: at once */
	int error;    /* -errno of the last attempt, 0: it worked */
};

/* All of them, as of now. */
void nw_metrics_write(const struct nw_daemon *d, FILE *out);

/*
 * Writes metrics_file if that is due: a new file beside it, renamed over it, so that nobody reads half of
 * one. The first failure in a row is logged. Returns when to be called next (monotonic, ns); 0: there is no
 * such file.
 */
uint64_t nw_metrics_tick(struct nw_daemon *d, uint64_t now);

#endif
