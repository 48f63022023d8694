/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions to the kernel's routing netlink: links, traffic-control filters, and news about both. */
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

/* "clsact", "ingress", or empty: the qdisc that filters of both kinds hang on. 0 or -errno. */
int nw_ingress_qdisc(unsigned int ifindex, char *kind, size_t size);

/*
 * A non-blocking socket that becomes readable when an address, a link, or a qdisc or filter of one changes.
 * -errno on failure.
 */
int nw_netlink_watch(void);
/* Reads away what waits there. */
void nw_netlink_drain(int fd);

#endif
