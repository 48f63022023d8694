// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a bulk transfer costs with and without programs on its way. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bulk.h"
#include "transfer.h"
#include "wire.h"
#include "../../bpf/abi.h"
#include "../daemon/clsact.h"
#include "../util/util.h"

#define ROUNDS_MAX 15
#define RUN_NS 250000000ULL

static const struct {
	const char *name;
	bool attach, ours, xdp;
} setups[] = {
	[NW_COST_NOTHING] = { "nothing attached", false, false, false },
	[NW_COST_EMPTY_TC] = { "empty on tc", true, false, false },
	[NW_COST_OUR_TC] = { "ours on tc", true, true, false },
	[NW_COST_EMPTY_XDP] = { "empty on XDP", true, false, true },
	[NW_COST_OUR_XDP] = { "ours on XDP", true, true, true },
};

const char *nw_cost_setup_name(enum nw_cost_setup setup)
{
	return setups[setup].name;
}

/* Hooks on the server's end. Dropped by hooks_free(), which has to run in its namespace. */
struct hooks {
	struct nw_iface iface; /* for clsact */
	int link[2];
};

static void hooks_free(struct hooks *h)
{
	nw_closep(&h->link[0]);
	nw_closep(&h->link[1]);
	if (h->iface.ingress.how == NW_HOW_CLSACT)
		nw_clsact_detach(&h->iface, false);
	if (h->iface.egress.how == NW_HOW_CLSACT)
		nw_clsact_detach(&h->iface, true);
}

static int attach_one(struct hooks *h, int prog_fd, bool xdp, bool egress)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = xdp ? XDP_FLAGS_DRV_MODE : 0);
	int fd = bpf_link_create(prog_fd, (int)h->iface.ifindex,
				 xdp	? BPF_XDP :
				 egress ? NW_TCX_EGRESS :
					  NW_TCX_INGRESS,
				 &opts);

	if (fd >= 0) {
		h->link[egress] = fd;
		return 0;
	}
	/* the answer of kernels before 6.6 */
	return errno == EINVAL && !xdp ? nw_clsact_attach(&h->iface, egress, prog_fd) : -errno;
}

static int attach(struct hooks *h, const struct nw_cost_progs *progs, enum nw_cost_setup setup)
{
	bool ours = setups[setup].ours, xdp = setups[setup].xdp;
	int err;

	if (!setups[setup].attach)
		return 0;
	err = attach_one(h, nw_cost_prog_fd(progs, xdp ? NW_COST_XDP : NW_COST_TC_IN, ours), xdp, false);
	return err ? err : attach_one(h, nw_cost_prog_fd(progs, NW_COST_TC_OUT, ours), false, true);
}

static uint64_t followed(const struct nw_cost_progs *progs)
{
	return nw_cost_outcomes(progs, NW_C_BODY) + nw_cost_outcomes(progs, NW_C_WALKED);
}

static int run_one(const struct nw_cost_progs *progs, const struct nw_cost_wire *wire,
		   enum nw_cost_setup setup, struct nw_cost_bulk *out)
{
	_cleanup_(hooks_free) struct hooks hooks = {
		.iface = { .ifindex = wire->ifindex[NW_COST_SERVER],
			   .ingress = { .how = NW_HOW_NONE, .link_fd = -1 },
			   .egress = { .how = NW_HOW_NONE, .link_fd = -1 },
			   .owner_fd = -1 },
		.link = { -1, -1 },
	};
	uint64_t before = followed(progs);
	int err = nw_cost_wire_enter(wire, NW_COST_SERVER);

	if (!err)
		err = attach(&hooks, progs, setup);
	if (!err)
		err = nw_cost_bulk(wire, RUN_NS, out);
	/* where the hooks are, which are taken away now */
	nw_cost_wire_enter(wire, NW_COST_SERVER);
	if (!err && setups[setup].ours && followed(progs) < before + 10)
		return -EPROTO;
	return err;
}

/* All rounds, in the child. */
static int measure(const struct nw_cost_progs *progs, unsigned int rounds, struct nw_cost_transfer *out)
{
	static double cpu[NW_COST_SETUPS][ROUNDS_MAX], speed[NW_COST_SETUPS][ROUNDS_MAX];
	double ratio[ROUNDS_MAX];
	struct nw_cost_bulk b;
	struct nw_cost_wire wire;
	int err = nw_cost_wire_make(&wire);

	if (err)
		return err;
	/* the first one warms up, and is not counted */
	err = run_one(progs, &wire, NW_COST_NOTHING, &b);
	for (unsigned int r = 0; r < rounds; r++)
		for (enum nw_cost_setup s = 0; s < NW_COST_SETUPS && !err; s++) {
			err = run_one(progs, &wire, s, &b);
			cpu[s][r] = b.cpu_s / b.gb;
			speed[s][r] = b.gb / b.wall_s;
		}
	for (enum nw_cost_setup s = 0; s < NW_COST_SETUPS && !err; s++) {
		for (unsigned int r = 0; r < rounds; r++)
			ratio[r] = cpu[s][r] / cpu[NW_COST_NOTHING][r];
		out->over_nothing[s] = nw_cost_median(ratio, rounds);
		for (unsigned int r = 0; setups[s].ours && r < rounds; r++)
			ratio[r] = cpu[s][r] / cpu[s - 1][r];
		out->over_empty[s] = setups[s].ours ? nw_cost_median(ratio, rounds) : 1;
	}
	for (enum nw_cost_setup s = 0; s < NW_COST_SETUPS && !err; s++) {
		out->cpu_per_gb[s] = nw_cost_median(cpu[s], rounds);
		out->gb_per_s[s] = nw_cost_median(speed[s], rounds);
	}
	out->rounds = rounds;
	nw_cost_wire_free(&wire);
	return err;
}

struct answer {
	int err;
	struct nw_cost_transfer result;
};

int nw_cost_transfer(const struct nw_cost_progs *progs, unsigned int rounds, struct nw_cost_transfer *out)
{
	struct answer a = { .err = -EIO };
	int ends[2], status;
	ssize_t n;
	pid_t child;

	if (rounds > ROUNDS_MAX)
		rounds = ROUNDS_MAX;
	if (pipe(ends) < 0)
		return -errno;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		a.err = measure(progs, rounds, &a.result);
		_exit(write(ends[1], &a, sizeof(a)) == (ssize_t)sizeof(a) ? 0 : 1);
	}
	close(ends[1]);
	n = child > 0 ? read(ends[0], &a, sizeof(a)) : -1;
	close(ends[0]);
	if (child < 0)
		return -EAGAIN;
	waitpid(child, &status, 0);
	if (n != (ssize_t)sizeof(a))
		return -EIO;
	*out = a.result;
	return a.err;
}
