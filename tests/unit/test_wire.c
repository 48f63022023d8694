// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wire headers alone: what they refuse, what they read from messages that smbd and smbclient 4.17 sent,
 * and that NEGOTIATE and VALIDATE of one exchange have one fingerprint.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../bpf/wire/l4.h"
#include "../../bpf/wire/options.h"
#include "../../bpf/wire/smb.h"
#include "../../bpf/wire/stream.h"

/* One untouched flow of the lab, SMB1 start, 0x02FF, then this; TCP payloads. */
static const char neg_req[] = "0000006cfe534d42400000000000000000001f0000000000000000000100000000000000000000"
			      "0000000000000000000000000000"
			      "00000000000000000000000000000024000400010000007f000000e20a1a573945834b93ce7d4a"
			      "b9aec7da00000000000000000202"
			      "100200030203";
static const char neg_rsp[] = "000000cafe534d4240000000000000000000010001000000000000000100000000000000000000"
			      "00000000000000000000000000"
			      "000000000000000000000000000000004100010002030000766d00000000000000000000000000"
			      "004f0000000000800000008000"
			      "000080000674cf80817add01000000000000000080004a00000000006048";
static const char val_req[] = "00000098fe534d4240000100000000000b00010008000000000000000500000000000000000000"
			      "008ce6ad3f2bafa6b500000000"
			      "39b3127c60ce1ef29f8525eb945282f93900000004021400ffffffffffffffffffffffffffffff"
			      "ff780000002000000000000000"
			      "78000000000000001800000001000000000000007f000000e20a1a573945834b93ce7d4ab9aec7"
			      "da010004000202100200030203";
static const char val_rsp[] = "00000088fe534d4240000100000000000b00010009000000000000000500000000000000000000"
			      "008ce6ad3f2bafa6b500000000"
			      "a6deb1fd132c0a32d110a1238f375a143100000004021400ffffffffffffffffffffffffffffff"
			      "ff700000000000000070000000"
			      "1800000000000000000000004f000000766d000000000000000000000000000001000203";
static const char error_rsp[] = "00000049fe534d4240000000280100c00b000100090000000000000004000000000000000000"
				"0000cfe57bf2fb108d6200000000"
				"f2720386372b5c2d409c169edd55c3a9090000000000000000";

/* Bytes behind four, so that the SMB header is aligned. Returns the length. */
static uint32_t unhex(const char *hex, uint8_t *to)
{
	uint32_t n;

	for (n = 0; hex[2 * n]; n++)
		sscanf(hex + 2 * n, "%2hhx", &to[4 + n]);
	return n;
}

static struct nw_smb read_message(const char *hex, enum nw_event_type type)
{
	static _Alignas(8) uint8_t b[1024];
	const __u32 pending[NW_PENDING_MAX] = { 4 };
	struct nw_smb m = { 0 };
	uint32_t n = unhex(hex, b) - 4;
	struct nw_judged j = nw_judge(b + 8, n, n, pending, 0);

	assert_int_equal(j.class, NW_CL_MESSAGE);
	assert_int_equal(j.type, type);
	assert_int_equal(nw_extract(&m, b + 8, n, type), 0);
	return m;
}

static void real_messages(void **state)
{
	struct nw_smb q = read_message(neg_req, NW_EV_NEGOTIATE_REQ),
		      r = read_message(neg_rsp, NW_EV_NEGOTIATE_RSP);
	struct nw_smb vq = read_message(val_req, NW_EV_VALIDATE_REQ),
		      vr = read_message(val_rsp, NW_EV_VALIDATE_RSP);
	struct nw_smb e = read_message(error_rsp, NW_EV_VALIDATE_RSP);

	(void)state;
	assert_int_equal(q.capabilities, 0x7f);
	assert_int_equal(q.security_mode, 1);
	assert_int_equal(q.n_dialects, 4);
	assert_int_equal(q.message_id, 1);
	assert_int_equal(q.guid[0], 0xe2);
	assert_int_equal(r.dialect, 0x0302);
	assert_int_equal(r.capabilities, 0x4f);
	assert_int_equal(r.guid[1], 0x6d);
	assert_int_equal(vq.max_output, 24);
	assert_int_equal(vq.session_id, 0xb5a6af2bULL);
	assert_int_equal(vq.flags & NW_SMB2_F_SIGNED, NW_SMB2_F_SIGNED);
	assert_int_equal(vr.dialect, 0x0302);
	assert_true(q.fingerprint && q.fingerprint == vq.fingerprint);
	assert_true(r.fingerprint && r.fingerprint == vr.fingerprint);
	assert_true(q.fingerprint != r.fingerprint);
	assert_int_equal(e.status, 0xc0000128);
	assert_int_equal(e.fingerprint, 0);
}

/* An interim answer has the MessageId of the VALIDATE, and is not its answer. */
static void interim_answers_are_none(void **state)
{
	static const char *const all[] = { val_rsp, error_rsp, neg_rsp };
	static _Alignas(8) uint8_t b[1024];
	const __u32 pending[NW_PENDING_MAX] = { 4, 5 };

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t n = unhex(all[i], b) - 4;

		*(uint32_t *)(b + 8 + NW_H_STATUS) = NW_STATUS_PENDING; /* little-endian hosts */
		assert_int_equal(nw_judge(b + 8, n, n, pending, 16).class, NW_CL_SKIP);
	}
}

/* Each bit of each compared field changes the fingerprint, and no other byte does. */
static void fingerprint_covers_the_fields(void **state)
{
	static _Alignas(8) uint8_t b[1024];
	struct nw_smb m = { 0 }, changed = { 0 };
	uint32_t n = unhex(val_req, b), i;

	(void)state;
	assert_int_equal(nw_extract(&m, b + 8, n - 4, NW_EV_VALIDATE_REQ), 0);
	for (i = 0; i < n - 4; i++) {
		int inside = i >= 120 && i < 152;

		/* ... but the count and what says where the buffer lies. */
		if ((i >= 142 && i < 144) || (i >= 88 && i < 96))
			continue;
		b[8 + i] ^= 0x10;
		assert_int_equal(nw_extract(&changed, b + 8, n - 4, NW_EV_VALIDATE_REQ), 0);
		assert_int_equal(changed.fingerprint != m.fingerprint, inside);
		b[8 + i] ^= 0x10;
	}
}

static void short_messages_are_refused(void **state)
{
	static const struct {
		const char *hex;
		uint8_t type;
	} all[] = { { neg_req, NW_EV_NEGOTIATE_REQ },
		    { neg_rsp, NW_EV_NEGOTIATE_RSP },
		    { val_req, NW_EV_VALIDATE_REQ },
		    { val_rsp, NW_EV_VALIDATE_RSP } };
	static _Alignas(8) uint8_t b[1024];
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		uint32_t n = unhex(all[i].hex, b) - 4, k, whole = i == 1 ? NW_NEGR_END : n;
		struct nw_smb m = { 0 };

		for (k = NW_H_BODY; k < n; k++)
			assert_int_equal(nw_extract(&m, b + 8, k, all[i].type), k >= whole ? 0 : -1);
	}
}

/* An Ethernet frame with a SYN of port 445; returns why it was refused, -1: it was not. */
static int headers(uint8_t *f, uint32_t caplen, struct nw_pkt *p)
{
	static const __u64 ports[1024] = { [445 / 64] = 1ULL << 445 % 64 };
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

static void syn_options(void **state)
{
	static const struct {
		uint8_t opt[40];
		uint32_t len, want;
	} all[] = {
		{ { 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2 }, 12, 0 },
		{ { 2, 4, 5, 0xb4, 76, 10, 1, 1, 10, 0, 0, 1, 0, 0 }, 16, NW_OPT_RIVERBED_PROBE },
		{ { 1, 1, 33, 4, 0, 0, 78, 3, 0 }, 12, NW_OPT_CISCO_WAAS | NW_OPT_RIVERBED_TRANS },
		{ { 20, 4, 0, 0, 230, 4 }, 8, NW_OPT_SCPS | NW_OPT_EXINDA },
		/* Kind 30: MP_CAPABLE of both versions, MP_JOIN of both ends; what they can't be */
		{ { 30, 4, 0x01, 0x81, 30, 12, 0x00, 0x81 }, 16, 0 },
		{ { 30, 12, 0x10, 1, 1, 2, 3, 4, 5, 6, 7, 8, 30, 16, 0x10, 1 }, 28, 0 },
		{ { 2, 4, 5, 0xb4, 30, 4, 0x20, 1 }, 8, NW_OPT_EXINDA_OLD },
		{ { 30, 6, 0x00, 1, 2, 3 }, 6, NW_OPT_EXINDA_OLD },
		{ { 30, 4, 0x10, 1, 230, 4 }, 8, NW_OPT_EXINDA_OLD | NW_OPT_EXINDA },
		{ { 30, 2 }, 4, NW_OPT_EXINDA_OLD },
		{ { [0 ... 37] = 1, 30, 2 }, 40, NW_OPT_EXINDA_OLD }, /* the third byte is not among the 40 */
		{ { 20, 4, 0, 0, 21, 2, 22, 2, 23, 2, 24, 2 }, 12, NW_OPT_SCPS },
		{ { 31, 2, 32, 2, 70, 2, 77, 2, 253, 4, 0, 0, 254, 4, 0, 0 }, 16, 0 },
		{ { 0, 76, 10 }, 8, 0 },    /* behind the end of the list */
		{ { 76, 0, 76, 3 }, 8, 0 }, /* a length that would never end */
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct nw_opt_walk w = { .opt = all[i].opt, .len = all[i].len };
		unsigned int k;

		for (k = 0; k < 40 && nw_opt_step(&w) == 0; k++)
			;
		assert_int_equal(w.seen, all[i].want);
	}
}

static void beginnings(void **state)
{
	static const _Alignas(8) uint8_t start[12] = { 0, 0, 0, 0x6c, 0xfe, 'S', 'M', 'B', 64 };
	_Alignas(8) uint8_t h[12];
	unsigned int i;

	(void)state;
	assert_true(nw_looks_like_start(start));
	for (i = 0; i < 9; i++) {
		memcpy(h, start, 12);
		h[i] ^= 0x80;
		/* a longer length is as good */
		assert_int_equal(nw_looks_like_start(h), i == 1 || i == 2 || i == 3);
		assert_true(nw_may_be_start(start, i + 1));
	}
	memcpy(h, start, 12);
	h[3] = 63; /* shorter than a header */
	assert_false(nw_looks_like_start(h));
	assert_false(nw_may_be_start((const uint8_t *)"GET ", 4));
	assert_true(nw_may_be_start((const uint8_t *)"\x81\0\0\x44", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_messages),
		cmocka_unit_test(interim_answers_are_none),
		cmocka_unit_test(fingerprint_covers_the_fields),
		cmocka_unit_test(short_messages_are_refused),
		cmocka_unit_test(headers_that_lie),
		cmocka_unit_test(one_key_for_both_directions),
		cmocka_unit_test(syn_options),
		cmocka_unit_test(beginnings),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
