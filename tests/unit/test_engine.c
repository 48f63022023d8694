// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The engine alone, fed with events made by hand: what time, loss and repetition may do to it. What messages
 * lead to is in test_altered.c, what an end leads to in test_left.c. (Noise: test_join.c.)
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"
#include "../../bpf/wire/smb.h"

static const struct group groups[] = {
	{ "only_authenticated_clients_seen_in_full_are_listed_as_not_validating",
	  ROWS({ "nstc", SAME, "110/0/-/i|3.0.2" }, { "nstcdcF", OLD, "110/0/-/i|2.1" }, { "notc", SAME, "" },
	       { "nhtc", SAME, "" }, { "nsTc", SAME, "" }, { "ntc", SAME, "" }, { "nstc", V311, "" },
	       { "nsxtc", SAME, "" }, { "nsgtc", SAME, "" }, { "ns!tc", SAME, "" }) },
	{ "what_was_not_seen_is_never_a_match_nor_a_mismatch",
	  ROWS({ "nsta", SAME, "" }, { "nsta", R_CAPS, "102/1/-/c" }, { "pstvac", Q_CAPS, "" },
	       { "qstvac", R_CAPS, "" }, { "vF", SAME, "" }, /* 104 and 105 need a match */
	       { "pstvF", SAME, "" }, { "qstvaf", SAME, "" }, { "nstbc", SAME, "" },
	       { "nstbc", Q_CAPS, "101/1/tolerated/c" }, { "1pstvac", SMB1, "" },
	       { "1Mnstvac", SAME, "" }, /* the pair behind 0x02FF counts */
	       { "1Mstvac", SAME, "" }) },
	{ "sessions_and_connections_are_kept_apart",
	  ROWS({ "nstva2l2cf", SAME, "" }, /* another session's LOGOFF */
	       { "nstv@nstvac", Q_CAPS, "101/1/-/c 101/1/tolerated/c" }, { "nstv@F", SAME, "" },
	       { "nstvac@nstcf", SAME, "110/0/-/i" },
	       { "nstQvac", SAME, "" }, /* the last complete pair counts */
	       { "nst%nst%nst", SAME, "" }) },
	{ "clocks_and_repetition_change_nothing",
	  ROWS({ "n%n<stvF", Q_CAPS, "101/1/server-fin/c" }, { "+nstvF", Q_CAPS, "101/1/server-fin/c" },
	       { "+nstvaf", SAME, "105/0/client-fin/w" }, { "+nstvac", R_GUID, "102/2/-/c" },
	       { "0nstvF", Q_CAPS, "101/1/server-fin/c" }) }, /* a capture without times */
};

static void what_yields_is_concluded(void **state)
{
	struct nw_engine_stats st;

	script.cfg.max_conns = 2;
	script_begin(Q_CAPS);
	script_play("nstv%nst%nst");
	nw_engine_get_stats(script.engine, &st);
	assert_string_equal(script.findings, "101/1/-/c");
	assert_true(st.evicted == 1 && st.conns_now == 2);
	script_begin(Q_CAPS);
	script_play("nstv");
	script.vq.capabilities = script.q.capabilities;
	for (int i = 0; i < 3000; i++)
		script_play("va2");
	script_play("$");
	assert_int_equal(script.was.n_validate, NW_VALIDATES_MAX);
	assert_int_equal(script.was.n_validate + script.was.validates_dropped, 3001);
	assert_string_equal(script.findings, "101/1/-/c");
}

/* Measured with cifs.ko: 611 connections in 15 s, each NEGOTIATE, VALIDATE, FIN; each is told, and folding is
 * the sink's. */
static void reconnect_storms_are_told_and_stay_bounded(void **state)
{
	struct nw_engine_stats st;

	script.cfg.max_conns = 64;
	script_begin(Q_CAPS);
	for (int i = 0; i < 611; i++) {
		script_play(i % 2 ? "nstvF%" : "nstvFf@");
		script.findings[0] = '\0';
	}
	nw_engine_get_stats(script.engine, &st);
	assert_int_equal(st.rule[nw_rule_index(101)], 611);
	assert_true(st.conns_now <= 64);
}

/* So many connections that are altered, and over; so much later each. */
static void over(int n, uint64_t later)
{
	while (n--) {
		script_play("nstvFf%");
		script.now += later;
		script.findings[0] = '\0';
	}
}

/* Of the closed so many are kept; those beyond for outcome_wait, in which their last packets come. */
static void over_goes_when_others_are(uint32_t max_awake)
{
	struct nw_engine_stats st;

	script.cfg.max_closed = 5;
	script.cfg.max_awake = max_awake;
	script_begin(Q_CAPS);
	over(40, 0);
	nw_engine_get_stats(script.engine, &st);
	assert_int_equal(st.conns_now, 40);
	script.now += script.cfg.outcome_wait;
	over(60, 0);
	nw_engine_get_stats(script.engine, &st);
	/* One goes for each that begins, as long as there are such. */
	assert_int_equal(st.conns_now, 60);
	assert_int_equal(st.expired, 40);
	assert_int_equal(st.evicted, 0);
	over(60, script.cfg.outcome_wait);
	nw_engine_get_stats(script.engine, &st);
	assert_int_equal(st.rule[nw_rule_index(101)], 160);
}

static void what_is_over_goes_when_others_are(void **state)
{
	over_goes_when_others_are(100);
}

static void what_is_over_and_packed_goes_no_sooner(void **state)
{
	over_goes_when_others_are(0);
}

/* MS-SMB2 3.2.4.1.4: VALIDATE behind TREE_CONNECT in one compound need not say which session it is of. */
static void related_operation_is_answered_in_its_session(void **state)
{
	const uint64_t session = 0x1122334455667788;

	script_begin(R_CAPS);
	script_play("nst");
	script.session = NW_SESSION_RELATED;
	script_play("v");
	script.session = session;
	script_play("acW$");
	assert_string_equal(script.findings, "102/1/-/c");
	assert_int_equal(script.was.n_validate, 1);
	assert_int_equal(script.was.unseen, 0);
}

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test_setup(what_yields_is_concluded, script_setup),
		cmocka_unit_test_setup(what_is_over_goes_when_others_are, script_setup),
		cmocka_unit_test_setup(what_is_over_and_packed_goes_no_sooner, script_setup),
		cmocka_unit_test_setup(related_operation_is_answered_in_its_session, script_setup),
		cmocka_unit_test_setup(reconnect_storms_are_told_and_stay_bounded, script_setup),
	};

	return script_run("engine", groups, sizeof(groups) / sizeof(*groups), more,
			  sizeof(more) / sizeof(*more));
}
