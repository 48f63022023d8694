// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Conversations with a known truth (those of tests/load, with the input for dice), valid and damaged, mangled
 * as networks do, through the tap and the engine. An untampered one that is called altered is a crash; so is
 * a genuine RST that is called certainly forged, and a tampered one that is not found although all of it was
 * seen, or is said to have been.
 *
 * Input: a byte of truth and treatment, a byte of damage, then what is rolled.
 */
#include "fuzz.h"
#include "../load/flows.h"

static struct {
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct talk t;
	uint64_t clock;
	uint16_t port;
	/* of the flow at hand */
	uint32_t met; /* bit by rule - 100 */
	uint8_t unseen;
	bool tracked, certain;
} P;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	fuzz_check_finding(c, f);
	if (f->rule - 100u < 32)
		P.met |= 1u << (f->rule - 100);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	P.tracked = true;
	P.unseen |= c->unseen;
	for (unsigned int i = 0; i < c->n_resets; i++)
		P.certain |= c->resets[i].forged == NW_FORGED_CERTAIN;
}

static int to_engine(void *arg, const struct nw_event *ev)
{
	fuzz_check_event(ev);
	return nw_engine_event(P.engine, ev);
}

static bool met(unsigned int rule)
{
	return P.met & 1u << (rule - 100);
}

/* Is it neither of the two exchanges, nor may it become one by what damage() does? */
static bool is_other(const struct talk_msg *m)
{
	uint8_t command = m->bytes[4 + 12], next = m->bytes[4 + 20];

	return m->len > 4 + 64 && m->bytes[4] == 0xfe && command != 0 && command != 11 && !next;
}

/*
 * What a broken peer sends, in messages that are none of the two exchanges: bodies of anything, statuses,
 * flags and identities that make no sense, links of compounds that lead nowhere. What bodies hold is not the
 * input's choice: an exchange in there, behind such a link, would be one.
 */
static void damage(struct dice *d, struct talk *t, unsigned int how)
{
	static const uint8_t fields[] = { 8, 9, 11, 14, 16, 18, 20, 21, 24, 28, 40, 47, 48, 63 };

	for (unsigned int i = 0; how && i < t->n; i++) {
		struct talk_msg *m = &t->msg[i];

		if (!is_other(m) || roll(d, 3))
			continue;
		if (how & 1)
			for (uint32_t k = 4 + 64 + roll(d, m->len - 4 - 64); k < m->len; k += 1 + roll(d, 40))
				m->bytes[k] = (uint8_t)roll_blind(d, 256);
		if (how & 2)
			m->bytes[4 + fields[roll(d, sizeof(fields))]] ^= 1u << roll(d, 8);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint16_t ports[] = { 445 };
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 1, .max_flows = 64 };
	struct nw_engine_config ec;

	P.clock = 1000000000;
	talk_init(&P.t);
	nw_engine_defaults(&ec);
	ec.max_conns = 64;
	ec.max_peers = 1; /* no memory of what the input before this one was */
	HOLDS(nw_engine_new(&P.engine, &ec, &ops, NULL) == 0);
	HOLDS(nw_tap_new(&P.tap, &tc, to_engine, NULL) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int rule[N_TAMPERED] = { 0, 101, 102, 103 };
	struct dice d = { .state = 20261122 };
	enum tampered tampered;
	struct mangle m;
	uint64_t left; /* bytes behind holes that were beyond what a hole may pass (NW_RAW_MAX) */
	unsigned int i;

	if (size < 2)
		return 0;
	tampered = data[0] & 0x80 ? UNTAMPERED : data[0] & 3;
	m = (struct mangle){ .reorder = data[0] & 4, .repeat = data[0] & 8, .drop = data[0] & 16 };
	m.wild = !tampered && data[0] & 32;
	/* What lies behind the input's end is different for each input, and always the same for it. */
	for (i = 0; i < size; i++)
		d.state = (d.state ^ data[i]) * 0x9e3779b97f4a7c15ULL;
	d.state |= 1;
	d.at = data + 2;
	d.end = data + size;
	P.met = P.unseen = 0;
	P.tracked = P.certain = false;
	flows_clear(&P.t);
	flows_talk(&d, &P.t, tampered);
	if (tampered && !P.t.end)
		P.t.end = TALK_END_SERVER_FIN; /* it alone shows that the last bytes were lost */
	if (!tampered)
		damage(&d, &P.t, data[1] & 3);
	P.port = P.port < 1024 ? 65535 : P.port - 1;
	left = nw_tap_counters(P.tap)[NW_C_RAW_LIMIT];
	HOLDS(flows_frames(&d, &P.t, &m, P.port, P.tap, &P.clock) == 0);
	nw_engine_flush(P.engine);
	fuzz_check_counters(nw_tap_counters(P.tap));
	left = nw_tap_counters(P.tap)[NW_C_RAW_LIMIT] - left;
	if (!tampered)
		HOLDS(!met(101) && !met(102) && !met(103) && !met(109) && !P.certain);
	else if ((!m.drop && !left) || (P.tracked && !P.unseen))
		HOLDS(met(rule[tampered]));
	return 0;
}
