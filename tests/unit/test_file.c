// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What somebody put in a file's place is not followed, written to, or waited for. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/util/file.h"
#include "../../user/util/util.h"

static int dir_fd;
static char dir[] = "/tmp/nw-test-file.XXXXXX";

static void put(const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static off_t size_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
	return st.st_size;
}

/* Each thing that may stand there, what opening it says, and that the file behind it stays as it was. */
static void hostile_places(void **state)
{
	put("victim", "precious");
	assert_int_equal(symlinkat("victim", dir_fd, "link"), 0);
	assert_int_equal(symlinkat("nothing", dir_fd, "dangling"), 0);
	assert_int_equal(linkat(dir_fd, "victim", dir_fd, "hard", 0), 0);
	assert_int_equal(mkfifoat(dir_fd, "pipe", 0600), 0);
	assert_int_equal(mkdirat(dir_fd, "dir", 0700), 0);
	for (int i = 0; i < 2; i++) {
		int flags = i ? O_RDWR | O_CREAT : O_RDONLY;

		assert_int_equal(nw_file_open(dir_fd, "link", flags, 0640), -ELOOP);
		assert_int_equal(nw_file_open(dir_fd, "dangling", flags, 0640), -ELOOP);
		assert_int_equal(nw_file_open(dir_fd, "hard", flags, 0640), -EMLINK);
		assert_int_equal(nw_file_open(dir_fd, "pipe", flags, 0640), -EINVAL);
		assert_int_equal(nw_file_open(dir_fd, "pipe", O_WRONLY, 0640), -EINVAL);
		assert_true(nw_file_open(dir_fd, "dir", flags, 0640) < 0);
	}
	assert_int_equal(nw_file_open(dir_fd, "absent", O_RDONLY, 0), -ENOENT);
	assert_int_equal(faccessat(dir_fd, "nothing", F_OK, 0), -1);
	assert_int_equal(size_of("victim"), 8);
}

/* A new file takes the place of what was there, and leaves that alone. */
static void created_anew(void **state)
{
	static const char *const names[] = { "link", "dangling", "hard", "pipe", "plain" };
	mode_t before = umask(0);

	put("plain", "old");
	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++) {
		_cleanup_close_ int fd = nw_file_create(dir_fd, names[i], 0640);
		struct stat st;

		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_equal(st.st_mode, S_IFREG | 0640);
		assert_int_equal(st.st_nlink, 1);
	}
	umask(before);
	assert_int_equal(size_of("victim"), 8);
	assert_true(nw_file_create(dir_fd, "dir", 0640) < 0);
}

static int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	return dir_fd < 0 ? -1 : 0;
}

static int end(void **state)
{
	static const char *const names[] = { "link", "dangling", "hard", "pipe", "plain", "victim" };

	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		unlinkat(dir_fd, names[i], 0);
	unlinkat(dir_fd, "dir", AT_REMOVEDIR);
	close(dir_fd);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_places),
		cmocka_unit_test(created_anew),
	};

	return cmocka_run_group_tests_name("file", tests, begin, end);
}
