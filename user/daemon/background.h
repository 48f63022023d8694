/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Without --foreground: the start is waited for and its result told, then the daemon goes on without a
 * terminal. */
#ifndef NW_BACKGROUND_H
#define NW_BACKGROUND_H

/*
 * Splits the process. In the child: returns 0, and *ready belongs to the caller. In the parent: waits until
 * the child is ready or has ended, and returns 1 with *status being what to exit with. -errno on failure.
 */
int nw_background_begin(int *ready, int *status);

/* In the child: lets the parent go, and gives the terminal up. Closes *ready. */
void nw_background_ready(int *ready);

#endif
