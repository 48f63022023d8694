/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kinds of hooks, and their names in the configuration and in what people read. */
#ifndef NW_HOW_H
#define NW_HOW_H

enum nw_hook_how {
	NW_HOW_AUTO = 0,
	NW_HOW_XDP,	    /* native */
	NW_HOW_XDP_GENERIC, /* only when asked for: it copies packets that tc reads in place */
	NW_HOW_TC,	    /* ingress: tcx or clsact, whichever the kernel has */
	NW_HOW_TCX,	    /* kernel 6.6 and later */
	NW_HOW_CLSACT,
	NW_HOW_NONE,
};

/* From <linux/bpf.h> of kernel 6.6; Debian 12's is older. */
#define NW_TCX_INGRESS 46
#define NW_TCX_EGRESS 47

/* "auto", "xdp", ...; static storage. */
const char *nw_how_name(enum nw_hook_how how);
/* -1 if there is no such name. */
int nw_how_by_name(const char *name);

#endif
