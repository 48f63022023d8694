/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which interfaces are watched: attaches to those that are wanted and there, lets go of the others. */
#ifndef NW_IFACES_H
#define NW_IFACES_H

#include "daemon.h"

/*
 * Brings the hooks into line with the configuration and the interfaces that exist. strict (at start): the
 * first failure ends it and is returned; otherwise failures are logged, and 0 is returned.
 */
int nw_ifaces_sync(struct nw_daemon *d, bool strict);

/* Whether there is something to attach to. 0; -ENODEV after having logged it; or -errno. */
int nw_ifaces_check(const struct nw_daemon *d);

void nw_ifaces_detach_all(struct nw_daemon *d);

/* The hooks as a table for people. */
void nw_ifaces_print(const struct nw_daemon *d, FILE *out);

#endif
