/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The memory over connections on disk: state_dir/peers.jsonl, JSON lines (peer_json.h) behind a first one
 * that says {"type":"peers","version":1}. Always written anew and renamed, so that it is whole or the one
 * before.
 */
#ifndef NW_PEERS_FILE_H
#define NW_PEERS_FILE_H

#include <stdint.h>

#include "peer_json.h"
#include "sync.h"
#include "../engine/peers.h"

#define NW_PEERS_FILE "peers.jsonl"
#define NW_PEERS_VERSION 1

/*
 * Reads the file into p; that there is none is no error. Lines that can't be understood are left out, counted
 * in *broken and logged; a file of another version is set aside as peers.jsonl.old, and logged. 0, or -errno
 * after having logged it.
 */
int nw_peers_load(struct nw_peers *p, const char *state_dir, const struct nw_peer_clock *clock,
		  uint64_t *broken);

/*
 * Writes all of p beside the file that was there, and begins to put it on the disk; nw_peers_put_in_place()
 * is to be called when that has ended, with its result. 0 or -errno; nothing is logged, and the file that was
 * there stays on an error, of which both leave nothing behind.
 */
int nw_peers_write(const struct nw_peers *p, const char *state_dir, int64_t wall_offset_ns,
		   struct nw_sync *sync);
int nw_peers_put_in_place(const char *state_dir, int err);

/* Both of them; waits for the disk. */
int nw_peers_save(const struct nw_peers *p, const char *state_dir, int64_t wall_offset_ns);

#endif
