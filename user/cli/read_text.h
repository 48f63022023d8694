/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `negwatch read` prints for people: one block per flow, one summary. */
#ifndef NW_READ_TEXT_H
#define NW_READ_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "../engine/engine.h"

/* Sums over all files. */
struct nw_read_totals {
	uint64_t files, unreadable, packets, flows;
	uint64_t findings[NW_RULES_MAX]; /* by index of the rule table */
	uint64_t not_observed[8];	 /* flows, by bit of NW_UNSEEN_* */
	uint8_t worst;			 /* enum nw_severity of the worst finding, with any_finding */
	uint8_t any_finding;
};

/* wall_offset: what has to be added to event times to get the capture's. */
void nw_read_text_flow(FILE *out, const struct nw_conn *c, const char *file, int64_t wall_offset);
void nw_read_text_summary(FILE *out, const struct nw_read_totals *t);

#endif
