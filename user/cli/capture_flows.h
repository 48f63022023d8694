/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A capture file as flows: the tap and the engine over its packets, in one pass with bounded memory. */
#ifndef NW_CAPTURE_FLOWS_H
#define NW_CAPTURE_FLOWS_H

#include "../engine/engine.h"
#include "../source/capture.h"

/* Takes a flow that is over, valid during the call. wall_offset: from event times to wall times, ns. Non-zero
 * stops the reading. */
typedef int (*nw_flow_fn)(void *arg, const struct nw_conn *c, int64_t wall_offset);

/* Flows come in the order in which they end. Returns 0, what fn returned, or as nw_capture_read() does. */
int nw_capture_flows(const char *path, const struct nw_tap_config *tap, enum nw_vantage vantage,
		     nw_flow_fn fn, void *arg, struct nw_capture_info *info);

#endif
