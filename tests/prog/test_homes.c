// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of flows: conversations that want the same home, one after the other, interleaved packet by
 * packet and on all CPUs at once, are told as they are without any homes; and a home changes hands when its
 * flow is idle.
 */
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include "told.h"
#include "../unit/talk.h"

#define TALKS 48
#define FRAMES_MAX 160
#define FRAME_MAX 700
#define MAX_FLOWS 4096
#define FIRST 2 /* frame with payload, behind SYN and SYN-ACK */
#define CPUS_MAX 16

struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t len;
	bool back; /* from the server */
};

/* One conversation's frames, sent by all clients; the second kind has a VALIDATE that differs. */
static struct score {
	struct frame frame[FRAMES_MAX];
	unsigned int n;
} scores[2];

static int take_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t number)
{
	struct score *s = arg;
	struct frame *f = &s->frame[s->n];

	if (s->n == FRAMES_MAX || len > sizeof(f->data))
		return -1;
	memcpy(f->data, data, len);
	f->len = len;
	f->back = data[34] == 0x01 && data[35] == 0xbd;
	s->n++;
	return 0;
}

static int write_scores(void **state)
{
	static const struct talk_how how = { .size = 600, .isn = { 1000, 2000 } };
	struct talk_params meant = talk_client;

	meant.capabilities ^= 1;
	for (int i = 0; i < 2; i++) {
		struct talk t;
		int err;

		talk_usual(&t, &talk_client, i ? &meant : &talk_client, &talk_server, &talk_server,
			   TALK_END_NONE);
		/* A WRITE of several segments: most packets are inside a message. */
		talk_command(&t, NW_C2S, 9, 50, 5000);
		talk_command(&t, NW_S2C, 9, 50, 16);
		err = talk_frames(&t, &how, take_frame, &scores[i]);
		talk_free(&t);
		if (err)
			return err;
	}
	return 0;
}

/* Frame number `at` as client number `who` has it, or gets it. */
static struct frame frame_of(uint32_t who, unsigned int at)
{
	struct frame f = scores[who % 2].frame[at];
	uint8_t addr[4] = { 10, 1, (uint8_t)(who >> 8), (uint8_t)who };

	memcpy(f.data + (f.back ? 30 : 26), addr, 4);
	return f;
}

static struct progs *open_with(const char *rows)
{
	struct progs *p = NULL;

	if (rows)
		setenv("NW_ROWS", rows, 1);
	else
		unsetenv("NW_ROWS");
	assert_int_equal(progs_open_sized(&p, MAX_FLOWS), 0);
	unsetenv("NW_ROWS");
	return p;
}

/* All conversations at once, one frame of each in turn; how often each outcome was seen. */
static void sing(struct progs *p, struct told *t, uint64_t count[NW_C_MAX])
{
	for (unsigned int at = 0; at < scores[0].n; at++)
		for (uint32_t who = 0; who < TALKS; who++) {
			struct frame f = frame_of(who, at);

			assert_int_equal(progs_frame(p, f.back ? PROGS_TC_OUT : PROGS_XDP, f.data, f.len, 1,
						     at, told_take, t),
					 0);
		}
	assert_int_equal(progs_counters(p, count), 0);
}

static void collisions(void **state)
{
	static const char *const rows[] = { "0", "1", "2", "7", "24", "1000", NULL };
	static struct told want, got;
	uint64_t seen[2][NW_C_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct progs *p = open_with(rows[i]);
		struct told *t = i ? &got : &want;

		t->n = 0;
		sing(p, t, seen[i > 0]);
		assert_int_equal(progs_flows(p), TALKS);
		progs_close(&p);
		if (!i)
			continue;
		assert_int_equal(got.n, want.n);
		assert_memory_equal(got.ev, want.ev, want.n * sizeof(*want.ev));
		assert_memory_equal(seen[1], seen[0], sizeof(seen[0]));
	}
	print_message("# %d conversations packet by packet, %zu tables: %u events, alike\n", TALKS,
		      sizeof(rows) / sizeof(*rows), want.n);
	assert_true(seen[0][NW_C_BODY] > TALKS * 5);
}

/* What one CPU sends: every n-th client. */
struct part {
	pthread_t thread;
	const struct progs *p;
	unsigned int cpu, n_cpus, clients;
	int err;
};

static void *send_part(void *arg)
{
	struct part *part = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(part->cpu, &set);
	part->err = sched_setaffinity(0, sizeof(set), &set);
	for (uint32_t who = part->cpu; who < part->clients && !part->err; who += part->n_cpus)
		for (unsigned int at = 0; at < scores[0].n && !part->err; at++) {
			struct frame f = frame_of(who, at);
			LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.data, .data_size_in = f.len,
				    .repeat = 1);

			part->err = bpf_prog_test_run_opts(
				progs_fd(part->p, f.back ? PROGS_TC_OUT : PROGS_XDP), &o);
		}
	return NULL;
}

struct judged {
	unsigned int right, wrong;
};

/* A VALIDATE matches its own flow's NEGOTIATE, or not, as its client's number says. */
static int judge(void *arg, const struct nw_event *ev)
{
	struct judged *j = arg;
	const union nw_addr *client = &ev->key.addr[ev->client & 1];

	if (ev->type != NW_EV_VALIDATE_REQ)
		return 0;
	if (!!(ev->flags & NW_EF_DIFFER) == client->b[15] % 2 &&
	    !!(ev->flags & NW_EF_MATCH) != client->b[15] % 2)
		j->right++;
	else
		j->wrong++;
	return 0;
}

/* As many flows as events fit into the ring, all CPUs at once: homes are claimed, used, left and taken over.
 */
static void races(void **state)
{
	static const char *const rows[] = { "1", "3", "32", NULL };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus > CPUS_MAX)
		cpus = CPUS_MAX;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct progs *p = open_with(rows[i]);
		struct part part[CPUS_MAX];
		struct judged j = { 0 };
		unsigned int clients = 480;

		for (long c = 0; c < cpus; c++) {
			part[c] = (struct part){ .p = p,
						 .cpu = (unsigned int)c,
						 .n_cpus = (unsigned int)cpus,
						 .clients = clients };
			assert_int_equal(pthread_create(&part[c].thread, NULL, send_part, &part[c]), 0);
		}
		for (long c = 0; c < cpus; c++) {
			pthread_join(part[c].thread, NULL);
			assert_int_equal(part[c].err, 0);
		}
		assert_int_equal(progs_drain(p, 1, 1, judge, &j), 0);
		print_message("# %ld CPUs, rows %s: %u of %u VALIDATEs judged by their own flow, %u wrong\n",
			      cpus, rows[i] ? rows[i] : "as many as there are", j.right, clients, j.wrong);
		assert_int_equal(progs_count(p, NW_C_LOST_EVENTS), 0);
		assert_int_equal(j.wrong, 0);
		assert_int_equal(j.right, clients);
		assert_int_equal(progs_flows(p), clients);
		progs_close(&p);
	}
}

static void send_first(struct progs *p, uint32_t who)
{
	struct frame f = frame_of(who, FIRST);
	static struct told t;

	t.n = 0;
	assert_int_equal(progs_frame(p, PROGS_XDP, f.data, f.len, 1, 1, told_take, &t), 0);
}

static struct nw_key key_of(uint32_t who)
{
	struct frame f = frame_of(who, FIRST);
	struct nw_key k = { 0 };
	uint32_t src, dst;
	int swap;

	memcpy(&src, f.data + 26, 4);
	memcpy(&dst, f.data + 30, 4);
	swap = src > dst;
	k.addr[0].w[2] = k.addr[1].w[2] = 0xffff0000;
	k.addr[swap].w[3] = src;
	k.addr[!swap].w[3] = dst;
	memcpy(&k.port[swap], f.data + 34, 2);
	memcpy(&k.port[!swap], f.data + 36, 2);
	return k;
}

/* One row and a hash: the flow at home stays while it is used, and makes room when it was idle for long
 * enough. */
static void eviction(void **state)
{
	struct progs *p = open_with("1");
	struct nw_key first = key_of(0);
	uint32_t who;

	send_first(p, 0);
	assert_true(progs_is_home(p, &first));
	for (who = 1; who < 2 * MAX_FLOWS; who++) {
		send_first(p, who);
		if (who % 1000 == 0)
			send_first(p, 0);
	}
	assert_true(progs_is_home(p, &first));
	for (; who < 4 * MAX_FLOWS && progs_is_home(p, &first); who++)
		send_first(p, who);
	print_message("# idle for %u new flows in a table for %d, and gone\n", who - 2 * MAX_FLOWS,
		      MAX_FLOWS);
	assert_false(progs_has_flow(p, &first));
	assert_in_range(who - 2 * MAX_FLOWS, MAX_FLOWS - 1000, MAX_FLOWS + 1);
	progs_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(collisions), cmocka_unit_test(races),
					    cmocka_unit_test(eviction) };

	if (progs_try() < 0)
		return 1;
	return cmocka_run_group_tests_name("prog-homes", tests, write_scores, NULL);
}
