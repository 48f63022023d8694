// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the table of options. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "../util/util.h"

static const char *set_vantage(void *member, const char *value)
{
	enum nw_vantage *vantage = member;

	for (unsigned int i = 1; i <= NW_VANTAGE_BETWEEN; i++)
		if (strcmp(value, nw_vantage_name((uint8_t)i)) == 0) {
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
