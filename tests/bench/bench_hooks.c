// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attaches empty programs to an interface for as long as standard input is open: what ours are measured
 * against. Says "ready".
 *
 * usage: bench_hooks INTERFACE tc|xdp|xdp-generic      the latter two with tc on egress
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "empty.skel.h"
#include "../../user/daemon/clsact.h"
#include "../../user/util/util.h"

static int attach(const struct bpf_program *prog, unsigned int ifindex, int type, __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(bpf_program__fd(prog), (int)ifindex, type, &opts);

	return fd < 0 ? -errno : 0; /* held until the process ends */
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		__u32 flags;
		bool xdp;
	} ways[] = { { "tc", 0, false },
		     { "xdp", XDP_FLAGS_DRV_MODE, true },
		     { "xdp-generic", XDP_FLAGS_SKB_MODE, true } };
	unsigned int ifindex = argc == 3 ? if_nametoindex(argv[1]) : 0, way = 0;
	struct empty_bpf *skel;
	int err;

	while (argc == 3 && way < NW_ARRAY_SIZE(ways) && strcmp(argv[2], ways[way].name) != 0)
		way++;
	if (!ifindex || way == NW_ARRAY_SIZE(ways)) {
		fputs("usage: bench_hooks INTERFACE tc|xdp|xdp-generic\n", stderr);
		return 2;
	}
	libbpf_set_print(NULL);
	skel = empty_bpf__open_and_load();
	err = skel ? 0 : -errno;
	if (!err)
		err = ways[way].xdp ? attach(skel->progs.empty_xdp, ifindex, BPF_XDP, ways[way].flags) :
				      attach(skel->progs.empty_tc, ifindex, NW_TCX_INGRESS, 0);
	err = err ? err : attach(skel->progs.empty_tc, ifindex, NW_TCX_EGRESS, 0);
	if (err) {
		fprintf(stderr, "bench_hooks: %s\n", strerror(-err));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
