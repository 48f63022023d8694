// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the table of commands; help and dispatch are made from it. The options: options.c. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "wrap.h"
#include "../util/closest.h"
#include "../util/time.h"
#include "../util/util.h"

const struct nw_command nw_commands[] = {
	{ "status", "", 0, 0, nw_cmd_status, "the daemon at a glance: hooks, flows, alerts, losses, syslog",
	  NULL },
	{ "alerts", "", 0, 0, nw_cmd_alerts, "the last alerts, one line each", nw_help_alerts },
	{ "show", "ID", 1, 1, nw_cmd_show, "one alert: both exchanges side by side, its meaning, the remedy",
	  NULL },
	{ "evidence", "ID", 1, 1, nw_cmd_evidence, "the packets behind an alert, as a pcapng file",
	  nw_help_evidence },
	{ "flows", "", 0, 0, nw_cmd_flows, "connections that are followed, and those that ended just now",
	  nw_help_flows },
	{ "peers", "", 0, 0, nw_cmd_peers,
	  "clients over all their connections: what they run on, who validates", nw_help_peers },
	{ "watch", "", 0, 0, nw_cmd_watch, "alerts as they happen", NULL },
	{ "explain", "[RULE]", 0, 1, nw_cmd_explain, "what a rule means and what to do; all rules", NULL },
	{ "stats", "", 0, 0, nw_cmd_stats, "counters of the kernel programs", NULL },
	{ "metrics", "", 0, 0, nw_cmd_metrics, "all counters as Prometheus text", NULL },
	{ "check", "", 0, 0, nw_cmd_check, "one line and an exit code for Nagios, Icinga and their like",
	  nw_help_check },
	{ "reload", "", 0, 0, nw_cmd_reload, "let negwatchd read its configuration again (root)", NULL },
	{ "replay", "", 0, 0, nw_cmd_replay,
	  "send alerts of the journal to syslog again, with replayed=1 (root)", NULL },
	{ "test-alert", "", 0, 0, nw_cmd_test_alert, "make a test alert, to see where alerts arrive (root)",
	  NULL },
	{ "read", "FILE...", 1, INT_MAX, nw_cmd_read,
	  "look for the same in capture files (pcap, pcapng, also .gz; - is standard input); needs no daemon",
	  nw_help_read },
	{ "report", "[ID | FILE...]", 0, INT_MAX, nw_cmd_report,
	  "a page (HTML, for a ticket) about one alert, about captures, or with --since about all alerts",
	  nw_help_report },
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
	       "(read, locate, doctor and check: see their help).\n");
}

static const struct nw_command *find_command(const char *name)
{
	struct nw_closest closest = { .word = name };
	char meant[64];

	for (size_t i = 0; i < nw_n_commands; i++) {
		if (strcmp(nw_commands[i].name, name) == 0)
			return &nw_commands[i];
		nw_closest_try(&closest, nw_commands[i].name);
	}
	fprintf(stderr, "negwatch: there is no command \"%s\"%s\n", name,
		closest.best ? nw_closest_text(meant, sizeof(meant), &closest) :
			       "; `negwatch --help` lists them");
	return NULL;
}

/* `negwatch help [COMMAND]`: what one types to a program that one doesn't know yet. */
static int help_on(const char *name)
{
	const struct nw_command *cmd = name ? find_command(name) : NULL;

	if (name && !cmd)
		return NW_EXIT_USAGE;
	help(cmd);
	return NW_EXIT_OK;
}

/* What a wrong command line ends with: a monitoring plugin's 2 would be an alarm. */
static int usage_exit(const struct nw_command *cmd)
{
	return cmd && cmd->run == nw_cmd_check ? NW_EXIT_UNREACHABLE : NW_EXIT_USAGE;
}

static int usage(const struct nw_command *cmd)
{
	fprintf(stderr, cmd ? "Try: negwatch %s --help\n" : "Try: negwatch --help\n", cmd ? cmd->name : "");
	return usage_exit(cmd);
}

/* Options before the command (cmd NULL), or behind it: 0 and *at, or what to end with, as nw_cli_exit. */
static bool parse(struct nw_cli *cli, const struct nw_command *cmd, int argc, char **argv, int *at)
{
	char who[40];

	snprintf(who, sizeof(who), "negwatch%s%s", cmd ? " " : "", cmd ? cmd->name : "");
	*at = nw_options_parse(nw_cli_options, nw_n_cli_options, who, cmd ? cmd->name : NULL, !cmd, cli, argc,
			       argv);
	if (*at < 0) {
		*at = usage_exit(cmd);
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
	struct nw_cli cli = { .socket = NW_CLI_SOCKET,
			      .since_wall = INT64_MIN,
			      .ports = { 2, { 445, 139 } } };
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
	if (strcmp(argv[0], "help") == 0)
		return help_on(argv[1]);
	cmd = find_command(argv[0]);
	if (!cmd)
		return NW_EXIT_USAGE;
	if (!parse(&cli, cmd, argc, argv, &at))
		return at;
	n = argc - at;
	if (n < cmd->min_args || n > cmd->max_args) {
		fprintf(stderr, "negwatch %s: ", cmd->name);
		if (n > cmd->max_args)
			fprintf(stderr, "\"%s\" is too much, ", argv[at + cmd->max_args]);
		fprintf(stderr, "expected %s\n", *cmd->args ? cmd->args : "no arguments");
		return usage(cmd);
	}
	if (cli.since)
		nw_time_since(cli.since, nw_wall(), cli.utc, &cli.since_wall);
	nw_color_settle(&cli);
	/* The command's name takes the place before its arguments. */
	argv[at - 1] = (char *)cmd->name;
	return cmd->run(&cli, n + 1, argv + at - 1);
}
