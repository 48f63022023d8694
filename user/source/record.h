/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record of the ring buffer as an event: what has to be true before anything of it is read. */
#ifndef NW_RECORD_H
#define NW_RECORD_H

#include <stddef.h>

#include "../../bpf/abi.h"

/* The event in it, or NULL: the record contradicts itself. It lies on a multiple of 8, as the kernel lays it.
 */
static inline const struct nw_event *nw_record_event(const void *record, size_t size)
{
	const struct nw_event *ev = record;

	if (size < NW_EVENT_SMALL || ev->hdr_len > NW_HDR_MAX || ev->data_len > NW_DATA_MAX ||
	    ev->tcp.n_vlan > 2 || ev->data_len > size - offsetof(struct nw_event, data))
		return NULL;
	return ev;
}

#endif
