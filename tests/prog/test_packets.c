// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A table of packets, one row each, through the host's tap, XDP, tc ingress, tc egress, and a veth pair with
 * tc at either end (where the kernel moves the outer tag to the metadata and super-packets are not linear):
 * the same outcome, exactly one, the same events, the packet unchanged.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "packets.h"
#include "ways.h"
#include "../unit/talk.h"

#define JUNK (const uint8_t *)"GET / HTTP/1.1\r\nHost: example\r\n\r\n", 33

static struct ways *ways;
static uint8_t nego[TALK_MSG_MAX];
static uint32_t nego_len;

/* clang-format off */
#define READ .want = NW_C_WALKED, .events = { NW_EV_FLOW, NW_EV_NEGOTIATE_REQ }
/* With a NEGOTIATE request, unless body_len says how much of it */
#define V4(...) { .ip = 4, .body = nego, __VA_ARGS__ }
#define V6(...) { .ip = 6, .body = nego, __VA_ARGS__ }

static const struct row {
	const char *name;
	struct packet p;
	enum nw_counter want;
	uint8_t events[3];
	uint8_t n_vlan;
} rows[] = {
	{ .name = "IPv4", .p = V4(), READ },
	{ .name = "IPv6", .p = V6(), READ },
	{ .name = "VLAN", .p = V4(.tag = { 0x8100 }), READ, .n_vlan = 1 },
	{ .name = "VLAN, IPv6", .p = V6(.tag = { 0x8100 }), READ, .n_vlan = 1 },
	{ .name = "802.1ad alone", .p = V4(.tag = { 0x88a8 }), READ, .n_vlan = 1 },
	{ .name = "QinQ", .p = V4(.tag = { 0x88a8, 0x8100 }), READ, .n_vlan = 2 },
	{ .name = "QinQ, IPv6", .p = V6(.tag = { 0x88a8, 0x8100 }), READ, .n_vlan = 2 },
	{ .name = "QinQ, both 0x8100", .p = V4(.tag = { 0x8100, 0x8100 }), READ, .n_vlan = 2 },
	{ .name = "three tags", .p = V4(.tag = { 0x88a8, 0x8100, 0x8100 }), .want = NW_C_NOT_IP },
	{ .name = "three tags, IPv6", .p = V6(.tag = { 0x8100, 0x8100, 0x8100 }), .want = NW_C_NOT_IP },
	{ .name = "ARP", .p = { .ip = 0, .body = nego, .body_len = 28 }, .want = NW_C_NOT_IP },
	{ .name = "ARP in a VLAN", .p = { .ip = 0, .tag = { 0x8100 }, .body = nego, .body_len = 28 }, .want = NW_C_NOT_IP },
	{ .name = "EtherType 0xffff", .p = V4(.ether = 0xffff), .want = NW_C_NOT_IP },
	{ .name = "802.3 length for EtherType", .p = V4(.ether = 0x0100), .want = NW_C_NOT_IP },
	{ .name = "UDP", .p = V4(.proto = 17), .want = NW_C_NOT_TCP },
	{ .name = "UDP, IPv6", .p = V6(.proto = 17), .want = NW_C_NOT_TCP },
	{ .name = "GRE", .p = V4(.proto = 47), .want = NW_C_NOT_TCP },
	{ .name = "ESP", .p = V6(.proto = 50), .want = NW_C_NOT_TCP },
	{ .name = "another port", .p = V4(.dport = 80), .want = NW_C_OTHER_PORT },
	{ .name = "another port, IPv6", .p = V6(.dport = 80), .want = NW_C_OTHER_PORT },
	{ .name = "port 446", .p = V4(.dport = 446), .want = NW_C_OTHER_PORT },
	{ .name = "port 139", .p = V4(.dport = 139), READ },
	{ .name = "IPv4 options, 4", .p = V4(.opts = 4), READ },
	{ .name = "IPv4 options, 40", .p = V4(.opts = 40), READ },
	{ .name = "IPv4 options in QinQ", .p = V4(.opts = 40, .tag = { 0x88a8, 0x8100 }), READ, .n_vlan = 2 },
	{ .name = "ihl 4", .p = V4(.ihl = 4), .want = NW_C_MALFORMED },
	{ .name = "ihl 1", .p = V4(.ihl = 1), .want = NW_C_MALFORMED },
	{ .name = "ihl 5 before options", .p = V4(.opts = 4, .ihl = 5), .want = NW_C_MALFORMED },
	{ .name = "version 6 in IPv4", .p = V4(.version = 6), .want = NW_C_MALFORMED },
	{ .name = "version 4 in IPv6", .p = V6(.version = 4), .want = NW_C_MALFORMED },
	{ .name = "TCP options, 40", .p = V4(.tcp_opts = 40), READ },
	{ .name = "TCP options, 40, IPv6", .p = V6(.tcp_opts = 40), READ },
	{ .name = "doff 4", .p = V4(.doff = 4), .want = NW_C_MALFORMED },
	{ .name = "doff 4, IPv6", .p = V6(.doff = 4), .want = NW_C_MALFORMED },
	{ .name = "doff beyond the length", .p = V4(.doff = 15, .body_len = 8), .want = NW_C_MALFORMED },
	{ .name = "hop-by-hop options", .p = V6(.n_ext = 1, .ext = { 0 }), READ },
	{ .name = "routing header", .p = V6(.n_ext = 1, .ext = { 43 }), READ },
	{ .name = "AH", .p = V6(.n_ext = 1, .ext = { 51 }), READ },
	{ .name = "AH, longer", .p = V6(.n_ext = 1, .ext = { 51 }, .ext_len = 2), READ },
	{ .name = "destination options", .p = V6(.n_ext = 1, .ext = { 60 }), READ },
	{ .name = "destination options, longer", .p = V6(.n_ext = 1, .ext = { 60 }, .ext_len = 9), READ },
	{ .name = "mobility", .p = V6(.n_ext = 1, .ext = { 135 }), READ },
	{ .name = "AH between others", .p = V6(.n_ext = 3, .ext = { 0, 51, 60 }, .ext_len = 1), READ },
	{ .name = "chain of 6", .p = V6(.n_ext = 6, .ext = { 0, 60, 43, 44, 51, 60 }), READ },
	{ .name = "chain of 7", .p = V6(.n_ext = 7, .ext = { 0, 60, 43, 44, 51, 60, 60 }), .want = NW_C_NOT_TCP },
	{ .name = "UDP behind extension headers", .p = V6(.n_ext = 2, .ext = { 0, 60 }, .proto = 17), .want = NW_C_NOT_TCP },
	{ .name = "no next header", .p = V6(.n_ext = 1, .ext = { 0 }, .proto = 59), .want = NW_C_NOT_TCP },
	{ .name = "HIP", .p = V6(.proto = 139), .want = NW_C_NOT_TCP },
	{ .name = "extension header beyond the length", .p = V6(.n_ext = 1, .ext = { 60 }, .ext_len = 1, .more_len = -140),
	  .want = NW_C_MALFORMED },
	{ .name = "IPv4 first fragment", .p = V4(.frag = 0x2000), .want = NW_C_FRAGMENT, .events = { NW_EV_FLOW, NW_EV_GAP } },
	{ .name = "IPv4 later fragment", .p = V4(.frag = 0x20b9), .want = NW_C_FRAGMENT },
	{ .name = "IPv4 last fragment", .p = V4(.frag = 0x00b9), .want = NW_C_FRAGMENT },
	{ .name = "IPv4 don't fragment", .p = V4(.frag = 0x4000), READ },
	{ .name = "IPv6 first fragment", .p = V6(.n_ext = 1, .ext = { 44 }, .frag = 1), .want = NW_C_FRAGMENT,
	  .events = { NW_EV_FLOW, NW_EV_GAP } },
	{ .name = "IPv6 later fragment", .p = V6(.n_ext = 1, .ext = { 44 }, .frag = 0x05a9), .want = NW_C_FRAGMENT },
	{ .name = "IPv6 last fragment", .p = V6(.n_ext = 1, .ext = { 44 }, .frag = 0x05a8), .want = NW_C_FRAGMENT },
	{ .name = "IPv6 atomic fragment", .p = V6(.n_ext = 1, .ext = { 44 }), READ },
	{ .name = "IPv6 later fragment of UDP", .p = V6(.n_ext = 1, .ext = { 44 }, .frag = 8, .proto = 17), .want = NW_C_NOT_TCP },
	{ .name = "IPv4 total length 0", .p = V4(.no_len = true), READ },
	{ .name = "IPv6 payload length 0", .p = V6(.no_len = true), READ },
	{ .name = "IPv6 jumbo payload option", .p = V6(.no_len = true, .n_ext = 1, .ext = { 0 }), READ },
	{ .name = "IPv4 total length below its header", .p = V4(.more_len = -140), .want = NW_C_MALFORMED },
	{ .name = "padded", .p = V4(.pad = 6), READ },
	{ .name = "padded, IPv6", .p = V6(.pad = 6), READ },
	{ .name = "padded ACK", .p = { .ip = 4, .flags = 0x10, .pad = 6 }, .want = NW_C_UNTRACKED },
	{ .name = "SYN", .p = { .ip = 4, .flags = 0x02 }, .want = NW_C_SYN },
	{ .name = "SYN, 40 bytes of options, IPv6", .p = { .ip = 6, .flags = 0x02, .tcp_opts = 40 }, .want = NW_C_SYN },
	{ .name = "SYN-ACK", .p = { .ip = 4, .flags = 0x12, .sport = 445, .dport = 50123 }, .want = NW_C_SYN },
	{ .name = "RST of no flow", .p = { .ip = 4, .flags = 0x04 }, .want = NW_C_UNTRACKED },
	{ .name = "FIN of no flow", .p = { .ip = 6, .flags = 0x11 }, .want = NW_C_UNTRACKED },
	{ .name = "all flags", .p = V4(.flags = 0xff), .want = NW_C_UNTRACKED },
	{ .name = "no SMB", .p = { .ip = 4, .body = JUNK }, .want = NW_C_UNTRACKED },
	{ .name = "eleven bytes of SMB", .p = V4(.body_len = 11), .want = NW_C_UNTRACKED },
};
/* clang-format on */

static struct packet packet_of(const struct row *r)
{
	struct packet p = r->p;

	if (p.body == nego && !p.body_len)
		p.body_len = nego_len;
	return p;
}

/* Returns what is wrong, or NULL. */
static const char *check(const struct row *r, const struct packet *p, const struct seen *s)
{
	static const char v4[16] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x4d\0\1";
	static const char v6[16] = "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
	unsigned int i, n = 0;

	if (ways_outcome(s) != (int)r->want)
		return "outcome";
	while (n < 3 && r->events[n])
		n++;
	if (s->n != n)
		return "number of events";
	for (i = 0; i < n; i++) {
		const struct nw_event *ev = &s->ev[i];

		if (ev->type != r->events[i])
			return "type of an event";
		if (memcmp(ev->key.addr[0].b, p->ip == 4 ? v4 : v6, 16) || ev->key.port[0] != 0xcbc3 ||
		    ev->client != 0 || ev->dir != NW_C2S)
			return "key";
		if (ev->tcp.ip_version != p->ip || ev->tcp.ttl != 64 || ev->tcp.n_vlan != r->n_vlan ||
		    (r->n_vlan && ev->tcp.vlan[0] != 10) || (r->n_vlan > 1 && ev->tcp.vlan[1] != 11))
			return "headers";
		if (ev->tcp.pay_len != p->body_len)
			return "payload length";
		if (ev->type == NW_EV_NEGOTIATE_REQ &&
		    (ev->smb.n_dialects != 4 || memcmp(ev->data, nego, nego_len)))
			return "message";
	}
	return NULL;
}

/* Has a row a meaning without Ethernet header? */
static bool may_be_raw(const struct packet *p)
{
	return p->ip && !p->tag[0] && !p->ether && !p->version;
}

static void table(void **state)
{
	static uint8_t frame[PACKETS_MAX];
	static struct seen s;
	unsigned int bad = 0, runs = 0;

	for (enum way way = HOST; way < WAYS; way++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			struct packet p = packet_of(&rows[i]);
			uint32_t len;
			const char *what;
			int err;

			if (way >= WAYS_L2 && !may_be_raw(&p))
				continue;
			p.no_ether = way >= WAYS_L2;
			len = packet_build(&p, frame, NULL);
			err = ways_see(ways, way, frame, len, 0, &s);
			what = err ? strerror(-err) : check(&rows[i], &p, &s);

			runs++;
			if (!what)
				continue;
			bad++;
			print_message("# %s, %s: %s (outcome %d of %llu, %u events, first %u)\n",
				      rows[i].name, way_name[way], what, ways_outcome(&s),
				      (unsigned long long)s.count[NW_C_PACKETS], s.n, s.ev[0].type);
		}
	print_message("# %zu packets, %d ways: %u pairs of packet and way, %u wrong\n",
		      sizeof(rows) / sizeof(*rows), WAYS, runs, bad);
	assert_true(runs >= 150);
	assert_int_equal(bad, 0);
}

/* Every truncation of every header, and of the message: all ways conclude as the host's tap does. */
static unsigned int truncated(const struct row *r, enum way way, unsigned int *runs)
{
	static uint8_t frame[PACKETS_MAX];
	static struct seen want, got;
	struct packet p = packet_of(r);
	uint32_t headers, len, n = 14;
	bool veth = way == WIRE_IN || way == WIRE_OUT;
	unsigned int bad = 0;
	int err;

	if (way >= WAYS_L2 && !may_be_raw(&p))
		return 0;
	p.no_ether = way >= WAYS_L2;
	len = packet_build(&p, frame, &headers);
	if (veth && p.tag[0])
		n = 20; /* the kernel drops what ends within a tag */
	for (; n < len; n++) {
		assert_int_equal(ways_see(ways, p.no_ether ? L3_HOST : HOST, frame, n, 0, &want), 0);
		assert_true(ways_outcome(&want) >= 0 && (n >= headers || !want.n));
		err = ways_see(ways, way, frame, n, 0, &got);
		/* PROG_TEST_RUN makes no skb of less than an IP header. */
		if (err == -EINVAL && n < 14 + 40 && way >= TC_IN && way <= TC_GSO)
			continue;
		++*runs;
		if (!err && ways_outcome(&got) == ways_outcome(&want) && got.n == want.n)
			continue;
		bad++;
		print_message("# %s, %u of %u bytes, %s: error %d, outcome %d, wanted %d\n", r->name, n, len,
			      way_name[way], err, ways_outcome(&got), ways_outcome(&want));
	}
	return bad;
}

static void truncations(void **state)
{
	static const char *const of[] = {
		"IPv4",	      "IPv6",	   "VLAN, IPv6", "QinQ, IPv6", "IPv4 options, 40", "TCP options, 40",
		"AH, longer", "chain of 6"
	};
	unsigned int bad = 0, runs = 0;

	for (enum way way = XDP; way < WAYS; way++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			for (size_t k = 0; k < sizeof(of) / sizeof(*of); k++)
				if (!strcmp(rows[i].name, of[k]))
					bad += truncated(&rows[i], way, &runs);
	print_message("# truncations: %u runs, %u wrong\n", runs, bad);
	assert_true(runs > 6000);
	assert_int_equal(bad, 0);
}

/* A filler message, so that the one after it begins at `at` of the payload. */
static uint32_t filled(uint8_t *body, uint32_t at)
{
	uint32_t smb = at - nego_len - 4;

	memcpy(body, nego, nego_len);
	memcpy(body + nego_len, nego, nego_len);
	body[nego_len + 1] = smb >> 16;
	body[nego_len + 2] = smb >> 8 & 0xff;
	body[nego_len + 3] = smb & 0xff;
	body[nego_len + 4 + 12] = 9; /* WRITE */
	memcpy(body + at, nego, nego_len);
	return at + nego_len;
}

/* FLOW, NEGOTIATE, and the second NEGOTIATE whole and alike */
static bool both(const struct seen *s)
{
	return ways_outcome(s) == NW_C_WALKED && s->n == 3 && s->ev[2].type == NW_EV_NEGOTIATE_REQ &&
	       s->ev[2].smb.fingerprint && s->ev[2].smb.fingerprint == s->ev[1].smb.fingerprint;
}

/* XDP gets a packet of more than a page in fragments: a message in each place around the boundary. */
static void multi_buffer(void **state)
{
	static uint8_t frame[PACKETS_MAX], body[PACKETS_MAX];
	static struct seen s;
	unsigned int bad = 0, runs = 0;

	/* The linear part ends at 3,520 bytes of the frame or before, the next page of it 4,096 later. */
	for (uint32_t at = 3200; at < 7700; at++) {
		struct packet p = { .ip = 4, .body = body, .body_len = filled(body, at) };
		uint32_t len;

		if (at == 3600)
			at = 7200;
		len = packet_build(&p, frame, NULL);
		runs++;
		if (!ways_see(ways, XDP, frame, len, 0, &s) && both(&s))
			continue;
		bad++;
	}
	print_message("# XDP in fragments: %u runs, %u wrong\n", runs, bad);
	assert_int_equal(bad, 0);
}

/* Super-packets of up to 64 KiB: 1 + 950 + 1 messages, the last one is read; on the veth pair nothing of them
 * is linear but the headers. */
static void super_packets(void **state)
{
	static uint8_t frame[PACKETS_MAX], body[PACKETS_MAX];
	static const uint32_t sizes[] = { 2000, 9000, 30000, 65000 };
	static struct seen s;
	uint32_t i, k, len, headers;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (enum way way = HOST; way < WAYS_L2; way++) {
			struct packet p = { .ip = 4, .body = body };

			/* One message of all that lies between; or many of 68 bytes. */
			for (k = 0; k < 2; k++) {
				if (!k) {
					p.body_len = filled(body, sizes[i] - nego_len);
				} else {
					for (len = nego_len; len + 68 < sizes[i] - nego_len; len += 68) {
						memset(body + len, 0, 68);
						body[len + 3] = 64;
						memcpy(body + len + 4, nego + 4, 12);
						body[len + 4 + 12] = 13; /* ECHO */
					}
					memcpy(body + len, nego, nego_len);
					p.body_len = len + nego_len;
				}
				len = packet_build(&p, frame, &headers);
				/* PROG_TEST_RUN takes a page for an skb */
				if (len > 3500 && (way == TC_IN || way == TC_OUT || way == TC_GSO))
					continue;
				if (!ways_see(ways, way, frame, len, headers, &s) && both(&s))
					continue;
				fail_msg("%u bytes, %s: outcome %d, %u events, last %u", len, way_name[way],
					 ways_outcome(&s), s.n, s.ev[2].type);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(truncations),
		cmocka_unit_test(multi_buffer),
		cmocka_unit_test(super_packets),
	};
	struct talk t;
	int err;

	talk_init(&t);
	talk_negotiate_req(&t, &talk_client, 0);
	nego_len = t.msg[0].len;
	memcpy(nego, t.msg[0].bytes, nego_len);
	talk_free(&t);
	err = ways_open(&ways);
	if (err) {
		printf("Bail out! the programs or their veth pair can't be set up: %s (root is needed)\n",
		       strerror(-err));
		return 1;
	}
	err = cmocka_run_group_tests_name("prog-packets", tests, NULL, NULL);
	ways_close(&ways);
	return err;
}
