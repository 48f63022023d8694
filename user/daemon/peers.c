// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The peers' file, by the daemon's clock. */
#include <string.h>

#include "daemon.h"
#include "peers.h"
#include "../engine/peers.h"
#include "../sink/peers_file.h"
#include "../util/log.h"
#include "../util/time.h"

/*
 * Counters and times may be lost with the power; that a peer was told of may not, or it is told again. The
 * full table takes 0.2 s to write, in which the ring buffer holds the events: hence a pause, whatever comes.
 */
#define SAVE_NEWS_AFTER NW_NS_PER_S
#define SAVE_AFTER (300 * NW_NS_PER_S)
#define SAVE_PAUSE (30 * NW_NS_PER_S)

void nw_daemon_peers_load(struct nw_daemon *d)
{
	struct nw_peer_clock clock = { .offset = nw_wall_offset(), .now = (int64_t)nw_monotonic() };
	struct nw_daemon_peers *m = &d->peers;

	m->error = nw_peers_load(nw_engine_peers(d->engine), d->cfg.state_dir, &clock, &m->broken);
	/* What was left out leaves the file, too. */
	m->saved.changes = m->broken ? UINT64_MAX : 0;
	m->loaded = !m->error;
}

/* It is on the disk, or will not be. */
static void saved(struct nw_daemon *d, int err)
{
	struct nw_daemon_peers *m = &d->peers;

	if (err && !m->error)
		nw_err("The list of peers in %s can't be written: %s. A restart would begin it anew; make "
		       "room or repair the disk.",
		       d->cfg.state_dir, strerror(-err));
	if (!err && m->error)
		nw_info("The list of peers in %s can be written again", d->cfg.state_dir);
	m->error = err;
	if (!err)
		m->saved = m->written;
}

static void save(struct nw_daemon *d, const struct nw_peers_stats *st)
{
	struct nw_daemon_peers *m = &d->peers;
	int err = nw_peers_write(nw_engine_peers(d->engine), d->cfg.state_dir, nw_wall_offset(), &m->sync);

	m->written = *st;
	m->writing = !err;
	if (err)
		saved(d, err);
}

/* True: what was begun last is still under way. At the end it is waited for. */
static bool is_writing(struct nw_daemon *d, bool wait)
{
	struct nw_daemon_peers *m = &d->peers;
	int err = 0;

	if (!m->writing)
		return false;
	if (wait)
		err = nw_sync_wait(&m->sync);
	else if (!nw_sync_ended(&m->sync, &err))
		return true;
	m->writing = false;
	saved(d, nw_peers_put_in_place(d->cfg.state_dir, err));
	return false;
}

uint64_t nw_daemon_peers_tick(struct nw_daemon *d, uint64_t now)
{
	struct nw_daemon_peers *m = &d->peers;
	struct nw_peers_stats st;
	uint64_t due;

	/* What could not be read is not overwritten. */
	if (!m->loaded)
		return 0;
	if (is_writing(d, now == UINT64_MAX))
		return now + NW_SYNC_LOOK;
	nw_peers_get_stats(nw_engine_peers(d->engine), &st);
	if (st.changes == m->saved.changes)
		return 0;
	if (!m->changed)
		m->changed = now;
	due = m->changed + (st.news != m->saved.news ? SAVE_NEWS_AFTER : SAVE_AFTER);
	if (m->tried && due < m->tried + SAVE_PAUSE)
		due = m->tried + SAVE_PAUSE;
	if (now < due && now != UINT64_MAX)
		return due;
	m->tried = now;
	m->changed = 0;
	save(d, &st);
	return is_writing(d, now == UINT64_MAX) ? now + NW_SYNC_LOOK : 0;
}
