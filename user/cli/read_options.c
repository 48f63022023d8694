// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The options of `negwatch read`: one table for parsing and for help. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "read_options.h"
#include "../util/util.h"

static int set_json(struct nw_read_options *o, const char *arg)
{
	o->json = true;
	return 0;
}

static int set_all(struct nw_read_options *o, const char *arg)
{
	o->all = true;
	return 0;
}

static int set_help(struct nw_read_options *o, const char *arg)
{
	o->help = true;
	return 0;
}

static int set_vantage(struct nw_read_options *o, const char *arg)
{
	unsigned int i;

	for (i = 1; i <= NW_VANTAGE_BETWEEN; i++) {
		if (strcmp(arg, nw_vantage_name((uint8_t)i)) == 0) {
			o->vantage = i;
			return 0;
		}
	}
	fprintf(stderr, "negwatch read: no such vantage: '%s'; it is server, client or between\n", arg);
	return -EINVAL;
}

static int set_port(struct nw_read_options *o, const char *arg)
{
	char *end;
	unsigned long port = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || port < 1 || port > 65535) {
		fprintf(stderr, "negwatch read: '%s' is no TCP port; give a number from 1 to 65535\n", arg);
		return -EINVAL;
	}
	if (o->n_ports == NW_READ_PORTS_MAX) {
		fprintf(stderr, "negwatch read: too many ports; %d are possible, 445 and 139 included\n",
			NW_READ_PORTS_MAX);
		return -EINVAL;
	}
	o->ports[o->n_ports++] = (uint16_t)port;
	return 0;
}

/* A `val` below 256 is the letter of the short form, which takes no value. */
static const struct {
	struct option name;
	const char *arg;
	const char *help;
	int (*set)(struct nw_read_options *o, const char *arg);
} table[] = {
	{ { "json", no_argument, NULL, 'j' },
	  NULL,
	  "JSON Lines: one object per SMB flow, then a summary",
	  set_json },
	{ { "vantage", required_argument, NULL, 256 },
	  "WHERE",
	  "where the capture was taken: server, client, between",
	  set_vantage },
	{ { "port", required_argument, NULL, 257 },
	  "N",
	  "SMB is on this TCP port, too; can be repeated",
	  set_port },
	{ { "all", no_argument, NULL, 258 },
	  NULL,
	  "report all flows, not only those with findings",
	  set_all },
	{ { "help", no_argument, NULL, 'h' }, NULL, "this text", set_help },
};

void nw_read_usage(FILE *out)
{
	char left[32];
	size_t i;

	fputs("usage: negwatch read [OPTION]... FILE...\n\n"
	      "Looks for edited SMB2 negotiations in captures: pcap or pcapng, plain or\n"
	      "gzip'ed; \"-\" is standard input.\n\n",
	      out);
	for (i = 0; i < NW_ARRAY_SIZE(table); i++) {
		snprintf(left, sizeof(left), "--%s%s%s", table[i].name.name, table[i].arg ? " " : "",
			 table[i].arg ? table[i].arg : "");
		if (table[i].name.val < 256)
			fprintf(out, "  -%c, %-18s %s\n", table[i].name.val, left, table[i].help);
		else
			fprintf(out, "      %-18s %s\n", left, table[i].help);
	}
	fputs("\nExit status: 0 nothing found; 1 findings of severity warning or above; 2 a file\n"
	      "could not be read (all others were), or wrong usage.\n",
	      out);
}

int nw_read_parse(struct nw_read_options *o, int argc, char **argv)
{
	struct option longs[NW_ARRAY_SIZE(table) + 1] = { 0 };
	char shorts[NW_ARRAY_SIZE(table) + 2] = ":", *s = shorts + 1;
	size_t i;
	int c;

	for (i = 0; i < NW_ARRAY_SIZE(table); i++) {
		longs[i] = table[i].name;
		if (table[i].name.val < 256)
			*s++ = (char)table[i].name.val;
	}
	optind = 0; /* glibc: begin anew, whatever main() did with its own options */
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		for (i = 0; i < NW_ARRAY_SIZE(table); i++)
			if (table[i].name.val == c)
				break;
		if (i == NW_ARRAY_SIZE(table)) {
			fprintf(stderr, "negwatch read: %s: '%s'; see negwatch read --help\n",
				c == ':' ? "option without its value" : "no such option", argv[optind - 1]);
			return -EINVAL;
		}
		if (table[i].set(o, optarg) < 0)
			return -EINVAL;
	}
	o->first_file = optind;
	if (o->help || optind < argc)
		return 0;
	fputs("negwatch read: no file given; name captures, or - for standard input\n", stderr);
	return -EINVAL;
}
