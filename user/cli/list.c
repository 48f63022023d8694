// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch alerts, flows, peers and watch: many objects, one line each. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

static json_t *request(const struct nw_cli *cli, const char *cmd)
{
	json_t *o = json_pack("{s:s}", "cmd", cmd);

	/* With a filter of our own the daemon has to send all. */
	if (cli->limit && !cli->client)
		json_object_set_new(o, "limit", json_integer((json_int_t)cli->limit));
	if (cli->not_validated)
		json_object_set_new(o, "not_validated", json_true());
	if (cli->since)
		json_object_set_new(o, "since", json_integer((json_int_t)cli->since));
	return o;
}

/* Removes what is not of the wanted client, and the oldest beyond the limit. */
static void filter(const struct nw_cli *cli, json_t *list, const char *key)
{
	if (!cli->client)
		return;
	for (size_t i = json_array_size(list); i-- > 0;)
		if (strcmp(nw_str(json_array_get(list, i), key), cli->client) != 0)
			json_array_remove(list, i);
	while (cli->limit && json_array_size(list) > cli->limit)
		json_array_remove(list, 0);
}

static void alert_row(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *a)
{
	char id[24], when[NW_TIME_TEXT], server[80], rule[8], fields[80], end[24];
	const char *const row[] = {
		id,
		nw_when_text(cli, when, sizeof(when), nw_str(a, "timestamp")),
		nw_str(a, "src_ip"),
		nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")),
		rule,
		nw_str(a, "negwatch.name"),
		nw_names(fields, sizeof(fields), nw_at(a, "negwatch.finding.fields")),
		nw_end_text(end, sizeof(end), nw_at(a, "negwatch.flow")),
	};

	snprintf(id, sizeof(id), "%llu", (unsigned long long)nw_num(a, "negwatch.alert_id"));
	snprintf(rule, sizeof(rule), "%llu", (unsigned long long)nw_num(a, "negwatch.rule"));
	nw_cli_table_row(table, row);
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
		rules[64];
	const char *const row[] = {
		nw_when_text(cli, when, sizeof(when), nw_str(f, "start")),
		nw_server_text(client, sizeof(client), nw_str(f, "client_ip"), nw_num(f, "client_port")),
		nw_server_text(server, sizeof(server), nw_str(f, "server_ip"), nw_num(f, "server_port")),
		dialect_of(dialect, f, "dialect"),
		nw_str(f, "observed"),
		validated(valid, sizeof(valid), f),
		nw_end_text(end, sizeof(end), f),
		rules_of(rules, sizeof(rules), f),
	};

	nw_cli_table_row(table, row);
}

/* What is known of a peer's protection, the worst first. */
static const char *peer_validated(const struct nw_cli *cli, char *out, size_t size, const json_t *p)
{
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
		when[NW_TIME_TEXT];
	const char *const row[] = {
		nw_str(p, "client_ip"),
		nw_server_text(server, sizeof(server), nw_str(p, "server_ip"), nw_num(p, "server_port")),
		peer_kind(kind, sizeof(kind), p),
		dialect_of(offers, p, "offered"),
		dialect_of(runs, p, "dialect"),
		count,
		peer_validated(cli, valid, sizeof(valid), p),
		nw_when_text(cli, when, sizeof(when), nw_str(p, "last_seen")),
	};

	snprintf(count, sizeof(count), "%llu", (unsigned long long)nw_num(p, "connections"));
	nw_cli_table_row(table, row);
}

static const struct nw_column alert_columns[] = {
	{ "ID", NW_COL_RIGHT },	  { "TIME", 0 }, { "CLIENT", NW_COL_WRAP }, { "SERVER", NW_COL_WRAP },
	{ "RULE", NW_COL_RIGHT }, { "NAME", 0 }, { "FIELDS", NW_COL_WRAP }, { "ENDED BY", 0 },
};

static const struct nw_column flow_columns[] = {
	{ "START", 0 },	   { "CLIENT", NW_COL_WRAP },	 { "SERVER", NW_COL_WRAP }, { "DIALECT", 0 },
	{ "OBSERVED", 0 }, { "VALIDATED", NW_COL_WRAP }, { "ENDED BY", 0 },	    { "RULES", NW_COL_WRAP },
};

static const struct nw_column peer_columns[] = {
	{ "CLIENT", NW_COL_WRAP },
	{ "SERVER", NW_COL_WRAP },
	{ "KIND", NW_COL_WRAP },
	{ "OFFERS", 0 },
	{ "RUNS ON", 0 },
	{ "CONNS", NW_COL_RIGHT },
	{ "VALIDATED", NW_COL_WRAP },
	{ "LAST SEEN", 0 },
};

struct listing {
	const char *name;   /* of the command, and of the member of the answer */
	const char *client; /* member of an object that is the client's address */
	const struct nw_column *columns;
	unsigned int n_columns;
	void (*row)(const struct nw_cli *cli, struct nw_cli_table *table, const json_t *o);
	const char *empty;
};

static int list(const struct nw_cli *cli, const struct listing *l)
{
	struct nw_cli_table *table;
	json_t *reply = NULL, *all;
	const json_t *o;
	size_t i;
	int ret = nw_ask(cli, request(cli, l->name), &reply);

	if (ret)
		return ret;
	all = json_object_get(reply, l->name);
	filter(cli, all, l->client);
	if (cli->json) {
		ret = nw_print_json(l->name, all);
	} else if (!json_array_size(all)) {
		if (!cli->quiet)
			fprintf(stderr, "%s\n", l->empty);
	} else {
		table = nw_cli_table_new(l->columns, l->n_columns, cli->no_headings);
		if (!table) {
			json_decref(reply);
			return NW_EXIT_ERROR;
		}
		json_array_foreach(all, i, o)
		{
			l->row(cli, table, o);
		}
		ret = nw_cli_table_print(table) < 0 ? NW_EXIT_ERROR : NW_EXIT_OK;
	}
	json_decref(reply);
	return ret;
}

int nw_cmd_alerts(const struct nw_cli *cli, int argc, char **argv)
{
	static const struct listing l = {
		.name = "alerts",
		.client = "src_ip",
		.columns = alert_columns,
		.n_columns = NW_ARRAY_SIZE(alert_columns),
		.row = alert_row,
		.empty = "No alerts.",
	};

	return list(cli, &l);
}

int nw_cmd_flows(const struct nw_cli *cli, int argc, char **argv)
{
	static const struct listing l = {
		.name = "flows",
		.client = "client_ip",
		.columns = flow_columns,
		.n_columns = NW_ARRAY_SIZE(flow_columns),
		.row = flow_row,
		.empty = "No SMB connections seen yet.",
	};

	return list(cli, &l);
}

int nw_cmd_peers(const struct nw_cli *cli, int argc, char **argv)
{
	static const struct listing l = {
		.name = "peers",
		.client = "client_ip",
		.columns = peer_columns,
		.n_columns = NW_ARRAY_SIZE(peer_columns),
		.row = peer_row,
		.empty = "No such peers.",
	};

	return list(cli, &l);
}

struct watching {
	const struct nw_cli *cli;
	uint64_t seen;
};

static void print_alert(const struct nw_cli *cli, const json_t *a)
{
	char when[NW_TIME_TEXT], server[80];

	printf("%s alert %llu: %s (rule %llu %s, %s)",
	       nw_when_text(cli, when, sizeof(when), nw_str(a, "timestamp")),
	       (unsigned long long)nw_num(a, "negwatch.alert_id"), nw_str(a, "negwatch.text"),
	       (unsigned long long)nw_num(a, "negwatch.rule"), nw_str(a, "negwatch.name"),
	       nw_str(a, "negwatch.severity"));
	if (nw_at(a, "src_ip"))
		printf("; client %s port %llu, server %s", nw_str(a, "src_ip"),
		       (unsigned long long)nw_num(a, "src_port"),
		       nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")));
	putchar('\n');
}

static int watched(void *arg, const json_t *line)
{
	struct watching *w = arg;
	uint64_t lost = nw_num(line, "lost");

	if (w->cli->client && !lost && strcmp(nw_str(line, "src_ip"), w->cli->client) != 0)
		return 0;
	if (w->cli->json) {
		json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
		putchar('\n');
	} else if (lost) {
		fprintf(stderr,
			"negwatch: %llu alerts are not shown, reading was too slow; `negwatch alerts` has "
			"them\n",
			(unsigned long long)lost);
	} else {
		print_alert(w->cli, line);
	}
	if (fflush(stdout) != 0)
		return NW_EXIT_ERROR;
	/* Negative: the end that was wished for. */
	return !lost && w->cli->limit && ++w->seen >= w->cli->limit ? -1 : 0;
}

int nw_cmd_watch(const struct nw_cli *cli, int argc, char **argv)
{
	struct watching w = { .cli = cli };

	return nw_follow(cli, json_pack("{s:s}", "cmd", "watch"), watched, &w);
}
