// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Command lines: what is set, what is refused, and where the arguments begin. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/util/options.h"
#include "../../user/util/util.h"

struct settings {
	bool json, all;
	const char *client;
	uint64_t limit;
};

static const struct nw_option table[] = {
	{ 'j', "json", NULL, NULL, "", offsetof(struct settings, json), nw_option_flag },
	{ 0, "all", NULL, "read", "", offsetof(struct settings, all), nw_option_flag },
	{ 'c', "client", "ADDRESS", "alerts flows", "", offsetof(struct settings, client), nw_option_text },
	{ 'l', "limit", "N", "alerts reads", "", offsetof(struct settings, limit), nw_option_number },
};

/* A command line of words; what it leads to, as text; the rest from its first argument on. */
static const struct {
	const char *scope, *words, *want;
	bool first_only;
} rows[] = {
	{ "alerts", "x --limit 3 -jc 1.2.3.4 ID", "1 0 1.2.3.4 3 |ID", false },
	{ "alerts", "x --limit=18446744073709551616", "refused", false },
	{ "alerts", "x --limit 0", "refused", false },
	{ "alerts", "x --limit -1", "refused", false },
	{ "alerts", "x --limit 3x", "refused", false },
	{ "alerts", "x --limit", "refused", false },
	{ "alerts", "x -l", "refused", false },
	{ "alerts", "x --all", "refused", false },
	{ "alerts", "x ID --json", "1 0 - 0 |ID", false },
	{ "alerts", "x ID -- --json", "0 0 - 0 |ID --json", false },
	/* A part of a command's name is another command. */
	{ "read", "x --all A B", "0 1 - 0 |A B", false },
	{ "read", "x --limit 3", "refused", false },
	{ "flow", "x -c 1", "refused", false },
	/* Before the command: its own options are not yet known. */
	{ NULL, "x --json alerts --limit 3", "1 0 - 0 |alerts --limit 3", true },
	{ NULL, "x --limit 3 alerts", "refused", true },
	{ NULL, "x", "0 0 - 0 |", true },
};

static void each_command_line(void **state)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct settings s = { 0 };
		char words[128], *argv[16], got[160] = "refused", *at;
		int argc = 0, first;

		strcpy(words, rows[i].words);
		for (at = strtok(words, " "); at; at = strtok(NULL, " "))
			argv[argc++] = at;
		argv[argc] = NULL;
		first = nw_options_parse(table, NW_ARRAY_SIZE(table), "x", rows[i].scope, rows[i].first_only,
					 &s, argc, argv);
		if (first >= 0) {
			snprintf(got, sizeof(got), "%d %d %s %llu |", s.json, s.all,
				 s.client ? s.client : "-", (unsigned long long)s.limit);
			for (int k = first; k < argc; k++)
				snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
					 k > first ? " " : "", argv[k]);
		} else {
			assert_int_equal(first, -EINVAL);
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s, it has to be %s", rows[i].words, got, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_command_line) };

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
