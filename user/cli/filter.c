// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --client, --server, --rule and --since: does an object of the daemon's match? */
#include <arpa/inet.h>
#include <string.h>

#include "cli.h"
#include "../util/time.h"

const struct nw_filter_keys nw_alert_keys = {
	.time = "timestamp",
	.client = "src_ip",
	.server = "dest_ip",
	.rule = "negwatch.rule",
};

bool nw_filter_any(const struct nw_cli *cli)
{
	return cli->client.bits || cli->server.bits || cli->rule || cli->since_wall != INT64_MIN;
}

static bool in_net(const struct nw_cli_net *net, const char *text)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	unsigned int whole = net->bits / 8, rest = net->bits % 8;

	if (!net->bits)
		return true;
	if (inet_pton(AF_INET, text, addr + 12) != 1 && inet_pton(AF_INET6, text, addr) != 1)
		return false;
	return memcmp(addr, net->addr, whole) == 0 &&
	       (!rest || (addr[whole] ^ net->addr[whole]) >> (8 - rest) == 0);
}

static bool has_rule(const struct nw_filter_keys *keys, const json_t *o, unsigned int rule)
{
	const json_t *one;
	size_t i;

	if (keys->rule)
		return nw_num(o, keys->rule) == rule;
	json_array_foreach(nw_at(o, keys->rules), i, one)
	{
		if (nw_num(one, "rule") == rule)
			return true;
	}
	return false;
}

bool nw_filter_match(const struct nw_cli *cli, const struct nw_filter_keys *keys, const json_t *o)
{
	int64_t when;

	/* What has no time that can be read is shown rather than hidden. */
	if (cli->since_wall != INT64_MIN && nw_time_parse(nw_str(o, keys->time), &when) == 0 &&
	    when < cli->since_wall)
		return false;
	return in_net(&cli->client, nw_str(o, keys->client)) &&
	       in_net(&cli->server, nw_str(o, keys->server)) && (!cli->rule || has_rule(keys, o, cli->rule));
}
