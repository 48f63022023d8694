/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a filled ring wakes its reader; between ring.bpf.c and bench_ring.c. */
#ifndef NW_BENCH_RING_H
#define NW_BENCH_RING_H

enum ring_policy {
	RING_DEFAULT = 0, /* the kernel's: when the reader has caught up */
	RING_FORCE,	  /* each time */
	RING_NONE,	  /* never: the reader looks every millisecond */
	RING_PENDING,	  /* when so much is pending */
	RING_POLICIES
};

#define RING_PENDING_BYTES (256 * 1024)
#define RING_EVENT 344 /* bytes: a small event and what the ring adds */

#endif
