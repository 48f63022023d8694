/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's state and counters as JSON. */
#ifndef NW_STATUS_H
#define NW_STATUS_H

#include <jansson.h>

struct nw_daemon;

/* New references, the caller's. What found no memory is left out. */
json_t *nw_status_json(const struct nw_daemon *d);
json_t *nw_stats_json(const struct nw_daemon *d);

#endif
