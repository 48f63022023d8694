// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `negwatch read` for people, 80 columns: who, what differs with both values, where, and how it ended. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "read_text.h"
#include "wrap.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define INDENT 6

static void endpoint_text(char *out, size_t size, const struct nw_conn *c, enum nw_dir_id side)
{
	const union nw_addr *addr = nw_conn_addr(c, side);
	bool v4 = nw_addr_is_v4(addr);
	char text[NW_ADDR_TEXT];

	snprintf(out, size, "%s%s%s:%u", v4 ? "" : "[", nw_addr_text(text, addr), v4 ? "" : "]",
		 nw_conn_port(c, side));
}

static void flow_title(FILE *out, const struct nw_conn *c, const char *file, int64_t wall_offset)
{
	char client[NW_ADDR_TEXT + 10], server[NW_ADDR_TEXT + 10], when[NW_TIME_TEXT], where[1024];
	struct nw_text t;
	size_t at;

	nw_text_init(&t, where, sizeof(where));
	endpoint_text(client, sizeof(client), c, NW_C2S);
	endpoint_text(server, sizeof(server), c, NW_S2C);
	nw_text_add(&t, "%s, packet %" PRIu64 " of", nw_time_utc(when, (int64_t)c->first_ts + wall_offset, 6),
		    c->first_frame);
	at = t.len;
	nw_text_escape(&t, file, strlen(file));
	/* A file's name is not to be broken; it gets a line of its own if need be. */
	fprintf(out, "%s -> %s\n  %.*s%s%s\n", client, server, (int)at, where,
		t.len + 3 > NW_CLI_WIDTH ? "\n  " : " ", where + at);
}

static const struct nw_params *last_validate(const struct nw_conn *c)
{
	int i;

	for (i = c->n_validate - 1; i >= 0; i--)
		if (c->validate[i].request.ts)
			return &c->validate[i].request;
	return NULL;
}

static void flow_state(FILE *out, const struct nw_conn *c)
{
	const struct nw_params *asked = last_validate(c);
	char dialect[NW_DIALECT_TEXT], line[512], took[NW_TIME_TEXT];
	struct nw_text t;
	const char *name;
	unsigned int i;

	nw_text_init(&t, line, sizeof(line));
	if (c->dialect)
		nw_text_add(&t, "SMB %s, ", nw_dialect_text(dialect, c->dialect));
	nw_text_add(&t, "%u VALIDATE, observed: %s", c->n_validate + c->validates_dropped,
		    nw_observed_name(nw_conn_observed(c)));
	for (i = 0; (name = nw_unseen_name(i)); i++)
		if (c->unseen & 1u << i)
			nw_text_add(&t, " (%s)", name);
	if (c->end.how != NW_END_NONE) {
		nw_text_add(&t, ", ended by the %s (%s, packet %" PRIu64,
			    c->end.by == NW_C2S ? "client" : "server", nw_end_name(c->end.how), c->end.frame);
		if (asked && asked->ts <= c->end.ts)
			nw_text_add(&t, ", %s after VALIDATE", nw_duration_text(took, c->end.ts - asked->ts));
		nw_text_add(&t, ")");
	}
	nw_wrap(out, "", 2, NW_CLI_WIDTH, line);
}

/* One end, with how sure it is; of one that is in no table the fingerprint. */
static void flow_family(FILE *out, const struct nw_conn *c, enum nw_dir_id side)
{
	const char *who = side == NW_C2S ? "client" : "server";
	const struct nw_family *f = c->family[side];
	uint64_t impl = nw_conn_impl(c, side);
	char line[200];

	if (f)
		snprintf(line, sizeof(line), "%s: %s, %s", who, f->label, nw_sure_text(f->sure));
	else if (impl)
		snprintf(line, sizeof(line), "%s: unknown implementation, fingerprint %016" PRIx64, who,
			 impl);
	if (f || impl)
		nw_wrap(out, "", 2, NW_CLI_WIDTH, line);
}

static void flow_path(FILE *out, const struct nw_conn *c)
{
	unsigned int hints = nw_path_hints(c->syn_opts), i;
	const char *name;
	char line[200];

	for (i = 0; (name = nw_path_hint_name(i)); i++) {
		if (!(hints & 1u << i))
			continue;
		snprintf(line, sizeof(line), "path: the SYN hints at %s", nw_path_hint_text(name));
		nw_wrap(out, "", 2, NW_CLI_WIDTH, line);
	}
}

static void value_text(struct nw_text *t, const struct nw_params *p, unsigned int field)
{
	char guid[NW_GUID_TEXT], name[NW_DIALECT_TEXT], flags[NW_FLAGS_TEXT];
	unsigned int i;

	switch (field) {
	case NW_FIELD_CAPABILITIES:
		nw_text_add(t, "0x%08x %s", p->capabilities, nw_capabilities_text(flags, p->capabilities));
		break;
	case NW_FIELD_GUID:
		nw_text_add(t, "%s", nw_guid_text(guid, p->guid));
		break;
	case NW_FIELD_SECURITY_MODE:
		nw_text_add(t, "0x%04x %s", p->security_mode, nw_security_mode_text(flags, p->security_mode));
		break;
	case NW_FIELD_DIALECTS:
		for (i = 0; i < p->n_dialects && i < NW_DIALECTS_MAX && p->dialects; i++)
			nw_text_add(t, "%s%s", i ? " " : "", nw_dialect_text(name, p->dialects[i]));
		break;
	default:
		nw_text_add(t, "%s", nw_dialect_text(name, p->dialect));
	}
}

static void value_line(FILE *out, const char *field, const char *where, const struct nw_params *p,
		       unsigned int bit)
{
	char text[512], label[48];
	struct nw_text t;

	nw_text_init(&t, text, sizeof(text));
	value_text(&t, p, bit);
	snprintf(label, sizeof(label), "%*s%-14s %-9s ", INDENT, "", field, where);
	nw_wrap(out, label, (int)strlen(label), NW_CLI_WIDTH, text);
}

static void field_text(char out[24], const char *name)
{
	size_t i;

	snprintf(out, 24, "%s", name);
	for (i = 0; out[i]; i++)
		if (out[i] == '_')
			out[i] = ' ';
}

/* Both values of what differs. `before` is the NEGOTIATE that was compared with: the last complete one. */
static void differences(FILE *out, const struct nw_conn *c, const struct nw_finding *f)
{
	const struct nw_exchange *validate, *negotiate;
	const struct nw_params *was, *is;
	char field[24];
	const char *name;
	unsigned int i, n;

	if (!f->fields || f->validate < 0 || f->validate >= c->n_validate || !c->n_negotiate)
		return;
	validate = &c->validate[f->validate];
	for (n = c->n_negotiate; n > 1 && c->negotiate[n - 1].request.ts > validate->request.ts; n--)
		;
	negotiate = &c->negotiate[n - 1];
	for (i = 0; (name = nw_field_name(i)); i++) {
		bool response = f->rule == 102 || 1u << i == NW_FIELD_DIALECT;

		if (!(f->fields & 1u << i))
			continue;
		was = response ? &negotiate->response : &negotiate->request;
		is = response ? &validate->response : &validate->request;
		if (!was->fingerprint || !is->fingerprint)
			continue;
		field_text(field, name);
		value_line(out, field, "NEGOTIATE", was, 1u << i);
		value_line(out, "", "VALIDATE", is, 1u << i);
	}
}

static void finding(FILE *out, const struct nw_conn *c, const struct nw_finding *f)
{
	const struct nw_rule *rule = nw_rule_by_number(f->rule);

	fprintf(out, "  %u %s (%s)", f->rule, rule ? rule->name : "", nw_severity_name(f->severity));
	if (f->leg != NW_LEG_NONE)
		fprintf(out, ", %s",
			f->leg == NW_LEG_CLIENT_HERE ? "between the client and here" :
						       "between here and the server");
	fputc('\n', out);
	nw_wrap(out, "", INDENT, NW_CLI_WIDTH, f->text);
	differences(out, c, f);
}

static void reset(FILE *out, const struct nw_reset *r)
{
	const char *name, *sep = " (";
	struct nw_text t;
	char line[256];
	unsigned int i;

	nw_text_init(&t, line, sizeof(line));
	nw_text_add(&t, "RST in packet %" PRIu64 " as from the %s, TTL %u; forged: %s", r->frame,
		    r->by == NW_C2S ? "client" : "server", r->ttl, nw_forged_name(r->forged));
	for (i = 0; (name = nw_sign_name(i)); i++) {
		if (!(r->signs & 1u << i))
			continue;
		nw_text_add(&t, "%s%s", sep, name);
		sep = " ";
	}
	if (r->signs)
		nw_text_add(&t, ")");
	nw_wrap(out, "", 2, NW_CLI_WIDTH, line);
}

void nw_read_text_flow(FILE *out, const struct nw_conn *c, const char *file, int64_t wall_offset)
{
	unsigned int i;

	flow_title(out, c, file, wall_offset);
	flow_state(out, c);
	flow_family(out, c, NW_C2S);
	flow_family(out, c, NW_S2C);
	flow_path(out, c);
	for (i = 0; i < c->n_findings; i++)
		finding(out, c, &c->findings[i]);
	for (i = 0; i < c->n_resets; i++)
		if (c->resets[i].forged != NW_FORGED_NO)
			reset(out, &c->resets[i]);
	fputc('\n', out);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void nw_read_text_summary(FILE *out, const struct nw_read_totals *t)
{
	uint64_t findings = 0;
	const char *name;
	char line[1024];
	struct nw_text s;
	unsigned int i;

	for (i = 0; i < nw_n_rules; i++)
		findings += t->findings[i];
	nw_text_init(&s, line, sizeof(line));
	nw_text_add(&s,
		    "%" PRIu64 " file%s, %" PRIu64 " packet%s, %" PRIu64 " SMB flow%s, %" PRIu64 " finding%s",
		    t->files, plural(t->files), t->packets, plural(t->packets), t->flows, plural(t->flows),
		    findings, plural(findings));
	for (i = 0; i < nw_n_rules; i++)
		if (t->findings[i])
			nw_text_add(&s, ", %u %s: %" PRIu64, nw_rules[i].number, nw_rules[i].name,
				    t->findings[i]);
	for (i = 0; i < NW_ARRAY_SIZE(t->not_observed) && (name = nw_unseen_name(i)); i++)
		if (t->not_observed[i])
			nw_text_add(&s, "; not fully observed (%s): %" PRIu64, name, t->not_observed[i]);
	if (t->unreadable)
		nw_text_add(&s, "; could not be read: %" PRIu64, t->unreadable);
	nw_wrap(out, "", 0, NW_CLI_WIDTH, line);
}
