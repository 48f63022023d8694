// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Options of accelerators in SYN and SYN-ACK, remembered until the connection negotiates: one table through
 * the host's tap, XDP and both tc programs, over IPv4 and IPv6, to the names that the engine's user reads.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "packets.h"
#include "progs.h"
#include "../unit/talk.h"

#define OPT_MAX 40

/* clang-format off */
static const struct {
	const char *name;
	uint8_t syn[OPT_MAX], ack[OPT_MAX]; /* the rest is end of list */
	unsigned int want;
} rows[] = {
	{ "none", { 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2 }, { 2, 4, 5, 0xb4 }, 0 },
	{ "Riverbed probe", { 2, 4, 5, 0xb4, 76, 10, 1, 1, 10, 0, 0, 1, 0, 0 }, { 2, 4, 5, 0xb4 }, NW_OPT_RIVERBED_PROBE },
	{ "Riverbed, both", { 1, 78, 16, 1 }, { 76, 3, 1 }, NW_OPT_RIVERBED_PROBE | NW_OPT_RIVERBED_TRANS },
	{ "WAAS in the SYN-ACK", { 2, 4, 5, 0xb4 }, { 1, 1, 33, 4, 0, 0 }, NW_OPT_CISCO_WAAS },
	{ "Exinda", { 230, 4, 0, 0 }, { 0 }, NW_OPT_EXINDA },
	{ "SCPS, the last that fits", { [0 ... 35] = 1, 20, 4, 0, 0 }, { 23, 2 }, NW_OPT_SCPS },
	{ "Multipath TCP, version 1", { 2, 4, 5, 0xb4, 30, 4, 0x01, 0x81 }, { 30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8 }, 0 },
	{ "Multipath TCP, version 0", { 30, 12, 0x00, 0x81, 1, 2, 3, 4, 5, 6, 7, 8 }, { 30, 12, 0x00, 0x81 }, 0 },
	{ "Multipath TCP, MP_JOIN", { 30, 12, 0x10, 1, 1, 2, 3, 4, 5, 6, 7, 8 }, { 30, 16, 0x10, 1 }, 0 },
	{ "kind 30, no subtype of a SYN", { 30, 4, 0x80, 1 }, { 0 }, NW_OPT_EXINDA_OLD },
	{ "kind 30, another length", { 30, 8, 0x00, 1 }, { 0 }, NW_OPT_EXINDA_OLD },
	{ "kind 30 at the very end", { [0 ... 37] = 1, 30, 2 }, { 0 }, NW_OPT_EXINDA_OLD },
	{ "kinds that are close", { 31, 2, 32, 2, 34, 2, 75, 2, 77, 2, 229, 2, 24, 2, 19, 2 }, { 253, 4, 0, 0, 254, 4, 0, 0 }, 0 },
	{ "behind a broken one", { 76, 1, 33, 4 }, { 0 }, 0 },
	{ "behind the end of the list", { 0, 76, 10 }, { 0 }, 0 },
};
/* clang-format on */

struct run {
	struct progs *progs;
	struct nw_tap *tap;
	unsigned int which; /* PROGS_N: the host's tap */
	unsigned int opts, events;
};

static int on_event(void *arg, const struct nw_event *ev)
{
	struct run *r = arg;

	r->opts |= ev->syn_opts;
	r->events++;
	return 0;
}

static int frame(struct run *r, const struct packet *p, const uint8_t *opt)
{
	static uint8_t f[PACKETS_MAX];
	uint32_t headers, len = packet_build(p, f, &headers);
	struct nw_tap_packet t = { .data = f, .caplen = len, .len = len, .ts = 1, .frame = 1 };

	if (opt)
		memcpy(f + headers - OPT_MAX, opt, OPT_MAX);
	if (p->sport == 445) { /* packets are built from the client to the server */
		uint8_t *last = f + 14 + (p->ip == 4 ? 15 : 23);

		last[0] = 2;
		last[p->ip == 4 ? 4 : 16] = 1;
	}
	if (r->which == PROGS_N)
		return nw_tap_packet(r->tap, &t);
	return progs_frame(r->progs, (enum progs_which)r->which, f, len, 1, 1, on_event, r);
}

static int connection(struct run *r, uint8_t ip, const uint8_t *syn, const uint8_t *ack)
{
	static const uint16_t ports[] = { 445 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 1 };
	struct talk t;
	int err;

	talk_init(&t);
	talk_negotiate_req(&t, &talk_client, 0);
	r->opts = r->events = 0;
	err = r->which == PROGS_N ? nw_tap_new(&r->tap, &tc, on_event, r) : progs_reset(r->progs);
	if (!err)
		err = frame(r, &(struct packet){ .ip = ip, .flags = 0x02, .tcp_opts = OPT_MAX, .seq = 100 },
			    syn);
	if (!err)
		err = frame(r,
			    &(struct packet){ .ip = ip,
					      .flags = 0x12,
					      .tcp_opts = OPT_MAX,
					      .seq = 900,
					      .ack = 101,
					      .sport = 445,
					      .dport = 50123 },
			    ack);
	if (!err)
		err = frame(r,
			    &(struct packet){ .ip = ip,
					      .seq = 101,
					      .ack = 901,
					      .body = t.msg[0].bytes,
					      .body_len = t.msg[0].len },
			    NULL);
	nw_tap_free(&r->tap);
	talk_free(&t);
	return err;
}

static void options(void **state)
{
	struct run *r = *state;
	unsigned int i, ip, runs = 0, bad = 0;

	for (r->which = 0; r->which <= PROGS_N; r->which++)
		for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			for (ip = 4; ip <= 6; ip += 2) {
				int err = connection(r, (uint8_t)ip, rows[i].syn, rows[i].ack);

				runs++;
				if (!err && r->events == 1 && r->opts == rows[i].want)
					continue;
				bad++;
				print_message("# %s, IPv%u, %s: error %d, %u events, options %x, not %x\n",
					      rows[i].name, ip,
					      r->which == PROGS_N ? "host" : progs_name[r->which], err,
					      r->events, r->opts, rows[i].want);
			}
	print_message("# %zu handshakes, host and %d programs, IPv4 and IPv6: %u runs, %u wrong\n",
		      sizeof(rows) / sizeof(*rows), PROGS_N, runs, bad);
	assert_int_equal(bad, 0);
}

int main(void)
{
	static struct run r;
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(options, &r) };
	int err = progs_open(&r.progs);

	if (err < 0)
		return progs_bail_out(err);
	err = cmocka_run_group_tests_name("prog-syn", tests, NULL, NULL);
	progs_close(&r.progs);
	return err;
}
