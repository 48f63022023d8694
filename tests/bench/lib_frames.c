// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets of a conversation, for clients as many as are wanted. */
#include <errno.h>
#include <string.h>

#include "bench.h"

/* Ethernet, IPv4 and TCP without options, as lib_talk.c makes them. */
#define IP 14
#define TCP 34
#define PAYLOAD 54

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int take(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct bench_frames *out = arg;
	struct bench_frame *f = &out->frame[out->n];

	(void)ts;
	(void)frame;
	if (out->n == BENCH_FRAMES_MAX || len > sizeof(f->data))
		return -E2BIG;
	memcpy(f->data, data, len);
	f->len = len;
	f->seq = be32(data + TCP + 4);
	f->flags = data[TCP + 13];
	f->payload = ((uint32_t)data[IP + 2] << 8 | data[IP + 3]) - (PAYLOAD - IP);
	f->to_client = (data[TCP] << 8 | data[TCP + 1]) == 445;
	if (f->payload || f->flags & 0x07)
		out->n++;
	return 0;
}

int bench_frames_of(const struct talk *t, struct bench_frames *out)
{
	const struct talk_how how = { .isn = { 1000, 700000 } };

	out->n = 0;
	return talk_frames(t, &how, take, out);
}

void bench_handshake(struct talk *t, bool altered)
{
	struct talk_params seen = talk_client;

	if (altered)
		seen.capabilities ^= 0x40;
	talk_negotiate_req(t, &seen, 0);
	talk_negotiate_rsp(t, &talk_server, 0);
	talk_validate_req(t, &talk_client, 4, 0);
	talk_validate_rsp(t, &talk_server, 4, 0, true);
}

void bench_frame_client(struct bench_frame *f, uint32_t addr, uint16_t port)
{
	uint8_t *ip = f->data + IP + (f->to_client ? 16 : 12), *tcp = f->data + TCP + (f->to_client ? 2 : 0);

	ip[0] = (uint8_t)(addr >> 24);
	ip[1] = (uint8_t)(addr >> 16);
	ip[2] = (uint8_t)(addr >> 8);
	ip[3] = (uint8_t)addr;
	tcp[0] = (uint8_t)(port >> 8);
	tcp[1] = (uint8_t)port;
}
