// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An alert as the text of a syslog message. The pairs are one table: order, importance, value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow_json.h"
#include "syslog_text.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define VALUE_MAX 384

/* Each writes the value; writes nothing if there is none, and the pair is left out. */
typedef void (*value_fn)(struct nw_text *t, const struct nw_alert *a);

static void v_alert_id(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%" PRIu64, a->id);
}

static void v_signature(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%u", NW_SIGNATURE_BASE + a->rule);
}

static void v_rule(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%u", a->rule);
}

static void v_severity(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%d", nw_eve_severity(a->severity));
}

static void v_verdict(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%s", nw_rule_verdict(a->rule));
}

static void add_names(struct nw_text *t, unsigned int bits, const char *(*name_of)(unsigned int))
{
	const char *name;

	for (unsigned int i = 0; (name = name_of(i)); i++)
		if (bits & 1u << i)
			nw_text_add(t, "%s%s", t->len ? "," : "", name);
}

static void v_differs(struct nw_text *t, const struct nw_alert *a)
{
	const struct nw_fold_key *key = a->suppressed ? a->suppressed->key : NULL;

	if (a->finding || key)
		add_names(t, key ? key->fields : a->finding->fields, nw_field_name);
}

static void v_leg(struct nw_text *t, const struct nw_alert *a)
{
	if (a->finding && a->finding->leg != NW_LEG_NONE)
		nw_text_add(t, "%s", nw_leg_name(a->finding->leg));
}

static bool ended(const struct nw_alert *a)
{
	return a->conn && a->conn->end.how != NW_END_NONE;
}

static void v_closed_by(struct nw_text *t, const struct nw_alert *a)
{
	if (ended(a))
		nw_text_add(t, "%s", a->conn->end.by == NW_C2S ? "client" : "server");
}

static void v_close(struct nw_text *t, const struct nw_alert *a)
{
	if (ended(a))
		nw_text_add(t, "%s", nw_end_name(a->conn->end.how));
}

/* The reset that the finding is about, or else the one that ended the connection. */
static const struct nw_reset *reset_of(const struct nw_alert *a)
{
	const struct nw_reset *r =
		a->conn && a->finding ? nw_conn_reset_at(a->conn, a->finding->ts, a->finding->frame) : NULL;

	return r || !ended(a) ? r : nw_conn_reset_at(a->conn, a->conn->end.ts, a->conn->end.frame);
}

static void v_kernel(struct nw_text *t, const struct nw_alert *a)
{
	const struct nw_reset *r = reset_of(a);

	if (r && nw_kernel_name(r->kernel))
		nw_text_add(t, "%s", nw_kernel_name(r->kernel));
}

static void v_reset_reason(struct nw_text *t, const struct nw_alert *a)
{
	const struct nw_reset *r = reset_of(a);

	if (r && r->reason)
		nw_text_add(t, "%s", r->reason);
}

static void v_delay(struct nw_text *t, const struct nw_alert *a)
{
	double ms = a->finding ? (double)a->finding->delay_ns / 1e6 : 0;

	if (ms > 0)
		nw_text_add(t, ms < 10 ? "%.3f" : "%.0f", ms);
}

static void v_src_ip(struct nw_text *t, const struct nw_alert *a)
{
	const union nw_addr *client, *server;
	char text[NW_ADDR_TEXT];

	if (nw_alert_ends(a, &client, &server))
		nw_text_add(t, "%s", nw_addr_text(text, client));
}

static void v_dest_ip(struct nw_text *t, const struct nw_alert *a)
{
	const union nw_addr *client, *server;
	char text[NW_ADDR_TEXT];

	if (nw_alert_ends(a, &client, &server) && server)
		nw_text_add(t, "%s", nw_addr_text(text, server));
}

static void v_src_port(struct nw_text *t, const struct nw_alert *a)
{
	if (a->conn)
		nw_text_add(t, "%u", nw_conn_port(a->conn, NW_C2S));
}

static void v_dest_port(struct nw_text *t, const struct nw_alert *a)
{
	if (a->conn)
		nw_text_add(t, "%u", nw_conn_port(a->conn, NW_S2C));
	else if (a->suppressed && a->suppressed->key && a->suppressed->key->port)
		nw_text_add(t, "%u", a->suppressed->key->port);
}

static void v_proto(struct nw_text *t, const struct nw_alert *a)
{
	const union nw_addr *client, *server;

	if (nw_alert_ends(a, &client, &server))
		nw_text_add(t, "TCP");
}

static void v_dialect(struct nw_text *t, const struct nw_alert *a)
{
	char text[NW_DIALECT_TEXT];

	if (a->conn && a->conn->dialect)
		nw_text_add(t, "%s", nw_dialect_eve(text, a->conn->dialect));
}

static void add_dialects(struct nw_text *t, const struct nw_exchange *x)
{
	char text[NW_DIALECT_TEXT];

	for (int i = 0; x && x->request.dialects && i < x->request.n_dialects && i < NW_DIALECTS_MAX; i++)
		nw_text_add(t, "%s%s", i ? "," : "", nw_dialect_eve(text, x->request.dialects[i]));
}

static void v_negotiated(struct nw_text *t, const struct nw_alert *a)
{
	add_dialects(t, nw_alert_negotiate(a));
}

static void v_validated(struct nw_text *t, const struct nw_alert *a)
{
	add_dialects(t, nw_alert_validate(a));
}

/* The signed message's GUID if there is one: it is the client's own. */
static void v_client_guid(struct nw_text *t, const struct nw_alert *a)
{
	const struct nw_exchange *n = nw_alert_negotiate(a), *v = nw_alert_validate(a);
	char text[NW_GUID_TEXT];

	if (v && v->request.fingerprint)
		nw_text_add(t, "%s", nw_guid_text(text, v->request.guid));
	else if (n && n->request.fingerprint)
		nw_text_add(t, "%s", nw_guid_text(text, n->request.guid));
}

static void v_community_id(struct nw_text *t, const struct nw_alert *a)
{
	char text[NW_COMMUNITY_ID_TEXT];

	if (a->conn)
		nw_text_add(t, "%s", nw_conn_community_id(text, a->conn));
}

static void v_path_hint(struct nw_text *t, const struct nw_alert *a)
{
	if (a->conn)
		add_names(t, nw_path_hints(a->conn->syn_opts), nw_path_hint_name);
}

static void v_count(struct nw_text *t, const struct nw_alert *a)
{
	nw_text_add(t, "%" PRIu64, a->count);
}

static void v_iface(struct nw_text *t, const struct nw_alert *a)
{
	if (a->iface)
		nw_text_add(t, "%s", a->iface);
}

static void v_event_time(struct nw_text *t, const struct nw_alert *a)
{
	char text[NW_TIME_TEXT];

	nw_text_add(t, "%s", nw_time_utc(text, a->wall, 6));
}

static void v_suppressed(struct nw_text *t, const struct nw_alert *a)
{
	if (a->suppressed)
		nw_text_add(t, "%s", a->suppressed->key ? "repeats" : "rate-limit");
}

static void v_of_rule(struct nw_text *t, const struct nw_alert *a)
{
	if (a->suppressed && a->suppressed->key)
		nw_text_add(t, "%u", a->suppressed->key->rule);
}

static void v_first_id(struct nw_text *t, const struct nw_alert *a)
{
	if (a->suppressed)
		nw_text_add(t, "%" PRIu64, a->suppressed->first_id);
}

static void v_last_id(struct nw_text *t, const struct nw_alert *a)
{
	if (a->suppressed)
		nw_text_add(t, "%" PRIu64, a->suppressed->last_id);
}

static void v_first_seen(struct nw_text *t, const struct nw_alert *a)
{
	char text[NW_TIME_TEXT];

	if (a->suppressed)
		nw_text_add(t, "%s", nw_time_utc(text, a->suppressed->first_seen, 6));
}

static void v_last_seen(struct nw_text *t, const struct nw_alert *a)
{
	char text[NW_TIME_TEXT];

	if (a->suppressed)
		nw_text_add(t, "%s", nw_time_utc(text, a->suppressed->last_seen, 6));
}

/* In the order of the message. New ones are only appended. drop: the highest goes first, 0 never goes. */
static const struct {
	const char *key;
	int drop;
	value_fn value;
} pairs[] = {
	{ "alert_id", 0, v_alert_id },
	{ "signature_id", 0, v_signature },
	{ "rule", 0, v_rule },
	{ "severity", 0, v_severity },
	{ "verdict", 0, v_verdict },
	{ "differs", 0, v_differs },
	{ "closed_by", 0, v_closed_by },
	{ "close", 0, v_close },
	{ "delay_ms", 5, v_delay },
	{ "src_ip", 0, v_src_ip },
	{ "src_port", 0, v_src_port },
	{ "dest_ip", 0, v_dest_ip },
	{ "dest_port", 0, v_dest_port },
	{ "proto", 6, v_proto },
	{ "dialect", 2, v_dialect },
	{ "negotiated", 8, v_negotiated },
	{ "validated", 7, v_validated },
	{ "client_guid", 4, v_client_guid },
	{ "community_id", 3, v_community_id },
	{ "path_hint", 1, v_path_hint },
	{ "count", 0, v_count },
	{ "iface", 0, v_iface },
	{ "event_time", 0, v_event_time },
	{ "leg", 2, v_leg },
	{ "kernel", 3, v_kernel },
	{ "reset_reason", 3, v_reset_reason },
	{ "suppressed", 0, v_suppressed },
	{ "of_rule", 0, v_of_rule },
	{ "first_id", 0, v_first_id },
	{ "last_id", 0, v_last_id },
	{ "first_seen", 0, v_first_seen },
	{ "last_seen", 0, v_last_seen },
};

#define N_PAIRS NW_ARRAY_SIZE(pairs)

/* Leaves out pairs, the least important first, until `room` is enough; returns the bytes of the rest. */
static size_t choose(char text[N_PAIRS][VALUE_MAX], size_t room)
{
	size_t total = 0;

	for (size_t i = 0; i < N_PAIRS; i++)
		total += strlen(text[i]);
	while (total > room) {
		size_t worst = N_PAIRS;

		for (size_t i = 0; i < N_PAIRS; i++)
			if (*text[i] && pairs[i].drop &&
			    (worst == N_PAIRS || pairs[i].drop > pairs[worst].drop))
				worst = i;
		if (worst == N_PAIRS)
			break;
		total -= strlen(text[worst]);
		*text[worst] = '\0';
	}
	return total;
}

void nw_syslog_text(char *out, size_t size, const struct nw_alert *a)
{
	char text[N_PAIRS][VALUE_MAX], value[VALUE_MAX - 32];
	size_t total, sentence = strlen(a->text);
	struct nw_text t;

	for (size_t i = 0; i < N_PAIRS; i++) {
		nw_text_init(&t, value, sizeof(value));
		pairs[i].value(&t, a);
		nw_text_init(&t, text[i], VALUE_MAX);
		if (*value) {
			nw_text_add(&t, " %s=", pairs[i].key);
			nw_text_value(&t, value);
		}
	}
	total = choose(text, size - 1 > sentence + 1 ? size - 1 - sentence - 1 : 0);
	/* The sentence gets what the pairs leave. */
	nw_text_init(&t, out, size - 1 > total + 1 ? size - 1 - total : 1);
	nw_text_escape(&t, a->text, sentence);
	t.size = size;
	t.cut = false;
	nw_text_add(&t, ";");
	for (size_t i = 0; i < N_PAIRS; i++)
		nw_text_add(&t, "%s", text[i]);
}
