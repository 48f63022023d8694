/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The journal's small memory, state_dir/alerts.cursor: how far syslog has got, and the last number given. */
#ifndef NW_CURSOR_H
#define NW_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

/* A place in the journal that stays the same when the file is rotated and compressed. */
struct nw_journal_pos {
	uint64_t seq;	 /* of the file */
	uint64_t offset; /* in it, uncompressed */
};

struct nw_cursor {
	int fd; /* -1: not to be had */
	uint64_t generation;
	struct nw_journal_pos pos;
	uint64_t last_id;
	/* Who wrote it: this run of the kernel; 0: it was closed well. */
	uint64_t boot;
};

/*
 * Opens (and creates) it below dir_fd. True: pos and last_id are what was stored last; or, with *stale, what
 * was on the disk when the power was lost or the kernel fell: more may have been stored and forgotten.
 */
bool nw_cursor_open(struct nw_cursor *c, int dir_fd, bool *stale);
void nw_cursor_close(struct nw_cursor *c);

/*
 * Writes pos and last_id in place, so that a full disk has room for them; a torn write leaves the one
 * before. It is left to others to put it on the disk. 0 or -errno.
 */
int nw_cursor_store(struct nw_cursor *c);

#endif
