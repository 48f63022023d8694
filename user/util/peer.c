// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who listens at a Unix stream socket. */
#include <errno.h>

#include "peer.h"
#include "util.h"

int nw_listener(const struct sockaddr_un *addr, socklen_t len, pid_t *pid)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	*pid = 0;
	if (fd < 0 || connect(fd, (const struct sockaddr *)addr, len) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
		*pid = peer.pid;
	return 0;
}
