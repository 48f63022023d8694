// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch status, stats and metrics. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"
#include "wrap.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define LABEL 10
#define TEXT_MAX 1024

typedef void (*line_fn)(const struct nw_cli *cli, const json_t *s, struct nw_text *t);

static const char *stamp(const struct nw_cli *cli, char out[NW_TIME_TEXT], const char *text)
{
	int64_t wall;

	if (nw_time_parse(text, &wall) < 0)
		return "";
	return cli->utc ? nw_time_utc(out, wall, 0) : nw_time_local(out, wall, 0);
}

static void add_num(struct nw_text *t, const json_t *s, const char *path, const char *what)
{
	nw_text_add(t, "%s%llu %s", t->len ? ", " : "", (unsigned long long)nw_num(s, path), what);
}

static void add_hook(struct nw_text *t, const json_t *iface, const char *direction)
{
	const json_t *hook = nw_at(iface, direction);
	const char *why = nw_str(hook, "why");

	nw_text_add(t, " %s %s", direction, nw_str(hook, "hook"));
	if (*why)
		nw_text_add(t, " (%s)", why);
}

static void l_hooks(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const json_t *list = nw_at(s, "interfaces"), *iface;
	size_t i, watched = 0;

	json_array_foreach(list, i, iface)
	{
		const char *state = nw_str(iface, "state");

		nw_text_add(t, "%s%s:", i ? "\n" : "", nw_str(iface, "name"));
		if (strcmp(state, "absent") == 0) {
			nw_text_add(t, " not there; watched when it comes");
			continue;
		}
		if (strcmp(state, "failed") == 0) {
			nw_text_add(t, " NOT WATCHED: %s", nw_str(iface, "why"));
			continue;
		}
		watched++;
		add_hook(t, iface, "ingress");
		nw_text_add(t, ",");
		add_hook(t, iface, "egress");
	}
	if (!watched)
		nw_text_add(t, "%sNOTHING IS WATCHED: no interface that is there is wanted, and can be",
			    t->len ? "\n" : "");
}

static void l_resets(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	if (json_is_true(nw_at(s, "kernel_resets.available")))
		nw_text_add(t, "kernel's word on resets: yes%s",
			    json_is_true(nw_at(s, "kernel_resets.reasons")) ?
				    ", with reasons" :
				    "; this kernel tells neither reasons nor all that it sends (6.10 does)");
	else
		nw_text_add(t, "kernel's word on resets: no, because %s", nw_str(s, "kernel_resets.why"));
}

/* Is it seeing anything? */
static void l_traffic(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	char ago[NW_TIME_TEXT];
	int64_t wall, now = nw_wall();

	add_num(t, s, "packets", "packets");
	add_num(t, s, "messages", "SMB messages read");
	if (nw_time_parse(nw_str(s, "last_event"), &wall) == 0)
		nw_text_add(t, "; last event %s ago",
			    nw_duration_text(ago, now > wall ? (uint64_t)(now - wall) : 0));
	else
		nw_text_add(t, nw_num(s, "packets") ? "; no SMB connection has begun yet" :
						      "; NOTHING SEEN YET");
}

static void l_flows(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	nw_text_add(t, "%llu tracked / %llu", (unsigned long long)nw_num(s, "engine.connections_now"),
		    (unsigned long long)nw_num(s, "flows_capacity"));
	add_num(t, s, "engine.connections", "seen");
	add_num(t, s, "engine.not_observed", "not fully observed");
}

static void l_seen(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	add_num(t, s, "engine.negotiate", "NEGOTIATE");
	add_num(t, s, "engine.validate", "VALIDATE_NEGOTIATE_INFO");
	add_num(t, s, "engine.smb311", "SMB 3.1.1 (needs none)");
}

static void l_alerts(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const char *last = nw_str(s, "alerts.last"), *key;
	json_t *rules = (json_t *)nw_at(s, "alerts.by_rule"), *count;
	char when[NW_TIME_TEXT];

	add_num(t, s, "alerts.since_start", "since the start");
	json_object_foreach(rules, key, count)
	{
		nw_text_add(t, ", %lld of rule %s", (long long)json_integer_value(count), key);
	}
	add_num(t, s, "alerts.total", "in all");
	if (nw_num(s, "alerts.folded"))
		add_num(t, s, "alerts.folded",
			nw_num(s, "alerts.folded") == 1 ? "repeat folded" : "repeats folded");
	if (*last)
		nw_text_add(t, "; last %s", stamp(cli, when, last));
}

static void l_peers(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const char *error = nw_str(s, "peers.error");

	nw_text_add(t, "%llu remembered / %llu", (unsigned long long)nw_num(s, "peers.now"),
		    (unsigned long long)nw_num(s, "peers.capacity"));
	if (nw_num(s, "peers.evicted"))
		add_num(t, s, "peers.evicted", "forgotten to make room");
	if (nw_num(s, "peers.repaired"))
		add_num(t, s, "peers.repaired", "broken lines left out");
	if (*error)
		nw_text_add(t, ", FAILS (%s)", error);
}

static void l_losses(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	char when[NW_TIME_TEXT];

	add_num(t, s, "losses.events", "events");
	add_num(t, s, "losses.flows", "flows");
	add_num(t, s, "losses.flows_evicted", "evicted by the kernel's flow table");
	add_num(t, s, "engine.evicted", "flow table evictions");
	add_num(t, s, "losses.holes", "holes in streams");
	add_num(t, s, "losses.fragments", "fragments");
	if (*nw_str(s, "losses.last"))
		nw_text_add(t, "; EVENTS LOST, last %s", stamp(cli, when, nw_str(s, "losses.last")));
}

static void l_syslog(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const char *path = nw_str(s, "syslog.socket"), *error = nw_str(s, "syslog.error");

	if (!*path) {
		nw_text_add(t, "off");
		return;
	}
	nw_text_add(t, "%s, ", path);
	if (*error)
		nw_text_add(t, "FAILS (%s)", error);
	else
		nw_text_add(t, "%s",
			    json_is_true(nw_at(s, "syslog.connected")) ? "connected" : "not used yet");
	add_num(t, s, "syslog.sent", "sent");
	nw_text_add(t, ", backlog %llu", (unsigned long long)nw_num(s, "syslog.backlog"));
	if (nw_num(s, "syslog.dropped"))
		add_num(t, s, "syslog.dropped", "DROPPED");
	if (nw_num(s, "syslog.refused"))
		add_num(t, s, "syslog.refused", "TOO LARGE for it");
	if (nw_num(s, "syslog.rate_limited"))
		add_num(t, s, "syslog.rate_limited", "beyond its rate, told as a count");
	if (nw_num(s, "journal.removed_unsent"))
		add_num(t, s, "journal.removed_unsent", "NEVER SENT, as they had to make room");
}

static void l_journal(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const char *error = nw_str(s, "journal.error");

	nw_text_add(t, "%s", nw_str(s, "journal.path"));
	add_num(t, s, "journal.files", nw_num(s, "journal.files") == 1 ? "file" : "files");
	nw_text_add(t, ", %llu KiB", (unsigned long long)(nw_num(s, "journal.bytes") + 1023) >> 10);
	if (*error)
		nw_text_add(t, ", FAILS (%s)", error);
	if (nw_num(s, "journal.unwritten"))
		add_num(t, s, "journal.unwritten", "alerts NOT WRITTEN");
	if (nw_num(s, "journal.repaired"))
		add_num(t, s, "journal.repaired", "torn lines repaired");
}

static void l_evidence(const struct nw_cli *cli, const json_t *s, struct nw_text *t)
{
	const char *error = nw_str(s, "evidence.error");

	if (!json_is_true(nw_at(s, "evidence.enabled"))) {
		nw_text_add(t, "off");
		return;
	}
	nw_text_add(t, "%s", nw_str(s, "evidence.path"));
	add_num(t, s, "evidence.files", nw_num(s, "evidence.files") == 1 ? "file" : "files");
	nw_text_add(t, ", %llu KiB", (unsigned long long)(nw_num(s, "evidence.bytes") + 1023) >> 10);
	if (*error)
		nw_text_add(t, ", FAILS (%s)", error);
	if (nw_num(s, "evidence.absent"))
		add_num(t, s, "evidence.absent", "alerts without");
}

static const struct {
	const char *label;
	line_fn line;
} lines[] = {
	{ "Hooks", l_hooks },	{ "Resets", l_resets },	  { "Traffic", l_traffic },   { "Flows", l_flows },
	{ "Seen", l_seen },	{ "Alerts", l_alerts },	  { "Peers", l_peers },	      { "Losses", l_losses },
	{ "Syslog", l_syslog }, { "Journal", l_journal }, { "Evidence", l_evidence },
};

/* What shouts is coloured as a whole. */
static void print_line(const struct nw_cli *cli, const char *label, const char *text)
{
	static const char *const shouts[] = { "NOT WATCHED", "NOTHING",	    "FAILS",
					      "DROPPED",     "NOT WRITTEN", "EVENTS LOST" };
	bool bad = false;

	for (size_t i = 0; i < NW_ARRAY_SIZE(shouts); i++)
		bad |= strstr(text, shouts[i]) != NULL;
	if (bad)
		fputs(nw_paint(cli, NW_PAINT_BAD), stdout);
	nw_wrap(stdout, label, LABEL, NW_CLI_WIDTH, text);
	if (bad)
		fputs(nw_paint_end(cli), stdout);
}

int nw_cmd_status(const struct nw_cli *cli, int argc, char **argv)
{
	char text[TEXT_MAX * 8], since[NW_TIME_TEXT], up[NW_TIME_TEXT];
	json_t *reply = NULL;
	const json_t *s;
	struct nw_text t;
	int ret = nw_ask(cli, json_pack("{s:s}", "cmd", "status"), &reply);

	s = nw_at(reply, "status");
	if (!ret && cli->json)
		ret = nw_print_json("status", s);
	else if (!ret && !cli->quiet) {
		snprintf(text, sizeof(text), "negwatchd %s running since %s (%s), pid %llu",
			 nw_str(s, "version"), stamp(cli, since, nw_str(s, "started")),
			 nw_num(s, "uptime_s") ? nw_duration_text(up, nw_num(s, "uptime_s") * 1000000000ULL) :
						 "just now",
			 (unsigned long long)nw_num(s, "pid"));
		nw_wrap(stdout, "", 0, NW_CLI_WIDTH, text);
		for (size_t i = 0; i < NW_ARRAY_SIZE(lines); i++) {
			nw_text_init(&t, text, sizeof(text));
			lines[i].line(cli, s, &t);
			print_line(cli, lines[i].label, text);
		}
	}
	json_decref(reply);
	return ret;
}

int nw_cmd_stats(const struct nw_cli *cli, int argc, char **argv)
{
	static const struct nw_column columns[] = { { "COUNTER", 0 },
						    { "VALUE", NW_COL_RIGHT },
						    { "MEANING", 0 } };
	struct nw_cli_table *table;
	const json_t *c;
	json_t *reply = NULL;
	size_t i;
	int ret = nw_ask(cli, json_pack("{s:s}", "cmd", "stats"), &reply);

	if (!ret && cli->json) {
		json_object_del(reply, "ok");
		ret = nw_print_json("stats", reply);
	} else if (!ret) {
		table = nw_cli_table_new(cli, columns, NW_ARRAY_SIZE(columns));
		json_array_foreach(nw_at(reply, "counters"), i, c)
		{
			char value[24];

			snprintf(value, sizeof(value), "%llu", (unsigned long long)nw_num(c, "value"));
			nw_cli_table_row(
				table, (const char *const[]){ nw_str(c, "name"), value, nw_str(c, "text") });
		}
		ret = nw_cli_table_print(table) < 0 ? NW_EXIT_ERROR : NW_EXIT_OK;
	}
	json_decref(reply);
	return ret;
}

int nw_cmd_metrics(const struct nw_cli *cli, int argc, char **argv)
{
	json_t *reply = NULL;
	int ret = nw_ask(cli, json_pack("{s:s}", "cmd", "metrics"), &reply);

	if (!ret && cli->json)
		ret = nw_print_json("metrics", nw_at(reply, "metrics"));
	else if (!ret)
		ret = fputs(nw_str(reply, "metrics"), stdout) == EOF ? NW_EXIT_ERROR : NW_EXIT_OK;
	json_decref(reply);
	return ret;
}
