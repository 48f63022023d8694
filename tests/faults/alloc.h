/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The C library's allocator with failures on order: every allocation of the program and of all its libraries.
 */
#ifndef NW_TESTS_ALLOC_H
#define NW_TESTS_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* In shared memory, so that who started a process that died of it knows how far that came. */
struct alloc_plan {
	uint64_t at;	 /* the allocation that fails, counted from 1 since armed; 0: none */
	bool rest;	 /* ... and all behind it */
	bool armed;	 /* counts and fails */
	uint64_t calls;	 /* allocations while armed */
	void *where[12]; /* who asked for the first that failed, the nearest caller first */
	int n_where;
	int64_t live; /* blocks that are held and were allocated while armed, less the others given back */
};

extern struct alloc_plan *alloc_plan; /* NULL: nothing fails */

#endif
