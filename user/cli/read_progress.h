/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How far `negwatch read` is, on a terminal, for files that take longer than a moment. */
#ifndef NW_READ_PROGRESS_H
#define NW_READ_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "../source/capture.h"

struct nw_progress {
	bool on;    /* somebody looks */
	bool shown; /* the line is on the screen */
	unsigned int packets;
	uint64_t begun, next; /* monotonic */
	const char *file;
	const struct nw_capture_info *info;
};

/* A new file; info is that of its reading, and outlives it. */
void nw_progress_begin(struct nw_progress *p, const char *file, const struct nw_capture_info *info);

/* One more packet. Cheap. */
void nw_progress_step(struct nw_progress *p);

/* Takes the line away, for what is to be printed. */
void nw_progress_clear(struct nw_progress *p);

#endif
