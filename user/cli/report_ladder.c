// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A flow as a ladder: the messages between two lifelines, in order of time. Places across are percentages and
 * text has a fixed size, so that it can be read on a telephone as well as on paper.
 */
#include <stdio.h>
#include <string.h>

#include "alert_words.h"
#include "report.h"
#include "timeline.h"
#include "wrap.h"
#include "../util/time.h"
#include "../util/util.h"

/* Percent of the width */
#define CLIENT 23.0
#define SERVER 97.0
#define MIDDLE ((CLIENT + SERVER) / 2)
/* Pixels */
#define HEAD 26
#define TEXT_LINE 16
#define ROW 20 /* of a message, without its text */
/* Characters that fit between the lifelines on 320 pixels */
#define LINE_MAX_CHARS 36

static void attr_percent(struct nw_html *h, const char *name, double value)
{
	nw_html_attr(h, name, "%g%%", value);
}

static void line(struct nw_html *h, const char *class_name, double x1, int y1, double x2, int y2)
{
	nw_html_open(h, "line", class_name);
	attr_percent(h, "x1", x1);
	nw_html_attr(h, "y1", "%d", y1);
	attr_percent(h, "x2", x2);
	nw_html_attr(h, "y2", "%d", y2);
	nw_html_close(h);
}

static void text(struct nw_html *h, const char *class_name, const char *anchor, double x, int y,
		 const char *what, int len)
{
	nw_html_open(h, "text", class_name);
	attr_percent(h, "x", x);
	nw_html_attr(h, "y", "%d", y);
	nw_html_attr(h, "text-anchor", "%s", anchor);
	nw_html_text(h, "%.*s", len, what);
	nw_html_close(h);
}

static const char *time_text(char out[24], double ms)
{
	snprintf(out, 24, ms < 10000 ? "%.3f ms" : "%.2f s", ms < 10000 ? ms : ms / 1000);
	return out;
}

/* Breaks the text into lines; returns how many. at[i], len[i]: the lines. */
static int lines_of(const char *what, const char *at[8], int len[8])
{
	int n = 0;

	while (*what && n < 8) {
		at[n] = what;
		len[n] = n == 7 ? (int)strlen(what) : nw_wrap_fit(what, LINE_MAX_CHARS);
		what += len[n++];
		what += strspn(what, " ");
	}
	return n;
}

/* Draws a message from y on; returns where the next one begins. h NULL: only that. */
static int message(struct nw_html *h, const struct nw_moment *m, int y)
{
	bool client = strcmp(m->by, "client") == 0, server = strcmp(m->by, "server") == 0;
	const char *at[8], *word = m->bad ? "word bad" : "word";
	char when[24];
	int len[8], n = lines_of(m->text, at, len), arrow = y + n * TEXT_LINE + 6;

	if (!h)
		return arrow + ROW - 6;
	time_text(when, m->at_ms);
	text(h, "time", "start", 0, arrow + 4, when, (int)strlen(when));
	for (int i = 0; i < n; i++)
		text(h, word, "middle", MIDDLE, y + (i + 1) * TEXT_LINE - 3, at[i], len[i]);
	if (client || server)
		line(h, m->bad ? "message bad" : "message", client ? CLIENT : SERVER, arrow,
		     client ? SERVER : CLIENT, arrow);
	return arrow + ROW - 6;
}

static void draw(struct nw_html *h, const struct nw_timeline *t)
{
	int y = HEAD + 8, height = y;

	for (unsigned int i = 0; i < t->n; i++)
		height = message(NULL, &t->at[i], height);
	nw_html_open(h, "svg", NULL);
	nw_html_attr(h, "role", "group");
	nw_html_attr(h, "aria-label", "Messages between client and server in order of time");
	nw_html_attr(h, "width", "100%%");
	nw_html_attr(h, "height", "%d", height + 4);
	text(h, "name", "middle", CLIENT, 16, "Client", 6);
	text(h, "name", "end", 100, 16, "Server", 6);
	line(h, "life", CLIENT, HEAD, CLIENT, height + 4);
	line(h, "life", SERVER, HEAD, SERVER, height + 4);
	for (unsigned int i = 0; i < t->n; i++)
		y = message(h, &t->at[i], y);
	nw_html_close(h);
}

void nw_report_ladder(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c)
{
	_cleanup_free_ struct nw_timeline *t = nw_timeline_of(c->flow);
	char end[320], start[NW_TIME_TEXT] = "";
	int64_t wall;

	h->broken |= !t;
	if (!t || t->n < 2)
		return;
	nw_report_section(h, c, "What happened");
	nw_html_open(h, "figure", "ladder");
	draw(h, t);
	if (nw_time_parse(nw_str(c->flow, "start"), &wall) == 0)
		cli->utc ? nw_time_utc(start, wall, 6) : nw_time_local(start, wall, 6);
	nw_end_sentence(end, sizeof(end), c->flow);
	nw_html_leaf(h, "figcaption", NULL, "Times count from the flow's first packet%s%s. In the end: %s.",
		     *start ? ", " : "", start, end);
	nw_html_close(h);
	nw_html_close(h);
}
