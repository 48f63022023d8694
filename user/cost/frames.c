// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets to measure with: an SMB2 conversation just as far as a program has to see it, and others. Pure. */
#include <string.h>

#include "frames.h"
#include "../../bpf/abi.h"

#define ETHER 14
#define IP 20
#define TCP 20
#define SMB2_HEADER 64
#define FIRST_SEQ 1000u
#define WRITE_TOTAL (1u << 20)
#define COMMAND_NEGOTIATE 0
#define COMMAND_WRITE 9

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static void put16_le(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

/* Direct TCP length and SMB2 header of a request. */
static void put_header(uint8_t *p, uint32_t total, unsigned int command, unsigned int message_id)
{
	memset(p, 0, 4 + SMB2_HEADER);
	put32(p, total - 4);
	p += 4;
	memcpy(p, "\xfeSMB", 4);
	put16_le(p + 4, SMB2_HEADER);
	put16_le(p + 12, command);
	put16_le(p + 14, 1);
	p[24] = (uint8_t)message_id;
}

uint32_t nw_cost_negotiate(uint8_t *out)
{
	static const uint16_t dialects[] = { 0x0202, 0x0210, 0x0300 };
	const uint32_t total = 4 + SMB2_HEADER + 36 + sizeof(dialects);
	uint8_t *body = out + 4 + SMB2_HEADER;

	put_header(out, total, COMMAND_NEGOTIATE, 0);
	memset(body, 0, 36);
	put16_le(body, 36);
	put16_le(body + 2, sizeof(dialects) / sizeof(dialects[0]));
	put16_le(body + 4, 1);
	put16_le(body + 8, 0x7f);
	memset(body + 12, 0x5a, 16);
	for (unsigned int i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		put16_le(body + 36 + 2 * i, dialects[i]);
	return total;
}

uint32_t nw_cost_write(uint8_t *out, uint32_t total)
{
	put_header(out, total, COMMAND_WRITE, 1);
	return 4 + SMB2_HEADER;
}

/* Ethernet, IPv4 and TCP around `payload` bytes that are there already. */
static void wrap(struct nw_cost_frame *f, uint32_t seq, uint32_t payload)
{
	uint8_t *ip = f->data + ETHER, *tcp = ip + IP;

	f->len = ETHER + IP + TCP + payload;
	memset(f->data, 0x02, 12);
	put16(f->data + 12, 0x0800);
	memset(ip, 0, IP + TCP);
	ip[0] = 0x45;
	put16(ip + 2, IP + TCP + payload);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, "\x0a\x4e\x02\x01\x0a\x4e\x02\x02", 8);
	put16(tcp, 50123);
	put16(tcp + 2, NW_COST_PORT);
	put32(tcp + 4, seq);
	put32(tcp + 8, 1);
	tcp[12] = TCP / 4 << 4;
	tcp[13] = 0x18; /* PSH, ACK */
	put16(tcp + 14, 512);
}

void nw_cost_opening(struct nw_cost_frame *out, unsigned int which)
{
	uint8_t *payload = out->data + ETHER + IP + TCP;
	uint32_t negotiate = nw_cost_negotiate(payload);

	*out = (struct nw_cost_frame){ .name = which ? "WRITE" : "NEGOTIATE", .outcome = NW_C_WALKED };
	if (which)
		wrap(out, FIRST_SEQ + negotiate, nw_cost_write(payload, WRITE_TOTAL));
	else
		wrap(out, FIRST_SEQ, nw_cost_negotiate(payload));
}

void nw_cost_frame(struct nw_cost_frame *out, enum nw_cost_kind kind)
{
	const uint32_t room = NW_COST_FRAME_MAX - ETHER - IP - TCP;

	*out = (struct nw_cost_frame){ .name = "bulk segment inside a message", .outcome = NW_C_BODY };
	/* well inside the WRITE that nw_cost_opening() began */
	wrap(out, FIRST_SEQ + WRITE_TOTAL / 2, room);
	if (kind == NW_COST_UDP) {
		out->name = "UDP";
		out->outcome = NW_C_NOT_TCP;
		out->data[ETHER + 9] = 17;
	} else if (kind == NW_COST_OTHER) {
		out->name = "TCP of another service";
		out->outcome = NW_C_OTHER_PORT;
		put16(out->data + ETHER + IP + 2, 80);
	}
}
