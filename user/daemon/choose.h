/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which hook "auto" takes on an interface, and why. The daemon attaches by this decision and `negwatch
 * doctor` tells it, so that there is only one. The choice is pure; nw_xdp_look() asks the kernel what it
 * needs.
 */
#ifndef NW_CHOOSE_H
#define NW_CHOOSE_H

#include "how.h"
#include "netlink.h"

/* What can be known about an interface's XDP hook without attaching to it. */
struct nw_xdp_state {
	uint32_t holder_id; /* of the program that is there, 0: none */
	char holder[16];    /* its name; empty: we may not look */
	bool generic;	    /* it is attached in generic mode */
	bool known;	    /* the kernel (6.3 and later) told what the driver can do: */
	bool native, frags;
};

/* What can't be asked stays unknown. */
void nw_xdp_look(unsigned int ifindex, struct nw_xdp_state *out);

/* "xdp busy: program "x" id 7". Returns out. */
const char *nw_xdp_busy_text(char *out, size_t size, const struct nw_xdp_state *x);

/* The largest MTU that a driver without XDP fragments can take: a page, less headroom, tail and headers. */
unsigned int nw_xdp_mtu_limit(unsigned int page_size);

/*
 * What to try first at ingress when `how` is wanted; anything but NW_HOW_AUTO comes back as it is. NW_HOW_TC
 * with the reason in why, or NW_HOW_XDP with an empty why: the driver may still refuse.
 */
enum nw_hook_how nw_choose_ingress(const struct nw_link *link, const struct nw_xdp_state *x,
				   enum nw_hook_how how, char *why, size_t size);

/* The same for egress: NW_HOW_TC, or NW_HOW_NONE with the reason. */
enum nw_hook_how nw_choose_egress(const struct nw_link *link, enum nw_hook_how how, char *why, size_t size);

#endif
