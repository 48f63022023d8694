// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Flows and findings as JSON, as text or as a tree. What is not known is left out, never written as a zero or
 * a dash. */
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "flow_json.h"
#include "json.h"
#include "json_text.h"
#include "../util/community_id.h"
#include "../util/text.h"
#include "../util/time.h"

/* Where in the capture, and when, in milliseconds since the flow's first packet. */
static void put_moment(struct nw_json_text *t, const struct nw_conn *c, uint64_t frame, uint64_t ts)
{
	if (frame)
		nw_json_put_count(t, "frame", frame);
	nw_json_put_millis(t, "at_ms", ts > c->first_ts ? ts - c->first_ts : 0);
}

/* An object that begins with a packet: where and when, and which side (enum nw_dir_id) sent it. */
static void open_packet(struct nw_json_text *t, const char *key, const struct nw_conn *c, uint64_t frame,
			uint64_t ts, uint8_t by)
{
	nw_json_open(t, key, '{');
	put_moment(t, c, frame, ts);
	nw_json_put(t, "by", by == NW_C2S ? "client" : "server");
}

/* 16 bytes; all zero: there are none. */
static void put_bytes(struct nw_json_text *t, const char *key, const uint8_t bytes[16])
{
	static const uint8_t none[16];

	if (memcmp(bytes, none, sizeof(none)) != 0)
		nw_json_put_bytes(t, key, bytes, sizeof(none));
}

static void put_dialects(struct nw_json_text *t, const struct nw_params *p, bool is_response)
{
	unsigned int i, n = p->n_dialects < NW_DIALECTS_MAX ? p->n_dialects : NW_DIALECTS_MAX;

	if (is_response) {
		nw_json_put_hex(t, "dialect", p->dialect, 4);
		return;
	}
	nw_json_open(t, "dialects", '[');
	for (i = 0; i < n && p->dialects; i++)
		nw_json_put_hex(t, NULL, p->dialects[i], 4);
	nw_json_close(t, ']');
	if (n < p->n_dialects)
		nw_json_put_count(t, "dialect_count", p->n_dialects);
}

static void put_protection(struct nw_json_text *t, const struct nw_params *p)
{
	nw_json_put_bool(t, "signed", p->is_signed);
	if (p->encrypted)
		nw_json_put_bool(t, "encrypted", true);
	put_bytes(t, "signature", p->signature);
}

static void put_values(struct nw_json_text *t, const struct nw_params *p, bool is_response)
{
	char guid[NW_GUID_TEXT];

	nw_json_put_count(t, "capabilities", p->capabilities);
	nw_json_put_count(t, "security_mode", p->security_mode);
	nw_json_put(t, is_response ? "server_guid" : "client_guid", nw_guid_text(guid, p->guid));
}

static void put_fingerprint(struct nw_json_text *t, const char *key, uint64_t fingerprint)
{
	uint64_t big_endian = htobe64(fingerprint);

	if (fingerprint)
		nw_json_put_bytes(t, key, (const uint8_t *)&big_endian, sizeof(big_endian));
}

/* One message. An error response has a status and no values. */
static void put_message(struct nw_json_text *t, const char *key, const struct nw_conn *c,
			const struct nw_params *p, bool is_validate, bool is_response)
{
	nw_json_open(t, key, '{');
	put_moment(t, c, p->frame, p->ts);
	nw_json_put_count(t, "message_id", p->message_id);
	if (is_validate)
		nw_json_put_hex(t, "session_id", p->session_id, 16);
	if (is_response)
		nw_json_put_hex(t, "status", p->status, 8);
	if (is_validate || p->is_signed)
		put_protection(t, p);
	if (p->fingerprint) {
		/* Each in the order of its message: a NEGOTIATE begins with the dialects, a VALIDATE ends
		 * with them. */
		if (!is_validate)
			put_dialects(t, p, is_response);
		put_values(t, p, is_response);
		if (is_validate)
			put_dialects(t, p, is_response);
		if (is_validate && !is_response)
			nw_json_put_count(t, "max_output_response", p->max_output);
		put_fingerprint(t, "fingerprint", p->fingerprint);
		put_fingerprint(t, "impl", p->traits.fingerprint);
		put_bytes(t, "salt", p->salt);
		put_fingerprint(t, "body", p->body);
	}
	nw_json_close(t, '}');
}

static void put_exchanges(struct nw_json_text *t, const char *key, const struct nw_conn *c, bool is_validate)
{
	const struct nw_exchange *list = is_validate ? c->validate : c->negotiate;
	int i, n = is_validate ? c->n_validate : c->n_negotiate;

	nw_json_open(t, key, '[');
	for (i = 0; i < n; i++) {
		const struct nw_exchange *x = &list[i];

		nw_json_open(t, NULL, '{');
		if (x->request.ts)
			put_message(t, "request", c, &x->request, is_validate, false);
		if (x->response.ts)
			put_message(t, "response", c, &x->response, is_validate, true);
		if (x->request_compared)
			nw_json_put_names(t, "request_differs", x->request_differs, nw_field_name);
		if (x->response_compared)
			nw_json_put_names(t, "response_differs", x->response_differs, nw_field_name);
		if (x->near_gap)
			nw_json_put_bool(t, "near_gap", true);
		nw_json_close(t, '}');
	}
	nw_json_close(t, ']');
}

/* What this host's own TCP says of a reset. */
static void put_kernel(struct nw_json_text *t, const struct nw_reset *r)
{
	const char *word = r ? nw_kernel_name(r->kernel) : NULL;

	if (word)
		nw_json_put(t, "kernel", word);
	if (r && r->reason)
		nw_json_put(t, "reason", r->reason);
}

static void put_resets(struct nw_json_text *t, const struct nw_conn *c)
{
	nw_json_open(t, "resets", '[');
	for (int i = 0; i < c->n_resets; i++) {
		const struct nw_reset *r = &c->resets[i];

		open_packet(t, NULL, c, r->frame, r->ts, r->by);
		nw_json_put_count(t, "ttl", r->ttl);
		if (r->usual_ttl)
			nw_json_put_count(t, "usual_ttl", r->usual_ttl);
		nw_json_put_names(t, "signs", r->signs, nw_sign_name);
		nw_json_put(t, "forged", nw_forged_name(r->forged));
		put_kernel(t, r);
		if (nw_reset_survived(r))
			nw_json_put_bool(t, "survived", true);
		nw_json_close(t, '}');
	}
	nw_json_close(t, ']');
}

static void put_steps(struct nw_json_text *t, const struct nw_conn *c)
{
	nw_json_open(t, "steps", '[');
	for (int i = 0; i < c->n_steps; i++) {
		const struct nw_step *s = &c->steps[i];

		open_packet(t, NULL, c, s->frame, s->ts, s->by);
		nw_json_put(t, "what", nw_step_name(s->type));
		if (s->type == NW_EV_SESSION_RSP || s->type == NW_EV_TREE_RSP)
			nw_json_put_hex(t, "status", s->status, 8);
		if (s->type == NW_EV_USE)
			nw_json_put_count(t, "command", s->command);
		nw_json_close(t, '}');
	}
	nw_json_close(t, ']');
}

static void put_end(struct nw_json_text *t, const char *key, const struct nw_conn *c)
{
	uint64_t asked = 0;

	for (int i = 0; i < c->n_validate; i++)
		if (c->validate[i].request.ts && c->validate[i].request.ts <= c->end.ts)
			asked = c->validate[i].request.ts;
	open_packet(t, key, c, c->end.frame, c->end.ts, c->end.by);
	nw_json_put(t, "how", nw_end_name(c->end.how));
	if (asked)
		nw_json_put_millis(t, "delay_ms", c->end.ts - asked);
	if (c->end.how == NW_END_RST)
		put_kernel(t, nw_conn_reset_at(c, c->end.ts, c->end.frame));
	nw_json_close(t, '}');
}

static void put_finding(struct nw_json_text *t, const struct nw_finding *f)
{
	const struct nw_rule *rule = nw_rule_by_number(f->rule);

	nw_json_open(t, NULL, '{');
	nw_json_put_count(t, "rule", f->rule);
	if (rule)
		nw_json_put(t, "name", rule->name);
	nw_json_put(t, "severity", nw_severity_name(f->severity));
	nw_json_put_names(t, "fields", f->fields, nw_field_name);
	if (f->leg != NW_LEG_NONE)
		nw_json_put(t, "leg", nw_leg_name(f->leg));
	nw_json_put(t, "text", f->text);
	if (f->frame)
		nw_json_put_count(t, "frame", f->frame);
	if (f->outcome != NW_OUT_UNKNOWN)
		nw_json_put(t, "outcome", nw_outcome_name(f->outcome));
	if (f->validate >= 0)
		nw_json_put_count(t, "validate", (uint64_t)f->validate);
	if (f->delay_ns)
		nw_json_put_millis(t, "delay_ms", f->delay_ns);
	if (f->near_gap)
		nw_json_put_bool(t, "near_gap", true);
	nw_json_close(t, '}');
}

const char *nw_conn_community_id(char out[NW_COMMUNITY_ID_TEXT], const struct nw_conn *c)
{
	const union nw_addr *client = nw_conn_addr(c, NW_C2S), *server = nw_conn_addr(c, NW_S2C);
	unsigned int skip = nw_addr_is_v4(client) && nw_addr_is_v4(server) ? 12 : 0;

	nw_community_id(out, client->b + skip, server->b + skip, 16 - skip, nw_conn_port(c, NW_C2S),
			nw_conn_port(c, NW_S2C));
	return out;
}

static void put_ends(struct nw_json_text *t, const struct nw_conn *c)
{
	const union nw_addr *client = nw_conn_addr(c, NW_C2S), *server = nw_conn_addr(c, NW_S2C);
	char text[NW_ADDR_TEXT], id[NW_COMMUNITY_ID_TEXT];

	nw_json_put(t, "client_ip", nw_addr_text(text, client));
	nw_json_put_count(t, "client_port", nw_conn_port(c, NW_C2S));
	nw_json_put(t, "server_ip", nw_addr_text(text, server));
	nw_json_put_count(t, "server_port", nw_conn_port(c, NW_S2C));
	if (c->n_vlan) {
		nw_json_open(t, "vlan", '[');
		for (int i = 0; i < c->n_vlan && i < 2; i++)
			nw_json_put_count(t, NULL, c->vlan[i]);
		nw_json_close(t, ']');
	}
	nw_json_put(t, "community_id", nw_conn_community_id(id, c));
}

static bool is_utf8(const char *text)
{
	for (size_t left = strlen(text), n; left; text += n, left -= n) {
		n = nw_utf8_len((const unsigned char *)text, left);
		if (!n)
			return false;
	}
	return true;
}

/* JSON's strings are UTF-8, which the name of a file need not be. */
static void put_file(struct nw_json_text *t, const char *file)
{
	char safe[1024];
	struct nw_text s;

	nw_text_init(&s, safe, sizeof(safe));
	if (!is_utf8(file))
		nw_text_escape(&s, file, strlen(file));
	nw_json_put(t, "file", s.len ? safe : file);
}

static void put_state(struct nw_json_text *t, const struct nw_conn *c)
{
	if (nw_vantage_name(c->vantage))
		nw_json_put(t, "vantage", nw_vantage_name(c->vantage));
	nw_json_put_bool(t, "syn_seen", c->syn_seen);
	nw_json_put(t, "observed", nw_observed_name(nw_conn_observed(c)));
	if (c->unseen)
		nw_json_put_names(t, "unseen", c->unseen, nw_unseen_name);
	nw_json_put_bool(t, "smb1_negotiate", c->smb1_negotiate);
	if (c->smb1_only)
		nw_json_put_bool(t, "smb1_only", true);
	nw_json_put_bool(t, "encrypted", c->encrypted);
	nw_json_put_bool(t, "compressed", c->compressed);
	nw_json_put_bool(t, "authenticated", c->authenticated);
	nw_json_put_bool(t, "guest", c->guest);
	nw_json_put_bool(t, "tree_connected", c->tree_connected);
	if (c->dialect)
		nw_json_put_hex(t, "dialect", c->dialect, 4);
	if (c->family[NW_C2S])
		nw_json_put(t, "client_family", c->family[NW_C2S]->name);
	if (c->family[NW_S2C])
		nw_json_put(t, "server_family", c->family[NW_S2C]->name);
}

void nw_flow_put(struct nw_json_text *t, const struct nw_conn *c, const char *file, int64_t wall_offset_ns)
{
	char start[NW_TIME_TEXT];

	nw_json_open(t, NULL, '{');
	nw_json_put(t, "type", "flow");
	if (file)
		put_file(t, file);
	put_ends(t, c);
	nw_json_put(t, "start", nw_time_utc(start, (int64_t)c->first_ts + wall_offset_ns, 9));
	put_state(t, c);
	put_exchanges(t, "negotiate", c, false);
	put_exchanges(t, "validate", c, true);
	if (c->validates_dropped)
		nw_json_put_count(t, "validates_dropped", c->validates_dropped);
	put_steps(t, c);
	if (c->steps_dropped)
		nw_json_put_count(t, "steps_dropped", c->steps_dropped);
	put_resets(t, c);
	if (c->end.how != NW_END_NONE)
		put_end(t, "end", c);
	if (c->syn_opts)
		nw_json_put_names(t, "path_hint", nw_path_hints(c->syn_opts), nw_path_hint_name);
	nw_json_open(t, "findings", '[');
	for (int i = 0; i < c->n_findings; i++)
		put_finding(t, &c->findings[i]);
	nw_json_close(t, ']');
	nw_json_close(t, '}');
}

/* The tree, or nothing of it. */
static json_t *take(struct nw_json_text *t)
{
	return nw_json_whole(t->tree, t->failed);
}

json_t *nw_flow_json(const struct nw_conn *c, const char *file, int64_t wall_offset_ns)
{
	struct nw_json_text t = { .as_tree = true };

	nw_flow_put(&t, c, file, wall_offset_ns);
	return take(&t);
}

json_t *nw_end_json(const struct nw_conn *c)
{
	struct nw_json_text t = { .as_tree = true };

	put_end(&t, NULL, c);
	return take(&t);
}

json_t *nw_finding_json(const struct nw_finding *f)
{
	struct nw_json_text t = { .as_tree = true };

	put_finding(&t, f);
	return take(&t);
}
