// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sinks: texts and their bounds, JSON, the syslog client against bad receivers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/sink/alert.h"
#include "../../user/sink/flow_json.h"
#include "../../user/sink/syslog.h"
#include "../../user/sink/syslog_text.h"
#include "../../user/util/log.h"
#include "../../user/util/util.h"

/* 2026-11-22T12:05:01.120334Z */
#define WALL 1795349101120334000LL

static char dir[] = "/tmp/nw-test-sink.XXXXXX";

/* One connection with everything in it: 10.1.2.3:50123 to 10.0.0.10:445, request altered. */
static struct {
	struct nw_conn conn;
	struct nw_exchange negotiate, validate;
	uint16_t clear[NW_DIALECTS_MAX], secret[NW_DIALECTS_MAX];
	struct nw_finding finding;
	struct nw_alert alert;
} W;

static void v4(union nw_addr *a, uint8_t b0, uint8_t b1, uint8_t b2, uint8_t b3)
{
	*a = (union nw_addr){ .b = { [10] = 0xff, [11] = 0xff, [12] = b0, b1, b2, b3 } };
}

static int set_up(void **state)
{
	static const uint8_t guid[16] = { 0x40, 0xfc, 0x29, 0x6b, 0x47, 0xca, 0x67, 0x10,
					  0xb3, 0x1d, 0x00, 0xdd, 0x01, 0x06, 0x62, 0xda };

	memset(&W, 0, sizeof(W));
	memcpy(W.clear, (uint16_t[]){ 0x0210, 0x0300, 0x0302 }, 6);
	memcpy(W.secret, (uint16_t[]){ 0x0202, 0x0210, 0x0300, 0x0302 }, 8);
	W.negotiate.request =
		(struct nw_params){ .ts = 1, .fingerprint = 1, .n_dialects = 3, .dialects = W.clear };
	W.validate.request = (struct nw_params){ .ts = 2,
						 .fingerprint = 2,
						 .n_dialects = 4,
						 .dialects = W.secret,
						 .capabilities = 0x7f,
						 .is_signed = true };
	memcpy(W.negotiate.request.guid, guid, 16);
	memcpy(W.validate.request.guid, guid, 16);
	W.validate.request_compared = true;
	W.validate.request_differs = NW_FIELD_DIALECTS | NW_FIELD_CAPABILITIES;
	v4(&W.conn.key.addr[0], 10, 0, 0, 10);
	v4(&W.conn.key.addr[1], 10, 1, 2, 3);
	W.conn.key.port[0] = htobe16(445);
	W.conn.key.port[1] = htobe16(50123);
	W.conn.client = 1;
	W.conn.dialect = 0x0302;
	W.conn.syn_opts = NW_OPT_RIVERBED_PROBE;
	W.conn.negotiate = &W.negotiate;
	W.conn.validate = &W.validate;
	W.conn.n_negotiate = W.conn.n_validate = 1;
	W.conn.end = (struct nw_end){ .ts = 3, .by = NW_S2C, .how = NW_END_RST };
	W.finding = (struct nw_finding){ .rule = 101,
					 .severity = NW_SEV_CRITICAL,
					 .fields = 9,
					 .validate = 0,
					 .leg = NW_LEG_CLIENT_HERE,
					 .delay_ns = 3000000 };
	strcpy(W.finding.text, "SMB2 NEGOTIATE request was altered");
	W.alert = (struct nw_alert){ .id = 17,
				     .wall = WALL,
				     .rule = 101,
				     .severity = NW_SEV_CRITICAL,
				     .count = 1,
				     .text = W.finding.text,
				     .finding = &W.finding,
				     .conn = &W.conn,
				     .iface = "eth0",
				     .host = "fs01" };
	nw_log_init(-1);
	return 0;
}

static void syslog_text_has_all_pairs_in_order(void **state)
{
	char text[NW_SYSLOG_MAX];

	nw_syslog_text(text, sizeof(text), &W.alert);
	assert_string_equal(
		text,
		"SMB2 NEGOTIATE request was altered; alert_id=17 signature_id=1445101 rule=101 severity=1 "
		"verdict=mismatch differs=\"capabilities,dialects\" closed_by=server close=rst "
		"delay_ms=3.000 "
		"src_ip=10.1.2.3 src_port=50123 dest_ip=10.0.0.10 dest_port=445 proto=TCP dialect=3.02 "
		"negotiated=\"2.10,3.00,3.02\" validated=\"2.02,2.10,3.00,3.02\" "
		"client_guid=6b29fc40-ca47-1067-b31d-00dd010662da "
		"community_id=\"1:qG+HSMbUf/AnTAesljEt4afJoN8=\" path_hint=riverbed count=1 iface=eth0 "
		"event_time=2026-11-22T12:05:01.120334Z leg=client-here");
}

static void syslog_text_is_bounded(void **state)
{
	char text[NW_SYSLOG_MAX];

	/* The longest of everything: 64 dialects on both sides, IPv6, the longest sentence. */
	for (int i = 0; i < NW_DIALECTS_MAX; i++)
		W.clear[i] = W.secret[i] = (uint16_t)(0x1000 + i);
	W.negotiate.request.n_dialects = W.validate.request.n_dialects = 1000;
	memset(W.conn.key.addr, 0xfd, sizeof(W.conn.key.addr));
	memset(W.finding.text, 'x', sizeof(W.finding.text) - 1);
	for (size_t size = 500; size <= sizeof(text); size++) {
		nw_syslog_text(text, size, &W.alert);
		assert_true(strlen(text) < size);
		assert_non_null(strstr(text, " alert_id=17 "));
		assert_non_null(strstr(text, " event_time=2026-11-22T12:05:01.120334Z"));
		assert_null(strstr(text, "negotiated="));
	}
}

static void alert_without_flow_has_no_addresses(void **state)
{
	struct nw_alert a = { .id = 1,
			      .wall = WALL,
			      .rule = 190,
			      .severity = NW_SEV_ERROR,
			      .count = 12,
			      .text = "12 events were lost",
			      .host = "fs01" };
	char text[NW_SYSLOG_MAX];
	json_t *o = nw_alert_json(&a);

	nw_syslog_text(text, sizeof(text), &a);
	assert_string_equal(text, "12 events were lost; alert_id=1 signature_id=1445190 rule=190 severity=2 "
				  "verdict=events-lost count=12 event_time=2026-11-22T12:05:01.120334Z");
	assert_null(json_object_get(o, "src_ip"));
	assert_null(json_object_get(json_object_get(o, "negwatch"), "flow"));
	json_decref(o);
}

static void summary_tells_of_what_and_when(void **state)
{
	struct nw_fold_key key = { .client = W.conn.key.addr[1],
				   .server = W.conn.key.addr[0],
				   .port = 445,
				   .rule = 101,
				   .fields = 9 };
	struct nw_suppressed s = { .key = &key,
				   .first_id = 17,
				   .last_id = 17,
				   .first_seen = WALL,
				   .last_seen = WALL + 5000000000LL };
	struct nw_alert a = { .id = 18,
			      .wall = WALL + 600000000000LL,
			      .rule = 191,
			      .severity = NW_SEV_NOTICE,
			      .count = 599,
			      .text = "It was met again",
			      .suppressed = &s,
			      .host = "fs01" };
	char text[NW_SYSLOG_MAX], *json;
	json_t *o = nw_alert_json(&a);

	nw_syslog_text(text, sizeof(text), &a);
	assert_string_equal(
		text, "It was met again; alert_id=18 signature_id=1445191 rule=191 severity=3 "
		      "verdict=suppressed differs=\"capabilities,dialects\" src_ip=10.1.2.3 "
		      "dest_ip=10.0.0.10 dest_port=445 proto=TCP count=599 "
		      "event_time=2026-11-22T12:15:01.120334Z suppressed=repeats of_rule=101 first_id=17 "
		      "last_id=17 first_seen=2026-11-22T12:05:01.120334Z "
		      "last_seen=2026-11-22T12:05:06.120334Z");
	json = json_dumps(json_object_get(json_object_get(o, "negwatch"), "suppressed"), JSON_COMPACT);
	assert_string_equal(json,
			    "{\"reason\":\"repeats\",\"rule\":101,\"name\":\"request-altered\",\"fields\":["
			    "\"capabilities\",\"dialects\"],\"first_id\":17,\"last_id\":17,\"first_seen\":"
			    "\"2026-11-22T12:05:01.120334Z\",\"last_seen\":\"2026-11-22T12:05:06.120334Z\"}");
	free(json);
	assert_string_equal(json_string_value(json_object_get(o, "src_ip")), "10.1.2.3");
	json_decref(o);
	/* Of alerts of all kinds: no ends. */
	s.key = NULL;
	nw_syslog_text(text, sizeof(text), &a);
	assert_null(strstr(text, "src_ip"));
	assert_non_null(strstr(text, " suppressed=rate-limit first_id=17 "));
}

static void json_is_shaped_like_eve(void **state)
{
	json_t *o = nw_alert_json(&W.alert), *alert = json_object_get(o, "alert"), *own, *flow;

	assert_string_equal(json_string_value(json_object_get(o, "timestamp")),
			    "2026-11-22T12:05:01.120334+0000");
	assert_string_equal(json_string_value(json_object_get(o, "event_type")), "alert");
	assert_string_equal(json_string_value(json_object_get(o, "src_ip")), "10.1.2.3");
	assert_int_equal(json_integer_value(json_object_get(o, "dest_port")), 445);
	assert_int_equal(json_integer_value(json_object_get(alert, "signature_id")), 1445101);
	assert_int_equal(json_integer_value(json_object_get(alert, "severity")), 1);
	own = json_object_get(o, "negwatch");
	assert_int_equal(json_integer_value(json_object_get(own, "schema")), NW_ALERT_SCHEMA);
	assert_string_equal(json_string_value(json_object_get(own, "severity")), "critical");
	assert_int_equal(json_array_size(json_object_get(json_object_get(own, "finding"), "fields")), 2);
	flow = json_object_get(own, "flow");
	assert_string_equal(json_string_value(json_object_get(flow, "dialect")), "0x0302");
	assert_string_equal(json_string_value(json_object_get(flow, "community_id")),
			    json_string_value(json_object_get(o, "community_id")));
	json_decref(o);
}

static void flow_tells_its_steps_and_when(void **state)
{
	struct nw_step steps[] = {
		{ .ts = 1500000, .frame = 9, .type = NW_EV_TREE_RSP, .by = NW_S2C, .status = 0xc0000022 },
		{ .ts = 400000, .type = NW_EV_USE, .by = NW_C2S, .command = 5 },
	};
	json_t *flow, *list, *one;
	char *text;

	W.conn.first_ts = 500000;
	W.conn.steps = steps;
	W.conn.n_steps = 2;
	W.validate.request.ts = 2512345;
	flow = nw_flow_json(&W.conn, NULL, 0);
	list = json_object_get(flow, "steps");
	text = json_dumps(list, JSON_COMPACT);
	/* What is older than the flow's first packet, by another processor's clock, is no time machine. */
	assert_string_equal(text, "[{\"frame\":9,\"at_ms\":1.0,\"by\":\"server\",\"what\":\"tree_connect\","
				  "\"status\":\"0xc0000022\"},"
				  "{\"at_ms\":0.0,\"by\":\"client\",\"what\":\"use\",\"command\":5}]");
	free(text);
	one = json_object_get(json_array_get(json_object_get(flow, "validate"), 0), "request");
	assert_float_equal(json_real_value(json_object_get(one, "at_ms")), 2.012, 0.0001);
	json_decref(flow);
}

static void every_rule_has_a_verdict(void **state)
{
	for (size_t i = 0; i < nw_n_rules; i++)
		assert_true(nw_rules[i].number == 199 ||
			    strcmp(nw_rule_verdict(nw_rules[i].number), "test") != 0);
}

static int receiver(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Reads all that waits; returns how many, the last one in `last`. */
static unsigned int drain(int fd, char last[2048])
{
	unsigned int n = 0;
	ssize_t len;

	while ((len = recv(fd, last, 2047, 0)) >= 0) {
		last[len] = '\0';
		n++;
	}
	return n;
}

static void syslog_survives_its_receiver(void **state)
{
	struct nw_syslog_state st;
	struct nw_syslog *s;
	char path[64], last[2048], text[16], header[80];
	uint64_t now = 1000;
	unsigned int got = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(nw_syslog_new(&s, path, LOG_AUTHPRIV, 50), 0);
	/* nobody there: it waits */
	nw_syslog_send(s, now, LOG_CRIT, "first");
	nw_syslog_get_state(s, &st);
	assert_int_equal(st.backlog, 1);
	assert_int_equal(st.error, -ENOENT);
	assert_true(nw_syslog_retry_at(s) > now);
	/* there, and slow: never blocks, keeps the order */
	fd = receiver(path);
	nw_syslog_retry(s, now);
	assert_int_equal(drain(fd, last), 0);
	nw_syslog_retry(s, nw_syslog_retry_at(s));
	assert_int_equal(drain(fd, last), 1);
	snprintf(header, sizeof(header), "negwatchd[%d]: first", (int)getpid());
	assert_true(strncmp(last, "<82>", 4) == 0 && strstr(last, header));
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		nw_syslog_send(s, now, LOG_CRIT, text);
	}
	nw_syslog_get_state(s, &st);
	assert_true(st.backlog > 0);
	while (nw_syslog_retry_at(s)) {
		now = nw_syslog_retry_at(s);
		got += drain(fd, last);
		nw_syslog_retry(s, now);
	}
	got += drain(fd, last);
	assert_int_equal(got, 40);
	assert_non_null(strstr(last, "]: n39"));
	/* restarted: the next message finds the new one */
	close(fd);
	fd = receiver(path);
	nw_syslog_send(s, now, LOG_CRIT, "again");
	assert_int_equal(drain(fd, last), 1);
	/* gone for long: the oldest are dropped, and counted */
	close(fd);
	unlink(path);
	for (int i = 0; i < 60; i++)
		nw_syslog_send(s, now, LOG_CRIT, "lost");
	nw_syslog_get_state(s, &st);
	assert_int_equal(st.backlog, 50);
	assert_int_equal(st.dropped, 10);
	nw_syslog_free(&s);
}

static void syslog_datagrams_are_short(void **state)
{
	char path[64], last[2048], text[3000];
	struct nw_syslog *s;
	int fd;

	snprintf(path, sizeof(path), "%s/log2", dir);
	fd = receiver(path);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(nw_syslog_new(&s, path, LOG_LOCAL7, 10), 0);
	nw_syslog_send(s, 1, LOG_INFO, text);
	assert_int_equal(drain(fd, last), 1);
	assert_true(strlen(last) < NW_SYSLOG_MAX);
	close(fd);
	nw_syslog_free(&s);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "log", "log2" };
	char path[80];

	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

#define T(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(syslog_text_has_all_pairs_in_order),
		T(syslog_text_is_bounded),
		T(alert_without_flow_has_no_addresses),
		T(summary_tells_of_what_and_when),
		T(json_is_shaped_like_eve),
		T(flow_tells_its_steps_and_when),
		T(every_rule_has_a_verdict),
		T(syslog_survives_its_receiver),
		T(syslog_datagrams_are_short),
	};

	return cmocka_run_group_tests_name("sink", tests, make_dir, remove_dir);
}
