/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a bulk transfer costs with and without programs on its way: SMB2 WRITEs over a veth pair in namespaces
 * of our own. CPU time is that of sender and receiver with the network's work that is done in their name, and
 * of ksoftirqd; where the kernel accounts interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING), that part is not in
 * it.
 */
#ifndef NW_COST_TRANSFER_H
#define NW_COST_TRANSFER_H

#include "test_run.h"

enum nw_cost_setup {
	NW_COST_NOTHING = 0,
	NW_COST_EMPTY_TC,
	NW_COST_OUR_TC,
	NW_COST_EMPTY_XDP,
	NW_COST_OUR_XDP,
	NW_COST_SETUPS
};

struct nw_cost_transfer {
	double cpu_per_gb[NW_COST_SETUPS];   /* seconds, medians */
	double gb_per_s[NW_COST_SETUPS];     /* the same; of a shared machine it means little */
	double over_nothing[NW_COST_SETUPS]; /* medians of the ratios within a round */
	double over_empty[NW_COST_SETUPS];   /* ours only */
	unsigned int rounds;
};

/* "ours on tc", ... */
const char *nw_cost_setup_name(enum nw_cost_setup setup);

/*
 * Takes about rounds * 5 * 0.3 s. Works in a child process, so that the caller's namespace stays what it is.
 * 0; -EPERM: CAP_SYS_ADMIN is missing; -EPROTO: our programs did not follow the transfer; or -errno.
 */
int nw_cost_transfer(const struct nw_cost_progs *progs, unsigned int rounds, struct nw_cost_transfer *out);

#endif
