// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pure parts of locate: JSON in place, sights out of records, order, comparison, join. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../user/locate/locate.h"
#include "../../user/sink/exchange.h"
#include "../../user/sink/flow_json.h"
#include "../../user/util/util.h"
#include "talk.h"

static struct nw_scan scan;

/* In memory of its own length, so that every byte behind it is ASan's. */
static int scan_exactly(const char *text, size_t n)
{
	char *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, text, n);
	err = nw_scan(&scan, copy, n);
	free(copy);
	return err;
}

static void json_is_scanned_in_place(void **state)
{
	static const char text[] =
		" {\"a\":[1,-2.5e3,true,null,[],{}],\"b\":{\"c\":\"x\\\\\\\"y\",\"d\":\"0x1f\"} , "
		"\"e\":\"\\\\\"}";
	static const char *const broken[] = {
		"",	 "{",	       "{\"a\"", "{\"a\":", "[1,", "[1 2]",
		"{1:2}", "{\"a\":1,}", "\"x",	 "\"x\\\"", "[,]", "{\"a\" 1}"
	};
	const struct nw_json *b;
	char deep[200];

	assert_int_equal(nw_scan(&scan, text, strlen(text)), 0);
	b = nw_json_get(scan.list, "b");
	assert_int_equal(nw_json_count(nw_json_get(scan.list, "a")), 6);
	assert_true(nw_json_is(nw_json_get(b, "c"), "x\\\\\\\"y"));
	assert_int_equal(nw_json_hex(nw_json_get(b, "d")), 0x1f);
	assert_true(nw_json_is(nw_json_get(scan.list, "e"), "\\\\"));
	assert_null(nw_json_get(b, "a"));
	assert_null(nw_json_get(NULL, "a"));
	assert_int_equal(nw_json_number(nw_json_get(scan.list, "b")), 0);
	assert_int_equal(scan.list->size, scan.n);
	for (size_t i = 0; i < NW_ARRAY_SIZE(broken); i++)
		assert_int_equal(scan_exactly(broken[i], strlen(broken[i])), -EBADMSG);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(scan_exactly(text, n), -EBADMSG);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(scan_exactly(deep, sizeof(deep)), -EBADMSG);
}

/* Whatever was flipped: no byte beyond the text is read, and what jansson takes, this takes. */
static void scan_is_no_stricter_than_jansson(void **state)
{
	static const char text[] =
		"{\"type\":\"flow\",\"n\":[1,2.5,{\"k\":\"v\\u0041\"}],\"t\":true,\"u\":null}";
	unsigned int seed = 7, taken = 0;

	for (int round = 0; round < 20000; round++) {
		char copy[sizeof(text)];
		json_t *o;

		memcpy(copy, text, sizeof(text));
		for (int i = 0; i < 2; i++) {
			seed = seed * 1664525 + 1013904223;
			copy[(seed >> 8) % (sizeof(text) - 1)] = "{}[]\",:\\x1 "[(seed >> 24) % 11];
		}
		o = json_loadb(copy, sizeof(text) - 1, JSON_DISABLE_EOF_CHECK, NULL);
		if (scan_exactly(copy, sizeof(text) - 1) == 0)
			taken++;
		else
			assert_null(o);
		json_decref(o);
	}
	assert_in_range(taken, 100, 20000);
}

/* One place's word of one exchange. */
static struct nw_sight sight(uint16_t place, uint32_t caps, uint8_t vantage)
{
	struct nw_sight s = { .place = place, .vantage = vantage, .complete = true, .end_how = NW_END_FIN };

	s.key.id[0] = s.key.proof[0] = 1;
	s.time = 1000000 + place;
	for (int m = 0; m < NW_MESSAGES; m++)
		s.said[m] = (struct nw_said){
			.seen = true, .known = true, .capabilities = 0x7f, .n_dialects = 1
		};
	s.said[NW_NEGOTIATE_REQ].capabilities = caps;
	s.said[NW_VALIDATE_REQ].is_signed = s.said[NW_VALIDATE_RSP].is_signed = true;
	return s;
}

static struct nw_located last;
static unsigned int n_located;

static int keep(void *arg, const struct nw_located *l)
{
	last = *l;
	n_located++;
	return 0;
}

static struct nw_locate_stats locate(const struct nw_sight *s, size_t n)
{
	struct nw_locate_stats st = { 0 };

	n_located = 0;
	assert_int_equal(nw_locate(s, n, keep, NULL, &st), 0);
	return st;
}

/* Three places in any order of the input; the edit is on any of the four legs. */
static void each_leg_is_named(void **state)
{
	static const int turns[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					 { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const uint8_t vantages[] = { NW_VANTAGE_CLIENT, NW_VANTAGE_BETWEEN, NW_VANTAGE_SERVER };

	for (unsigned int leg = 0; leg < 3; leg++)
		for (int turn = 0; turn < 6; turn++) {
			struct nw_sight s[3];

			for (int i = 0; i < 3; i++) {
				unsigned int at = (unsigned int)turns[turn][i];

				s[i] = sight((uint16_t)at, at >= leg ? 0x3f : 0x7f, vantages[at]);
			}
			assert_int_equal(locate(s, 3).joined, 1);
			assert_int_equal(last.n, 3);
			assert_int_equal(last.order, NW_ORDER_VANTAGE);
			for (unsigned int i = 0; i < 3; i++)
				assert_int_equal(last.at[i]->place, i);
			assert_int_equal(last.n_changes, 1);
			assert_int_equal(last.change[0].leg, leg);
			assert_int_equal(last.change[0].what, NW_CHANGED_CAPABILITIES);
			assert_int_equal(last.change[0].message, NW_NEGOTIATE_REQ);
		}
}

/* Without vantage: by the values, by a proxy's address; and said where neither tells. */
static void order_is_inferred_or_unknown(void **state)
{
	struct nw_sight s[2] = { sight(0, 0x3f, 0), sight(1, 0x7f, 0) };

	locate(s, 2);
	assert_int_equal(last.order, NW_ORDER_VALUES);
	assert_int_equal(last.at[0]->place, 1);
	/* the same edit at both: before both of them, whichever is first */
	s[1] = sight(1, 0x3f, 0);
	locate(s, 2);
	assert_int_equal(last.order, NW_ORDER_UNKNOWN);
	assert_int_equal(last.change[0].leg, 0);
	assert_true(last.changed);
	s[0].addr[NW_C2S].b[15] = s[1].addr[NW_S2C].b[15] = 9;
	s[1].addr[NW_C2S].b[15] = 1;
	s[0].addr[NW_S2C].b[15] = 2;
	locate(s, 2);
	assert_int_equal(last.order, NW_ORDER_ADDRESSES);
	assert_int_equal(last.at[0]->place, 1);
	/* one is nearer by its request, the other by its response */
	s[0] = sight(0, 0x3f, 0);
	s[1] = sight(1, 0x7f, 0);
	s[1].said[NW_NEGOTIATE_RSP].security_mode = 3;
	s[0].said[NW_NEGOTIATE_RSP].security_mode = 0;
	locate(s, 2);
	assert_int_equal(last.at[0]->place, 1);
	assert_int_equal(last.n_changes, 2);
	s[0].said[NW_NEGOTIATE_RSP].security_mode = 3;
	s[1].said[NW_NEGOTIATE_RSP].security_mode = 0;
	locate(s, 2);
	assert_int_equal(last.order, NW_ORDER_UNKNOWN);
}

static void only_what_belongs_together_is_joined(void **state)
{
	struct nw_sight s[4] = { sight(0, 0x7f, 0), sight(1, 0x7f, 0), sight(0, 0x7f, 0), sight(1, 0x7f, 0) };
	struct nw_locate_stats st;

	/* two exchanges of one connection */
	s[2].key.message_id = s[3].key.message_id = 7;
	assert_int_equal(locate(s, 4).joined, 1);
	assert_int_equal(last.exchanges, 2);
	assert_int_equal(last.n_changes, 0);
	/* another signature is another exchange */
	s[1].key.proof[15] = 1;
	st = locate(s, 2);
	assert_int_equal(st.joined, 0);
	assert_int_equal(st.alone, 2);
	/* twice at one place: the same record again; or both sides of a proxy */
	s[1] = s[0];
	assert_int_equal(locate(s, 2).alone, 1);
	s[1].port[0] = 99;
	assert_int_equal(locate(s, 2).ambiguous, 1);
	/* copies of one file */
	s[1] = s[0];
	s[1].place = 1;
	assert_int_equal(locate(s, 2).copies, 1);
}

/* A RST that one place alone saw: a claim only where the other is known to have seen all, or said so. */
static void resets_need_a_witness(void **state)
{
	struct nw_sight s[2] = { sight(0, 0x7f, NW_VANTAGE_CLIENT), sight(1, 0x7f, NW_VANTAGE_SERVER) };

	s[0].reset[NW_S2C] = 1;
	s[0].end_how = NW_END_RST;
	s[0].end_by = NW_S2C;
	locate(s, 2);
	assert_int_equal(last.n_changes, 1);
	assert_int_equal(last.change[0].message, NW_MSG_RESET);
	assert_int_equal(last.change[0].leg, 1);
	/* a journal's record may have been written before the server's own RST, behind its FIN */
	s[1].complete = false;
	s[1].end_by = NW_S2C;
	locate(s, 2);
	assert_int_equal(last.n_changes, 0);
	s[1].end_how = NW_END_NONE;
	locate(s, 2);
	assert_int_equal(last.n_changes, 0);
	/* ... but there the client left first */
	s[1].end_how = NW_END_FIN;
	s[1].end_by = NW_C2S;
	locate(s, 2);
	assert_int_equal(last.n_changes, 1);
}

/* ---- from the engine to sights: the compact record says as much as the whole flow ---- */

static struct nw_sight from_record[4];
static unsigned int n_settled, n_sights;

static int keep_sight(void *arg, const struct nw_sight *s)
{
	if (n_sights < NW_ARRAY_SIZE(from_record))
		from_record[n_sights++] = *s;
	return 0;
}

static void read_back(json_t *o)
{
	struct nw_sight blank = { .place = 3 };
	char *text = json_dumps(o, NW_JSON_LINE);
	int err = 0;

	assert_non_null(text);
	assert_int_equal(nw_scan(&scan, text, strlen(text)), 0);
	assert_int_equal(nw_sights_read(scan.list, &blank, keep_sight, NULL, &err), NW_YIELD_SIGHTS);
	assert_int_equal(err, 0);
	free(text);
	json_decref(o);
}

static void on_settled(void *arg, const struct nw_conn *c)
{
	if (n_settled++)
		return;
	read_back(nw_exchange_json(c, "host", NULL, 1000, 4));
	read_back(nw_flow_json(c, NULL, 1000));
}

static int on_event(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(*(struct nw_engine **)arg, ev);
}

static int on_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = ts, .frame = frame };

	return nw_tap_packet(arg, &p);
}

static void play(enum talk_end end, uint64_t wait)
{
	static const struct nw_engine_ops ops = { .settled = on_settled };
	static const uint16_t ports[] = { 445 };
	struct nw_tap_config tap_cfg = { .ports = ports, .n_ports = 1 };
	struct nw_engine_config cfg;
	struct nw_engine *e;
	struct nw_tap *tap;
	struct talk t;
	struct talk_how how = { 0 };

	n_settled = n_sights = 0;
	nw_engine_defaults(&cfg);
	assert_int_equal(nw_engine_new(&e, &cfg, &ops, NULL), 0);
	assert_int_equal(nw_tap_new(&tap, &tap_cfg, on_event, &e), 0);
	talk_usual(&t, &talk_client, &talk_client, &talk_server, &talk_server, end);
	assert_int_equal(talk_frames(&t, &how, on_frame, tap), 0);
	if (wait) {
		assert_int_equal(n_settled, end == TALK_END_SERVER_RST);
		nw_engine_tick(e, 1700001000 * NW_NS_PER_S);
		assert_int_equal(n_settled, 1);
	}
	nw_engine_flush(e);
	assert_int_equal(n_settled, 1);
	talk_free(&t);
	nw_tap_free(&tap);
	nw_engine_free(&e);
}

static void compact_records_say_all(void **state)
{
	play(TALK_END_NONE, 1);
	play(TALK_END_NONE, 0);
	play(TALK_END_SERVER_RST, 1);
	assert_int_equal(n_sights, 2);
	assert_memory_equal(&from_record[0].key, &from_record[1].key, sizeof(from_record[0].key));
	for (int m = 0; m < NW_MESSAGES; m++) {
		assert_true(from_record[0].said[m].known);
		assert_int_equal(nw_said_differ(&from_record[0].said[m], &from_record[1].said[m], m % 2 == 0),
				 0);
		assert_int_equal(from_record[0].said[m].is_signed, m >= NW_VALIDATE_REQ);
	}
	assert_int_equal(from_record[0].end_how, NW_END_RST);
	assert_memory_equal(from_record[0].addr, from_record[1].addr, sizeof(from_record[0].addr));
	assert_int_equal(from_record[0].time, from_record[1].time);
	assert_false(from_record[0].complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_scanned_in_place),
		cmocka_unit_test(scan_is_no_stricter_than_jansson),
		cmocka_unit_test(each_leg_is_named),
		cmocka_unit_test(order_is_inferred_or_unknown),
		cmocka_unit_test(only_what_belongs_together_is_joined),
		cmocka_unit_test(resets_need_a_witness),
		cmocka_unit_test(compact_records_say_all),
	};
	int failed = cmocka_run_group_tests_name("locate", tests, NULL, NULL);

	nw_scan_release(&scan);
	return failed;
}
