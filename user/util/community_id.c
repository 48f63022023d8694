/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Community ID v1, with the SHA-1 that it asks for (a name, not a protection: no other library needed). */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base64.h"
#include "community_id.h"

static uint32_t rol(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void sha1_block(uint32_t h[5], const uint8_t block[64])
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], w[80];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
		       block[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		static const uint32_t k[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
		uint32_t f = i < 20 ? (b & c) | (~b & d) :
			     i < 40 ? b ^ c ^ d :
			     i < 60 ? (b & c) | (b & d) | (c & d) :
				      b ^ c ^ d;
		uint32_t next = rol(a, 5) + f + e + k[i / 20] + w[i];

		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* Of a message of less than 56 bytes, which is one block. */
static void sha1_short(uint8_t out[20], const uint8_t *msg, size_t len)
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t block[64] = { 0 };

	memcpy(block, msg, len);
	block[len] = 0x80;
	block[62] = (uint8_t)(len * 8 >> 8);
	block[63] = (uint8_t)(len * 8);
	sha1_block(h, block);
	for (int i = 0; i < 20; i++)
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void nw_community_id(char out[40], const void *addr_a, const void *addr_b, unsigned int addr_len,
		     uint16_t port_a_host, uint16_t port_b_host)
{
	int order = memcmp(addr_a, addr_b, addr_len);
	bool swap = order > 0 || (order == 0 && port_a_host > port_b_host);
	uint16_t low = htons(swap ? port_b_host : port_a_host);
	uint16_t high = htons(swap ? port_a_host : port_b_host);
	uint8_t msg[2 + 16 + 16 + 2 + 4] = { 0 }, digest[20];
	size_t n = 2; /* the seed, 0 */

	memcpy(msg + n, swap ? addr_b : addr_a, addr_len);
	n += addr_len;
	memcpy(msg + n, swap ? addr_a : addr_b, addr_len);
	n += addr_len;
	msg[n] = 6; /* TCP, and a byte of padding */
	n += 2;
	memcpy(msg + n, &low, 2);
	memcpy(msg + n + 2, &high, 2);
	sha1_short(digest, msg, n + 4);
	memcpy(out, "1:", 2);
	nw_base64(out + 2, digest, sizeof(digest));
}
