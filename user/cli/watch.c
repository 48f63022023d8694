// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch watch: alerts as they happen; on a terminal with a line below them that says how things are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

/* How old that line may be. */
#define EVERY_MS 2000

struct watching {
	const struct nw_cli *cli;
	bool live; /* there is such a line */
	uint64_t seen;
};

static void print_alert(const struct nw_cli *cli, const json_t *a)
{
	const char *severity = nw_str(a, "negwatch.severity");
	bool bad = strcmp(severity, "critical") == 0;
	bool warn = strcmp(severity, "warning") == 0 || strcmp(severity, "error") == 0;
	char when[NW_TIME_TEXT], server[80];

	printf("%s %salert %llu%s: %s (rule %llu %s, %s)",
	       nw_when_text(cli, when, sizeof(when), nw_str(a, "timestamp")),
	       bad  ? nw_paint(cli, NW_PAINT_BAD) :
	       warn ? nw_paint(cli, NW_PAINT_WARN) :
		      "",
	       (unsigned long long)nw_num(a, "negwatch.alert_id"), bad || warn ? nw_paint_end(cli) : "",
	       nw_str(a, "negwatch.text"), (unsigned long long)nw_num(a, "negwatch.rule"),
	       nw_str(a, "negwatch.name"), severity);
	if (nw_at(a, "src_ip"))
		printf("; client %s port %llu, server %s", nw_str(a, "src_ip"),
		       (unsigned long long)nw_num(a, "src_port"),
		       nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")));
	putchar('\n');
}

/* What is wrong goes first: a narrow terminal cuts off the end. */
static void summary(const struct nw_cli *cli, char *out, size_t size)
{
	const json_t *s, *iface;
	json_t *reply = NULL;
	char when[NW_TIME_TEXT], why[256];
	struct nw_text t;
	size_t i, watched = 0;

	nw_text_init(&t, out, size);
	if (nw_ask_quietly(cli, json_pack("{s:s}", "cmd", "status"), &reply, why, sizeof(why)) != NW_EXIT_OK)
		return;
	s = nw_at(reply, "status");
	json_array_foreach(nw_at(s, "interfaces"), i, iface)
	{
		bool ok = strcmp(nw_str(iface, "state"), "watched") == 0;

		watched += ok;
		if (!ok)
			nw_text_add(&t, "%s NOT WATCHED, ", nw_str(iface, "name"));
	}
	if (nw_num(s, "losses.events"))
		nw_text_add(&t, "%llu EVENTS LOST, ", (unsigned long long)nw_num(s, "losses.events"));
	nw_text_add(&t, "%zu interface%s, %llu connection%s, %llu VALIDATE, %llu alerts", watched,
		    watched == 1 ? "" : "s", (unsigned long long)nw_num(s, "engine.connections_now"),
		    nw_num(s, "engine.connections_now") == 1 ? "" : "s",
		    (unsigned long long)nw_num(s, "engine.validate"),
		    (unsigned long long)nw_num(s, "alerts.since_start"));
	if (*nw_str(s, "alerts.last"))
		nw_text_add(&t, ", last %s", nw_when_text(cli, when, sizeof(when), nw_str(s, "alerts.last")));
	json_decref(reply);
}

static void show_line(const struct watching *w)
{
	struct winsize size = { .ws_col = NW_CLI_WIDTH };
	char text[512];

	summary(w->cli, text, sizeof(text));
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		size.ws_col = NW_CLI_WIDTH;
	printf("\r\033[K%s%.*s%s", nw_paint(w->cli, NW_PAINT_DIM), size.ws_col - 1, text,
	       nw_paint_end(w->cli));
}

static void clear_line(const struct watching *w)
{
	if (w->live)
		printf("\r\033[K");
}

static void tell(const struct watching *w, const json_t *line, uint64_t lost)
{
	clear_line(w);
	if (w->cli->json) {
		json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
		putchar('\n');
	} else if (lost) {
		fflush(stdout);
		fprintf(stderr,
			"negwatch: %llu alerts are not shown, reading was too slow; `negwatch alerts` has "
			"them\n",
			(unsigned long long)lost);
	} else {
		print_alert(w->cli, line);
	}
}

/* line: NULL: none came for a while. */
static int watched(void *arg, const json_t *line)
{
	struct watching *w = arg;
	uint64_t lost = nw_num(line, "lost");
	bool wanted = line && (lost || nw_filter_match(w->cli, &nw_alert_keys, line)), done;

	if (wanted)
		tell(w, line, lost);
	/* Negative: the end that was wished for. */
	done = wanted && !lost && w->cli->limit && ++w->seen >= w->cli->limit;
	if (w->live && !done)
		show_line(w);
	if (fflush(stdout) != 0)
		return NW_EXIT_ERROR;
	return done ? -1 : 0;
}

int nw_cmd_watch(const struct nw_cli *cli, int argc, char **argv)
{
	const char *term = getenv("TERM");
	struct watching w = {
		.cli = cli,
		.live = isatty(STDOUT_FILENO) && !cli->json && !cli->quiet && term && *term &&
			strcmp(term, "dumb") != 0,
	};
	int ret = nw_follow(cli, json_pack("{s:s}", "cmd", "watch"), w.live ? EVERY_MS : 0, watched, &w);

	clear_line(&w);
	return ret;
}
