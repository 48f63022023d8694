/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hooks on interfaces: which one, and why. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attach.h"
#include "choose.h"
#include "clsact.h"
#include "../util/log.h"
#include "../util/util.h"

#define BEFORE_OTHERS (1u << 3)

static int attach_xdp(struct nw_attached *a, const struct nw_link *link, const struct nw_live *live,
		      bool generic)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(nw_live_prog_fd(live, NW_PROG_XDP), (int)link->ifindex, BPF_XDP, &opts);
	int err = fd < 0 ? -errno : 0;
	struct nw_xdp_state x;

	if (err)
		nw_xdp_look(link->ifindex, &x);
	if (err == -EBUSY || err == -EEXIST)
		nw_xdp_busy_text(a->why, sizeof(a->why), &x);
	else if (err == -EOPNOTSUPP && x.native)
		snprintf(a->why, sizeof(a->why),
			 "the driver has native XDP, but not with these offloads; see negwatch doctor");
	else if (err == -EOPNOTSUPP)
		snprintf(a->why, sizeof(a->why), "the driver has no native XDP");
	else if (err == -EINVAL || err == -ERANGE)
		snprintf(a->why, sizeof(a->why), "the driver refuses XDP with MTU %u or these offloads",
			 link->mtu);
	else if (err)
		snprintf(a->why, sizeof(a->why), "xdp: %s", strerror(-err));
	if (err)
		return err;
	a->link_fd = fd;
	a->how = generic ? NW_HOW_XDP_GENERIC : NW_HOW_XDP;
	return 0;
}

static int attach_tcx(struct nw_attached *a, unsigned int ifindex, int prog_fd, bool egress)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = BEFORE_OTHERS);
	int fd = bpf_link_create(prog_fd, (int)ifindex, egress ? NW_TCX_EGRESS : NW_TCX_INGRESS, &opts);

	if (fd < 0)
		return -errno;
	a->link_fd = fd;
	a->how = NW_HOW_TCX;
	return 0;
}

static int attach_tc(struct nw_iface *iface, const struct nw_link *link, enum nw_hook_how how,
		     const struct nw_live *live, bool egress)
{
	static const enum nw_live_prog progs[2][2] = { { NW_PROG_TC_IN, NW_PROG_TC_OUT },
						       { NW_PROG_L3_IN, NW_PROG_L3_OUT } };
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	int prog_fd = nw_live_prog_fd(live, progs[link->no_ether][egress]);
	int err = -EINVAL;

	if (how != NW_HOW_CLSACT)
		err = attach_tcx(a, iface->ifindex, prog_fd, egress);
	/* EINVAL is the answer of kernels before 6.6, which don't know the attach type. */
	if (err == -EINVAL && how != NW_HOW_TCX)
		err = nw_clsact_attach(iface, egress, prog_fd);
	if (err == -EINVAL && how == NW_HOW_TCX)
		return nw_err_r(-EOPNOTSUPP, "%s: this kernel has no tcx (6.6 and later have); use \"auto\"",
				iface->name);
	if (err == -EEXIST)
		return nw_err_r(
			-EBUSY,
			"%s: somebody's \"ingress\" qdisc is in the place of clsact, so that egress can't be "
			"watched; let its owner use clsact, which has both",
			iface->name);
	if (err)
		return nw_err_r(err, "%s: the kernel refuses a tc program at %s: %m", iface->name,
				egress ? "egress" : "ingress");
	return 0;
}

static int attach_ingress(struct nw_iface *iface, const struct nw_link *link, enum nw_hook_how how,
			  const struct nw_live *live)
{
	struct nw_attached *a = &iface->ingress;
	enum nw_hook_how first;
	struct nw_xdp_state x;
	int err;

	if (how == NW_HOW_NONE)
		return 0;
	if (link->no_ether && (how == NW_HOW_XDP || how == NW_HOW_XDP_GENERIC))
		return nw_err_r(-EOPNOTSUPP,
				"%s: no Ethernet header, XDP does not read such devices; set ingress "
				"= auto or tc",
				iface->name);
	nw_xdp_look(link->ifindex, &x);
	first = nw_choose_ingress(link, &x, how, a->why, sizeof(a->why));
	if (first == NW_HOW_XDP || first == NW_HOW_XDP_GENERIC) {
		err = attach_xdp(a, link, live, first == NW_HOW_XDP_GENERIC);
		if (!err || how != NW_HOW_AUTO)
			return err ? nw_err_r(err, "%s: XDP can't be attached (%s); set ingress = auto or tc",
					      iface->name, a->why) :
				     0;
	}
	return attach_tc(iface, link, how, live, false);
}

static int attach_egress(struct nw_iface *iface, const struct nw_link *link, enum nw_hook_how how,
			 const struct nw_live *live)
{
	how = nw_choose_egress(link, how, iface->egress.why, sizeof(iface->egress.why));
	return how == NW_HOW_NONE ? 0 : attach_tc(iface, link, how, live, true);
}

/*
 * A second negwatchd would tell every alert twice, and take the first one's filters for leftovers. An
 * abstract socket's name belongs to one network namespace, as an interface does, and dies with its owner.
 */
static int claim(struct nw_iface *iface)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "negwatchd/%u", iface->ifindex);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return nw_err_r(-errno, "No socket for %s: %m", iface->name);
	if (bind(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) <
	    0)
		return nw_err_r(errno == EADDRINUSE ? -EBUSY : -errno,
				errno == EADDRINUSE ?
					"%s is watched by another negwatchd already; stop that one "
					"first (systemctl stop negwatchd)" :
					"%s can't be claimed: %m",
				iface->name);
	iface->owner_fd = TAKE_FD(fd);
	return 0;
}

int nw_attach(struct nw_iface *out, const char *name, enum nw_hook_how ingress, enum nw_hook_how egress,
	      const struct nw_live *live)
{
	struct nw_iface iface = {
		.wanted_ingress = ingress,
		.wanted_egress = egress,
		.ingress = { .how = NW_HOW_NONE, .link_fd = -1 },
		.egress = { .how = NW_HOW_NONE, .link_fd = -1 },
		.owner_fd = -1,
	};
	struct nw_link link;
	int err = nw_link_by_name(name, &link);

	if (err)
		return nw_err_r(err,
				err == -ENODEV ? "There is no interface \"%s\"; `ip link` lists them" :
						 "Interface %s can't be looked up: %m",
				name);
	memcpy(iface.name, link.name, sizeof(iface.name));
	iface.ifindex = link.ifindex;
	err = claim(&iface);
	if (err)
		return err;
	err = nw_clsact_reap(link.ifindex);
	if (err > 0)
		nw_warn("%s: removed %d filter(s) that a killed negwatchd had left", name, err);
	err = attach_ingress(&iface, &link, ingress, live);
	if (!err)
		err = attach_egress(&iface, &link, egress, live);
	if (err) {
		nw_detach(&iface);
		return err;
	}
	*out = iface;
	return 0;
}

static void detach(struct nw_iface *iface, bool egress)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;

	if (a->how == NW_HOW_CLSACT)
		nw_clsact_detach(iface, egress);
	nw_closep(&a->link_fd);
	a->how = NW_HOW_NONE;
}

void nw_detach(struct nw_iface *iface)
{
	detach(iface, false);
	detach(iface, true);
	nw_closep(&iface->owner_fd);
}
