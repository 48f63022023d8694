// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal against crashes, second writers and full disks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../user/sink/journal.h"
#include "../../user/util/log.h"
#include "../../user/util/util.h"
static char dir[] = "/tmp/nw-test-journal.XXXXXX";

struct seen {
	unsigned int n;
	char first[100], last[100];
};

static void see(void *arg, char *line, size_t len)
{
	struct seen *s = arg;

	snprintf(s->n++ ? s->last : s->first, 100, "%.*s", (int)len, line);
}

static void put_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static const struct nw_journal_limits LARGE = { 1 << 20, 1 << 30 };

/* Everything below dir, so that each test begins anew. */
static void remove_all(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)))
		if (*e->d_name != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

#define LINE(id) "{\"negwatch\":{\"alert_id\":" #id "}}\n"

static void journal_repairs_and_counts_on(void **state)
{
	/* What a crash may leave; how many lines are cut, and the number of the next alert */
	static const struct {
		const char *text;
		size_t len;
		unsigned int cut, kept;
		uint64_t next;
	} rows[] = {
#define ROW(text, cut, kept, next) { text, sizeof(text) - 1, cut, kept, next }
		ROW("", 0, 0, 1),
		ROW(LINE(7), 0, 1, 8),
		ROW(LINE(7) "{\"negwatch\":{\"ale", 1, 1, 8),
		ROW(LINE(7) LINE(8) "\0\0\0\0\0\0", 1, 2, 9),
		ROW(LINE(7) "{\"negwatch\":{\"alert_id\":9}}", 1, 1, 8),
		ROW(LINE(7) "{\"other\":1}\n", 0, 2, 8),
		ROW("garbage", 1, 0, 1),
		ROW(LINE(3) "torn\n{\"a\":\n", 2, 1, 4),
		ROW("\n\n", 2, 0, 1),
#undef ROW
	};
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct nw_journal_state st;
		struct seen seen = { 0 };
		struct nw_journal *j;

		remove_all();
		put_file(path, rows[i].text, rows[i].len);
		assert_int_equal(nw_journal_open(&j, dir, &LARGE, 1000, see, &seen), 0);
		nw_journal_get_state(j, &st);
		assert_int_equal(st.repaired, rows[i].cut);
		assert_int_equal(seen.n, rows[i].kept);
		assert_int_equal(nw_journal_take_id(j), rows[i].next);
		assert_int_equal(nw_journal_append(j, "{\"negwatch\":{\"alert_id\":99}}", 28, 99), 0);
		assert_int_equal(nw_journal_sync(j), 0);
		nw_journal_free(&j);
		seen.n = 0;
		assert_int_equal(nw_journal_open(&j, dir, &LARGE, 1, see, &seen), 0);
		assert_int_equal(seen.n, 1);
		assert_string_equal(seen.first, "{\"negwatch\":{\"alert_id\":99}}");
		assert_int_equal(nw_journal_take_id(j), 100);
		nw_journal_free(&j);
	}
}

static void journal_has_one_writer(void **state)
{
	struct seen seen = { 0 };
	struct nw_journal *j, *second = NULL;

	assert_int_equal(nw_journal_open(&j, dir, &LARGE, 1, see, &seen), 0);
	assert_int_equal(nw_journal_open(&second, dir, &LARGE, 1, see, &seen), -EBUSY);
	assert_null(second);
	nw_journal_free(&j);
}

static void full_disk_is_told_once(void **state)
{
	char full[80], path[100];
	struct nw_journal_state st;
	struct seen seen = { 0 };
	struct nw_journal *j;

	snprintf(full, sizeof(full), "%s/full", dir);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", full);
	mkdir(full, 0700);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(nw_journal_open(&j, full, &LARGE, 1, see, &seen), 0);
	assert_int_equal(nw_journal_append(j, "{}", 2, nw_journal_take_id(j)), -ENOSPC);
	assert_int_equal(nw_journal_append(j, "{}", 2, nw_journal_take_id(j)), -ENOSPC);
	nw_journal_get_state(j, &st);
	assert_int_equal(st.error, -ENOSPC);
	assert_int_equal(st.unwritten, 2);
	nw_journal_free(&j);
	/* The numbers were told: they are not given again. */
	unlink(path);
	assert_int_equal(nw_journal_open(&j, full, &LARGE, 1, see, &seen), 0);
	assert_int_equal(nw_journal_take_id(j), 3);
	nw_journal_free(&j);
	unlink(path);
	snprintf(path, sizeof(path), "%s/alerts.cursor", full);
	unlink(path);
	rmdir(full);
}

/* Appends an alert of some 100 bytes; returns its number. */
static uint64_t put_alert(struct nw_journal *j)
{
	uint64_t id = nw_journal_take_id(j);
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"negwatch\":{\"alert_id\":%llu,\"pad\":\"%*d\"}}",
			 (unsigned long long)id, 60, 0);

	assert_int_equal(nw_journal_append(j, line, (size_t)n, id), 0);
	return id;
}

static void ignore(void *arg, char *line, size_t len)
{
}

static struct nw_journal *reopen(const struct nw_journal_limits *limits)
{
	struct nw_journal *j = NULL;

	assert_int_equal(nw_journal_open(&j, dir, limits, 10, ignore, NULL), 0);
	return j;
}

/* Reads on to the end; the numbers have to be first, first + 1, ... Returns the last. */
static uint64_t read_all(struct nw_journal *j, struct nw_journal_pos pos, uint64_t first)
{
	struct nw_journal_reader r = { .pos = pos };
	uint64_t expected = first;
	char *line;
	size_t len;

	while (nw_journal_next(j, &r, &line, &len) > 0) {
		json_t *o = json_loadb(line, len, 0, NULL);

		assert_int_equal(nw_journal_alert_id(o), expected++);
		json_decref(o);
	}
	assert_int_equal(r.lost, 0);
	assert_int_equal(nw_journal_pos_cmp(r.pos, nw_journal_end(j)), 0);
	nw_journal_reader_close(&r);
	return expected - 1;
}

static void any_truncation_recovers(void **state)
{
	struct nw_journal_state st;
	struct nw_journal *j;
	char path[80], *text;
	struct stat before;
	size_t whole, last[3];
	int fd;

	remove_all();
	j = reopen(&LARGE);
	for (int i = 0; i < 5; i++) {
		if (i >= 3)
			last[i - 3] = nw_journal_end(j).offset;
		put_alert(j);
	}
	last[2] = nw_journal_end(j).offset;
	nw_journal_free(&j);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	fd = open(path, O_RDONLY);
	fstat(fd, &before);
	whole = (size_t)before.st_size;
	assert_int_equal(whole, last[2]);
	text = malloc(whole);
	assert_int_equal(read(fd, text, whole), (ssize_t)whole);
	close(fd);
	for (size_t cut = last[0]; cut <= whole; cut++) {
		unsigned int kept = cut == whole ? 5 : cut >= last[1] ? 4 : 3;

		remove_all();
		put_file(path, text, cut);
		j = reopen(&LARGE);
		nw_journal_get_state(j, &st);
		assert_int_equal(st.repaired, cut != last[0] && cut != last[1] && cut != whole);
		assert_int_equal(read_all(j, nw_journal_begin(j), 1), kept);
		assert_int_equal(put_alert(j), kept + 1);
		assert_int_equal(read_all(j, nw_journal_begin(j), 1), kept + 1);
		nw_journal_free(&j);
	}
	free(text);
}

/* What was cut off had been told: the cursor's memory keeps its number. */
static void told_numbers_are_not_given_again(void **state)
{
	struct nw_journal *j;
	char path[80];

	remove_all();
	j = reopen(&LARGE);
	for (int i = 0; i < 5; i++)
		put_alert(j);
	nw_journal_set_cursor(j, nw_journal_end(j));
	nw_journal_free(&j);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	assert_int_equal(truncate(path, 150), 0);
	j = reopen(&LARGE);
	assert_int_equal(put_alert(j), 6);
	assert_int_equal(read_all(j, nw_journal_cursor(j), 6), 6);
	nw_journal_free(&j);
}

/* Either slot of the memory may be torn: the other one counts. */
static void torn_cursor_is_the_one_before(void **state)
{
	struct nw_journal_pos end[2];
	struct nw_journal *j;
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.cursor", dir);
	for (int tear = 0; tear < 3; tear++) {
		struct nw_journal_pos at;
		int fd;

		remove_all();
		j = reopen(&LARGE);
		for (int i = 0; i < 2; i++) {
			put_alert(j);
			end[i] = nw_journal_end(j);
			nw_journal_set_cursor(j, end[i]);
		}
		nw_journal_free(&j);
		fd = open(path, O_WRONLY);
		for (int slot = 0; slot < 2; slot++)
			if (tear == 2 || tear == slot)
				assert_int_equal(pwrite(fd, "?", 1, slot * 128), 1);
		close(fd);
		j = reopen(&LARGE);
		at = nw_journal_cursor(j);
		if (tear == 2)
			assert_int_equal(at.offset, 0);
		else
			assert_true(at.offset == end[0].offset || at.offset == end[1].offset);
		assert_int_equal(put_alert(j), 3);
		nw_journal_free(&j);
	}
}

static unsigned int count_files(const char *suffix)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;
	struct dirent *e;

	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name), want = strlen(suffix);

		n += len > want && strcmp(e->d_name + len - want, suffix) == 0;
	}
	closedir(d);
	return n;
}

static void rotation_keeps_everything_readable(void **state)
{
	const struct nw_journal_limits small = { 3000, 1 << 20 };
	struct nw_journal_state st;
	struct nw_journal_pos half;
	struct nw_journal *j;

	remove_all();
	j = reopen(&small);
	for (int i = 0; i < 1000; i++) {
		put_alert(j);
		if (i == 499)
			half = nw_journal_end(j);
		while (nw_journal_work(j))
			;
	}
	nw_journal_get_state(j, &st);
	assert_in_range(st.files, 28, 40);
	assert_int_equal(count_files(".gz"), st.files);
	assert_int_equal(count_files(".jsonl"), 1);
	assert_int_equal(read_all(j, nw_journal_begin(j), 1), 1000);
	assert_int_equal(read_all(j, half, 501), 1000);
	nw_journal_set_cursor(j, half);
	nw_journal_free(&j);
	j = reopen(&small);
	assert_int_equal(read_all(j, nw_journal_cursor(j), 501), 1000);
	assert_in_range(nw_journal_find(j, 700).seq, 20, 28);
	assert_int_equal(put_alert(j), 1001);
	nw_journal_free(&j);
}

static void total_is_kept_and_losses_are_counted(void **state)
{
	const struct nw_journal_limits small = { 3000, 8000 };
	struct nw_journal_state st;
	struct nw_journal *j;
	char *line;
	size_t len;

	remove_all();
	j = reopen(&small);
	for (int i = 0; i < 2000; i++) {
		put_alert(j);
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

	if (nw_journal_open(&j, dir, &small, 10, ignore, NULL) < 0)
		_exit(1);
	for (;;) {
		uint64_t id = put_alert(j);

		if (write(out, &id, sizeof(id)) != sizeof(id))
			_exit(1);
		if (id % 7 == 0)
			nw_journal_set_cursor(j, nw_journal_end(j));
		nw_journal_sync(j);
		nw_journal_work(j);
	}
}

static void kill_at_any_moment_loses_nothing(void **state)
{
	const struct nw_journal_limits small = { 3000, 1 << 30 };
	uint64_t id, last = 0, cursor = 0;
	struct nw_journal *j;

	remove_all();
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
		j = reopen(&small);
		/* What was written but not told may be there, too. */
		id = read_all(j, nw_journal_begin(j), 1);
		assert_true(id == last || id == last + 1);
		last = id;
		assert_true(nw_journal_pos_cmp(nw_journal_cursor(j), nw_journal_end(j)) <= 0);
		nw_journal_free(&j);
		cursor = last;
	}
	print_message("# 100 kills, %llu alerts in %u closed files\n", (unsigned long long)cursor,
		      count_files(".gz") + count_files(".jsonl") - 1);
	assert_true(count_files(".gz") > 10);
	assert_int_equal(count_files(".tmp"), 0);
}

static int make_dir(void **state)
{
	nw_log_init(-1);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	remove_all();
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_repairs_and_counts_on),
		cmocka_unit_test(journal_has_one_writer),
		cmocka_unit_test(full_disk_is_told_once),
		cmocka_unit_test(any_truncation_recovers),
		cmocka_unit_test(told_numbers_are_not_given_again),
		cmocka_unit_test(torn_cursor_is_the_one_before),
		cmocka_unit_test(rotation_keeps_everything_readable),
		cmocka_unit_test(total_is_kept_and_losses_are_counted),
		cmocka_unit_test(kill_at_any_moment_loses_nothing),
	};

	return cmocka_run_group_tests_name("journal", tests, make_dir, remove_dir);
}
