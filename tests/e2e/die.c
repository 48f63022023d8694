// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Preloaded into negwatchd: kills it before its change of number $NW_DIE_AT, from 1, to qdiscs and filters.
 * The kernel is through with a change when send() returns: between two of them nothing else can be.
 */
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_change(int fd, const struct nlmsghdr *msg, size_t len)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_NETLINK ||
	    len < sizeof(*msg))
		return false;
	return msg->nlmsg_type == RTM_NEWQDISC || msg->nlmsg_type == RTM_DELQDISC ||
	       msg->nlmsg_type == RTM_NEWTFILTER || msg->nlmsg_type == RTM_DELTFILTER;
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	const char *at = getenv("NW_DIE_AT");
	static int changes;

	if (at && is_change(fd, buf, len) && ++changes == atoi(at))
		kill(getpid(), SIGKILL);
	return syscall(SYS_sendto, fd, buf, len, flags, NULL, 0);
}
