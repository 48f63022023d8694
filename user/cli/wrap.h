/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text in columns of limited width. */
#ifndef NW_WRAP_H
#define NW_WRAP_H

#include <stdio.h>

/*
 * Prints text with lines of at most `width` columns, or what a narrower terminal has, the first behind
 * `label` (padded to `indent`), the others indented by as much. Empty lines separate paragraphs; lines that
 * begin with a space are printed as they are.
 */
void nw_wrap(FILE *out, const char *label, int indent, int width, const char *text);

/* How much of text fits into width columns, broken at a space, or behind a dash, underscore, comma or
 * colon. */
int nw_wrap_fit(const char *text, int width);

#endif
