// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal over many files: closed, compressed, removed, and killed meanwhile. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal_dir.h"

static void rotation_keeps_everything_readable(void **state)
{
	const struct nw_journal_limits small = { 3000, 1 << 20 };
	struct nw_journal_state st;
	struct nw_journal_pos half;
	struct nw_journal *j;

	journal_dir_clear();
	j = journal_reopen(&small);
	for (int i = 0; i < 1000; i++) {
		journal_put(j);
		if (i == 499)
			half = nw_journal_end(j);
		while (nw_journal_work(j))
			;
	}
	nw_journal_get_state(j, &st);
	assert_in_range(st.files, 28, 40);
	assert_int_equal(journal_count_files(".gz"), st.files);
	assert_int_equal(journal_count_files(".jsonl"), 1);
	assert_int_equal(journal_read_all(j, nw_journal_begin(j), 1), 1000);
	assert_int_equal(journal_read_all(j, half, 501), 1000);
	nw_journal_set_cursor(j, half);
	nw_journal_free(&j);
	j = journal_reopen(&small);
	assert_int_equal(journal_read_all(j, nw_journal_cursor(j), 501), 1000);
	assert_in_range(nw_journal_find(j, 700).seq, 20, 28);
	assert_int_equal(journal_put(j), 1001);
	nw_journal_free(&j);
}

static void total_is_kept_and_losses_are_counted(void **state)
{
	const struct nw_journal_limits small = { 3000, 8000 };
	struct nw_journal_state st;
	struct nw_journal *j;
	char *line;
	size_t len;

	journal_dir_clear();
	j = journal_reopen(&small);
	for (int i = 0; i < 2000; i++) {
		journal_put(j);
		while (nw_journal_work(j))
			;
		nw_journal_get_state(j, &st);
		assert_true(st.bytes <= 8000 + 3100);
	}
	/* Of all alerts each is either there, or counted as never sent. */
	struct nw_journal_reader r = { .pos = nw_journal_begin(j) };

	for (len = 0; nw_journal_next(j, &r, &line, &len) > 0;)
		st.unsent++;
	nw_journal_reader_close(&r);
	assert_int_equal(st.unsent, 2000);
	assert_true(st.removed > 0);
	nw_journal_free(&j);
}

/* The child's work until it is killed: each number is told when its line is written. */
static void write_until_killed(int out)
{
	const struct nw_journal_limits small = { 3000, 1 << 30 };
	struct nw_journal *j = NULL;

	if (nw_journal_open(&j, journal_dir, &small, 10, journal_ignore, NULL) < 0)
		_exit(1);
	for (;;) {
		uint64_t id = journal_put(j);

		if (write(out, &id, sizeof(id)) != sizeof(id))
			_exit(1);
		if (id % 7 == 0)
			nw_journal_set_cursor(j, nw_journal_end(j));
		/* The disk is waited for now and then, as else a round writes thousands of lines. */
		do
			nw_journal_work(j);
		while (id % 4 == 0 && nw_journal_is_busy(j));
	}
}

static void kill_at_any_moment_loses_nothing(void **state)
{
	const struct nw_journal_limits small = { 3000, 1 << 30 };
	uint64_t id, last = 0, cursor = 0;
	struct nw_journal *j;

	journal_dir_clear();
	for (int i = 0; i < 100; i++) {
		int fds[2], status;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		if (!child)
			write_until_killed(fds[1]);
		close(fds[1]);
		for (int n = rand() % 60; n >= 0 && read(fds[0], &id, sizeof(id)) == sizeof(id); n--) {
			assert_int_equal(id, last + 1);
			last = id;
		}
		usleep((useconds_t)(rand() % 500));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		while (read(fds[0], &id, sizeof(id)) == sizeof(id)) {
			assert_int_equal(id, last + 1);
			last = id;
		}
		close(fds[0]);
		j = journal_reopen(&small);
		/* What was written but not told may be there, too. */
		id = journal_read_all(j, nw_journal_begin(j), 1);
		assert_true(id == last || id == last + 1);
		last = id;
		assert_true(nw_journal_pos_cmp(nw_journal_cursor(j), nw_journal_end(j)) <= 0);
		nw_journal_free(&j);
		cursor = last;
	}
	print_message("# 100 kills, %llu alerts in %u closed files\n", (unsigned long long)cursor,
		      journal_count_files(".gz") + journal_count_files(".jsonl") - 1);
	assert_true(journal_count_files(".gz") > 10);
	assert_int_equal(journal_count_files(".tmp"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotation_keeps_everything_readable),
		cmocka_unit_test(total_is_kept_and_losses_are_counted),
		cmocka_unit_test(kill_at_any_moment_loses_nothing),
	};

	return cmocka_run_group_tests_name("rotation", tests, journal_dir_make, journal_dir_remove);
}
