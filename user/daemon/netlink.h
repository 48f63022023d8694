/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's routing netlink: links, qdiscs and filters of traffic control, and news about them. */
#ifndef NW_NETLINK_H
#define NW_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nw_link {
	char name[IF_NAMESIZE];
	char kind[16]; /* "veth", "bridge", ...; empty for hardware */
	unsigned int ifindex;
	unsigned int mtu;
	bool loopback;
	bool no_ether; /* packets begin with the network header: tun, wireguard, PPP, tunnels */
	bool up;
	bool filterable; /* has a qdisc that filters hang on; nw_links_read() alone says */
};

/* The qdisc that filters of both directions hang on. */
struct nw_qdisc {
	unsigned int ifindex;
	char kind[16]; /* "clsact", "ingress", or empty: there is none */
	uint32_t mark; /* what it was made with; 0: none */
};

/* A traffic-control filter of a hook. */
struct nw_filter {
	uint32_t handle;
	uint32_t priority;
	uint32_t prog_id; /* 0: not a BPF filter */
	char name[64];	  /* BPF: "program:[id]" as libbpf sets it, or the loader's own */
};

/* 0; -ENODEV: there is no such interface; or -errno. */
int nw_link_by_name(const char *name, struct nw_link *out);

/* Calls fn for each link; 0, -errno, or what fn returned if that was not 0. */
int nw_link_each(int (*fn)(void *arg, const struct nw_link *link), void *arg);

/* All links at one moment. */
struct nw_links {
	struct nw_link *link; /* owned */
	unsigned int n, room;
};

/* out is empty before. 0 or -errno; to be freed in either case. */
int nw_links_read(struct nw_links *out);
void nw_links_free(struct nw_links *links);
/* NULL: there is none of that index. */
const struct nw_link *nw_links_find(const struct nw_links *links, unsigned int ifindex);

/* Filters at ingress or egress of a clsact qdisc; none if there is no such qdisc. Returns as above. */
int nw_filter_each(unsigned int ifindex, bool egress, int (*fn)(void *arg, const struct nw_filter *f),
		   void *arg);

/* 0 or -errno. */
int nw_ingress_qdisc(unsigned int ifindex, struct nw_qdisc *out);

/*
 * Makes a clsact qdisc that carries a mark from its first moment to its last. It is the mtu of the size table
 * (struct tc_sizespec), which the kernel keeps with every qdisc, and which does nothing without sizes. Who
 * replaces or changes the qdisc (tc qdisc replace) without a table takes it off. 0; -EEXIST: there is one, or
 * an "ingress" one; or -errno.
 */
int nw_clsact_make(unsigned int ifindex, uint32_t mark);
/* Takes the mark off. 0 or -errno. */
int nw_clsact_unmark(unsigned int ifindex);

/*
 * A non-blocking socket that becomes readable when an address, a link, or a qdisc or filter of one changes.
 * -errno on failure.
 */
int nw_netlink_watch(void);
/* Reads away what waits there. */
void nw_netlink_drain(int fd);

#endif
