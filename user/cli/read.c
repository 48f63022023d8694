// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `negwatch read`: the engine over capture files, in one pass, several files at a time: they have nothing to
 * do with each other. Flows are written in order of their first SMB packet, file by file. The order gives way
 * where memory would not: behind 64 MiB of text or a million flows that wait for an older one to end
 * (read_order.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_flows.h"
#include "cli.h"
#include "read_order.h"
#include "read_progress.h"
#include "read_text.h"
#include "read_turns.h"
#include "../engine/engine.h"
#include "../sink/flow_json.h"
#include "../sink/json.h"
#include "../sink/json_text.h"
#include "../util/file.h"
#include "../util/util.h"

/* Its place in not_observed[], which counts by bit of NW_UNSEEN_* */
#define TRUNCATED 2
_Static_assert(NW_UNSEEN_TRUNCATED == 1u << TRUNCATED, "place of a cause");

enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_UNREADABLE = 2 };

/*
 * Files at a time, one to a processor. Each takes some 40 MiB when it is large and busy, and 64 MiB more
 * where flows have to wait for an older one (read_order.h).
 */
#define AT_A_TIME 8

/* All files. */
struct job {
	const struct nw_cli *cli;
	struct nw_progress_line *line;
	struct nw_turns turns;
	size_t next;	      /* that nobody has begun; atomic */
	pthread_mutex_t lock; /* of the sums */
	struct nw_read_totals totals;
};

/* One of them. */
struct reader {
	const struct nw_cli *cli;
	const char *file;
	struct nw_order order;
	int err; /* of the output */
	struct nw_read_totals totals;
};

/* The flow as text of its own, NULL if it is not to be written. */
static char *flow_text(struct reader *r, const struct nw_conn *c, int64_t wall_offset)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (!r->cli->all && !c->n_findings)
		return NULL;
	f = open_memstream(&text, &size);
	if (f)
		nw_read_text_flow(f, c, r->file, wall_offset);
	if (nw_file_memory_end(f, &text) < 0)
		r->err = -ENOMEM;
	return text;
}

static char *flow_line(struct reader *r, const struct nw_conn *c, int64_t wall_offset)
{
	struct nw_json_text t = { 0 };

	nw_flow_put(&t, c, r->file, wall_offset);
	nw_json_end_line(&t);
	if (t.failed) {
		r->err = -ENOMEM;
		free(t.buf);
		return NULL;
	}
	return t.buf;
}

static int on_flow(void *arg, const struct nw_conn *c, int64_t wall_offset)
{
	struct reader *r = arg;
	struct nw_read_totals *t = &r->totals;
	char *text = r->cli->json ? flow_line(r, c, wall_offset) : flow_text(r, c, wall_offset);
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
	if (nw_order_put(&r->order, c->id, text) < 0)
		r->err = -ENOMEM;
	if (ferror(r->order.out))
		r->err = -EIO;
	return r->err;
}

/* Cut packets don't matter where only file contents are missing; where flows are, it has to be said. */
static void mention_cut(struct job *j, size_t i, const struct reader *r, const struct nw_capture_info *info)
{
	char what[160];

	if (!info->cut || (r->totals.flows && !r->totals.not_observed[TRUNCATED]))
		return;
	snprintf(what, sizeof(what),
		 "%" PRIu64 " of %" PRIu64
		 " packets were cut when they were captured, and too much is missing: "
		 "capture with a larger snapshot length (tcpdump -s 0)",
		 info->cut, info->packets);
	nw_turn_complain(&j->turns, i, what);
}

static void add_totals(struct job *j, const struct nw_read_totals *from)
{
	struct nw_read_totals *to = &j->totals;

	pthread_mutex_lock(&j->lock);
	to->files += from->files;
	to->unreadable += from->unreadable;
	to->packets += from->packets;
	to->flows += from->flows;
	for (size_t i = 0; i < NW_ARRAY_SIZE(to->findings); i++)
		to->findings[i] += from->findings[i];
	for (size_t i = 0; i < NW_ARRAY_SIZE(to->not_observed); i++)
		to->not_observed[i] += from->not_observed[i];
	if (from->any_finding && (!to->any_finding || from->worst > to->worst))
		to->worst = from->worst;
	to->any_finding |= from->any_finding;
	pthread_mutex_unlock(&j->lock);
}

/* What can be read but once, and is perhaps named twice, waits for its turn. */
static bool is_stream(const char *file)
{
	struct stat st;

	return strcmp(file, "-") == 0 || (stat(file, &st) == 0 && !S_ISREG(st.st_mode));
}

/* One file from its first packet to its last. */
static void read_file(struct job *j, size_t i)
{
	struct nw_tap_config tap = { .ports = j->cli->ports.port, .n_ports = j->cli->ports.n };
	struct reader r = { .cli = j->cli,
			    .file = j->turns.files[i],
			    .order.out = nw_turn_open(&j->turns, i) };
	struct nw_progress progress = { .line = j->line };
	struct nw_capture_info info;
	int err;

	if (!r.order.out) {
		nw_turns_stop(&j->turns, -ENOMEM);
		return;
	}
	if (is_stream(r.file))
		nw_turn_wait(&j->turns, i);
	err = nw_capture_flows(r.file, &tap, j->cli->vantage, on_flow, &r, &info, &progress);
	nw_order_end(&r.order);
	fclose(r.order.out);
	r.totals.packets = info.packets;
	r.totals.files = info.link_type >= 0;
	r.totals.unreadable = err != 0;
	mention_cut(j, i, &r, &info);
	if (err)
		nw_turn_complain(&j->turns, i, info.error[0] ? info.error : strerror(-err));
	if (r.err)
		nw_turns_stop(&j->turns, r.err);
	add_totals(j, &r.totals);
	nw_turn_end(&j->turns, i);
}

static void *work(void *arg)
{
	struct job *j = arg;
	size_t i;

	while (!nw_turns_error(&j->turns) &&
	       (i = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED)) < j->turns.n)
		read_file(j, i);
	return NULL;
}

static size_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (size_t)CPU_COUNT(&set);
}

/* In this thread and as many more as there is use for; those that there is no memory for are no loss. */
static void work_together(struct job *j)
{
	size_t want = processors(), n = 0;
	pthread_t more[AT_A_TIME - 1];

	want = want < j->turns.n ? want : j->turns.n;
	while (n < NW_ARRAY_SIZE(more) && n + 1 < want && pthread_create(&more[n], NULL, work, j) == 0)
		n++;
	work(j);
	while (n)
		pthread_join(more[--n], NULL);
}

static int write_summary(const struct nw_read_totals *t)
{
	json_t *rules = json_object(), *unseen = json_object(), *j;
	const char *name;
	char number[8];
	unsigned int i;
	int bad = 0, err = 0;

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
		err = j ? -EIO : -ENOMEM;
	json_decref(j);
	return err;
}

void nw_help_read(void)
{
	puts("\nExit: 0 nothing found; 1 findings of severity warning or above; 2 a file could\n"
	     "not be read (all others were), or wrong usage.");
}

int nw_cmd_read(const struct nw_cli *cli, int argc, char **argv)
{
	struct nw_progress_line line = NW_PROGRESS_LINE;
	struct job j = { .cli = cli,
			 .line = isatty(STDERR_FILENO) && !cli->quiet ? &line : NULL,
			 .lock = PTHREAD_MUTEX_INITIALIZER };
	int err = nw_turns_init(&j.turns, (size_t)argc - 1, argv + 1, stdout, j.line), status;

	if (j.line)
		nw_progress_line_begin(j.line, (unsigned int)argc - 1, argv + 1);
	if (!err) {
		work_together(&j);
		err = nw_turns_error(&j.turns);
	}
	nw_turns_free(&j.turns);
	if (cli->json)
		err |= write_summary(&j.totals);
	else
		nw_read_text_summary(stdout, &j.totals);
	status = j.totals.any_finding && j.totals.worst >= NW_SEV_WARNING ? EXIT_FINDINGS : EXIT_CLEAN;
	if (fflush(stdout) || ferror(stdout) || err) {
		fputs("negwatch read: the output is not complete: it could not be written\n", stderr);
		return EXIT_UNREADABLE;
	}
	return j.totals.unreadable ? EXIT_UNREADABLE : status;
}
