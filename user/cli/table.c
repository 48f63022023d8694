// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tables for people, by libsmartcols; long cells are broken between words, which it doesn't do itself. */
#include <ctype.h>
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "table.h"
#include "wrap.h"
#include "../util/util.h"

#define CELL_MAX 1024

struct row {
	char *cell[NW_COLUMNS_MAX]; /* owned */
	const char *paint;	    /* "": none */
};

struct nw_cli_table {
	const struct nw_cli *cli;
	const struct nw_column *columns[NW_COLUMNS_MAX];
	unsigned int value[NW_COLUMNS_MAX]; /* which of a row's values is in that column */
	unsigned int n, n_rows;
	struct row *rows;
	int err;
};

/* A column's name as -o takes it: "ended-by". */
static const char *key_of(char out[32], const char *name)
{
	size_t i = 0;

	for (; name[i] && i < 31; i++)
		out[i] = name[i] == ' ' ? '-' : (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
	return out;
}

void nw_columns_print(FILE *out, const struct nw_column *columns, unsigned int n)
{
	char key[32];

	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? ", " : "", key_of(key, columns[i].name));
}

static int no_column(const struct nw_column *columns, unsigned int n, const char *word)
{
	fprintf(stderr, "negwatch: there is no column \"%s\"; there are: ", word);
	nw_columns_print(stderr, columns, n);
	fputc('\n', stderr);
	return -EINVAL;
}

static int choose(struct nw_cli_table *t, const struct nw_column *columns, unsigned int n, const char *wanted)
{
	_cleanup_free_ char *copy = strdup(wanted);
	char *save = NULL, key[32];

	if (!copy)
		return -ENOMEM;
	for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		unsigned int i = 0;

		while (i < n && strcasecmp(key_of(key, columns[i].name), word) != 0)
			i++;
		if (i == n)
			return no_column(columns, n, word);
		if (t->n == NW_COLUMNS_MAX)
			break;
		t->value[t->n] = i;
		t->columns[t->n++] = &columns[i];
	}
	return t->n ? 0 : no_column(columns, n, wanted);
}

struct nw_cli_table *nw_cli_table_new(const struct nw_cli *cli, const struct nw_column *columns,
				      unsigned int n)
{
	struct nw_cli_table *t = calloc(1, sizeof(*t));

	if (!t) {
		fprintf(stderr, "negwatch: out of memory\n");
		return NULL;
	}
	t->cli = cli;
	if (cli->columns && choose(t, columns, n, cli->columns) < 0) {
		free(t);
		return NULL;
	}
	for (unsigned int i = 0; !cli->columns && i < n; i++)
		if (!(columns[i].flags & NW_COL_EXTRA)) {
			t->value[t->n] = i;
			t->columns[t->n++] = &columns[i];
		}
	return t;
}

void nw_cli_table_row(struct nw_cli_table *t, const char *const *values)
{
	struct row *rows = realloc(t->rows, (t->n_rows + 1) * sizeof(*rows));

	if (!rows) {
		t->err = -ENOMEM;
		return;
	}
	t->rows = rows;
	rows[t->n_rows] = (struct row){ .paint = "" };
	for (unsigned int i = 0; i < t->n; i++) {
		rows[t->n_rows].cell[i] = strdup(values[t->value[i]]);
		if (!rows[t->n_rows].cell[i])
			t->err = -ENOMEM;
	}
	t->n_rows++;
}

void nw_cli_table_paint(struct nw_cli_table *t, enum nw_cli_paint paint)
{
	if (t->n_rows)
		t->rows[t->n_rows - 1].paint = nw_paint(t->cli, paint);
}

/* The widest piece that can't be broken: no column is narrowed below it. */
static size_t widest_word(const char *cell)
{
	size_t widest = 0;

	while (*cell) {
		size_t n = strcspn(cell, " -_,:");

		n += cell[n] && cell[n] != ' ';
		if (n > widest)
			widest = n;
		cell += n;
		cell += strspn(cell, " ");
	}
	return widest;
}

/* The table's width with one space between columns; those that are left out have none. */
static size_t total(const struct nw_cli_table *t, const size_t width[NW_COLUMNS_MAX])
{
	size_t sum = 0;

	for (unsigned int i = 0; i < t->n; i++)
		sum += width[i] + (sum && width[i]);
	return sum;
}

static bool all_same(const struct nw_cli_table *t, unsigned int column)
{
	for (unsigned int r = 1; r < t->n_rows; r++)
		if (strcmp(t->rows[r].cell[column], t->rows[0].cell[column]) != 0)
			return false;
	return t->n_rows > 0;
}

/* Whether column a is to be narrowed before b. */
static bool rather(const struct nw_cli_table *t, const size_t width[NW_COLUMNS_MAX], unsigned int a,
		   unsigned int b)
{
	int whole_a = t->columns[a]->flags & NW_COL_WHOLE, whole_b = t->columns[b]->flags & NW_COL_WHOLE;

	return whole_a != whole_b ? !whole_a : width[a] > width[b];
}

/* Narrows the widest of the columns that may be narrowed, until the table fits or can't. */
static void fit(const struct nw_cli_table *t, size_t room, size_t width[NW_COLUMNS_MAX],
		const size_t least[NW_COLUMNS_MAX])
{
	for (unsigned int i = 0; !t->cli->columns && total(t, width) > room && i < t->n; i++)
		if (t->columns[i]->flags & NW_COL_SAME && all_same(t, i))
			width[i] = 0;
	for (unsigned int i = 0; !t->cli->columns && total(t, width) > room && i < t->n; i++)
		if (t->columns[i]->flags & NW_COL_SPARE)
			width[i] = 0;
	while (total(t, width) > room) {
		unsigned int best = t->n;

		for (unsigned int i = 0; i < t->n; i++)
			if (t->columns[i]->flags & NW_COL_WRAP && width[i] > least[i] &&
			    (best == t->n || rather(t, width, i, best)))
				best = i;
		if (best == t->n)
			return;
		width[best]--;
	}
}

/* Natural widths, then what the terminal leaves of them (0: left out). Into a pipe nothing is narrowed. */
static void measure(const struct nw_cli_table *t, size_t room, size_t width[NW_COLUMNS_MAX])
{
	size_t least[NW_COLUMNS_MAX];

	for (unsigned int i = 0; i < t->n; i++) {
		width[i] = least[i] = strlen(t->columns[i]->name);
		for (unsigned int r = 0; r < t->n_rows; r++) {
			const char *cell = t->rows[r].cell[i];

			if (strlen(cell) > width[i])
				width[i] = strlen(cell);
			if (widest_word(cell) > least[i])
				least[i] = widest_word(cell);
		}
	}
	if (isatty(STDOUT_FILENO))
		fit(t, room, width, least);
}

/* The cell with newlines where it has to be broken. */
static void broken(char out[CELL_MAX], const char *cell, size_t width)
{
	size_t used = 0;

	while (*cell && used + width + 2 < CELL_MAX) {
		size_t n = (size_t)nw_wrap_fit(cell, (int)width);

		memcpy(out + used, cell, n);
		used += n;
		cell += n;
		cell += strspn(cell, " ");
		if (*cell)
			out[used++] = '\n';
	}
	out[used] = '\0';
}

static int fill(const struct nw_cli_table *t, struct libscols_table *tb)
{
	size_t width[NW_COLUMNS_MAX];
	char text[CELL_MAX];

	scols_table_enable_noheadings(tb, t->cli->no_headings);
	scols_table_enable_colors(tb, t->cli->colored);
	measure(t, scols_table_get_termwidth(tb), width);
	for (unsigned int i = 0; i < t->n; i++) {
		int flags = t->columns[i]->flags & NW_COL_RIGHT ? SCOLS_FL_RIGHT :
			    t->columns[i]->flags & NW_COL_WRAP	? SCOLS_FL_WRAP :
								  0;
		struct libscols_column *c = scols_table_new_column(tb, t->columns[i]->name, 0, flags);

		if (!c)
			return -ENOMEM;
		if (flags == SCOLS_FL_WRAP)
			scols_column_set_wrapfunc(c, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
		if (flags == SCOLS_FL_WRAP)
			scols_column_set_safechars(c, "\n");
		if (!width[i])
			scols_column_set_flags(c, SCOLS_FL_HIDDEN);
		if (!width[i] && t->columns[i]->flags & NW_COL_SAME && !t->cli->no_headings)
			printf("%s %s\n", t->columns[i]->name, t->rows[0].cell[i]);
	}
	for (unsigned int r = 0; r < t->n_rows; r++) {
		struct libscols_line *line = scols_table_new_line(tb, NULL);

		if (line && *t->rows[r].paint)
			scols_line_set_color(line, t->rows[r].paint);
		for (unsigned int i = 0; i < t->n; i++) {
			broken(text, width[i] ? t->rows[r].cell[i] : "", width[i]);
			if (!line || scols_line_set_data(line, i, text) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void table_free(struct nw_cli_table *t)
{
	for (unsigned int r = 0; r < t->n_rows; r++)
		for (unsigned int i = 0; i < t->n; i++)
			free(t->rows[r].cell[i]);
	free(t->rows);
	free(t);
}

int nw_cli_table_print(struct nw_cli_table *t)
{
	struct libscols_table *tb = t->err ? NULL : scols_new_table();
	int err = t->err ? t->err : tb ? fill(t, tb) : -ENOMEM;

	if (!err && t->n_rows && scols_print_table(tb) < 0)
		err = -EIO;
	scols_unref_table(tb);
	table_free(t);
	return err;
}
