// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Bytes per connection, as the allocator counts them: 65536 connections of clients, GUIDs, sessions and
 * signatures that nobody else has, held against the arithmetic of user/engine/record.h.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/engine/engine.h"

#define FLOWS 65536u
/* Of the table, which is reserved at once: 64 + 48 + 4 bytes */
#define PLACE 116

static uint64_t dice = 88172325463325252ULL;

static uint64_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

static void roll_bytes(uint8_t *to, unsigned int n)
{
	while (n--)
		*to++ = (uint8_t)(roll() >> 32);
}

struct flow {
	uint32_t n;
	uint64_t ts, session;
	uint8_t guid[16], server_guid[16];
};

/* One event of the flow, with a message of as many bytes as are looked at. */
static void event(struct nw_engine *e, struct flow *f, uint8_t type)
{
	static const uint8_t dialects[] = { 0x02, 0x02, 0x10, 0x02, 0x00, 0x03, 0x02, 0x03 };
	bool request = type == NW_EV_NEGOTIATE_REQ || type == NW_EV_VALIDATE_REQ;
	bool negotiate = type == NW_EV_NEGOTIATE_REQ || type == NW_EV_NEGOTIATE_RSP;
	struct nw_event ev = {
		.ts = f->ts += 100000 + roll() % 900000,
		.type = type,
		.dir = request || type == NW_EV_USE || type == NW_EV_FIN ? NW_C2S : NW_S2C,
		.client = 0,
		.flags = NW_EF_SYN_SEEN,
		.ifindex = 2,
		.msg_seq = (uint32_t)roll(),
		.key = { .addr = { { .w = { 0, 0, 0xffff0000, f->n * 2654435761u } },
				   { .w = { 0, 0, 0xffff0000, 0xffff000a } } },
			 .port = { (uint16_t)(f->n * 7), 0xbd01 } },
		.smb = { .message_id = negotiate ? 0 : 5,
			 .session_id = negotiate ? 0 : f->session,
			 .fingerprint = f->n + 1ULL + request,
			 .flags = negotiate ? 0 : 8,
			 .security_mode = 1,
			 .capabilities = 0x7f,
			 .dialect = request ? 0 : 0x0302,
			 .max_output = request && !negotiate ? 24 : 0 },
		.data_len = 180,
		.msg_len = 180,
	};

	memcpy(ev.smb.guid, request ? f->guid : f->server_guid, 16);
	ev.data[4] = 0xfe;
	roll_bytes(ev.data + 4 + 48, 16);
	if (negotiate && !request)
		roll_bytes(ev.data + 4 + 104, 8); /* SystemTime, for the hash of the body */
	if (request) {
		ev.smb.n_dialects = 4;
		ev.smb.dialects_off = 104;
		memcpy(ev.data + 104, dialects, sizeof(dialects));
	}
	assert_int_equal(nw_engine_event(e, &ev), 0);
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks;
}

struct kind {
	const char *name;
	const uint8_t types[10];
	bool own_servers; /* one for each, so that they have nothing in common */
	unsigned int most;
};

static void measure(void **state)
{
	const struct kind *k = *state;
	const struct nw_engine_ops ops = { 0 };
	struct nw_engine_config cfg;
	struct nw_engine *e;
	size_t before;
	double each;

	nw_engine_defaults(&cfg);
	cfg.idle_timeout = 3600 * NW_NS_PER_S;
	assert_int_equal(nw_engine_new(&e, &cfg, &ops, NULL), 0);
	before = allocated();
	for (uint32_t n = 0; n < FLOWS; n++) {
		struct flow f = { .n = n, .ts = 1000000000000ULL + n * 10000ULL, .session = roll() >> 16 };

		roll_bytes(f.guid, 16);
		for (unsigned int i = 0; i < 16; i++)
			f.server_guid[i] = (uint8_t)(i + (k->own_servers ? n >> i : 0));
		for (unsigned int i = 0; k->types[i]; i++)
			event(e, &f, k->types[i]);
	}
	each = (double)(allocated() - before) / FLOWS;
	print_message("# %s: %.0f + %u bytes a connection, %.1f MiB for %u\n", k->name, each, PLACE,
		      (each + PLACE) * FLOWS / 1048576, FLOWS);
	nw_engine_free(&e);
	assert_true(each <= k->most);
}

static const struct kind kinds[] = {
	{ "seen running", { NW_EV_FLOW }, false, 48 },
	{ "asked", { NW_EV_NEGOTIATE_REQ }, false, 72 },
	{ "validated and in use",
	  { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP, NW_EV_SESSION_RSP, NW_EV_TREE_RSP, NW_EV_VALIDATE_REQ,
	    NW_EV_VALIDATE_RSP, NW_EV_USE },
	  false,
	  204 },
	{ "waiting for the answer",
	  { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP, NW_EV_SESSION_RSP, NW_EV_TREE_RSP, NW_EV_VALIDATE_REQ },
	  false,
	  160 },
	{ "validated, each with a server of its own",
	  { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP, NW_EV_SESSION_RSP, NW_EV_TREE_RSP, NW_EV_VALIDATE_REQ,
	    NW_EV_VALIDATE_RSP, NW_EV_USE },
	  true,
	  208 },
};

int main(void)
{
	struct CMUnitTest tests[sizeof(kinds) / sizeof(*kinds)];

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		tests[i] = (struct CMUnitTest){ kinds[i].name, measure, NULL, NULL, (void *)&kinds[i] };
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
