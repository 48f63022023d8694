/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP options that accelerators are known to set. */
#ifndef NW_WIRE_OPTIONS_H
#define NW_WIRE_OPTIONS_H

#include "base.h"

/*
 * TCP options of a SYN, as NW_OPT_* bits (IANA tcp-parameters; kinds 76, 78, 33 and 230 are the
 * vendors' own, see README). `opt` holds 40 bytes, of which `len` count; begin with at = seen = 0.
 */
struct nw_opt_walk {
	const __u8 *opt;
	__u32 len;
	__u32 at;
	__u32 seen;
};

/*
 * Multipath TCP in a SYN or SYN-ACK (RFC 8684 3.1, 3.2): the subtype, the upper half of the third byte, is 0
 * (MP_CAPABLE, 4 or 12 bytes) or 1 (MP_JOIN, 12 or 16). Exinda used the same kind before.
 */
nw_inline int nw_opt_is_mptcp(__u8 len, __u8 subtype)
{
	return subtype >> 4 == 0 ? len == 4 || len == 12 : subtype >> 4 == 1 && (len == 12 || len == 16);
}

nw_inline __u32 nw_opt_bit(__u8 kind)
{
	return kind == 76		? NW_OPT_RIVERBED_PROBE :
	       kind == 78		? NW_OPT_RIVERBED_TRANS :
	       kind == 33		? NW_OPT_CISCO_WAAS :
	       kind == 230		? NW_OPT_EXINDA :
	       kind >= 20 && kind <= 23 ? NW_OPT_SCPS :
					  0;
}

/* One option. Returns 1 at the end of the list. */
nw_inline long nw_opt_step(struct nw_opt_walk *w)
{
	__u32 at = w->at;
	__u8 kind;

	if (at >= w->len || at >= 40)
		return 1;
	kind = w->opt[at];
	if (kind == 0)
		return 1;
	if (kind == 1) {
		w->at = at + 1;
		return 0;
	}
	if (at >= 39 || w->opt[at + 1] < 2)
		return 1;
	if (kind != 30)
		w->seen |= nw_opt_bit(kind);
	else if (at >= 38 || !nw_opt_is_mptcp(w->opt[at + 1], w->opt[at + 2]))
		w->seen |= NW_OPT_EXINDA_OLD;
	w->at = at + w->opt[at + 1];
	return 0;
}

#endif
