// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch: the table of options. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "../engine/rules.h"
#include "../util/time.h"
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

/* "10.1.2.3", "10.1.0.0/16", "fe80::1". */
static const char *set_net(void *member, const char *value)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct nw_cli_net net = { .bits = 128 };
	char text[64], *slash, *end;
	unsigned long bits;
	unsigned int skip = 0;

	snprintf(text, sizeof(text), "%s", value);
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, net.addr + 12) == 1) {
		memcpy(net.addr, mapped, sizeof(mapped));
		skip = 96;
	} else if (inet_pton(AF_INET6, text, net.addr) != 1) {
		return "expected an address (names are not looked up), or a network such as 10.1.0.0/16";
	}
	if (slash) {
		bits = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || bits < 1 || bits > 128 - skip)
			return skip ? "expected 1 to 32 behind the /" : "expected 1 to 128 behind the /";
		net.bits = skip + (unsigned int)bits;
	}
	*(struct nw_cli_net *)member = net;
	return NULL;
}

static const char *set_rule(void *member, const char *value)
{
	for (size_t i = 0; i < nw_n_rules; i++) {
		char number[8];

		snprintf(number, sizeof(number), "%u", nw_rules[i].number);
		if (strcmp(number, value) != 0 && strcmp(nw_rules[i].name, value) != 0)
			continue;
		*(unsigned int *)member = nw_rules[i].number;
		return NULL;
	}
	return "expected the number or name of one rule; `negwatch explain` lists them";
}

/* Judged here, so that the message names the option; --utc may still come. */
static const char *set_since(void *member, const char *value)
{
	int64_t wall;

	if (nw_time_since(value, nw_wall(), false, &wall) < 0)
		return "expected a time: 30min, 2h, 7d, 13:05, 2026-11-22, \"2026-11-22 13:05\"";
	*(const char **)member = value;
	return NULL;
}

static const char *set_color(void *member, const char *value)
{
	static const char *const names[] = {
		[NW_COLOR_AUTO] = "auto",
		[NW_COLOR_ALWAYS] = "always",
		[NW_COLOR_NEVER] = "never",
	};

	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		if (strcmp(value, names[i]) == 0) {
			*(enum nw_cli_color *)member = i;
			return NULL;
		}
	return "expected auto, always or never";
}

#define AT(member, set) offsetof(struct nw_cli, member), set
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
	{ 0, "color", "WHEN", NULL, "auto (on a terminal, without NO_COLOR), always, never", AT(color, set_color) },
	{ 'l', "limit", "N", "alerts flows peers watch report", "only the newest N; watch: end after N", NUMBER(limit) },
	{ 'S', "since", "TIME", "alerts flows peers check replay report", "only from then on: 30min, 2h, 7d, 13:05, 2026-11-22, "
	  "\"2026-11-22 13:05\"", AT(since, set_since) },
	{ 'c', "client", "ADDRESS", "alerts flows peers watch report", "only those of this client, or network (10.1.0.0/16)",
	  AT(client, set_net) },
	{ 0, "server", "ADDRESS", "alerts flows peers watch report", "only those of this server, or network",
	  AT(server, set_net) },
	{ 'r', "rule", "RULE", "alerts flows watch report", "only those of this rule, by number or name", AT(rule, set_rule) },
	{ 'o', "output", "COLUMNS", "alerts flows peers", "these columns of the table, separated by commas",
	  TEXT(columns) },
	{ 'o', "output", "FILE", "evidence report", "write it there; - is standard output", TEXT(out_file) },
	{ 'N', "not-validated", NULL, "peers", "only clients that don't validate: the audit list of rule 110",
	  FLAG(not_validated) },
	{ 0, "after", "ID", "alerts", "only alerts with a higher number", NUMBER(after) },
	{ 'w', "warning", "N", "check", "WARNING from N alerts of severity warning or error on (default 1)",
	  NUMBER(warning) },
	{ 'c', "critical", "N", "check", "CRITICAL from N alerts of severity critical on (default 1)",
	  NUMBER(critical) },
	{ 0, "vantage", "WHERE", "read report", "where the capture was taken: server, client, between",
	  offsetof(struct nw_cli, vantage), set_vantage },
	{ 0, "port", "N", "read report", "SMB is on this TCP port, too; can be repeated",
	  offsetof(struct nw_cli, ports), add_port },
	{ 0, "all", NULL, "read", "report all flows, not only those with findings", FLAG(all) },
	{ 'C', "config", "FILE", "doctor", "negwatchd's configuration (default /etc/negwatch/negwatchd.conf)",
	  TEXT(config) },
	{ 'k', "cost", NULL, "doctor", "measure what the programs cost on this host; takes some seconds",
	  FLAG(cost) },
};
/* clang-format on */

const size_t nw_n_cli_options = NW_ARRAY_SIZE(nw_cli_options);
