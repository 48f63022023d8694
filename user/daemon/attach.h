/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hooks on interfaces. Never replaces or deletes what is not ours, never slows an interface down without
 * being told to (no silent generic XDP), and leaves nothing behind. What was chosen, and why, is kept with
 * the hook.
 */
#ifndef NW_ATTACH_H
#define NW_ATTACH_H

#include <stdint.h>

#include "how.h"
#include "netlink.h"
#include "../source/live.h"

struct nw_attached {
	enum nw_hook_how how; /* NW_HOW_NONE: nothing is attached */
	char why[160];	      /* empty: it is what would be expected */
	int link_fd;	      /* xdp, tcx; -1 otherwise */
	uint32_t prog_id;     /* clsact: what has to be there to be taken away */
	uint32_t priority, handle;
};

struct nw_iface {
	char name[IF_NAMESIZE]; /* follows that of the index */
	unsigned int ifindex;
	enum nw_hook_how wanted_ingress, wanted_egress;
	struct nw_attached ingress, egress;
	int owner_fd;	   /* keeps a second negwatchd off */
	char trouble[240]; /* not empty: nothing is attached, and this is why */
};

/*
 * Attaches both directions to the interface, first removing what a killed negwatchd left there. All or
 * nothing. Returns 0; -EBUSY: another negwatchd has it; or what the kernel said, with what is wrong and what
 * to do about it in out->trouble. *out needs no initialisation, and can be given to nw_detach() in either
 * case.
 */
int nw_attach(struct nw_iface *out, const struct nw_link *link, enum nw_hook_how ingress,
	      enum nw_hook_how egress, const struct nw_live *live);

/* Safe to call twice. */
void nw_detach(struct nw_iface *iface);

/* Whether both hooks are still where they were attached: anybody with the right may take them away. */
bool nw_attach_intact(const struct nw_iface *iface);

/*
 * Removes what a killed negwatchd left on an interface that no other negwatchd watches, and says so. The link
 * is one of nw_links_read().
 */
void nw_attach_reap(const struct nw_link *link);

#endif
