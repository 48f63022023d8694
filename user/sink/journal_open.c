// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Opening the alert journal: the lock, the repair of what a crash left, the number of the last alert. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <jansson.h>

#include "exchange.h"
#include "json.h"
#include "journal_internal.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/util.h"

/* How far back the end of the file is read: a thousand alerts of 4 KiB, and more than a file's limit. */
#define TAIL_MAX (16 << 20)

struct tail {
	char *text; /* the file's last bytes */
	size_t len;
	off_t begin; /* where they lie in the file */
};

/* 0, -EINVAL: the line is no JSON, or -ENOMEM. Sets *id if it is an alert, *last if that, or the one that it
 * names as the last before it, has a higher number. */
static int read_line(const char *line, size_t len, uint64_t *id, uint64_t *last)
{
	int err;
	json_t *o = nw_json_parse(line, len, &err);
	uint64_t n = nw_journal_alert_id(o), before = nw_exchange_after(o);

	if (n)
		*id = n;
	if (n > *last)
		*last = n;
	if (before > *last)
		*last = before;
	json_decref(o);
	return err;
}

/* Where the line that ends before `end` begins. */
static size_t line_before(const struct tail *t, size_t end)
{
	while (end > 0 && t->text[end - 1] != '\n')
		end--;
	return end;
}

static int read_tail(struct nw_journal *j, struct tail *t)
{
	off_t size = j->fd < 0 ? 0 : lseek(j->fd, 0, SEEK_END);
	size_t done = 0;

	if (size < 0)
		return -errno;
	t->begin = size > TAIL_MAX ? size - TAIL_MAX : 0;
	t->len = (size_t)(size - t->begin);
	t->text = malloc(t->len + 1);
	if (!t->text)
		return -ENOMEM;
	while (done < t->len) {
		ssize_t n = pread(j->fd, t->text + done, t->len - done, t->begin + (off_t)done);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	t->len = done;
	return 0;
}

/*
 * A crash leaves a line without its end, or (some file systems) zeros in its place. Cuts off such lines until
 * the last is whole; finds the number of the last alert.
 */
static int repair(struct nw_journal *j, struct tail *t)
{
	size_t whole = t->len, end;

	while (whole > 0) {
		size_t begin = line_before(t, whole - 1);
		int err = -EINVAL;

		if (t->text[whole - 1] == '\n')
			err = read_line(t->text + begin, whole - 1 - begin, &j->file_last_id, &j->last_id);
		if (!err)
			break;
		/* A good line is not to be taken for a torn one. */
		if (err == -ENOMEM)
			return err;
		j->repaired++;
		whole = begin;
	}
	for (end = whole; end > 0 && !j->file_last_id;) {
		size_t begin = line_before(t, end - 1);

		if (read_line(t->text + begin, end - 1 - begin, &j->file_last_id, &j->last_id) == -ENOMEM)
			return -ENOMEM;
		end = begin;
	}
	if (whole < t->len) {
		nw_warn("%s: removed %llu torn line(s) from its end (%zu bytes), as a crash or power loss "
			"leaves them",
			j->path, (unsigned long long)j->repaired, t->len - whole);
		if (j->writable && ftruncate(j->fd, t->begin + (off_t)whole) < 0)
			return -errno;
		j->dirty = j->writable;
	}
	t->len = whole;
	j->size = t->begin + (off_t)whole;
	return 0;
}

static void hand_out(const struct tail *t, unsigned int keep, void (*fn)(void *arg, char *line, size_t len),
		     void *arg)
{
	size_t begin = t->len;

	for (unsigned int n = 0; n < keep && begin > 0;) {
		size_t before = line_before(t, begin - 1);

		/* The first piece of a tail is not a whole line. */
		if (before == 0 && t->begin > 0)
			break;
		n += !nw_is_exchange(t->text + before, begin - before);
		begin = before;
	}
	while (begin < t->len) {
		char *line = t->text + begin;
		size_t len = (size_t)((char *)memchr(line, '\n', t->len - begin) - line);

		if (!nw_is_exchange(line, len))
			fn(arg, line, len);
		begin += len + 1;
	}
}

/* The number of the first alert in the current file: of the part that was read, if it is as large as that. */
static void find_first_id(struct nw_journal *j, const struct tail *t)
{
	const char *line = t->text, *stop = t->text + t->len, *end;

	while (!j->first_id && line < stop && (end = memchr(line, '\n', (size_t)(stop - line)))) {
		read_line(line, (size_t)(end - line), &j->first_id, &j->last_id);
		line = end + 1;
	}
}

static bool may_heal(int err)
{
	return err == -EROFS || err == -ENOSPC || err == -EDQUOT;
}

int nw_journal_open_current(struct nw_journal *j)
{
	int fd = nw_file_open(j->dir_fd, "alerts.jsonl", O_RDWR | O_CREAT | O_APPEND, 0640);
	int err = fd < 0 ? fd : 0;

	if (fd < 0 && j->fd < 0 && may_heal(err))
		j->fd = nw_file_open(j->dir_fd, "alerts.jsonl", O_RDONLY, 0);
	if (fd < 0)
		return err;
	/* It was read when it could not be changed: what was torn in it is still there. */
	if (j->fd >= 0 && lseek(fd, 0, SEEK_END) > j->size && ftruncate(fd, j->size) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	nw_closep(&j->fd);
	j->fd = fd;
	j->writable = true;
	return 0;
}

static int open_files(struct nw_journal *j, const char *dir)
{
	int err;

	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return nw_err_r(-errno,
				"The state directory %s can't be made: %m. Make it, or set state_dir.", dir);
	if (snprintf(j->path, sizeof(j->path), "%s/alerts.jsonl", dir) >= (int)sizeof(j->path))
		return nw_err_r(-ENAMETOOLONG, "state_dir is too long");
	j->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		return nw_err_r(-errno, "The state directory %s can't be opened: %m", dir);
	if (flock(j->dir_fd, LOCK_EX | LOCK_NB) < 0)
		return nw_err_r(errno == EWOULDBLOCK ? -EBUSY : -errno,
				"%s is in use by another negwatchd: stop that one, or set another state_dir",
				dir);
	err = nw_journal_open_current(j);
	if (may_heal(err)) {
		nw_err_r(err,
			 "The alert journal %s can't be written: %m. Alerts still go to syslog; make room "
			 "or repair the disk.",
			 j->path);
		j->error = err;
		err = 0;
	}
	if (err)
		return nw_err_r(err,
				"The alert journal %s can't be opened: %m. Give negwatchd's user the right "
				"to write there, or set state_dir.",
				j->path);
	err = nw_segments_open(&j->segments, j->dir_fd);
	return err ? nw_err_r(err, "The closed files of the alert journal in %s can't be listed: %m", dir) :
		     0;
}

/*
 * Where the cursor is unknown, or in a file that was removed by hand, all of the current file is told to
 * syslog again, rather than nothing. What was cut off can't be told. Behind a power loss numbers are skipped
 * that may have been told of lines that the disk never had.
 */
static void set_cursor(struct nw_journal *j)
{
	struct nw_journal_pos end;
	bool stale, found = nw_cursor_open(&j->cursor, j->dir_fd, &stale);

	if (j->segments.n)
		j->seq = j->segments.list[j->segments.n - 1].seq;
	j->seq++;
	for (size_t i = 0; i < j->segments.n; i++)
		if (j->segments.list[i].last_id > j->last_id)
			j->last_id = j->segments.list[i].last_id;
	if (j->cursor.last_id > j->last_id)
		j->last_id = j->cursor.last_id;
	if (stale)
		j->last_id += NW_JOURNAL_AHEAD;
	end = nw_journal_end(j);
	if (!found || j->cursor.pos.seq > end.seq)
		j->cursor.pos = (struct nw_journal_pos){ .seq = j->seq };
	else if (nw_journal_pos_cmp(j->cursor.pos, end) > 0)
		j->cursor.pos = end;
	j->cursor.last_id = j->last_id;
	if (nw_cursor_store(&j->cursor) == 0)
		fdatasync(j->cursor.fd);
	j->safe_id = j->last_id;
}

int nw_journal_open(struct nw_journal **out, const char *state_dir, const struct nw_journal_limits *limits,
		    unsigned int keep, void (*fn)(void *arg, char *line, size_t len), void *arg)
{
	struct nw_journal *j = calloc(1, sizeof(*j));
	struct tail tail = { 0 };
	int err;

	if (!j)
		return nw_err_r(-ENOMEM, "Out of memory");
	j->fd = j->dir_fd = j->cursor.fd = j->segments.in_fd = -1;
	j->limits = *limits;
	err = open_files(j, state_dir);
	if (!err) {
		err = read_tail(j, &tail);
		if (!err)
			err = repair(j, &tail);
		if (err)
			nw_err_r(err, "The alert journal %s can't be read: %m", j->path);
	}
	if (err) {
		nw_journal_free(&j);
	} else {
		find_first_id(j, &tail);
		set_cursor(j);
		hand_out(&tail, keep, fn, arg);
		*out = j;
	}
	free(tail.text);
	return err;
}
