// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The forms of a syslog datagram, with harmless and hostile bytes; the severities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../user/sink/levels.h"
#include "../../user/sink/syslog_format.h"
#include "../../user/util/text.h"
#include "../../user/util/util.h"

#define ALERT                                                                                                \
	"request was altered; server closed; alert_id=17 rule=101 differs=\"capabilities,dialects\" "        \
	"src_ip=10.1.2.3 community_id=\"1:qG+HSMbUf/AnTAesljEt4afJoN8=\" count=1"

/* 2026-11-22T12:05:01.120334Z */
static const struct nw_syslog_head head = {
	.priority = LOG_AUTHPRIV | LOG_CRIT, .wall = 1795349101120334000LL, .host = "fs01", .pid = 812
};

static char out[NW_SYSLOG_DATAGRAM];

static const char *datagram(enum nw_syslog_format format, const char *text)
{
	size_t len;

	memset(out, '!', sizeof(out));
	len = nw_syslog_datagram(out, sizeof(out), format, &head, text);
	assert_int_equal(len, strlen(out));
	return out;
}

static void text_is_what_glibc_sends(void **state)
{
	assert_string_equal(datagram(NW_SYSLOG_TEXT, ALERT), "<82>Nov 22 12:05:01 negwatchd[812]: " ALERT);
}

static void cee_is_json_behind_its_cookie(void **state)
{
	assert_string_equal(
		datagram(NW_SYSLOG_CEE, ALERT),
		"<82>Nov 22 12:05:01 negwatchd[812]: @cee: {\"msg\":\"request was altered; server closed\","
		"\"alert_id\":17,\"rule\":101,\"differs\":\"capabilities,dialects\",\"src_ip\":\"10.1.2.3\","
		"\"community_id\":\"1:qG+HSMbUf/AnTAesljEt4afJoN8=\",\"count\":1}");
	assert_string_equal(
		datagram(NW_SYSLOG_CEE, "Configuration read again"),
		"<82>Nov 22 12:05:01 negwatchd[812]: @cee: {\"msg\":\"Configuration read again\"}");
}

static void rfc5424_has_structured_data(void **state)
{
	assert_string_equal(
		datagram(NW_SYSLOG_RFC5424, ALERT),
		"<82>1 2026-11-22T12:05:01.120334Z fs01 negwatchd 812 101 [negwatch@32473 alert_id=\"17\" "
		"rule=\"101\" differs=\"capabilities,dialects\" src_ip=\"10.1.2.3\" "
		"community_id=\"1:qG+HSMbUf/AnTAesljEt4afJoN8=\" count=\"1\"] request was altered; server "
		"closed");
	assert_string_equal(
		datagram(NW_SYSLOG_RFC5424, "Configuration read again"),
		"<82>1 2026-11-22T12:05:01.120334Z fs01 negwatchd 812 - - Configuration read again");
}

static void journal_has_a_field_for_each_key(void **state)
{
	assert_string_equal(
		datagram(NW_SYSLOG_JOURNAL, ALERT),
		"PRIORITY=2\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=negwatchd\nSYSLOG_PID=812\n"
		"MESSAGE_ID=" NW_MESSAGE_ID "101\nMESSAGE=" ALERT "\n"
		"NEGWATCH_ALERT_ID=17\nNEGWATCH_RULE=101\nNEGWATCH_DIFFERS=capabilities,dialects\n"
		"NEGWATCH_SRC_IP=10.1.2.3\n"
		"NEGWATCH_COMMUNITY_ID=1:qG+HSMbUf/AnTAesljEt4afJoN8=\nNEGWATCH_COUNT=1\n");
	assert_int_equal(strlen(NW_MESSAGE_ID "101"), 32);
}

/* A value that tries to be another pair, another message, another element, in each form. */
static void hostile_values_stay_values(void **state)
{
	static const char evil[] =
		"x\"; alert_id=1 rule=110\n<82>Nov 22 00:00:00 su: root\r]\\\x7f\xff \",\"rule\":1,";
	char text[600], quoted[256];
	struct nw_text t;
	json_error_t why;
	json_t *o;

	nw_text_init(&t, quoted, sizeof(quoted));
	nw_text_value(&t, evil);
	snprintf(text, sizeof(text), "altered; alert_id=17 rule=101 iface=%s count=1", quoted);
	for (int format = NW_SYSLOG_TEXT; format <= NW_SYSLOG_JOURNAL; format++) {
		const char *d = datagram(format, text);

		for (; *d; d++)
			assert_true((unsigned char)*d >= 0x20 || (format == NW_SYSLOG_JOURNAL && *d == '\n'));
		assert_null(strstr(out, "\n<82>"));
	}
	o = json_loads(strstr(datagram(NW_SYSLOG_CEE, text), "@cee: ") + 6, JSON_REJECT_DUPLICATES, &why);
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 5);
	assert_int_equal(json_integer_value(json_object_get(o, "rule")), 101);
	assert_string_equal(json_string_value(json_object_get(o, "msg")), "altered");
	assert_string_equal(
		json_string_value(json_object_get(o, "iface")),
		"x\"; alert_id=1 rule=110\\x0a<82>Nov 22 00:00:00 su: root\\x0d]\\\\x7f\\xff \",\"rule\":1,");
	json_decref(o);
	assert_non_null(strstr(datagram(NW_SYSLOG_RFC5424, text), " root\\\\x0d\\]\\\\\\\\x7f"));
	assert_non_null(strstr(out, " count=\"1\"] altered"));
	assert_non_null(strstr(datagram(NW_SYSLOG_JOURNAL, text), "\nNEGWATCH_RULE=101\n"));
	assert_null(strstr(out, "\nNEGWATCH_RULE=110\n"));
}

/* A message about the daemon's own work may repeat what a file held. */
static void control_characters_never_pass(void **state)
{
	char all[256];

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	for (int format = NW_SYSLOG_TEXT; format <= NW_SYSLOG_JOURNAL; format++) {
		const char *d = strstr(datagram(format, all), "\\x01");

		assert_non_null(d);
		assert_null(strpbrk(d, "\x01\x07\x1b\r\x7f"));
		assert_true(strcspn(d, "\n") == strlen(d) - (format == NW_SYSLOG_JOURNAL));
	}
}

static void nothing_is_torn_where_room_is_short(void **state)
{
	json_t *o;

	for (size_t size = 256; size < 600; size++)
		for (int format = NW_SYSLOG_TEXT; format <= NW_SYSLOG_JOURNAL; format++) {
			size_t len;

			memset(out, '!', sizeof(out));
			len = nw_syslog_datagram(out, size, format, &head, ALERT);
			assert_true(len < size && len == strlen(out));
			if (format == NW_SYSLOG_CEE) {
				o = json_loads(strstr(out, "@cee: ") + 6, 0, NULL);
				assert_non_null(o);
				json_decref(o);
			}
			if (format == NW_SYSLOG_RFC5424)
				assert_non_null(strstr(out, "\"] "));
			if (format == NW_SYSLOG_JOURNAL)
				assert_true(out[strlen(out) - 1] == '\n');
		}
}

static void severities_are_the_rules_or_the_administrators(void **state)
{
	struct nw_levels l = { 0 };

	assert_int_equal(nw_levels_of(&l, 101, NW_SEV_CRITICAL), LOG_CRIT);
	assert_int_equal(nw_levels_of(&l, 190, NW_SEV_ERROR), LOG_ERR);
	assert_int_equal(nw_levels_of(&l, 104, NW_SEV_WARNING), LOG_WARNING);
	assert_int_equal(nw_levels_of(&l, 191, NW_SEV_NOTICE), LOG_NOTICE);
	assert_int_equal(nw_levels_of(&l, 110, NW_SEV_INFO), LOG_INFO);
	assert_true(nw_levels_parse(&l, "101=emerg, 110=notice"));
	assert_int_equal(nw_levels_of(&l, 101, NW_SEV_CRITICAL), LOG_EMERG);
	assert_int_equal(nw_levels_of(&l, 110, NW_SEV_INFO), LOG_NOTICE);
	assert_int_equal(nw_levels_of(&l, 102, NW_SEV_CRITICAL), LOG_CRIT);
	assert_true(nw_levels_parse(&l, "auto"));
	assert_int_equal(nw_levels_of(&l, 101, NW_SEV_CRITICAL), LOG_CRIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_what_glibc_sends),
		cmocka_unit_test(cee_is_json_behind_its_cookie),
		cmocka_unit_test(rfc5424_has_structured_data),
		cmocka_unit_test(journal_has_a_field_for_each_key),
		cmocka_unit_test(hostile_values_stay_values),
		cmocka_unit_test(control_characters_never_pass),
		cmocka_unit_test(nothing_is_torn_where_room_is_short),
		cmocka_unit_test(severities_are_the_rules_or_the_administrators),
	};

	/* The header of the text is in local time. */
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("syslog_format", tests, NULL, NULL);
}
