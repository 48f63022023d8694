/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real programs under BPF_PROG_TEST_RUN: frames in, events and verdicts out. */
#ifndef NW_TESTS_PROGS_H
#define NW_TESTS_PROGS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "../../user/source/source.h"

enum progs_which { PROGS_XDP, PROGS_TC_IN, PROGS_TC_OUT, PROGS_N, PROGS_L3_IN = PROGS_N, PROGS_L3_OUT };
extern const char *const progs_name[PROGS_N];

struct progs;

/* Loads all programs, ports 445 and 139. 0 or -errno. */
int progs_open(struct progs **out);
int progs_open_sized(struct progs **out, uint32_t max_flows);
/* As the daemon has them: no client gets more than its share of flows. */
int progs_open_fair(struct progs **out, uint32_t max_flows);
void progs_close(struct progs **p);

/* For main(): says, as TAP, why they do not load (err < 0: of opening them), and is its exit status. */
int progs_bail_out(int err);
/* The same for tests that open them anew each time: do they load? 0, or -errno having said why not. */
int progs_try(void);

/*
 * One frame through one program; its events go to fn with ts and frame replaced by those given. 0; -EIO if
 * the verdict is not "pass" or the packet came back changed; or what fn returned.
 */
int progs_frame(struct progs *p, enum progs_which which, const uint8_t *data, uint32_t len, uint64_t ts,
		uint64_t frame, nw_event_fn fn, void *arg);

/*
 * The halves of it. The first takes a ctx_in too (struct __sk_buff, struct xdp_md; NULL: none) and leaves the
 * events where they are; the second hands over what waits, of whatever packet.
 */
int progs_run(struct progs *p, enum progs_which which, const uint8_t *data, uint32_t len, const void *ctx,
	      uint32_t ctx_len);
int progs_drain(struct progs *p, uint64_t ts, uint64_t frame, nw_event_fn fn, void *arg);

/* Owned by p. */
int progs_fd(const struct progs *p, enum progs_which which);

/* Readable when somebody was woken and there are events. Owned by p. */
int progs_ring_fd(const struct progs *p);
/* Where the ring ended when its reader was last woken; 0: never. */
uint64_t progs_woken(const struct progs *p);

/* What the kernel does when whoever loaded the programs is gone. 0 or -errno. */
int progs_forsake(struct progs *p);

/* Forget all flows. */
int progs_reset(struct progs *p);

/* The table of flows: entries, and whether one is there (without the kernel taking it for used). */
uint32_t progs_flows(const struct progs *p);
bool progs_has_flow(const struct progs *p, const struct nw_key *key);
bool progs_is_home(const struct progs *p, const struct nw_key *key);

/* Counters, summed over CPUs. 0 or -errno. */
int progs_counters(struct progs *p, uint64_t out[NW_C_MAX]);
uint64_t progs_count(struct progs *p, enum nw_counter c);

#endif
