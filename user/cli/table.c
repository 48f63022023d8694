// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables for people, by libsmartcols. */
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <unistd.h>

#include "table.h"

struct nw_cli_table {
	struct libscols_table *tb;
	unsigned int n;
	int err;
};

struct nw_cli_table *nw_cli_table_new(const struct nw_column *columns, unsigned int n, bool no_headings)
{
	struct nw_cli_table *t = calloc(1, sizeof(*t));
	bool tty = isatty(STDOUT_FILENO);

	if (!t)
		return NULL;
	t->n = n;
	t->tb = scols_new_table();
	if (!t->tb) {
		free(t);
		return NULL;
	}
	scols_table_enable_noheadings(t->tb, no_headings);
	for (unsigned int i = 0; i < n; i++) {
		int flags = columns[i].flags == NW_COL_RIGHT ? SCOLS_FL_RIGHT : 0;

		if (columns[i].flags == NW_COL_WRAP && tty)
			flags = SCOLS_FL_WRAP;
		if (!scols_table_new_column(t->tb, columns[i].name, 0, flags))
			t->err = -ENOMEM;
	}
	return t;
}

void nw_cli_table_row(struct nw_cli_table *t, const char *const *values)
{
	struct libscols_line *line = scols_table_new_line(t->tb, NULL);

	if (!line) {
		t->err = -ENOMEM;
		return;
	}
	for (unsigned int i = 0; i < t->n; i++)
		if (scols_line_set_data(line, i, values[i]) < 0)
			t->err = -ENOMEM;
}

int nw_cli_table_print(struct nw_cli_table *t)
{
	int err = t->err;

	if (!err && scols_print_table(t->tb) < 0)
		err = -ENOMEM;
	scols_unref_table(t->tb);
	free(t);
	return err;
}
