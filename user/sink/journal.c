// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal: append-only JSON lines, never torn by a full disk, rotated by size. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include <jansson.h>

#include "journal_internal.h"
#include "../util/log.h"
#include "../util/util.h"

uint64_t nw_journal_alert_id(const json_t *line)
{
	json_int_t n = json_integer_value(json_object_get(json_object_get(line, "negwatch"), "alert_id"));

	return n > 0 ? (uint64_t)n : 0;
}

/* All is on the disk, and says so. */
static void close_well(struct nw_journal *j)
{
	nw_sync_wait(&j->sync);
	if (j->dirty)
		fdatasync(j->fd);
	j->cursor.last_id = j->last_id;
	j->cursor.boot = 0;
	if (nw_cursor_store(&j->cursor) == 0)
		fdatasync(j->cursor.fd);
}

void nw_journal_free(struct nw_journal **jp)
{
	struct nw_journal *j = *jp;

	if (!j)
		return;
	close_well(j);
	nw_segments_close(&j->segments);
	nw_cursor_close(&j->cursor);
	nw_closep(&j->fd);
	nw_closep(&j->dir_fd);
	free(j);
	*jp = NULL;
}

void nw_journal_set_limits(struct nw_journal *j, const struct nw_journal_limits *limits)
{
	j->limits = *limits;
}

uint64_t nw_journal_take_id(struct nw_journal *j)
{
	return ++j->last_id;
}

uint64_t nw_journal_may_tell(const struct nw_journal *j)
{
	return j->safe_id + NW_JOURNAL_AHEAD;
}

static int fault(struct nw_journal *j, int err)
{
	bool first = !j->error;

	j->error = err;
	j->heals = false;
	if (first)
		nw_err("The alert journal %s can't be written: %s. Alerts still go to syslog; make room or "
		       "repair the disk.",
		       j->path, strerror(-err));
	return err;
}

/* What was read-only, or had no room for the file itself, may be well again. */
static int make_writable(struct nw_journal *j)
{
	int err = 0;

	if (!j->writable)
		err = nw_journal_open_current(j);
	if (!err && !j->writable)
		err = -EROFS;
	return err;
}

static int write_line(struct nw_journal *j, const char *line, size_t len)
{
	struct iovec parts[] = { { (void *)line, len }, { (void *)"\n", 1 } };
	int err = make_writable(j);
	ssize_t n;

	if (err)
		return err;
	n = writev(j->fd, parts, 2);
	if (n == (ssize_t)len + 1)
		return 0;
	err = n < 0 ? -errno : -ENOSPC;
	/* The half of a line would take the next one along. */
	if (n > 0 && ftruncate(j->fd, j->size) < 0)
		err = -errno;
	return err;
}

/* The number has been told, or will be: it must not be given again, though no line has it. */
static void keep_id(struct nw_journal *j)
{
	j->cursor.last_id = j->last_id;
	nw_cursor_store(&j->cursor);
	j->id_dirty = true;
}

void nw_journal_miss(struct nw_journal *j)
{
	j->unwritten++;
	keep_id(j);
}

int nw_journal_append(struct nw_journal *j, const char *line, size_t len, uint64_t id)
{
	int err = write_line(j, line, len);

	if (err) {
		if (id)
			nw_journal_miss(j);
		return fault(j, err);
	}
	if (id) {
		j->file_last_id = id;
		if (!j->first_id)
			j->first_id = id;
	}
	j->size += (off_t)len + 1;
	j->dirty = j->heals = true;
	j->stuck = false;
	return 0;
}

static void synced(struct nw_journal *j, int err)
{
	/* Also if it failed: what can't be remembered is no reason to tell nobody. */
	j->safe_id = j->syncing_id;
	if (err) {
		fault(j, err);
		return;
	}
	if (!j->healing || !j->heals)
		return;
	if (j->error)
		nw_info("The alert journal %s can be written again; %llu alert(s) are missing in it", j->path,
			(unsigned long long)j->unwritten);
	j->error = 0;
}

void nw_journal_sync(struct nw_journal *j)
{
	int err;

	if (nw_sync_ended(&j->sync, &err))
		synced(j, err);
	if (j->sync.busy || (!j->dirty && !j->id_dirty))
		return;
	j->syncing_id = j->last_id;
	j->healing = j->heals && j->dirty;
	nw_sync_begin(&j->sync, j->dirty ? j->fd : -1, j->id_dirty ? j->cursor.fd : -1);
	j->dirty = j->id_dirty = false;
}

/* The current file becomes a closed one, and an empty one takes its place. */
static int rotate(struct nw_journal *j)
{
	struct nw_segment seg = {
		.seq = j->seq, .first_id = j->first_id, .last_id = j->file_last_id, .bytes = (uint64_t)j->size
	};
	_cleanup_close_ int old = -1;
	int err = nw_segments_add(&j->segments, &seg);

	if (err)
		return err;
	old = TAKE_FD(j->fd);
	j->writable = false;
	j->seq++;
	j->first_id = j->file_last_id = 0;
	j->size = 0;
	err = nw_journal_open_current(j);
	j->syncing_id = j->last_id;
	j->healing = j->heals;
	nw_sync_begin(&j->sync, old, j->dir_fd);
	j->dirty = false;
	return err;
}

static void make_room(struct nw_journal *j)
{
	uint64_t rest = j->limits.total > (uint64_t)j->size ? j->limits.total - (uint64_t)j->size : 0;
	const struct nw_segment *over;

	while ((over = nw_segments_over(&j->segments, rest))) {
		uint64_t unsent = nw_journal_unsent_in(j, over->seq);

		if (unsent)
			nw_warn("The alert journal is at its limit (journal_kib): alerts %llu to %llu are "
				"removed, of which syslog has not got %llu",
				(unsigned long long)over->first_id, (unsigned long long)over->last_id,
				(unsigned long long)unsent);
		j->unsent += unsent;
		j->removed++;
		nw_segments_remove(&j->segments, over->seq);
	}
}

bool nw_journal_work(struct nw_journal *j)
{
	bool full = j->writable && !j->stuck && (uint64_t)j->size >= j->limits.file, more;

	nw_journal_sync(j);
	/* What is under way is of the file that would be closed; it grows a little longer meanwhile. */
	if (full && !j->sync.busy) {
		int err = rotate(j);

		if (err)
			fault(j, err);
		j->stuck = err;
		full = false;
	}
	more = nw_segments_work(&j->segments);
	/* What is being compressed will need less. */
	if (!more)
		make_room(j);
	return more || full;
}

bool nw_journal_is_busy(const struct nw_journal *j)
{
	return j->sync.busy || j->segments.sync.busy;
}

struct nw_journal_pos nw_journal_end(const struct nw_journal *j)
{
	return (struct nw_journal_pos){ .seq = j->seq, .offset = (uint64_t)j->size };
}

struct nw_journal_pos nw_journal_cursor(const struct nw_journal *j)
{
	return j->cursor.pos;
}

void nw_journal_set_cursor(struct nw_journal *j, struct nw_journal_pos pos)
{
	j->cursor.pos = pos;
	j->cursor.last_id = j->last_id;
	nw_cursor_store(&j->cursor);
}

static uint64_t first_id(const struct nw_journal *j)
{
	for (size_t i = 0; i < j->segments.n; i++)
		if (j->segments.list[i].first_id)
			return j->segments.list[i].first_id;
	return j->first_id;
}

void nw_journal_get_state(const struct nw_journal *j, struct nw_journal_state *out)
{
	*out = (struct nw_journal_state){
		.path = j->path,
		.first_id = first_id(j),
		.last_id = j->last_id,
		.repaired = j->repaired,
		.unwritten = j->unwritten,
		.files = j->segments.n,
		.bytes = nw_segments_bytes(&j->segments) + (uint64_t)j->size,
		.removed = j->removed,
		.unsent = j->unsent,
		.error = j->error,
	};
}
