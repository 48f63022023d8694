// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* JSON as text: the same bytes as jansson writes, for each kind of value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/sink/flow_json.h"
#include "../../user/sink/json.h"
#include "../../user/sink/json_text.h"

/* What was written is what jansson makes of it. */
static void same_as_jansson(struct nw_json_text *t)
{
	int err;
	json_t *o;
	char *text;

	assert_false(t->failed);
	o = nw_json_parse(t->buf, t->len, &err);
	assert_non_null(o);
	text = json_dumps(o, NW_JSON_LINE);
	assert_int_equal(strlen(text), t->len);
	assert_memory_equal(text, t->buf, t->len);
	free(text);
	json_decref(o);
	free(t->buf);
}

static const char *name_of(unsigned int bit)
{
	static const char *const names[] = { "one", "two", "three" };

	return bit < 3 ? names[bit] : NULL;
}

static void has(const struct nw_json_text *t, const char *text)
{
	assert_non_null(memmem(t->buf, t->len, text, strlen(text)));
}

static void write_all(struct nw_json_text *t)
{
	char all[256], *p = all;

	for (int c = 1; c < 128; c++)
		*p++ = (char)c;
	strcpy(p, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	nw_json_open(t, NULL, '{');
	nw_json_put(t, "all", all);
	nw_json_put(t, "none", "");
	nw_json_open(t, "list", '[');
	nw_json_put_count(t, NULL, 0);
	nw_json_put_count(t, NULL, INT64_MAX);
	nw_json_put_count(t, NULL, (uint64_t)INT64_MAX + 1); /* left out */
	nw_json_put_hex(t, NULL, 0x302, 4);
	nw_json_put_hex(t, NULL, 0x12345, 4);
	nw_json_put_hex(t, NULL, UINT64_MAX, 16);
	nw_json_put_bytes(t, NULL, (const uint8_t *)"\x00\x9f\xff", 3);
	nw_json_open(t, NULL, '{');
	nw_json_close(t, '}');
	nw_json_close(t, ']');
	nw_json_open(t, "empty", '[');
	nw_json_close(t, ']');
	nw_json_put_bool(t, "yes", true);
	nw_json_put_bool(t, "no", false);
	nw_json_put_names(t, "bits", 0xfd, name_of);
	nw_json_close(t, '}');
}

static void each_kind_of_value(void **state)
{
	struct nw_json_text t = { 0 }, tree = { .as_tree = true };
	char *text;

	write_all(&t);
	write_all(&tree);
	assert_false(tree.failed);
	text = json_dumps(tree.tree, NW_JSON_LINE);
	assert_int_equal(strlen(text), t.len);
	assert_memory_equal(text, t.buf, t.len);
	free(text);
	json_decref(tree.tree);
	has(&t, "\"0x0302\",\"0x12345\",\"0xffffffffffffffff\",\"009fff\",{}]");
	has(&t, "\"yes\":true,\"no\":false,\"bits\":[\"one\",\"three\"]}");
	same_as_jansson(&t);
}

static void milliseconds(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0.0" },
		{ 499, "0.0" },
		{ 500, "0.001" },
		{ 170000, "0.17" },
		{ 1000000, "1.0" },
		{ 1010000, "1.01" },
		{ 20019500000, "20019.5" },
		{ 999999999499499, "999999999.499" },
		{ 1000000000000000000, "1000000000000.0" },
		{ 9200000000000123456, "9200000000000.12" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct nw_json_text t = { 0 };

		nw_json_open(&t, NULL, '[');
		nw_json_put_millis(&t, NULL, rows[i].ns);
		nw_json_close(&t, ']');
		assert_int_equal(t.len, strlen(rows[i].text) + 2);
		assert_memory_equal(t.buf + 1, rows[i].text, t.len - 2);
		same_as_jansson(&t);
	}
}

static void what_does_not_fit_makes_room(void **state)
{
	static char big[100000];
	struct nw_json_text t = { 0 };

	memset(big, 7, sizeof(big) - 1);
	nw_json_open(&t, NULL, '[');
	for (unsigned int i = 0; i < 3000; i++)
		nw_json_put_count(&t, NULL, i);
	nw_json_put(&t, NULL, big);
	nw_json_close(&t, ']');
	same_as_jansson(&t);
}

static void too_deep_a_tree_is_refused(void **state)
{
	struct nw_json_text t = { .as_tree = true };

	for (unsigned int i = 0; i < NW_JSON_DEPTH; i++)
		nw_json_open(&t, NULL, '[');
	assert_false(t.failed);
	nw_json_open(&t, NULL, '[');
	assert_true(t.failed);
	nw_json_put_count(&t, NULL, 1);
	nw_json_close(&t, ']');
	json_decref(t.tree);
}

static void line_is_a_string(void **state)
{
	struct nw_json_text t = { 0 };

	nw_json_open(&t, NULL, '{');
	nw_json_close(&t, '}');
	nw_json_end_line(&t);
	assert_string_equal(t.buf, "{}\n");
	free(t.buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_value),
		cmocka_unit_test(milliseconds),
		cmocka_unit_test(what_does_not_fit_makes_room),
		cmocka_unit_test(too_deep_a_tree_is_refused),
		cmocka_unit_test(line_is_a_string),
	};

	return cmocka_run_group_tests_name("json_text", tests, NULL, NULL);
}
