// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Threads that are measured: where they run, and what they used. */
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void bench_stay(unsigned int cpu)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n > 0 ? cpu % (unsigned int)n : 0, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

uint64_t bench_thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}
