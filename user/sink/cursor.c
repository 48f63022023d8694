// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Two slots that are written in turns; the newer one whose checksum is right counts. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <zlib.h>

#include "cursor.h"
#include "../util/file.h"
#include "../util/util.h"

/* Five numbers of at most 20 digits, the checksum, and what is between them: 115. */
#define SLOT 128

static uint32_t checksum(const char *text, size_t len)
{
	return (uint32_t)crc32(0, (const Bytef *)text, (uInt)len);
}

static bool parse(const char *slot, struct nw_cursor *out)
{
	unsigned int sum;
	int len = 0;

	if (sscanf(slot, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n %8x",
		   &out->generation, &out->pos.seq, &out->pos.offset, &out->last_id, &out->boot, &len,
		   &sum) != 6)
		return false;
	return sum == checksum(slot, (size_t)len);
}

/* This run of the kernel, never 0; one that no other is equal to where that can't be known. */
static uint64_t this_boot(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	uint64_t boot = 0;
	char id[36];

	if (fd >= 0 && read(fd, id, sizeof(id)) == (ssize_t)sizeof(id))
		boot = (uint64_t)checksum(id, 18) << 32 | checksum(id + 18, 18);
	else if (getrandom(&boot, sizeof(boot), 0) < 0)
		boot = 0;
	return boot | 1;
}

bool nw_cursor_open(struct nw_cursor *c, int dir_fd, bool *stale)
{
	bool found = false;

	*c = (struct nw_cursor){ .fd = nw_file_open(dir_fd, "alerts.cursor", O_RDWR | O_CREAT, 0640) };
	if (c->fd == -EROFS || c->fd == -EACCES)
		c->fd = nw_file_open(dir_fd, "alerts.cursor", O_RDONLY, 0);
	for (int i = 0; c->fd >= 0 && i < 2; i++) {
		char slot[SLOT + 1] = "";
		struct nw_cursor one = { 0 };

		if (pread(c->fd, slot, SLOT, i * SLOT) <= 0 || !parse(slot, &one))
			continue;
		if (found && one.generation < c->generation)
			continue;
		one.fd = c->fd;
		*c = one;
		found = true;
	}
	*stale = found && c->boot && c->boot != this_boot();
	c->boot = this_boot();
	return found;
}

void nw_cursor_close(struct nw_cursor *c)
{
	nw_closep(&c->fd);
}

int nw_cursor_store(struct nw_cursor *c)
{
	char slot[SLOT];
	int len;

	if (c->fd < 0)
		return -EROFS;
	c->generation++;
	memset(slot, ' ', sizeof(slot));
	len = snprintf(slot, sizeof(slot), "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		       c->generation, c->pos.seq, c->pos.offset, c->last_id, c->boot);
	snprintf(slot + len, sizeof(slot) - (size_t)len, " %08x", checksum(slot, (size_t)len));
	slot[len + 9] = '\n';
	if (pwrite(c->fd, slot, SLOT, (off_t)(c->generation % 2) * SLOT) != SLOT)
		return errno ? -errno : -EIO;
	return 0;
}
