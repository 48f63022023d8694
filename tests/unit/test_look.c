// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Looking at connections from outside costs what is looked at: counted are connections that were unpacked,
 * with 64 Ki of them asleep.
 */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/daemon/store.h"
#include "../../user/engine/engine.h"

#define FLOWS 65536u

static struct nw_engine *engine;
static const struct nw_engine_ops ops;

static void open_engine(uint32_t max_conns)
{
	struct nw_engine_config cfg;

	nw_engine_defaults(&cfg);
	cfg.max_conns = max_conns;
	cfg.max_awake = 0;
	assert_int_equal(nw_engine_new(&engine, &cfg, &ops, NULL), 0);
}

static int teardown(void **state)
{
	nw_engine_free(&engine);
	return 0;
}

static struct nw_event event(uint32_t n, uint8_t type)
{
	return (struct nw_event){
		.ts = 1000 * NW_NS_PER_S + n * 1000ULL,
		.type = type,
		.dir = NW_C2S,
		.flags = NW_EF_SYN_SEEN,
		.key = { .addr = { { .w = { 0, 0, 0xffff0000, n } },
				   { .w = { 0, 0, 0xffff0000, 0x0100000a } } },
			 .port = { 0x1234, 0xbd01 } },
	};
}

static void happens(uint32_t n, uint8_t type)
{
	struct nw_event ev = event(n, type);

	assert_int_equal(nw_engine_event(engine, &ev), 0);
}

static uint64_t unpacked(void)
{
	struct nw_engine_stats st;

	nw_engine_get_stats(engine, &st);
	return st.unpacked;
}

/* As many as `left`, each of them the one that is next. */
struct walk {
	unsigned int left, seen;
	uint64_t next;
};

static int take(void *arg, const struct nw_conn *c)
{
	struct walk *w = arg;

	assert_int_equal(c->id, w->next);
	assert_int_equal(c->key.addr[0].w[3], c->id);
	w->next--;
	w->seen++;
	return --w->left == 0;
}

static void pages_cost_what_they_list(void **state)
{
	uint64_t before = UINT64_MAX, cost;
	struct walk w = { .next = FLOWS };
	int err;

	open_engine(FLOWS);
	for (uint32_t n = 1; n <= FLOWS; n++)
		happens(n, NW_EV_FLOW);
	cost = unpacked();
	w.left = 1;
	assert_int_equal(nw_engine_each(engine, &before, take, &w), 1);
	assert_int_equal(before, FLOWS);
	assert_int_equal(unpacked() - cost, 1);
	while (before) {
		w.left = 1000;
		cost = unpacked();
		err = nw_engine_each(engine, &before, take, &w);
		assert_int_equal(err, before != 0);
		assert_true(unpacked() - cost <= 1000);
	}
	assert_int_equal(w.seen, FLOWS);
	assert_int_equal(unpacked(), FLOWS);
}

/* What comes between two pages is in neither, what goes is not missed, and nothing comes twice. */
static void pages_follow_on_over_changes(void **state)
{
	uint64_t before = UINT64_MAX;
	struct walk w = { .left = 300, .next = 1000 };

	open_engine(1000);
	for (uint32_t n = 1; n <= 1000; n++)
		happens(n, NW_EV_FLOW);
	assert_int_equal(nw_engine_each(engine, &before, take, &w), 1);
	for (uint32_t n = 1001; n <= 1100; n++) /* 1 to 100 yield */
		happens(n, NW_EV_FLOW);
	w.left = 1000;
	assert_int_equal(nw_engine_each(engine, &before, take, &w), 0);
	assert_int_equal(before, 0);
	assert_int_equal(w.next, 100);
	assert_int_equal(w.seen, 900);
}

static int found(void *arg, const struct nw_conn *c)
{
	*(uint64_t *)arg = c->id;
	return 7;
}

static void a_look_is_no_use(void **state)
{
	struct nw_event one = event(1, NW_EV_FLOW), two = event(2, NW_EV_FLOW);
	uint64_t id = 0;

	open_engine(2);
	happens(1, NW_EV_FLOW);
	happens(2, NW_EV_FLOW);
	assert_int_equal(nw_engine_look(engine, &one.key, found, &id), 7);
	assert_int_equal(id, 1);
	happens(3, NW_EV_FLOW);
	assert_int_equal(nw_engine_look(engine, &one.key, found, &id), -ENOENT);
	assert_int_equal(nw_engine_look(engine, &two.key, found, &id), 7);
}

static int add_alert(void *arg, const struct nw_conn *c)
{
	static const char line[] = "{\"negwatch\":{\"flow\":{\"dialect\":\"0x0302\"}}}";
	uint64_t *id = arg;

	nw_store_add((struct nw_store *)(void *)id[1], ++*id, c, line, strlen(line));
	return 0;
}

static void ends_are_learnt_by_the_alerts_that_wait(void **state)
{
	struct nw_store *s = calloc(1, sizeof(*s));
	uint64_t add[2] = { 0, (uintptr_t)s }, cost;
	struct nw_event ev;

	assert_non_null(s);
	open_engine(FLOWS);
	for (uint32_t n = 1; n <= FLOWS; n++)
		happens(n, NW_EV_FLOW);
	for (uint32_t n = 1; n <= 5; n++) {
		ev = event(n, NW_EV_FLOW);
		assert_int_equal(nw_engine_look(engine, &ev.key, add_alert, add), 0);
	}
	cost = unpacked();
	nw_store_learn_ends(s, engine, 1, 6);
	assert_int_equal(unpacked() - cost, 5);
	nw_store_learn_ends(s, engine, 2, 3);
	assert_int_equal(unpacked() - cost, 6);
	ev = event(3, NW_EV_FIN);
	ev.ts += NW_NS_PER_S;
	assert_int_equal(nw_engine_event(engine, &ev), 0);
	happens(FLOWS + 1, NW_EV_FLOW); /* 1 was idle longest, and yields */
	cost = unpacked();
	nw_store_learn_ends(s, engine, 1, 6);
	assert_int_equal(unpacked() - cost, 4);
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(strstr(nw_store_find(s, id)->line,
					"\"end\":{\"at_ms\":1000.0,\"by\":\"client\",\"how\":\"fin\"}") !=
					 NULL,
				 id == 3);
	/* One has ended, one is gone: nobody asks for them again. */
	cost = unpacked();
	nw_store_learn_ends(s, engine, 1, 6);
	assert_int_equal(unpacked() - cost, 3);
	nw_store_clear(s);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(pages_cost_what_they_list, teardown),
		cmocka_unit_test_teardown(pages_follow_on_over_changes, teardown),
		cmocka_unit_test_teardown(a_look_is_no_use, teardown),
		cmocka_unit_test_teardown(ends_are_learnt_by_the_alerts_that_wait, teardown),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
