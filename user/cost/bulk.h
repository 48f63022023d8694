/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A bulk transfer of SMB2 WRITEs between the two ends of a wire, and what it cost. */
#ifndef NW_COST_BULK_H
#define NW_COST_BULK_H

#include <stdint.h>

#include "wire.h"

struct nw_cost_bulk {
	double gb, cpu_s, wall_s;
};

/* Sends for that long. Leaves the process in the client's namespace. 0 or -errno. */
int nw_cost_bulk(const struct nw_cost_wire *w, uint64_t ns, struct nw_cost_bulk *out);

/* Seconds of CPU time that this process and all ksoftirqd threads had so far. */
double nw_cost_cpu_s(void);

#endif
