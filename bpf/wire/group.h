/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose share of anything bounded is it? An IPv4 address; of IPv6 the /64, of which one host may use as many
 * addresses as it likes (RFC 8981).
 */
#ifndef NW_GROUP_H
#define NW_GROUP_H

#include "base.h"
#include "../abi.h"

/* A number for it, which is 0 for the unspecified address alone. Of IPv4 (v4-mapped) all is in the second
 * half. */
nw_inline __u64 nw_addr_group(const union nw_addr *a)
{
	return a->d[0] ? a->d[0] : a->d[1];
}

/* As an address: the network of an IPv6 address, and any other as it is. */
nw_inline union nw_addr nw_addr_network(const union nw_addr *a)
{
	union nw_addr network = *a;

	if (network.d[0])
		network.d[1] = 0;
	return network;
}

/* As a key of a table. */
nw_inline struct nw_key nw_group_key(const union nw_addr *a)
{
	return (struct nw_key){ .addr[0].d[0] = nw_addr_group(a) };
}

#endif
