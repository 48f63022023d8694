// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The page about all alerts since a time: what watched, how many over time and by whom, and the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

struct counts {
	json_t *clients, *servers, *rules; /* {name: number} */
	uint64_t happened, critical;	   /* repeats included */
};

static void add(json_t *counts, const char *name, uint64_t n)
{
	uint64_t sum = (uint64_t)json_integer_value(json_object_get(counts, name)) + n;

	if (*name && n)
		json_object_set_new(counts, name, json_integer((json_int_t)sum));
}

static void count(struct counts *c, const json_t *alerts)
{
	char server[80], rule[80];
	const json_t *a;
	size_t i;

	json_array_foreach(alerts, i, a)
	{
		uint64_t weight = nw_report_weight(a);
		const json_t *of = nw_at(a, "negwatch.suppressed.rule") ? nw_at(a, "negwatch.suppressed") :
									  nw_at(a, "negwatch");

		c->happened += weight;
		if (nw_report_critical(a))
			c->critical += weight;
		snprintf(rule, sizeof(rule), "%llu %s", (unsigned long long)nw_num(of, "rule"),
			 nw_str(of, "name"));
		add(c->rules, rule, weight);
		add(c->clients, nw_str(a, "src_ip"), weight);
		add(c->servers,
		    nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")),
		    weight);
	}
}

static void verdict(struct nw_html *h, const struct nw_cli *cli, const json_t *alerts, const struct counts *c)
{
	size_t n = json_array_size(alerts), clients = json_object_size(c->clients);
	size_t servers = json_object_size(c->servers);
	char since[NW_TIME_TEXT];

	nw_time_short(since, cli->since_wall, cli->utc);
	nw_html_open(h, "div", "verdict");
	nw_html_open(h, "p", NULL);
	if (!n) {
		nw_html_leaf(h, "strong", NULL, "No alert since %s.", since);
		nw_html_text(h, " Whether there could have been one is said below: what was watched, and "
				"since when.");
	} else {
		nw_html_leaf(h, "strong", NULL, "%zu alert%s since %s.", n, n == 1 ? "" : "s", since);
		nw_html_text(h,
			     " Repeats included that is %llu event%s (%llu critical), of %zu client%s and "
			     "%zu server%s.",
			     (unsigned long long)c->happened, c->happened == 1 ? "" : "s",
			     (unsigned long long)c->critical, clients, clients == 1 ? "" : "s", servers,
			     servers == 1 ? "" : "s");
	}
	if (cli->limit && n == cli->limit)
		nw_html_text(h,
			     " Of what there may be, this page counts the newest %zu only, as --limit says.",
			     n);
	nw_html_close(h);
	nw_html_close(h);
}

static void watched(struct nw_html *h, const json_t *status)
{
	char text[1024];
	struct nw_text t;
	const json_t *one;
	size_t i;

	nw_text_init(&t, text, sizeof(text));
	json_array_foreach(nw_at(status, "interfaces"), i, one)
	{
		bool is = strcmp(nw_str(one, "state"), "watched") == 0;

		nw_text_add(&t, "%s%s%s", i ? ", " : "", nw_str(one, "name"), is ? "" : " (NOT watched)");
	}
	nw_report_fact(h, "Interfaces", "%s", *text ? text : "none");
}

/* What alerts could come from: an empty list may mean that nobody looked. */
static void daemon_facts(struct nw_html *h, const struct nw_cli *cli, const json_t *status)
{
	char when[NW_TIME_TEXT];
	int64_t started;

	if (!status)
		return;
	nw_html_open(h, "dl", "facts");
	nw_report_fact(h, "Host", "%s", nw_str(status, "host"));
	watched(h, status);
	if (nw_time_parse(nw_str(status, "started"), &started) == 0)
		nw_report_fact(h, "Watching since", "%s%s",
			       cli->utc ? nw_time_utc(when, started, 0) : nw_time_local(when, started, 0),
			       started > cli->since_wall ? "; what was before that comes from earlier runs" :
							   "");
	nw_report_fact(h, "Connections", "%llu, since then",
		       (unsigned long long)nw_num(status, "engine.connections"));
	nw_report_fact(h, "Lost events", "%llu%s", (unsigned long long)nw_num(status, "losses.events"),
		       nw_num(status, "losses.events") ? ": alerts may be missing" : "");
	if (nw_filter_any(cli) && (cli->client.bits || cli->server.bits || cli->rule))
		nw_report_fact(h, "Chosen",
			       "only the alerts of the client, server or rule that was asked for");
	nw_html_close(h);
}

/* The list: column, and how its cell is written. */
static void cell(struct nw_html *h, const char *column, const char *class_name, const char *text)
{
	nw_html_open(h, "td", class_name);
	nw_html_attr(h, "data-label", "%s", column);
	nw_html_text(h, "%s", text);
	nw_html_close(h);
}

static void list_row(struct nw_html *h, const struct nw_cli *cli, const json_t *a)
{
	const json_t *of = nw_at(a, "negwatch.suppressed");
	char id[24], when[NW_TIME_TEXT], server[80], rule[80], fields[80], end[40];
	int64_t wall;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)nw_num(a, "negwatch.alert_id"));
	snprintf(rule, sizeof(rule), "%llu %s", (unsigned long long)nw_num(a, "negwatch.rule"),
		 nw_str(a, "negwatch.name"));
	if (of)
		snprintf(end, sizeof(end), "%llu repeats", (unsigned long long)nw_num(a, "negwatch.count"));
	else
		nw_end_text(end, sizeof(end), nw_at(a, "negwatch.flow"));
	nw_html_open(h, "tr", NULL);
	cell(h, "Alert", "number", id);
	cell(h, "Time", "time",
	     nw_time_parse(nw_str(a, "timestamp"), &wall) == 0 ? nw_time_short(when, wall, cli->utc) :
								 nw_str(a, "timestamp"));
	cell(h, "Client", "address", nw_str(a, "src_ip"));
	cell(h, "Server", "address",
	     nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")));
	nw_html_open(h, "td", "rule");
	nw_html_attr(h, "data-label", "Rule");
	nw_html_text(h, "%s ", rule);
	nw_report_severity(h, nw_str(a, "negwatch.severity"));
	nw_html_close(h);
	cell(h, "Differs", "fields",
	     nw_names(fields, sizeof(fields),
		      nw_at(a, of ? "negwatch.suppressed.fields" : "negwatch.finding.fields")));
	cell(h, "Ended by", "end", end);
	nw_html_close(h);
}

static void list(struct nw_html *h, const struct nw_cli *cli, const json_t *alerts)
{
	static const char *const columns[] = { "Alert", "Time",	   "Client",  "Server",
					       "Rule",	"Differs", "Ended by" };

	if (!json_array_size(alerts))
		return;
	nw_html_open(h, "section", NULL);
	nw_html_leaf(h, "h2", NULL, "All of them, the newest first");
	nw_html_open(h, "table", "list");
	nw_html_open(h, "thead", NULL);
	nw_html_open(h, "tr", NULL);
	for (size_t i = 0; i < NW_ARRAY_SIZE(columns); i++) {
		nw_html_open(h, "th", NULL);
		nw_html_attr(h, "scope", "col");
		nw_html_text(h, "%s", columns[i]);
		nw_html_close(h);
	}
	nw_html_close(h);
	nw_html_close(h);
	nw_html_open(h, "tbody", NULL);
	for (size_t i = json_array_size(alerts); i-- > 0;)
		list_row(h, cli, json_array_get(alerts, i));
	nw_html_close(h);
	nw_html_close(h);
	nw_html_leaf(h, "p", NULL, "negwatch report NUMBER writes a page about one of them.");
	nw_html_close(h);
}

static int write_page(const struct nw_cli *cli, const json_t *alerts, const json_t *status)
{
	struct counts c = { json_object(), json_object(), json_object(), 0, 0 };
	char since[NW_TIME_TEXT], title[80];
	struct nw_html h;
	int ret = NW_EXIT_ERROR;

	count(&c, alerts);
	nw_time_short(since, cli->since_wall, cli->utc);
	snprintf(title, sizeof(title), "Alerts since %.16s", since);
	if (nw_report_begin(&h, cli, "negwatch report", title)) {
		verdict(&h, cli, alerts, &c);
		daemon_facts(&h, cli, status);
		nw_report_times(&h, cli, alerts, cli->since_wall, nw_wall());
		nw_report_bars(&h, "By rule", c.rules);
		nw_report_bars(&h, "By client", c.clients);
		nw_report_bars(&h, "By server", c.servers);
		list(&h, cli, alerts);
		ret = nw_report_end(&h, cli);
	}
	json_decref(c.clients);
	json_decref(c.servers);
	json_decref(c.rules);
	return ret;
}

int nw_report_since(const struct nw_cli *cli)
{
	json_t *alerts = json_array(), *status = NULL;
	char why[NW_WHY_MAX];
	int ret = nw_fetch(cli, "alerts", &nw_alert_keys, alerts, why, sizeof(why));

	if (ret)
		fprintf(stderr, "negwatch: %s\n", why);
	else
		ret = nw_ask(cli, json_pack("{s:s}", "cmd", "status"), &status);
	if (!ret)
		ret = write_page(cli, alerts, nw_at(status, "status"));
	json_decref(alerts);
	json_decref(status);
	return ret;
}
