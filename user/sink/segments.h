/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The journal's closed files: alerts-SEQ-FIRST-LAST.jsonl, later .jsonl.gz. FIRST and LAST are the numbers of
 * the first and last alert in it (0: none), so that an alert is found without opening the others. A kill at
 * any moment leaves each whole, as one of the two.
 */
#ifndef NW_SEGMENTS_H
#define NW_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "sync.h"

struct nw_segment {
	uint64_t seq;
	uint64_t first_id, last_id; /* 0: no alert in it */
	uint64_t bytes;		    /* on the disk */
	bool gz;
};

struct nw_segments {
	int dir_fd;		 /* borrowed */
	struct nw_segment *list; /* oldest first */
	size_t n;
	uint64_t busy; /* seq of the one that is being compressed, 0: none */
	int in_fd;
	gzFile out;
	/* What is compressed is put on the disk, then the name that it got; then the plain one goes. */
	struct nw_sync sync;
	enum { NW_SEGMENT_PACKING, NW_SEGMENT_SYNCING, NW_SEGMENT_NAMED } stage;
	uint64_t failed; /* seq of the last that could not be compressed: not tried again until a restart */
};

/* Reads the directory, and clears away what a kill left. 0 or -errno. */
int nw_segments_open(struct nw_segments *s, int dir_fd);
void nw_segments_close(struct nw_segments *s);

/* The current file, alerts.jsonl, becomes the closed one of that seq. 0 or -errno. */
int nw_segments_add(struct nw_segments *s, const struct nw_segment *seg);

/*
 * Compresses a piece of what is still uncompressed, some milliseconds of work. True: there is more to do;
 * while sync is busy, later.
 */
bool nw_segments_work(struct nw_segments *s);

/*
 * The oldest that has to go so that all of them have at most `bytes`; NULL: none. The newest always stays:
 * the current file's seq follows from its name.
 */
const struct nw_segment *nw_segments_over(const struct nw_segments *s, uint64_t bytes);
void nw_segments_remove(struct nw_segments *s, uint64_t seq);

uint64_t nw_segments_bytes(const struct nw_segments *s);

/* The one of that seq, or else the next newer; NULL: none. */
const struct nw_segment *nw_segments_from(const struct nw_segments *s, uint64_t seq);

/* Opens it for reading (gzread() takes both kinds), or NULL with errno. */
gzFile nw_segments_read(const struct nw_segments *s, const struct nw_segment *seg);

#endif
