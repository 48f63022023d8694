/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the bench share: packets of a conversation, and runs of which each packet is another.
 */
#ifndef NW_BENCH_H
#define NW_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "mutate.h"
#include "../unit/talk.h"

/* lib_frames.c */
#define BENCH_FRAMES_MAX 40
#define BENCH_ADDR 0x0a000000u /* clients: 10.0.0.0 and on */
#define BENCH_PORT 32768u      /* their first port */

struct bench_frame {
	uint8_t data[2048];
	uint32_t len;
	uint32_t seq;	  /* TCP */
	uint32_t payload; /* its length */
	bool to_client;
	uint8_t flags; /* TCP */
};

struct bench_frames {
	struct bench_frame frame[BENCH_FRAMES_MAX];
	unsigned int n;
};

/*
 * The frames of a conversation without bare acknowledgements: SYN, SYN-ACK, one for each message, the end.
 * 0, or -E2BIG.
 */
int bench_frames_of(const struct talk *t, struct bench_frames *out);

/* NEGOTIATE and VALIDATE, four messages, whose request was altered on the way if so said. */
void bench_handshake(struct talk *t, bool altered);

/* That client's. */
void bench_frame_client(struct bench_frame *f, uint32_t addr, uint16_t port);

/* lib_mutate.c; XDP or tc. Programs that aren't there are -1. */
struct bench_mutate;

/* 0 or -errno. */
int bench_mutate_open(struct bench_mutate **out, bool xdp, int ours_fd, int empty_fd);
void bench_mutate_close(struct bench_mutate **m);
/* Holds for the runs to come; owned by m. */
struct mutate_how *bench_mutate_how(struct bench_mutate *m);
/* ns: of each repetition, may be NULL. 0; -ENOEXEC: the program behind was not called; or -errno. */
int bench_mutate_run(struct bench_mutate *m, const uint8_t *data, uint32_t len, uint32_t repeat, double *ns);

/* lib_stay.c: this thread stays on that CPU, modulo how many there are. */
void bench_stay(unsigned int cpu);
/* CPU time of this thread, ns. */
uint64_t bench_thread_ns(void);

#endif
