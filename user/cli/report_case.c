// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One flow, or one alert, on a page: the verdict in two sentences, the facts, and then what shows it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert_words.h"
#include "report.h"
#include "../engine/hints.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

void nw_report_case_free(struct nw_report_case *c)
{
	json_decref(c->flow);
	json_decref(c->findings);
	json_decref(c->alert);
}

void nw_report_section(struct nw_html *h, const struct nw_report_case *c, const char *heading)
{
	nw_html_open(h, "section", NULL);
	nw_html_leaf(h, c->nested ? "h3" : "h2", NULL, "%s", heading);
}

void nw_report_severity(struct nw_html *h, const char *name)
{
	bool bad = strcmp(name, "critical") == 0,
	     warn = strcmp(name, "warning") == 0 || strcmp(name, "error") == 0;

	nw_html_leaf(h, "span", bad ? "badge bad" : warn ? "badge warn" : "badge", "%s", name);
}

void nw_report_fact(struct nw_html *h, const char *term, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text || !*text)
		return;
	nw_html_leaf(h, "dt", NULL, "%s", term);
	nw_html_leaf(h, "dd", NULL, "%s", text);
}

/* A clause as a sentence. */
static void sentence(struct nw_html *h, const char *element, const char *text)
{
	size_t n = strlen(text);

	nw_html_leaf(h, element, NULL, "%s%s", text, n && text[n - 1] == '.' ? "" : ".");
}

void nw_report_verdict(struct nw_html *h, const struct nw_report_case *c)
{
	const json_t *f;
	size_t i;

	nw_html_open(h, "div", "verdict");
	json_array_foreach(c->findings, i, f)
	{
		const struct nw_rule *rule = nw_rule_by_number((unsigned int)nw_num(f, "rule"));

		nw_html_open(h, "p", NULL);
		sentence(h, "strong", nw_str(f, "text"));
		if (rule)
			nw_html_text(h, " %s", rule->sentence);
		nw_html_close(h);
		nw_html_open(h, "p", "rule");
		nw_report_severity(h, nw_str(f, "severity"));
		nw_html_text(h, " rule %llu, %s", (unsigned long long)nw_num(f, "rule"), nw_str(f, "name"));
		nw_html_close(h);
	}
	nw_html_close(h);
}

static void when(struct nw_html *h, const struct nw_cli *cli, const char *term, const char *text)
{
	char out[NW_TIME_TEXT];
	int64_t wall;

	if (nw_time_parse(text, &wall) < 0)
		return;
	nw_report_fact(h, term, "%s", cli->utc ? nw_time_utc(out, wall, 3) : nw_time_local(out, wall, 3));
}

static void repeats(struct nw_html *h, const struct nw_cli *cli, const json_t *alert)
{
	const json_t *s = nw_at(alert, "negwatch.suppressed");

	if (!s)
		return;
	nw_report_fact(h, "Stands for", "%llu alerts%s%s",
		       (unsigned long long)nw_num(alert, "negwatch.count"),
		       nw_at(s, "name") ? " of rule " : "", nw_str(s, "name"));
	when(h, cli, "The first", nw_str(s, "first_seen"));
	when(h, cli, "The last", nw_str(s, "last_seen"));
}

static void hints(struct nw_html *h, const json_t *flow)
{
	const json_t *one;
	size_t i;

	json_array_foreach(nw_at(flow, "path_hint"), i, one)
	{
		const char *name = nw_str(one, ""), *text = nw_path_hint_text(name);

		nw_report_fact(h, "On the path", "The SYN hints at %s", text ? text : name);
	}
}

/* How much of the flow was seen: what is missing may matter. */
static void observed(struct nw_html *h, const json_t *flow)
{
	char causes[160];

	if (strcmp(nw_str(flow, "observed"), "full") == 0)
		return;
	nw_names(causes, sizeof(causes), nw_at(flow, "unseen"));
	nw_report_fact(h, "Observed", "%s%s%s", nw_str(flow, "observed"), *causes ? ", because of: " : "",
		       causes);
}

static void facts(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c)
{
	const json_t *n = NULL, *v = NULL, *a = c->alert;
	char line[320], dialect[NW_DIALECT_TEXT];

	nw_flow_exchanges(c->flow, NULL, &n, &v);
	nw_html_open(h, "dl", "facts");
	when(h, cli, a ? "When" : "Began", a ? nw_str(a, "timestamp") : nw_str(c->flow, "start"));
	repeats(h, cli, a);
	nw_report_fact(h, "Seen at", "%s%s%s", a ? nw_str(a, "host") : nw_str(c->flow, "file"),
		       nw_at(a, "in_iface") ? ", interface " : "", nw_str(a, "in_iface"));
	nw_report_fact(h, "Client is", "%s",
		       nw_family_words(line, sizeof(line), nw_flow_client(c->flow), nw_at(n, "request")));
	nw_report_fact(h, "Server is", "%s",
		       nw_family_words(line, sizeof(line), nw_flow_server(c->flow), nw_at(n, "response")));
	if (*nw_str(c->flow, "dialect"))
		nw_report_fact(
			h, "Dialect", "SMB %s",
			nw_dialect_text(dialect, (uint16_t)strtoul(nw_str(c->flow, "dialect"), NULL, 16)));
	if (c->flow)
		observed(h, c->flow);
	hints(h, c->flow);
	nw_report_fact(h, "Community ID", "%s", nw_str(c->flow, "community_id"));
	if (json_is_true(nw_at(json_array_get(c->findings, 0), "near_gap")))
		nw_report_fact(h, "Caution", "%s", nw_gap_words);
	nw_html_close(h);
}

void nw_report_case(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c)
{
	facts(h, cli, c);
	nw_report_path(h, c);
	if (!c->flow)
		return;
	nw_report_fields(h, c);
	nw_report_ladder(h, cli, c);
}
