/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events kept, to hold those of two runs against each other: without what differs from run to run. */
#ifndef NW_TESTS_TOLD_H
#define NW_TESTS_TOLD_H

#include "progs.h"

#define TOLD_MAX 16384

struct told {
	struct nw_event ev[TOLD_MAX];
	unsigned int n;
};

/* A function for progs_frame(); arg: struct told. 0, or -1 if there are more than it holds. */
static inline int told_take(void *arg, const struct nw_event *ev)
{
	struct told *t = arg;
	struct nw_event *e = &t->ev[t->n];

	if (t->n == TOLD_MAX)
		return -1;
	*e = *ev;
	e->start_ts = 0;
	e->seqno = 0;
	e->cpu = 0;
	t->n++;
	return 0;
}

#endif
