/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A storm of connections: connect, NEGOTIATE, its answer, VALIDATE, reset; one behind the other. */
#ifndef NW_BENCH_STORM_H
#define NW_BENCH_STORM_H

#include <stdint.h>

#include "../../user/cost/wire.h"

struct bench_storm {
	unsigned long connections;
	double cpu_s, wall_s;
};

/* For that long. Leaves the thread in the client's namespace. 0 or -errno. */
int bench_storm(const struct nw_cost_wire *w, uint64_t ns, struct bench_storm *out);

#endif
