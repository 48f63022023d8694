/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's routing netlink: links, qdiscs and filters of traffic control, and news about them. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink.h"
#include "../util/util.h"

#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE 823 /* glibc's header lacks it */
#endif

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct tcmsg tc;
	} u;
};

/* Takes one message of the answer; non-zero ends the reading. */
typedef int (*answer_fn)(void *arg, const struct nlmsghdr *msg);

static int read_answers(int fd, answer_fn fn, void *arg)
{
	static _Alignas(struct nlmsghdr) char buf[32768];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		const struct nlmsghdr *msg;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (msg = (void *)buf; NLMSG_OK(msg, (size_t)n); msg = NLMSG_NEXT(msg, n)) {
			int ret;

			if (msg->nlmsg_type == NLMSG_DONE)
				return 0;
			if (msg->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(msg))->error;
			ret = fn(arg, msg);
			if (ret)
				return ret;
		}
	}
}

/* Sends a request and reads what is answered, to its end or its acknowledgement. */
static int ask(const struct nlmsghdr *head, answer_fn fn, void *arg)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || send(fd, head, head->nlmsg_len, 0) < 0)
		return -errno;
	return read_answers(fd, fn, arg);
}

static int dump(struct request *req, size_t len, answer_fn fn, void *arg)
{
	req->head.nlmsg_len = NLMSG_LENGTH(len);
	req->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return ask(&req->head, fn, arg);
}

/* The attribute of that type, or NULL. */
static const struct rtattr *attr(const struct rtattr *a, int len, unsigned short type)
{
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static const struct rtattr *nested(const struct rtattr *a, unsigned short type)
{
	return a ? attr(RTA_DATA(a), RTA_PAYLOAD(a), type) : NULL;
}

static void text_of(char *out, size_t size, const struct rtattr *a)
{
	size_t n = a ? RTA_PAYLOAD(a) : 0;

	if (n >= size)
		n = size - 1;
	if (a)
		memcpy(out, RTA_DATA(a), n);
	out[n] = '\0';
}

static uint32_t number_of(const struct rtattr *a)
{
	uint32_t v = 0;

	if (a && RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

/* Link types whose packets have no link header where tc sees them. */
static bool without_header(unsigned short type)
{
	static const unsigned short types[] = { ARPHRD_NONE,	ARPHRD_PPP, ARPHRD_RAWIP, ARPHRD_TUNNEL,
						ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_IPGRE, ARPHRD_IP6GRE };

	for (size_t i = 0; i < NW_ARRAY_SIZE(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

struct link_walk {
	int (*fn)(void *arg, const struct nw_link *link);
	void *arg;
};

static int take_link(void *arg, const struct nlmsghdr *msg)
{
	const struct ifinfomsg *info = NLMSG_DATA(msg);
	const struct rtattr *first = IFLA_RTA(info);
	struct link_walk *walk = arg;
	int len = (int)IFLA_PAYLOAD(msg);
	struct nw_link link = {
		.ifindex = info->ifi_index,
		.mtu = number_of(attr(first, len, IFLA_MTU)),
		.loopback = info->ifi_type == ARPHRD_LOOPBACK,
		.no_ether = without_header(info->ifi_type),
		.up = info->ifi_flags & IFF_UP,
	};

	if (msg->nlmsg_type != RTM_NEWLINK)
		return 0;
	text_of(link.name, sizeof(link.name), attr(first, len, IFLA_IFNAME));
	text_of(link.kind, sizeof(link.kind), nested(attr(first, len, IFLA_LINKINFO), IFLA_INFO_KIND));
	return walk->fn(walk->arg, &link);
}

int nw_link_each(int (*fn)(void *arg, const struct nw_link *link), void *arg)
{
	struct request req = { .head.nlmsg_type = RTM_GETLINK, .u.link.ifi_family = AF_UNSPEC };
	struct link_walk walk = { fn, arg };

	return dump(&req, sizeof(req.u.link), take_link, &walk);
}

static int same_name(void *arg, const struct nw_link *link)
{
	struct nw_link *wanted = arg;

	if (strcmp(link->name, wanted->name) != 0)
		return 0;
	*wanted = *link;
	return 1;
}

int nw_link_by_name(const char *name, struct nw_link *out)
{
	struct nw_link link = { 0 };
	int ret;

	if (strlen(name) >= sizeof(link.name))
		return -ENODEV;
	strcpy(link.name, name);
	ret = nw_link_each(same_name, &link);
	if (ret <= 0)
		return ret ? ret : -ENODEV;
	*out = link;
	return 0;
}

static int add_link(void *arg, const struct nw_link *link)
{
	struct nw_links *links = arg;

	if (links->n == links->room) {
		unsigned int room = links->room ? 2 * links->room : 16;
		struct nw_link *grown = reallocarray(links->link, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		links->link = grown;
		links->room = room;
	}
	links->link[links->n++] = *link;
	return 0;
}

struct filter_walk {
	int (*fn)(void *arg, const struct nw_filter *f);
	void *arg;
	unsigned int ifindex;
};

static int take_filter(void *arg, const struct nlmsghdr *msg)
{
	const struct tcmsg *tc = NLMSG_DATA(msg);
	const struct rtattr *first = TCA_RTA(tc), *options;
	struct filter_walk *walk = arg;
	int len = (int)TCA_PAYLOAD(msg);
	struct nw_filter f = { .handle = tc->tcm_handle, .priority = TC_H_MAJ(tc->tcm_info) >> 16 };

	/* A filter's head comes without a handle, before its instances. */
	if (msg->nlmsg_type != RTM_NEWTFILTER || (unsigned int)tc->tcm_ifindex != walk->ifindex || !f.handle)
		return 0;
	options = attr(first, len, TCA_OPTIONS);
	f.prog_id = number_of(nested(options, TCA_BPF_ID));
	text_of(f.name, sizeof(f.name), nested(options, TCA_BPF_NAME));
	return walk->fn(walk->arg, &f);
}

int nw_filter_each(unsigned int ifindex, bool egress, int (*fn)(void *arg, const struct nw_filter *f),
		   void *arg)
{
	struct request req = {
		.head.nlmsg_type = RTM_GETTFILTER,
		.u.tc.tcm_family = AF_UNSPEC,
		.u.tc.tcm_ifindex = (int)ifindex,
		.u.tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS),
	};
	struct filter_walk walk = { fn, arg, ifindex };

	return dump(&req, sizeof(req.u.tc), take_filter, &walk);
}

struct qdisc_walk {
	void (*fn)(void *arg, const struct nw_qdisc *qdisc);
	void *arg;
};

static int take_qdisc(void *arg, const struct nlmsghdr *msg)
{
	const struct tcmsg *tc = NLMSG_DATA(msg);
	const struct rtattr *first = TCA_RTA(tc), *table;
	struct nw_qdisc qdisc = { .ifindex = (unsigned int)tc->tcm_ifindex };
	struct qdisc_walk *walk = arg;
	int len = (int)TCA_PAYLOAD(msg);

	if (msg->nlmsg_type != RTM_NEWQDISC || tc->tcm_parent != TC_H_INGRESS)
		return 0;
	text_of(qdisc.kind, sizeof(qdisc.kind), attr(first, len, TCA_KIND));
	table = nested(attr(first, len, TCA_STAB), TCA_STAB_BASE);
	if (table && RTA_PAYLOAD(table) >= sizeof(struct tc_sizespec))
		qdisc.mark = ((const struct tc_sizespec *)RTA_DATA(table))->mtu;
	walk->fn(walk->arg, &qdisc);
	return 0;
}

/* Of all interfaces: the kernel has no narrower question that others don't get the answer to, too. */
static int qdisc_each(void (*fn)(void *arg, const struct nw_qdisc *qdisc), void *arg)
{
	struct request req = { .head.nlmsg_type = RTM_GETQDISC, .u.tc.tcm_family = AF_UNSPEC };
	struct qdisc_walk walk = { fn, arg };

	return dump(&req, sizeof(req.u.tc), take_qdisc, &walk);
}

static void note_wanted(void *arg, const struct nw_qdisc *qdisc)
{
	struct nw_qdisc *wanted = arg;

	if (qdisc->ifindex == wanted->ifindex)
		*wanted = *qdisc;
}

int nw_ingress_qdisc(unsigned int ifindex, struct nw_qdisc *out)
{
	*out = (struct nw_qdisc){ .ifindex = ifindex };
	return qdisc_each(note_wanted, out);
}

static void note_filterable(void *arg, const struct nw_qdisc *qdisc)
{
	struct nw_links *links = arg;

	for (unsigned int i = 0; i < links->n; i++)
		if (links->link[i].ifindex == qdisc->ifindex)
			links->link[i].filterable = true;
}

int nw_links_read(struct nw_links *out)
{
	int err = nw_link_each(add_link, out);

	if (!err)
		err = qdisc_each(note_filterable, out);
	return err == -EOPNOTSUPP ? 0 : err; /* a kernel without traffic control */
}

void nw_links_free(struct nw_links *links)
{
	free(links->link);
	*links = (struct nw_links){ 0 };
}

const struct nw_link *nw_links_find(const struct nw_links *links, unsigned int ifindex)
{
	for (unsigned int i = 0; i < links->n; i++)
		if (links->link[i].ifindex == ifindex)
			return &links->link[i];
	return NULL;
}

/* A clsact qdisc's; without `marked` the request ends before the table. */
static int set_clsact(unsigned int ifindex, unsigned short flags, bool marked, uint32_t mark)
{
	struct {
		struct nlmsghdr head;
		struct tcmsg tc;
		struct rtattr kind;
		char name[8];
		struct rtattr stab, base;
		struct tc_sizespec table;
	} req = {
		.head.nlmsg_type = RTM_NEWQDISC,
		.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
		.tc = { .tcm_family = AF_UNSPEC,
			.tcm_ifindex = (int)ifindex,
			.tcm_parent = TC_H_CLSACT,
			.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0) },
		.kind = { RTA_LENGTH(sizeof("clsact")), TCA_KIND },
		.name = "clsact",
		.stab = { RTA_LENGTH(RTA_LENGTH(sizeof(req.table))), TCA_STAB | NLA_F_NESTED },
		.base = { RTA_LENGTH(sizeof(req.table)), TCA_STAB_BASE },
		.table.mtu = mark,
	};

	_Static_assert(sizeof(req) == offsetof(__typeof__(req), stab) + 8 + sizeof(req.table), "no padding");
	req.head.nlmsg_len = marked ? sizeof(req) : offsetof(__typeof__(req), stab);
	return ask(&req.head, NULL, NULL);
}

int nw_clsact_make(unsigned int ifindex, uint32_t mark)
{
	return set_clsact(ifindex, NLM_F_CREATE | NLM_F_EXCL, true, mark);
}

int nw_clsact_unmark(unsigned int ifindex)
{
	return set_clsact(ifindex, 0, false, 0);
}

int nw_netlink_watch(void)
{
	struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_TC | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void nw_netlink_drain(int fd)
{
	char buf[16384];

	/* ENOBUFS says that news were lost; whoever drains looks at everything again anyway. */
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		errno = 0;
}
