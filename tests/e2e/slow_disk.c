// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Preloaded into negwatchd: as long as the file $NW_SLOW exists each fdatasync() and fsync() waits until that
 * very file is removed or another takes its place, as on a disk that is busy with other things. What waits is
 * counted in the file, a byte each.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_US 1000

static int slowly(long call, int fd)
{
	const char *path = getenv("NW_SLOW");
	int note = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
	struct stat st;

	if (note >= 0) {
		if (write(note, ".", 1) == 1)
			while (fstat(note, &st) == 0 && st.st_nlink)
				usleep(LOOK_US);
		close(note);
	}
	return (int)syscall(call, fd);
}

int fdatasync(int fd)
{
	return slowly(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return slowly(SYS_fsync, fd);
}
