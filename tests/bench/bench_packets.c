// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a packet costs over an empty program, by BPF_PROG_TEST_RUN: other traffic, bulk, bulk of many flows,
 * message headers, events, ends. One JSON object per line: row, base and ours in ns (medians of interleaved
 * rounds).
 *
 * usage: bench_packets ROUNDS
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "negwatch.skel.h"
#include "../../user/cost/test_run.h"
#include "../../user/util/util.h"

#define HOT 100000 /* repetitions of a round */
#define MANY 65536
/* Events of a round: 1,024 of at most 1,048 bytes fit the ring, so that none is lost and nobody waits for it.
 */
#define EVENTS 1024
#define FLOWS 64 /* that end in a round: each can do so only once */
#define ROUNDS_MAX 999

struct bench {
	struct nw_cost_progs progs;
	struct bench_mutate *mutate;
	struct mutate_how *how;
	struct ring_buffer *ring;
	enum nw_cost_prog which;
	unsigned int rounds;
	double base[ROUNDS_MAX], ours[ROUNDS_MAX];
};

static int print(struct bench *b, const char *name, double base, double ours)
{
	printf("{\"row\": \"%s.%s\", \"base\": %.1f, \"ours\": %.1f, \"unit\": \"ns\"}\n",
	       b->which == NW_COST_XDP ? "xdp" : "tc", name, base, ours);
	fflush(stdout);
	return 0;
}

static int print_medians(struct bench *b, const char *name)
{
	return print(b, name, nw_cost_median(b->base, b->rounds), nw_cost_median(b->ours, b->rounds));
}

static int drop_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

static void bench_free(struct bench *b)
{
	ring_buffer__free(b->ring);
	bench_mutate_close(&b->mutate);
	nw_cost_free(&b->progs);
}

static int bench_load(struct bench *b, enum nw_cost_prog which)
{
	int err = nw_cost_load(&b->progs);

	b->which = which;
	if (!err)
		err = bench_mutate_open(&b->mutate, which == NW_COST_XDP,
					nw_cost_prog_fd(&b->progs, which, true),
					nw_cost_prog_fd(&b->progs, which, false));
	if (err)
		return err;
	b->how = bench_mutate_how(b->mutate);
	b->ring = ring_buffer__new(bpf_map__fd(b->progs.ours->maps.nw_ring), drop_event, NULL, NULL);
	return b->ring ? 0 : -errno;
}

/* Both programs over the same packets; only ours sees the stream go on. */
static int run_both(struct bench *b, unsigned int round, const struct bench_frame *f, uint32_t repeat)
{
	const struct mutate_how before = *b->how;
	int err;

	b->how->slot = MUTATE_EMPTY;
	err = bench_mutate_run(b->mutate, f->data, f->len, repeat, &b->base[round]);
	*b->how = before;
	b->how->slot = MUTATE_OURS;
	if (!err)
		err = bench_mutate_run(b->mutate, f->data, f->len, repeat, &b->ours[round]);
	ring_buffer__consume(b->ring);
	return err;
}

static int run_ours(struct bench *b, const struct bench_frame *f, uint32_t repeat)
{
	int err;

	b->how->slot = MUTATE_OURS;
	err = bench_mutate_run(b->mutate, f->data, f->len, repeat, NULL);
	ring_buffer__consume(b->ring);
	return err;
}

static int other_traffic(struct bench *b)
{
	static const char *const names[] = { "udp", "other", "bulk" };
	struct nw_cost_frame f;
	struct nw_cost_ns ns;
	int err = nw_cost_open(&b->progs, b->which);

	for (enum nw_cost_kind kind = 0; kind < NW_COST_KINDS && !err; kind++) {
		nw_cost_frame(&f, kind);
		err = nw_cost_measure(&b->progs, b->which, &f, HOT, &ns);
		if (!err)
			print(b, names[kind], ns.empty, ns.ours);
	}
	return err;
}

static void of_cost(struct bench_frame *to, const struct nw_cost_frame *from)
{
	memcpy(to->data, from->data, from->len);
	to->len = from->len;
}

/* Segments inside a large WRITE, each of a flow by the dice. */
static int bulk_of(struct bench *b, uint32_t flows)
{
	struct nw_cost_frame cost;
	struct bench_frame f;
	uint64_t before;
	char name[32];
	int err = 0;

	*b->how = (struct mutate_how){ .flows = flows, .addr = BENCH_ADDR, .port = BENCH_PORT };
	for (unsigned int i = 0; i < 2 && !err; i++) {
		nw_cost_opening(&cost, i);
		of_cost(&f, &cost);
		err = run_ours(b, &f, flows);
	}
	nw_cost_frame(&cost, NW_COST_BULK);
	of_cost(&f, &cost);
	b->how->random = 1;
	before = nw_cost_outcomes(&b->progs, NW_C_BODY);
	for (unsigned int r = 0; r < b->rounds && !err; r++)
		err = run_both(b, r, &f, MANY);
	if (err || nw_cost_outcomes(&b->progs, NW_C_BODY) - before < (uint64_t)b->rounds * MANY * 99 / 100)
		return err ? err : -EPROTO;
	snprintf(name, sizeof(name), "bulk-%u", flows);
	return print_medians(b, name);
}

/* Message after message of one stream, each in a segment of its own; so many events each. */
static int stream_of(struct bench *b, const char *name, const struct bench_frames *talk, unsigned int from,
		     unsigned int events)
{
	static uint32_t client = BENCH_ADDR + 0x10000;
	struct bench_frame f;
	uint64_t told, walked;
	int err = 0;

	*b->how = (struct mutate_how){ .flows = 1, .addr = client++, .port = BENCH_PORT };
	for (unsigned int i = 0; i < from && !err; i++) {
		f = talk->frame[i];
		b->how->to_client = f.to_client;
		err = run_ours(b, &f, 1);
	}
	f = talk->frame[from];
	b->how->to_client = f.to_client;
	b->how->seq = f.seq;
	b->how->seq_step = f.payload;
	err = err ? err :
		    run_ours(b, &f, EVENTS); /* the first may be told, the others are what is measured */
	told = nw_cost_outcomes(&b->progs, NW_C_EVENTS);
	walked = nw_cost_outcomes(&b->progs, NW_C_WALKED);
	for (unsigned int r = 0; r < b->rounds && !err; r++)
		err = run_both(b, r, &f, EVENTS);
	told = nw_cost_outcomes(&b->progs, NW_C_EVENTS) - told;
	walked = nw_cost_outcomes(&b->progs, NW_C_WALKED) - walked;
	if (!err && (walked != (uint64_t)b->rounds * EVENTS || told != walked * events))
		err = -EPROTO;
	return err ? err : print_medians(b, name);
}

/* Each round ends connections that began in it. */
static int end_by(struct bench *b, const char *name, const struct bench_frames *talk, uint8_t tcp_flags)
{
	static uint32_t client = BENCH_ADDR + 0x20000;
	const unsigned int last = 4; /* SYN, SYN-ACK, NEGOTIATE, its answer; then the end */
	struct bench_frame f;
	uint64_t before;
	int err = 0;

	*b->how = (struct mutate_how){ .flows = FLOWS, .port = BENCH_PORT };
	for (unsigned int r = 0; r < b->rounds && !err; r++) {
		b->how->addr = client++;
		for (unsigned int i = 0; i < last && !err; i++) {
			f = talk->frame[i];
			b->how->to_client = f.to_client;
			err = run_ours(b, &f, FLOWS);
		}
		f = talk->frame[last];
		f.data[47] = tcp_flags;
		memset(f.data + 54, 0, f.len - 54);
		f.data[17] = 40; /* headers alone */
		f.data[16] = 0;
		f.len = 60;
		b->how->to_client = f.to_client;
		before = nw_cost_outcomes(&b->progs, NW_C_EVENTS);
		err = err ? err : run_both(b, r, &f, FLOWS);
		if (!err && nw_cost_outcomes(&b->progs, NW_C_EVENTS) - before != FLOWS)
			err = -EPROTO;
	}
	return err ? err : print_medians(b, name);
}

static int streams(struct bench *b)
{
	struct bench_frames handshake, writes;
	struct talk t;
	int err;

	talk_init(&t);
	bench_handshake(&t, false);
	err = bench_frames_of(&t, &handshake);
	talk_free(&t);
	talk_init(&t);
	bench_handshake(&t, false);
	talk_command(&t, NW_C2S, 9, 5, 1392); /* WRITE: 4 + 64 + 1,392 bytes fill a segment */
	err = err ? err : bench_frames_of(&t, &writes);
	talk_free(&t);
	err = err ? err : stream_of(b, "header", &writes, 6, 0);
	err = err ? err : stream_of(b, "negotiate", &handshake, 2, 1);
	err = err ? err : stream_of(b, "validate", &handshake, 4, 1);
	err = err ? err : end_by(b, "fin", &handshake, 0x11);
	return err ? err : end_by(b, "rst", &handshake, 0x14);
}

static int all(struct bench *b)
{
	int err = other_traffic(b);

	for (uint32_t flows = 1; flows <= 32768 && !err; flows *= flows == 1 ? 1024 : 32)
		err = bulk_of(b, flows);
	return err ? err : streams(b);
}

int main(int argc, char **argv)
{
	static struct bench b;
	int err = 0;

	b.rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;
	if (!b.rounds || b.rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_packets ROUNDS, 1 to %u\n", ROUNDS_MAX);
		return 2;
	}
	libbpf_set_print(NULL);
	bench_stay(0);
	for (enum nw_cost_prog which = NW_COST_XDP; which <= NW_COST_TC_IN && !err; which++) {
		unsigned int rounds = b.rounds;

		b = (struct bench){ .rounds = rounds };
		err = bench_load(&b, which);
		err = err ? err : all(&b);
		bench_free(&b);
	}
	if (err)
		fprintf(stderr, "bench_packets: %s\n",
			err == -EPROTO ? "the programs did not make of a packet what they have to" :
					 strerror(-err));
	return err ? 1 : 0;
}
