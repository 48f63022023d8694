// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Alerts in the shape of Suricata's EVE, which every log pipeline of this audience reads already. */
#include <stdio.h>

#include "alert.h"
#include "flow_json.h"
#include "json.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define INTEGRITY "Protocol integrity violation"
#define POSSIBLE "Possible protocol integrity violation"
#define AUDIT "SMB negotiation audit"
#define OPERATION "Monitor operation"

static const struct {
	uint16_t rule;
	const char *verdict;
	const char *category;
} verdicts[] = {
	{ 101, "mismatch", INTEGRITY },	   { 102, "mismatch", INTEGRITY }, { 103, "unsigned", INTEGRITY },
	{ 104, "aborted", POSSIBLE },	   { 105, "aborted", POSSIBLE },   { 106, "unanswered", POSSIBLE },
	{ 107, "forged-reset", POSSIBLE }, { 108, "aborted", POSSIBLE },   { 109, "downgraded", INTEGRITY },
	{ 110, "not-validated", AUDIT },   { 111, "refused", AUDIT },	   { 190, "events-lost", OPERATION },
	{ 191, "suppressed", OPERATION },  { 199, "test", OPERATION },
};

static size_t verdict_row(unsigned int rule)
{
	size_t i = 0;

	while (i < NW_ARRAY_SIZE(verdicts) - 1 && verdicts[i].rule != rule)
		i++;
	return i;
}

const char *nw_rule_verdict(unsigned int rule)
{
	return verdicts[verdict_row(rule)].verdict;
}

int nw_eve_severity(uint8_t severity)
{
	return severity >= NW_SEV_CRITICAL ? 1 : severity >= NW_SEV_WARNING ? 2 : 3;
}

const struct nw_exchange *nw_alert_negotiate(const struct nw_alert *a)
{
	const struct nw_conn *c = a->conn;

	return c && c->n_negotiate ? &c->negotiate[c->n_negotiate - 1] : NULL;
}

const struct nw_exchange *nw_alert_validate(const struct nw_alert *a)
{
	const struct nw_conn *c = a->conn;

	if (!c || !c->n_validate)
		return NULL;
	if (a->finding && a->finding->validate >= 0 && a->finding->validate < c->n_validate)
		return &c->validate[a->finding->validate];
	return &c->validate[c->n_validate - 1];
}

static void set_ends(json_t *o, const struct nw_conn *c)
{
	const union nw_addr *client = nw_conn_addr(c, NW_C2S), *server = nw_conn_addr(c, NW_S2C);
	char text[NW_ADDR_TEXT], id[NW_COMMUNITY_ID_TEXT];

	nw_json_set(o, "src_ip", json_string(nw_addr_text(text, client)));
	nw_json_set(o, "src_port", json_integer(nw_conn_port(c, NW_C2S)));
	nw_json_set(o, "dest_ip", json_string(nw_addr_text(text, server)));
	nw_json_set(o, "dest_port", json_integer(nw_conn_port(c, NW_S2C)));
	nw_json_set(o, "proto", json_string("TCP"));
	nw_json_set(o, "app_proto", json_string("smb"));
	nw_json_set(o, "community_id", json_string(nw_conn_community_id(id, c)));
}

/* What only memory suggests proves nothing. */
static const char *category(const struct nw_alert *a)
{
	return a->rule == 109 && a->severity < NW_SEV_CRITICAL ? POSSIBLE :
								 verdicts[verdict_row(a->rule)].category;
}

static json_t *signature(const struct nw_alert *a)
{
	const struct nw_rule *rule = nw_rule_by_number(a->rule);
	json_t *o = json_object();
	char text[256];

	snprintf(text, sizeof(text), "NEGWATCH %s: %s", nw_rule_name(a->rule), rule ? rule->sentence : "");
	nw_json_set(o, "action", json_string("allowed"));
	nw_json_set(o, "gid", json_integer(1));
	nw_json_set(o, "signature_id", json_integer(NW_SIGNATURE_BASE + a->rule));
	nw_json_set(o, "rev", json_integer(1));
	nw_json_set(o, "signature", json_string(text));
	nw_json_set(o, "category", json_string(category(a)));
	nw_json_set(o, "severity", json_integer(nw_eve_severity(a->severity)));
	return o;
}

/* Suricata's own keys, in its own spelling. */
static json_t *smb(const struct nw_alert *a)
{
	const struct nw_exchange *n = nw_alert_negotiate(a);
	char text[NW_DIALECT_TEXT], guid[NW_GUID_TEXT];
	json_t *o = json_object(), *list;

	if (a->conn->dialect)
		nw_json_set(o, "dialect", json_string(nw_dialect_eve(text, a->conn->dialect)));
	if (n && n->request.fingerprint && n->request.dialects) {
		list = json_array();
		for (int i = 0; i < n->request.n_dialects && i < NW_DIALECTS_MAX; i++)
			json_array_append_new(list,
					      json_string(nw_dialect_eve(text, n->request.dialects[i])));
		nw_json_set(o, "client_dialects", list);
		nw_json_set(o, "client_guid", json_string(nw_guid_text(guid, n->request.guid)));
	}
	if (n && n->response.fingerprint)
		nw_json_set(o, "server_guid", json_string(nw_guid_text(guid, n->response.guid)));
	return o;
}

bool nw_alert_ends(const struct nw_alert *a, const union nw_addr **client, const union nw_addr **server)
{
	const struct nw_fold_key *key = a->suppressed ? a->suppressed->key : NULL;

	if (!a->conn && !key)
		return false;
	*client = a->conn ? nw_conn_addr(a->conn, NW_C2S) : &key->client;
	*server = a->conn ? nw_conn_addr(a->conn, NW_S2C) : nw_fold_is_crowd(key) ? NULL : &key->server;
	return true;
}

static void set_time(json_t *o, const char *key, int64_t wall)
{
	char text[NW_TIME_TEXT];

	nw_json_set(o, key, json_string(nw_time_utc(text, wall, 6)));
}

static json_t *suppressed(const struct nw_suppressed *s)
{
	json_t *o = json_object();

	nw_json_set(o, "reason", json_string(s->key ? "repeats" : "rate-limit"));
	if (s->key) {
		nw_json_set(o, "rule", json_integer(s->key->rule));
		nw_json_set(o, "name", json_string(nw_rule_name(s->key->rule)));
		nw_json_set(o, "fields", nw_json_names(s->key->fields, nw_field_name));
	}
	nw_json_set(o, "first_id", json_integer((json_int_t)s->first_id));
	nw_json_set(o, "last_id", json_integer((json_int_t)s->last_id));
	set_time(o, "first_seen", s->first_seen);
	set_time(o, "last_seen", s->last_seen);
	return o;
}

static void set_key_ends(json_t *o, const struct nw_fold_key *key)
{
	char text[NW_ADDR_TEXT];

	nw_json_set(o, "src_ip", json_string(nw_addr_text(text, &key->client)));
	if (!nw_fold_is_crowd(key)) {
		nw_json_set(o, "dest_ip", json_string(nw_addr_text(text, &key->server)));
		nw_json_set(o, "dest_port", json_integer(key->port));
	}
	nw_json_set(o, "proto", json_string("TCP"));
	nw_json_set(o, "app_proto", json_string("smb"));
}

static json_t *own_part(const struct nw_alert *a)
{
	json_t *o = json_object();

	/* A line of the journal that has no number is no alert. */
	if (json_object_set_new(o, "alert_id", json_integer((json_int_t)a->id)) < 0)
		return nw_json_whole(o, -ENOMEM);
	nw_json_set(o, "schema", json_integer(NW_ALERT_SCHEMA));
	nw_json_set(o, "rule", json_integer(a->rule));
	nw_json_set(o, "name", json_string(nw_rule_name(a->rule)));
	nw_json_set(o, "severity", json_string(nw_severity_name(a->severity)));
	nw_json_set(o, "verdict", json_string(nw_rule_verdict(a->rule)));
	nw_json_set(o, "text", json_string(a->text));
	nw_json_set(o, "count", json_integer((json_int_t)a->count));
	if (a->suppressed)
		nw_json_set(o, "suppressed", suppressed(a->suppressed));
	if (a->finding)
		nw_json_set(o, "finding", nw_finding_json(a->finding));
	if (a->evidence)
		nw_json_set(o, "evidence", json_string(a->evidence));
	if (a->conn)
		nw_json_set(o, "flow", nw_flow_json(a->conn, NULL, a->wall_offset));
	return o;
}

json_t *nw_eve_json(const char *event_type, int64_t wall, const char *host, const char *iface,
		    const struct nw_conn *conn)
{
	json_t *o = json_object();
	char stamp[NW_TIME_TEXT];

	if (!o)
		return NULL;
	nw_json_set(o, "timestamp", json_string(nw_time_eve(stamp, wall)));
	nw_json_set(o, "event_type", json_string(event_type));
	nw_json_set(o, "host", json_string(host));
	if (iface)
		nw_json_set(o, "in_iface", json_string(iface));
	if (conn)
		set_ends(o, conn);
	return o;
}

json_t *nw_alert_json(const struct nw_alert *a)
{
	json_t *o = nw_eve_json("alert", a->wall, a->host, a->iface, a->conn);

	if (!o)
		return NULL;
	if (!a->conn && a->suppressed && a->suppressed->key)
		set_key_ends(o, a->suppressed->key);
	nw_json_set(o, "alert", signature(a));
	if (a->conn)
		nw_json_set(o, "smb", smb(a));
	return nw_json_whole(o, json_object_set_new(o, "negwatch", own_part(a)));
}

void nw_alert_head(struct nw_text *t, uint64_t id, const char *text, unsigned int rule, unsigned int severity)
{
	nw_text_add(t, "alert %llu: %s (rule %u %s, %s)", (unsigned long long)id, text, rule,
		    nw_rule_name(rule), nw_severity_name(severity));
}

void nw_alert_line(char *out, size_t size, const struct nw_alert *a)
{
	char stamp[NW_TIME_TEXT], from[NW_ADDR_TEXT], to[NW_ADDR_TEXT];
	struct nw_text t;

	nw_text_init(&t, out, size);
	nw_text_add(&t, "%s ", nw_time_short(stamp, a->wall, false));
	nw_alert_head(&t, a->id, a->text, a->rule, a->severity);
	if (a->conn)
		nw_text_add(&t, "; client %s port %u, server %s port %u",
			    nw_addr_text(from, nw_conn_addr(a->conn, NW_C2S)), nw_conn_port(a->conn, NW_C2S),
			    nw_addr_text(to, nw_conn_addr(a->conn, NW_S2C)), nw_conn_port(a->conn, NW_S2C));
	if (a->iface)
		nw_text_add(&t, ", %s", a->iface);
}
