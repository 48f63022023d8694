/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What our programs cost per packet over empty ones of the same type, by BPF_PROG_TEST_RUN: rounds of both
 * are interleaved, medians are compared. Attaches nothing. Only differences within one run mean anything.
 */
#ifndef NW_COST_TEST_RUN_H
#define NW_COST_TEST_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"

struct nw_bpf;
struct empty_bpf;

/* Loaded, not attached. */
struct nw_cost_progs {
	struct nw_bpf *ours;
	struct empty_bpf *empty;
};

enum nw_cost_prog { NW_COST_XDP = 0, NW_COST_TC_IN, NW_COST_TC_OUT };

/* 0 or -errno. */
int nw_cost_load(struct nw_cost_progs *p);
void nw_cost_free(struct nw_cost_progs *p);
int nw_cost_prog_fd(const struct nw_cost_progs *p, enum nw_cost_prog which, bool ours);

/* How often our programs came to that outcome (NW_C_*). */
uint64_t nw_cost_outcomes(const struct nw_cost_progs *p, unsigned int outcome);

/* The programs of that type have to see the conversation's beginning before NW_COST_BULK. 0 or -errno. */
int nw_cost_open(const struct nw_cost_progs *p, enum nw_cost_prog which);

struct nw_cost_ns {
	double empty, ours; /* ns per packet, of the round whose difference is the median */
};

/* 0; -EPROTO: our program didn't take the packet for what it is; or -errno. */
int nw_cost_measure(const struct nw_cost_progs *p, enum nw_cost_prog which, const struct nw_cost_frame *f,
		    unsigned int repeat, struct nw_cost_ns *out);

/* Sorts v. */
double nw_cost_median(double *v, unsigned int n);

#endif
