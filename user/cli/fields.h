/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* NEGOTIATE and VALIDATE side by side, field by field, as text. */
#ifndef NW_FIELDS_H
#define NW_FIELDS_H

#include <stdbool.h>

#include <jansson.h>

#define NW_VALUE_TEXT 512
#define NW_FIELD_ROWS 5

enum nw_row_verdict { NW_ROW_NOT_COMPARED, NW_ROW_SAME, NW_ROW_DIFFERS };

struct nw_field_row {
	const char *label;
	enum nw_row_verdict verdict;
	char negotiate[NW_VALUE_TEXT], validate[NW_VALUE_TEXT]; /* "": it has no such field */
};

struct nw_field_table {
	const char *title, *negotiate, *validate; /* headings: "Request", "NEGOTIATE as seen here", ... */
	unsigned int n;
	struct nw_field_row rows[NW_FIELD_ROWS];
};

/*
 * The exchanges' requests, or responses; each exchange may be NULL. decode: name all flags, not only those of
 * fields that differ. False: there is nothing to show.
 */
bool nw_fields(struct nw_field_table *t, const json_t *negotiate, const json_t *validate, bool response,
	       bool decode);

#endif
