/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The host's own addresses (they tell from where a connection is seen), and which interfaces carry one. */
#ifndef NW_OWN_H
#define NW_OWN_H

#include <stdbool.h>

#include "../../bpf/abi.h"

struct ifaddrs;

struct nw_own {
	union nw_addr *addr; /* owned */
	unsigned int n;
};

/* Reads the addresses anew. 0 or -errno; the old ones stay on failure. */
int nw_own_refresh(struct nw_own *own);
void nw_own_free(struct nw_own *own);
bool nw_own_has(const struct nw_own *own, const union nw_addr *addr);

/* Which interfaces carry an address, at one moment. */
struct nw_own_addressed {
	struct ifaddrs *list; /* owned */
};

/* out is empty before. 0 or -errno; to be freed in either case. */
int nw_own_addressed_read(struct nw_own_addressed *out);
void nw_own_addressed_free(struct nw_own_addressed *a);
/* Whether it is up and carries an address that is not link-local; no loopback. */
bool nw_own_is_addressed(const struct nw_own_addressed *a, const char *name);

#endif
