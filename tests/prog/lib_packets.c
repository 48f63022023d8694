// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Builds single packets for tests. */
#include <stdlib.h>
#include <string.h>

#include "packets.h"

#define CLIENT_PORT 50123
#define SERVER_PORT 445

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8 & 0xff;
	p[1] = v & 0xff;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v & 0xffff);
}

static uint32_t link_header(const struct packet *p, uint8_t *out)
{
	uint32_t at = 12, i;

	memcpy(out, "\2\2\2\2\2\2\2\2\2\2\2\3", 12);
	for (i = 0; i < 3 && p->tag[i]; i++, at += 4) {
		be16(out + at, p->tag[i]);
		be16(out + at + 2, 10 + i);
	}
	be16(out + at, p->ether ? p->ether : p->ip == 6 ? 0x86dd : p->ip == 4 ? 0x0800 : 0x0806);
	return at + 2;
}

static uint32_t ip4(const struct packet *p, uint8_t *h, uint32_t tcp_len)
{
	uint32_t hlen = 20u + p->opts;

	h[0] = (p->version ? p->version : 4) << 4 | (p->ihl ? p->ihl : hlen / 4);
	be16(h + 2, p->no_len ? 0 : hlen + tcp_len + (uint32_t)p->more_len);
	be16(h + 4, p->id);
	be16(h + 6, p->frag);
	h[8] = 64;
	h[9] = p->proto ? p->proto : 6;
	memcpy(h + 12, "\x0a\x4d\0\1\x0a\x4d\0\2", 8);
	memset(h + 20, 1, p->opts);
	return hlen;
}

static uint32_t ip6(const struct packet *p, uint8_t *h, uint32_t tcp_len)
{
	uint32_t at = 40, n, i;
	uint8_t *next = h + 6;

	h[0] = (p->version ? p->version : 6) << 4;
	h[7] = 64;
	memcpy(h + 8, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	memcpy(h + 24, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	for (i = 0; i < p->n_ext; i++) {
		uint8_t *e = h + at;

		n = p->ext[i] == 44 ? 8 : p->ext[i] == 51 ? (p->ext_len + 6u) * 4 : (p->ext_len + 1u) * 8;
		memset(e, 0, n);
		*next = p->ext[i];
		next = e;
		if (p->ext[i] == 44)
			be16(e + 2, p->frag);
		else
			e[1] = p->ext[i] == 51 ? p->ext_len + 4 : p->ext_len;
		if (p->ext[i] == 0 && p->no_len) {
			memcpy(e + 2, "\xc2\4", 2); /* RFC 2675: jumbo payload */
			be32(e + 4, 8 + tcp_len);
		}
		at += n;
	}
	*next = p->proto ? p->proto : 6;
	be16(h + 4, p->no_len ? 0 : at - 40 + tcp_len + (uint32_t)p->more_len);
	return at;
}

uint32_t packet_build(const struct packet *p, uint8_t out[PACKETS_MAX], uint32_t *headers)
{
	uint32_t hlen = 20u + p->tcp_opts, at = 0;
	uint8_t *th;

	if (p->body_len > PACKETS_MAX - 4096)
		abort();
	memset(out, 0, 4096);
	if (!p->no_ether)
		at = link_header(p, out);
	if (p->ip == 4)
		at += ip4(p, out + at, hlen + p->body_len);
	else if (p->ip == 6)
		at += ip6(p, out + at, hlen + p->body_len);
	if (p->ip) {
		th = out + at;
		be16(th, p->sport ? p->sport : CLIENT_PORT);
		be16(th + 2, p->dport ? p->dport : SERVER_PORT);
		be32(th + 4, p->seq);
		be32(th + 8, p->ack);
		th[12] = (p->doff ? p->doff : hlen / 4) << 4;
		th[13] = p->flags ? p->flags : 0x18;
		be16(th + 14, 502);
		memset(th + 20, 1, p->tcp_opts);
		at += hlen;
	}
	if (headers)
		*headers = at;
	if (p->body_len)
		memcpy(out + at, p->body, p->body_len);
	at += p->body_len;
	memset(out + at, 0xee, p->pad);
	return at + p->pad;
}
