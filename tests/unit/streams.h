/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of conversations and of the ways to cut them, for the host's tap and for the kernel's. */
#ifndef NW_TESTS_STREAMS_H
#define NW_TESTS_STREAMS_H

#include "talk.h"

typedef int (*streams_run_fn)(const struct talk *t, const struct talk_how *how, struct talk_digest *d,
			      void *arg);

/* $NW_STREAM_STEP, for machines that are too slow for all ways: every step-th is run. 1 if it is not set. */
unsigned int streams_step(void);
/* Every conversation in every step-th way; counts the runs, and those whose digest is not that of the uncut
 * one. */
void streams_all(streams_run_fn run, void *arg, unsigned int *runs, unsigned int *bad);
/* Every conversation, uncut: 0 if each has exactly the findings of the table. */
int streams_findings(streams_run_fn run, void *arg);

#endif
