// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `negwatch locate`: the same connections at several places of a path, and where on it they were changed. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "locate_print.h"
#include "wrap.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../util/util.h"

enum { EXIT_SAME = 0, EXIT_CHANGED = 1, EXIT_UNREADABLE = 2 };

struct locate {
	const struct nw_cli *cli;
	struct nw_locate_files in;
	struct nw_pile pile;
	struct nw_kinds *kinds;
	struct nw_locate_stats stats;
	uint64_t changed, inferred;
};

static int on_located(void *arg, const struct nw_located *l)
{
	struct locate *lo = arg;

	lo->changed += l->changed;
	lo->inferred += !l->changed && l->n_changes;
	if (lo->cli->json)
		return nw_located_print_json(l, lo->in.place);
	return nw_kinds_add(lo->kinds, l);
}

static int on_portion(void *arg, const struct nw_sight *s, size_t n)
{
	struct locate *lo = arg;

	return nw_locate(s, n, on_located, lo, &lo->stats);
}

static int print_summary(const struct locate *lo)
{
	json_t *places = json_array(), *o;
	int bad = 0;

	for (size_t i = 0; i < lo->in.n_places; i++)
		bad |= json_array_append_new(places, json_string(lo->in.place[i].name));
	o = json_pack("{s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type", "summary",
		      "files", (json_int_t)lo->in.files, "places", places, "records",
		      (json_int_t)lo->in.flows, "connections", (json_int_t)lo->stats.joined, "changed",
		      (json_int_t)lo->changed, "may", (json_int_t)lo->inferred, "one_place",
		      (json_int_t)lo->stats.alone, "not_joinable", (json_int_t)lo->in.unknown, "ambiguous",
		      (json_int_t)lo->stats.ambiguous, "broken_lines", (json_int_t)lo->in.broken, "dropped",
		      (json_int_t)(lo->pile.dropped + lo->stats.crowded), "unreadable",
		      (json_int_t)lo->in.unreadable);
	o = nw_json_whole(o, bad);
	bad = !o || json_dumpf(o, stdout, NW_JSON_LINE) < 0 || putchar('\n') == EOF;
	json_decref(o);
	return bad ? -EIO : 0;
}

static void __attribute__((format(printf, 2, 3))) note(uint64_t n, const char *format, ...)
{
	char line[512];
	va_list ap;

	if (!n)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	nw_wrap(stdout, "", 2, NW_CLI_WIDTH, line);
}

/* What took no part in the comparison, and why. */
static void print_rest(const struct locate *lo)
{
	const struct nw_locate_files *in = &lo->in;

	note(lo->stats.alone, "Exchanges seen at one place only: %" PRIu64, lo->stats.alone);
	note(in->unknown,
	     "Records that can't be joined: %" PRIu64
	     ". They have no signed VALIDATE (encrypted, anonymous, not "
	     "validated, or not seen), and no salts of SMB 3.1.1",
	     in->unknown);
	note(lo->stats.ambiguous,
	     "Exchanges seen twice at one place, with different addresses: %" PRIu64
	     ". Write each interface of a "
	     "proxy to a file of its own",
	     lo->stats.ambiguous);
	note(in->broken,
	     "Lines that are cut short or damaged, and were left out: %" PRIu64
	     ". A syslog daemon on the way has to "
	     "take messages of 64 KiB",
	     in->broken);
	note(lo->pile.dropped + lo->stats.crowded, "Records dropped, more than there is room for: %" PRIu64,
	     lo->pile.dropped + lo->stats.crowded);
}

static int complain(const char *text)
{
	fflush(stdout);
	nw_wrap(stderr, "negwatch locate: ", 17, NW_CLI_WIDTH, text);
	return EXIT_UNREADABLE;
}

/* Is there anything that was compared? Otherwise "nothing changed" would be a lie. */
static int check(const struct locate *lo)
{
	char text[512];

	if (lo->in.unreadable)
		return EXIT_UNREADABLE;
	if (lo->in.n_places < 2) {
		snprintf(text, sizeof(text),
			 "all records are from one place%s%s: two or more have to be given, one from each "
			 "side of "
			 "what may be at fault",
			 lo->in.n_places ? ", " : "", lo->in.n_places ? lo->in.place[0].name : "");
		return complain(text);
	}
	if (!lo->stats.joined && !lo->stats.alone)
		return complain("there is no connection that can be known again at another place");
	if (!lo->stats.joined)
		return complain(
			"no connection was seen at more than one of these places: they are of different "
			"times or paths, or (journals) `record = exchanges` is not set on all hosts");
	if (lo->stats.copies == lo->stats.joined) /* nothing was printed */
		return complain(
			"addresses and times are the same to the nanosecond: these are copies from one "
			"place");
	return lo->changed ? EXIT_CHANGED : EXIT_SAME;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int run(struct locate *lo, int n, char **files)
{
	int err = nw_pile_init(&lo->pile, NW_PILE_BYTES);

	lo->kinds = nw_kinds_new();
	if (!lo->kinds)
		err = -ENOMEM;
	for (int i = 0; i < n && !err; i++)
		err = nw_locate_read(&lo->in, files[i], files, n);
	if (!err)
		err = nw_pile_each(&lo->pile, on_portion, lo);
	if (!err && lo->cli->json)
		err = print_summary(lo);
	if (!err && !lo->cli->json) {
		if (lo->stats.copies < lo->stats.joined)
			err = nw_kinds_print(lo->kinds, lo->cli, lo->in.place);
		if (!lo->cli->quiet)
			print_rest(lo);
	}
	if (err || fflush(stdout) || ferror(stdout))
		return complain(err == -ENOMEM ? "out of memory" : "the output is not complete");
	return check(lo);
}

int nw_cmd_locate(const struct nw_cli *cli, int argc, char **argv)
{
	struct locate lo = { .cli = cli, .in.pile = &lo.pile };
	int status;

	for (int i = 1; i < argc; i++)
		for (int k = 1; k < i; k++)
			if (same_file(argv[i], argv[k]))
				return complain("the same file was given twice");
	status = run(&lo, argc - 1, argv + 1);
	nw_kinds_free(lo.kinds);
	nw_locate_files_release(&lo.in);
	nw_pile_release(&lo.pile);
	return status;
}

void nw_help_locate(void)
{
	printf("\nFILE is a capture (pcap, pcapng), a journal (alerts.jsonl) or a central log with\n"
	       "the journals of many hosts; plain or gzip'ed; - is a journal on standard input.\n"
	       "client:FILE, between:FILE or server:FILE says where it was taken; journals know.\n"
	       "Each host of a journal is a place, and each capture.\n\n"
	       "With --json: one object per connection that two places saw, then a summary.\n"
	       "Exit: 0 nothing changed, 1 something did, 2 a file could not be read, wrong\n"
	       "usage, or nothing that could be compared.\n");
}
