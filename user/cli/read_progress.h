/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How far `negwatch read` is, on a terminal, for files that take longer than a moment. */
#ifndef NW_READ_PROGRESS_H
#define NW_READ_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../source/capture.h"

/* The line, which all share who read at the same time. */
struct nw_progress_line {
	pthread_mutex_t lock;
	bool shown; /* it is on the screen */
	/* Of all files together; with files 0 the line is about the one at hand, and these begin with it. */
	unsigned int files, over;
	uint64_t bytes; /* 0: not known */
	uint64_t done;
	uint64_t begun, next; /* monotonic */
};

#define NW_PROGRESS_LINE ((struct nw_progress_line){ .lock = PTHREAD_MUTEX_INITIALIZER })

struct nw_progress {
	struct nw_progress_line *line; /* NULL: nobody looks */
	unsigned int packets;
	uint64_t counted; /* bytes that the line knows of */
	const char *file;
	const struct nw_capture_info *info;
};

/* One line for n files, which is about all of them if they are several. */
void nw_progress_line_begin(struct nw_progress_line *line, unsigned int n, char **files);

/* A new file; info is that of its reading, and outlives it. */
void nw_progress_begin(struct nw_progress *p, const char *file, const struct nw_capture_info *info);

/* One more packet. Cheap. */
void nw_progress_step(struct nw_progress *p);

/* The file is over. */
void nw_progress_end(struct nw_progress *p);

/* Takes the line away for what is to be printed, and keeps it away until it is released. NULL: there is none.
 */
void nw_progress_hold(struct nw_progress_line *line);
void nw_progress_release(struct nw_progress_line *line);

#endif
