// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A reset held against what is known of its sender: each sign alone, on both sides of its bound, and what
 * several together are worth. And whose host this is, where nobody says it.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"
#include "../../bpf/wire/l4.h"
#include "../../user/util/util.h"

/* The server's packets, as they were before; its reset, as usual: what a row leaves 0 is that. */
static const struct nw_look usual = {
	.end = 1000, .ack = 500, .window = 500, .ip_id = 100, .ttl = 64, .traits = NW_LOOK_ID_NEXT
};
static const struct nw_tcp own = { .seq = 1000, .ack = 500, .window = 500, .ttl = 64, .ip_id = 101 };

static const struct row {
	const char *what;
	uint32_t seq, ack, asked; /* asked: the client's last acknowledgement; 0: of all */
	uint16_t window;
	uint16_t ip_id;
	uint8_t ttl, before, traits;
	bool v6, options, no_ack, no_window, no_id, stranger, client_unseen;
	uint16_t signs;
	uint8_t forged;
} rows[] = {
	{ .what = "as its sender's others" },
	{ "no window", .no_window = true },
	{ "no window, no acknowledgement", .no_window = true, .no_ack = true },
	{ "twice the window", .window = 1064 },
	{ "more", .window = 1065, .signs = NW_SIGN_WINDOW },
	{ "half", .window = 218 },
	{ "less", .window = 217, .signs = NW_SIGN_WINDOW },
	{ "another one, no acknowledgement", .window = 501, .no_ack = true, .signs = NW_SIGN_WINDOW },
	{ "TTL", .ttl = 33, .signs = NW_SIGN_TTL, .forged = NW_FORGED_LIKELY },
	{ "a path used before", .ttl = 33, .before = 33 },
	{ "of nobody known", .ttl = 33, .stranger = true },
	{ "id counted on", .ip_id = 100 + 4096 },
	{ "id too far ahead", .ip_id = 101 + 4096, .signs = NW_SIGN_IP_ID },
	{ "an older id", .ip_id = 99 },
	{ "no id", .no_id = true },
	{ "ids drawn at random", .ip_id = 0x7000, .traits = NW_LOOK_ID_FAR | NW_LOOK_ID_NEXT },
	{ "an id from who has none", .ip_id = 7, .traits = NW_LOOK_ID_ZERO, .signs = NW_SIGN_IP_ID },
	{ "an id, one packet was seen", .ip_id = 0x7000, .traits = NW_LOOK_OPTIONS },
	{ "an id from who has options, none else", .ip_id = 7, .traits = NW_LOOK_ID_ZERO | NW_LOOK_OPTIONS,
	  .signs = NW_SIGN_IP_ID },
	{ "IPv6 has no ids", .ip_id = 0x7000, .v6 = true },
	{ "options", .options = true, .signs = NW_SIGN_OPTIONS },
	{ "options as ever", .options = true, .traits = NW_LOOK_OPTIONS | NW_LOOK_ID_NEXT },
	{ "another place", .seq = 1001, .signs = NW_SIGN_SEQUENCE },
	{ "the place asked for", .seq = 900, .asked = 900 },
	{ "another place, the client unseen", .seq = 1001, .client_unseen = true },
	{ "acknowledges what was not sent", .ack = 501, .signs = NW_SIGN_ACKNOWLEDGEMENT },
	{ "takes back", .ack = 499, .signs = NW_SIGN_ACKNOWLEDGEMENT },
	{ "is no acknowledgement", .ack = 499, .no_ack = true },
	{ "two small ones", .seq = 1001, .window = 2000, .signs = NW_SIGN_SEQUENCE | NW_SIGN_WINDOW,
	  .forged = NW_FORGED_LIKELY },
};

static struct nw_reset got;
static struct nw_finding told;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	told = *f;
}

static void on_done(void *arg, const struct nw_conn *c)
{
	if (c->n_resets)
		got = c->resets[0];
}

static struct nw_engine *engine(const struct nw_engine_config *cfg)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct nw_engine *e = NULL;

	memset(&told, 0, sizeof(told));
	assert_int_equal(nw_engine_new(&e, cfg, &ops, NULL), 0);
	return e;
}

static struct nw_event event(uint8_t type, uint8_t dir)
{
	struct nw_event ev = { .type = type, .dir = dir, .ts = NW_NS_PER_S, .flags = NW_EF_SYN_SEEN };

	ev.key.addr[0].b[15] = 1;
	ev.key.addr[1].b[15] = 2;
	ev.key.port[1] = nw_from_be16(445);
	return ev;
}

static void reset(struct nw_engine *e, const struct row *r)
{
	struct nw_event ev = event(NW_EV_RST, NW_S2C);

	ev.tcp = own;
	ev.tcp.seq = r->seq ?: own.seq;
	ev.tcp.ack = r->ack ?: own.ack;
	ev.tcp.window = r->no_window ? 0 : r->window ?: own.window;
	ev.tcp.ip_id = r->no_id ? 0 : r->ip_id ?: own.ip_id;
	ev.tcp.ttl = r->ttl ?: own.ttl;
	ev.tcp.ip_version = r->v6 ? 6 : 4;
	ev.tcp.flags = NW_TH_RST | (r->no_ack ? 0 : NW_TH_ACK);
	ev.ends.sender = usual;
	ev.ends.sender.ttl = r->stranger ? 0 : usual.ttl;
	ev.ends.sender.ttl_before = r->before;
	ev.ends.sender.traits = r->traits ?: usual.traits;
	ev.ends.other =
		(struct nw_look){ .end = 500, .ack = r->asked ?: 1000, .ttl = r->client_unseen ? 0 : 125 };
	ev.ends.options = r->options;
	assert_int_equal(nw_engine_event(e, &ev), 0);
}

static void each_sign(void **state)
{
	struct nw_engine_config cfg;
	unsigned int alone = 0;

	nw_engine_defaults(&cfg);
	for (unsigned int i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct nw_engine *e = engine(&cfg);

		reset(e, &rows[i]);
		nw_engine_flush(e);
		nw_engine_free(&e);
		if (got.signs != rows[i].signs || got.forged != rows[i].forged)
			fail_msg("%s: signs %#x, forged %s", rows[i].what, got.signs,
				 nw_forged_name(got.forged));
		assert_int_equal(told.rule, rows[i].forged ? 107 : 0);
		if (__builtin_popcount(got.signs) == 1)
			alone |= got.signs;
	}
	assert_int_equal(alone, NW_SIGN_TTL | NW_SIGN_WINDOW | NW_SIGN_IP_ID | NW_SIGN_SEQUENCE |
					NW_SIGN_ACKNOWLEDGEMENT | NW_SIGN_OPTIONS);
}

/* Resets beyond what a connection keeps change nothing. */
static void more_resets_than_are_kept(void **state)
{
	struct nw_engine_config cfg;
	struct nw_engine *e;

	nw_engine_defaults(&cfg);
	e = engine(&cfg);
	for (unsigned int i = 0; i < NW_RESETS_MAX; i++)
		reset(e, &rows[0]);
	reset(e, &(struct row){ .ttl = 33 });
	nw_engine_flush(e);
	nw_engine_free(&e);
	assert_int_equal(got.signs, 0);
	assert_int_equal(told.rule, 0);
}

static bool owns(void *arg, const union nw_addr *addr)
{
	return addr->b[15] == *(const uint8_t *)arg;
}

static void play(struct nw_engine *e, uint8_t type, uint8_t dir, bool altered)
{
	struct nw_event ev = event(type, dir);

	ev.smb = (struct nw_smb){ .fingerprint = 1, .flags = dir == NW_S2C ? 9 : 8, .max_output = 24 };
	ev.smb.capabilities = altered;
	ev.smb.dialect = dir == NW_S2C ? 0x0302 : 0;
	assert_int_equal(nw_engine_event(e, &ev), 0);
}

/* An edit of the answer: on the client's host and between it is the server's side, on the server's own host
 * no leg at all. The addresses say which host it is. */
static void whose_host(void **state)
{
	static const struct {
		uint8_t own, leg;
		const char *text;
	} all[] = {
		{ 2, NW_LEG_NONE, "within this server" },
		{ 1, NW_LEG_HERE_SERVER, "server and this client" },
		{ 9, NW_LEG_HERE_SERVER, "server and this point" },
	};

	for (unsigned int i = 0; i < NW_ARRAY_SIZE(all); i++) {
		static const struct nw_engine_ops ops = { .finding = on_finding };
		uint8_t mine = all[i].own;
		struct nw_engine_config cfg;
		struct nw_engine *e = NULL;

		nw_engine_defaults(&cfg);
		cfg.is_own = owns;
		assert_int_equal(nw_engine_new(&e, &cfg, &ops, &mine), 0);
		play(e, NW_EV_NEGOTIATE_REQ, NW_C2S, false);
		play(e, NW_EV_NEGOTIATE_RSP, NW_S2C, true);
		play(e, NW_EV_VALIDATE_REQ, NW_C2S, false);
		play(e, NW_EV_VALIDATE_RSP, NW_S2C, false);
		nw_engine_free(&e);
		assert_int_equal(told.rule, 102);
		assert_int_equal(told.leg, all[i].leg);
		if (!strstr(told.text, all[i].text))
			fail_msg("%s", told.text);
	}
}

/* What no tap sends is counted, and believed in nothing. */
static void events_out_of_range(void **state)
{
	struct nw_event ev[] = { event(NW_EV_MAX, NW_C2S), event(NW_EV_RST, NW_S2C + 1), event(NW_EV_RST, 0),
				 event(NW_EV_NEGOTIATE_REQ, 0) };
	struct nw_engine_stats stats;
	struct nw_engine_config cfg;
	struct nw_engine *e;

	nw_engine_defaults(&cfg);
	e = engine(&cfg);
	ev[2].client = 2;
	ev[3].data_len = NW_DATA_MAX + 1;
	for (unsigned int i = 0; i < NW_ARRAY_SIZE(ev); i++)
		assert_int_equal(nw_engine_event(e, &ev[i]), 0);
	nw_engine_get_stats(e, &stats);
	assert_int_equal(stats.events, NW_ARRAY_SIZE(ev));
	assert_int_equal(stats.ignored, NW_ARRAY_SIZE(ev));
	assert_int_equal(stats.conns, 0);
	nw_engine_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sign),
		cmocka_unit_test(more_resets_than_are_kept),
		cmocka_unit_test(whose_host),
		cmocka_unit_test(events_out_of_range),
	};

	return cmocka_run_group_tests_name("signs", tests, NULL, NULL);
}
