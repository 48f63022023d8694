// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The real programs in all hooks under BPF_PROG_TEST_RUN, fed packets of conversations, odd headers and
 * noise, mutated, in and out of order. For each packet: the verdict is "pass" and the packet unchanged. For
 * each round: one outcome per packet; as many events as were counted, numbered without a gap, well-formed;
 * and the host's tap, which saw the same packets, comes to the same counters.
 *
 * NW_PACKETS says how many (default 200,000), NW_SEED which. A failure is told with the seed of its round.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "fuzz.h"
#include "../../bpf/wire/base.h"
#include "../load/flows.h"
#include "../prog/packets.h"
#include "../prog/progs.h"

#define PACKETS 200000u
#define SEED 20261122u
#define FRAMES_MAX 256u
/* PROG_TEST_RUN takes a page for an skb, of which this is what the packet gets. */
#define LEN_MAX 3400u
#define ROUND 400u
/* Of events: a packet has at most 50 messages, and the ring takes 4,000 large ones. */
#define DRAIN 16u
#define HOOKS 5

static const char *const hooks[HOOKS] = { "xdp", "tc-ingress", "tc-egress", "l3-ingress", "l3-egress" };
static const enum progs_which which[HOOKS] = { PROGS_XDP, PROGS_TC_IN, PROGS_TC_OUT, PROGS_L3_IN,
					       PROGS_L3_OUT };

static struct {
	struct progs *progs;
	struct dice dice;
	struct talk t;
	uint8_t frame[FRAMES_MAX][LEN_MAX];
	uint32_t len[FRAMES_MAX];
	unsigned int n;
	uint64_t ran[HOOKS], refused, events, seqno[256], total[NW_C_MAX];
	unsigned int bad;
} P;

static int keep(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	if (P.n < FRAMES_MAX && len <= LEN_MAX) {
		memcpy(P.frame[P.n], data, len);
		P.len[P.n++] = len;
	}
	return 0;
}

/* A conversation as TCP may carry it. */
static void conversation(struct dice *d)
{
	struct talk_how how = { .cut = roll(d, 3) ? 0 : 1 + roll(d, 200),
				.size = roll(d, 2) ? 0 : 40 + roll(d, 1420),
				.twice = !roll(d, 4),
				.swap = !roll(d, 4),
				.join = !roll(d, 4),
				.ipv6 = roll(d, 2),
				.vlans = roll(d, 4) ? 0 : roll(d, 3),
				.ip_options = !roll(d, 6),
				.no_syn = !roll(d, 4),
				.port139 = !roll(d, 6),
				.isn = { roll(d, 2) ? 0xffffff00 : 1000, roll(d, 1u << 31) } };

	flows_clear(&P.t);
	flows_talk(d, &P.t, roll(d, N_TAMPERED));
	talk_frames(&P.t, &how, keep, NULL);
}

/* A single packet whose headers say what they like; its payload begins as a message of the conversation. */
static void oddity(struct dice *d)
{
	static const uint8_t exts[] = { 0, 43, 44, 51, 60, 135, 59, 6 };
	static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100, 0 };
	static uint8_t out[PACKETS_MAX];
	struct packet p = { .ip = roll(d, 2) ? 4 : 6, .flags = (uint8_t)roll(d, 256), .pad = roll(d, 9) };

	for (unsigned int i = roll(d, 4); i < 3; i++)
		p.tag[i] = roll(d, 3) ? 0 : tpids[roll(d, 4)];
	p.opts = roll(d, 4) ? 0 : 4 * roll(d, 11);
	p.ihl = roll(d, 10) ? 0 : roll(d, 16);
	p.version = roll(d, 20) ? 0 : roll(d, 16);
	p.frag = roll(d, 10) ? 0 : roll(d, 65536);
	p.n_ext = roll(d, 3) ? 0 : roll(d, 9);
	for (unsigned int i = 0; i < p.n_ext; i++)
		p.ext[i] = exts[roll(d, 8)];
	p.ext_len = roll(d, 4) ? 0 : roll(d, 8);
	p.no_len = !roll(d, 10);
	p.more_len = roll(d, 8) ? 0 : (int16_t)(roll(d, 200) - 100);
	p.doff = roll(d, 10) ? 0 : roll(d, 16);
	p.tcp_opts = roll(d, 3) ? 0 : 4 * roll(d, 11);
	p.sport = roll(d, 4) ? 0 : 445;
	p.seq = roll(d, 3) ? 1001 + roll(d, 400) : roll(d, 1u << 31);
	p.ack = roll(d, 1u << 31);
	p.body = P.t.msg[0].bytes;
	p.body_len = roll(d, P.t.msg[0].len + 1);
	keep(NULL, out, packet_build(&p, out, NULL), 0, 0);
}

static void noise(struct dice *d)
{
	uint8_t out[LEN_MAX];
	uint32_t len = 14 + roll(d, 1500);

	for (uint32_t i = 0; i < len; i++)
		out[i] = (uint8_t)roll(d, 256);
	if (roll(d, 2))
		memcpy(out + 12, roll(d, 2) ? "\x08\0\x45" : "\x86\xdd\x60", 3);
	keep(NULL, out, len, 0, 0);
}

/* Returns the length of the copy in out. */
static uint32_t mutate(struct dice *d, const uint8_t *frame, uint32_t len, uint8_t out[LEN_MAX])
{
	uint32_t head = nw_min(len, 100), i;

	memcpy(out, frame, len);
	switch (roll(d, 12)) {
	case 0: /* bits of the headers */
	case 1:
		for (i = roll(d, 4); i < 4; i++)
			out[roll(d, head)] ^= 1u << roll(d, 8);
		break;
	case 2: /* bits of all of it */
	case 3:
		for (i = roll(d, 8); i < 8; i++)
			out[roll(d, len)] ^= 1u << roll(d, 8);
		break;
	case 4:
		len = 14 + roll(d, len - 13);
		break;
	case 5: /* longer than its headers say */
		i = roll(d, 300);
		for (; i && len < LEN_MAX; i--)
			out[len++] = (uint8_t)roll(d, 256);
		break;
	case 6: /* a piece of another packet */
		i = roll(d, P.n);
		head = roll(d, nw_min(len, P.len[i]));
		memcpy(out + head, P.frame[i] + head, roll(d, nw_min(len, P.len[i]) - head + 1));
		break;
	case 7: /* TCP flags, where they usually are */
		if (len > 14 + 40)
			out[14 + 20 + 13] = (uint8_t)roll(d, 256);
		break;
	}
	return len;
}

static int on_event(void *arg, const struct nw_event *ev)
{
	uint64_t *last = &P.seqno[ev->cpu & 0xff];

	fuzz_check_event(ev);
	P.bad += *last && ev->seqno != *last + 1;
	*last = ev->seqno;
	P.events++;
	return 0;
}

static int nobody(void *arg, const struct nw_event *ev)
{
	return 0;
}

/* One packet through one hook, and through the host's tap. */
static int packet(struct nw_tap *tap, unsigned int hook, const uint8_t *data, uint32_t len)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = 1, .frame = 1 };
	int err;

	if (hook >= 3) {
		if (len < 14 + 14 + 20)
			return 0;
		p.data += 14;
		p.caplen = p.len = len - 14;
		p.raw = 1;
		p.ethertype = *p.data >> 4 == 4 ? 0x0800 : *p.data >> 4 == 6 ? 0x86dd : 0;
	}
	err = progs_run(P.progs, which[hook], p.data, p.len, NULL, 0);
	/* PROG_TEST_RUN makes no skb of less than an IP header. */
	if (err == -EINVAL && p.len < 14 + 40) {
		P.refused++;
		return 0;
	}
	P.ran[hook]++;
	return err ? err : nw_tap_packet(tap, &p);
}

/* Returns how many packets were run, 0 on a failure. */
static unsigned int round_of(struct dice *d)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 1024 };
	uint64_t before[NW_C_MAX], after[NW_C_MAX], events = P.events, ran = 0, sum = 0;
	const uint64_t *host;
	struct nw_tap *tap;
	uint8_t out[LEN_MAX];
	unsigned int bad = 0;

	P.n = 0;
	conversation(d);
	for (unsigned int i = roll(d, 20); i; i--)
		oddity(d);
	for (unsigned int i = roll(d, 4); i; i--)
		noise(d);
	assert_int_equal(progs_reset(P.progs), 0);
	assert_int_equal(progs_counters(P.progs, before), 0);
	assert_int_equal(nw_tap_new(&tap, &tc, nobody, NULL), 0);
	for (unsigned int h = 0; h < HOOKS; h++)
		ran -= P.ran[h];
	for (unsigned int i = 0; i < ROUND && !bad; i++) {
		unsigned int k = roll(d, 6) ? i % P.n : roll(d, P.n), hook = roll(d, HOOKS);
		uint32_t len = mutate(d, P.frame[k], P.len[k], out);
		int err = packet(tap, hook, out, len);

		if (!err && i % DRAIN == DRAIN - 1)
			err = progs_drain(P.progs, 1, 1, on_event, NULL);
		if (err)
			print_message("# packet %u of %u bytes, %s: %s\n", i, len, hooks[hook],
				      strerror(-err));
		bad = err != 0;
	}
	assert_int_equal(progs_drain(P.progs, 1, 1, on_event, NULL), 0);
	assert_int_equal(progs_counters(P.progs, after), 0);
	for (unsigned int h = 0; h < HOOKS; h++)
		ran += P.ran[h];
	host = nw_tap_counters(tap);
	for (int c = 0; c < NW_C_MAX; c++) {
		after[c] -= before[c];
		P.total[c] += after[c];
		sum += c < NW_C_OUTCOMES ? after[c] : 0;
		/* How many events follow a RST depends on the clock; the program's flows that end are counted
		 * if they were there. */
		if (c == NW_C_EVENTS || c == NW_C_FLOWS_ENDED || after[c] == host[c])
			continue;
		print_message("# counter %d: programs %" PRIu64 ", host %" PRIu64 "\n", c, after[c], host[c]);
		bad++;
	}
	if (sum != ran || after[NW_C_PACKETS] != ran || after[NW_C_EVENTS] != P.events - events ||
	    after[NW_C_LOST_EVENTS] || P.bad) {
		print_message("# %" PRIu64 " packets: %" PRIu64 " outcomes, %" PRIu64 " counted; %" PRIu64
			      " events of %" PRIu64 ", %" PRIu64 " lost, %u out of order\n",
			      ran, sum, after[NW_C_PACKETS], P.events - events, after[NW_C_EVENTS],
			      after[NW_C_LOST_EVENTS], P.bad);
		bad++;
	}
	nw_tap_free(&tap);
	return bad ? 0 : (unsigned int)ran;
}

static void all_hooks(void **state)
{
	const char *n = getenv("NW_PACKETS"), *seed = getenv("NW_SEED");
	uint64_t wanted = n ? strtoull(n, NULL, 10) : PACKETS, packets = 0;
	clock_t began = clock();

	P.dice.state = seed ? strtoull(seed, NULL, 10) : SEED;
	while (packets < wanted) {
		uint64_t at = P.dice.state;
		unsigned int ran = round_of(&P.dice);

		packets += ran;
		if (!ran)
			fail_msg("round of NW_SEED=%" PRIu64, at);
	}
	print_message("# %" PRIu64 " packets (", packets);
	for (unsigned int h = 0; h < HOOKS; h++)
		print_message("%s%s %" PRIu64, h ? ", " : "", hooks[h], P.ran[h]);
	print_message("), %" PRIu64 " refused by PROG_TEST_RUN, %" PRIu64 " events, %.0f s\n", P.refused,
		      P.events, (double)(clock() - began) / CLOCKS_PER_SEC);
	print_message("# all passed unchanged; outcomes:");
	for (int c = 0; c < NW_C_OUTCOMES; c++) {
		print_message(" %" PRIu64, P.total[c]);
		/* Every one is reached, but for what a daemon that is gone leaves. */
		assert_int_equal(P.total[c] > 0, c != NW_C_UNREAD);
	}
	print_message("\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_hooks) };
	int err = progs_open(&P.progs);

	if (err < 0)
		return progs_bail_out(err);
	talk_init(&P.t);
	err = cmocka_run_group_tests_name("fuzz-prog", tests, NULL, NULL);
	talk_free(&P.t);
	progs_close(&P.progs);
	return err;
}
