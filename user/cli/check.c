// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * negwatch check: a plugin for Nagios, Icinga and their like: one line, an exit code, figures behind "|".
 * What can't see must not say OK: no daemon, hooks that are missing and lost events are never OK.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define WINDOW_S 3600
/* Monitoring systems give a plugin 10 s. */
#define ANSWER_MS 4000

/* The plugins' own exit codes, and their order of weight. */
enum { OK = 0, WARNING = 1, CRITICAL = 2, UNKNOWN = 3 };

struct report {
	const struct nw_cli *cli;
	int state;
	int64_t from; /* wall, ns: what happened since then counts */
	struct nw_text text;
	uint64_t critical, warning; /* alerts of these severities */
	uint64_t clients;
};

static void problem(struct report *r, int state, const char *format, const char *subject, const char *detail)
{
	static const int weight[] = { [OK] = 0, [WARNING] = 1, [UNKNOWN] = 2, [CRITICAL] = 3 };

	if (weight[state] > weight[r->state])
		r->state = state;
	nw_text_add(&r->text, "%s", r->text.len ? "; " : "");
	nw_text_add(&r->text, format, subject, detail);
}

static void look_at_hooks(struct report *r, const json_t *status)
{
	const json_t *iface;
	size_t i, watched = 0;

	json_array_foreach(nw_at(status, "interfaces"), i, iface)
	{
		const char *state = nw_str(iface, "state");

		if (strcmp(state, "watched") == 0)
			watched++;
		else if (strcmp(state, "absent") == 0)
			problem(r, WARNING, "%s is not there%s", nw_str(iface, "name"), "");
		else
			problem(r, WARNING, "%s is not watched: %s", nw_str(iface, "name"),
				nw_str(iface, "why"));
	}
	if (!watched)
		problem(r, CRITICAL, "no interface is watched%s%s", "", "");
}

static void look_at_losses(struct report *r, const json_t *status)
{
	int64_t when;
	char text[32];

	if (nw_time_parse(nw_str(status, "losses.last"), &when) < 0 || when < r->from)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)nw_num(status, "losses.events"));
	problem(r, WARNING, "events were lost (%s since the start), alerts may be missing%s", text, "");
}

static void look_at_sinks(struct report *r, const json_t *status)
{
	if (*nw_str(status, "syslog.error"))
		problem(r, WARNING, "syslog fails: %s%s", nw_str(status, "syslog.error"), "");
	if (*nw_str(status, "journal.error"))
		problem(r, WARNING, "the alert journal fails: %s%s", nw_str(status, "journal.error"), "");
	if (*nw_str(status, "evidence.error"))
		problem(r, WARNING, "evidence can't be written: %s%s", nw_str(status, "evidence.error"), "");
}

/* Counts the alerts; the last one's time goes into last, "" if there is none. */
static void count_alerts(struct report *r, const json_t *alerts, char last[NW_TIME_TEXT])
{
	json_t *clients = json_object();
	const json_t *a;
	size_t i;

	*last = '\0';
	json_array_foreach(alerts, i, a)
	{
		const char *severity = nw_str(a, "negwatch.severity");
		bool bad = strcmp(severity, "critical") == 0;

		if (!bad && strcmp(severity, "warning") != 0 && strcmp(severity, "error") != 0)
			continue;
		r->critical += bad;
		r->warning += !bad;
		nw_when_text(r->cli, last, NW_TIME_TEXT, nw_str(a, "timestamp"));
		if (*nw_str(a, "src_ip"))
			json_object_set_new(clients, nw_str(a, "src_ip"), json_true());
	}
	r->clients = json_object_size(clients);
	json_decref(clients);
}

static void judge_alerts(struct report *r, const char *last)
{
	uint64_t c = r->cli->critical ? r->cli->critical : 1, w = r->cli->warning ? r->cli->warning : 1;
	char text[160], since[NW_TIME_TEXT];
	int state = r->critical >= c ? CRITICAL : r->warning >= w ? WARNING : OK;

	if (!r->critical && !r->warning)
		return;
	snprintf(text, sizeof(text), "%llu critical and %llu other alerts, %llu client%s",
		 (unsigned long long)r->critical, (unsigned long long)r->warning,
		 (unsigned long long)r->clients, r->clients == 1 ? "" : "s");
	nw_time_short(since, r->from, r->cli->utc);
	nw_text_add(&r->text, "%s%s since %s, last %s", r->text.len ? "; " : "", text, since, last);
	problem(r, state, "see negwatch alerts%s%s", "", "");
}

/* "|" begins the figures, and may be part of nothing else. Advice on further lines has no place here. */
static void print_line(const struct report *r, const char *figures)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	printf("NEGWATCH %s - ", names[r->state]);
	for (const char *p = r->text.buf; *p && *p != '\n'; p++)
		putchar(*p == '|' ? '/' : *p);
	printf("%s%s\n", *figures ? " | " : "", figures);
}

static int examine(struct report *r, const json_t *status, const json_t *alerts)
{
	char figures[512], last[NW_TIME_TEXT], text[160];

	look_at_hooks(r, status);
	look_at_losses(r, status);
	look_at_sinks(r, status);
	count_alerts(r, alerts, last);
	judge_alerts(r, last);
	if (r->state == OK && !r->text.len) {
		snprintf(text, sizeof(text), "%llu connections followed, no alerts in the time",
			 (unsigned long long)nw_num(status, "engine.connections_now"));
		nw_text_add(&r->text, "%s", text);
	}
	snprintf(figures, sizeof(figures),
		 "critical=%llu;;%llu;0 warning=%llu;%llu;;0 lost=%lluc;;;0 connections=%llu;;;0;%llu "
		 "syslog_backlog=%llu;;;0",
		 (unsigned long long)r->critical,
		 (unsigned long long)(r->cli->critical ? r->cli->critical : 1),
		 (unsigned long long)r->warning, (unsigned long long)(r->cli->warning ? r->cli->warning : 1),
		 (unsigned long long)nw_num(status, "losses.events"),
		 (unsigned long long)nw_num(status, "engine.connections_now"),
		 (unsigned long long)nw_num(status, "flows_capacity"),
		 (unsigned long long)nw_num(status, "syslog.backlog"));
	print_line(r, figures);
	return r->state;
}

void nw_help_check(void)
{
	puts("\nExit: 0 OK; 1 WARNING: alerts, an interface that is not watched, events lost in\n"
	     "the time, syslog, journal or evidence failing; 2 CRITICAL: critical alerts, or\n"
	     "nothing is watched; 3 UNKNOWN: no daemon to ask, or wrong usage. --since\n"
	     "defaults to 1h.");
}

int nw_cmd_check(const struct nw_cli *cli, int argc, char **argv)
{
	json_t *status = NULL, *alerts = json_array();
	struct nw_cli wanted = *cli;
	char text[2048];
	struct report r = {
		.cli = cli,
		.from = cli->since ? cli->since_wall : nw_wall() - (int64_t)(WINDOW_S * NW_NS_PER_S),
	};
	char why[512];
	int ret;

	wanted.since_wall = r.from;
	wanted.answer_ms = ANSWER_MS;
	ret = nw_ask_quietly(&wanted, json_pack("{s:s}", "cmd", "status"), &status, why, sizeof(why));
	if (!ret)
		ret = nw_fetch(&wanted, "alerts", &nw_alert_keys, alerts, why, sizeof(why));
	nw_text_init(&r.text, text, sizeof(text));
	if (ret) {
		r.state = UNKNOWN;
		nw_text_add(&r.text, "%s", why);
		print_line(&r, "");
		ret = UNKNOWN;
	} else {
		ret = examine(&r, nw_at(status, "status"), alerts);
	}
	json_decref(status);
	json_decref(alerts);
	return ret;
}
