/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Putting files on the disk without waiting for it, which can take seconds. Each time has a thread of its
 * own, with all signals blocked; it does nothing else, and shares nothing but this.
 */
#ifndef NW_SYNC_H
#define NW_SYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* While it is busy its owner looks at it so often: nobody is told of the end. ns */
#define NW_SYNC_LOOK 10000000ULL

/* Zeroed: nothing is under way. Must not be moved while it is busy. */
struct nw_sync {
	pthread_t thread;
	int fd, then; /* its own, -1: none */
	int err;      /* -errno of the first that failed, 0: none did; the thread's until it is done */
	atomic_bool done;
	bool busy;
};

/*
 * fdatasync() of fd, then fsync() of `then`, usually a directory; each may be -1, and may be closed by the
 * caller at once. Only when it is not busy. Without a thread to be had it is done before this returns.
 */
void nw_sync_begin(struct nw_sync *s, int fd, int then);

/* Has what was begun come to its end? True once; *err: 0 or -errno. */
bool nw_sync_ended(struct nw_sync *s, int *err);

/* Waits for the end, and forgets it. 0 or -errno; 0 if nothing was under way. */
int nw_sync_wait(struct nw_sync *s);

#endif
