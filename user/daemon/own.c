// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The host's own addresses, and which interfaces carry one. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "own.h"
#include "../util/util.h"

static void freeifaddrsp(struct ifaddrs **list)
{
	freeifaddrs(*list);
}

/* False if it is neither IPv4 nor IPv6. */
static bool addr_of(const struct sockaddr *sa, union nw_addr *out)
{
	if (!sa)
		return false;
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		out->b[10] = out->b[11] = 0xff;
		memcpy(out->b + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(out->b, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
		return true;
	}
	return false;
}

int nw_own_refresh(struct nw_own *own)
{
	_cleanup_(freeifaddrsp) struct ifaddrs *list = NULL;
	union nw_addr *fresh, one;
	unsigned int n = 0, room = 0;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		room++;
	fresh = calloc(room + 1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		if (addr_of(i->ifa_addr, &one))
			fresh[n++] = one;
	free(own->addr);
	own->addr = fresh;
	own->n = n;
	return 0;
}

void nw_own_free(struct nw_own *own)
{
	free(own->addr);
	*own = (struct nw_own){ 0 };
}

bool nw_own_has(const struct nw_own *own, const union nw_addr *addr)
{
	for (unsigned int i = 0; i < own->n; i++)
		if (memcmp(&own->addr[i], addr, sizeof(*addr)) == 0)
			return true;
	return false;
}

static bool link_local(const union nw_addr *a)
{
	static const uint8_t v4[14] = { [10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254 };

	return memcmp(a->b, v4, sizeof(v4)) == 0 || (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
}

int nw_own_addressed_read(struct nw_own_addressed *out)
{
	return getifaddrs(&out->list) < 0 ? -errno : 0;
}

void nw_own_addressed_free(struct nw_own_addressed *a)
{
	freeifaddrs(a->list);
	a->list = NULL;
}

/* The address of an alias is listed under its label: "eth0:1". */
static bool is_of(const char *label, const char *name)
{
	size_t n = strlen(name);

	return strncmp(label, name, n) == 0 && (!label[n] || label[n] == ':');
}

bool nw_own_is_addressed(const struct nw_own_addressed *a, const char *name)
{
	union nw_addr addr;

	for (const struct ifaddrs *i = a->list; i; i = i->ifa_next)
		if (i->ifa_flags & IFF_UP && !(i->ifa_flags & IFF_LOOPBACK) && is_of(i->ifa_name, name) &&
		    addr_of(i->ifa_addr, &addr) && !link_local(&addr))
			return true;
	return false;
}
