// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Bytes that are zeros for the most as fewer. Rows of: a byte that says how many zeros and how many others
 * (half a byte each), the rest of these counts where they don't fit, the others.
 */
#include <string.h>

#include "squeeze.h"
#include "../../bpf/wire/base.h"

void nw_subtract(void *to, const void *from, size_t len)
{
	uint8_t *a = to;
	const uint8_t *b = from;
	uint64_t x, y;

	for (; len >= 8; len -= 8, a += 8, b += 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		x ^= y;
		memcpy(a, &x, 8);
	}
	while (len--)
		*a++ ^= *b++;
}

/* How many bytes from at on are zero, or are to be written: a single zero is, which is no dearer. */
static uint32_t zeros(const uint8_t *b, uint32_t at, uint32_t len)
{
	uint32_t i = at;
	uint64_t x;

	for (; i + 8 <= len; i += 8) {
		memcpy(&x, b + i, 8);
		if (x)
			break;
	}
	while (i < len && !b[i])
		i++;
	return i - at;
}

static uint32_t others(const uint8_t *b, uint32_t at, uint32_t len)
{
	uint32_t i = at;

	while (i < len && (b[i] || (i + 1 < len && b[i + 1])))
		i++;
	return i - at;
}

/* Of a half byte: 15 says that the rest follows, seven bits at a time. */
static uint8_t *put_rest(uint8_t *to, uint32_t n)
{
	if (n < 15)
		return to;
	for (n -= 15; n > 0x7f; n >>= 7)
		*to++ = (uint8_t)(n | 0x80);
	*to++ = (uint8_t)n;
	return to;
}

static const uint8_t *get_rest(const uint8_t *from, uint32_t *n)
{
	unsigned int shift = 0;

	if (*n < 15)
		return from;
	do
		*n += (*from & 0x7fu) << shift;
	while (shift += 7, *from++ & 0x80);
	return from;
}

uint8_t *nw_squeeze(uint8_t *to, const uint8_t *b, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		uint32_t z = zeros(b, at, len), n = others(b, at + z, len);

		*to++ = (uint8_t)(nw_min(z, 15u) << 4 | nw_min(n, 15u));
		to = put_rest(put_rest(to, z), n);
		memcpy(to, b + at + z, n);
		to += n;
		at += z + n;
	}
	return to;
}

void nw_expand(struct nw_squeezed *s, uint8_t *to, uint32_t len)
{
	for (uint32_t k; len; len -= k, to += k) {
		if (!s->z && !s->n) {
			s->z = *s->p >> 4;
			s->n = *s->p++ & 15;
			s->p = get_rest(get_rest(s->p, &s->z), &s->n);
		}
		k = nw_min(s->z ? s->z : s->n, len);
		if (s->z) {
			memset(to, 0, k);
			s->z -= k;
		} else {
			memcpy(to, s->p, k);
			s->p += k;
			s->n -= k;
		}
	}
}
