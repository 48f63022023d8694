// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Events at a steady rate from the real tc program through the ring and the source to the engine, as in the
 * daemon: whole connections, 64 at a time, made by BPF_PROG_TEST_RUN on one CPU, read on another. One JSON
 * object: the rate that was reached, events lost, and what one costs the reader.
 *
 * usage: bench_sustain EVENTS_PER_SECOND SECONDS
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "bench.h"
#include "../../user/source/live.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define FLOWS 64
/* As the daemon: events between two looks at the clock. */
#define BUDGET 256

struct reader {
	struct nw_live *live;
	struct nw_engine *engine;
	atomic_bool stop;
	int err;
	uint64_t taken, lost, cpu_ns;
};

static int on_event(void *arg, const struct nw_event *ev)
{
	struct reader *r = arg;

	r->taken++;
	return nw_engine_event(r->engine, ev);
}

static void *read_events(void *arg)
{
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = { .events = EPOLLIN };
	struct reader *r = arg;
	uint64_t before, now;
	int n = 0;

	bench_stay(1);
	before = bench_thread_ns();
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, nw_live_fd(r->live), &ev) < 0)
		r->err = -errno;
	while (!r->err && !atomic_load(&r->stop)) {
		if (n < BUDGET)
			epoll_wait(epoll, &ev, 1, 10);
		now = nw_monotonic();
		n = nw_live_consume(r->live, BUDGET);
		if (n < 0)
			r->err = n;
		else if (n < BUDGET)
			nw_engine_tick(r->engine, now);
		r->lost += nw_live_take_lost(r->live, false);
	}
	while (!r->err && (n = nw_live_consume(r->live, BUDGET)) > 0)
		;
	r->lost += nw_live_take_lost(r->live, true);
	r->cpu_ns = bench_thread_ns() - before;
	return NULL;
}

/* FLOWS new connections, frame by frame. */
static int play(struct bench_mutate *m, const struct bench_frames *talk, uint32_t addr)
{
	struct mutate_how *how = bench_mutate_how(m);
	int err = 0;

	*how = (struct mutate_how){ .slot = MUTATE_OURS, .flows = FLOWS, .addr = addr, .port = BENCH_PORT };
	for (unsigned int i = 0; i < talk->n && !err; i++) {
		const struct bench_frame *f = &talk->frame[i];

		how->to_client = f->to_client;
		err = bench_mutate_run(m, f->data, f->len, FLOWS, NULL);
	}
	return err;
}

static void wait_until(uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / NW_NS_PER_S),
			       .tv_nsec = (long)(when % NW_NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int produce(struct bench_mutate *m, const struct reader *r, double rate, double seconds,
		   double *wall_s)
{
	uint64_t counters[NW_C_MAX], start = nw_monotonic(), end = start + (uint64_t)(seconds * 1e9);
	uint32_t addr = BENCH_ADDR;
	struct bench_frames talk;
	double per_round;
	struct talk t;
	int err;

	talk_usual(&t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_CLIENT_FIN);
	err = bench_frames_of(&t, &talk);
	talk_free(&t);
	/* The first round says how many events one makes. */
	err = err ? err : play(m, &talk, addr++);
	err = err ? err : nw_live_counters(r->live, counters);
	per_round = err ? 1 : (double)counters[NW_C_EVENTS];
	for (uint64_t round = 1; !err && nw_monotonic() < end; round++) {
		wait_until(start + (uint64_t)((double)round * per_round / rate * 1e9));
		err = play(m, &talk, addr++);
	}
	*wall_s = (double)(nw_monotonic() - start) / 1e9;
	return err;
}

static int run(double rate, double seconds)
{
	static const uint16_t ports[] = { 445, 139 };
	const struct nw_live_config cfg = { .ports = ports, .n_ports = NW_ARRAY_SIZE(ports) };
	static const struct nw_engine_ops ops;
	struct nw_engine_config ec;
	struct bench_mutate *m = NULL;
	struct reader r = { 0 };
	pthread_t thread;
	double wall_s;
	int err;

	nw_engine_defaults(&ec);
	err = nw_engine_new(&r.engine, &ec, &ops, &r);
	err = err ? err : nw_live_new(&r.live, &cfg, on_event, &r);
	err = err ? err : bench_mutate_open(&m, false, nw_live_prog_fd(r.live, NW_PROG_TC_IN), -1);
	err = err ? err : -pthread_create(&thread, NULL, read_events, &r);
	if (!err) {
		err = produce(m, &r, rate, seconds, &wall_s);
		atomic_store(&r.stop, true);
		pthread_join(thread, NULL);
		err = err ? err : r.err;
	}
	if (!err)
		printf("{\"row\": \"sustain\", \"wanted\": %.3f, \"ours\": %.3f, \"unit\": \"M/s\", "
		       "\"seconds\": %.1f, \"lost\": %llu, \"reader_ns\": %.0f}\n",
		       rate / 1e6, (double)r.taken / wall_s / 1e6, wall_s, (unsigned long long)r.lost,
		       (double)r.cpu_ns / (double)r.taken);
	bench_mutate_close(&m);
	nw_live_free(&r.live);
	nw_engine_free(&r.engine);
	return err;
}

int main(int argc, char **argv)
{
	double rate = argc > 2 ? atof(argv[1]) : 0, seconds = argc > 2 ? atof(argv[2]) : 0;
	int err;

	if (rate <= 0 || seconds <= 0) {
		fputs("usage: bench_sustain EVENTS_PER_SECOND SECONDS\n", stderr);
		return 2;
	}
	bench_stay(0);
	err = run(rate, seconds);
	if (err)
		fprintf(stderr, "bench_sustain: %s\n", strerror(-err));
	return err ? 1 : 0;
}
