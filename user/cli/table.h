/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables for people, by libsmartcols: as wide as the terminal; into a pipe one line per row, uncut. */
#ifndef NW_TABLE_CLI_H
#define NW_TABLE_CLI_H

#include <stdbool.h>

struct nw_column {
	const char *name;
	enum { NW_COL_LEFT = 0, NW_COL_RIGHT = 1, NW_COL_WRAP = 2 } flags; /* WRAP: may take several lines */
};

struct nw_cli_table;

/* columns (at most 8) have to outlive the table. NULL without memory. */
struct nw_cli_table *nw_cli_table_new(const struct nw_column *columns, unsigned int n, bool no_headings);

/* One value per column, copied; an empty one stays empty. */
void nw_cli_table_row(struct nw_cli_table *t, const char *const *values);

/* Prints and frees. 0, -ENOMEM or -EIO. */
int nw_cli_table_print(struct nw_cli_table *t);

#endif
