// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether one end of a connection is a socket of this network namespace: asked of the kernel's sock_diag. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "own_socket.h"
#include "../util/text.h"
#include "../util/util.h"

static void set_ends(struct inet_diag_sockid *id, const struct nw_key *key, unsigned int local, bool v4)
{
	const union nw_addr *here = &key->addr[local], *there = &key->addr[!local];
	unsigned int skip = v4 ? 12 : 0;

	id->idiag_sport = key->port[local];
	id->idiag_dport = key->port[!local];
	memcpy(id->idiag_src, here->b + skip, 16 - skip);
	memcpy(id->idiag_dst, there->b + skip, 16 - skip);
	memset(id->idiag_cookie, 0xff, sizeof(id->idiag_cookie)); /* INET_DIAG_NOCOOKIE: any */
}

bool nw_own_socket(const struct nw_key *key, unsigned int local)
{
	bool v4 = nw_addr_is_v4(&key->addr[0]) && nw_addr_is_v4(&key->addr[1]);
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		  .req = { .sdiag_family = v4 ? AF_INET : AF_INET6,
			   .sdiag_protocol = IPPROTO_TCP,
			   .idiag_states = ~0u } };
	struct {
		struct nlmsghdr head;
		struct inet_diag_msg msg;
		char more[512];
	} answer;
	unsigned int skip;
	ssize_t n;

	if (fd < 0)
		return false;
	set_ends(&ask.req.id, key, local, v4);
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return false;
	/* Answered before send() returns. */
	n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(answer.head) + (ssize_t)sizeof(answer.msg) ||
	    answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return false;
	/*
	 * Where no connection has these ends, the kernel answers with the listening socket. A socket for both
	 * families has IPv4 addresses v4-mapped, as the key.
	 */
	skip = answer.msg.idiag_family == AF_INET ? 12 : 0;
	return answer.msg.id.idiag_dport == key->port[!local] &&
	       memcmp(answer.msg.id.idiag_dst, key->addr[!local].b + skip, 16 - skip) == 0;
}
