// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loading the programs as the daemon does: how long it takes, and the instructions that the verifier walked
 * (kernel 5.16 and later). One JSON object per line.
 *
 * usage: bench_load ROUNDS
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "../../user/cost/test_run.h"
#include "../../user/source/live.h"
#include "../../user/source/resets.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define ROUNDS_MAX 99

static int no_event(void *arg, const struct nw_event *ev)
{
	(void)arg;
	(void)ev;
	return 0;
}

static unsigned long instructions(const struct nw_live *live)
{
	unsigned long sum = 0;

	for (enum nw_live_prog p = NW_PROG_XDP; p < NW_PROGS; p++) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(nw_live_prog_fd(live, p), &info, &len) < 0)
			return 0;
		printf("{\"row\": \"verifier.%s\", \"ours\": %u, \"unit\": \"instructions\"}\n",
		       nw_live_prog_name(p), info.verified_insns);
		sum += info.verified_insns;
	}
	return sum;
}

int main(int argc, char **argv)
{
	static const uint16_t ports[] = { 445, 139 };
	const struct nw_live_config cfg = { .ports = ports, .n_ports = NW_ARRAY_SIZE(ports) };
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;
	double wall[ROUNDS_MAX];

	if (!rounds || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_load ROUNDS, 1 to %u\n", ROUNDS_MAX);
		return 2;
	}
	for (unsigned int r = 0; r < rounds; r++) {
		struct nw_resets *resets = NULL;
		struct nw_live *live;
		char why[200];
		uint64_t start = nw_monotonic();

		if (nw_live_new(&live, &cfg, no_event, NULL))
			return 1;
		nw_resets_new(&resets, live, why, sizeof(why)); /* not every kernel takes it */
		wall[r] = (double)(nw_monotonic() - start) / 1e6;
		if (!r)
			printf("{\"row\": \"verifier\", \"ours\": %lu, \"unit\": \"instructions\"}\n",
			       instructions(live));
		nw_resets_free(&resets);
		nw_live_free(&live);
	}
	printf("{\"row\": \"load\", \"ours\": %.1f, \"unit\": \"ms\"}\n", nw_cost_median(wall, rounds));
	return 0;
}
