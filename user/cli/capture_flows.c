// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A capture file as flows: what `read` and `locate` share. */
#include "capture_flows.h"
#include "read_order.h"
#include "read_progress.h"

/* Connections that take turns packet by packet; 1.7 KiB each, 28 MiB at most. */
#define AWAKE 16384

struct flows {
	struct nw_engine *engine;
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

static int on_packet(void *arg, const struct nw_tap_packet *pkt)
{
	struct flows *f = arg;
	struct nw_tap_packet p = *pkt;
	int err;

	if (f->progress)
		nw_progress_step(f->progress);
	p.ts = nw_clock_of(&f->clock, pkt->ts);
	err = nw_tap_packet(f->tap, &p);
	return err ? err : f->stopped;
}

int nw_capture_flows(const char *path, const struct nw_tap_config *tap, enum nw_vantage vantage,
		     nw_flow_fn fn, void *arg, struct nw_capture_info *info, struct nw_progress *progress)
{
	static const struct nw_engine_ops ops = { .done = on_done };
	struct flows f = { .fn = fn, .arg = arg, .progress = progress };
	struct nw_engine_config cfg;
	int err;

	*info = (struct nw_capture_info){ .link_type = -1 };
	if (progress)
		nw_progress_begin(progress, path, info);
	nw_engine_defaults(&cfg);
	cfg.vantage = vantage;
	cfg.idle_timeout = 0;
	cfg.max_awake = AWAKE;
	err = nw_engine_new(&f.engine, &cfg, &ops, &f);
	if (!err)
		err = nw_tap_new(&f.tap, tap, on_event, &f);
	if (!err)
		err = nw_capture_read(path, on_packet, &f, info);
	if (f.engine) {
		/* Time went on to the last packet, also if that was no SMB. */
		nw_engine_tick(f.engine, f.clock.now);
		nw_engine_flush(f.engine);
	}
	if (progress)
		nw_progress_clear(progress);
	nw_tap_free(&f.tap);
	nw_engine_free(&f.engine);
	return err ? err : f.stopped;
}
