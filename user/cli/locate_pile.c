// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sights in memory, or, when these are too many, in temporary files by a hash of what they are joined by. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locate_pile.h"
#include "../util/util.h"

static int fail(const char *what)
{
	int err = errno ? errno : EIO;

	fprintf(stderr,
		"negwatch locate: temporary files can't be %s: %s. Set TMPDIR to a directory with room for "
		"twice the size of the journals.\n",
		what, strerror(err));
	return -err;
}

int nw_pile_init(struct nw_pile *p, size_t bytes)
{
	*p = (struct nw_pile){ .max = bytes / sizeof(*p->held) };
	p->held = calloc(p->max, sizeof(*p->held));
	return p->held ? 0 : -ENOMEM;
}

void nw_pile_release(struct nw_pile *p)
{
	for (unsigned int i = 0; i < NW_PILE_PARTS; i++)
		nw_fclosep(&p->part[i]);
	free(p->held);
	p->held = NULL;
}

/* Connections stay together: MessageId and signature, which tell their exchanges apart, are left out. */
static unsigned int part_of(const struct nw_sight *s)
{
	uint64_t h = 0, word;

	memcpy(&h, s->key.id, sizeof(h));
	memcpy(&word, s->key.id + 8, sizeof(word));
	h = (h ^ s->key.session_id) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ word ^ h >> 31) * 0x9e3779b97f4a7c15ULL;
	return (unsigned int)(h >> 32) % NW_PILE_PARTS;
}

static int put(struct nw_pile *p, const struct nw_sight *s)
{
	unsigned int i = part_of(s);

	if (p->in_part[i] == p->max) {
		p->dropped++;
		return 0;
	}
	p->in_part[i]++;
	return fwrite(s, sizeof(*s), 1, p->part[i]) == 1 ? 0 : fail("written");
}

static int spill(struct nw_pile *p)
{
	const char *dir = getenv("TMPDIR");
	int err = 0;

	for (unsigned int i = 0; i < NW_PILE_PARTS; i++) {
		int fd = open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

		p->part[i] = fd < 0 ? NULL : fdopen(fd, "w+");
		if (!p->part[i]) {
			err = fail("made");
			nw_closep(&fd);
			return err;
		}
	}
	for (size_t i = 0; i < p->n && !err; i++)
		err = put(p, &p->held[i]);
	p->n = 0;
	return err;
}

int nw_pile_add(struct nw_pile *p, const struct nw_sight *s)
{
	int err = 0;

	if (!p->part[0] && p->n < p->max) {
		p->held[p->n++] = *s;
		return 0;
	}
	if (!p->part[0])
		err = spill(p);
	return err ? err : put(p, s);
}

int nw_pile_each(struct nw_pile *p, int (*fn)(void *arg, const struct nw_sight *s, size_t n), void *arg)
{
	int err = 0;

	if (!p->part[0])
		return fn(arg, p->held, p->n);
	for (unsigned int i = 0; i < NW_PILE_PARTS && !err; i++) {
		if (fflush(p->part[i]) || fseek(p->part[i], 0, SEEK_SET))
			return fail("written");
		p->n = fread(p->held, sizeof(*p->held), p->in_part[i], p->part[i]);
		if (p->n != p->in_part[i])
			return fail("read");
		err = fn(arg, p->held, p->n);
		nw_fclosep(&p->part[i]);
	}
	return err;
}
