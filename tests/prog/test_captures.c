// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every lab capture through the host's tap and, frame by frame, through the XDP and both tc programs: all
 * four conclude the same. Captures: the tree's own, and those of $NEGWATCH_CAPTURES or
 * ../shared/captures/lab.
 */
#include <glob.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "progs.h"
#include "../unit/talk.h"

struct way {
	struct progs *progs; /* NULL: the host's tap */
	enum progs_which which;
	struct nw_tap *tap;
	struct nw_engine *engine;
};

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct way *)arg)->engine, ev);
}

/* One frame. BPF_PROG_TEST_RUN takes a page or so of linear data; larger ones are super-packets of a sender
 * with offload, which the replay of tests/e2e sends as they are. */
static int frame(struct way *w, const struct pcap_pkthdr *h, const uint8_t *data, uint64_t no)
{
	struct nw_tap_packet p = { .data = data, .caplen = h->caplen, .len = h->len, .frame = no };

	p.ts = (uint64_t)h->ts.tv_sec * NW_NS_PER_S + (uint64_t)h->ts.tv_usec;
	if (!w->progs)
		return nw_tap_packet(w->tap, &p);
	return progs_frame(w->progs, w->which, data, h->caplen, p.ts, no, to_engine, w);
}

static int digest_file(const char *path, struct way *w, struct talk_digest *d)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2 };
	struct nw_engine_ops ops = { .done = talk_digest_conn };
	char errbuf[PCAP_ERRBUF_SIZE];
	struct nw_engine_config ec;
	struct pcap_pkthdr *h;
	const uint8_t *data;
	uint64_t no = 0;
	pcap_t *pc;
	int err;

	d->n = 0;
	d->text[0] = 0;
	nw_engine_defaults(&ec);
	pc = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, errbuf);
	if (!pc || pcap_datalink(pc) != DLT_EN10MB)
		return -1;
	err = nw_engine_new(&w->engine, &ec, &ops, d);
	if (!err)
		err = w->progs ? progs_reset(w->progs) : nw_tap_new(&w->tap, &tc, to_engine, w);
	while (!err && pcap_next_ex(pc, &h, &data) == 1)
		err = frame(w, h, data, ++no);
	if (!err)
		nw_engine_flush(w->engine);
	nw_tap_free(&w->tap);
	nw_engine_free(&w->engine);
	pcap_close(pc);
	if (err)
		printf("# %s: frame %llu: error %d\n", path, (unsigned long long)no, err);
	return err;
}

static void four_ways(void **state)
{
	static struct talk_digest want, got;
	struct progs *progs = *state;
	unsigned int i, which, differ = 0;
	const char *dir = getenv("NEGWATCH_CAPTURES");
	char pattern[4096];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/*.pcap", dir ? dir : "../shared/captures/lab");
	assert_int_equal(glob("tests/captures/*.pcap", 0, NULL, &g), 0);
	if (glob(pattern, GLOB_APPEND, NULL, &g))
		print_message("# no further captures: %s\n", pattern);
	for (i = 0; i < g.gl_pathc; i++) {
		struct way host = { 0 };

		assert_int_equal(digest_file(g.gl_pathv[i], &host, &want), 0);
		for (which = 0; which < PROGS_N; which++) {
			struct way w = { .progs = progs, .which = which };

			assert_int_equal(digest_file(g.gl_pathv[i], &w, &got), 0);
			if (!strcmp(got.text, want.text))
				continue;
			differ++;
			print_message("# %s %s\n#  got  %s#  want %s", progs_name[which], g.gl_pathv[i],
				      got.text, want.text);
		}
	}
	print_message("# %zu captures, host and 3 programs, %u differ\n", g.gl_pathc, differ);
	globfree(&g);
	assert_int_equal(differ, 0);
}

int main(void)
{
	struct progs *progs;
	int err = progs_open(&progs);
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(four_ways, progs) };

	if (err < 0)
		return progs_bail_out(err);
	err = cmocka_run_group_tests_name("prog-captures", tests, NULL, NULL);
	progs_close(&progs);
	return err;
}
