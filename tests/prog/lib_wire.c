// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A pair of veth devices with packet sockets at both ends, and a tun device with one. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wire.h"

#define TCX_INGRESS 46 /* <linux/bpf.h> of kernel 6.6 */
#define TCX_EGRESS 47
#define ROOM 131072

struct wire {
	int tx, rx, tun, tun_tx;
	unsigned int from, to, tun_dev;
	int link;	     /* tcx, or -1 */
	unsigned int clsact; /* the device with the qdisc, or 0 */
	uint8_t buf[ROOM];
};

static int open_tun(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(req.ifr_name, name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0 ? -errno : fd;
}

static int packet_socket(unsigned int ifindex, int option)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = (int)ifindex };
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || (option && setsockopt(fd, SOL_PACKET, option, &one, sizeof(one))) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)))
		return -errno;
	return fd;
}

int wire_open(struct wire **out)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w || unshare(CLONE_NEWNET))
		return -errno;
	w->link = -1;
	/* No neighbour discovery among the packets. */
	if (system("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"))
		return -EIO;
	w->tun = open_tun("nwt");
	if (system("ip link add nwa type veth peer name nwb && ip link set nwa up && ip link set nwb up &&"
		   "ip link set nwt up"))
		return -ENODEV;
	w->from = if_nametoindex("nwa");
	w->to = if_nametoindex("nwb");
	w->tx = packet_socket(w->from, PACKET_VNET_HDR);
	w->rx = packet_socket(w->to, PACKET_AUXDATA);
	w->tun_dev = if_nametoindex("nwt");
	w->tun_tx = packet_socket(w->tun_dev, 0);
	*out = w;
	return w->tx < 0 ? w->tx : w->rx < 0 ? w->rx : w->tun < 0 ? w->tun : w->tun_tx < 0 ? w->tun_tx : 0;
}

static void detach(struct wire *w)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)w->clsact,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (w->link >= 0)
		close(w->link);
	if (w->clsact)
		bpf_tc_hook_destroy(&hook);
	w->link = -1;
	w->clsact = 0;
}

void wire_close(struct wire **wp)
{
	struct wire *w = *wp;

	if (!w)
		return;
	detach(w);
	close(w->tx);
	close(w->rx);
	close(w->tun);
	close(w->tun_tx);
	free(w);
	*wp = NULL;
}

/* For kernels before 6.6. */
static int attach_clsact(struct wire *w, int prog_fd, unsigned int dev, bool egress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)dev, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd);
	int err = bpf_tc_hook_create(&hook);

	if (err)
		return err;
	w->clsact = dev;
	hook.attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
	return bpf_tc_attach(&hook, &opts);
}

int wire_attach(struct wire *w, int prog_fd, bool egress, bool tun)
{
	unsigned int dev = tun ? w->tun_dev : egress ? w->from : w->to;

	detach(w);
	if (!getenv("NW_WIRE_CLSACT"))
		w->link = bpf_link_create(prog_fd, (int)dev, egress ? TCX_EGRESS : TCX_INGRESS, NULL);
	else
		errno = EINVAL;
	if (w->link >= 0)
		return 0;
	return errno == EINVAL ? attach_clsact(w, prog_fd, dev, egress) : -errno;
}

/* The frame at the other end, its tag where it was. Returns its length or -errno. */
static int receive(struct wire *w)
{
	union {
		char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = w->buf, .iov_len = sizeof(w->buf) - 4 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t n = recvmsg(w->rx, &msg, 0);
	struct tpacket_auxdata aux;
	struct cmsghdr *c;
	uint16_t tag[2];

	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			continue;
		tag[0] = htons(aux.tp_vlan_tpid);
		tag[1] = htons(aux.tp_vlan_tci);
		memmove(w->buf + 16, w->buf + 12, (size_t)n - 12);
		memcpy(w->buf + 12, tag, 4);
		n += 4;
	}
	return (int)n;
}

int wire_send(struct wire *w, const uint8_t *data, uint32_t len, uint16_t segment, uint32_t l4, bool ipv6)
{
	struct virtio_net_hdr vh = { 0 };
	struct iovec iov[2] = { { &vh, sizeof(vh) }, { (void *)data, len } };
	int n;

	if (segment) {
		vh.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vh.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		vh.gso_size = segment;
		vh.hdr_len = l4 + 20;
		vh.csum_start = l4;
		vh.csum_offset = 16;
	}
	if (writev(w->tx, iov, 2) < 0)
		return -errno;
	n = receive(w);
	if (n < 0)
		return n;
	return (uint32_t)n == len && !memcmp(w->buf, data, len) ? 0 : -EIO;
}

int wire_tun(struct wire *w, const uint8_t *data, uint32_t len, bool egress)
{
	ssize_t n;

	if (!egress)
		return write(w->tun, data, len) < 0 ? -errno : 0;
	if (send(w->tun_tx, data, len, 0) < 0)
		return -errno;
	n = read(w->tun, w->buf, sizeof(w->buf));
	if (n < 0)
		return -errno;
	return (uint32_t)n == len && !memcmp(w->buf, data, len) ? 0 : -EIO;
}
