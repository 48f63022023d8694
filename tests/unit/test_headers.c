// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From a packet's first byte to its TCP payload: tags, IPv4, IPv6 and its extension headers, and what lies.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/wire/l4.h"

static __u64 ports[NW_PORT_WORDS];

/* An Ethernet frame with a SYN of port 445; returns why it was refused, -1: it was not. */
static int headers(uint8_t *f, uint32_t caplen, struct nw_pkt *p)
{
	struct nw_cursor c = { .data = f, .end = f + caplen };
	struct nw_headers h = { 0 };
	struct nw_ethertype t = nw_parse_eth(&c, &h);
	int why = nw_parse_l3(&c, t, &h, ports, 1).why;

	memset(p, 0, sizeof(*p));
	if (why >= 0)
		return why;
	return nw_read_headers(&c, &h, p) < 0 || nw_finish_len(p, caplen) < 0 ? NW_C_MALFORMED : -1;
}

static uint32_t frame4(uint8_t *f)
{
	static const uint8_t base[] = { 0x45, 0, 0, 48, 0,  1, 0, 0, 64,   6,	 0, 0,
					10,   0, 0, 1,	10, 0, 0, 2, 0xc3, 0x50, 1, 0xbd,
					0,    0, 0, 9,	0,  0, 0, 0, 0x50, 0x18, 1, 0 };

	memset(f, 0, 128);
	f[12] = 8;
	memcpy(f + 14, base, sizeof(base));
	return 14 + 48;
}

static void headers_that_lie(void **state)
{
	uint8_t f[128];
	struct nw_pkt p;
	uint32_t n = frame4(f), k;

	(void)state;
	assert_int_equal(headers(f, n, &p), -1);
	assert_int_equal(p.tcp.pay_len, 8);
	assert_int_equal(p.tcp.seq, 9);
	/* Ethernet's padding is no payload */
	assert_int_equal(headers(f, n + 20, &p), -1);
	assert_int_equal(p.tcp.pay_len, 8);
	for (k = 0; k < 14 + 40; k++) {
		int why = headers(f, k, &p);

		assert_int_equal(why, k < 14 ? NW_C_NOT_IP : NW_C_MALFORMED);
	}
	f[14] = 0x44; /* ihl 4 */
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
	f[14] = 0x65;
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
	frame4(f);
	f[14 + 20 + 12] = 0x40; /* doff 4 */
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
	f[14 + 20 + 12] = 0xf0; /* longer than the packet */
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
	frame4(f);
	f[14 + 3] = 19; /* total length below the header's */
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
	frame4(f);
	f[14 + 2] = f[14 + 3] = 0; /* BIG TCP: the packet's own length counts */
	assert_int_equal(headers(f, n, &p), -1);
	assert_int_equal(p.tcp.pay_len, 8);
	frame4(f);
	f[14 + 7] = 1; /* a later fragment */
	assert_int_equal(headers(f, n, &p), NW_C_FRAGMENT);
	f[14 + 7] = 0;
	f[14 + 6] = 0x20; /* the first */
	assert_int_equal(headers(f, n, &p), -1);
	assert_int_equal(p.fragment, 1);
	frame4(f);
	f[14 + 23] = 0xbc; /* port 444 */
	assert_int_equal(headers(f, n, &p), NW_C_OTHER_PORT);
	frame4(f);
	f[14 + 9] = 17;
	assert_int_equal(headers(f, n, &p), NW_C_NOT_TCP);
}

static void one_key_for_both_directions(void **state)
{
	uint8_t f[128], swap[6];
	struct nw_pkt a, b;
	uint32_t n = frame4(f);

	(void)state;
	assert_int_equal(headers(f, n, &a), -1);
	memcpy(swap, f + 26, 4);
	memcpy(f + 26, f + 30, 4);
	memcpy(f + 30, swap, 4);
	memcpy(swap, f + 34, 2);
	memcpy(f + 34, f + 36, 2);
	memcpy(f + 36, swap, 2);
	assert_int_equal(headers(f, n, &b), -1);
	assert_memory_equal(&a.key, &b.key, sizeof(a.key));
	assert_int_equal(a.sender, !b.sender);
	/* v4-mapped */
	assert_int_equal(a.key.addr[0].b[10], 0xff);
	assert_int_equal(a.key.addr[0].b[12], 10);
}

/* Two hosts of the same interface id in other networks, and one that talks to itself. */
static void keys_that_are_nearly_equal(void **state)
{
	__u32 a[4] = { 1, 2, 3, 4 }, b[4] = { 1, 9, 3, 4 };
	struct nw_key k, l;

	assert_int_not_equal(nw_key_make(&k, a, 7, b, 8), nw_key_make(&l, b, 8, a, 7));
	assert_memory_equal(&k.addr, &l.addr, sizeof(k.addr));
	assert_int_not_equal(nw_key_make(&k, a, 7, a, 8), nw_key_make(&l, a, 8, a, 7));
	assert_memory_equal(&k.port, &l.port, sizeof(k.port));
}

/* IPv6 with these extension headers, then TCP to port 445 with eight bytes. */
static uint32_t frame6(uint8_t *f, uint8_t first, const uint8_t *ext, uint32_t n)
{
	static const uint8_t tcp[] = { 0xc3, 0x50, 1, 0xbd, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 1, 0 };

	memset(f, 0, 14 + 40 + n + 28);
	f[12] = 0x86;
	f[13] = 0xdd;
	f[14] = 0x60;
	f[14 + 5] = (uint8_t)(n + 28);
	f[14 + 6] = first;
	f[14 + 7] = 64;
	f[14 + 23] = 1;
	f[14 + 39] = 2;
	memcpy(f + 14 + 40, ext, n);
	memcpy(f + 14 + 40 + n, tcp, sizeof(tcp));
	return 14 + 40 + n + 28;
}

/* Next header, and a length in the unit of its kind (RFC 8200 4, RFC 4302 2.2) */
static void ip6_extensions(void **state)
{
	static const struct {
		const char *what;
		uint8_t first, ext[56];
		uint32_t n;
		int why; /* -1: read */
		uint8_t fragment;
	} all[] = {
		{ "none", 6, {}, 0, -1, 0 },
		{ "hop-by-hop", 0, { 6 }, 8, -1, 0 },
		{ "routing, two units", 43, { 6, 1 }, 16, -1, 0 },
		{ "destination", 60, { 6 }, 8, -1, 0 },
		{ "mobility", 135, { 6 }, 8, -1, 0 },
		{ "authentication", 51, { 6, 4 }, 24, -1, 0 },
		{ "hop-by-hop, destination", 0, { 60, 0, [8] = 6 }, 16, -1, 0 },
		{ "whole, with a fragment header", 44, { 6 }, 8, -1, 0 },
		{ "first fragment", 44, { 6, 0, 0, 1 }, 8, -1, 1 },
		{ "a later one", 44, { 6, 0, 5, 0xa8 }, 8, NW_C_FRAGMENT, 0 },
		{ "of another protocol", 0, { 17 }, 8, NW_C_NOT_TCP, 0 },
		{ "more than anybody needs",
		  0,
		  { 60, 0, [8] = 60, [16] = 60, [24] = 60, [32] = 60, [40] = 60, [48] = 6 },
		  56,
		  NW_C_NOT_TCP,
		  0 },
		{ "longer than the packet", 0, { 6, 200 }, 8, NW_C_MALFORMED, 0 },
	};
	uint8_t f[256];
	struct nw_pkt p;

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint32_t n = frame6(f, all[i].first, all[i].ext, all[i].n), k;
		int why = headers(f, n, &p);

		if (why != all[i].why)
			fail_msg("%s: %d", all[i].what, why);
		if (why >= 0)
			continue;
		assert_int_equal(p.tcp.pay_len, 8);
		assert_int_equal(p.tcp.seq, 9);
		assert_int_equal(p.fragment, all[i].fragment);
		for (k = 14; k < n - 8; k++)
			assert_int_equal(headers(f, k, &p), NW_C_MALFORMED);
	}
	frame6(f, 6, f, 0);
	f[14] = 0x40; /* the version of another protocol */
	assert_int_equal(headers(f, 82, &p), NW_C_MALFORMED);
	frame6(f, 6, f, 0);
	f[14 + 5] = 0; /* a jumbogram, or BIG TCP: the packet's own length counts */
	assert_int_equal(headers(f, 82, &p), -1);
	assert_int_equal(p.tcp.pay_len, 8);
}

/* A program looks at extension headers in a second pass alone. */
static void ip6_extensions_are_left_for_later(void **state)
{
	static const uint8_t hop[8] = { 6 };
	uint8_t f[128];

	for (unsigned int n = 0; n <= 8; n += 8) {
		uint32_t len = frame6(f, n ? 0 : 6, hop, n);
		struct nw_cursor c = { .data = f, .end = f + len };
		struct nw_headers h = { 0 };
		struct nw_ethertype t = nw_parse_eth(&c, &h);

		assert_int_equal(nw_parse_l3(&c, t, &h, ports, 0).why, n ? NW_C_MALFORMED : -1);
	}
}

/* Further in than any chain of them can be */
static void ip6_walk_has_an_end(void **state)
{
	static const uint8_t room[0x4100];
	struct nw_ip6_walk w = { .data = room, .end = room + sizeof(room), .off = 0x3fff };

	assert_int_equal(nw_ip6_step(&w), 0);
	assert_int_equal(w.off, 0x4007);
	assert_false(w.bad);
	assert_int_equal(nw_ip6_step(&w), 1);
	assert_true(w.bad);
}

/* Tags in the packet, and one that the device took off; VLAN ids as they have to be told. */
static void vlan_tags(void **state)
{
	static const struct {
		uint16_t device; /* NW_TAG_PRESENT and the id */
		uint16_t type[3];
		int why;
		uint8_t n;
		uint16_t vlan[2];
	} all[] = {
		{ 0, {}, -1, 0, {} },
		{ 0, { 0x8100 }, -1, 1, { 10 } },
		{ 0, { 0x88a8, 0x8100 }, -1, 2, { 10, 20 } },
		{ 0, { 0x9100, 0x8100 }, -1, 2, { 10, 20 } },
		{ 0, { 0x88a8, 0x8100, 0x8100 }, NW_C_NOT_IP, 0, {} },
		{ NW_TAG_PRESENT | 7, {}, -1, 1, { 7 } },
		{ NW_TAG_PRESENT | 7, { 0x8100 }, -1, 2, { 7, 10 } },
		{ NW_TAG_PRESENT | 7, { 0x88a8, 0x8100 }, NW_C_NOT_IP, 0, {} },
	};
	uint8_t plain[128], f[140];

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct nw_headers h = { .tag = all[i].device };
		struct nw_pkt p = { 0 };
		uint32_t at = 12, n = frame4(plain);
		struct nw_cursor c;
		struct nw_ethertype t;

		memcpy(f, plain, 12);
		for (unsigned int k = 0; k < 3 && all[i].type[k]; k++, at += 4) {
			const uint8_t tag[] = { all[i].type[k] >> 8, all[i].type[k] & 0xff, 0xe0,
						10 * (k + 1) };

			memcpy(f + at, tag, 4);
		}
		memcpy(f + at, plain + 12, n - 12);
		for (uint32_t cut = 14; all[i].why < 0 && cut < at + 2; cut++) {
			c = (struct nw_cursor){ .data = f, .end = f + cut };
			assert_int_equal(nw_parse_eth(&c, &h).v, 0);
			assert_int_equal(c.off, 0);
		}
		c = (struct nw_cursor){ .data = f, .end = f + at + n - 12 };
		t = nw_parse_eth(&c, &h);
		assert_int_equal(nw_parse_l3(&c, t, &h, ports, 1).why, all[i].why);
		if (all[i].why >= 0)
			continue;
		assert_int_equal(nw_read_headers(&c, &h, &p), 0);
		assert_int_equal(p.tcp.n_vlan, all[i].n);
		assert_int_equal(p.tcp.vlan[0], all[i].vlan[0]);
		assert_int_equal(p.tcp.vlan[1], all[i].vlan[1]);
		assert_int_equal(p.pay_off, at + 2 + 40);
	}
}

static void devices_without_link_header(void **state)
{
	static const uint8_t first[] = { 0x45, 0x60, 0x00, 0xff };
	static const uint16_t want[] = { 0x0800, 0x86dd, 0, 0 };

	for (unsigned int i = 0; i < sizeof(first); i++) {
		struct nw_cursor c = { .data = first + i, .end = first + i + 1 };

		assert_int_equal(nw_parse_raw(&c).v, want[i]);
		c.end = c.data;
		assert_int_equal(nw_parse_raw(&c).v, 0);
	}
}

/* Where headers lie may come from memory: it is held against the packet again. */
static void places_outside(void **state)
{
	struct nw_headers h = { .l3 = 14, .l4 = 34 };
	uint8_t f[128];
	uint32_t n = frame4(f);
	struct nw_pkt p;
	struct nw_cursor c = { .data = f, .end = f + n };

	assert_int_equal(nw_read_headers(&c, &h, &p), 0);
	c.end = f + 53;
	assert_int_equal(nw_read_headers(&c, &h, &p), -1);
	/* No room for any IP header that could be meant */
	h = (struct nw_headers){ .l3 = 40, .l4 = 20 };
	c.end = f + 58;
	assert_int_equal(nw_read_headers(&c, &h, &p), -1);
	/* The length is open, and the TCP header longer than the packet. */
	frame4(f);
	f[14 + 2] = f[14 + 3] = 0;
	f[14 + 20 + 12] = 0xf0;
	assert_int_equal(headers(f, n, &p), NW_C_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_lie),
		cmocka_unit_test(one_key_for_both_directions),
		cmocka_unit_test(keys_that_are_nearly_equal),
		cmocka_unit_test(ip6_extensions),
		cmocka_unit_test(ip6_extensions_are_left_for_later),
		cmocka_unit_test(ip6_walk_has_an_end),
		cmocka_unit_test(vlan_tags),
		cmocka_unit_test(devices_without_link_header),
		cmocka_unit_test(places_outside),
	};

	nw_port_add(ports, 445);
	return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
