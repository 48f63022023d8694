// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `negwatch read`: the engine over capture files, in one pass. Flows are written in order of their first
 * SMB packet, file by file. The order gives way where memory would not: behind 64 MiB of text or a million
 * flows that wait for an older one to end (read_order.h).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "read_order.h"
#include "read_text.h"
#include "../engine/engine.h"
#include "../sink/flow_json.h"
#include "../source/capture.h"
#include "../util/text.h"
#include "../util/util.h"

#define PORTS_MAX 64

enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_UNREADABLE = 2 };

int nw_cmd_read(int argc, char **argv);

struct options {
	bool json;
	bool all;
	bool help;
	enum nw_vantage vantage;
	uint16_t ports[PORTS_MAX];
	unsigned int n_ports;
};

struct reader {
	const struct options *opt;
	const char *file; /* that is read */
	struct nw_engine *engine;
	struct nw_tap *tap;
	struct nw_clock clock;
	struct nw_order order;
	int err; /* of the output */
	struct nw_read_totals totals;
};

static int set_json(struct options *o, const char *arg)
{
	o->json = true;
	return 0;
}

static int set_all(struct options *o, const char *arg)
{
	o->all = true;
	return 0;
}

static int set_help(struct options *o, const char *arg)
{
	o->help = true;
	return 0;
}

static int set_vantage(struct options *o, const char *arg)
{
	static const char *const names[] = {
		[NW_VANTAGE_SERVER] = "server",
		[NW_VANTAGE_CLIENT] = "client",
		[NW_VANTAGE_BETWEEN] = "between",
	};
	unsigned int i;

	for (i = 1; i < NW_ARRAY_SIZE(names); i++) {
		if (strcmp(arg, names[i]) == 0) {
			o->vantage = i;
			return 0;
		}
	}
	fprintf(stderr, "negwatch read: no such vantage: '%s'; it is server, client or between\n", arg);
	return -EINVAL;
}

static int set_port(struct options *o, const char *arg)
{
	char *end;
	unsigned long port = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || port < 1 || port > 65535) {
		fprintf(stderr, "negwatch read: '%s' is no TCP port; give a number from 1 to 65535\n", arg);
		return -EINVAL;
	}
	if (o->n_ports == PORTS_MAX) {
		fprintf(stderr, "negwatch read: too many ports; %d are possible, 445 and 139 included\n",
			PORTS_MAX);
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
	int (*set)(struct options *o, const char *arg);
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

static void usage(FILE *out)
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

/* Returns 0 or -EINVAL, having said why. */
static int parse(struct options *o, int argc, char **argv)
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
	if (o->help || optind < argc)
		return 0;
	fputs("negwatch read: no file given; name captures, or - for standard input\n", stderr);
	return -EINVAL;
}

/* The flow as text of its own, NULL if it is not to be written. */
static char *flow_text(struct reader *r, const struct nw_conn *c)
{
	json_t *j = NULL;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (!r->opt->json && !r->opt->all && !c->n_findings)
		return NULL;
	f = open_memstream(&text, &size);
	if (f && r->opt->json) {
		j = nw_flow_json(c, r->file, nw_clock_offset(&r->clock, c->first_ts));
		if (!j || json_dumpf(j, f, NW_JSON_LINE) < 0 || fputc('\n', f) == EOF)
			r->err = -ENOMEM;
	} else if (f) {
		nw_read_text_flow(f, c, r->file, nw_clock_offset(&r->clock, c->first_ts));
	}
	json_decref(j);
	if (!f || fclose(f))
		r->err = -ENOMEM;
	return text;
}

static void on_done(void *arg, const struct nw_conn *c)
{
	struct reader *r = arg;
	struct nw_read_totals *t = &r->totals;
	unsigned int i;
	int row;

	t->flows++;
	for (i = 0; i < NW_ARRAY_SIZE(t->not_observed); i++)
		t->not_observed[i] += c->unseen >> i & 1;
	for (i = 0; i < c->n_findings; i++) {
		row = nw_rule_index(c->findings[i].rule);
		if (row >= 0)
			t->findings[row]++;
		if (!t->any_finding || c->findings[i].severity > t->worst)
			t->worst = c->findings[i].severity;
		t->any_finding = true;
	}
	if (nw_order_put(&r->order, c->id, flow_text(r, c)) < 0)
		r->err = -ENOMEM;
	if (ferror(stdout))
		r->err = -EIO;
}

static int on_event(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct reader *)arg)->engine, ev);
}

static int on_packet(void *arg, const struct nw_tap_packet *pkt)
{
	struct reader *r = arg;
	struct nw_tap_packet p = *pkt;
	int err;

	p.ts = nw_clock_of(&r->clock, pkt->ts);
	err = nw_tap_packet(r->tap, &p);
	return err ? err : r->err;
}

static void complain(const char *file, const char *what)
{
	char safe[1024];
	struct nw_text t;

	nw_text_init(&t, safe, sizeof(safe));
	nw_text_escape(&t, file, strlen(file));
	fflush(stdout);
	fprintf(stderr, "negwatch read: %s: %s\n", strcmp(file, "-") ? safe : "standard input", what);
}

/* One file from its first packet to its last. Returns 0, or < 0 having said why. */
static int read_file(struct reader *r, const char *file)
{
	static const struct nw_engine_ops ops = { .done = on_done };
	struct nw_tap_config tap_cfg = { .ports = r->opt->ports, .n_ports = r->opt->n_ports };
	struct nw_engine_config cfg;
	struct nw_capture_info info = { 0 };
	int err;

	nw_engine_defaults(&cfg);
	cfg.vantage = r->opt->vantage;
	cfg.idle_timeout = 0;
	r->file = file;
	r->clock = (struct nw_clock){ 0 };
	err = nw_engine_new(&r->engine, &cfg, &ops, r);
	if (!err)
		err = nw_tap_new(&r->tap, &tap_cfg, on_event, r);
	if (!err)
		err = nw_capture_read(file, on_packet, r, &info);
	if (r->engine) {
		/* Time went on to the last packet, also if that was no SMB. */
		nw_engine_tick(r->engine, r->clock.now);
		nw_engine_flush(r->engine);
	}
	nw_order_end(&r->order);
	nw_tap_free(&r->tap);
	nw_engine_free(&r->engine);
	r->totals.packets += info.packets;
	if (info.link_type >= 0)
		r->totals.files++;
	if (!err)
		return 0;
	r->totals.unreadable++;
	complain(file, info.error[0] ? info.error : strerror(-err));
	return err;
}

static void write_summary(struct reader *r)
{
	const struct nw_read_totals *t = &r->totals;
	json_t *rules = json_object(), *unseen = json_object(), *j;
	const char *name;
	char number[8];
	unsigned int i;

	for (i = 0; i < nw_n_rules; i++) {
		snprintf(number, sizeof(number), "%u", nw_rules[i].number);
		if (t->findings[i])
			json_object_set_new(rules, number, json_integer((json_int_t)t->findings[i]));
	}
	for (i = 0; (name = nw_unseen_name(i)) && 1u << i <= NW_UNSEEN_FRAGMENT; i++)
		json_object_set_new(unseen, name, json_integer((json_int_t)t->not_observed[i]));
	j = json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "type", "summary", "files", (json_int_t)t->files,
		      "packets", (json_int_t)t->packets, "flows", (json_int_t)t->flows, "findings", rules,
		      "not_observed", unseen);
	if (!j || json_dumpf(j, stdout, NW_JSON_LINE) < 0 || putchar('\n') == EOF)
		r->err = j ? -EIO : -ENOMEM;
	json_decref(j);
}

int nw_cmd_read(int argc, char **argv)
{
	struct options opt = { .ports = { 445, 139 }, .n_ports = 2 };
	struct reader r = { .opt = &opt, .order.out = stdout };
	int i, status;

	if (parse(&opt, argc, argv) < 0)
		return EXIT_UNREADABLE;
	if (opt.help) {
		usage(stdout);
		return EXIT_CLEAN;
	}
	for (i = optind; i < argc && !r.err; i++)
		read_file(&r, argv[i]);
	if (opt.json)
		write_summary(&r);
	else
		nw_read_text_summary(stdout, &r.totals);
	status = r.totals.any_finding && r.totals.worst >= NW_SEV_WARNING ? EXIT_FINDINGS : EXIT_CLEAN;
	if (fflush(stdout) || ferror(stdout) || r.err) {
		fputs("negwatch read: the output is not complete: it could not be written\n", stderr);
		return EXIT_UNREADABLE;
	}
	return r.totals.unreadable ? EXIT_UNREADABLE : status;
}
