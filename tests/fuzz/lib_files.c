// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Places for what readers read, and for what they say. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "../../user/util/log.h"

const char *fuzz_file(const void *data, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("nw-fuzz", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	HOLDS(fd >= 0 && ftruncate(fd, 0) == 0);
	HOLDS(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

static char dir[PATH_MAX / 2];

static void remove_dir(void)
{
	fuzz_clear("conf.d");
	fuzz_clear("");
	rmdir(dir);
}

const char *fuzz_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!*dir) {
		snprintf(dir, sizeof(dir), "%s/nw-fuzz.XXXXXX", tmp && *tmp ? tmp : "/tmp");
		HOLDS(mkdtemp(dir));
		atexit(remove_dir);
	}
	return dir;
}

void fuzz_put(const char *name, const void *data, size_t size)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	HOLDS(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

void fuzz_clear(const char *below)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), below);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	if (d)
		closedir(d);
}

void fuzz_quiet(void)
{
	FILE *null = fopen("/dev/null", "we");

	nw_log_init(-1);
	HOLDS(null);
	stderr = null;
	stdout = null;
}
