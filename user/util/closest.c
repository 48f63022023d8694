// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The distance of words, by letters that have to be changed. */
#include <stdio.h>
#include <string.h>

#include "closest.h"

#define LETTERS 22
/* More changes than these make another word. */
#define FAR 3

/* How many letters have to be changed, added or removed; two neighbours that changed places count as one. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[LETTERS + 1][LETTERS + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > LETTERS || lb > LETTERS)
		return FAR;
	for (size_t i = 0; i <= la; i++)
		for (size_t j = 0; j <= lb; j++) {
			unsigned int best = (unsigned int)(i + j);

			if (i && d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (j && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i && j && d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
				best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[la][lb];
}

void nw_closest_try(struct nw_closest *c, const char *known)
{
	unsigned int d = distance(c->word, known);
	size_t n = strlen(c->word);

	/* "alert" and "interf" are the beginnings of what was meant. */
	if (n >= 3 && strncmp(known, c->word, n) == 0)
		d = 1;
	/* Of a short word little may be wrong, or all words were close to it. */
	if (d >= FAR || d >= strlen(known) || (c->best && d >= c->distance))
		return;
	c->best = known;
	c->distance = d;
}

const char *nw_closest_text(char *out, size_t size, const struct nw_closest *c)
{
	if (c->best)
		snprintf(out, size, "; did you mean \"%s\"?", c->best);
	else
		*out = '\0';
	return out;
}
