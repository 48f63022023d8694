// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Peers on disk: read line by line within bounds, written whole and renamed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow_json.h"
#include "json.h"
#include "peers_file.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/util.h"

/* A peer takes some 700 bytes. */
#define LINE_SIZE 4096

struct writer {
	FILE *f;
	int64_t offset;
};

/* A line without its newline, of any length: what does not fit is no line of ours. False at the end. */
static bool next_line(FILE *f, char line[LINE_SIZE], bool *fits)
{
	size_t len;
	int c;

	if (!fgets(line, LINE_SIZE, f))
		return false;
	len = strlen(line);
	*fits = len && line[len - 1] == '\n';
	if (!*fits)
		while ((c = fgetc(f)) != EOF && c != '\n')
			;
	return true;
}

static bool is_ours(const json_t *head)
{
	const char *type = json_string_value(json_object_get(head, "type"));

	return type && !strcmp(type, "peers") &&
	       json_integer_value(json_object_get(head, "version")) == NW_PEERS_VERSION;
}

static int take(struct nw_peers *p, const json_t *o, const struct nw_peer_clock *clock)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	struct nw_instance instance;
	struct nw_peer peer;
	int err = -EINVAL;

	if (type && !strcmp(type, "peer")) {
		err = nw_peer_from_json(&peer, o, clock);
		return err ? err : nw_peers_put(p, &peer);
	}
	if (type && !strcmp(type, "instance")) {
		err = nw_instance_from_json(&instance, o, clock);
		return err ? err : nw_peers_put_instance(p, &instance);
	}
	return err;
}

/* Returns 0, -EPROTO if the first line is none of ours, or another -errno. */
static int read_lines(struct nw_peers *p, FILE *f, const struct nw_peer_clock *clock, uint64_t *broken)
{
	char line[LINE_SIZE];
	bool fits, first = true;
	int err = 0;

	while (err != -ENOMEM && next_line(f, line, &fits)) {
		json_t *o;

		err = -EINVAL;
		o = fits ? nw_json_parse(line, strlen(line), &err) : NULL;
		if (err == -ENOMEM)
			return err;
		if (first && !is_ours(o)) {
			json_decref(o);
			return -EPROTO;
		}
		err = first ? 0 : take(p, o, clock);
		first = false;
		*broken += err == -EINVAL;
		json_decref(o);
	}
	return ferror(f) ? -EIO : first ? -EPROTO : err == -ENOMEM ? err : 0;
}

static void set_aside(const char *path)
{
	char old[PATH_MAX + 8];

	snprintf(old, sizeof(old), "%s.old", path);
	if (rename(path, old) < 0)
		nw_warn("%s is no list of peers of this version, and can't be renamed: %m. The list begins "
			"anew.",
			path);
	else
		nw_warn("%s is no list of peers of this version: renamed to %s. The list begins anew; "
			"clients "
			"that do not validate are told again.",
			path, old);
}

int nw_peers_load(struct nw_peers *p, const char *state_dir, const struct nw_peer_clock *clock,
		  uint64_t *broken)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int err;

	*broken = 0;
	snprintf(path, sizeof(path), "%s/" NW_PEERS_FILE, state_dir);
	fd = nw_file_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return 0;
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (f)
		(void)TAKE_FD(fd);
	err = f ? read_lines(p, f, clock, broken) : fd < 0 ? fd : -ENOMEM;
	if (err == -EPROTO)
		set_aside(path);
	else if (err)
		return nw_err_r(err,
				"The list of peers %s can't be read: %m. It is left as it is, and nothing is "
				"kept in it. Give negwatchd's user the right to read it, or remove it, and "
				"start negwatchd again.",
				path);
	if (*broken)
		nw_warn("%s: %llu line(s) can't be understood and were left out, as a failing disk leaves "
			"them",
			path, (unsigned long long)*broken);
	return 0;
}

/* Takes the object over. */
static int put(FILE *f, json_t *o)
{
	int err = !o ? -ENOMEM : json_dumpf(o, f, NW_JSON_LINE) < 0 || fputc('\n', f) == EOF ? -EIO : 0;

	json_decref(o);
	return err;
}

static int put_peer(void *arg, const struct nw_peer *peer)
{
	const struct writer *w = arg;

	return put(w->f, nw_peer_json(peer, w->offset));
}

static int put_instance(void *arg, const struct nw_instance *i)
{
	const struct writer *w = arg;

	return put(w->f, nw_instance_json(i, w->offset));
}

static int write_all(const struct nw_peers *p, const char *path, int64_t offset, struct nw_sync *sync)
{
	_cleanup_close_ int fd = nw_file_create(AT_FDCWD, path, 0640);
	struct writer w = { .offset = offset };
	int err;

	if (fd < 0)
		return fd;
	w.f = fdopen(fd, "w");
	if (!w.f)
		return -errno;
	(void)TAKE_FD(fd);
	err = put(w.f, json_pack("{s:s,s:i}", "type", "peers", "version", NW_PEERS_VERSION));
	if (!err)
		err = nw_peers_each(p, put_peer, &w);
	if (!err)
		err = nw_peers_each_instance(p, put_instance, &w);
	if (!err && fflush(w.f))
		err = -errno;
	/* What is renamed has to be on the disk: else a power loss leaves an empty file under the good name.
	 */
	if (!err)
		nw_sync_begin(sync, fileno(w.f), -1);
	if (fclose(w.f) && !err) {
		err = -errno;
		nw_sync_wait(sync);
	}
	return err;
}

static const char *path_of(char out[PATH_MAX], const char *state_dir, const char *suffix)
{
	snprintf(out, PATH_MAX, "%s/" NW_PEERS_FILE "%s", state_dir, suffix);
	return out;
}

int nw_peers_write(const struct nw_peers *p, const char *state_dir, int64_t offset, struct nw_sync *sync)
{
	char fresh[PATH_MAX];
	int err = write_all(p, path_of(fresh, state_dir, ".new"), offset, sync);

	if (err)
		unlink(fresh);
	return err;
}

int nw_peers_put_in_place(const char *state_dir, int err)
{
	char path[PATH_MAX], fresh[PATH_MAX];

	path_of(fresh, state_dir, ".new");
	if (!err && rename(fresh, path_of(path, state_dir, "")) < 0)
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

int nw_peers_save(const struct nw_peers *p, const char *state_dir, int64_t offset)
{
	struct nw_sync sync = { 0 };
	int err = nw_peers_write(p, state_dir, offset, &sync);

	return err ? err : nw_peers_put_in_place(state_dir, nw_sync_wait(&sync));
}
