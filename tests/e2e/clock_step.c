// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Preloaded: other clocks than the machine's. The file $NW_CLOCK holds two numbers of ns (int64_t, host byte
 * order), which are added to the wall clock and to the clock that goes on while the host sleeps; the
 * monotonic one, which stamps events in the kernel too, is nobody's to set.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000LL

enum { WALL, BOOT, N };

static const volatile int64_t *steps(void)
{
	static const int64_t none[N];
	static const volatile int64_t *at;
	const char *path = getenv("NW_CLOCK");
	void *map = MAP_FAILED;
	int fd;

	if (at)
		return at;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		map = mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	at = map == MAP_FAILED ? none : map;
	return at;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int err = (int)syscall(SYS_clock_gettime, id, ts);
	int64_t ns, add = id == CLOCK_REALTIME ? steps()[WALL] : id == CLOCK_BOOTTIME ? steps()[BOOT] : 0;

	if (err || !add)
		return err;
	ns = ts->tv_sec * NS + ts->tv_nsec + add;
	ts->tv_sec = ns / NS;
	ts->tv_nsec = ns % NS;
	return 0;
}
