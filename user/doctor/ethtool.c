// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An interface's driver and offloads, by the ethtool ioctl. Reads only. */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "doctor.h"
#include "../util/util.h"

#define FEATURES_MAX 256 /* 64 or so in kernel 6.18 */

static bool ask(int fd, const char *name, void *what)
{
	struct ifreq req = { .ifr_data = what };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &req) == 0;
}

/* How many features there are; their names are numbered as their bits. */
static unsigned int feature_names(int fd, const char *name, char out[FEATURES_MAX][ETH_GSTRING_LEN])
{
	union {
		struct ethtool_sset_info head;
		char room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} set = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	_cleanup_free_ struct ethtool_gstrings *strings = NULL;

	unsigned int n;

	if (!ask(fd, name, &set) || !set.head.sset_mask || set.head.data[0] > FEATURES_MAX)
		return 0;
	n = set.head.data[0];
	strings = calloc(1, sizeof(*strings) + (size_t)n * ETH_GSTRING_LEN);
	if (!strings)
		return 0;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = n;
	if (!ask(fd, name, strings))
		return 0;
	memcpy(out, strings->data, (size_t)n * ETH_GSTRING_LEN);
	return n;
}

void nw_doctor_ethtool(struct nw_doctor_if *i)
{
	static char names[FEATURES_MAX][ETH_GSTRING_LEN];
	const struct {
		const char *name;
		bool *on;
	} wanted[] = {
		{ "rx-lro", &i->lro },
		{ "rx-gro-hw", &i->gro_hw },
		{ "rx-vlan-hw-parse", &i->vlan_strip },
	};
	union {
		struct ethtool_gfeatures head;
		char room[sizeof(struct ethtool_gfeatures) +
			  FEATURES_MAX / 32 * sizeof(struct ethtool_get_features_block)];
	} state = { .head = { .cmd = ETHTOOL_GFEATURES, .size = FEATURES_MAX / 32 } };
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int n;

	if (fd < 0)
		return;
	if (ask(fd, i->name, &driver))
		snprintf(i->driver, sizeof(i->driver), "%s", driver.driver);
	n = feature_names(fd, i->name, names);
	if (!n || !ask(fd, i->name, &state))
		return;
	for (unsigned int f = 0; f < n; f++)
		for (size_t w = 0; w < NW_ARRAY_SIZE(wanted); w++)
			if (strncmp(names[f], wanted[w].name, ETH_GSTRING_LEN) == 0)
				*wanted[w].on = state.head.features[f / 32].active & 1u << f % 32;
}
