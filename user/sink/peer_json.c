// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Peers and instances to JSON and back. What is not known is left out. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "peer_json.h"
#include "../engine/rules.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

/* Members that are one number or time each: written and read by the same rows. */
#define COUNT(key)                                                                                           \
	{                                                                                                    \
#key, offsetof(struct nw_peer, key)                                                          \
	}
static const struct {
	const char *key;
	size_t offset;
} counts[] = {
	COUNT(connections), { "validated", offsetof(struct nw_peer, validated) },
	COUNT(preauth),	    { "not_validated", offsetof(struct nw_peer, unvalidated) },
	COUNT(encrypted),   COUNT(guest),
	COUNT(findings),
}, times[] = {
	{ "first_seen", offsetof(struct nw_peer, first) },
	{ "last_seen", offsetof(struct nw_peer, last) },
	{ "last_proven", offsetof(struct nw_peer, last_proven) },
	{ "last_not_validated", offsetof(struct nw_peer, last_unvalidated) },
	{ "alerted", offsetof(struct nw_peer, alerted) },
	{ "last_finding", offsetof(struct nw_peer, last_finding) },
}, dialects[] = {
	{ "offered", offsetof(struct nw_peer, offered) },
	{ "dialect", offsetof(struct nw_peer, dialect) },
	{ "proven", offsetof(struct nw_peer, proven) },
};
#define MEMBER(type, peer, row) ((type *)((char *)(uintptr_t)(peer) + (row).offset))

static int set_ends(json_t *o, const union nw_addr *client, const union nw_addr *server, uint16_t port)
{
	char text[NW_ADDR_TEXT];
	int bad = json_object_set_new(o, "client_ip", json_string(nw_addr_text(text, client)));

	bad |= json_object_set_new(o, "server_ip", json_string(nw_addr_text(text, server)));
	return bad | json_object_set_new(o, "server_port", json_integer(port));
}

static int set_time(json_t *o, const char *key, int64_t ts, int64_t offset)
{
	char text[NW_TIME_TEXT];

	return ts == NW_NEVER ? 0 :
				json_object_set_new(o, key, json_string(nw_time_utc(text, ts + offset, 6)));
}

static int set_dialect(json_t *o, const char *key, uint16_t dialect)
{
	return dialect ? json_object_set_new(o, key, nw_hex_json(dialect, 4)) : 0;
}

/*
 * {"type":"peer","client_ip":"10.1.2.3","server_ip":"10.0.0.10","server_port":445,
 *  "capabilities":127,"security_mode":1,    of the client's NEGOTIATE requests; 0 and 0 after SMB1 starts
 *  "client_guid":"...",                     the last
 *  "client_family":"samba-client","client_impl":"...",   the implementation, and its fingerprint
 *  "offered":"0x0311","dialect":"0x0302","proven":"0x0302",   highest offered last, negotiated last, highest
 *                                           that a matching VALIDATE, or 3.1.1 itself, has ever proven
 *  "connections":7,                         with a session; of these:
 *  "validated":5,"preauth":0,               proven by VALIDATE, by running on 3.1.1
 *  "not_validated":2,                       that met rule 110
 *  "encrypted":0,"guest":0,"findings":2,    of all rules
 *  "first_seen":"2026-11-22T12:05:01.120334Z","last_seen":...,"last_proven":...,"last_not_validated":...,
 *  "alerted":...,                           when rule 110 was told
 *  "listed":false,                          on the audit list: not validated after it was last proven
 *  "last_finding":...,"last_rule":110}
 */
json_t *nw_peer_json(const struct nw_peer *peer, int64_t offset)
{
	json_t *o = json_object();
	char text[20];
	int bad = !o;

	bad |= json_object_set_new(o, "type", json_string("peer"));
	bad |= set_ends(o, &peer->client, &peer->server, peer->port);
	bad |= json_object_set_new(o, "capabilities", json_integer(peer->capabilities));
	bad |= json_object_set_new(o, "security_mode", json_integer(peer->security_mode));
	if (peer->offered)
		bad |= nw_json_set_guid(o, "client_guid", peer->guid);
	if (peer->family)
		bad |= json_object_set_new(o, "client_family", json_string(peer->family->name));
	if (peer->impl) {
		snprintf(text, sizeof(text), "%016" PRIx64, peer->impl);
		bad |= json_object_set_new(o, "client_impl", json_string(text));
	}
	for (size_t i = 0; i < NW_ARRAY_SIZE(dialects); i++)
		bad |= set_dialect(o, dialects[i].key, *MEMBER(const uint16_t, peer, dialects[i]));
	for (size_t i = 0; i < NW_ARRAY_SIZE(counts); i++)
		bad |= json_object_set_new(
			o, counts[i].key, json_integer((json_int_t)*MEMBER(const uint64_t, peer, counts[i])));
	for (size_t i = 0; i < NW_ARRAY_SIZE(times); i++)
		bad |= set_time(o, times[i].key, *MEMBER(const int64_t, peer, times[i]), offset);
	bad |= json_object_set_new(o, "listed", json_boolean(nw_peer_is_listed(peer)));
	if (peer->last_rule)
		bad |= json_object_set_new(o, "last_rule", json_integer(peer->last_rule));
	return nw_json_whole(o, bad);
}

/*
 * {"type":"instance","client_ip":...,"server_ip":...,"server_port":445,"client_guid":"...","server_guid":"...",
 *  "dialect":"0x0302","last_seen":...}      the lowest dialect that this GUID has run on with this server
 */
json_t *nw_instance_json(const struct nw_instance *i, int64_t offset)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= json_object_set_new(o, "type", json_string("instance"));
	bad |= set_ends(o, &i->client, &i->server, i->port);
	bad |= nw_json_set_guid(o, "client_guid", i->client_guid);
	bad |= nw_json_set_guid(o, "server_guid", i->server_guid);
	bad |= set_dialect(o, "dialect", i->dialect);
	bad |= set_time(o, "last_seen", i->last, offset);
	return nw_json_whole(o, bad);
}

static bool get_addr(const json_t *o, const char *key, union nw_addr *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	union nw_addr addr = { .b = { [10] = 0xff, [11] = 0xff } };

	if (!text || (inet_pton(AF_INET, text, addr.b + 12) != 1 && inet_pton(AF_INET6, text, addr.b) != 1))
		return false;
	*out = addr;
	return true;
}

/* A number from 0 to max; one that is missing is 0. */
static bool get_number(const json_t *o, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_integer_value(v);

	*out = n > 0 ? (uint64_t)n : 0;
	return !v || (json_is_integer(v) && n >= 0 && *out <= max);
}

static bool get_ends(const json_t *o, union nw_addr *client, union nw_addr *server, uint16_t *port)
{
	uint64_t n;

	if (!get_number(o, "server_port", UINT16_MAX, &n) || !n)
		return false;
	*port = (uint16_t)n;
	return get_addr(o, "client_ip", client) && get_addr(o, "server_ip", server);
}

/* False if it is there and makes no sense. */
static bool get_time(const json_t *o, const char *key, const struct nw_peer_clock *clock, int64_t *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	int64_t wall;

	*out = NW_NEVER;
	if (!text)
		return true;
	if (nw_time_parse(text, &wall) < 0)
		return false;
	*out = wall - clock->offset;
	if (*out > clock->now)
		*out = clock->now;
	return true;
}

static bool get_dialect(const json_t *o, const char *key, uint16_t *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	unsigned int n = 0;

	if (text && (sscanf(text, "0x%4x", &n) != 1 || n > UINT16_MAX))
		return false;
	*out = (uint16_t)n;
	return true;
}

/* The text's bytes in wire order: the first three groups are little-endian integers there. */
static bool get_guid(const json_t *o, const char *key, uint8_t out[16])
{
	static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	const char *text = json_string_value(json_object_get(o, key));
	unsigned int byte;

	if (!text || strlen(text) != NW_GUID_TEXT - 1)
		return false;
	for (int i = 0; i < 16; i++, text += 2) {
		text += *text == '-';
		if (sscanf(text, "%2x", &byte) != 1)
			return false;
		out[place[i]] = (uint8_t)byte;
	}
	return true;
}

int nw_peer_from_json(struct nw_peer *out, const json_t *o, const struct nw_peer_clock *clock)
{
	struct nw_peer p = { 0 };
	uint64_t mode, capabilities, rule;
	const char *text;
	bool good = get_ends(o, &p.client, &p.server, &p.port) &&
		    get_number(o, "security_mode", UINT16_MAX, &mode) &&
		    get_number(o, "capabilities", UINT32_MAX, &capabilities) &&
		    get_number(o, "last_rule", UINT16_MAX, &rule);

	for (size_t i = 0; good && i < NW_ARRAY_SIZE(dialects); i++)
		good = get_dialect(o, dialects[i].key, MEMBER(uint16_t, &p, dialects[i]));
	for (size_t i = 0; good && i < NW_ARRAY_SIZE(counts); i++)
		good = get_number(o, counts[i].key, INT64_MAX, MEMBER(uint64_t, &p, counts[i]));
	for (size_t i = 0; good && i < NW_ARRAY_SIZE(times); i++)
		good = get_time(o, times[i].key, clock, MEMBER(int64_t, &p, times[i]));
	if (!good || p.first == NW_NEVER || p.last == NW_NEVER ||
	    (p.offered && !get_guid(o, "client_guid", p.guid)))
		return -EINVAL;
	p.security_mode = (uint16_t)mode;
	p.capabilities = (uint32_t)capabilities;
	p.last_rule = (uint16_t)rule;
	text = json_string_value(json_object_get(o, "client_family"));
	p.family = text ? nw_family_by_name(text, NW_C2S) : NULL;
	text = json_string_value(json_object_get(o, "client_impl"));
	p.impl = text ? strtoull(text, NULL, 16) : 0;
	*out = p;
	return 0;
}

int nw_instance_from_json(struct nw_instance *out, const json_t *o, const struct nw_peer_clock *clock)
{
	struct nw_instance i = { 0 };

	if (!get_ends(o, &i.client, &i.server, &i.port) || !get_guid(o, "client_guid", i.client_guid) ||
	    !get_guid(o, "server_guid", i.server_guid) || !get_dialect(o, "dialect", &i.dialect) ||
	    !i.dialect || !get_time(o, "last_seen", clock, &i.last) || i.last == NW_NEVER)
		return -EINVAL;
	*out = i;
	return 0;
}
