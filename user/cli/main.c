// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the table of commands; help and dispatch are made from it. The options: options.c. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "wrap.h"
#include "../util/util.h"

const struct nw_command nw_commands[] = {
	{ "status", "", 0, 0, nw_cmd_status, "the daemon at a glance: hooks, flows, alerts, losses, syslog",
	  NULL },
	{ "alerts", "", 0, 0, nw_cmd_alerts, "the last alerts, one line each", NULL },
	{ "show", "ID", 1, 1, nw_cmd_show, "one alert: both exchanges side by side, its meaning, the remedy",
	  NULL },
	{ "flows", "", 0, 0, nw_cmd_flows, "connections that are followed, and those that ended just now",
	  NULL },
	{ "peers", "", 0, 0, nw_cmd_peers,
	  "clients over all their connections: what they run on, who validates", NULL },
	{ "watch", "", 0, 0, nw_cmd_watch, "alerts as they happen", NULL },
	{ "explain", "[RULE]", 0, 1, nw_cmd_explain, "what a rule means and what to do; all rules", NULL },
	{ "stats", "", 0, 0, nw_cmd_stats, "counters of the kernel programs", NULL },
	{ "read", "FILE...", 1, INT_MAX, nw_cmd_read,
	  "look for the same in capture files (pcap, pcapng, also .gz; - is standard input); needs no daemon",
	  nw_help_read },
	{ "locate", "FILE...", 1, INT_MAX, nw_cmd_locate,
	  "where on the path was it changed? Captures and journals of several places; needs no daemon",
	  nw_help_locate },
	{ "doctor", "[INTERFACE...]", 0, 64, nw_cmd_doctor,
	  "what negwatchd needs: is it there? Attaches nothing; needs no daemon", nw_help_doctor },
};

const size_t nw_n_commands = NW_ARRAY_SIZE(nw_commands);

static void print_options(const char *scope)
{
	for (size_t i = 0; i < nw_n_cli_options; i++) {
		char left[40];

		if (nw_option_applies(&nw_cli_options[i], scope))
			nw_wrap(stdout, nw_option_left(left, &nw_cli_options[i]), 25, NW_CLI_WIDTH,
				nw_cli_options[i].help);
	}
}

static void help(const struct nw_command *cmd)
{
	if (cmd) {
		printf("usage: negwatch %s%s%s [OPTION]...\n", cmd->name, *cmd->args ? " " : "", cmd->args);
		nw_wrap(stdout, "", 0, NW_CLI_WIDTH, cmd->help);
		printf("\n");
		print_options(cmd->name);
		if (cmd->more_help)
			cmd->more_help();
		return;
	}
	printf("usage: negwatch [OPTION]... COMMAND [ARGUMENT]...\n"
	       "Who changed the SMB2 NEGOTIATE? Asks negwatchd, or reads captures.\n\n");
	for (size_t i = 0; i < nw_n_commands; i++) {
		char left[40];

		snprintf(left, sizeof(left), "  %s %s", nw_commands[i].name, nw_commands[i].args);
		nw_wrap(stdout, left, 25, NW_CLI_WIDTH, nw_commands[i].help);
	}
	printf("\n");
	print_options(NULL);
	printf("\nMore on a command: negwatch COMMAND --help\n"
	       "Exit: 0 done, 1 refused or not found, 2 usage, 3 no daemon to talk to\n"
	       "(read, locate and doctor: see their help).\n");
}

/* How many letters have to be changed, added or removed; two neighbours that changed places count as one. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[24][24];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 22 || lb > 22)
		return 99;
	for (size_t i = 0; i <= la; i++)
		for (size_t j = 0; j <= lb; j++) {
			unsigned int best = (unsigned int)(i + j);

			if (i && d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (j && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i && j && d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
				best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[la][lb];
}

static const struct nw_command *find_command(const char *name)
{
	const struct nw_command *closest = NULL;
	unsigned int best = 3;

	for (size_t i = 0; i < nw_n_commands; i++) {
		unsigned int d = distance(nw_commands[i].name, name);

		if (!d)
			return &nw_commands[i];
		if (d < best) {
			best = d;
			closest = &nw_commands[i];
		}
	}
	fprintf(stderr, "negwatch: there is no command \"%s\"", name);
	if (closest)
		fprintf(stderr, "; did you mean \"%s\"?\n", closest->name);
	else
		fprintf(stderr, "; `negwatch --help` lists them\n");
	return NULL;
}

static int usage(const struct nw_command *cmd)
{
	fprintf(stderr, cmd ? "Try: negwatch %s --help\n" : "Try: negwatch --help\n", cmd ? cmd->name : "");
	return NW_EXIT_USAGE;
}

/* Options before the command (cmd NULL), or behind it: 0 and *at, or what to end with, as nw_cli_exit. */
static bool parse(struct nw_cli *cli, const struct nw_command *cmd, int argc, char **argv, int *at)
{
	char who[40];

	snprintf(who, sizeof(who), "negwatch%s%s", cmd ? " " : "", cmd ? cmd->name : "");
	*at = nw_options_parse(nw_cli_options, nw_n_cli_options, who, cmd ? cmd->name : NULL, !cmd, cli, argc,
			       argv);
	if (*at < 0) {
		*at = NW_EXIT_USAGE;
		return false;
	}
	if (!cli->help && !cli->version)
		return true;
	if (cli->help)
		help(cmd);
	else
		printf("negwatch " NW_VERSION "\n");
	*at = NW_EXIT_OK;
	return false;
}

int main(int argc, char **argv)
{
	struct nw_cli cli = { .socket = NW_CLI_SOCKET, .ports = { 2, { 445, 139 } } };
	const struct nw_command *cmd;
	int at, n;

	if (!parse(&cli, NULL, argc, argv, &at))
		return at;
	if (at == argc) {
		fprintf(stderr, "negwatch: a command is missing\n");
		return usage(NULL);
	}
	argc -= at;
	argv += at;
	cmd = find_command(argv[0]);
	if (!cmd)
		return NW_EXIT_USAGE;
	if (!parse(&cli, cmd, argc, argv, &at))
		return at;
	n = argc - at;
	if (n < cmd->min_args || n > cmd->max_args) {
		fprintf(stderr, "negwatch %s: expected %s\n", cmd->name,
			*cmd->args ? cmd->args : "no arguments");
		return usage(cmd);
	}
	/* The command's name takes the place before its arguments. */
	argv[at - 1] = (char *)cmd->name;
	return cmd->run(&cli, n + 1, argv + at - 1);
}
