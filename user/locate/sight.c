// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From JSON to sights: records of the journal, alerts and exchanges, and flows of `negwatch read`. */
#include <arpa/inet.h>
#include <string.h>

#include "locate.h"
#include "../util/text.h"
#include "../util/time.h"

static const struct nw_json *get(const struct nw_json *o, const char *key)
{
	return nw_json_get(o, key);
}

static uint64_t number(const struct nw_json *o, const char *key)
{
	return nw_json_number(get(o, key));
}

static uint64_t hex(const struct nw_json *o, const char *key)
{
	return nw_json_hex(get(o, key));
}

static bool is(const struct nw_json *o, const char *key, const char *text)
{
	return nw_json_is(get(o, key), text);
}

/* A string that fits, with an end; "" if it is none. */
static const char *text(char *out, size_t size, const struct nw_json *v)
{
	size_t n = v && v->type == NW_JSON_STRING && v->len < size ? v->len : 0;

	if (n)
		memcpy(out, v->text, n);
	out[n] = '\0';
	return out;
}

/* 16 bytes of hex, hyphens between them left out. False if it is anything else. */
static bool bytes(uint8_t out[16], const struct nw_json *v)
{
	char buf[40];
	const char *s = text(buf, sizeof(buf), v);

	for (unsigned int i = 0; i < 16; i++) {
		s += *s == '-';
		if (nw_json_digit(s[0]) < 0 || nw_json_digit(s[1]) < 0)
			return false;
		out[i] = (uint8_t)(nw_json_digit(s[0]) << 4 | nw_json_digit(s[1]));
		s += 2;
	}
	return !*s;
}

/* From the text form back to wire order (MS-DTYP 2.3.4). */
static void guid(uint8_t out[16], const struct nw_json *v)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t b[16];

	if (!bytes(b, v))
		return;
	for (unsigned int i = 0; i < 16; i++)
		out[order[i]] = b[i];
}

static void read_dialects(struct nw_said *d, const struct nw_json *message)
{
	uint16_t i = 0;

	nw_json_foreach(one, get(message, "dialects"))
	{
		uint16_t v = (uint16_t)nw_json_hex(one);

		if (i < NW_SIGHT_DIALECTS)
			d->dialects[i] = v;
		else
			d->more = (d->more ^ v) * 0x01000193u + 1;
		i++;
	}
	d->n_dialects = i;
	if (get(message, "dialect_count"))
		d->n_dialects = (uint16_t)number(message, "dialect_count");
	if (get(message, "dialect")) {
		d->dialects[0] = (uint16_t)hex(message, "dialect");
		d->n_dialects = 1;
	}
}

static void read_message(struct nw_said *d, const struct nw_json *message, bool request)
{
	*d = (struct nw_said){ .seen = message };
	d->is_signed = is(message, "signed", "true");
	if (!bytes(d->signature, get(message, "signature")))
		memset(d->signature, 0, sizeof(d->signature));
	d->status = (uint32_t)hex(message, "status");
	d->body = hex(message, "body");
	d->known = get(message, "capabilities");
	if (!d->known)
		return;
	d->capabilities = (uint32_t)number(message, "capabilities");
	d->security_mode = (uint16_t)number(message, "security_mode");
	guid(d->guid, get(message, request ? "client_guid" : "server_guid"));
	read_dialects(d, message);
}

/* What a record leaves out, as it equals the NEGOTIATE. */
static void fill_in(struct nw_said *validate, const struct nw_said *negotiate, const struct nw_json *differs)
{
	struct nw_said d = *negotiate;

	if (validate->known || !validate->seen || !negotiate->known || !differs ||
	    differs->type != NW_JSON_ARRAY || nw_json_count(differs))
		return;
	d.body = 0;
	d.status = validate->status;
	d.is_signed = validate->is_signed;
	memcpy(d.signature, validate->signature, sizeof(d.signature));
	*validate = d;
}

/* The last pair that was answered for good: 0x02FF is provisional. If there is none, the last. */
static const struct nw_json *last_negotiate(const struct nw_json *flow)
{
	const struct nw_json *last = NULL, *final = NULL;

	nw_json_foreach(pair, get(flow, "negotiate"))
	{
		const struct nw_json *dialect = get(get(pair, "response"), "dialect");

		last = pair;
		if (dialect && !nw_json_is(dialect, "0x02ff"))
			final = pair;
	}
	return final ? final : last;
}

static void read_addr(union nw_addr *out, const struct nw_json *v)
{
	char buf[NW_ADDR_TEXT];
	const char *s = text(buf, sizeof(buf), v);

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, s, out->b + 12) == 1)
		out->b[10] = out->b[11] = 0xff;
	else
		inet_pton(AF_INET6, s, out->b);
}

/* A record of the journal has the addresses at its top, in EVE's words. */
static void read_ends(struct nw_sight *s, const struct nw_json *record, const struct nw_json *flow)
{
	bool own = get(flow, "client_ip");

	read_addr(&s->addr[NW_C2S], own ? get(flow, "client_ip") : get(record, "src_ip"));
	read_addr(&s->addr[NW_S2C], own ? get(flow, "server_ip") : get(record, "dest_ip"));
	s->port[NW_C2S] = (uint16_t)(own ? number(flow, "client_port") : number(record, "src_port"));
	s->port[NW_S2C] = (uint16_t)(own ? number(flow, "server_port") : number(record, "dest_port"));
}

static uint8_t side(const struct nw_json *o)
{
	return is(o, "by", "server") ? NW_S2C : NW_C2S;
}

static void read_resets(struct nw_sight *s, const struct nw_json *flow)
{
	nw_json_foreach(r, get(flow, "resets")) for (uint8_t grade = NW_FORGED_NO; grade <= NW_FORGED_CERTAIN;
						     grade++) if (is(r, "forged", nw_forged_name(grade)) &&
								  s->reset[side(r)] < grade + 1)
		s->reset[side(r)] = grade + 1;
}

static void read_flow(struct nw_sight *s, const struct nw_json *record, const struct nw_json *flow)
{
	const struct nw_json *pair = last_negotiate(flow), *end = get(flow, "end");
	char start[NW_TIME_TEXT];

	read_message(&s->said[NW_NEGOTIATE_REQ], get(pair, "request"), true);
	read_message(&s->said[NW_NEGOTIATE_RSP], get(pair, "response"), false);
	read_ends(s, record, flow);
	nw_time_parse(text(start, sizeof(start), get(flow, "start")), &s->time);
	for (uint8_t v = NW_VANTAGE_SERVER; !s->vantage && v <= NW_VANTAGE_BETWEEN; v++)
		if (is(flow, "vantage", nw_vantage_name(v)))
			s->vantage = v;
	s->complete = get(flow, "type") && is(flow, "observed", "full");
	if (end) {
		s->end_by = side(end);
		s->end_how = is(end, "how", "rst") ? NW_END_RST : NW_END_FIN;
	}
	read_resets(s, flow);
	nw_json_foreach(f, get(flow, "findings")) if (number(f, "rule") - 100 < 32) s->rules |=
		1u << (number(f, "rule") - 100);
}

/* False if there is nothing to know it by again. */
static bool read_validate(struct nw_sight *s, const struct nw_json *x)
{
	const struct nw_json *request = get(x, "request");

	read_message(&s->said[NW_VALIDATE_REQ], request, true);
	read_message(&s->said[NW_VALIDATE_RSP], get(x, "response"), false);
	fill_in(&s->said[NW_VALIDATE_REQ], &s->said[NW_NEGOTIATE_REQ], get(x, "request_differs"));
	fill_in(&s->said[NW_VALIDATE_RSP], &s->said[NW_NEGOTIATE_RSP], get(x, "response_differs"));
	s->key = (struct nw_sight_key){ .by = NW_BY_VALIDATE,
					.session_id = hex(request, "session_id"),
					.message_id = number(request, "message_id") };
	memcpy(s->key.id, s->said[NW_VALIDATE_REQ].guid, sizeof(s->key.id));
	return s->said[NW_VALIDATE_REQ].known && s->said[NW_VALIDATE_REQ].is_signed &&
	       bytes(s->key.proof, get(request, "signature"));
}

static bool read_salts(struct nw_sight *s, const struct nw_json *flow)
{
	const struct nw_json *pair = last_negotiate(flow);

	memset(&s->said[NW_VALIDATE_REQ], 0, 2 * sizeof(s->said[0]));
	s->key = (struct nw_sight_key){ .by = NW_BY_SALT };
	return bytes(s->key.id, get(get(pair, "request"), "salt")) &&
	       bytes(s->key.proof, get(get(pair, "response"), "salt"));
}

enum nw_sight_yield nw_sights_read(const struct nw_json *record, const struct nw_sight *blank,
				   int (*fn)(void *arg, const struct nw_sight *s), void *arg, int *err)
{
	const struct nw_json *flow =
		is(record, "type", "flow") ? record : get(get(record, "negwatch"), "flow");
	const struct nw_json *negotiate = get(flow, "negotiate");
	enum nw_sight_yield yield = NW_YIELD_NONE;
	struct nw_sight s = *blank;

	if (!negotiate || negotiate->type != NW_JSON_ARRAY)
		return NW_YIELD_NO_FLOW;
	read_flow(&s, record, flow);
	nw_json_foreach(x, get(flow, "validate"))
	{
		if (*err || !read_validate(&s, x))
			continue;
		*err = fn(arg, &s);
		yield = NW_YIELD_SIGHTS;
	}
	if (yield == NW_YIELD_NONE && read_salts(&s, flow)) {
		*err = fn(arg, &s);
		yield = NW_YIELD_SIGHTS;
	}
	return yield;
}
