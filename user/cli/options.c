// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the table of options. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "../util/time.h"
#include "../util/util.h"

static const char *set_vantage(void *member, const char *value)
{
	static const char *const names[] = {
		[NW_VANTAGE_SERVER] = "server",
		[NW_VANTAGE_CLIENT] = "client",
		[NW_VANTAGE_BETWEEN] = "between",
	};
	enum nw_vantage *vantage = member;

	for (size_t i = 1; i < NW_ARRAY_SIZE(names); i++)
		if (strcmp(value, names[i]) == 0) {
			*vantage = i;
			return NULL;
		}
	return "expected server, client or between";
}

static const char *add_port(void *member, const char *value)
{
	struct nw_cli_ports *p = member;
	unsigned long port;
	char *end;

	port = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || port < 1 || port > 65535)
		return "expected a TCP port, a number from 1 to 65535";
	if (p->n == NW_CLI_PORTS_MAX)
		return "too many ports; 64 are possible, 445 and 139 included";
	p->port[p->n++] = (uint16_t)port;
	return NULL;
}

/* "2026-11-22T12:00:00Z"; or how long ago: "90s", "15min", "2h", "7d". */
static const char *set_time(void *member, const char *value)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	unsigned long ago;
	char *end;

	if (nw_time_parse(value, member) == 0)
		return NULL;
	ago = strtoul(value, &end, 10);
	for (size_t i = 0; *value >= '0' && *value <= '9' && ago <= 1000000 && i < NW_ARRAY_SIZE(units); i++)
		if (strcmp(end, units[i].name) == 0) {
			*(int64_t *)member = nw_wall() - (int64_t)ago * units[i].seconds * 1000000000LL;
			return NULL;
		}
	return "expected a time such as 2026-11-22T12:00:00Z, or how long ago: 15min, 2h, 7d";
}

#define FLAG(member) offsetof(struct nw_cli, member), nw_option_flag
#define TEXT(member) offsetof(struct nw_cli, member), nw_option_text
#define NUMBER(member) offsetof(struct nw_cli, member), nw_option_number

/* Tables are wrapped by hand. */
/* clang-format off */
const struct nw_option nw_cli_options[] = {
	{ 's', "socket", "PATH", NULL, "the daemon's control socket (default " NW_CLI_SOCKET ")", TEXT(socket) },
	{ 'j', "json", NULL, NULL, "print JSON", FLAG(json) },
	{ 'n', "no-headings", NULL, NULL, "tables without their first line", FLAG(no_headings) },
	{ 'u', "utc", NULL, NULL, "times in UTC instead of local time", FLAG(utc) },
	{ 'q', "quiet", NULL, NULL, "no remarks, only results", FLAG(quiet) },
	{ 'h', "help", NULL, NULL, "print help and exit; also behind a command", FLAG(help) },
	{ 'V', "version", NULL, NULL, "print the version and exit", FLAG(version) },
	{ 'l', "limit", "N", "alerts flows watch", "only the newest N; watch: end after N", NUMBER(limit) },
	{ 'c', "client", "ADDRESS", "alerts flows peers watch", "only those of this client", TEXT(client) },
	{ 'N', "not-validated", NULL, "peers", "only clients that don't validate: the audit list of rule 110",
	  FLAG(not_validated) },
	{ 'S', "since", "ID", "alerts", "only alerts with a higher number", NUMBER(since) },
	{ 'S', "since", "TIME", "replay", "from then on: 2026-11-22T12:00:00Z, or 15min, 2h, 7d ago",
	  offsetof(struct nw_cli, since_time), set_time },
	{ 0, "vantage", "WHERE", "read", "where the capture was taken: server, client, between",
	  offsetof(struct nw_cli, vantage), set_vantage },
	{ 0, "port", "N", "read", "SMB is on this TCP port, too; can be repeated",
	  offsetof(struct nw_cli, ports), add_port },
	{ 0, "all", NULL, "read", "report all flows, not only those with findings", FLAG(all) },
	{ 'C', "config", "FILE", "doctor", "negwatchd's configuration (default /etc/negwatch/negwatchd.conf)",
	  TEXT(config) },
	{ 'k', "cost", NULL, "doctor", "measure what the programs cost on this host; takes some seconds",
	  FLAG(cost) },
};
/* clang-format on */

const size_t nw_n_cli_options = NW_ARRAY_SIZE(nw_cli_options);
