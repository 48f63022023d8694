/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened on a flow, in order of time: its messages, steps, resets and end. */
#ifndef NW_TIMELINE_H
#define NW_TIMELINE_H

#include <stdbool.h>

#include <jansson.h>

/* Both exchanges with 32 VALIDATEs, 16 steps, 8 resets, start and end, with room. */
#define NW_TIMELINE_MAX 128

struct nw_moment {
	double at_ms;	    /* since the flow's first packet */
	unsigned int order; /* of what has the same time */
	const char *by;	    /* "client", "server"; "": not known. The flow's */
	bool bad;	    /* differs, is not signed, or is forged */
	char text[160];
};

struct nw_timeline {
	unsigned int n;
	struct nw_moment at[NW_TIMELINE_MAX];
};

/* flow: a flow object as in the output contract, which has to outlive it. To be freed; NULL: no memory. */
struct nw_timeline *nw_timeline_of(const json_t *flow);

/* Prints nothing for a flow without messages. */
void nw_timeline_print(const json_t *flow);

#endif
