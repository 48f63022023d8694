// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `negwatch read`: the engine over capture files, in one pass. Flows are written in order of their first
 * SMB packet, file by file. The order gives way where memory would not: behind 64 MiB of text or a million
 * flows that wait for an older one to end (read_order.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture_flows.h"
#include "cli.h"
#include "read_order.h"
#include "read_progress.h"
#include "read_text.h"
#include "../engine/engine.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../util/file.h"
#include "../util/util.h"

/* Its place in not_observed[], which counts by bit of NW_UNSEEN_* */
#define TRUNCATED 2
_Static_assert(NW_UNSEEN_TRUNCATED == 1u << TRUNCATED, "place of a cause");

enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_UNREADABLE = 2 };

struct reader {
	const struct nw_cli *cli;
	const char *file; /* that is read */
	struct nw_order order;
	struct nw_progress progress;
	int err; /* of the output */
	struct nw_read_totals totals;
};

/* The flow as text of its own, NULL if it is not to be written. */
static char *flow_text(struct reader *r, const struct nw_conn *c, int64_t wall_offset)
{
	json_t *j = NULL;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (!r->cli->json && !r->cli->all && !c->n_findings)
		return NULL;
	f = open_memstream(&text, &size);
	if (f && r->cli->json) {
		j = nw_flow_json(c, r->file, wall_offset);
		if (!j || json_dumpf(j, f, NW_JSON_LINE) < 0 || fputc('\n', f) == EOF)
			r->err = -ENOMEM;
	} else if (f) {
		nw_read_text_flow(f, c, r->file, wall_offset);
	}
	json_decref(j);
	if (nw_file_memory_end(f, &text) < 0)
		r->err = -ENOMEM;
	return text;
}

static int on_flow(void *arg, const struct nw_conn *c, int64_t wall_offset)
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
	nw_progress_clear(&r->progress);
	if (nw_order_put(&r->order, c->id, flow_text(r, c, wall_offset)) < 0)
		r->err = -ENOMEM;
	if (ferror(stdout))
		r->err = -EIO;
	return r->err;
}

/* Cut packets don't matter where only file contents are missing; where flows are, it has to be said. */
static void mention_cut(const struct reader *r, const struct nw_capture_info *info, uint64_t flows,
			uint64_t truncated)
{
	char what[160];

	if (!info->cut || (r->totals.flows != flows && r->totals.not_observed[TRUNCATED] == truncated))
		return;
	snprintf(what, sizeof(what),
		 "%" PRIu64 " of %" PRIu64
		 " packets were cut when they were captured, and too much is missing: "
		 "capture with a larger snapshot length (tcpdump -s 0)",
		 info->cut, info->packets);
	nw_capture_complain("read", r->file, what);
}

/* One file from its first packet to its last. Returns 0, or < 0 having said why. */
static int read_file(struct reader *r, const char *file)
{
	struct nw_tap_config tap = { .ports = r->cli->ports.port, .n_ports = r->cli->ports.n };
	uint64_t flows = r->totals.flows, truncated = r->totals.not_observed[TRUNCATED];
	struct nw_capture_info info;
	int err;

	r->file = file;
	err = nw_capture_flows(file, &tap, r->cli->vantage, on_flow, r, &info, &r->progress);
	nw_order_end(&r->order);
	r->totals.packets += info.packets;
	if (info.link_type >= 0)
		r->totals.files++;
	mention_cut(r, &info, flows, truncated);
	if (!err)
		return 0;
	r->totals.unreadable++;
	nw_capture_complain("read", file, info.error[0] ? info.error : strerror(-err));
	return err;
}

static void write_summary(struct reader *r)
{
	const struct nw_read_totals *t = &r->totals;
	json_t *rules = json_object(), *unseen = json_object(), *j;
	const char *name;
	char number[8];
	unsigned int i;
	int bad = 0;

	for (i = 0; i < nw_n_rules; i++) {
		snprintf(number, sizeof(number), "%u", nw_rules[i].number);
		if (t->findings[i])
			bad |= json_object_set_new(rules, number, json_integer((json_int_t)t->findings[i]));
	}
	for (i = 0; (name = nw_unseen_name(i)) && 1u << i <= NW_UNSEEN_FRAGMENT; i++)
		bad |= json_object_set_new(unseen, name, json_integer((json_int_t)t->not_observed[i]));
	j = json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "type", "summary", "files", (json_int_t)t->files,
		      "packets", (json_int_t)t->packets, "flows", (json_int_t)t->flows, "findings", rules,
		      "not_observed", unseen);
	j = nw_json_whole(j, bad);
	if (!j || json_dumpf(j, stdout, NW_JSON_LINE) < 0 || putchar('\n') == EOF)
		r->err = j ? -EIO : -ENOMEM;
	json_decref(j);
}

void nw_help_read(void)
{
	puts("\nExit: 0 nothing found; 1 findings of severity warning or above; 2 a file could\n"
	     "not be read (all others were), or wrong usage.");
}

int nw_cmd_read(const struct nw_cli *cli, int argc, char **argv)
{
	struct reader r = { .cli = cli,
			    .order.out = stdout,
			    .progress.on = isatty(STDERR_FILENO) && !cli->quiet };
	int i, status;

	for (i = 1; i < argc && !r.err; i++)
		read_file(&r, argv[i]);
	if (cli->json)
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
