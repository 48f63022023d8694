// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pieces of the bash completion, from the tables of commands, options, keys and rules. */
#include <string.h>

#include "doc.h"
#include "../cli/cli.h"
#include "../daemon/config.h"
#include "../daemon/daemon.h"
#include "../engine/rules.h"

void nw_doc_bash_commands(FILE *out)
{
	fputs("_negwatch_commands='", out);
	for (size_t i = 0; i < nw_n_commands; i++)
		fprintf(out, "%s%s", i ? " " : "", nw_commands[i].name);
	fputs("'\n", out);
}

static void options(FILE *out, const char *command)
{
	for (size_t i = 0; i < nw_n_cli_options; i++)
		if (nw_option_applies(&nw_cli_options[i], command))
			fprintf(out, " --%s", nw_cli_options[i].name);
}

void nw_doc_bash_options(FILE *out)
{
	for (size_t i = 0; i < nw_n_commands; i++) {
		fprintf(out, "        %s) printf '%%s'    '", nw_commands[i].name);
		options(out, nw_commands[i].name);
		fputs("' ;;\n", out);
	}
	fputs("        *) printf '%s'    '", out);
	options(out, NULL);
	fputs("' ;;\n", out);
}

/* Whether an option before this one has the letter, for other commands. */
static bool letter_taken(const struct nw_option *table, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (table[i].arg && table[i].letter == table[at].letter)
			return true;
	return false;
}

/* -x|--name) kind ;; for those of the table that take a value. */
static void values(FILE *out, const struct nw_option *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!table[i].arg)
			continue;
		fputs("        ", out);
		if (table[i].letter && !letter_taken(table, i))
			fprintf(out, "-%c | ", table[i].letter);
		fprintf(out, "--%s) echo %s ;;\n", table[i].name, table[i].arg);
	}
}

void nw_doc_bash_values(FILE *out)
{
	values(out, nw_cli_options, nw_n_cli_options);
}

void nw_doc_bash_daemon_options(FILE *out)
{
	fputs("_negwatchd_options='", out);
	for (size_t i = 0; i < nw_n_daemon_options; i++)
		fprintf(out, "%s--%s", i ? " " : "", nw_daemon_options[i].name);
	fputs("'\n", out);
}

void nw_doc_bash_keys(FILE *out)
{
	struct nw_config_key k;

	fputs("_negwatchd_keys='", out);
	for (size_t i = 0; nw_config_key_at(i, &k); i++)
		fprintf(out, "%s%s=", i ? " " : "", k.key);
	fputs("'\n", out);
}

void nw_doc_bash_rules(FILE *out)
{
	fputs("_negwatch_rules='", out);
	for (size_t i = 0; i < nw_n_rules; i++)
		fprintf(out, "%s%u %s", i ? " " : "", nw_rules[i].number, nw_rules[i].name);
	fputs("'\n", out);
}
