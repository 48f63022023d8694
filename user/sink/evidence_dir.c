// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files of evidence: their names, their bounds, and how they come to be without following anybody's symlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "evidence_dir.h"
#include "../../bpf/wire/group.h"
#include "../util/file.h"
#include "../util/util.h"

#define TMP "new.tmp"
#define SUFFIX ".pcapng"
#define STAMP_FORMAT "%Y-%m-%dT%H%M%SZ"

struct nw_evidence_file nw_evidence_file(uint64_t id, int64_t wall, const union nw_addr *client)
{
	struct nw_evidence_file f = { .id = id, .wall = wall };
	union nw_addr addr = nw_addr_network(client);

	nw_addr_text(f.client, &addr);
	for (char *p = f.client; *p; p++)
		*p = *p == ':' ? '-' : *p;
	return f;
}

const char *nw_evidence_name(char out[NW_EVIDENCE_NAME], const struct nw_evidence_file *f)
{
	time_t seconds = (time_t)(f->wall / 1000000000);
	char stamp[24] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(stamp, sizeof(stamp), STAMP_FORMAT, &tm);
	snprintf(out, NW_EVIDENCE_NAME, "%s-%" PRIu64 "-%s" SUFFIX, stamp, f->id, f->client);
	return out;
}

static bool parse_name(const char *name, struct nw_evidence_file *f)
{
	struct tm tm = { 0 };
	const char *id = strptime(name, STAMP_FORMAT, &tm), *client;
	char again[NW_EVIDENCE_NAME], *end;
	size_t len = strlen(name);

	*f = (struct nw_evidence_file){ 0 };
	if (!id || *id++ != '-' || len >= NW_EVIDENCE_NAME || len < sizeof(SUFFIX))
		return false;
	f->id = strtoull(id, &end, 10);
	client = end + 1;
	if (!f->id || *end != '-' || client >= name + len - strlen(SUFFIX) ||
	    (size_t)(name + len - strlen(SUFFIX) - client) >= sizeof(f->client))
		return false;
	memcpy(f->client, client, (size_t)(name + len - strlen(SUFFIX) - client));
	f->wall = (int64_t)timegm(&tm) * 1000000000;
	return strcmp(nw_evidence_name(again, f), name) == 0;
}

/* The first with this number or a higher one. */
static size_t place_of(const struct nw_evidence_dir *d, uint64_t id)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (d->list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct nw_evidence_file *nw_evidence_find(const struct nw_evidence_dir *d, uint64_t id)
{
	size_t at = place_of(d, id);

	return at < d->n && d->list[at].id == id ? &d->list[at] : NULL;
}

static int take_in(struct nw_evidence_dir *d, const struct nw_evidence_file *f)
{
	size_t at = place_of(d, f->id);

	if (at < d->n && d->list[at].id == f->id) {
		d->bytes += f->bytes - d->list[at].bytes;
		d->list[at] = *f;
		return 0;
	}
	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 64;
		struct nw_evidence_file *grown = reallocarray(d->list, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		d->list = grown;
		d->room = room;
	}
	memmove(d->list + at + 1, d->list + at, (d->n - at) * sizeof(*d->list));
	d->list[at] = *f;
	d->n++;
	d->bytes += f->bytes;
	return 0;
}

static void remove_at(struct nw_evidence_dir *d, size_t at)
{
	char name[NW_EVIDENCE_NAME];

	unlinkat(d->fd, nw_evidence_name(name, &d->list[at]), 0);
	d->bytes -= d->list[at].bytes;
	d->removed++;
	memmove(d->list + at, d->list + at + 1, (d->n - at - 1) * sizeof(*d->list));
	d->n--;
}

static int scan(struct nw_evidence_dir *d)
{
	DIR *dir = nw_dir_open(d->fd);
	struct dirent *e;
	int err = 0;

	d->n = 0;
	d->bytes = 0;
	if (!dir)
		return -errno;
	while (!err && (e = readdir(dir))) {
		struct nw_evidence_file f;
		struct stat st;

		if (!parse_name(e->d_name, &f) || fstatat(d->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		f.bytes = (uint64_t)st.st_size;
		if (st.st_size)
			err = take_in(d, &f);
		else
			unlinkat(d->fd, e->d_name, 0);
	}
	closedir(dir);
	return err;
}

/* Opens the directory if it is there; with `make` it is made. */
static int enter(struct nw_evidence_dir *d, bool make)
{
	int err;

	nw_closep(&d->fd);
	if (make && mkdirat(d->parent_fd, NW_EVIDENCE_DIRECTORY, 0750) < 0 && errno != EEXIST)
		return -errno;
	d->fd = openat(d->parent_fd, NW_EVIDENCE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd < 0)
		return -errno;
	err = scan(d);
	if (err)
		nw_closep(&d->fd);
	return err;
}

int nw_evidence_dir_open(struct nw_evidence_dir *d, const char *state_dir)
{
	*d = (struct nw_evidence_dir){ .fd = -1 };
	d->parent_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->parent_fd < 0)
		return -errno;
	enter(d, false);
	return 0;
}

void nw_evidence_dir_close(struct nw_evidence_dir *d)
{
	nw_closep(&d->fd);
	nw_closep(&d->parent_fd);
	free(d->list);
	d->list = NULL;
	d->n = d->room = 0;
}

static int write_whole(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The journal comes first: what is left of the disk is its own. */
static int check_room(const struct nw_evidence_dir *d, size_t len)
{
	struct statvfs st;

	if (fstatvfs(d->fd, &st) < 0)
		return -errno;
	return (uint64_t)st.f_bavail * st.f_frsize < NW_EVIDENCE_LEAVES + len ? -ENOSPC : 0;
}

static int put(struct nw_evidence_dir *d, const char *name, const void *bytes, size_t len)
{
	int fd, err = check_room(d, len);

	if (err)
		return err;
	fd = nw_file_create(d->fd, TMP, 0640);
	if (fd < 0)
		return fd;
	err = write_whole(fd, bytes, len);
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && renameat(d->fd, TMP, d->fd, name) < 0)
		err = -errno;
	if (err)
		unlinkat(d->fd, TMP, 0);
	return err;
}

/* Makes `client` keep at most so many files, and bytes; its oldest go. */
static void trim_client(struct nw_evidence_dir *d, const struct nw_evidence_limits *max, const char *client)
{
	size_t files = 0, i = 0;
	uint64_t bytes = 0;

	for (size_t k = 0; k < d->n; k++)
		if (strcmp(d->list[k].client, client) == 0) {
			files++;
			bytes += d->list[k].bytes;
		}
	while (files > 1 && (files > max->files / NW_EVIDENCE_CLIENT_SHARE ||
			     bytes > max->bytes / NW_EVIDENCE_CLIENT_SHARE)) {
		while (strcmp(d->list[i].client, client) != 0)
			i++;
		files--;
		bytes -= d->list[i].bytes;
		remove_at(d, i);
	}
}

void nw_evidence_trim(struct nw_evidence_dir *d, const struct nw_evidence_limits *max)
{
	while (d->n && (d->n > max->files || d->bytes > max->bytes))
		remove_at(d, 0);
}

int nw_evidence_put(struct nw_evidence_dir *d, const struct nw_evidence_limits *max,
		    const struct nw_evidence_file *what, const void *bytes, size_t len)
{
	struct nw_evidence_file f = *what;
	char name[NW_EVIDENCE_NAME];
	int err = d->fd < 0 ? enter(d, true) : 0;

	f.bytes = len;
	nw_evidence_name(name, &f);
	if (!err)
		err = put(d, name, bytes, len);
	if (err == -ENOENT) { /* somebody removed the directory */
		err = enter(d, true);
		if (!err)
			err = put(d, name, bytes, len);
	}
	if (err)
		return err;
	err = take_in(d, &f);
	if (err) {
		unlinkat(d->fd, name, 0);
		return err;
	}
	trim_client(d, max, f.client);
	nw_evidence_trim(d, max);
	return 0;
}
