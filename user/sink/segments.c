// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The journal's closed files: their names, their compression in small steps, and which of them have to go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "segments.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/util.h"

/* One step of compression: below 10 ms. */
#define STEP (128u << 10)
#define TMP "alerts.gz.tmp"
#define NAME_MAX_LEN 96 /* three numbers of at most 20 digits, and 25 letters */

static const char *name_of(char out[NAME_MAX_LEN], const struct nw_segment *seg, bool gz)
{
	snprintf(out, NAME_MAX_LEN, "alerts-%08" PRIu64 "-%" PRIu64 "-%" PRIu64 ".jsonl%s", seg->seq,
		 seg->first_id, seg->last_id, gz ? ".gz" : "");
	return out;
}

static bool parse_name(const char *name, struct nw_segment *seg)
{
	char again[NAME_MAX_LEN];

	if (sscanf(name, "alerts-%" SCNu64 "-%" SCNu64 "-%" SCNu64, &seg->seq, &seg->first_id,
		   &seg->last_id) != 3)
		return false;
	seg->gz = strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".gz") == 0;
	return seg->seq && strcmp(name, name_of(again, seg, seg->gz)) == 0;
}

static int insert(struct nw_segments *s, const struct nw_segment *seg)
{
	struct nw_segment *grown = reallocarray(s->list, s->n + 1, sizeof(*grown));
	size_t at = s->n;

	if (!grown)
		return -ENOMEM;
	s->list = grown;
	while (at > 0 && grown[at - 1].seq > seg->seq)
		at--;
	memmove(grown + at + 1, grown + at, (s->n - at) * sizeof(*grown));
	grown[at] = *seg;
	s->n++;
	return 0;
}

static struct nw_segment *find(const struct nw_segments *s, uint64_t seq)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].seq == seq)
			return &s->list[i];
	return NULL;
}

static uint64_t size_of(const struct nw_segments *s, const char *name)
{
	struct stat st;

	return fstatat(s->dir_fd, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

/* Both kinds of one: the compressed one is whole, as it got its name last. */
static int take_in(struct nw_segments *s, const char *name)
{
	struct nw_segment seg = { 0 }, *twin;
	char plain[NAME_MAX_LEN];

	if (!parse_name(name, &seg))
		return 0;
	twin = find(s, seg.seq);
	if (twin) {
		unlinkat(s->dir_fd, name_of(plain, &seg, false), 0);
		if (!seg.gz)
			return 0;
		twin->gz = true;
		twin->bytes = size_of(s, name);
		return 0;
	}
	seg.bytes = size_of(s, name);
	return insert(s, &seg);
}

int nw_segments_open(struct nw_segments *s, int dir_fd)
{
	struct dirent *e;
	int err = 0;
	DIR *dir;

	*s = (struct nw_segments){ .dir_fd = dir_fd, .in_fd = -1 };
	dir = nw_dir_open(dir_fd);
	if (!dir)
		return -errno;
	unlinkat(dir_fd, TMP, 0);
	while (!err && (e = readdir(dir)))
		err = take_in(s, e->d_name);
	closedir(dir);
	return err;
}

static void give_up(struct nw_segments *s)
{
	if (s->out)
		gzclose(s->out);
	s->out = NULL;
	nw_closep(&s->in_fd);
	if (s->busy && s->stage != NW_SEGMENT_NAMED)
		unlinkat(s->dir_fd, TMP, 0);
	s->busy = 0;
	s->stage = NW_SEGMENT_PACKING;
}

void nw_segments_close(struct nw_segments *s)
{
	struct nw_segment *seg = find(s, s->busy);
	char plain[NAME_MAX_LEN];

	nw_sync_wait(&s->sync);
	/* Not two of one where it is not known which is to be read. */
	if (seg && s->stage == NW_SEGMENT_NAMED)
		unlinkat(s->dir_fd, name_of(plain, seg, false), 0);
	give_up(s);
	free(s->list);
	s->list = NULL;
	s->n = 0;
}

int nw_segments_add(struct nw_segments *s, const struct nw_segment *seg)
{
	char name[NAME_MAX_LEN];
	int err = insert(s, seg);

	if (err)
		return err;
	if (renameat(s->dir_fd, "alerts.jsonl", s->dir_fd, name_of(name, seg, false)) < 0) {
		err = -errno;
		s->n--;
		return err;
	}
	return 0;
}

static int begin(struct nw_segments *s, const struct nw_segment *seg)
{
	char name[NAME_MAX_LEN];
	int fd;

	s->busy = seg->seq;
	s->in_fd = nw_file_open(s->dir_fd, name_of(name, seg, false), O_RDONLY, 0);
	if (s->in_fd < 0)
		return s->in_fd;
	fd = nw_file_create(s->dir_fd, TMP, 0640);
	if (fd < 0)
		return fd;
	s->out = gzdopen(fd, "wb6");
	if (!s->out) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

static int finish(struct nw_segments *s)
{
	_cleanup_close_ int fd = nw_file_open(s->dir_fd, TMP, O_RDONLY, 0);
	int bad = gzclose(s->out);

	s->out = NULL;
	if (bad != Z_OK)
		return -ENOSPC;
	if (fd < 0)
		return fd;
	nw_sync_begin(&s->sync, fd, -1);
	s->stage = NW_SEGMENT_SYNCING;
	return 0;
}

/* The name comes when all is on the disk, and the plain file goes when the name is. */
static int give_name(struct nw_segments *s, struct nw_segment *seg, int err)
{
	char plain[NAME_MAX_LEN], gz[NAME_MAX_LEN];

	name_of(plain, seg, false);
	name_of(gz, seg, true);
	if (s->stage == NW_SEGMENT_NAMED) {
		unlinkat(s->dir_fd, plain, 0);
		s->busy = 0;
		return 0;
	}
	if (err)
		return err;
	if (renameat(s->dir_fd, TMP, s->dir_fd, gz) < 0)
		return -errno;
	seg->bytes = size_of(s, gz);
	seg->gz = true;
	nw_sync_begin(&s->sync, -1, s->dir_fd);
	s->stage = NW_SEGMENT_NAMED;
	return 0;
}

static int step(struct nw_segments *s, struct nw_segment *seg)
{
	_cleanup_free_ char *buf = NULL;
	ssize_t n;
	int err;

	if (nw_sync_ended(&s->sync, &err) && s->stage != NW_SEGMENT_PACKING)
		return give_name(s, seg, err);
	if (s->sync.busy)
		return 0;
	buf = malloc(STEP);
	if (!buf)
		return -ENOMEM;
	if (!s->busy) {
		err = begin(s, seg);
		if (err)
			return err;
	}
	n = read(s->in_fd, buf, STEP);
	if (n < 0)
		return -errno;
	if (n == 0)
		return finish(s);
	return gzwrite(s->out, buf, (unsigned int)n) == n ? 0 : -ENOSPC;
}

/* The one at hand, or the next. */
static struct nw_segment *next_plain(const struct nw_segments *s)
{
	for (size_t i = 0; i < s->n; i++)
		if ((!s->list[i].gz || s->list[i].seq == s->busy) && s->list[i].seq > s->failed &&
		    (!s->busy || s->busy == s->list[i].seq))
			return &s->list[i];
	return NULL;
}

bool nw_segments_work(struct nw_segments *s)
{
	struct nw_segment *seg = next_plain(s);
	int err;

	if (!seg)
		return false;
	err = step(s, seg);
	if (err) {
		nw_log_r(LOG_WARNING, err,
			 "A closed file of the alert journal can't be compressed (%m): it stays as it is");
		s->failed = seg->seq;
	}
	if (err || !s->busy)
		give_up(s);
	return next_plain(s);
}

uint64_t nw_segments_bytes(const struct nw_segments *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->list[i].bytes;
	return sum;
}

const struct nw_segment *nw_segments_over(const struct nw_segments *s, uint64_t bytes)
{
	return s->n > 1 && nw_segments_bytes(s) > bytes ? &s->list[0] : NULL;
}

void nw_segments_remove(struct nw_segments *s, uint64_t seq)
{
	struct nw_segment *seg = find(s, seq);
	char name[NAME_MAX_LEN];

	if (!seg)
		return;
	if (s->busy == seq)
		give_up(s);
	unlinkat(s->dir_fd, name_of(name, seg, seg->gz), 0);
	/* It may have had its second name a moment ago. */
	unlinkat(s->dir_fd, name_of(name, seg, !seg->gz), 0);
	memmove(seg, seg + 1, (size_t)(s->list + s->n - seg - 1) * sizeof(*seg));
	s->n--;
}

const struct nw_segment *nw_segments_from(const struct nw_segments *s, uint64_t seq)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].seq >= seq)
			return &s->list[i];
	return NULL;
}

gzFile nw_segments_read(const struct nw_segments *s, const struct nw_segment *seg)
{
	char name[NAME_MAX_LEN];
	int fd = nw_file_open(s->dir_fd, name_of(name, seg, seg->gz), O_RDONLY, 0);
	gzFile in = fd < 0 ? NULL : gzdopen(fd, "rb");

	if (!in)
		nw_closep(&fd);
	return in;
}
