/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters on the clsact qdisc, for kernels without TCX (before 6.6). They outlive their owner: mind what is
 * whose. */
#ifndef NW_CLSACT_H
#define NW_CLSACT_H

#include "attach.h"

/*
 * Attaches at egress or ingress; fills how, prog_id, priority. 0; -EEXIST: somebody's "ingress" qdisc is in
 * the place of clsact, and has no egress; or -errno. Nothing stays on failure.
 */
int nw_clsact_attach(struct nw_iface *iface, bool egress, int prog_fd);

/* Takes the filter away if it is still ours; behind the last the qdisc, if we made it and nobody uses it. */
void nw_clsact_detach(struct nw_iface *iface, bool egress);

/* Whether the filter is still there. */
bool nw_clsact_intact(const struct nw_iface *iface, bool egress);

/* Whether a filter is one of a negwatchd, by its handle and name. */
bool nw_clsact_is_ours(const struct nw_filter *f);

/* Whether a qdisc was made by a negwatchd, and no one else took it over. */
bool nw_clsact_made(const struct nw_qdisc *qdisc);

/*
 * Removes what a killed negwatchd left: its filters, and the qdisc if it was made for them and nobody else
 * has a filter there; *qdisc says whether. Returns how many filters, or -errno.
 */
int nw_clsact_reap(unsigned int ifindex, bool *qdisc);

#endif
