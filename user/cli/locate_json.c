// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A connection at all places as one line of JSON; fields are named as in `negwatch read`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "locate_print.h"
#include "../sink/flow_json.h"
#include "../util/time.h"
#include "../util/util.h"

/* Takes the value over even where it fails; what is missing for want of memory shows as an error at the end.
 */
static void set(json_t *o, const char *key, json_t *value, int *bad)
{
	*bad |= json_object_set_new(o, key, value);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *hex(uint32_t v, int digits)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%0*" PRIx32, digits, v);
	return json_string(text);
}

static json_t *said(const struct nw_said *d, enum nw_message m, int *bad)
{
	bool request = m == NW_NEGOTIATE_REQ || m == NW_VALIDATE_REQ;
	json_t *o = json_object(), *dialects;
	char text[NW_GUID_TEXT];

	if (!request)
		set(o, "status", hex(d->status, 8), bad);
	if (m >= NW_VALIDATE_REQ)
		set(o, "signed", json_boolean(d->is_signed), bad);
	if (!d->known)
		return o;
	set(o, "capabilities", number(d->capabilities), bad);
	set(o, "security_mode", number(d->security_mode), bad);
	set(o, request ? "client_guid" : "server_guid", json_string(nw_guid_text(text, d->guid)), bad);
	if (!request) {
		set(o, "dialect", hex(d->dialects[0], 4), bad);
		return o;
	}
	dialects = json_array();
	for (unsigned int i = 0; i < d->n_dialects && i < NW_SIGHT_DIALECTS; i++)
		*bad |= json_array_append_new(dialects, hex(d->dialects[i], 4));
	set(o, "dialects", dialects, bad);
	if (d->n_dialects > NW_SIGHT_DIALECTS)
		set(o, "dialect_count", number(d->n_dialects), bad);
	return o;
}

static json_t *pair(const struct nw_sight *s, enum nw_message request, int *bad)
{
	json_t *o = json_object();

	if (s->said[request].seen)
		set(o, "request", said(&s->said[request], request, bad), bad);
	if (s->said[request + 1].seen)
		set(o, "response", said(&s->said[request + 1], request + 1, bad), bad);
	return o;
}

static json_t *place(const struct nw_sight *s, const struct nw_place *places, int *bad)
{
	json_t *o = json_object();
	char text[NW_ADDR_TEXT], when[NW_TIME_TEXT];

	set(o, "place", json_string(places[s->place].name), bad);
	if (nw_vantage_name(s->vantage))
		set(o, "vantage", json_string(nw_vantage_name(s->vantage)), bad);
	set(o, "client_ip", json_string(nw_addr_text(text, &s->addr[NW_C2S])), bad);
	set(o, "client_port", number(s->port[NW_C2S]), bad);
	set(o, "server_ip", json_string(nw_addr_text(text, &s->addr[NW_S2C])), bad);
	set(o, "server_port", number(s->port[NW_S2C]), bad);
	set(o, "start", json_string(nw_time_utc(when, s->time, 9)), bad);
	set(o, "negotiate", pair(s, NW_NEGOTIATE_REQ, bad), bad);
	if (s->said[NW_VALIDATE_REQ].seen)
		set(o, "validate", pair(s, NW_VALIDATE_REQ, bad), bad);
	if (s->end_how)
		set(o, "end",
		    json_pack("{s:s, s:s}", "by", s->end_by == NW_S2C ? "server" : "client", "how",
			      nw_end_name(s->end_how)),
		    bad);
	for (int by = NW_C2S; by <= NW_S2C; by++)
		if (s->reset[by])
			set(o, by == NW_S2C ? "server_reset" : "client_reset",
			    json_pack("{s:s}", "forged", nw_forged_name(s->reset[by] - 1)), bad);
	return o;
}

/* The two ends of a leg. Where the order is unknown, an outer leg has the client or server and all places. */
static json_t *leg(const struct nw_located *l, unsigned int leg, const struct nw_place *places, int *bad)
{
	bool all = l->order == NW_ORDER_UNKNOWN && (leg == 0 || leg == l->n);
	json_t *a = json_array();

	if (leg == 0)
		*bad |= json_array_append_new(a, json_string("client"));
	for (unsigned int i = 0; i < l->n; i++)
		if (all || i + 1 == leg || i == leg)
			*bad |= json_array_append_new(a, json_string(places[l->at[i]->place].name));
	if (leg == l->n)
		*bad |= json_array_append_new(a, json_string("server"));
	return a;
}

static json_t *change(const struct nw_located *l, const struct nw_change *c, const struct nw_place *places,
		      int *bad)
{
	static const char *const messages[] = { "negotiate-request", "negotiate-response", "validate-request",
						"validate-response", "reset" };
	static const char *const others[] = { "rest", "status", "signature" };
	static const char *const events[] = { "lost", "made-up" };
	json_t *o = json_object();

	set(o, "leg", leg(l, c->leg, places, bad), bad);
	set(o, "message", json_string(messages[c->message]), bad);
	if (c->message == NW_MSG_RESET)
		set(o, "by", json_string(c->side == NW_S2C ? "server" : "client"), bad);
	if (c->what < NW_CHANGED_REST)
		set(o, "field", json_string(nw_field_name(c->what)), bad);
	else if (c->what < NW_CHANGED_LOST)
		set(o, "field", json_string(others[c->what - NW_CHANGED_REST]), bad);
	else if (c->what < NW_CHANGED_PERHAPS)
		set(o, "event", json_string(events[c->what - NW_CHANGED_LOST]), bad);
	else
		set(o, "may", json_true(), bad);
	return o;
}

int nw_located_print_json(const struct nw_located *l, const struct nw_place *places)
{
	static const char *const orders[] = { "vantage", "addresses", "values", "unknown" };
	const struct nw_sight_key *key = &l->at[0]->key;
	json_t *o = json_object(), *at = json_array(), *changes = json_array();
	int bad = !o || !at || !changes;

	set(o, "type", json_string("connection"), &bad);
	set(o, "joined_by", json_string(key->by == NW_BY_VALIDATE ? "validate" : "salt"), &bad);
	if (key->by == NW_BY_VALIDATE)
		set(o, "exchanges", number(l->exchanges), &bad);
	set(o, "changed", json_boolean(l->changed), &bad);
	set(o, "order", json_string(orders[l->order]), &bad);
	for (unsigned int i = 0; i < l->n; i++)
		bad |= json_array_append_new(at, place(l->at[i], places, &bad));
	for (unsigned int i = 0; i < l->n_changes; i++)
		bad |= json_array_append_new(changes, change(l, &l->change[i], places, &bad));
	set(o, "places", at, &bad);
	set(o, "changes", changes, &bad);
	if (!bad && (json_dumpf(o, stdout, NW_JSON_LINE) < 0 || putchar('\n') == EOF))
		bad = 2;
	json_decref(o);
	return !bad ? 0 : bad == 2 ? -EIO : -ENOMEM;
}
