// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wire headers alone: what they refuse, what they read from messages that smbd and smbclient 4.17 sent,
 * and that NEGOTIATE and VALIDATE of one exchange have one fingerprint.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

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

/* A header, n bytes of a message of `room`, while MessageIds 4 to 7 wait for an answer. */
static const struct {
	const char *what;
	uint32_t n, room;
	uint32_t magic; /* 0: SMB2's */
	uint32_t status, flags, next, message_id, ctl;
	uint16_t command, size, body; /* size: of the header, 0: 64 */
	uint8_t suspect;
	struct nw_judged want;
} judged[] = {
	{ "three bytes", 3, 200, .want = { NW_CL_MORE } },
	{ "other text", 64, 200, .magic = 0x424d54fe, .want = { NW_CL_NOT_SMB } },
	{ "a first byte that nobody uses", 64, 200, .magic = 0x424d53fb, .want = { NW_CL_NOT_SMB } },
	{ "a frame too short", 63, 63, .want = { NW_CL_NOT_SMB } },
	{ "no MessageId yet", 23, 200, .want = { NW_CL_MORE } },
	{ "another structure", 64, 200, .size = 65, .want = { NW_CL_NOT_SMB } },
	{ "encrypted", 4, 200, .magic = 0x424d53fd, .want = { NW_CL_EVENT, NW_EV_ENCRYPTED } },
	{ "compressed", 4, 200, .magic = 0x424d53fc, .want = { NW_CL_EVENT, NW_EV_COMPRESSED } },
	{ "SMB1 without flags yet", 9, 200, .magic = 0x424d53ff, .want = { NW_CL_MORE } },
	{ "NextCommand", 64, 192, .next = 128, .command = 12, .want = { NW_CL_SKIP, .next = 128 } },
	{ "... into this header", 64, 192, .next = 56, .command = 12, .want = { NW_CL_SKIP } },
	{ "... behind the frame", 64, 192, .next = 200, .command = 12, .want = { NW_CL_SKIP } },
	{ "... without room", 64, 192, .next = 136, .command = 12, .want = { NW_CL_SKIP } },
	{ "LOGOFF, half", 63, 68, .command = 2, .want = { NW_CL_MORE } },
	{ "LOGOFF", 64, 68, .command = 2, .want = { NW_CL_EVENT, NW_EV_LOGOFF } },
	{ "its answer", 64, 68, .command = 2, .flags = 1, .want = { NW_CL_SKIP, .response = 1 } },
	{ "TREE_CONNECT", 64, 90, .command = 3, .want = { NW_CL_SKIP } },
	{ "its answer", 64, 80, .command = 3, .flags = 1, .want = { NW_CL_EVENT, NW_EV_TREE_RSP, 1 } },
	{ "CREATE, half", 63, 120, .command = 5, .want = { NW_CL_MORE } },
	{ "CREATE", 64, 120, .command = 5, .want = { NW_CL_REQUEST } },
	{ "its answer", 64, 120, .command = 5, .flags = 1, .want = { NW_CL_SKIP, .response = 1 } },
	{ "SESSION_SETUP", 64, 120, .command = 1, .want = { NW_CL_SKIP } },
	{ "goes on", .n = 72, .room = 120, .command = 1, .flags = 1,
	  .status = NW_STATUS_MORE_PROCESSING_REQUIRED, .want = { NW_CL_SKIP, .response = 1 } },
	{ "is over, half", 67, 72, .command = 1, .flags = 1, .want = { NW_CL_MORE, .response = 1 } },
	{ "is over", 68, 72, .command = 1, .flags = 1, .want = { NW_CL_EVENT, NW_EV_SESSION_RSP, 1 } },
	{ "another IOCTL", 72, 120, .command = 11, .message_id = 9, .ctl = 1,
	  .want = { NW_CL_REQUEST, .guess = 1 } },
	{ "VALIDATE", .n = 72, .room = 144, .command = 11, .ctl = NW_FSCTL_VALIDATE_NEGOTIATE_INFO,
	  .body = 57, .want = { NW_CL_MESSAGE, NW_EV_VALIDATE_REQ } },
	{ "its number in another structure", .n = 72, .room = 144, .command = 11, .message_id = 9,
	  .ctl = NW_FSCTL_VALIDATE_NEGOTIATE_INFO, .body = 49, .want = { NW_CL_REQUEST, .guess = 1 } },
	{ "an error to one that waits", .n = 72, .room = 73, .command = 11, .flags = 1, .status = 0xc0000128,
	  .message_id = 5, .want = { NW_CL_MESSAGE, NW_EV_VALIDATE_RSP, 1 } },
	{ "to another", .n = 72, .room = 73, .command = 11, .flags = 1, .status = 0xc0000128, .message_id = 9,
	  .want = { NW_CL_SKIP, .response = 1, .guess = 1 } },
	{ "to one that was not seen", .n = 72, .room = 73, .command = 11, .flags = 1, .status = 0xc0000128,
	  .message_id = 9, .suspect = 1, .want = { NW_CL_MESSAGE, NW_EV_VALIDATE_RSP, 1, 1 } },
	{ "success is no error", .n = 72, .room = 73, .command = 11, .flags = 1, .message_id = 9,
	  .suspect = 1, .want = { NW_CL_SKIP, .response = 1, .guess = 1 } },
};

/* All fields of the header little-endian, as is this host. */
static void write_header(uint8_t *h, unsigned int i)
{
	memset(h, 0, 256);
	*(uint32_t *)h = judged[i].magic ?: 0x424d53fe;
	*(uint16_t *)(h + NW_H_STRUCT_SIZE) = judged[i].size ?: 64;
	*(uint32_t *)(h + NW_H_STATUS) = judged[i].status;
	*(uint16_t *)(h + NW_H_COMMAND) = judged[i].command;
	*(uint32_t *)(h + NW_H_FLAGS) = judged[i].flags;
	*(uint32_t *)(h + NW_H_NEXT) = judged[i].next;
	*(uint32_t *)(h + NW_H_MESSAGE_ID) = judged[i].message_id;
	*(uint16_t *)(h + NW_H_BODY) = judged[i].body;
	*(uint32_t *)(h + NW_IOCQ_CTL) = judged[i].ctl;
}

static void each_header(void **state)
{
	const __u32 pending[NW_PENDING_MAX] = { 4, 5, 6, 7 };
	_Alignas(8) uint8_t h[256];

	for (unsigned int i = 0; i < sizeof(judged) / sizeof(*judged); i++) {
		const struct nw_judged *w = &judged[i].want;
		struct nw_judged j;

		write_header(h, i);
		j = nw_judge(h, judged[i].n, judged[i].room, pending, judged[i].suspect);
		if (j.class != w->class || j.type != w->type || j.response != w->response ||
		    (j.class != NW_CL_MORE && (j.next != w->next || j.guess != w->guess)))
			fail_msg("%s: class %u type %u response %u guess %u next %u", judged[i].what, j.class,
				 j.type, j.response, j.guess, j.next);
	}
}

/* In any of the places; a MessageId of 0 is one, too, though 0 there says "none". */
static void ids_that_are_waited_for(void **state)
{
	static const _Alignas(8) uint8_t zero[NW_H_BODY];
	const __u32 ids[NW_PENDING_MAX] = { 4, 0, 6, nw_pending_id(zero) };

	assert_true(nw_is_pending(ids, 4) && nw_is_pending(ids, 6));
	assert_true(nw_is_pending(ids, nw_pending_id(zero)));
	assert_false(nw_is_pending(ids, 5));
	assert_int_not_equal(nw_pending_id(zero), 0);
}

/* One field of a message is changed: it can't be read, or there is nothing more to read, and no guess is
 * made. */
static void bodies_of_another_layout(void **state)
{
	static const struct {
		const char *hex;
		uint8_t type;
		uint32_t at, value;
		int want;
	} all[] = {
		{ neg_req, NW_EV_NEGOTIATE_REQ, NW_H_BODY, 0x0004001f, -1 }, /* the structure's size */
		{ neg_rsp, NW_EV_NEGOTIATE_RSP, NW_H_BODY, 0x00010040, -1 },
		{ neg_rsp, NW_EV_NEGOTIATE_RSP, NW_H_STATUS, 0xc00000bb, 0 },
		{ val_req, NW_EV_VALIDATE_REQ, NW_IOCQ_IN_OFFSET, 128, -1 },
		{ val_req, NW_EV_VALIDATE_REQ, NW_IOCQ_IN_COUNT, 23, -1 },
		{ val_rsp, NW_EV_VALIDATE_RSP, NW_IOCR_OUT_OFFSET, 120, -1 },
		{ val_rsp, NW_EV_VALIDATE_RSP, NW_IOCR_OUT_COUNT, 23, -1 },
		{ val_rsp, NW_EV_SESSION_RSP, NW_H_STATUS, 0, 0 }, /* has no such body */
	};
	_Alignas(8) uint8_t b[1024];

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint32_t n = unhex(all[i].hex, b) - 4;
		struct nw_smb m = { 0 };

		*(uint32_t *)(b + 8 + all[i].at) = all[i].value;
		assert_int_equal(nw_extract(&m, b + 8, n, all[i].type), all[i].want);
		assert_int_equal(m.fingerprint, 0);
		assert_int_equal(m.message_id, nw_le64(b + 8 + NW_H_MESSAGE_ID));
	}
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
	assert_true(nw_may_be_start(h, 0));
	memcpy(h, start, 12);
	h[4] = 0xfb;
	assert_false(nw_may_be_start(h, 5));
	memcpy(h, start, 12);
	h[6] = 'N';
	assert_true(nw_may_be_start(h, 7)); /* all four count at once */
	assert_false(nw_may_be_start(h, 8));
	/* Encrypted: the transform header and what it holds */
	memcpy(h, start, 12);
	h[4] = 0xfd;
	h[3] = 32;
	assert_true(nw_looks_like_start(h));
	h[3] = 31;
	assert_false(nw_looks_like_start(h));
}

/* RFC 1002 4.3.1: types 0x81 to 0x85, with no more than two names behind them */
static void netbios_control(void **state)
{
	static const struct {
		uint8_t h[4];
		bool want;
	} all[] = {
		{ { 0x81, 0, 0, 68 }, true }, { { 0x85, 0, 0, 0 }, true },  { { 0x82, 0, 2, 0 }, true },
		{ { 0x82, 0, 2, 1 }, false }, { { 0x80, 0, 0, 0 }, false }, { { 0x86, 0, 0, 0 }, false },
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert_int_equal(nw_nbss_is_control(all[i].h), all[i].want);
}

static void ids_of_one_host(void **state)
{
	assert_true(nw_id_counts_on(100, 101) && nw_id_counts_on(100, 100 + NW_ID_STEP));
	assert_true(nw_id_counts_on(65535, 5)); /* across the wrap */
	assert_false(nw_id_counts_on(100, 100) || nw_id_counts_on(100, 99));
	assert_false(nw_id_counts_on(100, 101 + NW_ID_STEP));
	assert_false(nw_id_counts_on(0, 1) || nw_id_counts_on(65535, 0)); /* none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_messages),
		cmocka_unit_test(interim_answers_are_none),
		cmocka_unit_test(fingerprint_covers_the_fields),
		cmocka_unit_test(short_messages_are_refused),
		cmocka_unit_test(each_header),
		cmocka_unit_test(ids_that_are_waited_for),
		cmocka_unit_test(bodies_of_another_layout),
		cmocka_unit_test(syn_options),
		cmocka_unit_test(beginnings),
		cmocka_unit_test(netbios_control),
		cmocka_unit_test(ids_of_one_host),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
