// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Syslog's share of the alert journal: read, mark, send, remember. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "json.h"
#include "sync.h"
#include "../engine/engine.h"
#include "../util/bucket.h"
#include "../util/time.h"

/* Lines in one run: some milliseconds. */
#define BUDGET 64
/* A queue that is full for a moment is no outage. */
#define OUTAGE NW_NS_PER_S
/* A journal that can't be read, for want of memory say, is tried again. */
#define AGAIN NW_NS_PER_S

struct nw_feed {
	struct nw_journal *j;
	struct nw_syslog *syslog;
	struct nw_journal_reader reader;
	bool again;		     /* not the journal's cursor */
	struct nw_journal_pos stop;  /* again: the end */
	int64_t since;		     /* again: the beginning */
	struct nw_journal_pos fresh; /* from here on nothing was sent before, or had to wait */
	uint64_t failed;	     /* when the present row of failed attempts began, 0: there is none */
	struct nw_bucket pace;
	uint64_t backlog, replayed, refused;
	/* The message that is to be sent next. */
	bool ready;
	uint64_t id;
	struct nw_journal_pos from;
	int priority;
	char text[NW_SYSLOG_MAX - sizeof(NW_FEED_MARK)];
};

int nw_feed_put(json_t *alert, int priority, const char *text)
{
	return json_object_set_new(json_object_get(alert, "negwatch"), "syslog",
				   json_pack("{s:i,s:s}", "priority", priority, "text", text)) ?
		       -ENOMEM :
		       0;
}

static bool is_old(const struct nw_feed *f, const json_t *alert)
{
	const char *stamp = json_string_value(json_object_get(alert, "timestamp"));
	int64_t wall;

	return f->again && stamp && nw_time_parse(stamp, &wall) == 0 && wall < f->since;
}

/* Is there something in the line for syslog? It is ready then. Other records are not worth parsing. -ENOMEM:
 * not known. */
static int take(struct nw_feed *f, const char *line, size_t len)
{
	int err = 0;
	json_t *o = memmem(line, len, "\"syslog\"", 8) ? nw_json_parse(line, len, &err) : NULL;
	const json_t *part = json_object_get(json_object_get(o, "negwatch"), "syslog");
	const char *text = json_string_value(json_object_get(part, "text"));

	f->ready = text && !is_old(f, o);
	if (f->ready) {
		f->id = nw_journal_alert_id(o);
		f->priority = (int)json_integer_value(json_object_get(part, "priority"));
		snprintf(f->text, sizeof(f->text), "%s", text);
	}
	json_decref(o);
	return err == -ENOMEM ? err : f->ready;
}

/* 1; 0: there is nothing left to be sent; -errno: it can't be read at present. */
static int next(struct nw_feed *f, unsigned int *budget)
{
	char *line;
	size_t len;
	int got;

	while (!f->ready && *budget) {
		f->from = f->reader.pos;
		if (f->again && nw_journal_pos_cmp(f->from, f->stop) >= 0)
			return 0;
		got = nw_journal_next(f->j, &f->reader, &line, &len);
		if (got <= 0)
			return got;
		--*budget;
		got = take(f, line, len);
		if (got < 0) {
			/* The same line once more. */
			nw_journal_reader_close(&f->reader);
			f->reader.pos = f->from;
			return got;
		}
	}
	return 1;
}

static void sent(struct nw_feed *f)
{
	f->ready = false;
	if (f->backlog)
		f->backlog--;
	if (!f->again)
		nw_journal_set_cursor(f->j, f->reader.pos);
}

/* 0, or when to try again. */
static uint64_t send_next(struct nw_feed *f, uint64_t now)
{
	bool outage = f->failed && now - f->failed >= OUTAGE;
	bool waited = f->again || outage || nw_journal_pos_cmp(f->from, f->fresh) < 0;
	char text[NW_SYSLOG_MAX];
	int err;

	if (f->id > nw_journal_may_tell(f->j))
		return now + NW_SYNC_LOOK;
	if (waited && now < nw_bucket_next(&f->pace))
		return nw_bucket_next(&f->pace);
	snprintf(text, sizeof(text), "%s%s", f->text, waited ? NW_FEED_MARK : "");
	err = nw_syslog_try(f->syslog, now, f->priority, text);
	if (err && err != -EMSGSIZE) {
		if (!f->failed)
			f->failed = now;
		return nw_syslog_ready_at(f->syslog);
	}
	if (outage)
		f->fresh = nw_journal_end(f->j);
	f->failed = 0;
	f->refused += err != 0;
	if (waited) {
		nw_bucket_take(&f->pace, now);
		f->replayed++;
	}
	sent(f);
	return 0;
}

uint64_t nw_feed_run(struct nw_feed *f, uint64_t now)
{
	unsigned int budget = BUDGET;

	while (budget) {
		uint64_t later;
		int more = next(f, &budget);

		if (more < 0)
			return now + AGAIN;
		if (!more) {
			f->backlog = 0;
			if (!f->again && nw_journal_pos_cmp(nw_journal_cursor(f->j), f->reader.pos) != 0)
				nw_journal_set_cursor(f->j, f->reader.pos);
			return 0;
		}
		later = f->ready ? send_next(f, now) : 0;
		if (later)
			return later;
	}
	return now;
}

static void count_backlog(struct nw_feed *f)
{
	struct nw_journal_reader r = { .pos = f->reader.pos };
	char *line;
	size_t len;

	while (nw_journal_next(f->j, &r, &line, &len) > 0)
		f->backlog += take(f, line, len) != 0;
	f->ready = false;
	nw_journal_reader_close(&r);
}

static struct nw_feed *make(struct nw_journal *j, struct nw_syslog *syslog)
{
	struct nw_feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->j = j;
	f->syslog = syslog;
	f->pace = nw_bucket(NW_FEED_PER_S, NW_FEED_PER_S);
	return f;
}

int nw_feed_new(struct nw_feed **out, struct nw_journal *j, struct nw_syslog *syslog)
{
	struct nw_feed *f = make(j, syslog);

	if (!f)
		return -ENOMEM;
	f->reader.pos = nw_journal_cursor(j);
	f->fresh = nw_journal_end(j);
	count_backlog(f);
	*out = f;
	return 0;
}

int nw_feed_again(struct nw_feed **out, struct nw_journal *j, struct nw_syslog *syslog, int64_t since)
{
	struct nw_feed *f = make(j, syslog);

	if (!f)
		return -ENOMEM;
	f->again = true;
	f->since = since;
	f->reader.pos = nw_journal_begin(j);
	f->stop = nw_journal_end(j);
	*out = f;
	return 0;
}

void nw_feed_free(struct nw_feed **fp)
{
	struct nw_feed *f = *fp;

	if (!f)
		return;
	nw_journal_reader_close(&f->reader);
	free(f);
	*fp = NULL;
}

void nw_feed_set_syslog(struct nw_feed *f, struct nw_syslog *syslog)
{
	f->syslog = syslog;
}

void nw_feed_added(struct nw_feed *f)
{
	f->backlog++;
}

uint64_t nw_feed_backlog(const struct nw_feed *f)
{
	return f->backlog;
}

uint64_t nw_feed_replayed(const struct nw_feed *f)
{
	return f->replayed;
}

uint64_t nw_feed_refused(const struct nw_feed *f)
{
	return f->refused;
}
