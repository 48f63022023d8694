// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same packet at two hooks (loopback, a bridge and its port): a conversation is told once, and so is its
 * reset; a second reset of the same looks is told, and one that is seen much later.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "progs.h"
#include "../unit/talk.h"

#define TYPES_MAX 4096
#define END 0xff

/*
 * A reset that comes to the next hook 67 ms later may be told as another. On a busy machine this process may
 * be kept from running for that long between two calls: where a reset was as slow as this it is played again.
 */
#define SLOW_NS 60000000
#define TRIES 1000

static struct progs *progs;

/* Sends each frame to as many hooks as are said, in order. */
struct run {
	enum progs_which hook[4];
	unsigned int hooks;
	unsigned int type[TYPES_MAX], n;
	uint8_t last[2000];
	uint32_t last_len;
	uint64_t begun; /* when the last frame came to its first hook, ns */
	uint64_t slow;	/* the longest that a RST took from the first hook to the last, ns */
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int take(void *arg, const struct nw_event *ev)
{
	struct run *r = arg;

	if (r->n < TYPES_MAX)
		r->type[r->n++] = ev->type;
	return 0;
}

/* Of TCP over Ethernet; the talk's IP headers have no options. */
static bool is_rst(const uint8_t *frame)
{
	return frame[14 + (frame[14] >> 4 == 4 ? 20 : 40) + 13] & 4;
}

static int everywhere(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct run *r = arg;
	unsigned int i;
	int err = 0;

	r->begun = now();
	for (i = 0; i < r->hooks && !err; i++)
		err = progs_frame(progs, r->hook[i], data, len, ts, frame, take, r);
	if (is_rst(data) && now() - r->begun > r->slow)
		r->slow = now() - r->begun;
	r->last_len = len < sizeof(r->last) ? len : sizeof(r->last);
	memcpy(r->last, data, r->last_len);
	return err;
}

static void play(struct run *r, enum talk_end end, const struct talk_how *how)
{
	struct talk t;

	progs_reset(progs);
	talk_usual(&t, &talk_client, &talk_client, &talk_server, &talk_server, end);
	assert_int_equal(talk_frames(&t, how, everywhere, r), 0);
	talk_free(&t);
}

static unsigned int count(const struct run *r, unsigned int type)
{
	unsigned int i, n = 0;

	for (i = 0; i < r->n; i++)
		n += r->type[i] == type;
	return n;
}

static const enum progs_which pairs[][3] = {
	{ PROGS_TC_OUT, PROGS_TC_IN },
	{ PROGS_XDP, PROGS_TC_IN },
	{ PROGS_TC_OUT, PROGS_XDP },
	{ PROGS_XDP, PROGS_TC_IN, PROGS_TC_OUT },
};

static void told_once(void **state)
{
	static const enum talk_end ends[] = { TALK_END_SERVER_FIN, TALK_END_CLIENT_FIN, TALK_END_SERVER_RST };
	static const struct talk_how hows[] = {
		{ .size = 0 }, { .size = 100 }, { .size = 7 }, { .ipv6 = true }, { .no_syn = true }
	};

	for (size_t e = 0; e < sizeof(ends) / sizeof(*ends); e++)
		for (size_t h = 0; h < sizeof(hows) / sizeof(*hows); h++)
			for (size_t p = 0; p < sizeof(pairs) / sizeof(*pairs); p++) {
				struct run once = { .hooks = 1 }, more = { .slow = UINT64_MAX };

				memcpy(once.hook, pairs[p], sizeof(pairs[p]));
				play(&once, ends[e], &hows[h]);
				for (int i = 0; i < TRIES && more.slow > SLOW_NS; i++) {
					more = (struct run){ .hooks = p == 3 ? 3 : 2 };
					memcpy(more.hook, pairs[p], sizeof(pairs[p]));
					play(&more, ends[e], &hows[h]);
				}
				assert_int_equal(more.n, once.n);
				assert_memory_equal(more.type, once.type, once.n * sizeof(*once.type));
				assert_int_equal(count(&more, NW_EV_FIN),
						 ends[e] == TALK_END_SERVER_RST ? 0 : 2);
				assert_int_equal(count(&more, NW_EV_RST), ends[e] == TALK_END_SERVER_RST);
			}
}

/* Resets after the one that ended the conversation. */
struct row {
	const char *name;
	uint8_t then[6]; /* hooks, each gets the packet */
	uint8_t patch;	 /* which byte of the last frame is another from `then` on; 0: none */
	bool wait;
	unsigned int told;
};

/* Returns whether it was quick enough to say something. */
static bool reset_again(const struct row *row, struct run *r)
{
	static const struct talk_how how = { .size = 0 };

	*r = (struct run){ .hook = { PROGS_XDP }, .hooks = 1 };
	play(r, TALK_END_SERVER_RST, &how);
	assert_int_equal(count(r, NW_EV_RST), 1);
	if (row->patch)
		r->last[row->patch]++;
	if (row->wait)
		usleep(250000);
	for (unsigned int k = 0; row->then[k] != END; k++)
		assert_int_equal(progs_frame(progs, row->then[k], r->last, r->last_len, 1, 1, take, r), 0);
	return row->wait || now() - r->begun <= SLOW_NS;
}

static void resets(void **state)
{
	static const struct row rows[] = {
		{ "at the other hook", { PROGS_TC_IN, END }, 0, false, 1 },
		{ "again at the same hook: another packet", { PROGS_XDP, END }, 0, false, 2 },
		{ "a pair again", { PROGS_TC_IN, PROGS_XDP, PROGS_TC_IN, END }, 0, false, 2 },
		{ "twice here, twice there", { PROGS_XDP, PROGS_TC_IN, PROGS_TC_IN, END }, 0, false, 2 },
		{ "three hooks", { PROGS_TC_IN, PROGS_TC_OUT, END }, 0, false, 1 },
		{ "another sequence number", { PROGS_TC_IN, END }, 41, false, 2 },
		{ "another acknowledgement", { PROGS_TC_IN, END }, 45, false, 2 },
		{ "another IP id", { PROGS_TC_IN, END }, 19, false, 2 },
		{ "another window", { PROGS_TC_IN, END }, 49, false, 2 },
		{ "another TTL: routed between the hooks", { PROGS_TC_IN, END }, 22, false, 1 },
		{ "much later at the other hook", { PROGS_TC_IN, END }, 0, true, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct run r;

		for (int tries = 0; tries < TRIES && !reset_again(&rows[i], &r); tries++)
			continue;
		if (count(&r, NW_EV_RST) != rows[i].told)
			fail_msg("%s: told %u times, wanted %u", rows[i].name, count(&r, NW_EV_RST),
				 rows[i].told);
	}
}

/* Another reset than the one that ended the conversation, at the one interface and at the other. */
static void at_two(struct run *r, struct __sk_buff *one, struct __sk_buff *other)
{
	static const struct talk_how how = { .size = 0 };

	*r = (struct run){ .hook = { PROGS_TC_IN }, .hooks = 1 };
	play(r, TALK_END_SERVER_RST, &how);
	r->last[19]++;
	r->begun = now();
	assert_int_equal(progs_run(progs, PROGS_TC_IN, r->last, r->last_len, one, sizeof(*one)), 0);
	assert_int_equal(progs_run(progs, PROGS_TC_IN, r->last, r->last_len, other, sizeof(*other)), 0);
	r->slow = now() - r->begun;
	assert_int_equal(progs_drain(progs, 1, 1, take, r), 0);
}

/* Two interfaces are two places, whatever their indices have in common. */
static void interfaces(void **state)
{
	static const unsigned int index[] = { 64, 256, 16384, 4194304 };

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	for (size_t i = 0; i < sizeof(index) / sizeof(*index); i++) {
		struct run r = { .slow = UINT64_MAX };
		struct __sk_buff one = { .ifindex = 100 }, other = { .ifindex = 100 + index[i] };
		char make[128];

		snprintf(make, sizeof(make),
			 "ip link add nwa index %u type veth peer name nwb index %u && "
			 "ip link set nwa up && ip link set nwb up",
			 one.ifindex, other.ifindex);
		assert_int_equal(system(make), 0);
		for (int tries = 0; tries < TRIES && r.slow > SLOW_NS; tries++)
			at_two(&r, &one, &other);
		assert_int_equal(count(&r, NW_EV_RST), 2);
		assert_int_equal(system("ip link del nwa"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(told_once), cmocka_unit_test(resets),
					    cmocka_unit_test(interfaces) };
	int err = progs_open(&progs);

	if (err < 0)
		return progs_bail_out(err);
	err = cmocka_run_group_tests_name("prog-twice", tests, NULL, NULL);
	progs_close(&progs);
	return err;
}
