/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that are read at the same time, and written about one after the other: each has its turn when those
 * in front of it are over, and what it has to say before that is held back.
 */
#ifndef NW_READ_TURNS_H
#define NW_READ_TURNS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "read_progress.h"

struct nw_turn {
	struct nw_turns *turns;
	char *held; /* owned */
	size_t len, room;
	char *said[2]; /* owned; what is wrong with the file */
	bool over;
};

struct nw_turns {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct nw_turn *turn; /* n of them, by file */
	char **files;
	size_t n, now; /* files before this one are over */
	size_t held;   /* bytes of all */
	int err;       /* nobody goes on: -EIO, -ENOMEM */
	struct nw_progress_line *line;
};

/* files: n of them; they and line (NULL: nobody looks) outlive it. 0 or -ENOMEM. */
int nw_turns_init(struct nw_turns *t, size_t n, char **files, struct nw_progress_line *line);
void nw_turns_free(struct nw_turns *t);

/*
 * What is to come on standard output about file i: to be written to and closed before its end. Writing waits
 * where more would have to be held back than there is room for, and fails when nobody goes on. NULL without
 * memory.
 */
FILE *nw_turn_open(struct nw_turns *t, size_t i);
/* Waits until those in front of it are over. */
void nw_turn_wait(struct nw_turns *t, size_t i);
/* What is wrong with it, for standard error, behind all that was written; twice at most. */
void nw_turn_complain(struct nw_turns *t, size_t i, const char *what);
void nw_turn_end(struct nw_turns *t, size_t i);

/* Nobody goes on. */
void nw_turns_stop(struct nw_turns *t, int err);
int nw_turns_error(struct nw_turns *t);

#endif
