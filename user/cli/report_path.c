// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The path as a drawing: client, the place of observation, server. All places along the line are percentages
 * and all text has a fixed size, so that it fits a telephone as well as paper.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "alert_words.h"
#include "report.h"
#include "../util/text.h"
#include "../util/util.h"

/* Pixels */
#define HEIGHT 92
#define LINE 58
#define BOX 38

struct stop {
	const char *name;
	double at, half; /* centre and half width, percent */
};

/* What became of the exchange on the leg: "%s here", "%s between the client and this host". */
static const struct {
	uint16_t rule;
	const char *proved, *inferred; /* by severity: critical, or less */
} words[] = {
	{ 101, "changed", "changed" },
	{ 102, "changed", "changed" },
	{ 103, "not signed", "not signed" },
	{ 106, "not answered", "not answered" },
	{ 107, "reset forged", "reset may have been forged" },
	{ 109, "downgraded", "may have been downgraded" },
};

static const char *became(const json_t *finding)
{
	bool critical = strcmp(nw_str(finding, "severity"), "critical") == 0;

	for (size_t i = 0; i < NW_ARRAY_SIZE(words); i++)
		if (words[i].rule == nw_num(finding, "rule"))
			return critical ? words[i].proved : words[i].inferred;
	return "may have been changed";
}

/* The first finding that names a leg; they are in order of severity. */
static const json_t *blaming(const struct nw_report_case *c)
{
	const json_t *f;
	size_t i;

	json_array_foreach(c->findings, i, f)
	{
		if (nw_leg_words(nw_str(f, "leg"), false))
			return f;
	}
	return NULL;
}

static void line(struct nw_html *h, const char *class_name, double from, double to)
{
	nw_html_open(h, "line", class_name);
	nw_html_attr(h, "x1", "%.1f%%", from);
	nw_html_attr(h, "x2", "%.1f%%", to);
	nw_html_attr(h, "y1", "%d", LINE);
	nw_html_attr(h, "y2", "%d", LINE);
	nw_html_close(h);
}

static void text(struct nw_html *h, const char *class_name, double x, int y, const char *what,
		 const char *more)
{
	nw_html_open(h, "text", class_name);
	nw_html_attr(h, "x", "%.1f%%", x);
	nw_html_attr(h, "y", "%d", y);
	nw_html_attr(h, "text-anchor", "middle");
	nw_html_text(h, "%s%s", what, more);
	nw_html_close(h);
}

static void box(struct nw_html *h, const struct stop *s)
{
	nw_html_open(h, "rect", "box");
	nw_html_attr(h, "x", "%.1f%%", s->at - s->half);
	nw_html_attr(h, "y", "%d", LINE - BOX / 2);
	nw_html_attr(h, "width", "%.1f%%", 2 * s->half);
	nw_html_attr(h, "height", "%d", BOX);
	nw_html_attr(h, "rx", "5");
	nw_html_close(h);
	text(h, "name", s->at, LINE + 5, s->name, "");
}

/* A leg, and if it is the one to be blamed, what it is blamed for. */
static void leg(struct nw_html *h, const struct stop *a, const struct stop *b, const json_t *finding)
{
	double middle = (a->at + a->half + b->at - b->half) / 2;
	/* Close to the middle of the drawing, so that it is not cut off on a narrow one. */
	double label = middle < 40 ? 34 : middle > 60 ? 66 : middle;

	line(h, finding ? "leg bad" : "leg", a->at + a->half, b->at - b->half);
	if (!finding)
		return;
	nw_html_open(h, "circle", "bad");
	nw_html_attr(h, "cx", "%.1f%%", middle);
	nw_html_attr(h, "cy", "%d", LINE);
	nw_html_attr(h, "r", "11");
	nw_html_close(h);
	text(h, "mark", middle, LINE + 5, "!", "");
	text(h, "label bad", label, 24, became(finding), " here");
}

static void end_words(struct nw_html *h, const struct nw_report_case *c, const char *role, const char *ip,
		      uint64_t port, const struct nw_family *f)
{
	char address[80];

	nw_html_open(h, "div", NULL);
	nw_html_leaf(h, "span", "role", "%s", role);
	nw_html_leaf(h, "span", "address", "%s", nw_endpoint_text(address, sizeof(address), ip, port));
	if (f)
		nw_html_leaf(h, "span", "family", "%s", f->label);
	nw_html_close(h);
}

/* Ends of the flow, or of what an alert without one stands for. */
static void below(struct nw_html *h, const struct nw_report_case *c, bool middle, const char *here)
{
	const json_t *o = c->flow ? c->flow : c->alert;

	nw_html_open(h, "div", middle ? "stops three" : "stops");
	end_words(h, c, "Client", nw_str(o, c->flow ? "client_ip" : "src_ip"),
		  nw_num(o, c->flow ? "client_port" : "src_port"), nw_flow_client(c->flow));
	if (middle) {
		nw_html_open(h, "div", NULL);
		nw_html_leaf(h, "span", "role", "Seen here");
		nw_html_leaf(h, "span", "address", "%s", here);
		nw_html_close(h);
	}
	end_words(h, c, "Server", nw_str(o, c->flow ? "server_ip" : "dest_ip"),
		  nw_num(o, c->flow ? "server_port" : "dest_port"), nw_flow_server(c->flow));
	nw_html_close(h);
}

static void caption(struct nw_html *h, const json_t *finding, bool captured)
{
	char fields[80];

	nw_html_open(h, "figcaption", NULL);
	if (finding) {
		nw_html_leaf(h, "strong", NULL, "%c%s %s", toupper((unsigned char)*became(finding)),
			     became(finding) + 1, nw_leg_words(nw_str(finding, "leg"), captured));
		if (*nw_names(fields, sizeof(fields), nw_at(finding, "fields")))
			nw_html_text(h, "; what differs: %s", fields);
		nw_html_text(h, ".");
	} else {
		nw_html_text(h, "No leg of the path can be named from what was seen here.");
	}
	nw_html_close(h);
}

void nw_report_path(struct nw_html *h, const struct nw_report_case *c)
{
	const char *vantage = nw_str(c->flow, "vantage"), *host = nw_str(c->alert, "host");
	bool server = strcmp(vantage, "server") == 0, client = strcmp(vantage, "client") == 0;
	const struct stop two[] = { { client ? "This client" : "Client", 16, 16 },
				    { server ? "This server" : "Server", 84, 16 } },
			  three[] = { { "Client", 11, 11 }, { "Seen here", 50, 13 }, { "Server", 89, 11 } };
	bool middle = !server && !client;
	const struct stop *stops = middle ? three : two;
	const json_t *finding = blaming(c);
	bool first = strcmp(nw_str(finding, "leg"), "client-here") == 0;

	if (!c->flow && !nw_at(c->alert, "src_ip"))
		return;
	nw_report_section(h, c, "The path");
	nw_html_open(h, "figure", "path");
	nw_html_open(h, "svg", NULL);
	nw_html_attr(h, "role", "img");
	nw_html_attr(h, "width", "100%%");
	nw_html_attr(h, "height", "%d", HEIGHT);
	nw_html_attr(h, "aria-label", "Client, %sserver%s%s", middle ? "place of observation, " : "",
		     finding ? "; " : "", finding ? became(finding) : "");
	leg(h, &stops[0], &stops[1], finding && (first || !middle) ? finding : NULL);
	if (middle)
		leg(h, &stops[1], &stops[2], finding && !first ? finding : NULL);
	for (int i = 0; i < (middle ? 3 : 2); i++)
		box(h, &stops[i]);
	nw_html_close(h);
	below(h, c, middle, *host ? host : nw_str(c->flow, "file"));
	caption(h, finding, !c->alert);
	nw_html_close(h);
	nw_html_close(h);
}
