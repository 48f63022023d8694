// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ten million events through the engine: memory stops growing once the table is full, and an event costs at
 * the end what it cost at the beginning. Built without sanitizers, which would be what is measured.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../user/engine/engine.h"

#define EVENTS 10000000u
#define STEPS 10
#define PER_FLOW 8

struct counted {
	uint64_t done, findings;
};

static void on_done(void *arg, const struct nw_conn *c)
{
	(void)c;
	((struct counted *)arg)->done++;
}

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	(void)c;
	(void)f;
	((struct counted *)arg)->findings++;
}

static unsigned long rss_kib(void)
{
	unsigned long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void dialects(struct nw_event *ev, unsigned int n)
{
	static const uint8_t list[] = { 0x02, 0x02, 0x10, 0x02, 0x00, 0x03, 0x02, 0x03 };

	ev->smb.n_dialects = n;
	ev->smb.dialects_off = 104;
	memcpy(ev->data + 104, list, 2 * n);
	ev->data_len = 104 + 2 * n;
}

/* Event k of flow n: a handshake of which every seventh was altered, every fifth ends in pieces. */
static void make(struct nw_event *ev, uint32_t n, unsigned int k)
{
	static const uint8_t types[PER_FLOW] = { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP,
						 NW_EV_SESSION_RSP,   NW_EV_TREE_RSP,
						 NW_EV_VALIDATE_REQ,  NW_EV_VALIDATE_RSP,
						 NW_EV_USE,	      NW_EV_FIN };

	memset(ev, 0, sizeof(*ev));
	ev->ts = 1000000000ULL + (uint64_t)n * 1000 + k * 100;
	ev->type = types[k];
	ev->key.addr[0].w[3] = n;
	ev->key.port[0] = (uint16_t)(n * 7);
	ev->key.port[1] = 0xbd01;
	ev->dir = k == 1 || k == 2 || k == 3 || k == 5 ? NW_S2C : NW_C2S;
	ev->flags = NW_EF_SYN_SEEN | (k ? 0 : NW_EF_NEW);
	ev->smb.message_id = k < 2 ? 0 : 5;
	ev->smb.fingerprint = 1 + n;
	ev->smb.flags = 8;
	ev->smb.dialect = 0x0302;
	if (k == 0)
		dialects(ev, n % 7 ? 4 : 3);
	if (k == 4) {
		dialects(ev, 4);
		if (n % 5 == 0) {
			ev->type = NW_EV_PIECE;
			ev->boundary = ev->msg_seq = 1000;
			ev->data_len = 64;
			ev->data[7] = 0xff;
		}
	}
}

static void flat(void **state)
{
	struct counted n = { 0 };
	struct nw_engine_ops ops = { .done = on_done, .finding = on_finding };
	struct nw_engine_config cfg;
	struct nw_engine_stats st;
	unsigned long rss[STEPS], i;
	double cost[STEPS];
	struct nw_engine *e;
	uint32_t flow = 0;
	unsigned int k = 0;
	clock_t before;

	(void)state;
	nw_engine_defaults(&cfg);
	cfg.idle_timeout = 3600 * NW_NS_PER_S;
	assert_int_equal(nw_engine_new(&e, &cfg, &ops, &n), 0);
	for (i = 0; i < STEPS; i++) {
		struct nw_event ev;
		unsigned int left = EVENTS / STEPS;

		before = clock();
		while (left--) {
			make(&ev, flow, k);
			assert_int_equal(nw_engine_event(e, &ev), 0);
			if (++k == PER_FLOW) {
				k = 0;
				flow++;
			}
		}
		cost[i] = (double)(clock() - before) / CLOCKS_PER_SEC * 1e9 / (EVENTS / STEPS);
		rss[i] = rss_kib();
		nw_engine_get_stats(e, &st);
		print_message("# %2lu M events: %u flows held, %llu evicted, %llu findings, RSS %lu KiB, "
			      "%.0f ns each\n",
			      (i + 1) * EVENTS / STEPS / 1000000, st.conns_now,
			      (unsigned long long)st.evicted, (unsigned long long)st.findings, rss[i],
			      cost[i]);
	}
	assert_int_equal(st.events, EVENTS);
	assert_int_equal(st.conns_now, cfg.max_conns);
	assert_int_equal(n.done, st.evicted);
	assert_true(n.findings > EVENTS / PER_FLOW / 7 / 2);
	/* The table is full in the first tenth; from then on nothing grows (1 MiB is the allocator's). */
	assert_true(rss[STEPS - 1] <= rss[1] + 1024);
	nw_engine_flush(e);
	assert_int_equal(n.done, flow + (k ? 1 : 0));
	nw_engine_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(flat) };

	/* Where huge pages are had unasked, khugepaged makes one of what is half empty, when it likes. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}
