/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The host's own addresses (they tell from where a connection is seen), and which interfaces carry one. */
#ifndef NW_OWN_H
#define NW_OWN_H

#include <stdbool.h>

#include "config.h"
#include "../../bpf/abi.h"

struct nw_own {
	union nw_addr *addr; /* owned */
	unsigned int n;
};

/* Reads the addresses anew. 0 or -errno; the old ones stay on failure. */
int nw_own_refresh(struct nw_own *own);
void nw_own_free(struct nw_own *own);
bool nw_own_has(const struct nw_own *own, const union nw_addr *addr);

/* Interfaces that are up and carry an address that is not link-local; no loopback. 0 or -errno. */
int nw_own_interfaces(struct nw_interfaces *out);

#endif
