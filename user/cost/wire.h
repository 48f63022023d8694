/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two network namespaces of our own with a veth pair between them. They end with the process. */
#ifndef NW_COST_WIRE_H
#define NW_COST_WIRE_H

/* Addresses of the two ends, host byte order: 10.78.2.1 and 10.78.2.2. */
#define NW_COST_ADDR(end) (0x0a4e0201u + (end))

enum nw_cost_end { NW_COST_CLIENT = 0, NW_COST_SERVER };

struct nw_cost_wire {
	int ns[2]; /* the namespaces, by end */
	unsigned int ifindex[2];
};

/* 0; -EPERM: a capability is missing (CAP_SYS_ADMIN, CAP_NET_ADMIN); or -errno. Afterwards the process is in
 * one. */
int nw_cost_wire_make(struct nw_cost_wire *w);
void nw_cost_wire_free(struct nw_cost_wire *w);

/* Sockets and hooks that are made from now on belong to that end's namespace. 0 or -errno. */
int nw_cost_wire_enter(const struct nw_cost_wire *w, enum nw_cost_end end);

#endif
