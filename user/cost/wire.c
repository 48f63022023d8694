// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two network namespaces of our own with a veth pair between them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "wire.h"
#include "../util/util.h"

static const char *const names[] = { "nwcost0", "nwcost1" };

struct message {
	struct nlmsghdr head;
	char body[512];
};

static void *append(struct message *m, size_t len)
{
	void *at = (char *)m + NLMSG_ALIGN(m->head.nlmsg_len);

	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + (unsigned int)len;
	return at;
}

static struct rtattr *begin_attr(struct message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = append(m, RTA_LENGTH(len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	return a;
}

/* An attribute that holds all that came after it. */
static void end_attr(struct message *m, struct rtattr *a)
{
	a->rta_len = (unsigned short)((char *)m + m->head.nlmsg_len - (char *)a);
}

static int talk(struct message *m)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	_Alignas(struct nlmsghdr) char answer[4096];
	const struct nlmsghdr *head = (void *)answer;
	ssize_t n;

	m->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (fd < 0 || send(fd, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(head, (size_t)n) || head->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
}

static int make_pair(int peer_ns)
{
	struct message m = { .head = { .nlmsg_len = NLMSG_HDRLEN,
				       .nlmsg_type = RTM_NEWLINK,
				       .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL } };
	struct rtattr *info, *data, *peer;

	append(&m, sizeof(struct ifinfomsg));
	begin_attr(&m, IFLA_IFNAME, names[NW_COST_SERVER], strlen(names[NW_COST_SERVER]) + 1);
	info = begin_attr(&m, IFLA_LINKINFO, NULL, 0);
	begin_attr(&m, IFLA_INFO_KIND, "veth", 4);
	data = begin_attr(&m, IFLA_INFO_DATA, NULL, 0);
	peer = begin_attr(&m, VETH_INFO_PEER, NULL, 0);
	append(&m, sizeof(struct ifinfomsg));
	begin_attr(&m, IFLA_IFNAME, names[NW_COST_CLIENT], strlen(names[NW_COST_CLIENT]) + 1);
	begin_attr(&m, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
	end_attr(&m, peer);
	end_attr(&m, data);
	end_attr(&m, info);
	return talk(&m);
}

/* In the end's own namespace. */
static int set_up(struct nw_cost_wire *w, enum nw_cost_end end)
{
	struct message addr = { .head = { .nlmsg_len = NLMSG_HDRLEN,
					  .nlmsg_type = RTM_NEWADDR,
					  .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL } };
	struct message link = { .head = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = RTM_NEWLINK } };
	uint32_t ip = htonl(NW_COST_ADDR(end));
	struct ifaddrmsg *ifa;
	struct ifinfomsg *ifi;
	int err;

	w->ifindex[end] = if_nametoindex(names[end]);
	if (!w->ifindex[end])
		return -errno;
	ifa = append(&addr, sizeof(*ifa));
	*ifa = (struct ifaddrmsg){ .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = w->ifindex[end] };
	begin_attr(&addr, IFA_LOCAL, &ip, sizeof(ip));
	err = talk(&addr);
	if (err)
		return err;
	ifi = append(&link, sizeof(*ifi));
	*ifi = (struct ifinfomsg){ .ifi_index = (int)w->ifindex[end],
				   .ifi_flags = IFF_UP,
				   .ifi_change = IFF_UP };
	return talk(&link);
}

static int new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int nw_cost_wire_enter(const struct nw_cost_wire *w, enum nw_cost_end end)
{
	return setns(w->ns[end], CLONE_NEWNET) < 0 ? -errno : 0;
}

int nw_cost_wire_make(struct nw_cost_wire *w)
{
	int err = 0;

	*w = (struct nw_cost_wire){ .ns = { -1, -1 } };
	for (enum nw_cost_end end = NW_COST_CLIENT; end <= NW_COST_SERVER && !err; end++) {
		w->ns[end] = new_namespace();
		err = w->ns[end] < 0 ? w->ns[end] : 0;
	}
	if (!err)
		err = make_pair(w->ns[NW_COST_CLIENT]);
	for (enum nw_cost_end end = NW_COST_CLIENT; end <= NW_COST_SERVER && !err; end++) {
		err = nw_cost_wire_enter(w, end);
		if (!err)
			err = set_up(w, end);
	}
	if (err)
		nw_cost_wire_free(w);
	return err;
}

void nw_cost_wire_free(struct nw_cost_wire *w)
{
	nw_closep(&w->ns[0]);
	nw_closep(&w->ns[1]);
}
