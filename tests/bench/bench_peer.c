// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Traffic between two network namespaces, addresses 10.78.2.1 (client) and 10.78.2.2: a bulk transfer, or a
 * storm of connections that negotiate, validate and are reset. One JSON object: what was done, and the CPU
 * time of both ends with ksoftirqd's.
 *
 * usage: bench_peer bulk|storm CLIENT_NS SERVER_NS MILLISECONDS
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "storm.h"
#include "../../user/cost/bulk.h"
#include "../../user/util/util.h"

static int bulk(const struct nw_cost_wire *w, uint64_t ns)
{
	struct nw_cost_bulk b;
	int err = nw_cost_bulk(w, ns, &b);

	if (!err)
		printf("{\"gb\": %.4f, \"cpu_s\": %.5f, \"wall_s\": %.4f}\n", b.gb, b.cpu_s, b.wall_s);
	return err;
}

static int storm(const struct nw_cost_wire *w, uint64_t ns)
{
	struct bench_storm s;
	int err = bench_storm(w, ns, &s);

	if (!err)
		printf("{\"connections\": %lu, \"cpu_s\": %.5f, \"wall_s\": %.4f}\n", s.connections, s.cpu_s,
		       s.wall_s);
	return err;
}

int main(int argc, char **argv)
{
	struct nw_cost_wire w = { .ns = { -1, -1 } };
	uint64_t ns = argc == 5 ? strtoull(argv[4], NULL, 10) * 1000000 : 0;
	int err = 0;

	if (!ns || (strcmp(argv[1], "bulk") != 0 && strcmp(argv[1], "storm") != 0)) {
		fputs("usage: bench_peer bulk|storm CLIENT_NS SERVER_NS MILLISECONDS\n", stderr);
		return 2;
	}
	for (int end = 0; end < 2 && !err; end++) {
		w.ns[end] = open(argv[2 + end], O_RDONLY | O_CLOEXEC);
		err = w.ns[end] < 0 ? -errno : 0;
	}
	if (!err)
		err = *argv[1] == 'b' ? bulk(&w, ns) : storm(&w, ns);
	if (err)
		fprintf(stderr, "bench_peer: %s\n", strerror(-err));
	return err ? 1 : 0;
}
