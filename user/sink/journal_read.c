// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reading the alert journal from any place on, over closed files and the current one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "journal_internal.h"
#include "../util/log.h"
#include "../util/util.h"

#define CHUNK (64u << 10)
/* No line is nearly as long; what has no end within it is no line. */
#define LINE_MAX_BYTES (16u << 20)

int nw_journal_pos_cmp(struct nw_journal_pos a, struct nw_journal_pos b)
{
	if (a.seq != b.seq)
		return a.seq < b.seq ? -1 : 1;
	return a.offset < b.offset ? -1 : a.offset > b.offset;
}

struct nw_journal_pos nw_journal_begin(const struct nw_journal *j)
{
	const struct nw_segment *seg = nw_segments_from(&j->segments, 0);

	return (struct nw_journal_pos){ .seq = seg ? seg->seq : j->seq };
}

struct nw_journal_pos nw_journal_find(const struct nw_journal *j, uint64_t id)
{
	for (size_t i = 0; i < j->segments.n; i++)
		if (j->segments.list[i].last_id >= id)
			return (struct nw_journal_pos){ .seq = j->segments.list[i].seq };
	return (struct nw_journal_pos){ .seq = j->seq };
}

static void close_file(struct nw_journal_reader *r)
{
	if (r->file)
		gzclose(r->file);
	r->file = NULL;
	r->file_seq = 0;
}

void nw_journal_reader_close(struct nw_journal_reader *r)
{
	close_file(r);
	free(r->buf);
	r->buf = NULL;
	r->len = r->size = r->begin = 0;
}

/* The next file from its beginning. */
static void next_file(struct nw_journal *j, struct nw_journal_reader *r, uint64_t seq)
{
	close_file(r);
	r->begin = r->len = 0;
	r->pos = (struct nw_journal_pos){ .seq = seq < j->seq ? seq : j->seq };
}

/* Opens the closed file of r->pos, or the next one that is there. False: the current one is next. */
static bool open_closed(struct nw_journal *j, struct nw_journal_reader *r)
{
	uint64_t at = r->pos.offset + (r->len - r->begin);
	const struct nw_segment *seg;

	if (r->file && r->file_seq == r->pos.seq)
		return true;
	seg = nw_segments_from(&j->segments, r->pos.seq);
	if (!seg || seg->seq != r->pos.seq) {
		r->lost++;
		next_file(j, r, seg ? seg->seq : j->seq);
		at = 0;
	}
	if (!seg)
		return false;
	close_file(r);
	r->file = nw_segments_read(&j->segments, seg);
	r->file_seq = seg->seq;
	if (r->file && gzseek(r->file, (z_off_t)at, SEEK_SET) >= 0)
		return true;
	r->lost++;
	next_file(j, r, seg->seq + 1);
	return false;
}

static int make_space(struct nw_journal_reader *r)
{
	char *grown;

	if (r->begin) {
		memmove(r->buf, r->buf + r->begin, r->len - r->begin);
		r->len -= r->begin;
		r->begin = 0;
	}
	if (r->size - r->len >= CHUNK)
		return 0;
	if (r->size >= LINE_MAX_BYTES)
		return -EMSGSIZE;
	grown = realloc(r->buf, r->size + CHUNK);
	if (!grown)
		return -ENOMEM;
	r->buf = grown;
	r->size += CHUNK;
	return 0;
}

/* Reads on: bytes, 0 at the end of the file, -errno. The current file ends with its last whole line. */
static ssize_t fill(struct nw_journal *j, struct nw_journal_reader *r)
{
	uint64_t at = r->pos.offset + (r->len - r->begin), left;
	size_t n = CHUNK;
	ssize_t got;

	if (r->pos.seq != j->seq) {
		got = gzread(r->file, r->buf + r->len, CHUNK);
		return got < 0 ? -EIO : got;
	}
	left = (uint64_t)j->size > at ? (uint64_t)j->size - at : 0;
	if (left < n)
		n = (size_t)left;
	if (!n || j->fd < 0)
		return 0;
	got = pread(j->fd, r->buf + r->len, n, (off_t)at);
	return got < 0 ? -errno : got;
}

int nw_journal_next(struct nw_journal *j, struct nw_journal_reader *r, char **line, size_t *len)
{
	for (;;) {
		char *begin = r->buf ? r->buf + r->begin : NULL;
		char *end = r->len > r->begin ? memchr(begin, '\n', r->len - r->begin) : NULL;
		ssize_t got = 0;
		int err;

		if (end) {
			*line = begin;
			*len = (size_t)(end - begin);
			r->begin += *len + 1;
			r->pos.offset += *len + 1;
			return 1;
		}
		if (r->pos.seq > j->seq)
			next_file(j, r, j->seq);
		if (r->pos.seq < j->seq && !open_closed(j, r))
			continue;
		err = make_space(r);
		if (err && err != -EMSGSIZE)
			return err;
		got = err ? err : fill(j, r);
		if (got > 0) {
			r->len += (size_t)got;
			continue;
		}
		if (r->pos.seq == j->seq)
			return (int)got;
		if (got < 0)
			r->lost++;
		next_file(j, r, r->pos.seq + 1);
	}
}

uint64_t nw_journal_unsent_in(struct nw_journal *j, uint64_t seq)
{
	struct nw_journal_pos stop = { .seq = seq + 1 };
	struct nw_journal_reader r = { .pos = { .seq = seq } };
	uint64_t n = 0;
	char *line;
	size_t len;

	if (nw_journal_pos_cmp(j->cursor.pos, stop) >= 0)
		return 0;
	if (j->cursor.pos.seq == seq)
		r.pos = j->cursor.pos;
	while (nw_journal_next(j, &r, &line, &len) > 0 && nw_journal_pos_cmp(r.pos, stop) < 0) {
		json_t *o = json_loadb(line, len, 0, NULL);

		n += nw_journal_alert_id(o) != 0;
		json_decref(o);
	}
	nw_journal_reader_close(&r);
	return n;
}
