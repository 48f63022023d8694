// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Gathers the facts about a host and its interfaces. Changes nothing, attaches nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "../daemon/clsact.h"
#include "../util/log.h"
#include "../util/peer.h"
#include "../util/time.h"
#include "../util/util.h"

#define FIRST_USER_NAMESPACE "user:[4026531837]"
/* As negwatchd claims an interface: an abstract socket, shown with an "@". */
#define CLAIM " @negwatchd/%u"

static void look_privileges(struct nw_doctor_host *h)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	char where[64] = "";
	bool admin;

#define HAS(cap) (!!(data[(cap) / 32].effective & 1u << (cap) % 32))
	syscall(SYS_capget, &head, data);
	admin = HAS(CAP_SYS_ADMIN);
	h->root = geteuid() == 0;
	h->net_admin = HAS(CAP_NET_ADMIN);
	h->bpf = admin || HAS(CAP_BPF);
	h->perfmon = admin || HAS(CAP_PERFMON);
#undef HAS
	h->user_namespace = readlink("/proc/self/ns/user", where, sizeof(where) - 1) > 0 &&
			    strcmp(where, FIRST_USER_NAMESPACE) != 0;
}

static void look_kernel(struct nw_doctor_host *h)
{
	struct rlimit limit = { 0 };
	struct utsname un = { 0 };

	uname(&un);
	snprintf(h->release, sizeof(h->release), "%s", un.release);
	if (sscanf(un.release, "%u.%u", &h->major, &h->minor) != 2)
		h->major = h->minor = 0;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	h->memlock = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

static void overhear(void *arg, int level, const char *text)
{
	struct nw_doctor_host *h = arg;

	if (level <= LOG_ERR && !*h->cfg_text)
		snprintf(h->cfg_text, sizeof(h->cfg_text), "%s", text);
}

static void look_config(struct nw_doctor_host *h, const char *path)
{
	nw_config_defaults(&h->cfg);
	nw_log_to(overhear, h);
	h->cfg_err = nw_config_read(&h->cfg, path ? path : NW_CONFIG_FILE);
	nw_log_to(NULL, NULL);
	/* a file that was named has to be there */
	if (path && h->cfg_err == -ENOENT && !*h->cfg_text)
		snprintf(h->cfg_text, sizeof(h->cfg_text), "There is no file %s", path);
}

/* A directory that is missing is made by the daemon: then its parent counts. */
static void look_dir(struct nw_place *p, const char *dir)
{
	char parent[PATH_MAX];
	struct statvfs fs;
	char *slash;

	snprintf(parent, sizeof(parent), "%s", dir);
	if (access(dir, F_OK) < 0 && errno == ENOENT) {
		p->absent = true;
		slash = strrchr(parent, '/');
		if (slash)
			slash[slash == parent] = '\0';
	}
	if (faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) < 0)
		p->err = -errno;
	if (statvfs(parent, &fs) == 0)
		p->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

static int unix_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(addr->sun_path, path);
	return 0;
}

/* Whether a datagram would be taken now: there is somebody, and his queue has room. */
static int takes_datagrams(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct sockaddr_un addr;
	int err = unix_address(&addr, path);

	if (err)
		return err;
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT ? 0 : -EAGAIN;
}

static void look_surroundings(struct nw_doctor_host *h)
{
	struct timex tx = { 0 };
	struct sockaddr_un addr;
	char path[PATH_MAX];
	int err;

	look_dir(&h->state, h->cfg.state_dir);
	look_dir(&h->run, h->cfg.run_dir);
	if (*h->cfg.syslog_socket)
		h->syslog.err = takes_datagrams(h->cfg.syslog_socket);
	h->wall = nw_wall();
	h->clock_synced = adjtimex(&tx) != TIME_ERROR && !(tx.status & STA_UNSYNC);
	snprintf(path, sizeof(path), "%s/control.sock", h->cfg.run_dir);
	err = unix_address(&addr, path);
	if (!err)
		err = nw_listener(&addr, sizeof(addr), &h->daemon_pid);
	h->daemon_runs = !err || err == -EAGAIN || err == -EACCES;
}

void nw_doctor_look(struct nw_doctor_host *h, const char *config)
{
	look_privileges(h);
	look_kernel(h);
	look_config(h, config);
	nw_doctor_probe_kernel(h);
	nw_doctor_load(h);
	look_surroundings(h);
}

struct counting {
	struct nw_doctor_if *i;
	int egress;
};

static int count_filter(void *arg, const struct nw_filter *f)
{
	struct counting *c = arg;

	if (nw_clsact_is_ours(f))
		c->i->ours[c->egress]++;
	else
		c->i->filters[c->egress]++;
	return 0;
}

/* Whether the interface's claim is among this network namespace's sockets. Binding to see would be in the
 * way. */
static bool claimed(unsigned int ifindex)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/net/unix", "re");
	char line[512], claim[40];
	bool found = false;

	snprintf(claim, sizeof(claim), CLAIM, ifindex);
	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		found = strlen(line) > strlen(claim) &&
			strcmp(line + strlen(line) - strlen(claim), claim) == 0;
	}
	return found;
}

void nw_doctor_look_at(struct nw_doctor_if *i, const char *name)
{
	struct nw_qdisc qdisc;

	*i = (struct nw_doctor_if){ 0 };
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->err = nw_link_by_name(name, &i->link);
	if (i->err)
		return;
	nw_xdp_look(i->link.ifindex, &i->xdp);
	nw_doctor_ethtool(i);
	nw_ingress_qdisc(i->link.ifindex, &qdisc);
	memcpy(i->qdisc, qdisc.kind, sizeof(i->qdisc));
	i->qdisc_made = nw_clsact_made(&qdisc);
	/* An "ingress" qdisc answers for both, with the same filters. */
	for (int egress = 0; egress < (strcmp(i->qdisc, "clsact") == 0 ? 2 : 1); egress++) {
		struct counting c = { i, egress };

		/* Kernels refuse when there is no qdisc to look at. */
		nw_filter_each(i->link.ifindex, egress, count_filter, &c);
	}
	i->watched = claimed(i->link.ifindex);
}
