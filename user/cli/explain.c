// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch explain: the table of rules, for people. Needs no daemon. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"
#include "wrap.h"
#include "../engine/rules.h"
#include "../util/util.h"

#define LABEL 10

static json_t *rule_json(const struct nw_rule *r)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s}", "rule", r->number, "name", r->name, "severity",
			 nw_severity_name(r->severity), "sentence", r->sentence, "explanation",
			 r->explanation, "remedy", r->remedy, "section", r->section);
}

static int explain_all(const struct nw_cli *cli)
{
	static const struct nw_column columns[] = {
		{ "RULE", NW_COL_RIGHT }, { "NAME", 0 }, { "SEVERITY", 0 }, { "MEANING", NW_COL_WRAP }
	};
	struct nw_cli_table *table = nw_cli_table_new(cli, columns, NW_ARRAY_SIZE(columns));

	if (!table)
		return NW_EXIT_ERROR;
	for (size_t i = 0; i < nw_n_rules; i++) {
		const struct nw_rule *r = &nw_rules[i];
		char number[8];

		snprintf(number, sizeof(number), "%u", r->number);
		nw_cli_table_row(table, (const char *const[]){ number, r->name, nw_severity_name(r->severity),
							       r->sentence });
	}
	return nw_cli_table_print(table) < 0 ? NW_EXIT_ERROR : NW_EXIT_OK;
}

static void explain_one(const struct nw_rule *r)
{
	printf("Rule %u  %s (%s)\n", r->number, r->name, nw_severity_name(r->severity));
	nw_wrap(stdout, "", 0, NW_CLI_WIDTH, r->sentence);
	putchar('\n');
	nw_wrap(stdout, "Meaning", LABEL, NW_CLI_WIDTH, r->explanation);
	putchar('\n');
	nw_wrap(stdout, "Remedy", LABEL, NW_CLI_WIDTH, r->remedy);
	if (r->section[0] >= '0' && r->section[0] <= '9')
		printf("\n%-*sMS-SMB2 %s\n", LABEL, "Standard", r->section);
}

/* The rule of that number or name; NULL if there is none. */
static const struct nw_rule *find(const char *what)
{
	for (size_t i = 0; i < nw_n_rules; i++) {
		char number[8];

		snprintf(number, sizeof(number), "%u", nw_rules[i].number);
		if (strcmp(number, what) == 0 || strcmp(nw_rules[i].name, what) == 0)
			return &nw_rules[i];
	}
	return NULL;
}

int nw_cmd_explain(const struct nw_cli *cli, int argc, char **argv)
{
	const struct nw_rule *one = argc > 1 ? find(argv[1]) : NULL;
	json_t *list;
	int ret;

	if (argc > 1 && !one) {
		fprintf(stderr, "negwatch: there is no rule \"%s\"; `negwatch explain` lists them\n",
			argv[1]);
		return NW_EXIT_ERROR;
	}
	if (!cli->json && !one)
		return explain_all(cli);
	if (!cli->json) {
		explain_one(one);
		return NW_EXIT_OK;
	}
	list = json_array();
	for (size_t i = 0; i < nw_n_rules; i++)
		if (!one || one == &nw_rules[i])
			json_array_append_new(list, rule_json(&nw_rules[i]));
	ret = nw_print_json("rules", list);
	json_decref(list);
	return ret;
}
