// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* nwdoc: copies a template from standard input to standard output; a line "@name@" becomes what its writer
 * writes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "../util/util.h"

static const struct {
	const char *name;
	void (*write)(FILE *out);
} pieces[] = {
	{ "commands", nw_doc_commands },
	{ "options", nw_doc_options },
	{ "daemon-options", nw_doc_daemon_options },
	{ "keys", nw_doc_keys },
	{ "rules", nw_doc_rules },
	{ "bash-commands", nw_doc_bash_commands },
	{ "bash-options", nw_doc_bash_options },
	{ "bash-values", nw_doc_bash_values },
	{ "bash-daemon-options", nw_doc_bash_daemon_options },
	{ "bash-keys", nw_doc_bash_keys },
	{ "bash-rules", nw_doc_bash_rules },
	{ "catalog", nw_doc_catalog },
};

/* The line's piece; false if it is just text. */
static bool write_piece(const char *line)
{
	size_t len = strcspn(line, "\n");

	for (size_t i = 0; i < NW_ARRAY_SIZE(pieces); i++)
		if (len == strlen(pieces[i].name) + 2 && line[0] == '@' && line[len - 1] == '@' &&
		    memcmp(line + 1, pieces[i].name, len - 2) == 0) {
			pieces[i].write(stdout);
			return true;
		}
	return false;
}

/* A line of text; @version@ in it is the version. */
static void write_text(const char *line)
{
	static const char mark[] = "@version@";
	const char *at;

	while ((at = strstr(line, mark))) {
		fwrite(line, 1, (size_t)(at - line), stdout);
		fputs(NW_VERSION, stdout);
		line = at + sizeof(mark) - 1;
	}
	fputs(line, stdout);
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) >= 0) {
		if (write_piece(line))
			continue;
		if (line[0] == '@') {
			fprintf(stderr, "nwdoc: nothing is called %s", line);
			return 1;
		}
		write_text(line);
	}
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
