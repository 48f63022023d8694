// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What can be known about an interface's XDP hook without attaching: who holds it, what the driver can do. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "choose.h"
#include "../util/util.h"

/* From <linux/netdev.h> of kernel 6.3; Debian 12 has none. */
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define XDP_ACT_BASIC (1u << 0)
#define XDP_ACT_RX_SG (1u << 5)

struct message {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	char attrs[4096];
};

static void add_attr(struct message *m, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* Asks for one object, and copies the attribute of that type out of the answer. 0 or -errno. */
static int ask(int fd, unsigned short family, struct message *m, unsigned short type, void *out, size_t size)
{
	const struct nlmsgerr *refusal = NLMSG_DATA(&m->head);
	const struct rtattr *a;
	ssize_t n;
	int len;

	m->head.nlmsg_type = family;
	m->head.nlmsg_flags = NLM_F_REQUEST;
	if (send(fd, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, m, sizeof(*m), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(&m->head, (size_t)n))
		return -EPROTO;
	/* No error is an acknowledgement, which has no attributes. */
	if (m->head.nlmsg_type == NLMSG_ERROR)
		return refusal->error < 0 ? refusal->error : -EPROTO;
	len = (int)(m->head.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
	for (a = (const void *)m->attrs; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type && RTA_PAYLOAD(a) >= size) {
			memcpy(out, RTA_DATA(a), size);
			return 0;
		}
	return -ENOENT;
}

static int driver_features(unsigned int ifindex, uint64_t *features)
{
	static const char name[] = "netdev";
	struct message m = { .head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
			     .genl = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 } };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	uint16_t family;
	int err;

	if (fd < 0)
		return -errno;
	add_attr(&m, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	err = ask(fd, GENL_ID_CTRL, &m, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (err)
		return err;
	m = (struct message){ .head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
			      .genl = { .cmd = NETDEV_CMD_DEV_GET, .version = 1 } };
	add_attr(&m, NETDEV_A_DEV_IFINDEX, &ifindex, sizeof(ifindex));
	return ask(fd, family, &m, NETDEV_A_DEV_XDP_FEATURES, features, sizeof(*features));
}

static void look_holder(unsigned int ifindex, struct nw_xdp_state *x)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);
	_cleanup_close_ int fd = -1;

	if (bpf_xdp_query((int)ifindex, 0, &q) < 0)
		return;
	x->holder_id = q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
	x->generic = x->holder_id && x->holder_id == q.skb_prog_id;
	fd = x->holder_id ? bpf_prog_get_fd_by_id(x->holder_id) : -1;
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
		memcpy(x->holder, info.name, sizeof(x->holder));
	x->holder[sizeof(x->holder) - 1] = '\0';
}

void nw_xdp_look(unsigned int ifindex, struct nw_xdp_state *out)
{
	uint64_t features;

	*out = (struct nw_xdp_state){ 0 };
	look_holder(ifindex, out);
	out->known = driver_features(ifindex, &features) == 0;
	out->native = out->known && features & XDP_ACT_BASIC;
	out->frags = out->known && features & XDP_ACT_RX_SG;
}
