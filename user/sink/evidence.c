// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Evidence: which connections have alerts, and when their files are written. What is in a file:
 * evidence_write.c. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "evidence_write.h"
#include "../util/log.h"
#include "../util/util.h"

/* More of a connection that has an alert: it comes in bursts, as ends do. */
#define MORE_DELAY (300 * NW_NS_PER_MS)
#define RETRY (10 * NW_NS_PER_S)
/* Files per tick: below 5 ms of work. */
#define BUDGET 32u
/* Alerts of one connection that get a file. */
#define ALERTS_MAX 8u

/* Due at once */
#define NOW 1u

/* What nw_kept.told is: a connection with alerts. */
struct told {
	struct told *prev, *next;
	struct nw_kept *kept;
	struct nw_told_alert *first;
	unsigned int n;
	uint64_t due; /* monotonic; 0: all is written */
	bool done;    /* nothing more will come */
};

struct nw_evidence {
	struct nw_evidence_config cfg;
	struct nw_evidence_limits limits;
	struct nw_evidence_dir dir;
	char path[PATH_MAX];
	struct nw_kept_store *kept;
	struct told *told; /* all */
	uint64_t due;	   /* the earliest; 0: none */
	int64_t wall_offset;
	uint64_t written, absent;
	int error;
};

static struct told *told_of(const struct nw_kept *k)
{
	return k->told;
}

static void wants(struct nw_evidence *e, struct told *t, uint64_t due)
{
	if (!t->due || due < t->due)
		t->due = due;
	/* While it fails, the next try comes when it comes. */
	if (!e->due || (t->due < e->due && !e->error))
		e->due = t->due;
}

static void forget(struct nw_evidence *e, struct told *t)
{
	struct nw_told_alert *next;

	*(t->prev ? &t->prev->next : &e->told) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	for (struct nw_told_alert *a = t->first; a; a = next) {
		next = a->next;
		free(a);
	}
	t->kept->told = NULL;
	free(t);
}

/* Once when it begins to fail, and once when it works again. */
static void note(struct nw_evidence *e, int err)
{
	if (err && !e->error)
		nw_err_r(
			err,
			"Evidence can't be written to %s: %m. Alerts go on without; make room there, or give "
			"negwatchd's user the right to write. It is tried again.",
			e->path);
	if (!err && e->error)
		nw_info("Evidence can be written to %s again", e->path);
	e->error = err;
}

static int write_all(struct nw_evidence *e, struct told *t)
{
	int err = 0;

	if (!e->limits.files)
		return 0;
	for (struct nw_told_alert *a = t->first; a && !err; a = a->next) {
		_cleanup_free_ char *bytes = NULL;
		size_t len = 0;

		err = nw_evidence_write(&bytes, &len, &e->cfg, e->wall_offset, t->kept, a);
		if (!err)
			err = nw_evidence_put(&e->dir, &e->limits, &a->file, bytes, len);
		e->written += !err;
	}
	note(e, err);
	return err;
}

/* For want of room, or at the end. */
static void on_leave(void *arg, struct nw_kept *k)
{
	struct nw_evidence *e = arg;
	struct told *t = told_of(k);

	if (!t)
		return;
	if (t->due && write_all(e, t))
		e->absent += t->n;
	forget(e, t);
}

int nw_evidence_new(struct nw_evidence **out, const struct nw_evidence_config *cfg,
		    const struct nw_evidence_limits *limits)
{
	struct nw_evidence *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return nw_err_r(-ENOMEM, "Out of memory");
	e->cfg = *cfg;
	e->limits = *limits;
	e->dir.fd = e->dir.parent_fd = -1;
	snprintf(e->path, sizeof(e->path), "%s/" NW_EVIDENCE_DIRECTORY, cfg->state_dir);
	err = nw_kept_new(&e->kept, cfg->memory, cfg->seed, on_leave, e);
	if (err)
		nw_err_r(err, "Out of memory");
	if (!err) {
		err = nw_evidence_dir_open(&e->dir, cfg->state_dir);
		if (err)
			nw_err_r(err, "The state directory %s can't be opened: %m", cfg->state_dir);
	}
	if (err) {
		nw_evidence_free(&e);
		return err;
	}
	if (limits->files)
		nw_evidence_trim(&e->dir, limits);
	*out = e;
	return 0;
}

void nw_evidence_free(struct nw_evidence **ep)
{
	struct nw_evidence *e = *ep;

	if (!e)
		return;
	nw_kept_free(&e->kept);
	nw_evidence_dir_close(&e->dir);
	free(e);
	*ep = NULL;
}

void nw_evidence_set_limits(struct nw_evidence *e, const struct nw_evidence_limits *limits)
{
	e->limits = *limits;
	if (limits->files)
		nw_evidence_trim(&e->dir, limits);
}

void nw_evidence_packet(struct nw_evidence *e, const struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_kept *k = e->limits.files ? nw_kept_add(e->kept, c, ev) : NULL;

	if (k && k->told)
		wants(e, told_of(k), ev->ts + MORE_DELAY);
}

void nw_evidence_settled(struct nw_evidence *e, const struct nw_conn *c)
{
	struct nw_kept *k = nw_kept_get(e->kept, c);

	if (k && !k->told)
		nw_kept_conclude(e->kept, k);
}

void nw_evidence_done(struct nw_evidence *e, const struct nw_conn *c)
{
	struct nw_kept *k = nw_kept_get(e->kept, c);

	if (!k)
		return;
	if (!k->told || !told_of(k)->due) {
		if (k->told)
			forget(e, told_of(k));
		nw_kept_drop(e->kept, k);
		return;
	}
	told_of(k)->done = true;
	wants(e, told_of(k), NOW);
}

static struct told *begin(struct nw_evidence *e, struct nw_kept *k)
{
	struct told *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->kept = k;
	t->next = e->told;
	if (t->next)
		t->next->prev = t;
	e->told = t;
	k->told = t;
	nw_kept_charge(e->kept, k, sizeof(*t));
	return t;
}

const char *nw_evidence_alert(struct nw_evidence *e, char out[NW_EVIDENCE_NAME], const struct nw_alert *a)
{
	struct nw_kept *k = a->conn ? nw_kept_get(e->kept, a->conn) : NULL;
	struct nw_told_alert *kept, **end;
	struct told *t;

	if (!a->conn || !e->limits.files)
		return NULL;
	t = !k ? NULL : k->told ? told_of(k) : begin(e, k);
	kept = t && t->n < ALERTS_MAX ? nw_told_alert_new(a) : NULL;
	if (!kept) {
		e->absent++;
		return NULL;
	}
	for (end = &t->first; *end; end = &(*end)->next)
		;
	*end = kept;
	t->n++;
	nw_kept_charge(e->kept, k, sizeof(*kept));
	e->wall_offset = a->wall_offset;
	wants(e, t, NOW);
	return nw_evidence_name(out, &kept->file);
}

uint64_t nw_evidence_tick(struct nw_evidence *e, uint64_t now, int64_t wall_offset)
{
	unsigned int left = BUDGET;
	struct told *t, *next;
	int err = 0;

	if (!e->due || now < e->due)
		return e->due;
	e->wall_offset = wall_offset;
	e->due = 0;
	for (t = e->told; t; t = next) {
		next = t->next;
		if (t->due && now >= t->due && left && !err) {
			left -= t->n < left ? t->n : left;
			err = write_all(e, t);
			t->due = err ? t->due : 0;
		}
		if (!t->due && t->done) {
			struct nw_kept *k = t->kept;

			forget(e, t);
			nw_kept_drop(e->kept, k);
		} else if (t->due) {
			wants(e, t, t->due);
		}
	}
	/* The others would fail alike. */
	if (err)
		e->due = now + RETRY;
	return e->due;
}

bool nw_evidence_path(const struct nw_evidence *e, char *out, size_t size, uint64_t id)
{
	const struct nw_evidence_file *f = nw_evidence_find(&e->dir, id);
	char name[NW_EVIDENCE_NAME];

	if (!f)
		return false;
	return snprintf(out, size, "%s/%s", e->path, nw_evidence_name(name, f)) < (int)size;
}

void nw_evidence_get_state(const struct nw_evidence *e, struct nw_evidence_state *out)
{
	*out = (struct nw_evidence_state){
		.path = e->path,
		.files = e->dir.n,
		.bytes = e->dir.bytes,
		.written = e->written,
		.removed = e->dir.removed,
		.absent = e->absent,
		.error = e->error,
		.kept = nw_kept_get_stats(e->kept),
	};
}
