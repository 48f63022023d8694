// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal: append-only JSON lines, repaired at start, never torn by a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <jansson.h>

#include "exchange.h"
#include "journal.h"
#include "../util/log.h"
#include "../util/util.h"

/* How far back the end of the file is read: a thousand alerts of 4 KiB. */
#define TAIL_MAX (16 << 20)

struct nw_journal {
	int fd;
	char path[PATH_MAX];
	uint64_t last_id, repaired, unwritten;
	off_t size;
	int error;
	bool dirty;
};

struct tail {
	char *text; /* the file's last bytes */
	size_t len;
	off_t begin; /* where they lie in the file */
};

/* False if the line is no JSON. Sets *id if it is an alert, or names the last one before it. */
static bool read_line(const char *line, size_t len, uint64_t *id)
{
	json_t *o = json_loadb(line, len, 0, NULL), *own = json_object_get(o, "negwatch");
	json_int_t n = json_integer_value(json_object_get(own, "alert_id"));

	if (!n)
		n = json_integer_value(json_object_get(own, "after_alert"));
	if (n > 0)
		*id = (uint64_t)n;
	json_decref(o);
	return o;
}

/* In a string, the quotes would be escaped. */
static bool is_exchange(const char *line, size_t len)
{
	static const char mark[] = "\"event_type\":\"" NW_EVENT_EXCHANGE "\"";

	return memmem(line, len, mark, sizeof(mark) - 1);
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
	off_t size = lseek(j->fd, 0, SEEK_END);
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

		if (t->text[whole - 1] == '\n' && read_line(t->text + begin, whole - 1 - begin, &j->last_id))
			break;
		j->repaired++;
		whole = begin;
	}
	for (end = whole; end > 0 && !j->last_id;) {
		size_t begin = line_before(t, end - 1);

		read_line(t->text + begin, end - 1 - begin, &j->last_id);
		end = begin;
	}
	if (whole < t->len) {
		nw_warn("%s: removed %llu torn line(s) from its end (%zu bytes), as a crash or power loss "
			"leaves "
			"them",
			j->path, (unsigned long long)j->repaired, t->len - whole);
		if (ftruncate(j->fd, t->begin + (off_t)whole) < 0)
			return -errno;
		j->dirty = true;
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
		n += !is_exchange(t->text + before, begin - before);
		begin = before;
	}
	while (begin < t->len) {
		char *line = t->text + begin;
		size_t len = (size_t)((char *)memchr(line, '\n', t->len - begin) - line);

		if (!is_exchange(line, len))
			fn(arg, line, len);
		begin += len + 1;
	}
}

static int open_file(struct nw_journal *j, const char *dir)
{
	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return nw_err_r(-errno,
				"The state directory %s can't be made: %m. Make it, or set state_dir.", dir);
	if (snprintf(j->path, sizeof(j->path), "%s/alerts.jsonl", dir) >= (int)sizeof(j->path))
		return nw_err_r(-ENAMETOOLONG, "state_dir is too long");
	j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (j->fd < 0)
		return nw_err_r(-errno,
				"The alert journal %s can't be opened: %m. Give negwatchd's user the right "
				"to write there, or set state_dir.",
				j->path);
	if (flock(j->fd, LOCK_EX | LOCK_NB) < 0)
		return nw_err_r(errno == EWOULDBLOCK ? -EBUSY : -errno,
				"%s is in use by another negwatchd: stop that one, or set another state_dir",
				j->path);
	return 0;
}

int nw_journal_open(struct nw_journal **out, const char *state_dir, unsigned int keep,
		    void (*fn)(void *arg, char *line, size_t len), void *arg)
{
	struct nw_journal *j = calloc(1, sizeof(*j));
	struct tail tail = { 0 };
	int err;

	if (!j)
		return nw_err_r(-ENOMEM, "Out of memory");
	j->fd = -1;
	err = open_file(j, state_dir);
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
		hand_out(&tail, keep, fn, arg);
		*out = j;
	}
	free(tail.text);
	return err;
}

void nw_journal_free(struct nw_journal **jp)
{
	struct nw_journal *j = *jp;

	if (!j)
		return;
	nw_journal_sync(j);
	nw_closep(&j->fd);
	free(j);
	*jp = NULL;
}

uint64_t nw_journal_take_id(struct nw_journal *j)
{
	return ++j->last_id;
}

static int fault(struct nw_journal *j, int err)
{
	if (!j->error)
		nw_err("The alert journal %s can't be written: %s. Alerts still go to syslog; make room or "
		       "repair "
		       "the disk.",
		       j->path, strerror(-err));
	j->error = err;
	return err;
}

int nw_journal_append(struct nw_journal *j, const char *line, size_t len)
{
	struct iovec parts[] = { { (void *)line, len }, { (void *)"\n", 1 } };
	ssize_t n = writev(j->fd, parts, 2);

	if (n != (ssize_t)len + 1) {
		int err = n < 0 ? -errno : -ENOSPC;

		/* The half of a line would take the next one along. */
		if (n > 0 && ftruncate(j->fd, j->size) < 0)
			err = -errno;
		j->unwritten++;
		return fault(j, err);
	}
	j->size += n;
	j->dirty = true;
	return 0;
}

int nw_journal_sync(struct nw_journal *j)
{
	if (!j->dirty)
		return 0;
	j->dirty = false;
	if (fdatasync(j->fd) < 0 && errno != EINVAL)
		return fault(j, -errno);
	if (j->error)
		nw_info("The alert journal %s can be written again; %llu alert(s) are missing in it", j->path,
			(unsigned long long)j->unwritten);
	j->error = 0;
	return 0;
}

void nw_journal_get_state(const struct nw_journal *j, struct nw_journal_state *out)
{
	*out = (struct nw_journal_state){
		.path = j->path,
		.last_id = j->last_id,
		.repaired = j->repaired,
		.unwritten = j->unwritten,
		.error = j->error,
	};
}
