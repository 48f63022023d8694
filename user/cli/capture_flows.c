// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A capture file as flows: what `read`, `locate` and `report` share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture_flows.h"
#include "read_order.h"
#include "read_progress.h"
#include "../util/text.h"

/* Connections that take turns packet by packet; 1.7 KiB each, 28 MiB at most. */
#define AWAKE 16384
/* ... of which so many may be over: what is freed soon is still in the cache, and need not be packed. */
#define CLOSED 1024

struct flows {
	struct nw_engine *engine; /* made when it is known what kind of file it is */
	const struct nw_capture_info *info;
	enum nw_vantage vantage;
	struct nw_tap *tap;
	struct nw_clock clock;
	nw_flow_fn fn;
	void *arg;
	struct nw_progress *progress; /* NULL: nobody looks */
	int stopped;		      /* what fn returned */
};

static void on_done(void *arg, const struct nw_conn *c)
{
	struct flows *f = arg;

	if (!f->stopped)
		f->stopped = f->fn(f->arg, c, nw_clock_offset(&f->clock, c->first_ts));
}

static int on_event(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct flows *)arg)->engine, ev);
}

static int start(struct flows *f)
{
	static const struct nw_engine_ops ops = { .done = on_done };
	const struct nw_evidence_mark *m = f->info->is_evidence ? &f->info->evidence : NULL;
	struct nw_engine_config cfg;

	nw_engine_defaults(&cfg);
	cfg.vantage = m && f->vantage == NW_VANTAGE_UNKNOWN ? m->vantage : f->vantage;
	cfg.idle_timeout = 0;
	cfg.max_awake = AWAKE;
	cfg.max_closed = CLOSED;
	if (m) {
		cfg.answer_timeout = m->waits[0];
		cfg.outcome_wait = m->waits[1];
		cfg.abort_window = m->waits[2];
	}
	return nw_engine_new(&f->engine, &cfg, &ops, f);
}

static int on_packet(void *arg, struct nw_tap_packet *pkt)
{
	struct flows *f = arg;
	int err = f->engine ? 0 : start(f);

	if (err)
		return err;
	if (f->progress)
		nw_progress_step(f->progress);
	pkt->ts = nw_clock_of(&f->clock, pkt->ts);
	err = nw_tap_packet(f->tap, pkt);
	return err ? err : f->stopped;
}

int nw_capture_flows(const char *path, const struct nw_tap_config *tap, enum nw_vantage vantage,
		     nw_flow_fn fn, void *arg, struct nw_capture_info *info, struct nw_progress *progress)
{
	struct flows f = { .info = info, .vantage = vantage, .fn = fn, .arg = arg, .progress = progress };
	struct nw_engine_stats st;
	int err;

	*info = (struct nw_capture_info){ .link_type = -1 };
	if (progress)
		nw_progress_begin(progress, path, info);
	err = nw_tap_new(&f.tap, tap, on_event, &f);
	if (!err)
		err = nw_capture_read(path, on_packet, &f, info);
	if (f.engine) {
		/* Time went on to the last packet, also if that was no SMB; to the finding, where it is
		 * evidence. */
		if (info->is_evidence && info->evidence.until > f.clock.now)
			nw_clock_of(&f.clock, info->evidence.until);
		nw_engine_tick(f.engine, f.clock.now);
		nw_engine_flush(f.engine);
		nw_engine_get_stats(f.engine, &st);
		if (!err && st.starved)
			err = -ENOMEM;
	}
	if (progress)
		nw_progress_end(progress);
	nw_tap_free(&f.tap);
	nw_engine_free(&f.engine);
	return err ? err : f.stopped;
}

void nw_capture_complain(const char *command, const char *path, const char *what)
{
	char safe[1024];
	struct nw_text t;

	nw_text_init(&t, safe, sizeof(safe));
	nw_text_escape(&t, path, strlen(path));
	fflush(stdout);
	fprintf(stderr, "negwatch %s: %s: %s\n", command, strcmp(path, "-") ? safe : "standard input", what);
}
