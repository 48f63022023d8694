// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Folding of repeated alerts: a bounded table in which the order of insertion is that of the windows' ends.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "fold.h"
#include "../engine/table.h"
#include "../../bpf/wire/group.h"
#include "../util/file.h"
#include "../util/util.h"

_Static_assert(sizeof(struct nw_folded) == 96, "the arithmetic at NW_FOLD_MAX");

struct nw_fold {
	struct nw_table *table, *groups; /* the latter: places taken by each client, uint32_t */
	uint64_t window, untold;
	nw_fold_fn fn;
	void *arg;
	int fd;			      /* -1: none */
	uint32_t unused[NW_FOLD_MAX]; /* slots of the file that are free: a stack */
	uint32_t n_unused;
};

/* The file is this, and a slot for each alert; a count of 0 is an empty slot. It never leaves the host. */
static const char MAGIC[8] = "nwfold2";

static off_t place(uint32_t slot)
{
	return (off_t)(sizeof(MAGIC) + (size_t)slot * sizeof(struct nw_folded));
}

static uint32_t checksum(const struct nw_folded *e)
{
	return (uint32_t)crc32(0, (const Bytef *)e, offsetof(struct nw_folded, check));
}

/* What a full disk does not take is still counted in memory. */
static void keep(struct nw_fold *f, struct nw_folded *e)
{
	e->check = checksum(e);
	if (f->fd >= 0 && pwrite(f->fd, e, sizeof(*e), place(e->slot)) < 0)
		return;
}

static void forget(struct nw_fold *f, const struct nw_folded *e)
{
	struct nw_folded none = { 0 };

	f->unused[f->n_unused++] = e->slot;
	if (e->count && f->fd >= 0 && pwrite(f->fd, &none, sizeof(none), place(e->slot)) < 0)
		return;
}

/* The table's keys are those of flows: two ends with a port each, and a word that is free. */
static struct nw_key table_key(const struct nw_fold_key *k)
{
	return (struct nw_key){
		.addr = { k->client, k->server },
		.port = { htobe16(k->rule), htobe16(k->port) },
		.zero = (uint32_t)k->fields | (uint32_t)k->severity << 8,
	};
}

bool nw_fold_is_crowd(const struct nw_fold_key *key)
{
	return !key->server.d[0] && !key->server.d[1] && !key->port;
}

/* Under which key an alert is counted: its own, or that of its crowd. */
static struct nw_fold_key placed(struct nw_fold *f, const struct nw_fold_key *key)
{
	struct nw_key own = table_key(key), group = nw_group_key(&key->client);
	const uint32_t *taken = nw_table_get(f->groups, &group);
	struct nw_fold_key crowd = { .rule = key->rule, .severity = key->severity };

	if (!taken || *taken < NW_FOLD_SHARE || nw_table_get(f->table, &own))
		return *key;
	crowd.client = nw_addr_network(&key->client);
	return crowd;
}

static void take_place(struct nw_fold *f, const struct nw_fold_key *key)
{
	struct nw_key group = nw_group_key(&key->client);
	uint32_t *taken = nw_table_get(f->groups, &group);

	if (!taken)
		taken = nw_table_put(f->groups, &group);
	if (taken)
		++*taken;
}

static void leave_place(struct nw_fold *f, const struct nw_fold_key *key)
{
	struct nw_key group = nw_group_key(&key->client);
	uint32_t *taken = nw_table_get(f->groups, &group);

	if (taken && !--*taken)
		nw_table_del(f->groups, taken);
}

static void tell(void *arg, void *value)
{
	struct nw_fold *f = arg;
	const struct nw_folded *e = value;

	if (e->count) {
		f->untold -= e->count;
		f->fn(f->arg, e);
	}
	leave_place(f, &e->key);
	/* Last: killed before, it is told twice rather than not at all. */
	forget(f, e);
}

int nw_fold_new(struct nw_fold **out, uint64_t window, uint64_t seed, nw_fold_fn fn, void *arg)
{
	struct nw_fold *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->window = window;
	f->fn = fn;
	f->arg = arg;
	f->fd = -1;
	while (f->n_unused < NW_FOLD_MAX) {
		f->unused[f->n_unused] = NW_FOLD_MAX - 1 - f->n_unused;
		f->n_unused++;
	}
	err = nw_table_new(&f->table, NW_FOLD_MAX, sizeof(struct nw_folded), seed, tell, f);
	/* As many as there are places, so that none is ever pushed out. */
	if (!err)
		err = nw_table_new(&f->groups, NW_FOLD_MAX, sizeof(uint32_t), seed, NULL, NULL);
	if (err) {
		nw_table_free(&f->table);
		free(f);
		return err;
	}
	*out = f;
	return 0;
}

void nw_fold_free(struct nw_fold **fp)
{
	struct nw_fold *f = *fp;

	if (!f)
		return;
	nw_table_free(&f->table);
	nw_table_free(&f->groups);
	nw_closep(&f->fd);
	free(f);
	*fp = NULL;
}

int64_t nw_folded_first_seen(const struct nw_folded *f)
{
	return f->last_seen - (int64_t)f->took;
}

bool nw_fold_repeat(struct nw_fold *f, const struct nw_fold_key *key, int64_t wall, uint64_t ts)
{
	struct nw_fold_key as = placed(f, key);
	struct nw_key k = table_key(&as);
	struct nw_folded *e = nw_table_get(f->table, &k);

	if (!e)
		return false;
	if (!e->count++)
		e->first_ts = ts;
	/* Findings of one moment may come in another order. */
	e->took = ts > e->first_ts ? ts - e->first_ts : 0;
	e->last_seen = wall;
	f->untold++;
	keep(f, e);
	return true;
}

/* Behind all others: its window ends last. */
static void put(struct nw_fold *f, const struct nw_folded *e)
{
	struct nw_key k = table_key(&e->key);
	struct nw_folded *at = nw_table_put(f->table, &k);

	if (!at)
		return;
	*at = *e;
	take_place(f, &e->key);
	at->slot = f->unused[--f->n_unused];
}

void nw_fold_told(struct nw_fold *f, const struct nw_fold_key *key, uint64_t id, uint64_t now)
{
	if (f->window)
		put(f, &(struct nw_folded){ .key = placed(f, key), .first_id = id, .due = now + f->window });
}

uint64_t nw_fold_due(const struct nw_fold *f)
{
	const struct nw_folded *first = nw_table_first(f->table);

	return first ? first->due : 0;
}

void nw_fold_tick(struct nw_fold *f, uint64_t now)
{
	struct nw_folded *e;

	while ((e = nw_table_first(f->table)) && now >= e->due) {
		struct nw_folded old = *e;

		nw_table_del(f->table, e);
		tell(f, &old);
		if (old.count)
			nw_fold_told(f, &old.key, old.first_id, now);
	}
}

void nw_fold_flush(struct nw_fold *f, uint64_t window)
{
	f->window = 0;
	nw_fold_tick(f, UINT64_MAX);
	f->window = window;
}

int nw_fold_keep(struct nw_fold *f, const char *path)
{
	_cleanup_close_ int fd = nw_file_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0640);
	char magic[sizeof(MAGIC)] = "";
	struct nw_folded e;

	if (fd < 0)
		return fd;
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, MAGIC, sizeof(magic)) == 0)
		for (uint32_t slot = 0; pread(fd, &e, sizeof(e), place(slot)) == sizeof(e); slot++)
			if (e.count && e.check == checksum(&e))
				f->fn(f->arg, &e);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, MAGIC, sizeof(MAGIC), 0) != sizeof(MAGIC))
		return errno ? -errno : -EIO;
	f->fd = TAKE_FD(fd);
	return 0;
}

uint64_t nw_fold_untold(const struct nw_fold *f)
{
	return f->untold;
}
