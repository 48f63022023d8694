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

/* COMMAND:-x | COMMAND:--name; command NULL: any. */
static void patterns(FILE *out, const char *command, const struct nw_option *o)
{
	if (!command)
		command = "*";
	if (o->letter)
		fprintf(out, "%s:-%c | ", command, o->letter);
	fprintf(out, "%s:--%s", command, o->name);
}

/* ... kind ;; for those of the table that take a value: what an option means differs from command to command.
 */
static void values(FILE *out, const struct nw_option *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct nw_option *o = &table[i];
		bool any = false;

		if (!o->arg)
			continue;
		fputs("        ", out);
		if (!o->scope)
			patterns(out, NULL, o);
		for (size_t k = 0; o->scope && k < nw_n_commands; k++) {
			if (!nw_option_applies(o, nw_commands[k].name))
				continue;
			fputs(any ? " | " : "", out);
			patterns(out, nw_commands[k].name, o);
			any = true;
		}
		fprintf(out, ") echo %s ;;\n", o->arg);
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
