/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A capture file as flows: the tap and the engine over its packets, in one pass with bounded memory. */
#ifndef NW_CAPTURE_FLOWS_H
#define NW_CAPTURE_FLOWS_H

#include "../engine/engine.h"
#include "../source/capture.h"

struct nw_progress;

/* Takes a flow that is over, valid during the call. wall_offset: from event times to wall times, ns. Non-zero
 * stops the reading. */
typedef int (*nw_flow_fn)(void *arg, const struct nw_conn *c, int64_t wall_offset);

/*
 * Flows come in the order in which they end. progress: is shown while it lasts; NULL: nothing is. Returns 0,
 * what fn returned, or as nw_capture_read() does.
 */
int nw_capture_flows(const char *path, const struct nw_tap_config *tap, enum nw_vantage vantage,
		     nw_flow_fn fn, void *arg, struct nw_capture_info *info, struct nw_progress *progress);

/* Says on stderr what is wrong with a file. */
void nw_capture_complain(const char *command, const char *path, const char *what);

#endif
