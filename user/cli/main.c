// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the tables of commands and options; help, parsing and dispatch are made from them. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "wrap.h"
#include "../util/util.h"

static int run_read(const struct nw_cli *cli, int argc, char **argv);

static const struct command {
	const char *name;
	const char *args;
	int min_args, max_args;
	int (*run)(const struct nw_cli *cli, int argc, char **argv);
	const char *help;
	void (*more_help)(void); /* NULL: the options are all */
} commands[] = {
	{ "status", "", 0, 0, nw_cmd_status, "the daemon at a glance: hooks, flows, alerts, losses, syslog",
	  NULL },
	{ "alerts", "", 0, 0, nw_cmd_alerts, "the last alerts, one line each", NULL },
	{ "show", "ID", 1, 1, nw_cmd_show, "one alert: both exchanges side by side, its meaning, the remedy",
	  NULL },
	{ "flows", "", 0, 0, nw_cmd_flows, "connections that are followed, and those that ended just now",
	  NULL },
	{ "watch", "", 0, 0, nw_cmd_watch, "alerts as they happen", NULL },
	{ "explain", "[RULE]", 0, 1, nw_cmd_explain, "what a rule means and what to do; all rules", NULL },
	{ "stats", "", 0, 0, nw_cmd_stats, "counters of the kernel programs", NULL },
	{ "read", "FILE...", 0, -1, run_read, "look for the same in capture files; needs no daemon", NULL },
	{ "locate", "FILE...", 1, -1, nw_cmd_locate,
	  "where on the path was it changed? Captures and journals of several places; needs no daemon",
	  nw_help_locate },
	{ "doctor", "[INTERFACE...]", 0, 64, nw_cmd_doctor,
	  "what negwatchd needs: is it there? Attaches nothing; needs no daemon", nw_help_doctor },
};

static const struct option_row {
	char letter;
	const char *name;
	const char *arg;      /* NULL: none */
	const char *commands; /* NULL: all */
	const char *help;
} options[] = {
	{ 's', "socket", "PATH", NULL, "the daemon's control socket (default " NW_CLI_SOCKET ")" },
	{ 'j', "json", NULL, NULL, "print JSON" },
	{ 'n', "no-headings", NULL, NULL, "tables without their first line" },
	{ 'u', "utc", NULL, NULL, "times in UTC instead of local time" },
	{ 'q', "quiet", NULL, NULL, "no remarks, only results" },
	{ 'h', "help", NULL, NULL, "print help and exit; also behind a command" },
	{ 'V', "version", NULL, NULL, "print the version and exit" },
	{ 'l', "limit", "N", "alerts flows watch", "only the newest N; watch: end after N" },
	{ 'c', "client", "ADDRESS", "alerts flows watch", "only those of this client" },
	{ 'C', "config", "FILE", "doctor",
	  "negwatchd's configuration (default /etc/negwatch/negwatchd.conf)" },
	{ 'k', "cost", NULL, "doctor", "measure what the programs cost on this host; takes some seconds" },
	{ 'S', "since", "ID", "alerts", "only alerts with a higher number" },
};

#define N_OPTIONS NW_ARRAY_SIZE(options)

static bool applies(const struct option_row *o, const struct command *cmd)
{
	return !o->commands || (cmd && strstr(o->commands, cmd->name));
}

static void print_options(const struct command *cmd)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char left[40];

		if (!applies(&options[i], cmd))
			continue;
		snprintf(left, sizeof(left), "  -%c, --%s %s", options[i].letter, options[i].name,
			 options[i].arg ? options[i].arg : "");
		nw_wrap(stdout, left, 25, NW_CLI_WIDTH, options[i].help);
	}
}

static void help(const struct command *cmd)
{
	if (cmd) {
		printf("usage: negwatch %s%s%s [OPTION]...\n", cmd->name, *cmd->args ? " " : "", cmd->args);
		nw_wrap(stdout, "", 0, NW_CLI_WIDTH, cmd->help);
		printf("\n");
		print_options(cmd);
		if (cmd->more_help)
			cmd->more_help();
		return;
	}
	printf("usage: negwatch [OPTION]... COMMAND [ARGUMENT]...\n"
	       "Who changed the SMB2 NEGOTIATE? Asks negwatchd, or reads captures.\n\n");
	for (size_t i = 0; i < NW_ARRAY_SIZE(commands); i++) {
		char left[40];

		snprintf(left, sizeof(left), "  %s %s", commands[i].name, commands[i].args);
		nw_wrap(stdout, left, 25, NW_CLI_WIDTH, commands[i].help);
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

static const struct command *find_command(const char *name)
{
	const struct command *closest = NULL;
	unsigned int best = 3;

	for (size_t i = 0; i < NW_ARRAY_SIZE(commands); i++) {
		unsigned int d = distance(commands[i].name, name);

		if (!d)
			return &commands[i];
		if (d < best) {
			best = d;
			closest = &commands[i];
		}
	}
	fprintf(stderr, "negwatch: there is no command \"%s\"", name);
	if (closest)
		fprintf(stderr, "; did you mean \"%s\"?\n", closest->name);
	else
		fprintf(stderr, "; `negwatch --help` lists them\n");
	return NULL;
}

static int parse_number(const char *name, const char *text, uint64_t *out)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !n || n > INT64_MAX) {
		fprintf(stderr, "negwatch: --%s %s: expected a number from 1 on\n", name, text);
		return -EINVAL;
	}
	*out = n;
	return 0;
}

enum parsed { PARSED, PARSED_HELP, PARSED_VERSION, PARSED_WRONG };

/* Options up to the command (cmd NULL), or behind it; getopt's optind says how far it came. */
static enum parsed parse(struct nw_cli *cli, const struct command *cmd, int argc, char **argv)
{
	struct option longs[N_OPTIONS + 1] = { 0 };
	char letters[2 * N_OPTIONS + 2] = "";
	int c, n = 0, used = 0;

	if (!cmd)
		letters[n++] = '+';
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (!applies(&options[i], cmd))
			continue;
		longs[used++] =
			(struct option){ options[i].name, options[i].arg ? required_argument : no_argument,
					 NULL, options[i].letter };
		letters[n++] = options[i].letter;
		if (options[i].arg)
			letters[n++] = ':';
	}
	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		switch (c) {
		case 's':
			cli->socket = optarg;
			break;
		case 'j':
			cli->json = true;
			break;
		case 'n':
			cli->no_headings = true;
			break;
		case 'u':
			cli->utc = true;
			break;
		case 'q':
			cli->quiet = true;
			break;
		case 'c':
			cli->client = optarg;
			break;
		case 'k':
			cli->cost = true;
			break;
		case 'C':
			cli->config = optarg;
			break;
		case 'l':
			if (parse_number("limit", optarg, &cli->limit) < 0)
				return PARSED_WRONG;
			break;
		case 'S':
			if (parse_number("since", optarg, &cli->since) < 0)
				return PARSED_WRONG;
			break;
		case 'h':
			return PARSED_HELP;
		case 'V':
			return PARSED_VERSION;
		default:
			return PARSED_WRONG;
		}
	}
	return PARSED;
}

/* It has options of its own, and of the common ones only --json. */
static int run_read(const struct nw_cli *cli, int argc, char **argv)
{
	_cleanup_free_ char **with = calloc((size_t)argc + 2, sizeof(*with));
	int n = 0;

	if (!with)
		return NW_EXIT_USAGE;
	with[n++] = argv[0];
	if (cli->json)
		with[n++] = (char *)"--json";
	for (int i = 1; i < argc; i++)
		with[n++] = argv[i];
	optind = 0;
	return nw_cmd_read(n, with);
}

static int usage(const struct command *cmd)
{
	fprintf(stderr, cmd ? "Try: negwatch %s --help\n" : "Try: negwatch --help\n", cmd ? cmd->name : "");
	return NW_EXIT_USAGE;
}

/* What help and version have to print; -1 if the command is to run. */
static int settle(enum parsed p, const struct command *cmd)
{
	if (p == PARSED_WRONG)
		return usage(cmd);
	if (p == PARSED_HELP)
		help(cmd);
	if (p == PARSED_VERSION)
		printf("negwatch " NW_VERSION "\n");
	return p == PARSED ? -1 : NW_EXIT_OK;
}

int main(int argc, char **argv)
{
	struct nw_cli cli = { .socket = NW_CLI_SOCKET };
	const struct command *cmd;
	int ret = settle(parse(&cli, NULL, argc, argv), NULL), n;

	if (ret >= 0)
		return ret;
	if (optind == argc) {
		fprintf(stderr, "negwatch: a command is missing\n");
		return usage(NULL);
	}
	argc -= optind;
	argv += optind;
	cmd = find_command(argv[0]);
	if (!cmd)
		return NW_EXIT_USAGE;
	if (cmd->run == run_read)
		return run_read(&cli, argc, argv);
	ret = settle(parse(&cli, cmd, argc, argv), cmd);
	if (ret >= 0)
		return ret;
	/* What is left begins at optind; the command's name takes the place before it. */
	n = argc - optind;
	if (n < cmd->min_args || (cmd->max_args >= 0 && n > cmd->max_args)) {
		fprintf(stderr, "negwatch %s: expected %s\n", cmd->name,
			*cmd->args ? cmd->args : "no arguments");
		return usage(cmd);
	}
	argv[optind - 1] = (char *)cmd->name;
	return cmd->run(&cli, n + 1, argv + optind - 1);
}
