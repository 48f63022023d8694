// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the programs cost per packet by BPF_PROG_TEST_RUN, as nanoseconds over an empty program of the same
 * type: rounds of both are interleaved in one run, medians are compared. Only ratios and differences within
 * one run mean anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "empty.skel.h"
#include "negwatch.skel.h"
#include "../unit/talk.h"

#define ROUNDS 9
#define REPEAT 400000

struct packet {
	const char *name;
	int budget; /* ns over the empty program, reference figure of the design */
	uint32_t len;
	uint8_t data[2048];
};

/* Frames of a clean conversation, kept for building the cases. */
struct keep {
	struct packet frame[256];
	unsigned int n;
};

static int keep_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct keep *k = arg;

	(void)ts;
	(void)frame;
	if (k->n < 256 && len <= sizeof(k->frame[0].data)) {
		memcpy(k->frame[k->n].data, data, len);
		k->frame[k->n++].len = len;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static double once(int fd, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p->data, .data_size_in = p->len, .repeat = REPEAT);

	return bpf_prog_test_run_opts(fd, &o) ? -1.0 : (double)o.duration;
}

static void feed(int fd, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p->data, .data_size_in = p->len, .repeat = 1);

	bpf_prog_test_run_opts(fd, &o);
}

static void row(const char *type, int fd, int empty_fd, const struct packet *p)
{
	double ours[ROUNDS], empty[ROUNDS], a, b;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		empty[i] = once(empty_fd, p);
		ours[i] = once(fd, p);
	}
	a = median(ours, ROUNDS);
	b = median(empty, ROUNDS);
	printf("%-4s %-34s %7.1f %7.1f %8.1f %8d  %s\n", type, p->name, b, a, a - b, p->budget,
	       a - b <= p->budget ? "met" : "missed");
}

/* The tuple's payload segment, moved by `by` bytes in the stream. */
static struct packet moved(const struct packet *from, const char *name, int budget, uint32_t at, uint32_t by)
{
	struct packet p = *from;
	uint32_t seq;

	memcpy(&seq, p.data + at, 4);
	seq = __builtin_bswap32(__builtin_bswap32(seq) + by);
	memcpy(p.data + at, &seq, 4);
	p.name = name;
	p.budget = budget;
	return p;
}

int main(void)
{
	struct talk_how how = { .isn = { 1000, 2000 } };
	struct nw_bpf *ours = nw_bpf__open();
	struct empty_bpf *empty = empty_bpf__open_and_load();
	static struct keep keep;
	struct packet body, udp, other;
	struct talk t;
	unsigned int i, k;
	int err = -ENOMEM;

	if (ours && empty) {
		ours->rodata->nw_ports[445 >> 6] |= 1ULL << (445 & 63);
		err = nw_bpf__load(ours);
	}
	if (err) {
		fprintf(stderr, "bench: the programs do not load: %s; root and kernel 6.1 are needed\n",
			strerror(-err));
		return 1;
	}
	talk_init(&t);
	talk_negotiate_req(&t, &talk_client, 0);
	talk_command(&t, NW_C2S, 9, 1, 1400);
	talk_frames(&t, &how, keep_frame, &keep);
	/* Frames 0-1 handshake, 2 NEGOTIATE, 3 its ACK, 4 the WRITE: half of it again lies inside the
	 * message. */
	body = moved(&keep.frame[4], "bulk segment inside a message", 15, 14 + 20 + 4, 1);
	body.len -= 1;
	body.data[14 + 3] -= 1;
	udp = other = keep.frame[4];
	udp.name = "UDP";
	udp.data[14 + 9] = 17;
	udp.budget = other.budget = 6;
	other.name = "TCP of another service";
	other.data[14 + 20 + 3] = 80;
	printf("%-4s %-34s %7s %7s %8s %8s\n", "type", "packet", "empty", "ours", "over", "budget");
	for (k = 0; k < 2; k++) {
		int fd = bpf_program__fd(k ? ours->progs.nw_tc_in : ours->progs.nw_xdp);
		int empty_fd = bpf_program__fd(k ? empty->progs.empty_tc : empty->progs.empty_xdp);

		for (i = 0; i < keep.n; i++)
			feed(fd, &keep.frame[i]);
		row(k ? "tc" : "xdp", fd, empty_fd, &udp);
		row(k ? "tc" : "xdp", fd, empty_fd, &other);
		row(k ? "tc" : "xdp", fd, empty_fd, &body);
	}
	talk_free(&t);
	nw_bpf__destroy(ours);
	empty_bpf__destroy(empty);
	return 0;
}
