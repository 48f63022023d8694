// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which hook "auto" takes on an interface, and why. Pure. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "choose.h"
#include "../util/util.h"

#define HEADROOM 256   /* XDP_PACKET_HEADROOM */
#define SKB_TAIL 320   /* struct skb_shared_info, aligned */
#define ETHER_VLANS 22 /* Ethernet header and two tags */

/* Where native XDP costs more than it gives. Other virtual kinds get the general reason. */
static const struct {
	const char *kind;
	const char *why;
} slow_kinds[] = {
	{ "veth", "veth: native XDP costs more, it ends segmentation offload" },
	{ "bridge", "bridge: no native XDP" },
	{ "vlan", "VLAN: no native XDP" },
	{ "tun", "tun/tap: native XDP costs more" },
};

/* Writes why native XDP is not even tried; leaves `why` empty if it is. Bonds have had it since 5.15. */
static void avoid_kind(const struct nw_link *link, char *why, size_t size)
{
	if (link->loopback) {
		snprintf(why, size, "loopback: no native XDP");
		return;
	}
	if (link->no_ether) {
		snprintf(why, size, "no Ethernet header: XDP does not read such devices");
		return;
	}
	if (!*link->kind || strcmp(link->kind, "bond") == 0)
		return;
	for (size_t i = 0; i < NW_ARRAY_SIZE(slow_kinds); i++)
		if (strcmp(slow_kinds[i].kind, link->kind) == 0) {
			snprintf(why, size, "%s", slow_kinds[i].why);
			return;
		}
	snprintf(why, size, "%s: virtual, native XDP has nothing to win", link->kind);
}

const char *nw_xdp_busy_text(char *out, size_t size, const struct nw_xdp_state *x)
{
	if (*x->holder)
		snprintf(out, size, "xdp busy: program \"%s\" id %u", x->holder, x->holder_id);
	else
		snprintf(out, size, x->holder_id ? "xdp busy: program id %u" : "xdp busy", x->holder_id);
	return out;
}

unsigned int nw_xdp_mtu_limit(unsigned int page_size)
{
	return page_size - HEADROOM - SKB_TAIL - ETHER_VLANS;
}

enum nw_hook_how nw_choose_ingress(const struct nw_link *link, const struct nw_xdp_state *x,
				   enum nw_hook_how how, char *why, size_t size)
{
	*why = '\0';
	if (how != NW_HOW_AUTO)
		return how;
	avoid_kind(link, why, size);
	if (*why)
		return NW_HOW_TC;
	if (x->holder_id)
		nw_xdp_busy_text(why, size, x);
	else if (x->known && !x->native)
		snprintf(why, size, "the driver has no native XDP");
	else if (x->known && !x->frags && link->mtu > nw_xdp_mtu_limit((unsigned int)getpagesize()))
		snprintf(why, size, "MTU %u is more than a page takes, and the driver has no XDP fragments",
			 link->mtu);
	return *why ? NW_HOW_TC : NW_HOW_XDP;
}

enum nw_hook_how nw_choose_egress(const struct nw_link *link, enum nw_hook_how how, char *why, size_t size)
{
	*why = '\0';
	if (how == NW_HOW_AUTO && link->loopback) {
		snprintf(why, size, "loopback: ingress sees both directions");
		return NW_HOW_NONE;
	}
	return how == NW_HOW_AUTO ? NW_HOW_TC : how;
}
