// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The conversations of tests/unit/lib_streams.c through the real programs: XDP, tc ingress and tc egress in
 * turn give the findings of the table, and however TCP cuts them, the findings of the uncut ones. All
 * verdicts are "pass", no packet is changed, and each has exactly one outcome.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "progs.h"
#include "../unit/streams.h"

struct run {
	struct progs *progs;
	struct nw_engine *engine;
	enum progs_which which;
	uint64_t frames;
};

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct run *)arg)->engine, ev);
}

static int to_prog(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct run *r = arg;

	r->frames++;
	return progs_frame(r->progs, r->which, data, len, ts, frame, to_engine, r);
}

static int digest(const struct talk *t, const struct talk_how *how, struct talk_digest *d, void *arg)
{
	struct nw_engine_ops ops = { .done = talk_digest_conn };
	struct nw_engine_config ec;
	struct run *r = arg;
	int err;

	d->n = 0;
	d->text[0] = 0;
	nw_engine_defaults(&ec);
	ec.max_conns = ec.max_peers = 64;
	err = nw_engine_new(&r->engine, &ec, &ops, d);
	if (!err)
		err = progs_reset(r->progs);
	if (!err)
		err = talk_frames(t, how, to_prog, r);
	if (!err)
		nw_engine_flush(r->engine);
	nw_engine_free(&r->engine);
	return err;
}

static void with(struct run *r, enum progs_which which)
{
	unsigned int runs = 0, bad = 0;

	r->which = which;
	assert_int_equal(streams_findings(digest, r), 0);
	streams_all(digest, r, &runs, &bad);
	print_message("# %s: %u conversations, %u differ\n", progs_name[which], runs, bad);
	assert_int_equal(bad, 0);
}

static void xdp(void **state)
{
	with(*state, PROGS_XDP);
}

static void tc_ingress(void **state)
{
	with(*state, PROGS_TC_IN);
}

static void tc_egress(void **state)
{
	with(*state, PROGS_TC_OUT);
}

/* Runs last: over all that the others sent. */
static void outcomes_are_packets(void **state)
{
	struct run *r = *state;
	uint64_t packets = progs_count(r->progs, NW_C_PACKETS);

	print_message("# %llu packets, %llu events, %llu lost\n", (unsigned long long)packets,
		      (unsigned long long)progs_count(r->progs, NW_C_EVENTS),
		      (unsigned long long)progs_count(r->progs, NW_C_LOST_EVENTS));
	assert_true(packets > 100000 / streams_step());
	assert_int_equal(packets, r->frames);
	assert_int_equal(progs_count(r->progs, NW_C_LOST_EVENTS), 0);
}

int main(void)
{
	static struct run r;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(xdp, &r),
		cmocka_unit_test_prestate(tc_ingress, &r),
		cmocka_unit_test_prestate(tc_egress, &r),
		cmocka_unit_test_prestate(outcomes_are_packets, &r),
	};
	int err = progs_open(&r.progs);

	if (err < 0)
		return progs_bail_out(err);
	err = cmocka_run_group_tests_name("prog-stream", tests, NULL, NULL);
	progs_close(&r.progs);
	return err;
}
