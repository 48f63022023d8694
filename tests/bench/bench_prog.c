// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the programs cost per packet over empty ones, against the design's budgets. */
#include <stdio.h>
#include <string.h>

#include "../../user/cost/test_run.h"

#define REPEAT 400000

/* ns over the empty program: reference figures of the design. */
static const int budget[NW_COST_KINDS] = { [NW_COST_UDP] = 6, [NW_COST_OTHER] = 6, [NW_COST_BULK] = 15 };

static int row(const struct nw_cost_progs *p, enum nw_cost_prog which, enum nw_cost_kind kind)
{
	struct nw_cost_frame f;
	struct nw_cost_ns ns;
	double over;
	int err;

	nw_cost_frame(&f, kind);
	err = nw_cost_measure(p, which, &f, REPEAT, &ns);
	if (err)
		return err;
	over = ns.ours - ns.empty;
	printf("%-4s %-34s %7.1f %7.1f %8.1f %8d  %s\n", which == NW_COST_XDP ? "xdp" : "tc", f.name,
	       ns.empty, ns.ours, over, budget[kind], over <= budget[kind] ? "met" : "missed");
	return 0;
}

int main(void)
{
	struct nw_cost_progs progs;
	int err = nw_cost_load(&progs);

	if (err) {
		fprintf(stderr, "bench: the programs do not load: %s; root and kernel 6.1 are needed\n",
			strerror(-err));
		return 1;
	}
	printf("%-4s %-34s %7s %7s %8s %8s\n", "type", "packet", "empty", "ours", "over", "budget");
	for (enum nw_cost_prog which = NW_COST_XDP; which <= NW_COST_TC_IN && !err; which++) {
		err = nw_cost_open(&progs, which);
		for (enum nw_cost_kind kind = 0; kind < NW_COST_KINDS && !err; kind++)
			err = row(&progs, which, kind);
	}
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	nw_cost_free(&progs);
	return err ? 1 : 0;
}
