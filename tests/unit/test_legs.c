// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where it happened: every rule that is about a part of the path, seen from each place, with the leg and the
 * sentence that it then has to have.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"
#include "../../user/util/util.h"

static struct {
	struct nw_engine *engine;
	struct nw_tap *tap;
	unsigned int rule;
	struct nw_finding got;
	bool found;
} L;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	if (f->rule != L.rule)
		return;
	L.got = *f;
	L.found = true;
}

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(L.engine, ev);
}

static int to_tap(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = ts, .frame = frame };

	return nw_tap_packet(L.tap, &p);
}

/* A conversation that meets the rule. */
static void make(struct talk *t, unsigned int rule)
{
	struct talk_params q = talk_client, r = talk_server;

	if (rule == 101)
		q.capabilities ^= 1;
	if (rule == 109) {
		q.n_dialects--;
		r.dialect = 0x0300;
	}
	if (rule == 102)
		r.capabilities ^= 1;
	talk_usual(t, &q, &talk_client, &r, rule == 102 ? &talk_server : NULL,
		   rule == 104 || rule == 101 || rule == 109 ? TALK_END_SERVER_FIN :
		   rule == 105				     ? TALK_END_CLIENT_FIN :
							       TALK_END_NONE);
	if (rule == 103 || rule == 105)
		talk_validate_rsp(t, &talk_server, 3, 0, rule == 105);
}

static void see(unsigned int rule, enum nw_vantage vantage)
{
	static const uint16_t ports[] = { 445, 139 };
	static const struct nw_engine_ops ops = { .finding = on_finding };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 8 };
	struct nw_engine_config ec;
	struct talk_how how = { 0 };
	struct talk t;

	nw_engine_defaults(&ec);
	ec.vantage = vantage;
	L.rule = rule;
	L.found = false;
	make(&t, rule);
	assert_int_equal(nw_engine_new(&L.engine, &ec, &ops, NULL), 0);
	assert_int_equal(nw_tap_new(&L.tap, &tc, to_engine, NULL), 0);
	assert_int_equal(talk_frames(&t, &how, to_tap, NULL), 0);
	nw_engine_tick(L.engine, 1700000000000000000ULL + 60 * NW_NS_PER_S);
	nw_engine_flush(L.engine);
	nw_tap_free(&L.tap);
	nw_engine_free(&L.engine);
	talk_free(&t);
}

static void every_leg_from_every_place(void **state)
{
	/* by enum nw_vantage: unknown, server, client, between */
	/* clang-format off */
	static const struct {
		unsigned int rule;
		uint8_t leg[4];
		const char *text[4]; /* has to be in the sentence */
	} rows[] = {
#define C NW_LEG_CLIENT_HERE
#define S NW_LEG_HERE_SERVER
#define O NW_LEG_NONE
		{ 101, { C, C, O, C }, { "client and this point", "client and this server", "within this client", "client and this point" } },
		{ 102, { S, O, S, S }, { "server and this point", "within this server", "server and this client", "server and this point" } },
		{ 103, { S, O, S, S }, { "server and this point", "left this server like that", "server and this client", "server and this point" } },
		{ 104, { S, O, S, S }, { "this point and the server", "server's own log", "this client and the server", "this point and the server" } },
		{ 105, { C, C, O, C }, { "this point and the client", "this server and the client", "found a signature wrong", "this point and the client" } },
		{ 106, { S, O, S, S }, { "server and this point", "no answer left this server", "server and this client", "server and this point" } },
		{ 109, { C, C, O, C }, { "reach this point", "reach this server", "reach this client", "reach this point" } },
	};
	/* clang-format on */
	unsigned int i, v, legs = 0;

	for (i = 0; i < NW_ARRAY_SIZE(rows); i++)
		for (v = 0; v < 4; v++) {
			see(rows[i].rule, v);
			if (!L.found || L.got.leg != rows[i].leg[v] || !strstr(L.got.text, rows[i].text[v]))
				fail_msg("%u from place %u: %s, %s", rows[i].rule, v,
					 L.found ? nw_leg_name(L.got.leg) : "not found", L.got.text);
			/* No leg: neither end of one may be named as the culprit. */
			assert_true(L.got.leg != NW_LEG_NONE || !strstr(L.got.text, "between"));
			legs += L.got.leg != NW_LEG_NONE;
		}
	print_message("# %zu rules from 4 places, %u of %zu with a leg\n", NW_ARRAY_SIZE(rows), legs,
		      4 * NW_ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_leg_from_every_place) };

	return cmocka_run_group_tests_name("legs", tests, NULL, NULL);
}
