// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The plain segment: what plain.h says of a packet is what l4.h says of it, or it leaves it to l4.h. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/wire/plain.h"

#define FRAMES 400000
#define ROOM 120

static __u64 ports[NW_PORT_WORDS];

static uint32_t dice(void)
{
	static uint32_t x = 0x2545f491;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static int one_in(uint32_t n)
{
	return dice() % n == 0;
}

/* A TCP segment of IPv4 or IPv6 from its network header on; one in some has something that is not plain. */
static uint32_t segment(uint8_t *f, int v6)
{
	uint8_t *th = f + (v6 ? 40 : 20);
	uint32_t doff = one_in(4) ? 5 + dice() % 11 : 5, len = doff * 4 + dice() % 2 * 20;

	for (int i = 0; i < ROOM; i++)
		f[i] = (uint8_t)(dice() % 4);
	if (v6) {
		f[0] = 0x60 | (f[0] & 1);
		f[4] = 0;
		f[5] = (uint8_t)len;
		f[6] = 6;
		if (one_in(2)) { /* IPv4 addresses */
			memcpy(f + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
			memcpy(f + 24, f + 8, 12);
		}
	} else {
		f[0] = 0x45;
		f[2] = 0;
		f[3] = (uint8_t)(len + 20);
		f[6] = one_in(2) ? 0x40 : 0;
		f[7] = 0;
		f[9] = 6;
	}
	th[dice() % 2 * 2] = 0x01;
	th[12] = (uint8_t)(doff << 4);
	for (int i = 0; i < 2; i++)
		if (one_in(8))
			f[dice() % 60] = (uint8_t)dice();
	th[1] = th[3] = 0xbd;
	if (one_in(10))
		th[0] = th[2] = 2;
	return (v6 ? 40 : 20) + len;
}

static void same_segment(const uint8_t *f, const uint8_t *end, int v6, struct nw_pkt *want)
{
	const struct nw_ident of_key = nw_ident_of(&want->key);
	struct nw_ident id = { .rest = { of_key.rest[0], of_key.rest[1], of_key.rest[2] } };
	struct nw_pkt got = *want;
	int err;

	memset(&got.tcp, 0, sizeof(got.tcp));
	memcpy(got.tcp.vlan, want->tcp.vlan, sizeof(want->tcp.vlan));
	got.tcp.n_vlan = want->tcp.n_vlan;
	got.tcp.ip_version = want->tcp.ip_version;
	got.opt_len = got.fragment = 99;
	got.sender = v6 ? nw_plain_ident_ip6((const void *)f, &id) : nw_plain_ident_ip4((const void *)f, &id);
	err = v6 ? nw_plain_read_ip6((const void *)f, &got) : nw_plain_read_ip4((const void *)f, &got);
	assert_memory_equal(&id, &of_key, sizeof(id));
	if (err)
		assert_int_equal(want->tcp.pay_len, NW_PAY_LEN_OPEN);
	else
		assert_memory_equal(&got, want, sizeof(got));
}

static void as_any_packet(void **state)
{
	unsigned int plain = 0, other = 0, left = 0;

	(void)state;
	for (unsigned int i = 0; i < FRAMES; i++) {
		uint8_t room[ROOM], *f;
		int v6 = one_in(2), got, want;
		uint32_t len = segment(room, v6);
		struct nw_cursor c;
		struct nw_headers h = { 0 };
		struct nw_pkt p;

		if (one_in(16))
			len = dice() % len;
		/* On the heap, with nothing behind: a look beyond the end is found. */
		f = malloc(len ? len : 1);
		assert_non_null(f);
		memcpy(f, room, len);
		c = (struct nw_cursor){ .data = f, .end = f + len };
		got = v6 ? nw_plain_ip6((const void *)f, c.end, ports) :
			   nw_plain_ip4((const void *)f, c.end, ports);
		want = nw_parse_l3(&c, (struct nw_ethertype){ v6 ? 0x86dd : 0x0800 }, &h, ports, 1).why;
		memset(&p, 0, sizeof(p));
		if (got == NW_NOT_PLAIN) {
			left++;
		} else if (got >= 0) {
			assert_int_equal(got, want);
			other++;
		} else {
			assert_int_equal(want, -1);
			if (nw_read_headers(&c, &h, &p) < 0)
				assert_int_equal(v6 ? nw_plain_read_ip6((const void *)f, &p) :
						      nw_plain_read_ip4((const void *)f, &p),
						 -1);
			else
				same_segment(f, c.end, v6, &p);
			plain++;
		}
		free(f);
	}
	print_message("# %u plain, %u of others, %u left to l4.h\n", plain, other, left);
	assert_true(plain > FRAMES / 3 && other > FRAMES / 100 && left > FRAMES / 20);
}

/* Two flows never have the same words, and both directions of one have. */
static void idents(void **state)
{
	struct nw_key a = { .port = { 1, 2 } }, b;
	struct nw_ident x, y;

	(void)state;
	a.addr[0].w[2] = a.addr[1].w[2] = nw_from_be32(0xffffu);
	a.addr[0].w[3] = 0xffffffff;
	x = nw_ident_of(&a);
	assert_true(x.end[0] & NW_IDENT_IP4);
	for (unsigned int i = 0; i < 36; i++) {
		b = a;
		((uint8_t *)&b)[i] ^= 0x10;
		y = nw_ident_of(&b);
		assert_memory_not_equal(&x, &y, sizeof(x));
		/* What is not IPv4 does not say so. */
		if (i < 12 || (i >= 16 && i < 28))
			assert_false(y.end[0] & NW_IDENT_IP4);
	}
}

/* Ports that count up, whatever the numbers are that rows are found by: as by the dice. */
static void rows(void **state)
{
	enum { ROWS = 4096, RUNS = 200 };
	static unsigned char in[ROWS];
	unsigned int worst = 0;

	(void)state;
	for (unsigned int run = 0; run < RUNS; run++) {
		__u64 by[NW_HOME_WORDS];
		unsigned int homeless = 0;

		for (unsigned int i = 0; i < NW_HOME_WORDS; i++)
			by[i] = (__u64)dice() << 32 | dice() | 1;
		memset(in, 0, sizeof(in));
		for (unsigned int i = 0; i < ROWS; i++) {
			struct nw_key k = { .port = { nw_from_be16(32768 + i), nw_from_be16(445) } };
			struct nw_ident id;
			__u32 at;

			k.addr[0].w[2] = k.addr[1].w[2] = nw_from_be32(0xffffu);
			k.addr[0].w[3] = 0x0a00000a;
			k.addr[1].w[3] = 0x0b00000a;
			id = nw_ident_of(&k);
			at = nw_row_at(by, ROWS, &id);
			assert_true(at < ROWS);
			homeless += in[at] == NW_ROW;
			in[at] += in[at] < NW_ROW;
		}
		if (homeless > worst)
			worst = homeless;
	}
	/* One flow for each row of two: 10.4 % by the dice. */
	print_message("# %d flows in as many rows: at most %.1f %% without a home in %d runs\n", ROWS,
		      100.0 * worst / ROWS, RUNS);
	assert_true(worst < ROWS * 15 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_any_packet), cmocka_unit_test(idents),
					    cmocka_unit_test(rows) };

	nw_port_add(ports, 445);
	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
