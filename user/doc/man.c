// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pieces of manual pages in man(7), from the tables of commands, options, keys and rules. */
#include <ctype.h>
#include <string.h>

#include "doc.h"
#include "../cli/cli.h"
#include "../daemon/config.h"
#include "../daemon/daemon.h"
#include "../engine/rules.h"
#include "../util/log.h"
#include "../util/util.h"

/* Text on one line: runs of white space are one space, what roff would read is escaped. */
static void put(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (isspace((unsigned char)*text)) {
			while (isspace((unsigned char)text[1]))
				text++;
			putc(' ', out);
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else if (*text == '-') {
			fputs("\\-", out);
		} else if (*text == '"') {
			fputs("\\(dq", out);
		} else {
			putc(*text, out);
		}
	}
}

static void put_line(FILE *out, const char *text)
{
	put(out, text);
	putc('\n', out);
}

/* Paragraphs that blank lines separate. */
static void put_paragraphs(FILE *out, const char *text)
{
	for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
		_cleanup_free_ char *one = strndup(text, (size_t)(end - text));

		put_line(out, one ? one : "");
		fputs(".IP\n", out);
	}
	put_line(out, text);
}

static void option(FILE *out, const struct nw_option *o)
{
	fputs(".TP\n\\fB", out);
	if (o->letter)
		fprintf(out, "\\-%c\\fR, \\fB", o->letter);
	fputs("\\-\\-", out);
	put(out, o->name);
	fputs("\\fR", out);
	if (o->arg) {
		fputs(" \\fI", out);
		put(out, o->arg);
		fputs("\\fR", out);
	}
	putc('\n', out);
	put_line(out, o->help);
}

void nw_doc_commands(FILE *out)
{
	for (size_t i = 0; i < nw_n_commands; i++) {
		const struct nw_command *c = &nw_commands[i];

		fputs(".SS \"", out);
		put(out, c->name);
		if (*c->args) {
			putc(' ', out);
			put(out, c->args);
		}
		fputs("\"\n", out);
		put_line(out, c->help);
		for (size_t n = 0; n < nw_n_cli_options; n++)
			if (nw_cli_options[n].scope && nw_option_applies(&nw_cli_options[n], c->name))
				option(out, &nw_cli_options[n]);
	}
}

void nw_doc_options(FILE *out)
{
	for (size_t i = 0; i < nw_n_cli_options; i++)
		if (nw_option_applies(&nw_cli_options[i], NULL))
			option(out, &nw_cli_options[i]);
}

void nw_doc_daemon_options(FILE *out)
{
	for (size_t i = 0; i < nw_n_daemon_options; i++)
		option(out, &nw_daemon_options[i]);
}

/* What the key takes, as the error message for a wrong value asks for it; "" if nothing is wrong for it. */
static const char *takes(const char *key, char why[512])
{
	static const char mark[] = ": expected ";
	static const char *const wrong[] = { "", "\001" };
	struct nw_config cfg;

	nw_config_defaults(&cfg);
	for (size_t i = 0; i < NW_ARRAY_SIZE(wrong); i++) {
		const char *at;

		if (nw_config_set(&cfg, key, wrong[i], why, 512) < 0 && (at = strstr(why, mark)))
			return at + sizeof(mark) - 1;
	}
	return "";
}

void nw_doc_keys(FILE *out)
{
	struct nw_config_key k;
	char why[512];

	for (size_t i = 0; nw_config_key_at(i, &k); i++) {
		const char *what = takes(k.key, why);

		fputs(".TP\n\\fB", out);
		put(out, k.key);
		fputs("\\fR = \\fI", out);
		put(out, k.initial);
		fputs("\\fR\n", out);
		put(out, k.help);
		fputs(".\n", out);
		if (*what) {
			fputs("Takes ", out);
			put(out, what);
			fputs(".\n", out);
		}
		if (k.restart)
			fputs("A change takes effect at the next start.\n", out);
	}
}

void nw_doc_rules(FILE *out)
{
	for (size_t i = 0; i < nw_n_rules; i++) {
		const struct nw_rule *r = &nw_rules[i];

		fprintf(out, ".TP\n\\fB%u ", r->number);
		put(out, r->name);
		fprintf(out, "\\fR (%s)\n", nw_severity_name(r->severity));
		put_line(out, r->sentence);
		fputs(".IP\n", out);
		put_paragraphs(out, r->explanation);
	}
}
