// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast a ring buffer carries events by wakeup policy: a producer on one CPU, by BPF_PROG_TEST_RUN, a
 * reader on another. One JSON object per line: M events/s that arrived, CPU time of both sides per event,
 * lost.
 *
 * usage: bench_ring MILLISECONDS      for each of eight ways
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "ring.h"
#include "ring.skel.h"
#include "../../user/util/time.h"

#define BURST 20000

static const char *const names[RING_POLICIES] = {
	[RING_DEFAULT] = "default", [RING_FORCE] = "force", [RING_NONE] = "none", [RING_PENDING] = "pending"
};

struct reader {
	struct ring_buffer *ring;
	bool polls; /* by the clock, not by epoll */
	atomic_bool stop;
	uint64_t taken, cpu_ns;
};

static int take(void *ctx, void *data, size_t size)
{
	struct reader *r = ctx;

	(void)data;
	(void)size;
	r->taken++;
	return 0;
}

static void *read_ring(void *arg)
{
	struct reader *r = arg;
	uint64_t before;

	bench_stay(1);
	before = bench_thread_ns();
	while (!atomic_load(&r->stop)) {
		if (r->polls) {
			usleep(1000);
			ring_buffer__consume(r->ring);
		} else {
			ring_buffer__poll(r->ring, 10);
		}
	}
	ring_buffer__consume(r->ring);
	r->cpu_ns = bench_thread_ns() - before;
	return NULL;
}

static int produce(struct ring_bpf *skel, uint64_t ns, uint32_t burst, uint64_t *cpu_ns, double *wall_s)
{
	uint8_t packet[64] = { 0 };
	uint64_t start = nw_monotonic(), before = bench_thread_ns();
	int err = 0;

	do {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet),
			    .repeat = (int)burst);

		if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.ring_fill), &o))
			err = -errno;
	} while (!err && nw_monotonic() < start + ns);
	*cpu_ns = bench_thread_ns() - before;
	*wall_s = (double)(nw_monotonic() - start) / 1e9;
	return err;
}

static int measure(enum ring_policy policy, uint32_t burst, uint64_t ns)
{
	struct reader r = { .polls = policy == RING_NONE };
	struct ring_bpf *skel = ring_bpf__open_and_load();
	uint64_t cpu_ns;
	double wall_s, sent;
	pthread_t thread;
	int err = skel ? 0 : -errno;

	if (!err) {
		skel->bss->policy = policy;
		r.ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), take, &r, NULL);
		err = r.ring ? -pthread_create(&thread, NULL, read_ring, &r) : -errno;
	}
	if (!err) {
		err = produce(skel, ns, burst, &cpu_ns, &wall_s);
		atomic_store(&r.stop, true);
		pthread_join(thread, NULL);
		sent = (double)(skel->bss->sent + skel->bss->lost);
		if (!err && r.taken != skel->bss->sent)
			err = -EPROTO;
	}
	if (!err)
		printf("{\"row\": \"ring.%s.%s\", \"ours\": %.3f, \"unit\": \"M/s\", \"producer_ns\": %.0f, "
		       "\"reader_ns\": %.0f, \"lost\": %.4f}\n",
		       burst > 1 ? "burst" : "single", names[policy], (double)r.taken / wall_s / 1e6,
		       (double)cpu_ns / sent, (double)r.cpu_ns / (double)r.taken,
		       (double)skel->bss->lost / sent);
	fflush(stdout);
	ring_buffer__free(r.ring);
	ring_bpf__destroy(skel);
	return err;
}

int main(int argc, char **argv)
{
	unsigned int ms = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;
	int err = 0;

	if (!ms) {
		fputs("usage: bench_ring MILLISECONDS\n", stderr);
		return 2;
	}
	libbpf_set_print(NULL);
	bench_stay(0);
	for (unsigned int policy = 0; policy < RING_POLICIES && !err; policy++) {
		err = measure(policy, BURST, ms * 1000000ULL);
		err = err ? err : measure(policy, 1, ms * 1000000ULL);
	}
	if (err)
		fprintf(stderr, "bench_ring: %s\n", strerror(-err));
	return err ? 1 : 0;
}
