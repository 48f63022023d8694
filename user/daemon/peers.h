/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When the memory over connections is read from the disk and written to it. */
#ifndef NW_DAEMON_PEERS_H
#define NW_DAEMON_PEERS_H

#include <stdint.h>

struct nw_daemon;

/*
 * Once the engine is there. A list that can't be read is logged, stays as it is, and keeps nobody from
 * watching.
 */
void nw_daemon_peers_load(struct nw_daemon *d);

/*
 * Writes what has changed if it is time to. now: monotonic, UINT64_MAX: whatever changed, at once. Returns
 * when to be called next.
 */
uint64_t nw_daemon_peers_tick(struct nw_daemon *d, uint64_t now);

#endif
