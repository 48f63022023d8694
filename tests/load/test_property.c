// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A million flows by the dice, mangled as networks and captures do. Whatever happens to the packets of a flow
 * that nobody tampered with, it is never called altered, and its genuine RST never certainly forged. And the
 * other way round: tampering is found whenever all bytes were seen, in whatever pieces and order; where some
 * were not, it is found, or the flow says that it was not seen in full.
 *
 * NW_SEED chooses other flows, NW_FLOWS how many. A failure is told with what to set NW_ONE to, which plays
 * that flow alone and prints its events.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "flows.h"

#define FLOWS 1000000u
#define SEED 20261122u

static struct {
	struct dice dice;
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct talk t;
	uint64_t clock, rules[200];
	uint16_t port;
	/* of the flow at hand */
	uint32_t met; /* bit by rule - 100 */
	uint8_t unseen;
	bool tracked, certain, trace;
	struct talk_digest d;
} P;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	(void)arg;
	(void)c;
	P.rules[f->rule % 200]++;
	if (f->rule - 100u < 32)
		P.met |= 1u << (f->rule - 100);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	(void)arg;
	P.tracked = true;
	P.unseen |= c->unseen;
	for (unsigned int i = 0; i < c->n_resets; i++)
		P.certain |= c->resets[i].forged == NW_FORGED_CERTAIN;
	if (P.trace)
		talk_digest_conn(&P.d, c);
}

static int to_engine(void *arg, const struct nw_event *ev)
{
	(void)arg;
	if (P.trace)
		print_message("# %s type %u flags %x seq %u ack %u len %u boundary %u msg %u+%u data %u\n",
			      ev->dir ? "  <-" : "->", ev->type, ev->flags, ev->tcp.seq, ev->tcp.ack,
			      ev->tcp.pay_len, ev->boundary, ev->msg_seq, ev->msg_len, ev->data_len);
	return nw_engine_event(P.engine, ev);
}

/* One flow, to its end. */
static void play(enum tampered tampered, const struct mangle *m)
{
	P.met = P.unseen = 0;
	P.tracked = P.certain = false;
	P.d.n = 0;
	flows_clear(&P.t);
	flows_talk(&P.dice, &P.t, tampered);
	if (tampered && !P.t.end)
		P.t.end = TALK_END_SERVER_FIN; /* it alone shows that the last bytes were lost */
	P.port = P.port < 1024 ? 65535 : P.port - 1;
	assert_int_equal(flows_frames(&P.dice, &P.t, m, P.port, P.tap, &P.clock), 0);
	nw_engine_flush(P.engine);
}

static unsigned int count(unsigned int share)
{
	const char *n = getenv("NW_FLOWS");

	return (n ? (unsigned int)atoi(n) : FLOWS) / share;
}

static bool met(unsigned int rule)
{
	return P.met & 1u << (rule - 100);
}

static const struct mangle manglings[] = {
	{ 0 },
	{ .reorder = true },
	{ .repeat = true },
	{ .reorder = true, .repeat = true },
	{ .drop = true },
	{ .reorder = true, .repeat = true, .drop = true },
	{ .reorder = true, .repeat = true, .wild = true },
	{ .reorder = true, .repeat = true, .drop = true, .wild = true },
};

static void complain(const char *what, enum tampered tampered, unsigned int k, uint64_t state,
		     unsigned int bad)
{
	if (bad > 5)
		return;
	print_message("# %s: met %x, unseen %x, NW_ONE=%d,%u,%" PRIu64 "\n", what, P.met, P.unseen,
		      (int)tampered, k, state);
}

static void one_alone(void **state)
{
	const char *one = getenv("NW_ONE");
	int tampered;
	unsigned int k;

	(void)state;
	if (!one || sscanf(one, "%d,%u,%" SCNu64, &tampered, &k, &P.dice.state) != 3)
		return;
	P.trace = true;
	play(tampered, &manglings[k % 8]);
	print_message("# met %x, unseen %x: %s", P.met, P.unseen, P.d.text);
}

static void untampered_is_never_altered(void **state)
{
	unsigned int n = count(1), bad = 0, tracked = 0, forged = 0;

	(void)state;
	memset(P.rules, 0, sizeof(P.rules));
	for (unsigned int i = 0; i < n; i++) {
		uint64_t seed = P.dice.state;

		play(UNTAMPERED, &manglings[i % 8]);
		tracked += P.tracked;
		forged += P.certain;
		if (met(101) || met(102) || met(103) || met(109) || P.certain)
			complain("called altered", UNTAMPERED, i % 8, seed, ++bad);
	}
	print_message("# %u untampered flows (%u tracked): %u called altered; 104: %" PRIu64 ", 105: %" PRIu64
		      ", 106: %" PRIu64 ", 107: %" PRIu64 ", 110: %" PRIu64 ", 111: %" PRIu64 "\n",
		      n, tracked, bad, P.rules[104], P.rules[105], P.rules[106], P.rules[107], P.rules[110],
		      P.rules[111]);
	assert_true(tracked > n / 10 * 9);
	assert_int_equal(bad + forged, 0);
}

static void tampered_is_found(void **state)
{
	static const unsigned int rule[N_TAMPERED] = { 0, 101, 102, 103 };
	unsigned int n = count(5), bad = 0, found[8] = { 0 }, all[8] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < n; i++) {
		enum tampered tampered = 1 + i % 3;
		unsigned int k = i / 3 % 6;
		uint64_t seed = P.dice.state;

		play(tampered, &manglings[k]);
		all[k]++;
		found[k] += met(rule[tampered]);
		if (met(rule[tampered]))
			continue;
		if (!manglings[k].drop || (P.tracked && !P.unseen))
			complain("not found", tampered, k, seed, ++bad);
	}
	for (unsigned int k = 0; k < 6; k++)
		print_message("# tampered,%s%s%s: found %u of %u%s\n",
			      manglings[k].reorder ? " reordered" : "",
			      manglings[k].repeat ? " repeated" : "", manglings[k].drop ? " with drops" : "",
			      found[k], all[k], manglings[k].drop ? ", the others partial" : "");
	assert_int_equal(bad, 0);
}

static int setup(void **state)
{
	static const uint16_t ports[] = { 445 };
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 1, .max_flows = 64 };
	const char *seed = getenv("NW_SEED");
	struct nw_engine_config ec;

	(void)state;
	P.dice.state = seed ? strtoull(seed, NULL, 10) : SEED;
	P.clock = 1000000000;
	talk_init(&P.t);
	nw_engine_defaults(&ec);
	ec.max_awake = 0; /* asleep between any two events */
	ec.max_conns = 64;
	print_message("# seed %" PRIu64 "\n", P.dice.state);
	return nw_engine_new(&P.engine, &ec, &ops, NULL) || nw_tap_new(&P.tap, &tc, to_engine, NULL);
}

static int teardown(void **state)
{
	(void)state;
	nw_tap_free(&P.tap);
	nw_engine_free(&P.engine);
	talk_free(&P.t);
	print_message("# %.1f s of processor time\n", (double)clock() / CLOCKS_PER_SEC);
	return 0;
}

int main(void)
{
	const struct CMUnitTest one[] = { cmocka_unit_test(one_alone) };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untampered_is_never_altered),
		cmocka_unit_test(tampered_is_found),
	};

	if (getenv("NW_ONE"))
		return cmocka_run_group_tests_name("property", one, setup, teardown);
	return cmocka_run_group_tests_name("property", tests, setup, teardown);
}
