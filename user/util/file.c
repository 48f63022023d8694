// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files opened with care. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "util.h"

static int refuse(int err, const char *name, const char *what)
{
	return nw_err_r(
		err,
		"%s is %s, and not used: somebody else put it there. Remove it, and see who may write to its "
		"directory.",
		name, what);
}

int nw_file_open(int dir_fd, const char *name, int flags, unsigned int mode)
{
	/* Without O_NONBLOCK a pipe would be waited for; to files it means nothing. */
	_cleanup_close_ int fd =
		openat(dir_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return refuse(-ELOOP, name, "a symbolic link");
	if (fd < 0 && errno == ENXIO) /* a pipe without a reader */
		return refuse(-EINVAL, name, "no file");
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return refuse(-EINVAL, name, "no file");
	if (st.st_nlink > 1)
		return refuse(-EMLINK, name, "a file with other names (hard links)");
	return TAKE_FD(fd);
}

int nw_file_create(int dir_fd, const char *name, unsigned int mode)
{
	_cleanup_close_ int fd = -1;

	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return -errno;
	return TAKE_FD(fd);
}

DIR *nw_dir_open(int dir_fd)
{
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		TAKE_FD(fd);
	return dir;
}

int nw_file_memory_end(FILE *stream, char **text)
{
	bool bad = !stream || fflush(stream) || ferror(stream);

	return !stream || fclose(stream) || bad || !*text ? -ENOMEM : 0;
}
