/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How each repetition of a test run becomes another packet; between mutate.bpf.c and lib_mutate.c. */
#ifndef NW_BENCH_MUTATE_H
#define NW_BENCH_MUTATE_H

#include <linux/types.h>

enum mutate_slot { MUTATE_EMPTY = 0, MUTATE_OURS, MUTATE_SLOTS };

/* All in host byte order. */
struct mutate_how {
	__u32 slot;	 /* which program is called: enum mutate_slot */
	__u32 flows;	 /* a power of two; 0: address and port stay as they are */
	__u32 random;	 /* flows come by the dice, else one behind the other */
	__u32 to_client; /* the client is the packet's destination */
	__u32 addr;	 /* of the client */
	__u32 port;	 /* of the client in the first flow */
	__u32 seq_step;	 /* 0: the sequence number stays; else it is `seq`, which grows by this */
	__u32 seq;
	__u32 count; /* packets so far */
};

#endif
