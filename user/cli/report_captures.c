// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The page about captures: the engine over them as in `read`, and each flow on which something was found. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture_flows.h"
#include "read_progress.h"
#include "report.h"
#include "../engine/engine.h"
#include "../sink/flow_json.h"
#include "../util/util.h"

/* Flows that are drawn, about 20 KiB of page and 10 KiB of memory each; the gravest where there are more. */
#define CASES_MAX 100
/* Of all files in a page together: mail servers refuse more. */
#define ATTACHED_MAX (8 * 1024 * 1024)

struct drawn {
	struct nw_report_case c;
	uint8_t worst; /* severity */
	uint64_t order;
};

struct gathered {
	const char *file; /* that is read */
	struct drawn drawn[CASES_MAX];
	size_t n;
	uint64_t flows, found, unseen; /* all; with findings; not wholly observed */
	json_t *rules;		       /* {name: findings} */
	unsigned int unreadable;
	int err;
};

static uint8_t worst_of(const struct nw_conn *c)
{
	uint8_t worst = 0;

	for (unsigned int i = 0; i < c->n_findings; i++)
		worst = c->findings[i].severity > worst ? c->findings[i].severity : worst;
	return worst;
}

/* Where a flow of that severity goes: the next place, or that of the last of the mildest; NULL: nowhere. */
static struct drawn *place(struct gathered *g, uint8_t worst)
{
	struct drawn *mildest = &g->drawn[0];

	if (g->n < CASES_MAX)
		return &g->drawn[g->n++];
	for (size_t i = 1; i < g->n; i++)
		if (g->drawn[i].worst < mildest->worst ||
		    (g->drawn[i].worst == mildest->worst && g->drawn[i].order > mildest->order))
			mildest = &g->drawn[i];
	if (mildest->worst >= worst)
		return NULL;
	nw_report_case_free(&mildest->c);
	return mildest;
}

static int severity_of(const json_t *finding)
{
	const char *name = nw_str(finding, "severity");

	for (uint8_t i = NW_SEV_INFO; i <= NW_SEV_CRITICAL; i++)
		if (strcmp(name, nw_severity_name(i)) == 0)
			return i;
	return -1;
}

/* The findings of a flow, the gravest first, otherwise as they came. */
static json_t *sorted(const json_t *findings)
{
	json_t *out = json_array(), *f;
	size_t i;

	for (int severity = NW_SEV_CRITICAL; severity >= -1; severity--) {
		json_array_foreach(findings, i, f)
		{
			if (severity_of(f) == severity)
				json_array_append(out, f);
		}
	}
	return out;
}

static int count(json_t *counts, const char *name)
{
	return json_object_set_new(counts, name,
				   json_integer(json_integer_value(json_object_get(counts, name)) + 1));
}

static int on_flow(void *arg, const struct nw_conn *c, int64_t wall_offset)
{
	struct gathered *g = arg;
	uint8_t worst = worst_of(c);
	struct drawn *d;

	g->flows++;
	g->unseen += c->unseen != 0;
	if (!c->n_findings)
		return 0;
	g->found++;
	for (unsigned int i = 0; i < c->n_findings; i++)
		if (count(g->rules, nw_rule_name(c->findings[i].rule)) < 0)
			g->err = -ENOMEM;
	d = place(g, worst);
	if (!d)
		return g->err;
	*d = (struct drawn){ .worst = worst, .order = g->found };
	d->c.flow = nw_flow_json(c, g->file, wall_offset);
	d->c.findings = sorted(json_object_get(d->c.flow, "findings"));
	if (!d->c.flow || json_array_size(d->c.findings) != c->n_findings)
		g->err = -ENOMEM;
	return g->err;
}

static int by_severity(const void *a, const void *b)
{
	const struct drawn *x = a, *y = b;

	if (x->worst != y->worst)
		return x->worst > y->worst ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void read_files(const struct nw_cli *cli, struct gathered *g, int n, char **files)
{
	struct nw_tap_config tap = { .ports = cli->ports.port, .n_ports = cli->ports.n };
	struct nw_progress_line line = NW_PROGRESS_LINE;
	struct nw_progress progress = { .line = isatty(STDERR_FILENO) && !cli->quiet ? &line : NULL };
	struct nw_capture_info info;
	int err;

	for (int i = 0; i < n && !g->err; i++) {
		g->file = nw_report_base_name(files[i]);
		err = nw_capture_flows(files[i], &tap, cli->vantage, on_flow, g, &info, &progress);
		if (!err || g->err)
			continue;
		g->unreadable++;
		nw_capture_complain("report", files[i], info.error[0] ? info.error : strerror(-err));
	}
	qsort(g->drawn, g->n, sizeof(*g->drawn), by_severity);
}

/* What was found in all, in two sentences. */
static void verdict(struct nw_html *h, const struct gathered *g)
{
	nw_html_open(h, "div", "verdict");
	nw_html_open(h, "p", NULL);
	if (g->found)
		nw_html_leaf(h, "strong", NULL,
			     "Something was found on %" PRIu64 " of %" PRIu64 " SMB connections.", g->found,
			     g->flows);
	else if (g->flows)
		nw_html_leaf(h, "strong", NULL, "Nothing was found on %" PRIu64 " SMB connection%s.",
			     g->flows, g->flows == 1 ? "" : "s");
	else
		nw_html_leaf(h, "strong", NULL, "There is no SMB connection in it.");
	if (g->found)
		nw_html_text(h, " The gravest: %s.",
			     nw_str(json_array_get(g->drawn[0].c.findings, 0), "text"));
	if (g->unseen)
		nw_html_text(
			h,
			" %" PRIu64
			" could not be followed in all their parts (encrypted, incomplete): what is not seen "
			"there is not known.",
			g->unseen);
	if (g->unreadable)
		nw_html_text(h, " %u of the files could not be read to the end.", g->unreadable);
	nw_html_close(h);
	nw_html_close(h);
}

static void one_of_many(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c, size_t i)
{
	char server[80];

	nw_html_open(h, "article", NULL);
	nw_html_leaf(h, "h2", NULL, "Connection %zu: %s to %s", i + 1, nw_str(c->flow, "client_ip"),
		     nw_server_text(server, sizeof(server), nw_str(c->flow, "server_ip"),
				    nw_num(c->flow, "server_port")));
	nw_report_verdict(h, c);
	nw_report_case(h, cli, c);
	nw_html_close(h);
}

static void attach(struct nw_html *h, int n, char **paths)
{
	_cleanup_free_ struct nw_report_file *files = calloc((size_t)n, sizeof(*files));
	size_t total = 0;

	h->broken |= !files;
	for (int i = 0; files && i < n; i++) {
		if (nw_report_attach(paths[i], &files[i]) < 0) {
			h->broken = true;
			break;
		}
		total += files[i].bytes ? files[i].size : 0;
		if (total <= ATTACHED_MAX || !files[i].bytes)
			continue;
		total -= files[i].size;
		free(files[i].bytes);
		files[i].bytes = NULL;
		files[i].reason = "the files before it fill the page";
	}
	nw_report_files(h, files, files ? (size_t)n : 0);
	for (int i = 0; files && i < n; i++)
		nw_report_file_free(&files[i]);
}

static void body(struct nw_html *h, const struct nw_cli *cli, struct gathered *g)
{
	struct nw_report_case cases[CASES_MAX];

	if (g->n == 1 && g->flows == 1) {
		nw_report_verdict(h, &g->drawn[0].c);
		nw_report_case(h, cli, &g->drawn[0].c);
	} else {
		verdict(h, g);
		if (g->n)
			nw_report_bars(h, "Findings by rule", g->rules);
		if (g->found > g->n)
			nw_html_leaf(h, "p", NULL,
				     "The gravest %zu connections follow; negwatch read lists all.", g->n);
	}
	for (size_t i = 0; i < g->n; i++) {
		g->drawn[i].c.nested = g->flows > 1;
		if (g->flows > 1)
			one_of_many(h, cli, &g->drawn[i].c, i);
		cases[i] = g->drawn[i].c;
	}
	if (g->n)
		nw_report_advice(h, cases, g->n);
}

static void gathered_free(struct gathered **g)
{
	for (size_t i = 0; *g && i < (*g)->n; i++)
		nw_report_case_free(&(*g)->drawn[i].c);
	if (*g)
		json_decref((*g)->rules);
	free(*g);
}

int nw_report_captures(const struct nw_cli *cli, int n, char **files)
{
	_cleanup_(gathered_free) struct gathered *g = calloc(1, sizeof(*g));
	char title[300];
	struct nw_html h;
	int ret;

	if (g)
		g->rules = json_object();
	if (g && g->rules)
		read_files(cli, g, n, files);
	if (!g || !g->rules || g->err) {
		fprintf(stderr, "negwatch report: there is not enough memory\n");
		return NW_EXIT_ERROR;
	}
	if (n == 1)
		snprintf(title, sizeof(title), "Capture %s", nw_report_base_name(files[0]));
	else
		snprintf(title, sizeof(title), "%d captures", n);
	if (!nw_report_begin(&h, cli, "negwatch report", title))
		return NW_EXIT_ERROR;
	body(&h, cli, g);
	attach(&h, n, files);
	ret = nw_report_end(&h, cli);
	return g->unreadable ? NW_EXIT_ERROR : ret;
}
