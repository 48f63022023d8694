// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch show: one alert with both exchanges side by side, what ended it, what it means, what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert_words.h"
#include "cli.h"
#include "fields.h"
#include "timeline.h"
#include "wrap.h"
#include "../engine/hints.h"
#include "../engine/rules.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define LABEL 10
#define FIELD 15 /* columns of a row: name of the field, two values, verdict */
#define VALUE 27

static void print_row(const char *label, const char *a, const char *b, const char *verdict)
{
	bool first = true;

	while (first || *a || *b) {
		int na = nw_wrap_fit(a, VALUE), nb = nw_wrap_fit(b, VALUE);
		char row[NW_CLI_WIDTH + 20];
		size_t n;

		snprintf(row, sizeof(row), "%-*s%-*.*s  %-*.*s  %s", FIELD, first ? label : "", VALUE, na, a,
			 VALUE, nb, b, first ? verdict : "");
		for (n = strlen(row); n > 0 && row[n - 1] == ' ';)
			row[--n] = '\0';
		printf("%s\n", row);
		a += na;
		a += strspn(a, " ");
		b += nb;
		b += strspn(b, " ");
		first = false;
	}
}

static void print_exchange(const json_t *negotiate, const json_t *validate, bool response)
{
	static const char *const verdicts[] = { [NW_ROW_SAME] = "same", [NW_ROW_DIFFERS] = "DIFFERS" };
	struct nw_field_table t;

	if (!nw_fields(&t, negotiate, validate, response, false))
		return;
	putchar('\n');
	print_row(t.title, t.negotiate, t.validate, "");
	for (unsigned int i = 0; i < t.n; i++) {
		const char *verdict = verdicts[t.rows[i].verdict];

		print_row(t.rows[i].label, t.rows[i].negotiate, t.rows[i].validate, verdict ? verdict : "");
	}
}

static void print_flow(const json_t *a)
{
	char client[80], server[80], line[256];

	if (!nw_at(a, "src_ip"))
		return;
	if (nw_at(a, "negwatch.suppressed")) {
		snprintf(
			line, sizeof(line), "client %s, server %s", nw_str(a, "src_ip"),
			nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")));
		nw_wrap(stdout, "Flow", LABEL, NW_CLI_WIDTH, line);
		return;
	}
	nw_endpoint_text(client, sizeof(client), nw_str(a, "src_ip"), nw_num(a, "src_port"));
	nw_endpoint_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port"));
	snprintf(line, sizeof(line), "client %s, server %s%s%s", client, server,
		 *nw_str(a, "in_iface") ? ", " : "", nw_str(a, "in_iface"));
	nw_wrap(stdout, "Flow", LABEL, NW_CLI_WIDTH, line);
	snprintf(line, sizeof(line), "community_id %s", nw_str(a, "community_id"));
	nw_wrap(stdout, "", LABEL, NW_CLI_WIDTH, line);
}

static void print_families(const json_t *flow, const json_t *negotiate)
{
	char line[200];

	if (*nw_family_words(line, sizeof(line), nw_flow_client(flow), nw_at(negotiate, "request")))
		nw_wrap(stdout, "Client", LABEL, NW_CLI_WIDTH, line);
	if (*nw_family_words(line, sizeof(line), nw_flow_server(flow), nw_at(negotiate, "response")))
		nw_wrap(stdout, "Server", LABEL, NW_CLI_WIDTH, line);
}

/* What the SYN's options say of the path, each with how sure that is. */
static void print_path(const json_t *flow)
{
	const json_t *name;
	char line[200];
	size_t i;

	json_array_foreach(nw_at(flow, "path_hint"), i, name)
	{
		const char *text = nw_path_hint_text(json_string_value(name));

		snprintf(line, sizeof(line), "the SYN hints at %s", text ? text : json_string_value(name));
		nw_wrap(stdout, i ? "" : "Path", LABEL, NW_CLI_WIDTH, line);
	}
}

static void print_where(const json_t *a)
{
	const char *where = nw_leg_words(nw_str(a, "negwatch.finding.leg"), false);

	if (where)
		nw_wrap(stdout, "Where", LABEL, NW_CLI_WIDTH, where);
	print_path(nw_at(a, "negwatch.flow"));
	if (json_is_true(nw_at(a, "negwatch.finding.near_gap")))
		nw_wrap(stdout, "Caution", LABEL, NW_CLI_WIDTH, nw_gap_words);
}

/* What rule 191 stands for. */
static void print_suppressed(const struct nw_cli *cli, const json_t *a)
{
	const json_t *s = nw_at(a, "negwatch.suppressed");
	char first[24], last[24], line[160];

	if (!s)
		return;
	snprintf(line, sizeof(line), "%llu, the first at %s, the last at %s",
		 (unsigned long long)nw_num(a, "negwatch.count"),
		 nw_when_text(cli, first, sizeof(first), nw_str(s, "first_seen")),
		 nw_when_text(cli, last, sizeof(last), nw_str(s, "last_seen")));
	nw_wrap(stdout, "Count", LABEL, NW_CLI_WIDTH, line);
	snprintf(line, sizeof(line), nw_at(s, "rule") ? "negwatch show %llu" : "negwatch alerts --after %llu",
		 (unsigned long long)nw_num(s, "first_id") - !nw_at(s, "rule"));
	nw_wrap(stdout, "See", LABEL, NW_CLI_WIDTH, line);
}

/* Where its packets are; the file may have made room since. */
static void print_evidence(const json_t *a)
{
	const char *name = nw_str(a, "negwatch.evidence");
	unsigned long long id = nw_num(a, "negwatch.alert_id");
	char line[200];

	if (!nw_at(a, "negwatch.flow"))
		return;
	if (*name)
		snprintf(line, sizeof(line), "negwatch evidence %llu writes %s", id, name);
	else
		snprintf(line, sizeof(line), "none was kept");
	putchar('\n');
	nw_wrap(stdout, "Evidence", LABEL, NW_CLI_WIDTH, line);
}

static void print_alert(const struct nw_cli *cli, const json_t *a)
{
	const json_t *flow = nw_at(a, "negwatch.flow"), *n, *v;
	const struct nw_rule *rule = nw_rule_by_number((unsigned int)nw_num(a, "negwatch.rule"));
	char when[NW_TIME_TEXT], remedy[NW_REMEDY_MAX], end[320];
	int64_t wall = 0;

	nw_flow_exchanges(flow, nw_at(a, "negwatch.finding"), &n, &v);
	nw_time_parse(nw_str(a, "timestamp"), &wall);
	printf("Alert %llu  %s (rule %llu, %s)\n", (unsigned long long)nw_num(a, "negwatch.alert_id"),
	       nw_str(a, "negwatch.name"), (unsigned long long)nw_num(a, "negwatch.rule"),
	       nw_str(a, "negwatch.severity"));
	nw_wrap(stdout, "", LABEL, NW_CLI_WIDTH, nw_str(a, "negwatch.text"));
	printf("%-*s%s\n", LABEL, "When",
	       cli->utc ? nw_time_utc(when, wall, 6) : nw_time_local(when, wall, 6));
	print_flow(a);
	print_families(flow, n);
	print_suppressed(cli, a);
	print_exchange(n, v, false);
	print_exchange(n, v, true);
	if (n || v)
		putchar('\n');
	if (flow)
		nw_wrap(stdout, "Then", LABEL, NW_CLI_WIDTH, nw_end_sentence(end, sizeof(end), flow));
	print_where(a);
	if (flow) {
		printf("\nTimeline  until the alert, from the flow's first packet\n");
		nw_timeline_print(flow);
	}
	print_evidence(a);
	if (!rule)
		return;
	putchar('\n');
	nw_wrap(stdout, "Meaning", LABEL, NW_CLI_WIDTH, rule->explanation);
	putchar('\n');
	nw_wrap(stdout, "Remedy", LABEL, NW_CLI_WIDTH,
		nw_remedy(remedy, rule, nw_flow_client(flow), nw_flow_server(flow)));
	if (rule->section[0] >= '0' && rule->section[0] <= '9')
		printf("\n%-*sMS-SMB2 %s\n", LABEL, "Standard", rule->section);
}

int nw_cmd_show(const struct nw_cli *cli, int argc, char **argv)
{
	unsigned long long id = nw_alert_number(argv[0], argv[1]);
	json_t *reply = NULL;
	int ret;

	if (!id)
		return NW_EXIT_USAGE;
	ret = nw_ask(cli, json_pack("{s:s,s:I}", "cmd", "show", "id", (json_int_t)id), &reply);
	if (!ret && cli->json)
		ret = nw_print_json("alert", nw_at(reply, "alert"));
	else if (!ret)
		print_alert(cli, nw_at(reply, "alert"));
	json_decref(reply);
	return ret;
}
