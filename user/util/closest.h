/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "Did you mean ...?": the known word that a mistyped one is closest to. */
#ifndef NW_CLOSEST_H
#define NW_CLOSEST_H

#include <stddef.h>

/* How many words were looked at, and the best of them so far; begin with zeroes. */
struct nw_closest {
	const char *word; /* what was typed */
	const char *best; /* NULL: none is close */
	unsigned int distance;
};

/* Tells of a known word, which has to outlive the search. */
void nw_closest_try(struct nw_closest *c, const char *known);

/* "; did you mean \"best\"?", or "" if none is close. Writes into out and returns it. */
const char *nw_closest_text(char *out, size_t size, const struct nw_closest *c);

#endif
