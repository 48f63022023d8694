/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A pair of veth devices and a tun device in a network namespace of the test's own: packets as the kernel's
 * stack carries them. */
#ifndef NW_TESTS_WIRE_H
#define NW_TESTS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct wire;

/* Moves the process to a namespace of its own. 0 or -errno. */
int wire_open(struct wire **out);
void wire_close(struct wire **w);

/*
 * Attaches a tc program, to the sender's egress or to the receiver's ingress, in the place of the last one:
 * by tcx, or by a clsact filter before kernel 6.6 and where NW_WIRE_CLSACT is in the environment. 0 or
 * -errno.
 */
int wire_attach(struct wire *w, int prog_fd, bool egress, bool tun);

/*
 * Sends a frame and waits for it at the other end; segment > 0 makes it a super-packet of segments of that
 * size, its TCP header at `l4`, so that most of it is not linear. 0; -EIO if it came out changed (a tag that
 * the kernel moved to the metadata is put back); -ETIMEDOUT; or -errno.
 */
int wire_send(struct wire *w, const uint8_t *data, uint32_t len, uint16_t segment, uint32_t l4, bool ipv6);

/* The same for a packet without link header that comes in by the tun device, or goes out there. */
int wire_tun(struct wire *w, const uint8_t *data, uint32_t len, bool egress);

#endif
