// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The record of a negotiation that was good: the flow of the alerts, cut down to what can't be derived. */
#include "alert.h"
#include "exchange.h"
#include "flow_json.h"
#include "../util/util.h"

static void drop(json_t *o, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_object_del(o, keys[i]);
}

/* The values of a message that equals its NEGOTIATE. */
static void drop_values(json_t *exchange, const char *message, const char *differs)
{
	static const char *const values[] = { "capabilities", "security_mode", "client_guid",
					      "server_guid",  "dialects",      "dialect" };
	const json_t *fields = json_object_get(exchange, differs);

	if (fields && !json_array_size(fields))
		drop(json_object_get(exchange, message), values, NW_ARRAY_SIZE(values));
}

/* What the request or the other members of a message say already */
static void drop_repeated(json_t *exchange)
{
	static const char *const derived[] = { "fingerprint" }, *const of_request[] = { "message_id",
											"session_id" };

	drop(json_object_get(exchange, "request"), derived, NW_ARRAY_SIZE(derived));
	drop(json_object_get(exchange, "response"), derived, NW_ARRAY_SIZE(derived));
	if (json_object_get(exchange, "request"))
		drop(json_object_get(exchange, "response"), of_request, NW_ARRAY_SIZE(of_request));
}

static json_t *compact(json_t *flow)
{
	/* Said at the record's top, or by its being there at all */
	static const char *const known[] = { "type",	      "client_ip",     "client_port",	 "server_ip",
					     "server_port",   "community_id",  "smb1_negotiate", "encrypted",
					     "compressed",    "guest",	       "findings",	 "syn_seen",
					     "authenticated", "tree_connected" };
	json_t *x;
	size_t i;

	drop(flow, known, NW_ARRAY_SIZE(known));
	if (!json_array_size(json_object_get(flow, "resets")))
		json_object_del(flow, "resets");
	json_array_foreach(json_object_get(flow, "negotiate"), i, x)
	{
		drop_repeated(x);
	}
	json_array_foreach(json_object_get(flow, "validate"), i, x)
	{
		drop_repeated(x);
		drop_values(x, "request", "request_differs");
		drop_values(x, "response", "response_differs");
	}
	return flow;
}

json_t *nw_exchange_json(const struct nw_conn *c, const char *host, const char *iface, int64_t wall_offset,
			 uint64_t last_alert)
{
	json_t *o = nw_eve_json(NW_EVENT_EXCHANGE, (int64_t)c->last_ts + wall_offset, host, iface, c);
	json_t *flow = nw_flow_json(c, NULL, wall_offset), *own = json_object();
	int bad = !o || !flow;

	bad |= json_object_set_new(own, "schema", json_integer(NW_ALERT_SCHEMA));
	if (last_alert)
		bad |= json_object_set_new(own, "after_alert", json_integer((json_int_t)last_alert));
	bad |= json_object_set_new(own, "flow", flow ? compact(flow) : NULL);
	bad |= json_object_set_new(o, "negwatch", own);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}
