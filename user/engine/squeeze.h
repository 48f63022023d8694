/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs from something alike, as few bytes: pure, without memory of its own. */
#ifndef NW_SQUEEZE_H
#define NW_SQUEEZE_H

#include <stddef.h>
#include <stdint.h>

/* Or adds again: it is the same. What is alike becomes zeros. */
void nw_subtract(void *to, const void *from, size_t len);

/* Takes the bytes to `to`, and returns where they end: less than len / 64 + 8 behind len. At worst a row's
 * first byte and two more come in front of 143 others. */
uint8_t *nw_squeeze(uint8_t *to, const uint8_t *bytes, uint32_t len);

/* Begins with p at the first row; all else zero. */
struct nw_squeezed {
	const uint8_t *p;
	uint32_t z, n; /* zeros and others of the row at hand, still to come */
};

/* The next len bytes of what was squeezed: no more than there were. */
void nw_expand(struct nw_squeezed *s, uint8_t *to, uint32_t len);

#endif
