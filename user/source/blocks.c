// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pcapng (draft-ietf-opsawg-pcapng), block by block, where it lies. libpcap would do, but it stops at an
 * interface whose link type or snapshot length is not the first one's: mergecap writes such files out of the
 * captures of two places, and so does who captures on all interfaces.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "../../bpf/wire/base.h"

#define SECTION 0x0a0d0d0au
#define INTERFACE 1u
#define PACKET_OLD 2u
#define PACKET_SIMPLE 3u
#define PACKET 6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPTION_RESOLUTION 9
#define OPTION_OFFSET 14

/* Around each block's body: type and length, and the length again */
#define HEAD 8u
#define TAIL 4u
/* What nw_stream_peek() takes. A packet has at most 256 KiB, options a few hundred bytes. */
#define BLOCK_MAX (512u << 10)
#define PACKET_MAX 262144u
/* 24 bytes each */
#define INTERFACES_MAX 65536u

struct nw_block_interface {
	uint32_t snapshot; /* 0: no limit */
	uint16_t link_type;
	uint64_t units; /* of its clock in a second */
	int64_t offset; /* s, to be added */
};

bool nw_blocks_is_head(const uint8_t first[4])
{
	static const uint8_t type[4] = { 0x0a, 0x0d, 0x0d, 0x0a };

	return memcmp(first, type, sizeof(type)) == 0;
}

static uint32_t word(const struct nw_blocks *b, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return b->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t half(const struct nw_blocks *b, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return b->swapped ? __builtin_bswap16(v) : v;
}

static int damaged(struct nw_blocks *b, const char *what, uint32_t n)
{
	snprintf(b->why, sizeof(b->why), what, n);
	return -EBADMSG;
}

static int cut(struct nw_blocks *b)
{
	snprintf(b->why, sizeof(b->why), "truncated: %zu bytes are left", b->stream->end - b->stream->at);
	return -EPIPE;
}

/* 10 to the power of it, with the top bit set 2; the clock's units in a second, 0: too many. */
static uint64_t units_of(uint8_t resolution)
{
	uint64_t units = 1;

	if (resolution & 0x80)
		return (resolution & 0x7f) < 64 ? 1ULL << (resolution & 0x7f) : 0;
	if (resolution > 19)
		return 0;
	while (resolution--)
		units *= 10;
	return units;
}

/* The body of an Interface Description Block: n bytes. */
static int add_interface(struct nw_blocks *b, const uint8_t *body, uint32_t n)
{
	struct nw_block_interface *grown, i = { .units = 1000000 };
	const uint8_t *p = body + 8, *end = body + n;

	if (n < 8)
		return damaged(b, "an interface block of %u bytes", n);
	if (b->n_interfaces >= INTERFACES_MAX)
		return damaged(b, "more than %u interfaces", INTERFACES_MAX);
	i.link_type = half(b, body);
	i.snapshot = word(b, body + 4);
	while (end - p >= 4 && half(b, p)) {
		uint16_t code = half(b, p), len = half(b, p + 2);

		p += 4;
		if (end - p < len)
			return damaged(b, "an option of an interface that is %u bytes long", len);
		if (code == OPTION_RESOLUTION && len >= 1)
			i.units = units_of(*p);
		if (code == OPTION_OFFSET && len >= 8)
			i.offset = (int64_t)(b->swapped ? (uint64_t)word(b, p) << 32 | word(b, p + 4) :
							  (uint64_t)word(b, p + 4) << 32 | word(b, p));
		p += nw_min((len + 3u) & ~3u, (uint32_t)(end - p));
	}
	if (!i.units)
		return damaged(b, "an interface whose clock is too fine (number %u)", b->n_interfaces);
	grown = realloc(b->interfaces, (b->n_interfaces + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->interfaces = grown;
	b->interfaces[b->n_interfaces++] = i;
	if (!b->has_interface)
		b->first_type = i.link_type;
	b->has_interface = true;
	return 0;
}

/* A packet block: its body, n bytes. Returns 1. */
static int take_packet(struct nw_blocks *b, uint32_t type, const uint8_t *body, uint32_t n,
		       struct nw_block_packet *p)
{
	uint32_t head = type == PACKET_SIMPLE ? 4 : 20, number = 0;
	const struct nw_block_interface *i;
	uint64_t ts = 0;

	if (n < head)
		return damaged(b, "a packet block of %u bytes", n);
	if (type != PACKET_SIMPLE) {
		number = type == PACKET ? word(b, body) : half(b, body);
		ts = (uint64_t)word(b, body + 4) << 32 | word(b, body + 8);
	}
	if (number >= b->n_interfaces)
		return damaged(b, "a packet of interface %u, which was not described", number);
	i = &b->interfaces[number];
	p->len = word(b, body + head - 4);
	p->caplen = type != PACKET_SIMPLE ? word(b, body + 12) :
		    i->snapshot		  ? nw_min(p->len, i->snapshot) :
					    p->len;
	if (p->caplen > n - head || p->caplen > PACKET_MAX)
		return damaged(b, "a packet of %u bytes, which is more than its block holds", p->caplen);
	p->data = body + head;
	p->link_type = i->link_type;
	p->sec = type == PACKET_SIMPLE ? 0 : (int64_t)(ts / i->units);
	if (type != PACKET_SIMPLE && __builtin_add_overflow(p->sec, i->offset, &p->sec))
		p->sec = 0;
	p->nanos = (uint32_t)((unsigned __int128)(ts % i->units) * 1000000000u / i->units);
	return 1;
}

/* A Section Header Block begins a new one, with interfaces and byte order of its own; its first 12 bytes. */
static int begin_section(struct nw_blocks *b, const uint8_t *block)
{
	uint32_t magic;

	memcpy(&magic, block + HEAD, sizeof(magic));
	b->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
	b->n_interfaces = 0;
	return magic == BYTE_ORDER_MAGIC || b->swapped ? 0 :
							 damaged(b, "a section of byte order %08x", magic);
}

static int skip(struct nw_blocks *b, uint32_t n)
{
	struct nw_stream *s = b->stream;

	while (n) {
		uint32_t step = nw_min(n, BLOCK_MAX);

		if (!nw_stream_peek(s, step))
			return cut(b);
		s->at += step;
		n -= step;
	}
	return 0;
}

/* One block. Returns 1 if it was a packet, 0 if not, < 0 on error. */
static int next_block(struct nw_blocks *b, struct nw_block_packet *p)
{
	struct nw_stream *s = b->stream;
	const uint8_t *block = nw_stream_peek(s, HEAD + 4);
	uint32_t type, len, n;
	int err;

	if (!block)
		return cut(b);
	if (nw_blocks_is_head(block)) {
		err = begin_section(b, block);
		if (err)
			return err;
	}
	type = word(b, block);
	len = word(b, block + 4);
	if (len < HEAD + TAIL || len & 3)
		return damaged(b, "a block of %u bytes", len);
	if (type != INTERFACE && type != PACKET && type != PACKET_OLD && type != PACKET_SIMPLE)
		return skip(b, len);
	if (len > BLOCK_MAX)
		return damaged(b, "a block of %u bytes", len);
	block = nw_stream_peek(s, len);
	if (!block)
		return cut(b);
	if (word(b, block + len - TAIL) != len)
		return damaged(b, "a block of %u bytes whose end says otherwise", len);
	n = len - HEAD - TAIL;
	err = type == INTERFACE ? add_interface(b, block + HEAD, n) :
				  take_packet(b, type, block + HEAD, n, p);
	if (err >= 0)
		s->at += len;
	return err;
}

int nw_blocks_next(struct nw_blocks *b, struct nw_block_packet *p)
{
	int got = 0;

	while (!got && (nw_stream_peek(b->stream, 1) || b->stream->failed))
		got = next_block(b, p);
	return got;
}

void nw_blocks_free(struct nw_blocks *b)
{
	free(b->interfaces);
	b->interfaces = NULL;
	b->n_interfaces = 0;
}
