/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A rate that is shared: while half of the burst is left, it is anybody's; of the other half each client
 * (wire/group.h: an IPv4 address, an IPv6 /64) has a bucket of a quarter of the rate, so that one that takes
 * all it can get leaves something for the next.
 */
#ifndef NW_SHARE_H
#define NW_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "../util/bucket.h"
#include "../../bpf/abi.h"

/* Clients with a bucket of their own: 1024 * (24 + 88) bytes are 112 KiB. Who was idle longest gets a new
 * one. */
#define NW_SHARES_MAX 1024u

struct nw_share;

/* per_second 0: no limit. seed: random, as the clients are strangers. 0 or -ENOMEM. */
int nw_share_new(struct nw_share **out, uint32_t per_second, uint32_t burst, uint64_t seed);
void nw_share_free(struct nw_share **s);
/* Another rate; all begin anew. */
void nw_share_set(struct nw_share *s, uint32_t per_second, uint32_t burst);

/* May one more of this client (NULL: of nobody's) go now? It is counted then. now: monotonic. */
bool nw_share_take(struct nw_share *s, const union nw_addr *client, uint64_t now);

#endif
