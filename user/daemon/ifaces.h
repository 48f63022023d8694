/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which interfaces are watched: attaches to those that are wanted and there, lets go of the others. */
#ifndef NW_IFACES_H
#define NW_IFACES_H

#include "daemon.h"

enum nw_ifaces_when {
	NW_IFACES_START,  /* what was named and can't be watched is an error */
	NW_IFACES_RELOAD, /* names are judged anew */
	NW_IFACES_NEWS,	  /* an interface stays watched under another name, and without an address */
};

/*
 * Brings the hooks into line with the configuration and the interfaces that exist; those that were watched
 * and still are keep theirs. What can't be watched is logged once, stays in the list with its trouble, and is
 * tried again by the next call. 0; or -errno, after having logged it: the interfaces can't be listed, or, at
 * the start alone, one that was named can't be watched, or none of those that are wanted can.
 */
int nw_ifaces_sync(struct nw_daemon *d, enum nw_ifaces_when when);

/* Whether there is, or may come, something to attach to. 0; -ENODEV after having logged it; or -errno. */
int nw_ifaces_check(const struct nw_daemon *d);

/* Whether an interface that is wanted can't be watched at present. */
bool nw_ifaces_troubled(const struct nw_daemon *d);

/* Calls fn for each interface that is configured by its name and is not there. 0 or -errno. */
int nw_ifaces_absent(const struct nw_daemon *d, void (*fn)(void *arg, const char *name), void *arg);

void nw_ifaces_detach_all(struct nw_daemon *d);

/* The hooks as a table for people. */
void nw_ifaces_print(const struct nw_daemon *d, FILE *out);

#endif
