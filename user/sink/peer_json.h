/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Peers as JSON: what `negwatch peers --json` prints and what the peers' file remembers. Keys are only added.
 */
#ifndef NW_PEER_JSON_H
#define NW_PEER_JSON_H

#include <stdint.h>

#include <jansson.h>

#include "../engine/peers.h"

/*
 * Both: a new reference, or NULL without memory. wall_offset_ns: what has to be added to event times to get
 * the wall clock's.
 */
json_t *nw_peer_json(const struct nw_peer *peer, int64_t wall_offset_ns);
json_t *nw_instance_json(const struct nw_instance *i, int64_t wall_offset_ns);

/* What event times are held against, ns. */
struct nw_peer_clock {
	int64_t offset; /* what has to be added to them to get the wall clock's */
	int64_t now;	/* the event time that it is */
};

/*
 * The way back. A time that is yet to come was written by a clock that has been set back since: it is taken
 * for now, or nothing that happens until then would count as later. 0, or -EINVAL with *out untouched: a
 * member that identifies it is missing or makes no sense.
 */
int nw_peer_from_json(struct nw_peer *out, const json_t *o, const struct nw_peer_clock *clock);
int nw_instance_from_json(struct nw_instance *out, const json_t *o, const struct nw_peer_clock *clock);

#endif
