// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `negwatch report`: which page is asked for, and what all pages have around them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "../util/time.h"

/* Nothing but the page's own style: neither scripts nor requests, whatever may be in it. */
#define POLICY "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

static void meta(struct nw_html *h, const char *key, const char *name, const char *content)
{
	nw_html_open(h, "meta", NULL);
	nw_html_attr(h, key, "%s", name);
	nw_html_attr(h, "content", "%s", content);
	nw_html_close(h);
}

static void head(struct nw_html *h, const char *title)
{
	nw_html_attr(h, "lang", "en");
	nw_html_open(h, "head", NULL);
	nw_html_open(h, "meta", NULL);
	nw_html_attr(h, "charset", "utf-8");
	nw_html_close(h);
	meta(h, "http-equiv", "Content-Security-Policy", POLICY);
	meta(h, "name", "viewport", "width=device-width, initial-scale=1");
	meta(h, "name", "color-scheme", "light dark");
	meta(h, "name", "generator", "negwatch " NW_VERSION);
	nw_html_leaf(h, "title", NULL, "%s - negwatch report", title);
	nw_html_style(h, nw_report_css);
	nw_html_close(h);
}

static void arrow_head(struct nw_html *h, const char *id, const char *class_name)
{
	nw_html_open(h, "marker", class_name);
	nw_html_attr(h, "id", "%s", id);
	nw_html_attr(h, "orient", "auto");
	nw_html_attr(h, "markerUnits", "userSpaceOnUse");
	nw_html_attr(h, "markerWidth", "10");
	nw_html_attr(h, "markerHeight", "9");
	nw_html_attr(h, "refX", "10");
	nw_html_attr(h, "refY", "4.5");
	nw_html_open(h, "path", NULL);
	nw_html_attr(h, "d", "M0 0l10 4.5l-10 4.5z");
	nw_html_close(h);
	nw_html_close(h);
}

/* What the drawings' lines end with (the style refers to it), once for all of them. */
static void arrow_heads(struct nw_html *h)
{
	nw_html_open(h, "svg", "heads");
	nw_html_attr(h, "aria-hidden", "true");
	nw_html_attr(h, "width", "0");
	nw_html_attr(h, "height", "0");
	nw_html_open(h, "defs", NULL);
	arrow_head(h, "head", "head");
	arrow_head(h, "head-bad", "head bad");
	nw_html_close(h);
	nw_html_close(h);
}

static bool to_file(const struct nw_cli *cli)
{
	return cli->out_file && strcmp(cli->out_file, "-") != 0;
}

FILE *nw_report_begin(struct nw_html *h, const struct nw_cli *cli, const char *above, const char *title)
{
	FILE *out = to_file(cli) ? fopen(cli->out_file, "we") : stdout;

	if (!out) {
		fprintf(stderr, "negwatch report: %s can't be written: %s\n", cli->out_file, strerror(errno));
		return NULL;
	}
	nw_html_begin(h, out);
	head(h, title);
	nw_html_open(h, "body", NULL);
	arrow_heads(h);
	nw_html_open(h, "header", NULL);
	nw_html_leaf(h, "p", "above", "%s", above);
	nw_html_leaf(h, "h1", NULL, "%s", title);
	nw_html_close(h);
	nw_html_open(h, "main", NULL);
	return out;
}

int nw_report_end(struct nw_html *h, const struct nw_cli *cli)
{
	char now[NW_TIME_TEXT];
	int64_t wall = nw_wall();
	int err;

	nw_html_close(h);
	nw_html_open(h, "footer", NULL);
	nw_html_leaf(h, "p", NULL,
		     "Written by negwatch " NW_VERSION
		     " at %s. \"Altered\" and \"changed\" are said only where both messages were seen and "
		     "differ; what is inferred says \"may\".",
		     cli->utc ? nw_time_utc(now, wall, 0) : nw_time_local(now, wall, 0));
	nw_html_close(h);
	nw_html_close(h);
	err = nw_html_end(h);
	if (to_file(cli) && fclose(h->out) < 0)
		err = -EIO;
	if (!err)
		return NW_EXIT_OK;
	fprintf(stderr, "negwatch report: the page is not complete: it could not be written%s%s\n",
		to_file(cli) ? " to " : "", to_file(cli) ? cli->out_file : "");
	return NW_EXIT_ERROR;
}

void nw_help_report(void)
{
	puts("\nID: an alert, as `negwatch alerts` numbers them (asks the daemon). FILE: captures, as\n"
	     "for `read` (a file whose name is a number: ./17). --since: all alerts since then, which\n"
	     "--client, --server, --rule and --limit choose from.\n"
	     "Exit: 0 done; 1 refused, not found, or a file could not be read; 2 wrong usage; 3 no\n"
	     "daemon to talk to.");
}

static int usage(const char *what)
{
	fprintf(stderr, "negwatch report: %s\nTry: negwatch report --help\n", what);
	return NW_EXIT_USAGE;
}

int nw_cmd_report(const struct nw_cli *cli, int argc, char **argv)
{
	bool number = argc == 2 && strspn(argv[1], "0123456789") == strlen(argv[1]);
	unsigned long long id;

	if (cli->json)
		return usage("a report is HTML; show, alerts and read have --json");
	if (cli->since && argc > 1)
		return usage("--since asks for all alerts: neither a number nor files go with it");
	if (cli->since)
		return nw_report_since(cli);
	if (nw_filter_any(cli) || cli->limit)
		return usage("--client, --server, --rule and --limit choose from the alerts of --since");
	if (argc < 2)
		return usage("expected the number of an alert, capture files, or --since TIME");
	if (!number)
		return nw_report_captures(cli, argc - 1, argv + 1);
	id = strtoull(argv[1], NULL, 10);
	if (!id || id > INT64_MAX)
		return usage("that is no alert number; `negwatch alerts` lists them");
	return nw_report_alert(cli, id);
}
