/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables for people, by libsmartcols: as wide as the terminal; into a pipe one line per row, uncut. */
#ifndef NW_TABLE_CLI_H
#define NW_TABLE_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "cli.h"

#define NW_COLUMNS_MAX 16

struct nw_column {
	const char *name;
	enum {
		NW_COL_LEFT = 0,
		NW_COL_RIGHT = 1,
		NW_COL_WRAP = 2,  /* may take several lines */
		NW_COL_EXTRA = 4, /* only shown when it is asked for */
		/* Unless asked for, on a terminal that is too narrow for all ... */
		NW_COL_SPARE = 8,  /* ... left out */
		NW_COL_SAME = 16,  /* ... told once, above the table, if all rows say the same; tried first */
		NW_COL_WHOLE = 32, /* wrapped only where it does not suffice to wrap the others */
	} flags;
};

struct nw_cli_table;

/*
 * columns (at most NW_COLUMNS_MAX) have to outlive the table; shown are those of cli->columns, or all but the
 * extra ones. NULL after having said why on stderr: no memory, or no such column.
 */
struct nw_cli_table *nw_cli_table_new(const struct nw_cli *cli, const struct nw_column *columns,
				      unsigned int n);

/* "id, time, ...": what -o takes, for help. */
void nw_columns_print(FILE *out, const struct nw_column *columns, unsigned int n);

/* One value per column, shown or not, copied; an empty one stays empty. */
void nw_cli_table_row(struct nw_cli_table *t, const char *const *values);

/* Colours the row that was added last. */
void nw_cli_table_paint(struct nw_cli_table *t, enum nw_cli_paint paint);

/* Prints and frees. 0, -ENOMEM or -EIO. */
int nw_cli_table_print(struct nw_cli_table *t);

#endif
