/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the journal share: journal.c writes, journal_open.c repairs, journal_read.c reads. */
#ifndef NW_JOURNAL_INTERNAL_H
#define NW_JOURNAL_INTERNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cursor.h"
#include "journal.h"
#include "segments.h"
#include "sync.h"

/*
 * How far what is told outside may be ahead of a disk that is slow: who looks for alerts in syslog shall not
 * have to wait for it. So many numbers are skipped when it is not known which were given.
 */
#define NW_JOURNAL_AHEAD 1000

struct nw_journal {
	int dir_fd; /* also the lock */
	int fd;	    /* of the current file; -1: not to be had */
	bool writable;
	char path[PATH_MAX];
	uint64_t seq;			 /* of the current file */
	uint64_t first_id, file_last_id; /* of the alerts in it; 0: none */
	uint64_t last_id, repaired, unwritten, removed, unsent;
	off_t size;
	struct nw_journal_limits limits;
	struct nw_segments segments;
	struct nw_cursor cursor;
	int error;
	struct nw_sync sync; /* of lines, numbers, or a file that was just closed */
	uint64_t safe_id;    /* no number up to this one is forgotten by the disk */
	uint64_t syncing_id; /* the same when what is under way has ended */
	bool dirty;
	bool id_dirty; /* a number that only the cursor knows */
	bool heals;    /* the last line could be written ... */
	bool healing;  /* ... and is among what is put on the disk */
	bool stuck;    /* the file could not be closed: not tried again before something was written */
};

/* Opens the current file as it can be had: for writing, or else for reading. 0 or -errno. */
int nw_journal_open_current(struct nw_journal *j);

/* Alerts behind the cursor in the closed file `seq`. */
uint64_t nw_journal_unsent_in(struct nw_journal *j, uint64_t seq);

#endif
