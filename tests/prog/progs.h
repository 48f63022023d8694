/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real programs under BPF_PROG_TEST_RUN: frames in, events and verdicts out. */
#ifndef NW_TESTS_PROGS_H
#define NW_TESTS_PROGS_H

#include <stdint.h>

#include "../../bpf/abi.h"
#include "../../user/source/source.h"

enum progs_which { PROGS_XDP, PROGS_TC_IN, PROGS_TC_OUT, PROGS_N };
extern const char *const progs_name[PROGS_N];

struct progs;

/* Loads all programs, ports 445 and 139. 0 or -errno. */
int progs_open(struct progs **out);
void progs_close(struct progs **p);

/*
 * One frame through one program; its events go to fn with ts and frame replaced by those given. 0; -EIO if
 * the verdict is not "pass" or the packet came back changed; or what fn returned.
 */
int progs_frame(struct progs *p, enum progs_which which, const uint8_t *data, uint32_t len, uint64_t ts,
		uint64_t frame, nw_event_fn fn, void *arg);

/* Forget all flows. */
int progs_reset(struct progs *p);

/* Counter, summed over CPUs. */
uint64_t progs_count(struct progs *p, enum nw_counter c);

#endif
