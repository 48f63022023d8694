// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Folding of repeated alerts, and the limit of so many per second: nothing goes uncounted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/engine/engine.h"
#include "../../user/sink/fold.h"
#include "../../user/util/bucket.h"

#define S NW_NS_PER_S

struct told {
	unsigned int n;
	uint64_t count;
	struct nw_folded last;
};

static void see(void *arg, const struct nw_folded *f)
{
	struct told *t = arg;

	t->n++;
	t->count += f->count;
	t->last = *f;
}

static struct nw_fold_key key(uint32_t client)
{
	return (struct nw_fold_key){
		.client.w[3] = client, .port = 445, .rule = 101, .fields = 8, .severity = 4
	};
}

/* What the daemon does with one; true: it was told. */
static bool raise_one(struct nw_fold *f, const struct nw_fold_key *k, uint64_t id, uint64_t now)
{
	if (nw_fold_repeat(f, k, (int64_t)now, now))
		return false;
	nw_fold_told(f, k, id, now);
	return true;
}

static void storm_is_one_alert_and_one_summary(void **state)
{
	struct told told = { 0 };
	struct nw_fold_key k = key(1);
	struct nw_fold *f = NULL;
	unsigned int raised = 0;

	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	for (uint64_t i = 0; i < 600; i++) {
		raised += raise_one(f, &k, 17, S + i * S / 40);
		nw_fold_tick(f, S + i * S / 40);
	}
	assert_int_equal(raised, 1);
	assert_int_equal(told.n, 0);
	assert_int_equal(nw_fold_untold(f), 599);
	assert_int_equal(nw_fold_due(f), 601 * S);
	nw_fold_tick(f, 601 * S - 1);
	assert_int_equal(told.n, 0);
	nw_fold_tick(f, 601 * S);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.last.count, 599);
	assert_int_equal(told.last.first_id, 17);
	assert_int_equal(nw_folded_first_seen(&told.last), S + S / 40);
	assert_int_equal(told.last.last_seen, S + 599 * S / 40);
	assert_int_equal(nw_fold_untold(f), 0);
	/* A repeat in the next window is counted again; a window without one ends it. */
	assert_false(raise_one(f, &k, 18, 700 * S));
	nw_fold_tick(f, 1201 * S);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.last.count, 1);
	assert_int_equal(told.last.first_id, 17);
	nw_fold_tick(f, 1801 * S);
	assert_int_equal(told.n, 2);
	assert_int_equal(nw_fold_due(f), 0);
	assert_true(raise_one(f, &k, 19, 1802 * S));
	nw_fold_free(&f);
}

/* However the wall clock is set meanwhile, a window lasts as long as it does. */
static void clock_that_is_set_changes_no_window(void **state)
{
	static const int64_t steps[] = { 0, -86400 * (int64_t)S, 86400 * (int64_t)S };
	struct nw_fold_key k = key(1);

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const int64_t wall = 1800000000 * (int64_t)S;
		struct told told = { 0 };
		struct nw_fold *f = NULL;

		assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
		assert_true(raise_one(f, &k, 1, S));
		assert_true(nw_fold_repeat(f, &k, wall, 2 * S));
		assert_true(nw_fold_repeat(f, &k, wall + steps[i] + 3 * (int64_t)S, 5 * S));
		nw_fold_tick(f, 601 * S);
		assert_int_equal(told.last.count, 2);
		assert_int_equal(told.last.took, 3 * S);
		assert_int_equal(told.last.last_seen, wall + steps[i] + 3 * (int64_t)S);
		assert_int_equal(nw_folded_first_seen(&told.last), wall + steps[i]);
		/* The next window begins with its own first. */
		assert_true(nw_fold_repeat(f, &k, wall, 700 * S));
		nw_fold_tick(f, 1201 * S);
		assert_int_equal(told.last.took, 0);
		nw_fold_free(&f);
	}
}

static void what_differs_is_told(void **state)
{
	struct nw_fold_key other[6];
	struct nw_fold_key k = key(1);
	struct told told = { 0 };
	struct nw_fold *f = NULL;

	for (int i = 0; i < 6; i++)
		other[i] = k;
	other[0].client.w[3]++;
	other[1].server.w[3]++;
	other[2].port = 139;
	other[3].rule = 109;
	other[4].fields = 9;
	other[5].severity = 2;
	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	assert_true(raise_one(f, &k, 1, S));
	for (int i = 0; i < 6; i++)
		assert_true(raise_one(f, &other[i], 2, S));
	for (int i = 0; i < 6; i++)
		assert_false(raise_one(f, &other[i], 2, S));
	nw_fold_free(&f);
}

static void full_table_counts_everything(void **state)
{
	struct told told = { 0 };
	struct nw_fold *f = NULL;
	uint64_t raised = 0, all = 0;

	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t client = 0; client < NW_FOLD_MAX + 100; client++)
			for (int again = 0; again < 3; again++, all++) {
				struct nw_fold_key k = key(client);

				raised += raise_one(f, &k, client, S);
			}
	assert_true(told.n > 0);
	nw_fold_flush(f, 0);
	assert_int_equal(raised + told.count, all);
	assert_int_equal(nw_fold_untold(f), 0);
	/* Off: everything is told. */
	for (int again = 0; again < 3; again++) {
		struct nw_fold_key k = key(1);

		assert_true(raise_one(f, &k, 1, S));
	}
	nw_fold_free(&f);
}

/* An IPv6 host, of which there are as many as one likes in a /64. */
static struct nw_fold_key key_six(uint32_t net, uint32_t host)
{
	struct nw_fold_key k = key(0);

	k.client.w[0] = 0x20;
	k.client.w[1] = net;
	k.client.w[2] = k.client.w[3] = host;
	return k;
}

/* Who has a /64 of addresses gets a share of the places, beyond which it is told no more, but counted. */
static void nobody_gets_all_places(void **state)
{
	struct nw_fold_key mine = key_six(1, 1);
	struct told told = { 0 };
	struct nw_fold *f = NULL;
	unsigned int raised = 0;

	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	assert_true(raise_one(f, &mine, 1, S));
	for (uint32_t i = 0; i < 100000; i++) {
		struct nw_fold_key k = key_six(2, i);

		k.server.w[3] = i % 7;
		k.fields = i % 31;
		raised += raise_one(f, &k, 2 + i, S);
	}
	/* The one more is that of all others of the /64 together. */
	assert_int_equal(raised, NW_FOLD_SHARE + 1);
	assert_int_equal(told.n, 0);
	assert_int_equal(nw_fold_untold(f), 100000 - raised);
	/* The other's repeat is one still, another alert of it is told, and so is one of IPv4. */
	assert_false(raise_one(f, &mine, 3, S));
	mine.rule = 102;
	assert_true(raise_one(f, &mine, 4, S));
	assert_true(raise_one(f, &(struct nw_fold_key){ .client.w[3] = 9, .rule = 101 }, 4, S));
	nw_fold_tick(f, 601 * S);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.count, 100000 - raised + 1);
	assert_true(nw_fold_is_crowd(&told.last.key));
	assert_int_equal(told.last.key.client.w[1], 2);
	assert_int_equal(told.last.key.client.w[3], 0);
	/* What has ended makes room. */
	nw_fold_tick(f, 1300 * S);
	assert_true(raise_one(f, &(struct nw_fold_key){ .client = key_six(2, 5).client, .rule = 104 }, 5,
			      1300 * S));
	nw_fold_flush(f, 0);
	assert_int_equal(nw_fold_untold(f), 0);
	nw_fold_free(&f);
}

static void counts_survive_a_crash(void **state)
{
	char path[] = "/tmp/nw-test-fold.XXXXXX";
	struct told told = { 0 };
	struct nw_fold *f = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (int life = 0; life < 3; life++) {
		/* The last life's counts: 50 clients, client n with n + 2 repeats. */
		memset(&told, 0, sizeof(told));
		assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
		assert_int_equal(nw_fold_keep(f, path), 0);
		assert_int_equal(told.n, life == 0 ? 0 : life == 1 ? 50 : 49);
		assert_int_equal(told.count, life == 0 ? 0 : life == 1 ? 1325 : 1325 - 11);
		for (uint32_t client = 0; client < 50; client++)
			for (uint32_t again = 0; again < client + 3; again++) {
				struct nw_fold_key k = key(client);

				raise_one(f, &k, client, S);
			}
		nw_fold_free(&f);
		/* One is torn. */
		if (life == 1)
			assert_int_equal(pwrite(fd, "?", 1, 8 + 9 * (off_t)sizeof(struct nw_folded)), 1);
	}
	/* A clean end leaves nothing to tell. */
	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	assert_int_equal(nw_fold_keep(f, path), 0);
	for (int again = 0; again < 3; again++) {
		struct nw_fold_key k = key(1);

		raise_one(f, &k, 1, S);
	}
	nw_fold_flush(f, 0);
	nw_fold_free(&f);
	memset(&told, 0, sizeof(told));
	assert_int_equal(nw_fold_new(&f, 600 * S, 1, see, &told), 0);
	assert_int_equal(nw_fold_keep(f, path), 0);
	assert_int_equal(told.n, 0);
	nw_fold_free(&f);
	close(fd);
	unlink(path);
}

static void bucket_gives_burst_then_rate(void **state)
{
	struct nw_bucket b = nw_bucket(20, 100), none = nw_bucket(0, 0);
	unsigned int n = 0;
	uint64_t now = 1000 * S;

	for (int i = 0; i < 1000; i++)
		n += nw_bucket_take(&b, now);
	assert_int_equal(n, 100);
	assert_int_equal(nw_bucket_next(&b), now + S / 20);
	for (n = 0; now < 1010 * S; now += S / 1000)
		n += nw_bucket_take(&b, now);
	assert_in_range(n, 199, 200);
	for (now += 5 * S, n = 0; nw_bucket_take(&b, now);)
		n++;
	assert_in_range(n, 100, 100);
	for (int i = 0; i < 1000; i++)
		assert_true(nw_bucket_take(&none, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storm_is_one_alert_and_one_summary),
		cmocka_unit_test(clock_that_is_set_changes_no_window),
		cmocka_unit_test(what_differs_is_told),
		cmocka_unit_test(full_table_counts_everything),
		cmocka_unit_test(nobody_gets_all_places),
		cmocka_unit_test(counts_survive_a_crash),
		cmocka_unit_test(bucket_gives_burst_then_rate),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
