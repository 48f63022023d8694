/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a negotiation that was good: no alert, but what `negwatch locate` compares it by. */
#ifndef NW_EXCHANGE_H
#define NW_EXCHANGE_H

#include <stdint.h>

#include <jansson.h>

#include "../engine/engine.h"

/* Its event_type in the journal */
#define NW_EVENT_EXCHANGE "exchange"

/*
 * EVE-shaped, about 1 KiB. The flow is that of the alerts without what says nothing here; a VALIDATE message
 * that equals its NEGOTIATE (request_differs, response_differs are empty) has no values of its own. iface
 * may be NULL; wall_offset as in nw_flow_json(). last_alert: number of the journal's last alert, 0: none, so
 * that the numbers go on behind any number of these records. A new reference, or NULL without memory.
 */
json_t *nw_exchange_json(const struct nw_conn *c, const char *host, const char *iface, int64_t wall_offset,
			 uint64_t last_alert);

#endif
