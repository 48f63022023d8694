// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One thread, two descriptors, one result. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sync.h"
#include "../util/util.h"

static int own(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void *run(void *arg)
{
	struct nw_sync *s = arg;
	int err = 0;

	/* EINVAL: a file that can't be synced, as of /dev, needs it not. */
	if (s->fd >= 0 && fdatasync(s->fd) < 0 && errno != EINVAL)
		err = -errno;
	if (s->then >= 0 && fsync(s->then) < 0 && errno != EINVAL && !err)
		err = -errno;
	nw_closep(&s->fd);
	nw_closep(&s->then);
	s->err = err;
	atomic_store(&s->done, true);
	return NULL;
}

void nw_sync_begin(struct nw_sync *s, int fd, int then)
{
	sigset_t all, before;
	int failed;

	s->fd = own(fd);
	s->then = own(then);
	atomic_store(&s->done, false);
	s->busy = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return;
	s->busy = false;
	run(s);
}

bool nw_sync_ended(struct nw_sync *s, int *err)
{
	if (!atomic_load(&s->done))
		return false;
	*err = nw_sync_wait(s);
	return true;
}

int nw_sync_wait(struct nw_sync *s)
{
	if (s->busy)
		pthread_join(s->thread, NULL);
	s->busy = false;
	return atomic_exchange(&s->done, false) ? s->err : 0;
}
