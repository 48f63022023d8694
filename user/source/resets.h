/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own word on resets (bpf/resets.bpf.c): events NW_EV_RST_SENT and NW_EV_RST_ACCEPTED in the
 * ring of the packet programs. May be refused by any kernel without harm; then it says why.
 */
#ifndef NW_RESETS_H
#define NW_RESETS_H

#include <stdbool.h>
#include <stddef.h>

#include "live.h"

struct nw_resets;

/*
 * Loads the programs over the maps of `live`, for the network namespace of this process; attaches nothing. 0,
 * or -errno with the reason in `why`, as the end of a sentence; *out is untouched then.
 */
int nw_resets_new(struct nw_resets **out, const struct nw_live *live, char *why, size_t size);

/* From now on the events come. 0, or -errno with `why`. */
int nw_resets_attach(struct nw_resets *r, char *why, size_t size);

/* Detaches. The names that nw_resets_reason() gave end with it. */
void nw_resets_free(struct nw_resets **r);

/*
 * The kernel tells the reason of what it sends, and tells of every reset that its TCP sends, also of those
 * for connections that it has no full socket for (6.10 and later).
 */
bool nw_resets_complete(const struct nw_resets *r);

/* "TCP_ABORT_ON_CLOSE" for the `reason` of an event, as the running kernel calls it; NULL: not told. */
const char *nw_resets_reason(const struct nw_resets *r, unsigned int reason);

#endif
