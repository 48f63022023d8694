// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counts as bars: by name as a table, over time as a drawing. Places are percentages, text has a fixed size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "../util/time.h"
#include "../util/util.h"

/* Bars of a table; the others are one row. */
#define NAMES_MAX 12
/* Bars over time, that each can be told from the next on a telephone. */
#define TIMES_MAX 32
/* Pixels */
#define HEIGHT 150
#define TOP 22
#define BOTTOM 126
/* Numbers above the bars have the room. */
#define NUMBERED_MAX 16

uint64_t nw_report_weight(const json_t *alert)
{
	const json_t *s = nw_at(alert, "negwatch.suppressed");

	if (!s)
		return 1;
	return strcmp(nw_str(s, "reason"), "repeats") == 0 ? nw_num(alert, "negwatch.count") : 0;
}

bool nw_report_critical(const json_t *alert)
{
	const struct nw_rule *of = nw_rule_by_number((unsigned int)nw_num(alert, "negwatch.suppressed.rule"));

	return of ? of->severity == NW_SEV_CRITICAL :
		    strcmp(nw_str(alert, "negwatch.severity"), "critical") == 0;
}

struct named {
	const char *name;
	uint64_t n;
};

static int by_count(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void heading(struct nw_html *h, const char *scope, const char *format, const char *text)
{
	nw_html_open(h, "th", NULL);
	nw_html_attr(h, "scope", "%s", scope);
	nw_html_text(h, format, text);
	nw_html_close(h);
}

static void named_row(struct nw_html *h, const char *name, uint64_t n, uint64_t most)
{
	nw_html_open(h, "tr", NULL);
	heading(h, "row", "%s", name);
	nw_html_leaf(h, "td", "number", "%llu", (unsigned long long)n);
	nw_html_open(h, "td", "bar");
	nw_html_open(h, "svg", NULL);
	nw_html_attr(h, "aria-hidden", "true");
	nw_html_attr(h, "width", "100%%");
	nw_html_attr(h, "height", "14");
	nw_html_open(h, "rect", "bar");
	nw_html_attr(h, "y", "1");
	nw_html_attr(h, "height", "12");
	nw_html_attr(h, "width", "%.1f%%", most ? 100.0 * (double)n / (double)most : 0);
	nw_html_close(h);
	nw_html_close(h);
	nw_html_close(h);
	nw_html_close(h);
}

void nw_report_bars(struct nw_html *h, const char *title, const json_t *counts)
{
	size_t n = json_object_size(counts), i = 0;
	_cleanup_free_ struct named *rows = calloc(n ? n : 1, sizeof(*rows));
	uint64_t others = 0, most;
	const char *name;
	json_t *value;
	char rest[60];

	if (!rows || !n)
		return;
	json_object_foreach((json_t *)counts, name, value)
	{
		rows[i++] = (struct named){ name, (uint64_t)json_integer_value(value) };
	}
	qsort(rows, n, sizeof(*rows), by_count);
	for (i = NAMES_MAX; i < n; i++)
		others += rows[i].n;
	most = rows[0].n > others ? rows[0].n : others;
	nw_html_open(h, "section", "counts");
	nw_html_leaf(h, "h2", NULL, "%s", title);
	nw_html_open(h, "table", "bars");
	nw_html_open(h, "tbody", NULL);
	for (i = 0; i < n && i < NAMES_MAX; i++)
		named_row(h, rows[i].name, rows[i].n, most);
	snprintf(rest, sizeof(rest), "%zu others", n - i);
	if (i < n)
		named_row(h, rest, others, most);
	nw_html_close(h);
	nw_html_close(h);
	nw_html_close(h);
}

/* ---- over time ---- */

enum unit { MINUTE, HOUR, DAY };

static const struct step {
	enum unit unit;
	int n;
	int64_t seconds;
	const char *name;
} steps[] = {
	{ MINUTE, 1, 60, "1 minute" },
	{ MINUTE, 5, 300, "5 minutes" },
	{ MINUTE, 15, 900, "15 minutes" },
	{ HOUR, 1, 3600, "1 hour" },
	{ HOUR, 3, 3 * 3600, "3 hours" },
	{ HOUR, 6, 6 * 3600, "6 hours" },
	{ DAY, 1, 86400, "1 day" },
	{ DAY, 7, 7 * 86400, "7 days" },
	{ DAY, 28, 28 * 86400, "28 days" },
	{ DAY, 365, 365 * 86400, "365 days" },
	{ DAY, 3650, 3650LL * 86400, "10 years" },
};

struct times {
	const struct step *step;
	unsigned int n;
	int64_t from[TIMES_MAX + 1];		     /* wall; the last is the end */
	uint64_t count[TIMES_MAX], grave[TIMES_MAX]; /* all; of them critical */
	uint64_t most;
};

/* The moment `by` steps behind a broken-down one; by the calendar, so that a day may have 23 hours. */
static int64_t moment(const struct tm *begin, const struct step *step, int by, bool utc)
{
	struct tm tm = *begin;

	if (step->unit == MINUTE)
		tm.tm_min += by * step->n;
	else if (step->unit == HOUR)
		tm.tm_hour += by * step->n;
	else
		tm.tm_mday += by * step->n;
	tm.tm_isdst = -1;
	return (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * 1000000000;
}

/* Divides from..to; the first begins with a whole step, or day. */
static void divide(struct times *t, int64_t from, int64_t to, bool utc)
{
	time_t begin = (time_t)(from / 1000000000);
	struct tm tm;

	t->step = steps;
	while (t->step < steps + NW_ARRAY_SIZE(steps) - 1 &&
	       (to - from) / 1000000000 / t->step->seconds >= TIMES_MAX - 1)
		t->step++;
	utc ? gmtime_r(&begin, &tm) : localtime_r(&begin, &tm);
	tm.tm_sec = 0;
	tm.tm_min = t->step->unit == MINUTE ? tm.tm_min / t->step->n * t->step->n : 0;
	if (t->step->unit == HOUR)
		tm.tm_hour = tm.tm_hour / t->step->n * t->step->n;
	if (t->step->unit == DAY)
		tm.tm_hour = 0;
	t->from[0] = moment(&tm, t->step, 0, utc);
	while (t->n < TIMES_MAX && t->from[t->n] <= to) {
		t->n++;
		t->from[t->n] = moment(&tm, t->step, (int)t->n, utc);
	}
}

static void fill(struct times *t, const json_t *alerts)
{
	const json_t *a;
	int64_t wall;
	size_t i;

	json_array_foreach(alerts, i, a)
	{
		uint64_t weight = nw_report_weight(a);

		if (nw_time_parse(nw_str(a, "timestamp"), &wall) < 0)
			continue;
		for (unsigned int k = 0; k < t->n; k++) {
			if (wall < t->from[k] || wall >= t->from[k + 1])
				continue;
			t->count[k] += weight;
			if (nw_report_critical(a))
				t->grave[k] += weight;
		}
	}
	for (unsigned int k = 0; k < t->n; k++)
		t->most = t->count[k] > t->most ? t->count[k] : t->most;
}

/* "2026-11-22" for days, "11-22 13:05" for shorter steps. */
static const char *label(char out[NW_TIME_TEXT], const struct times *t, unsigned int i, bool utc)
{
	char text[NW_TIME_TEXT];

	nw_time_short(text, t->from[i], utc);
	snprintf(out, NW_TIME_TEXT, t->step->unit == DAY ? "%.10s" : "%.11s",
		 t->step->unit == DAY ? text : text + 5);
	return out;
}

static void rect(struct nw_html *h, const char *class_name, const struct times *t, unsigned int i, uint64_t n)
{
	double high = (BOTTOM - TOP) * (double)n / (double)t->most;

	if (!n)
		return;
	nw_html_open(h, "rect", class_name);
	nw_html_attr(h, "x", "%.2f%%", (i + 0.1) * 100 / t->n);
	nw_html_attr(h, "width", "%.2f%%", 80.0 / t->n);
	nw_html_attr(h, "y", "%.1f", BOTTOM - high);
	nw_html_attr(h, "height", "%.1f", high);
	nw_html_close(h);
}

static void text(struct nw_html *h, const char *anchor, double x, double y, const char *what)
{
	nw_html_open(h, "text", "axis");
	nw_html_attr(h, "x", "%.2f%%", x);
	nw_html_attr(h, "y", "%.1f", y);
	nw_html_attr(h, "text-anchor", "%s", anchor);
	nw_html_text(h, "%s", what);
	nw_html_close(h);
}

static void bar(struct nw_html *h, const struct times *t, unsigned int i, bool utc)
{
	char when[NW_TIME_TEXT], number[24];

	nw_html_open(h, "g", NULL);
	nw_html_leaf(h, "title", NULL, "%s: %llu, of them critical %llu", label(when, t, i, utc),
		     (unsigned long long)t->count[i], (unsigned long long)t->grave[i]);
	rect(h, "bar", t, i, t->count[i]);
	rect(h, "bar bad", t, i, t->grave[i]);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)t->count[i]);
	if (t->n <= NUMBERED_MAX && t->count[i])
		text(h, "middle", (i + 0.5) * 100 / t->n,
		     BOTTOM - (BOTTOM - TOP) * (double)t->count[i] / (double)t->most - 4, number);
	nw_html_close(h);
}

static void draw(struct nw_html *h, const struct times *t, bool utc)
{
	char when[NW_TIME_TEXT], most[60];

	nw_html_open(h, "svg", NULL);
	nw_html_attr(h, "role", "img");
	nw_html_attr(h, "aria-label", "Bars of %s each from %s on, at most %llu", t->step->name,
		     label(when, t, 0, utc), (unsigned long long)t->most);
	nw_html_attr(h, "width", "100%%");
	nw_html_attr(h, "height", "%d", HEIGHT);
	for (unsigned int i = 0; i < t->n; i++)
		bar(h, t, i, utc);
	nw_html_open(h, "line", "life");
	nw_html_attr(h, "x1", "0");
	nw_html_attr(h, "x2", "100%%");
	nw_html_attr(h, "y1", "%d", BOTTOM);
	nw_html_attr(h, "y2", "%d", BOTTOM);
	nw_html_close(h);
	snprintf(most, sizeof(most), "at most %llu", (unsigned long long)t->most);
	if (t->n > NUMBERED_MAX)
		text(h, "start", 0, 12, most);
	text(h, "start", 0, HEIGHT - 6, label(when, t, 0, utc));
	if (t->n > 1)
		text(h, "end", 100, HEIGHT - 6, label(when, t, t->n - 1, utc));
	nw_html_close(h);
}

void nw_report_times(struct nw_html *h, const struct nw_cli *cli, const json_t *alerts, int64_t from,
		     int64_t to)
{
	_cleanup_free_ struct times *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	divide(t, from, to, cli->utc);
	fill(t, alerts);
	if (!t->most)
		return;
	nw_html_open(h, "section", "counts");
	nw_html_leaf(h, "h2", NULL, "Over time");
	nw_html_open(h, "figure", "times");
	draw(h, t, cli->utc);
	nw_html_leaf(h, "figcaption", NULL,
		     "Each bar is %s from the moment below it on. Its foot, in the other colour, are the "
		     "critical ones. "
		     "Repeats count when their number was told.",
		     t->step->name);
	nw_html_close(h);
	nw_html_close(h);
}
