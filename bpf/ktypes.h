/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few members of the kernel's structures that resets.bpf.c reads. Only names count: where a member lies
 * is looked up in the running kernel's own description (BTF) when the object is loaded (CO-RE).
 */
#ifndef NW_KTYPES_H
#define NW_KTYPES_H

#include <linux/types.h>

#define NW_CORE __attribute__((preserve_access_index))

struct ns_common {
	unsigned int inum;
} NW_CORE;

struct net {
	struct ns_common ns;
} NW_CORE;

typedef struct {
	struct net *net;
} NW_CORE possible_net_t;

struct net_device {
	possible_net_t nd_net;
} NW_CORE;

struct in6_addr {
	__u8 s6_addr[16];
} NW_CORE;

/* What full, request and TIME_WAIT sockets begin with alike. */
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} NW_CORE;

struct inet_sock {
	__be16 inet_sport;
} NW_CORE;

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 snd_nxt;
} NW_CORE;

struct sk_buff {
	struct net_device *dev;
	unsigned char *head;
	__u16 transport_header; /* both from head */
	__u16 network_header;
} NW_CORE;

#endif
