// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Flows and findings as JSON. What is not known is left out, never written as a zero or a dash. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "flow_json.h"
#include "json.h"
#include "../util/community_id.h"
#include "../util/text.h"
#include "../util/time.h"

/* Milliseconds to the thousandth: 0.17, 20019.5. */
static json_t *millis(uint64_t ns)
{
	return json_real((double)((ns + 500) / 1000) / 1000);
}

static int set_count(json_t *o, const char *key, uint64_t v)
{
	/* JSON has no unsigned 64 bits; what is larger was made up by somebody. */
	return v > INT64_MAX ? 0 : json_object_set_new(o, key, json_integer((json_int_t)v));
}

/* Where in the capture, and when, in milliseconds since the flow's first packet. */
static int set_moment(json_t *o, const struct nw_conn *c, uint64_t frame, uint64_t ts)
{
	int bad = frame ? set_count(o, "frame", frame) : 0;

	return bad | json_object_set_new(o, "at_ms", millis(ts > c->first_ts ? ts - c->first_ts : 0));
}

/* 16 bytes as hex; all zero: there are none. */
static int set_bytes(json_t *o, const char *key, const uint8_t bytes[16])
{
	char text[33];
	int i, any = 0;

	for (i = 0; i < 16; i++) {
		any |= bytes[i];
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	}
	return any ? json_object_set_new(o, key, json_string(text)) : 0;
}

static int set_dialects(json_t *o, const struct nw_params *p, bool is_response)
{
	unsigned int i, n = p->n_dialects < NW_DIALECTS_MAX ? p->n_dialects : NW_DIALECTS_MAX;
	json_t *a;
	int bad = 0;

	if (is_response)
		return json_object_set_new(o, "dialect", nw_hex_json(p->dialect, 4));
	a = json_array();
	for (i = 0; i < n && p->dialects; i++)
		bad |= json_array_append_new(a, nw_hex_json(p->dialects[i], 4));
	bad |= json_object_set_new(o, "dialects", a);
	if (n < p->n_dialects)
		bad |= set_count(o, "dialect_count", p->n_dialects);
	return bad;
}

static int set_protection(json_t *o, const struct nw_params *p)
{
	int bad = json_object_set_new(o, "signed", json_boolean(p->is_signed));

	if (p->encrypted)
		bad |= json_object_set_new(o, "encrypted", json_true());
	return bad | set_bytes(o, "signature", p->signature);
}

static int set_values(json_t *o, const struct nw_params *p, bool is_response)
{
	int bad = set_count(o, "capabilities", p->capabilities);

	bad |= set_count(o, "security_mode", p->security_mode);
	bad |= nw_json_set_guid(o, is_response ? "server_guid" : "client_guid", p->guid);
	return bad;
}

static int set_fingerprint(json_t *o, const char *key, uint64_t fingerprint)
{
	char text[20];

	if (!fingerprint)
		return 0;
	snprintf(text, sizeof(text), "%016" PRIx64, fingerprint);
	return json_object_set_new(o, key, json_string(text));
}

/* One message. An error response has a status and no values. */
static json_t *message(const struct nw_conn *c, const struct nw_params *p, bool is_validate, bool is_response)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= set_moment(o, c, p->frame, p->ts);
	bad |= set_count(o, "message_id", p->message_id);
	if (is_validate)
		bad |= json_object_set_new(o, "session_id", nw_hex_json(p->session_id, 16));
	if (is_response)
		bad |= json_object_set_new(o, "status", nw_hex_json(p->status, 8));
	if (is_validate || p->is_signed)
		bad |= set_protection(o, p);
	if (!p->fingerprint)
		return nw_json_whole(o, bad);
	/* Each in the order of its message: a NEGOTIATE begins with the dialects, a VALIDATE ends with them.
	 */
	if (!is_validate)
		bad |= set_dialects(o, p, is_response);
	bad |= set_values(o, p, is_response);
	if (is_validate)
		bad |= set_dialects(o, p, is_response);
	if (is_validate && !is_response)
		bad |= set_count(o, "max_output_response", p->max_output);
	bad |= set_fingerprint(o, "fingerprint", p->fingerprint);
	bad |= set_fingerprint(o, "impl", p->traits.fingerprint);
	bad |= set_bytes(o, "salt", p->salt);
	bad |= set_fingerprint(o, "body", p->body);
	return nw_json_whole(o, bad);
}

static json_t *exchanges(const struct nw_conn *c, bool is_validate)
{
	const struct nw_exchange *list = is_validate ? c->validate : c->negotiate;
	int i, n = is_validate ? c->n_validate : c->n_negotiate;
	json_t *a = json_array();
	int bad = !a;

	for (i = 0; i < n; i++) {
		const struct nw_exchange *x = &list[i];
		json_t *o = json_object();

		if (x->request.ts)
			bad |= json_object_set_new(o, "request", message(c, &x->request, is_validate, false));
		if (x->response.ts)
			bad |= json_object_set_new(o, "response",
						   message(c, &x->response, is_validate, true));
		if (x->request_compared)
			bad |= json_object_set_new(o, "request_differs",
						   nw_json_names(x->request_differs, nw_field_name));
		if (x->response_compared)
			bad |= json_object_set_new(o, "response_differs",
						   nw_json_names(x->response_differs, nw_field_name));
		if (x->near_gap)
			bad |= json_object_set_new(o, "near_gap", json_true());
		bad |= json_array_append_new(a, o);
	}
	return nw_json_whole(a, bad);
}

static json_t *side(uint8_t dir)
{
	return json_string(dir == NW_C2S ? "client" : "server");
}

/* What this host's own TCP says of a reset. */
static int set_kernel(json_t *o, const struct nw_reset *r)
{
	const char *word = r ? nw_kernel_name(r->kernel) : NULL;
	int bad = word ? json_object_set_new(o, "kernel", json_string(word)) : 0;

	if (r && r->reason)
		bad |= json_object_set_new(o, "reason", json_string(r->reason));
	return bad;
}

static json_t *resets(const struct nw_conn *c)
{
	json_t *a = json_array(), *o;
	const struct nw_reset *r;
	int i, bad = !a;

	for (i = 0; i < c->n_resets; i++) {
		r = &c->resets[i];
		o = json_object();
		bad |= set_moment(o, c, r->frame, r->ts);
		bad |= json_object_set_new(o, "by", side(r->by));
		bad |= set_count(o, "ttl", r->ttl);
		if (r->usual_ttl)
			bad |= set_count(o, "usual_ttl", r->usual_ttl);
		bad |= json_object_set_new(o, "signs", nw_json_names(r->signs, nw_sign_name));
		bad |= json_object_set_new(o, "forged", json_string(nw_forged_name(r->forged)));
		bad |= set_kernel(o, r);
		if (nw_reset_survived(r))
			bad |= json_object_set_new(o, "survived", json_true());
		bad |= json_array_append_new(a, o);
	}
	return nw_json_whole(a, bad);
}

static json_t *steps(const struct nw_conn *c)
{
	json_t *a = json_array(), *o;
	const struct nw_step *s;
	int i, bad = !a;

	for (i = 0; i < c->n_steps; i++) {
		s = &c->steps[i];
		o = json_object();
		bad |= set_moment(o, c, s->frame, s->ts);
		bad |= json_object_set_new(o, "by", side(s->by));
		bad |= json_object_set_new(o, "what", json_string(nw_step_name(s->type)));
		if (s->type == NW_EV_SESSION_RSP || s->type == NW_EV_TREE_RSP)
			bad |= json_object_set_new(o, "status", nw_hex_json(s->status, 8));
		if (s->type == NW_EV_USE)
			bad |= set_count(o, "command", s->command);
		bad |= json_array_append_new(a, o);
	}
	return nw_json_whole(a, bad);
}

json_t *nw_end_json(const struct nw_conn *c)
{
	json_t *o = json_object();
	uint64_t asked = 0;
	int i, bad = !o;

	for (i = 0; i < c->n_validate; i++)
		if (c->validate[i].request.ts && c->validate[i].request.ts <= c->end.ts)
			asked = c->validate[i].request.ts;
	bad |= set_moment(o, c, c->end.frame, c->end.ts);
	bad |= json_object_set_new(o, "by", side(c->end.by));
	bad |= json_object_set_new(o, "how", json_string(nw_end_name(c->end.how)));
	if (asked)
		bad |= json_object_set_new(o, "delay_ms", millis(c->end.ts - asked));
	if (c->end.how == NW_END_RST)
		bad |= set_kernel(o, nw_conn_reset_at(c, c->end.ts, c->end.frame));
	return nw_json_whole(o, bad);
}

json_t *nw_finding_json(const struct nw_finding *f)
{
	const struct nw_rule *rule = nw_rule_by_number(f->rule);
	json_t *o = json_object();
	int bad = !o;

	bad |= set_count(o, "rule", f->rule);
	if (rule)
		bad |= json_object_set_new(o, "name", json_string(rule->name));
	bad |= json_object_set_new(o, "severity", json_string(nw_severity_name(f->severity)));
	bad |= json_object_set_new(o, "fields", nw_json_names(f->fields, nw_field_name));
	if (f->leg != NW_LEG_NONE)
		bad |= json_object_set_new(o, "leg", json_string(nw_leg_name(f->leg)));
	bad |= json_object_set_new(o, "text", json_string(f->text));
	bad |= f->frame ? set_count(o, "frame", f->frame) : 0;
	if (f->outcome != NW_OUT_UNKNOWN)
		bad |= json_object_set_new(o, "outcome", json_string(nw_outcome_name(f->outcome)));
	if (f->validate >= 0)
		bad |= set_count(o, "validate", (uint64_t)f->validate);
	if (f->delay_ns)
		bad |= json_object_set_new(o, "delay_ms", millis(f->delay_ns));
	if (f->near_gap)
		bad |= json_object_set_new(o, "near_gap", json_true());
	return nw_json_whole(o, bad);
}

static json_t *findings(const struct nw_conn *c)
{
	json_t *a = json_array();
	int i, bad = !a;

	for (i = 0; i < c->n_findings; i++)
		bad |= json_array_append_new(a, nw_finding_json(&c->findings[i]));
	return nw_json_whole(a, bad);
}

const char *nw_conn_community_id(char out[NW_COMMUNITY_ID_TEXT], const struct nw_conn *c)
{
	const union nw_addr *client = nw_conn_addr(c, NW_C2S), *server = nw_conn_addr(c, NW_S2C);
	unsigned int skip = nw_addr_is_v4(client) && nw_addr_is_v4(server) ? 12 : 0;

	nw_community_id(out, client->b + skip, server->b + skip, 16 - skip, nw_conn_port(c, NW_C2S),
			nw_conn_port(c, NW_S2C));
	return out;
}

static int set_ends(json_t *o, const struct nw_conn *c)
{
	const union nw_addr *client = nw_conn_addr(c, NW_C2S), *server = nw_conn_addr(c, NW_S2C);
	char text[NW_ADDR_TEXT], id[NW_COMMUNITY_ID_TEXT];
	json_t *vlans;
	int i, bad = 0;

	bad |= json_object_set_new(o, "client_ip", json_string(nw_addr_text(text, client)));
	bad |= set_count(o, "client_port", nw_conn_port(c, NW_C2S));
	bad |= json_object_set_new(o, "server_ip", json_string(nw_addr_text(text, server)));
	bad |= set_count(o, "server_port", nw_conn_port(c, NW_S2C));
	if (c->n_vlan) {
		vlans = json_array();
		for (i = 0; i < c->n_vlan && i < 2; i++)
			bad |= json_array_append_new(vlans, json_integer(c->vlan[i]));
		bad |= json_object_set_new(o, "vlan", vlans);
	}
	return bad | json_object_set_new(o, "community_id", json_string(nw_conn_community_id(id, c)));
}

/* JSON's strings are UTF-8, which the name of a file need not be. */
static int set_file(json_t *o, const char *file)
{
	json_t *name = json_string(file);
	char safe[1024];
	struct nw_text t;

	if (!name) {
		nw_text_init(&t, safe, sizeof(safe));
		nw_text_escape(&t, file, strlen(file));
		name = json_string(safe);
	}
	return json_object_set_new(o, "file", name);
}

static int set_state(json_t *o, const struct nw_conn *c)
{
	int bad = 0;

	if (nw_vantage_name(c->vantage))
		bad |= json_object_set_new(o, "vantage", json_string(nw_vantage_name(c->vantage)));
	bad |= json_object_set_new(o, "syn_seen", json_boolean(c->syn_seen));
	bad |= json_object_set_new(o, "observed", json_string(nw_observed_name(nw_conn_observed(c))));
	if (c->unseen)
		bad |= json_object_set_new(o, "unseen", nw_json_names(c->unseen, nw_unseen_name));
	bad |= json_object_set_new(o, "smb1_negotiate", json_boolean(c->smb1_negotiate));
	if (c->smb1_only)
		bad |= json_object_set_new(o, "smb1_only", json_true());
	bad |= json_object_set_new(o, "encrypted", json_boolean(c->encrypted));
	bad |= json_object_set_new(o, "compressed", json_boolean(c->compressed));
	bad |= json_object_set_new(o, "authenticated", json_boolean(c->authenticated));
	bad |= json_object_set_new(o, "guest", json_boolean(c->guest));
	bad |= json_object_set_new(o, "tree_connected", json_boolean(c->tree_connected));
	if (c->dialect)
		bad |= json_object_set_new(o, "dialect", nw_hex_json(c->dialect, 4));
	if (c->family[NW_C2S])
		bad |= json_object_set_new(o, "client_family", json_string(c->family[NW_C2S]->name));
	if (c->family[NW_S2C])
		bad |= json_object_set_new(o, "server_family", json_string(c->family[NW_S2C]->name));
	return bad;
}

json_t *nw_flow_json(const struct nw_conn *c, const char *file, int64_t wall_offset_ns)
{
	char start[NW_TIME_TEXT];
	json_t *o = json_object();
	int bad = !o;

	bad |= json_object_set_new(o, "type", json_string("flow"));
	if (file)
		bad |= set_file(o, file);
	bad |= set_ends(o, c);
	nw_time_utc(start, (int64_t)c->first_ts + wall_offset_ns, 9);
	bad |= json_object_set_new(o, "start", json_string(start));
	bad |= set_state(o, c);
	bad |= json_object_set_new(o, "negotiate", exchanges(c, false));
	bad |= json_object_set_new(o, "validate", exchanges(c, true));
	if (c->validates_dropped)
		bad |= set_count(o, "validates_dropped", c->validates_dropped);
	bad |= json_object_set_new(o, "steps", steps(c));
	if (c->steps_dropped)
		bad |= set_count(o, "steps_dropped", c->steps_dropped);
	bad |= json_object_set_new(o, "resets", resets(c));
	if (c->end.how != NW_END_NONE)
		bad |= json_object_set_new(o, "end", nw_end_json(c));
	if (c->syn_opts)
		bad |= json_object_set_new(o, "path_hint",
					   nw_json_names(nw_path_hints(c->syn_opts), nw_path_hint_name));
	bad |= json_object_set_new(o, "findings", findings(c));
	return nw_json_whole(o, bad);
}
