/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who listens at a Unix stream socket. */
#ifndef NW_PEER_H
#define NW_PEER_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/*
 * 0: somebody listens; pid is his, or 0 where that can't be told (another pid namespace). -EAGAIN: somebody
 * does, and his queue is full. Or -errno: -ECONNREFUSED, -ENOENT, -EACCES, ... pid is set in every case.
 */
int nw_listener(const struct sockaddr_un *addr, socklen_t len, pid_t *pid);

#endif
