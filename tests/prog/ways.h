/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet through everything that reads packets: the host's tap, the programs, a veth pair. */
#ifndef NW_TESTS_WAYS_H
#define NW_TESTS_WAYS_H

#include "progs.h"

#define WAYS_EVENTS_MAX 8

/*
 * The first is the host's build; then PROG_TEST_RUN, gso with a gso_size; then tc programs on veth devices.
 * From L3_HOST on packets have no Ethernet header: the host's tap, PROG_TEST_RUN, a tun device.
 */
enum way {
	HOST,
	XDP,
	TC_IN,
	TC_OUT,
	TC_GSO,
	WIRE_IN,
	WIRE_OUT,
	WAYS_L2,
	L3_HOST = WAYS_L2,
	L3_IN,
	L3_OUT,
	TUN_IN,
	TUN_OUT,
	WAYS
};
extern const char *const way_name[WAYS];

struct seen {
	uint64_t count[NW_C_MAX];
	struct nw_event ev[WAYS_EVENTS_MAX];
	unsigned int n;
};

struct ways;

/* Loads the programs, and moves the process to a network namespace of its own. 0 or -errno. */
int ways_open(struct ways **out);
void ways_close(struct ways **w);

/*
 * What one packet gives when no flow is known. headers: where its payload begins, of use above 1,600 bytes
 * only. 0; -EIO: verdict or packet are not as they have to be; or -errno.
 */
int ways_see(struct ways *w, enum way way, const uint8_t *data, uint32_t len, uint32_t headers,
	     struct seen *s);

/* The packet's one outcome, or -1 if it has none or several. */
int ways_outcome(const struct seen *s);

#endif
