// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Without --foreground: the start is waited for and its result told. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "background.h"
#include "../util/util.h"

/* One byte says that the child is ready; the end of the pipe without it, that it has given up. */
static int wait_for(pid_t child, int fd)
{
	int state = 0;
	ssize_t n;
	char byte;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &state, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(state) ? WEXITSTATUS(state) : EX_SOFTWARE;
}

int nw_background_begin(int *ready, int *status)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (child > 0) {
		close(fds[1]);
		*status = wait_for(child, fds[0]);
		close(fds[0]);
		return 1;
	}
	close(fds[0]);
	*ready = fds[1];
	/* The working directory must not keep a file system busy. */
	return setsid() < 0 || chdir("/") < 0 ? -errno : 0;
}

void nw_background_ready(int *ready)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	/* If the parent is gone nobody waits for this. */
	while (write(*ready, "r", 1) < 0 && errno == EINTR)
		;
	nw_closep(ready);
}
