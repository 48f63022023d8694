/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hooks on interfaces: which one, and why. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attach.h"
#include "choose.h"
#include "clsact.h"
#include "../util/log.h"
#include "../util/peer.h"
#include "../util/util.h"

#define BEFORE_OTHERS (1u << 3)

/* Notes why the interface can't be watched, and returns err; %m is its text. */
static int trouble(struct nw_iface *iface, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int trouble(struct nw_iface *iface, int err, const char *format, ...)
{
	va_list ap;

	errno = -err;
	va_start(ap, format);
	vsnprintf(iface->trouble, sizeof(iface->trouble), format, ap);
	va_end(ap);
	return err;
}

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
		return trouble(iface, -EOPNOTSUPP,
			       "this kernel has no tcx (6.6 and later have); use \"auto\"");
	if (err == -EEXIST)
		return trouble(iface, -EBUSY,
			       "somebody's \"ingress\" qdisc is in the place of clsact, so that egress can't "
			       "be watched; let its owner use clsact, which has both");
	if (err)
		return trouble(iface, err, "the kernel refuses a tc program at %s: %m",
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
		return trouble(iface, -EOPNOTSUPP,
			       "no Ethernet header, XDP does not read such devices; set ingress = auto or "
			       "tc");
	nw_xdp_look(link->ifindex, &x);
	first = nw_choose_ingress(link, &x, how, a->why, sizeof(a->why));
	if (first == NW_HOW_XDP || first == NW_HOW_XDP_GENERIC) {
		err = attach_xdp(a, link, live, first == NW_HOW_XDP_GENERIC);
		if (err && how != NW_HOW_AUTO)
			return trouble(iface, err, "XDP can't be attached (%s); set ingress = auto or tc",
				       a->why);
		if (!err || how != NW_HOW_AUTO)
			return err;
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
 * abstract socket's name belongs to one network namespace, as an interface does, and dies with its owner; it
 * listens only to be asked whose it is. Returns the socket; -EBUSY: another negwatchd has it, pid is his or
 * 0; or -errno.
 */
static int claim(unsigned int ifindex, pid_t *pid)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int n = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "negwatchd/%u", ifindex);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*pid = 0;
	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, SOMAXCONN) == 0)
		return TAKE_FD(fd);
	if (errno != EADDRINUSE)
		return -errno;
	nw_listener(&addr, len, pid);
	return -EBUSY;
}

static int claim_for(struct nw_iface *iface)
{
	char who[24] = "";
	pid_t pid;
	int fd = claim(iface->ifindex, &pid);

	if (pid)
		snprintf(who, sizeof(who), " (pid %d)", (int)pid);
	if (fd == -EBUSY)
		return trouble(iface, fd,
			       "another negwatchd%s watches it already; stop that one first (systemctl stop "
			       "negwatchd)",
			       who);
	if (fd < 0)
		return trouble(iface, fd, "no socket to claim it: %m");
	iface->owner_fd = fd;
	return 0;
}

static void reap(const struct nw_link *link)
{
	char filters[32] = "";
	bool qdisc;
	int n = nw_clsact_reap(link->ifindex, &qdisc);

	if (n > 0)
		snprintf(filters, sizeof(filters), "%d filter%s%s", n, n > 1 ? "s" : "",
			 qdisc ? " and " : "");
	if (n > 0 || qdisc)
		nw_warn("%s: removed %s%s that a killed negwatchd had left", link->name, filters,
			qdisc ? "the clsact qdisc" : "");
}

void nw_attach_reap(const struct nw_link *link)
{
	_cleanup_close_ int fd = -1;
	pid_t pid;

	if (!link->filterable)
		return;
	fd = claim(link->ifindex, &pid);
	if (fd >= 0)
		reap(link);
}

int nw_attach(struct nw_iface *out, const struct nw_link *link, enum nw_hook_how ingress,
	      enum nw_hook_how egress, const struct nw_live *live)
{
	int err;

	*out = (struct nw_iface){
		.ifindex = link->ifindex,
		.wanted_ingress = ingress,
		.wanted_egress = egress,
		.ingress = { .how = NW_HOW_NONE, .link_fd = -1 },
		.egress = { .how = NW_HOW_NONE, .link_fd = -1 },
		.owner_fd = -1,
	};
	memcpy(out->name, link->name, sizeof(out->name));
	err = claim_for(out);
	if (err)
		return err;
	reap(link);
	err = attach_ingress(out, link, ingress, live);
	if (!err)
		err = attach_egress(out, link, egress, live);
	if (err)
		nw_detach(out);
	return err;
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

/* A link whose interface is gone, or that was taken off by force, has no interface any more. */
static bool link_intact(int fd)
{
	struct bpf_link_info info = { 0 };
	unsigned int len = sizeof(info);

	/* tcx.ifindex is in the same place; Debian 12's header does not have it. */
	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 || info.xdp.ifindex;
}

static bool intact(const struct nw_iface *iface, bool egress)
{
	const struct nw_attached *a = egress ? &iface->egress : &iface->ingress;

	if (a->how == NW_HOW_CLSACT)
		return nw_clsact_intact(iface, egress);
	return a->link_fd < 0 || link_intact(a->link_fd);
}

bool nw_attach_intact(const struct nw_iface *iface)
{
	return intact(iface, false) && intact(iface, true);
}
