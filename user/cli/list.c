// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch alerts, flows and peers: many objects, one line each. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"
#include "wrap.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

struct listing {
	const char *name; /* of the command, and of the member of the answer */
	struct nw_filter_keys keys;
	const struct nw_column *columns;
	unsigned int n_columns;
	void (*row)(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *o);
	uint64_t usual; /* so many without --limit and filters; 0: what the daemon sends at once */
	const char *empty;
};

/* "" if there is none. */
static void number(char out[24], const json_t *value)
{
	*out = '\0';
	if (json_is_integer(value))
		snprintf(out, 24, "%lld", (long long)json_integer_value(value));
}

static void alert_row(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *a)
{
	char id[24], when[NW_TIME_TEXT], server[80], rule[8], fields[80], end[24], count[24], port[24];
	char repeats[48];
	const char *severity = nw_str(a, "negwatch.severity");
	const json_t *of = nw_at(a, "negwatch.suppressed");
	const char *const row[] = {
		id,
		nw_when_text(cli, when, sizeof(when), nw_str(a, "timestamp")),
		nw_str(a, "src_ip"),
		nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")),
		rule,
		nw_str(a, "negwatch.name"),
		nw_names(fields, sizeof(fields),
			 nw_at(a, of ? "negwatch.suppressed.fields" : "negwatch.finding.fields")),
		of ? repeats : nw_end_text(end, sizeof(end), nw_at(a, "negwatch.flow")),
		severity,
		count,
		port,
		nw_str(a, "in_iface"),
		nw_str(a, "negwatch.finding.leg"),
		nw_str(a, "community_id"),
		nw_str(a, "negwatch.text"),
	};

	number(count, nw_at(a, "negwatch.count"));
	number(port, nw_at(a, "src_port"));
	snprintf(id, sizeof(id), "%llu", (unsigned long long)nw_num(a, "negwatch.alert_id"));
	snprintf(rule, sizeof(rule), "%llu", (unsigned long long)nw_num(a, "negwatch.rule"));
	snprintf(repeats, sizeof(repeats), "%llu x %s%llu", (unsigned long long)nw_num(a, "negwatch.count"),
		 nw_at(of, "rule") ? "ID " : "from ID ", (unsigned long long)nw_num(of, "first_id"));
	nw_cli_table_row(table, row);
	if (strcmp(severity, "critical") == 0)
		nw_cli_table_paint(table, NW_PAINT_BAD);
	else if (strcmp(severity, "warning") == 0 || strcmp(severity, "error") == 0)
		nw_cli_table_paint(table, NW_PAINT_WARN);
}

/* "match", "differs: guid", ...: what the connection's last VALIDATE came to. */
static const char *validated(char *out, size_t size, const json_t *flow)
{
	const json_t *list = nw_at(flow, "validate");
	const json_t *v = json_array_get(list, json_array_size(list) - 1);
	char names[80];

	if (!json_array_size(list))
		snprintf(out, size, "%s",
			 strcmp(nw_str(flow, "dialect"), "0x0311") == 0 ? "not needed" : "none");
	else if (json_array_size(nw_at(v, "request_differs")))
		snprintf(out, size, "differs: %s",
			 nw_names(names, sizeof(names), nw_at(v, "request_differs")));
	else if (json_array_size(nw_at(v, "response_differs")))
		snprintf(out, size, "differs: %s",
			 nw_names(names, sizeof(names), nw_at(v, "response_differs")));
	else if (!nw_at(v, "response"))
		snprintf(out, size, "no answer");
	else if (strcmp(nw_str(v, "response.status"), "0x00000000") != 0)
		snprintf(out, size, "refused");
	else
		snprintf(out, size, nw_at(v, "request_differs") ? "match" : "not compared");
	return out;
}

static const char *rules_of(char *out, size_t size, const json_t *flow)
{
	const json_t *f;
	struct nw_text t;
	size_t i;

	nw_text_init(&t, out, size);
	json_array_foreach(nw_at(flow, "findings"), i, f)
	{
		nw_text_add(&t, "%s%llu", i ? "," : "", (unsigned long long)nw_num(f, "rule"));
	}
	return out;
}

static const char *dialect_of(char out[NW_DIALECT_TEXT], const json_t *o, const char *key)
{
	unsigned int dialect;

	if (sscanf(nw_str(o, key), "%x", &dialect) != 1)
		return "";
	return nw_dialect_text(out, (uint16_t)dialect);
}

static void flow_row(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *f)
{
	char when[NW_TIME_TEXT], client[80], server[80], dialect[NW_DIALECT_TEXT], valid[100], end[24],
		rules[64], hints[160], unseen[160];
	const char *const row[] = {
		nw_when_text(cli, when, sizeof(when), nw_str(f, "start")),
		nw_server_text(client, sizeof(client), nw_str(f, "client_ip"), nw_num(f, "client_port")),
		nw_server_text(server, sizeof(server), nw_str(f, "server_ip"), nw_num(f, "server_port")),
		dialect_of(dialect, f, "dialect"),
		nw_str(f, "observed"),
		validated(valid, sizeof(valid), f),
		nw_end_text(end, sizeof(end), f),
		rules_of(rules, sizeof(rules), f),
		nw_str(f, "community_id"),
		nw_names(hints, sizeof(hints), nw_at(f, "path_hint")),
		nw_names(unseen, sizeof(unseen), nw_at(f, "unseen")),
	};

	nw_cli_table_row(table, row);
	if (*rules)
		nw_cli_table_paint(table, NW_PAINT_WARN);
}

/* What is known of a peer's protection, the worst first. */
static const char *peer_validated(const struct nw_cli *cli, char *out, size_t size, const json_t *p)
{
	bool failed = nw_num(p, "last_rule") >= 101 && nw_num(p, "last_rule") <= 106;
	char when[NW_TIME_TEXT];

	if (json_is_true(nw_at(p, "listed")) && nw_at(p, "last_proven"))
		snprintf(out, size, "not since %s",
			 nw_when_text(cli, when, sizeof(when), nw_str(p, "last_proven")));
	else
		snprintf(out, size, "%s",
			 json_is_true(nw_at(p, "listed")) ? "never" :
			 nw_num(p, "validated")		  ? "yes" :
			 nw_num(p, "preauth")		  ? "not needed" :
			 nw_num(p, "encrypted")		  ? "not seen (encrypted)" :
			 nw_num(p, "guest")		  ? "guest, can't" :
			 failed				  ? "no, see alerts" :
							    "not seen");
	return out;
}

/* "samba-client"; of an unknown implementation the beginning of its fingerprint, to tell it from another. */
static const char *peer_kind(char *out, size_t size, const json_t *p)
{
	const char *family = nw_str(p, "client_family");

	snprintf(out, size, *family ? "%s" : "? %.8s", *family ? family : nw_str(p, "client_impl"));
	return out;
}

static void peer_row(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *p)
{
	char server[80], kind[40], offers[NW_DIALECT_TEXT], runs[NW_DIALECT_TEXT], count[24], valid[80],
		when[NW_TIME_TEXT], first[NW_TIME_TEXT], proven[NW_DIALECT_TEXT], findings[24];
	const char *const row[] = {
		nw_str(p, "client_ip"),
		nw_server_text(server, sizeof(server), nw_str(p, "server_ip"), nw_num(p, "server_port")),
		peer_kind(kind, sizeof(kind), p),
		dialect_of(offers, p, "offered"),
		dialect_of(runs, p, "dialect"),
		count,
		peer_validated(cli, valid, sizeof(valid), p),
		nw_when_text(cli, when, sizeof(when), nw_str(p, "last_seen")),
		nw_when_text(cli, first, sizeof(first), nw_str(p, "first_seen")),
		dialect_of(proven, p, "proven"),
		findings,
		nw_str(p, "client_guid"),
	};

	number(count, nw_at(p, "connections"));
	number(findings, nw_at(p, "findings"));
	nw_cli_table_row(table, row);
	if (json_is_true(nw_at(p, "listed")))
		nw_cli_table_paint(table, NW_PAINT_WARN);
}

/* clang-format off */
static const struct nw_column alert_columns[] = {
	{ "ID", NW_COL_RIGHT }, { "TIME", 0 }, { "CLIENT", NW_COL_WRAP | NW_COL_WHOLE }, { "SERVER", NW_COL_WRAP | NW_COL_WHOLE | NW_COL_SAME },
	{ "RULE", NW_COL_RIGHT | NW_COL_SPARE }, { "NAME", NW_COL_WRAP }, { "FIELDS", NW_COL_WRAP }, { "ENDED BY", 0 },
	{ "SEVERITY", NW_COL_EXTRA }, { "COUNT", NW_COL_RIGHT | NW_COL_EXTRA }, { "PORT", NW_COL_RIGHT | NW_COL_EXTRA },
	{ "INTERFACE", NW_COL_EXTRA }, { "LEG", NW_COL_EXTRA }, { "COMMUNITY ID", NW_COL_EXTRA },
	{ "TEXT", NW_COL_WRAP | NW_COL_EXTRA },
};

static const struct nw_column flow_columns[] = {
	{ "START", 0 }, { "CLIENT", NW_COL_WRAP | NW_COL_WHOLE }, { "SERVER", NW_COL_WRAP | NW_COL_WHOLE | NW_COL_SAME }, { "DIALECT", 0 },
	{ "OBSERVED", 0 }, { "VALIDATED", NW_COL_WRAP }, { "ENDED BY", 0 }, { "RULES", NW_COL_WRAP },
	{ "COMMUNITY ID", NW_COL_EXTRA }, { "PATH HINT", NW_COL_WRAP | NW_COL_EXTRA },
	{ "UNSEEN", NW_COL_WRAP | NW_COL_EXTRA },
};

static const struct nw_column peer_columns[] = {
	{ "CLIENT", NW_COL_WRAP | NW_COL_WHOLE }, { "SERVER", NW_COL_WRAP | NW_COL_WHOLE | NW_COL_SAME }, { "KIND", NW_COL_WRAP | NW_COL_SPARE }, { "OFFERS", 0 },
	{ "RUNS ON", 0 }, { "CONNS", NW_COL_RIGHT }, { "VALIDATED", NW_COL_WRAP }, { "LAST SEEN", 0 },
	{ "FIRST SEEN", NW_COL_EXTRA }, { "PROVEN", NW_COL_EXTRA }, { "FINDINGS", NW_COL_RIGHT | NW_COL_EXTRA },
	{ "CLIENT GUID", NW_COL_EXTRA },
};
/* clang-format on */

static const struct listing alerts = {
	.name = "alerts",
	.keys = { .time = "timestamp", .client = "src_ip", .server = "dest_ip", .rule = "negwatch.rule" },
	.columns = alert_columns,
	.n_columns = NW_ARRAY_SIZE(alert_columns),
	.row = alert_row,
	.empty = "No alerts.",
};

static const struct listing flows = {
	.name = "flows",
	.keys = { .time = "start", .client = "client_ip", .server = "server_ip", .rules = "findings" },
	.columns = flow_columns,
	.n_columns = NW_ARRAY_SIZE(flow_columns),
	.row = flow_row,
	.usual = 1000,
	.empty = "No SMB connections at present; `negwatch peers` has those that were.",
};

static const struct listing peers = {
	.name = "peers",
	.keys = { .time = "last_seen", .client = "client_ip", .server = "server_ip", .unordered = true },
	.columns = peer_columns,
	.n_columns = NW_ARRAY_SIZE(peer_columns),
	.row = peer_row,
	.usual = INT64_MAX,
	.empty = "No such peers.",
};

/* To people; all into one table. Takes the table over. */
static int print(const struct nw_cli *cli, const struct listing *l, struct nw_cli_table *table,
		 const json_t *all)
{
	const json_t *o;
	size_t i;

	json_array_foreach(all, i, o)
	{
		l->row(cli, table, o);
	}
	if (!json_array_size(all) && !cli->quiet)
		fprintf(stderr, "%s\n", nw_filter_any(cli) ? "Nothing matches." : l->empty);
	return nw_cli_table_print(table) < 0 ? NW_EXIT_ERROR : NW_EXIT_OK;
}

static int list(const struct nw_cli *cli, const struct listing *l)
{
	struct nw_cli_table *table = NULL;
	struct nw_cli wanted = *cli;
	json_t *all = json_array();
	char why[NW_WHY_MAX];
	int ret = NW_EXIT_USAGE;

	if (cli->json && cli->columns) {
		fprintf(stderr, "negwatch %s: --output is for tables; --json prints all there is\n", l->name);
	} else if (cli->json || (table = nw_cli_table_new(cli, l->columns, l->n_columns))) {
		if (!cli->limit && !nw_filter_any(cli))
			wanted.limit = l->usual;
		ret = nw_fetch(&wanted, l->name, &l->keys, all, why, sizeof(why));
		if (ret)
			fprintf(stderr, "negwatch: %s\n", why);
		if (ret && table)
			nw_cli_table_print(table); /* an empty one: nothing but freed */
		else if (!ret)
			ret = cli->json ? nw_print_json(l->name, all) : print(cli, l, table, all);
	}
	json_decref(all);
	return ret;
}

static void help_columns(const struct listing *l)
{
	char line[1024];
	FILE *out = fmemopen(line, sizeof(line), "w");

	if (!out)
		return;
	fprintf(out, "Columns: ");
	nw_columns_print(out, l->columns, l->n_columns);
	fclose(out);
	printf("\n");
	nw_wrap(stdout, "", 0, NW_CLI_WIDTH, line);
}

void nw_help_alerts(void)
{
	help_columns(&alerts);
	printf("A terminal that is too narrow for all does without RULE, unless -o asks for it.\n");
}

void nw_help_flows(void)
{
	help_columns(&flows);
}

void nw_help_peers(void)
{
	help_columns(&peers);
	printf("A terminal that is too narrow for all does without KIND, unless -o asks for it.\n");
}

int nw_cmd_alerts(const struct nw_cli *cli, int argc, char **argv)
{
	return list(cli, &alerts);
}

int nw_cmd_flows(const struct nw_cli *cli, int argc, char **argv)
{
	return list(cli, &flows);
}

int nw_cmd_peers(const struct nw_cli *cli, int argc, char **argv)
{
	return list(cli, &peers);
}
