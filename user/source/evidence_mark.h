/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a file of evidence says what it is: in the first block's name of the application that wrote it. It
 * holds some packets of one connection; what lies between was left out on purpose, and is not missing. And it
 * says what the daemon knew or was told that no packet shows, so that who reads it comes to the same finding.
 */
#ifndef NW_EVIDENCE_MARK_H
#define NW_EVIDENCE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NW_EVIDENCE_MARK_MAX 256

struct nw_evidence_mark {
	uint64_t until;	   /* wall, ns: the finding's time, until which nothing else came */
	uint64_t waits[3]; /* ns: answer_timeout, outcome_wait, abort_window */
	uint8_t vantage;   /* enum nw_vantage */
	bool followed;	   /* from the connection's first byte on */
};

const char *nw_evidence_mark_text(char out[NW_EVIDENCE_MARK_MAX], const struct nw_evidence_mark *mark);

/* Is that in the first n bytes of a file? *mark is untouched if not. */
bool nw_evidence_mark_find(const uint8_t *bytes, size_t n, struct nw_evidence_mark *mark);

#endif
