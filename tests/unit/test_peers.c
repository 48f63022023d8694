// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The memory over connections: who gets onto the audit list and off it, when rule 109 is told from memory and
 * when not, and what yields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"

#define R nw_history
#define S NW_NS_PER_S

static void falls_are_told_once_and_nothing_else_is(void **state)
{
	/* Connections one after the other, an hour apart; how often 109 is told */
	static const struct {
		const char *what;
		enum nw_vantage vantage;
		struct history_how conn[5];
		unsigned int want;
		const char *text;
	} rows[] = {
#define AT_SERVER NW_VANTAGE_SERVER
#define AT_CLIENT NW_VANTAGE_CLIENT
#define BETWEEN NW_VANTAGE_BETWEEN
		{ "cifs.ko, on 3.1.1 before, reconnects on 2.1",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210) }, { ON(0x210, 0x210) }, { ON(0x210, 0x210) } },
		  1,
		  "below 3.1.1; now it does not validate, and the list it offers" },
		{ "the same seen from between",
		  BETWEEN,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210) } },
		  1,
		  "this point" },
		{ "the same, and the mount lives on",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .open = true }, { ON(0x210, 0x210) } },
		  1,
		  "" },
		{ "... on 3.0.2 by VALIDATE before",
		  AT_SERVER,
		  { { ON(0x302, 0x302), V }, { ON(0x210, 0x210) } },
		  1,
		  "3.0.2" },
		{ "one that never validates, on 3.0.2 before",
		  AT_SERVER,
		  { { ON(0x302, 0x302) }, { ON(0x210, 0x210) } },
		  1,
		  "" },
		{ "the server's choice, seen at the client",
		  AT_CLIENT,
		  { { ON(0x311, 0x311) }, { ON(0x311, 0x210) } },
		  1,
		  "the server's choice may have been altered between the server and this client" },
		{ "... and seen from between",
		  BETWEEN,
		  { { ON(0x311, 0x311) }, { ON(0x311, 0x210) } },
		  1,
		  "" },
		{ "step by step, each once",
		  AT_SERVER,
		  { { ON(0x311, 0x311) },
		    { ON(0x302, 0x302) },
		    { ON(0x302, 0x302) },
		    { ON(0x210, 0x210) },
		    { ON(0x210, 0x210) } },
		  2,
		  "" },
		{ "behind one that VALIDATE caught",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), V, .altered = true }, { ON(0x210, 0x210) } },
		  1,
		  "" },
		/* Not at all: */
		{ "the server's own choice, seen at the server",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x311, 0x210) } },
		  0,
		  "" },
		{ "the client's own offer, seen at the client",
		  AT_CLIENT,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210) } },
		  0,
		  "" },
		{ "a lowered setting, and VALIDATE says that it is one",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x302, 0x302), V }, { ON(0x302, 0x302) } },
		  0,
		  "" },
		{ "smbclient -m SMB2 after SMB3: another GUID",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .guid = 1 } },
		  0,
		  "" },
		{ "mounts with vers=3.0 and vers=2.1 side by side: two GUIDs",
		  AT_SERVER,
		  { { ON(0x300, 0x300), V },
		    { ON(0x210, 0x210), .guid = 1 },
		    { ON(0x300, 0x300), V },
		    { ON(0x210, 0x210), .guid = 1 } },
		  0,
		  "" },
		{ "one GUID on several dialects, as it comes",
		  AT_SERVER,
		  { { ON(0x210, 0x210) },
		    { ON(0x302, 0x302), V },
		    { ON(0x210, 0x210) },
		    { ON(0x311, 0x311) },
		    { ON(0x210, 0x210) } },
		  0,
		  "" },
		{ "further channels offer only what the first runs on",
		  AT_SERVER,
		  { { ON(0x311, 0x311), .open = true },
		    { ON(0x311, 0x311), .only = true },
		    { ON(0x311, 0x311), .only = true } },
		  0,
		  "" },
		{ "cifs.ko reconnects and offers only what it runs on",
		  AT_SERVER,
		  { { ON(0x311, 0x302), V }, { ON(0x302, 0x302), V }, { ON(0x302, 0x302) } },
		  0,
		  "" },
		{ "an SMB1 start that ends on 2.0.2",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0, 0x202), .smb1 = true } },
		  0,
		  "" },
		{ "NetBIOS, which has no 3.1.1",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x302, 0x302), .port = 139 } },
		  0,
		  "" },
		{ "another server",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .server = 1 } },
		  0,
		  "" },
		{ "another server behind the same address",
		  AT_CLIENT,
		  { { ON(0x311, 0x311) }, { ON(0x311, 0x210), .server_guid = 9 } },
		  0,
		  "" },
		{ "another machine with the same GUID",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .client = 1 } },
		  0,
		  "" },
		{ "no GUID at all",
		  AT_SERVER,
		  { { ON(0x311, 0x311), .guid = 255 }, { ON(0x210, 0x210), .guid = 255 } },
		  0,
		  "" },
		{ "a guest before",
		  AT_SERVER,
		  { { ON(0x311, 0x311), .guest = true }, { ON(0x210, 0x210) } },
		  0,
		  "" },
		{ "a guest now",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .guest = true } },
		  0,
		  "" },
		{ "encrypted: VALIDATE may be inside",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x300, 0x300), .encrypted = true } },
		  0,
		  "" },
		{ "bytes were lost: VALIDATE may be among them",
		  AT_SERVER,
		  { { ON(0x311, 0x311) }, { ON(0x210, 0x210), .gap = true } },
		  0,
		  "" },
		{ "a scanner that got no session",
		  AT_SERVER,
		  { { ON(0x311, 0x311), .unanswered = true }, { ON(0x210, 0x210) } },
		  0,
		  "" },
		{ "the same as ever, seen from between",
		  BETWEEN,
		  { { ON(0x302, 0x302) }, { ON(0x302, 0x302) }, { ON(0x302, 0x302) } },
		  0,
		  "" },
		{ "upwards", AT_SERVER, { { ON(0x210, 0x210) }, { ON(0x311, 0x311) } }, 0, "" },
	};

	unsigned int falls = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[NW_TEXT_MAX] = "";

		history_begin(rows[i].vantage, 100);
		for (int k = 0; k < 5 && rows[i].conn[k].runs; k++) {
			R.now += HISTORY_HOUR;
			history_connect(&rows[i].conn[k]);
			nw_engine_tick(R.engine, R.now += 20 * S);
			if (R.last.rule == 109) {
				assert_int_equal(R.last.severity, NW_SEV_WARNING);
				strcpy(text, R.last.text);
				memset(&R.last, 0, sizeof(R.last));
			}
		}
		nw_engine_flush(R.engine);
		if (history_told(109) != rows[i].want || (rows[i].want && !strstr(text, rows[i].text)))
			fail_msg("%s: told %u times, not %u: %s", rows[i].what, history_told(109),
				 rows[i].want, text);
		falls += rows[i].want;
		if (rows[i].want)
			assert_non_null(strstr(text, "may"));
	}
	print_message("# %zu histories, %u falls told\n", sizeof(rows) / sizeof(*rows), falls);
}

static void proof_of_validate_takes_the_place_of_memory(void **state)
{
	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&(struct history_how){ ON(0x311, 0x311) });
	history_connect(&(struct history_how){ ON(0x302, 0x302), V, .altered = true });
	assert_int_equal(history_told(101), 1);
	assert_int_equal(history_told(109), 0);
}

static void audit_list_is_told_once_per_peer(void **state)
{
	struct nw_peer p;

	history_begin(NW_VANTAGE_SERVER, 100);
	for (int i = 0; i < 50; i++) /* impacket: another GUID in each connection */
		history_connect(&(struct history_how){ ON(0x300, 0x300), .guid = (uint8_t)i });
	assert_int_equal(history_told(110), 1);
	history_expect(1, 1);
	p = history_peer();
	assert_int_equal(p.connections, 50);
	assert_int_equal(p.unvalidated, 50);
	assert_int_equal(p.findings, 50);
	assert_int_equal(p.last_rule, 110);
	/* Another program of the same address, another address, another server: each is told. */
	history_connect(&(struct history_how){ ON(0x300, 0x300), .capabilities = 0x40 });
	history_connect(&(struct history_how){ ON(0x300, 0x300), .client = 1 });
	history_connect(&(struct history_how){ ON(0x300, 0x300), .server = 1 });
	assert_int_equal(history_told(110), 4);
	history_expect(4, 4);
}

static void peer_that_validates_leaves_the_list(void **state)
{
	static const struct history_how not = { ON(0x302, 0x302) }, validates = { ON(0x302, 0x302), V },
					new = { ON(0x311, 0x311) };
	uint64_t when;

	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&not );
	history_expect(1, 1);
	history_connect(&validates);
	when = R.now;
	history_expect(1, 0);
	assert_true(history_peer().last_proven < (int64_t)when &&
		    history_peer().last_proven > (int64_t)(when - S));
	assert_int_equal(history_peer().proven, 0x302);
	/* Two behind one address: on and off the list, but told once a day. */
	for (int i = 0; i < 20; i++) {
		history_connect(&not );
		history_expect(1, 1);
		history_connect(&validates);
		history_expect(1, 0);
	}
	assert_int_equal(history_told(110), 1);
	R.now += 25 * HISTORY_HOUR;
	history_connect(&not );
	assert_int_equal(history_told(110), 2);
	R.now += 25 * HISTORY_HOUR;
	history_connect(&not ); /* it never left the list */
	assert_int_equal(history_told(110), 2);
	history_connect(&new); /* 3.1.1 is as good */
	history_expect(1, 0);
	assert_int_equal(history_peer().proven, 0x311);
	assert_int_equal(history_peer().preauth, 1);
	assert_int_equal(history_peer().validated, 21);
}

static void what_proves_nothing_is_not_counted_as_proof(void **state)
{
	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&(struct history_how){ ON(0x302, 0x302), .guest = true });
	history_connect(&(struct history_how){ ON(0x302, 0x302), .encrypted = true });
	history_connect(&(struct history_how){ ON(0x302, 0x302), V, .altered = true });
	history_connect(&(struct history_how){ ON(0x311, 0x311), .guest = true });
	history_expect(1, 0);
	assert_int_equal(history_peer().preauth, 0);
	assert_int_equal(history_peer().guest, 2);
	assert_int_equal(history_peer().encrypted, 1);
	assert_int_equal(history_peer().validated, 0);
	assert_int_equal(history_peer().proven, 0);
	history_connect(&(struct history_how){ ON(0x302, 0x302), .client = 9,
					       .unanswered = true }); /* no session: no peer */
	history_expect(1, 0);
	/* While it lasts: known before it ends. */
	history_connect(&(struct history_how){ ON(0x302, 0x302), V, .open = true });
	assert_int_equal(history_peer().validated, 1);
}

static void idle_peers_yield_and_are_counted(void **state)
{
	struct nw_peers_stats st;

	history_begin(NW_VANTAGE_SERVER, 16);
	history_connect(&(struct history_how){ ON(0x311, 0x311), .guid = 77 });
	for (int i = 1; i < 200; i++) {
		history_connect(&(struct history_how){ ON(0x302, 0x302), V, .client = (uint8_t)i,
						       .guid = (uint8_t)i });
		if (i % 8 == 0) /* not idle */
			history_connect(&(struct history_how){ ON(0x311, 0x311), .guid = 77 });
	}
	nw_peers_get_stats(nw_engine_peers(R.engine), &st);
	assert_int_equal(st.peers, 16);
	assert_int_equal(st.instances, 16);
	assert_int_equal(st.evicted, 2 * (200 - 16));
	history_connect(&(struct history_how){ ON(0x210, 0x210), .guid = 77 });
	assert_int_equal(history_told(109), 1);
}

static void mount_of_weeks_is_known_when_it_reconnects(void **state)
{
	history_begin(NW_VANTAGE_SERVER, 16);
	history_connect(&(struct history_how){ ON(0x311, 0x311), .open = true });
	R.port += 10000;
	for (int i = 1; i < 100; i++) /* meanwhile others come and go */
		history_connect(&(struct history_how){ ON(0x302, 0x302), V, .client = (uint8_t)i,
						       .guid = (uint8_t)i });
	R.port = 1;
	history_event(&(struct history_how){ 0 }, NW_EV_RST, NW_S2C);
	R.port = 20000;
	history_connect(&(struct history_how){ ON(0x210, 0x210) });
	assert_int_equal(history_told(109), 1);
}

/* Whoever shows a new face with each connection pushes out its own, and nobody else. */
static void nobody_fills_the_tables(void **state)
{
	struct nw_peers_stats st;

	history_begin(NW_VANTAGE_SERVER, 256);
	history_connect(&(struct history_how){ ON(0x302, 0x302), .guid = 77 });
	history_connect(&(struct history_how){ ON(0x311, 0x311), .guid = 78 });
	history_expect(1, 0);
	for (int i = 0; i < 10000; i++)
		history_connect(&(struct history_how){ ON(0x302, 0x302), V, .client = 1, .guid = (uint8_t)i,
						       .capabilities = (uint32_t)i });
	nw_peers_get_stats(nw_engine_peers(R.engine), &st);
	assert_int_equal(st.peers, 1 + 16);
	assert_int_equal(st.instances, 2 + 32);
	print_message(
		"# 10000 connections of one client, each with other capabilities and GUID: %u peers and %u "
		"instances are its, %llu gave way to its own\n",
		st.peers - 1, st.instances - 2, (unsigned long long)st.evicted);
	/* The one that was there before is still known. */
	history_connect(&(struct history_how){ ON(0x210, 0x210), .guid = 78 });
	assert_int_equal(history_told(109), 1);
}

/* All that a walk over the peers has met, of which none may come twice. */
struct met {
	struct nw_peer peer[24];
	struct nw_instance instance[24];
	unsigned int peers, instances;
};

static int meet_peer(void *arg, const struct nw_peer *p)
{
	struct met *m = arg;

	for (unsigned int i = 0; i < m->peers; i++)
		assert_false(!memcmp(&m->peer[i].client, &p->client, sizeof(p->client)) &&
			     m->peer[i].capabilities == p->capabilities);
	m->peer[m->peers++] = *p;
	return 0;
}

static int meet_instance(void *arg, const struct nw_instance *x)
{
	struct met *m = arg;

	for (unsigned int i = 0; i < m->instances; i++)
		assert_false(!memcmp(&m->instance[i].client, &x->client, sizeof(x->client)) &&
			     !memcmp(m->instance[i].client_guid, x->client_guid, 16));
	m->instance[m->instances++] = *x;
	return 0;
}

/* Places that a full table takes away leave no gap behind which somebody would not be found. */
static void nobody_is_known_twice(void **state)
{
	uint32_t dice = 1;

	history_begin(NW_VANTAGE_SERVER, 24);
	for (int i = 0; i < 4000; i++) {
		struct met m = { 0 };

		dice = dice * 1664525 + 1013904223;
		history_connect(&(struct history_how){ ON(0x302, 0x302), V, .client = (uint8_t)(dice >> 30),
						       .guid = (uint8_t)(dice >> 26 & 15),
						       .capabilities = dice >> 22 & 15 });
		nw_peers_each(nw_engine_peers(R.engine), meet_peer, &m);
		nw_peers_each_instance(nw_engine_peers(R.engine), meet_instance, &m);
	}
}

static int end(void **state)
{
	history_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(falls_are_told_once_and_nothing_else_is),
		cmocka_unit_test(proof_of_validate_takes_the_place_of_memory),
		cmocka_unit_test(audit_list_is_told_once_per_peer),
		cmocka_unit_test(peer_that_validates_leaves_the_list),
		cmocka_unit_test(what_proves_nothing_is_not_counted_as_proof),
		cmocka_unit_test(idle_peers_yield_and_are_counted),
		cmocka_unit_test(mount_of_weeks_is_known_when_it_reconnects),
		cmocka_unit_test(nobody_fills_the_tables),
		cmocka_unit_test(nobody_is_known_twice),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, end);
}
