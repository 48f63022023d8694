// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts connections on a wire without anybody behind them: frames of both directions, sent by a packet socket.
 *
 * usage: bench_inject INTERFACE open COUNT PER_SECOND      handshakes of so many connections, none of which
 * ends bench_inject INTERFACE altered COUNT PER_SECOND   NEGOTIATE was altered, and the server ends it;
 * prints client port and time (ns since 1970) of each end
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bench.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define PORTS 2048u /* of a client address: no more than the tap lets in of one (bpf/share.h) */

static int open_wire(const char *interface)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int send_flow(int fd, struct bench_frames *talk, uint32_t n)
{
	for (unsigned int i = 0; i < talk->n; i++) {
		struct bench_frame *f = &talk->frame[i];

		bench_frame_client(f, BENCH_ADDR + n / PORTS, (uint16_t)(BENCH_PORT + n % PORTS));
		while (send(fd, f->data, f->len, 0) < 0)
			if (errno != ENOBUFS)
				return -errno;
	}
	return 0;
}

static void wait_until(uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / NW_NS_PER_S),
			       .tv_nsec = (long)(when % NW_NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int inject(int fd, bool altered, uint32_t count, double rate)
{
	uint64_t start = nw_monotonic();
	struct bench_frames talk;
	struct talk t;
	int err;

	talk_init(&t);
	bench_handshake(&t, altered);
	if (altered) { /* not answered */
		t.n--;
		t.end = TALK_END_SERVER_FIN;
	}
	err = bench_frames_of(&t, &talk);
	if (altered)
		talk.n--; /* the client's FIN: the server's is the last packet */
	for (uint32_t n = 0; n < count && !err; n++) {
		wait_until(start + (uint64_t)((double)n / rate * 1e9));
		err = send_flow(fd, &talk, n);
		if (altered)
			printf("%u %lld\n", BENCH_PORT + n % PORTS, (long long)nw_wall());
	}
	talk_free(&t);
	return err;
}

int main(int argc, char **argv)
{
	bool altered = argc == 5 && !strcmp(argv[2], "altered");
	uint32_t count = argc == 5 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	_cleanup_close_ int fd = -1;
	int err;

	if (!count || atof(argv[4]) <= 0 || (!altered && strcmp(argv[2], "open") != 0)) {
		fputs("usage: bench_inject INTERFACE open|altered COUNT PER_SECOND\n", stderr);
		return 2;
	}
	fd = open_wire(argv[1]);
	err = fd < 0 ? fd : inject(fd, altered, count, atof(argv[4]));
	if (err)
		fprintf(stderr, "bench_inject: %s\n", strerror(-err));
	return err ? 1 : 0;
}
