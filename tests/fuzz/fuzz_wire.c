// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The pure parsers: headers up to TCP, over memory of exactly the input's size; TCP options; judge and
 * extract, each with other bytes behind the end, which must not count. Held to: the key is the same from both
 * sides, more bytes never change a judgement, equal fields have equal fingerprints.
 *
 * Input: a byte that says which, then the packet or message.
 */
#include "fuzz.h"
#include "../../bpf/tap_types.h"

static uint64_t ports[1024];

static void headers(const uint8_t *data, uint32_t len, bool raw)
{
	struct nw_cursor c = { .data = data, .end = data + len };
	struct nw_headers h = { 0 };
	struct nw_pkt p = { 0 };
	struct nw_ethertype type = raw ? nw_parse_raw(&c) : nw_parse_eth(&c, &h);
	struct nw_outcome o = nw_parse_l3(&c, type, &h, (const volatile __u64 *)ports, 1);

	if (o.why >= 0) {
		HOLDS(o.why < NW_C_OUTCOMES);
		return;
	}
	if (nw_read_headers(&c, &h, &p) < 0)
		return;
	HOLDS(p.sender <= 1 && p.tcp.n_vlan <= NW_VLAN_DEPTH);
	HOLDS(p.opt_off + p.opt_len == p.pay_off && p.opt_len <= 40);
	HOLDS(p.opt_off <= len);
	HOLDS(memcmp(&p.key.addr[0].d[1], &p.key.addr[1].d[1], 8) ||
	      p.key.addr[0].d[0] != p.key.addr[1].d[0] || p.key.port[0] <= p.key.port[1]);
	if (nw_finish_len(&p, len) == 0) {
		struct nw_key again;
		const union nw_addr *a = p.key.addr;
		uint8_t other = nw_key_make(&again, a[1].w, p.key.port[1], a[0].w, p.key.port[0]);

		HOLDS(memcmp(&again, &p.key, sizeof(again)) == 0);
		HOLDS(other == 1 ||
		      (a[0].d[0] == a[1].d[0] && a[0].d[1] == a[1].d[1] && p.key.port[0] == p.key.port[1]));
		HOLDS(p.tcp.pay_len <= 65535 || p.tcp.pay_len <= len);
	}
}

static void options(const uint8_t *data, uint32_t len)
{
	uint8_t opt[40] = { 0 };
	struct nw_opt_walk w = { .opt = opt, .len = len < 40 ? len : 40 };
	int i;

	memcpy(opt, data, w.len);
	for (i = 0; i < 41 && nw_opt_step(&w) == 0; i++)
		;
	HOLDS(i < 41 && w.seen < 64);
}

/* Judged twice, with other bytes behind its end: these must not count. */
static struct nw_judged judge(const uint8_t *data, uint32_t n, uint32_t room, const uint32_t pending[4],
			      uint32_t suspect)
{
	_Alignas(8) uint8_t h[NW_JUDGE_MAX + 8];
	struct nw_judged j, again;

	memset(h, 0xfe, sizeof(h));
	memcpy(h, data, n);
	j = nw_judge(h, n, room, pending, suspect);
	memset(h + n, 0, sizeof(h) - n);
	again = nw_judge(h, n, room, pending, suspect);
	HOLDS(memcmp(&j, &again, sizeof(j)) == 0);
	HOLDS(j.class <= NW_CL_MESSAGE && j.type < NW_EV_MAX);
	HOLDS(!j.next || (j.next >= NW_H_BODY && j.next <= room - NW_H_BODY));
	return j;
}

static void message(struct bytes *b)
{
	static const uint32_t some[] = { 0, 3, 4, 9, 10, 23, 24, 63, 64, 67, 68, 71, 72 };
	uint32_t pending[4] = { take8(b), 0, take32(b), 0 }, suspect = take8(b) & 1, room = take16(b), n = 0;
	uint32_t most = nw_min(nw_min((uint32_t)left(b), room), NW_JUDGE_MAX);
	struct nw_judged before = { 0 }, j;

	for (size_t i = 0; i < sizeof(some) / sizeof(*some) && some[i] <= most; i++) {
		n = some[i];
		j = judge(b->at, n, room, pending, suspect);
		if (before.class != NW_CL_MORE)
			HOLDS(j.class == before.class && j.type == before.type && j.next == before.next);
		before = j;
	}
	/* With all of a header there is nothing more to wait for. */
	HOLDS(n < NW_JUDGE_MAX || before.class != NW_CL_MORE);
}

static void extract(struct bytes *b)
{
	_Alignas(8) static uint8_t h[NW_DATA_MAX];
	uint8_t type = NW_EV_NEGOTIATE_REQ + take8(b) % 6;
	uint32_t n = (uint32_t)left(b) < NW_DATA_MAX - 4 ? (uint32_t)left(b) : NW_DATA_MAX - 4;
	struct nw_smb m = { 0 }, again = { 0 };

	/* What lies behind the message must not count. */
	memset(h, 0xaa, sizeof(h));
	memcpy(h, b->at, n);
	if (n < NW_H_BODY)
		return;
	if (nw_extract(&m, h, n, type) < 0)
		HOLDS(!m.fingerprint && !m.capabilities);
	memset(h + n, 0x55, sizeof(h) - n);
	nw_extract(&again, h, n, type);
	HOLDS(memcmp(&m, &again, sizeof(m)) == 0);
	if (m.fingerprint && (type == NW_EV_NEGOTIATE_REQ || type == NW_EV_VALIDATE_REQ)) {
		HOLDS(m.dialects_off - 4 + 2 * nw_min(m.n_dialects, NW_DIALECTS_MAX) <= n);
		HOLDS(m.fingerprint == nw_fp_request(&m, m.guid, h + m.dialects_off - 4));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ports[445 >> 6] |= 1ULL << (445 & 63);
	ports[139 >> 6] |= 1ULL << (139 & 63);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	uint8_t which = take8(&b) % 5;

	if (size < 2)
		return 0;
	/* The input has memory of its own size. */
	if (which == 3)
		message(&b);
	else if (which == 4)
		extract(&b);
	else if (which == 2)
		options(b.at, (uint32_t)left(&b));
	else
		headers(b.at, (uint32_t)left(&b), which == 1);
	return 0;
}
